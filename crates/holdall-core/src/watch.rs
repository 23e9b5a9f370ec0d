//! Long work that the host does for a guest, and that has to end in time: loading, lowering.

use std::fmt;
use std::time::{Duration, Instant};

use crate::trap::{Trap, TrapCode};

/// Looks at the clock once in many steps of work, so that the work ends when its time is up.
///
/// A loop calls [`Watch::step`] with the steps that each turn took, and stops at an error. A step
/// takes some nanoseconds: an operator that is validated or lowered, a value that an operator
/// moves, some bytes of text that are read. Each thread of the work has a watch of its own, over
/// the same [`Clock`](crate::clock::Clock) or [until](Watch::until) the same moment. Work in small
/// pieces uses one watch for all pieces, since a watch first looks at the clock after
/// [`Watch::STEPS`] steps; where each piece has its own watch, [`Watch::from_now`] looks at the
/// first step.
///
/// Loading has a clock, an execution its meter.
#[derive(Debug)]
pub struct Watch<'a> {
    over: Over<'a>,
    /// Steps until the next look.
    left: usize,
}

/// What says when work has to end.
pub trait Ends: fmt::Debug {
    /// Checks that the work may go on.
    ///
    /// # Errors
    /// What ended the work.
    fn check(&self) -> Result<(), TrapCode>;

    /// Checks that work may begin that takes `at_worst` in the worst case, and that nothing can
    /// end.
    ///
    /// # Errors
    /// What ended the work, or would end it too late.
    fn admit(&self, at_worst: Duration) -> Result<(), TrapCode> {
        let _ = at_worst;
        self.check()
    }
}

/// What ends the work.
#[derive(Clone, Copy, Debug)]
enum Over<'a> {
    Nothing,
    Deadline(Instant),
    Asked(&'a dyn Ends),
}

impl Watch<'static> {
    /// Steps between two looks: some ten microseconds of work.
    pub const STEPS: usize = 4096;

    /// A watch over work that nothing ends.
    #[must_use]
    pub fn nothing() -> Self {
        Self::new(Over::Nothing)
    }

    /// A watch over work that ends at `deadline`, if there is one.
    #[must_use]
    pub fn until(deadline: Option<Instant>) -> Self {
        Self::new(deadline.map_or(Over::Nothing, Over::Deadline))
    }
}

impl<'a> Watch<'a> {
    /// A watch over work that ends when `ends` says so.
    pub(crate) fn over(ends: &'a dyn Ends) -> Self {
        Self::new(Over::Asked(ends))
    }

    /// A watch over work that ends when `ends` says so, with a look at the first step. For work that
    /// comes in pieces, each with a watch of its own.
    #[must_use]
    pub fn from_now(ends: &'a dyn Ends) -> Self {
        Self {
            over: Over::Asked(ends),
            left: 0,
        }
    }

    fn new(over: Over<'a>) -> Self {
        Self {
            over,
            left: Watch::STEPS,
        }
    }

    /// Counts steps, and looks after each [`Watch::STEPS`] of them whether the work may go on.
    ///
    /// # Errors
    ///
    /// [`TrapCode::DeadlineExceeded`], or [`TrapCode::Interrupted`]; this uses the interruption up.
    #[inline]
    pub fn step(&mut self, steps: usize) -> Result<(), TrapCode> {
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => self.look(),
        }
    }

    /// Checks that work may begin that takes `at_worst` in the worst case, and that nothing can
    /// end.
    ///
    /// # Errors
    /// Those of [`Watch::step`], or that the work could end too late.
    pub fn admit(&mut self, at_worst: Duration) -> Result<(), TrapCode> {
        match self.over {
            Over::Asked(ends) => ends.admit(at_worst),
            _ => self.look(),
        }
    }

    /// The trap of work that ended before anything was executed. It says what the work was
    /// (`doing`), and why it ended.
    #[must_use]
    pub fn trap(code: TrapCode, doing: &str) -> Trap {
        Trap::from(code).with_detail(match code {
            TrapCode::Interrupted => format!("{doing}, by an `InterruptHandle` of the store"),
            _ => format!(
                "{doing} takes longer than limit `deadline` allows; set a later one with \
                 `Limits::deadline` or `Limits::timeout`"
            ),
        })
    }

    #[cold]
    fn look(&mut self) -> Result<(), TrapCode> {
        self.left = Watch::STEPS;
        match self.over {
            Over::Nothing => Ok(()),
            Over::Deadline(deadline) if Instant::now() < deadline => Ok(()),
            Over::Deadline(_) => Err(TrapCode::DeadlineExceeded),
            Over::Asked(ends) => ends.check(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// How many steps it takes, one by one, until the work may not go on.
    fn steps(mut watch: Watch<'_>) -> (usize, Option<TrapCode>) {
        let most = 3 * Watch::STEPS;
        let ended = (0..most).find_map(|step| Some((step, watch.step(1).err()?)));
        ended.map_or((most, None), |(step, code)| (step, Some(code)))
    }

    #[test]
    fn work_ends_at_the_first_look_after_its_time() {
        let now = Instant::now();
        let passed = Some(TrapCode::DeadlineExceeded);
        assert_eq!(steps(Watch::until(Some(now))), (Watch::STEPS, passed));
        let later = now + Duration::from_secs(3600);
        assert_eq!(steps(Watch::until(Some(later))).1, None);
        assert_eq!(steps(Watch::nothing()).1, None);
        assert!(Watch::until(Some(now)).step(usize::MAX).is_err());
    }

    #[test]
    fn work_that_comes_in_pieces_looks_at_once() {
        #[derive(Debug)]
        struct Ended;
        impl Ends for Ended {
            fn check(&self) -> Result<(), TrapCode> {
                Err(TrapCode::Interrupted)
            }
        }
        let ended = Some(TrapCode::Interrupted);
        assert_eq!(steps(Watch::from_now(&Ended)), (0, ended));
        assert_eq!(steps(Watch::over(&Ended)), (Watch::STEPS, ended));
    }
}
