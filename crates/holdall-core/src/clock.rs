//! When the loading of a module has to end. The meter ends executions; a clock ends work for a
//! guest before the guest runs, at the same deadline and by the same interruption.
//!
//! Work in steps has a [`Watch`] over a clock. Work that nothing can end once it has begun asks the
//! clock before, with the longest time that it can take.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::trap::TrapCode;
use crate::watch::{Ends, Watch};

/// How long after the deadline admitted work may end.
const GRACE: Duration = Duration::from_millis(50);

/// When work has to end: at a deadline, at an interruption, or never. Threads that share the work
/// share its clock, and each has a [`Watch`] over the clock.
#[derive(Debug, Default)]
pub struct Clock {
    deadline: Option<Instant>,
    interrupted: Option<Arc<AtomicBool>>,
    /// Why the work ended. What one thread has found out ends the work of all.
    ended: OnceLock<TrapCode>,
}

impl Clock {
    /// A clock that ends work at a deadline, or when `interrupted` is set. The flag is cleared
    /// then.
    #[must_use]
    pub fn new(deadline: Option<Instant>, interrupted: Option<Arc<AtomicBool>>) -> Self {
        Self {
            deadline,
            interrupted,
            ended: OnceLock::new(),
        }
    }

    /// Checks that work may go on.
    ///
    /// # Errors
    /// [`TrapCode::DeadlineExceeded`] or [`TrapCode::Interrupted`]: the work has to end.
    pub fn check(&self) -> Result<(), TrapCode> {
        if let Some(code) = self.ended.get() {
            return Err(*code);
        }
        let code = if let Some(flag) = &self.interrupted
            && flag.load(Ordering::Relaxed)
            && flag.swap(false, Ordering::Relaxed)
        {
            TrapCode::Interrupted
        } else if self.deadline.is_some_and(|at| Instant::now() >= at) {
            TrapCode::DeadlineExceeded
        } else {
            return Ok(());
        };
        Err(*self.ended.get_or_init(|| code))
    }

    /// Checks that work may begin that takes `at_worst` in the worst case, and that nothing can
    /// end.
    ///
    /// # Errors
    /// Those of [`Clock::check`], or that the work could end too late after the deadline.
    pub fn admit(&self, at_worst: Duration) -> Result<(), TrapCode> {
        self.check()?;
        match self.has_time(at_worst) {
            true => Ok(()),
            false => Err(*self.ended.get_or_init(|| TrapCode::DeadlineExceeded)),
        }
    }

    /// Whether there is time for work that takes `at_worst` in the worst case, and that nothing can end. Work that
    /// can be left undone asks so.
    #[must_use]
    pub fn has_time(&self, at_worst: Duration) -> bool {
        self.deadline.is_none_or(|deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            at_worst <= left.saturating_add(GRACE)
        })
    }

    /// Whether there is a deadline: work that nothing can end then has to be measured before it
    /// begins.
    #[must_use]
    pub fn has_deadline(&self) -> bool {
        self.deadline.is_some()
    }

    /// A count of the steps of one thread.
    #[must_use]
    pub fn watch(&self) -> Watch<'_> {
        Watch::over(self)
    }
}

impl Ends for Clock {
    fn check(&self) -> Result<(), TrapCode> {
        Self::check(self)
    }

    fn admit(&self, at_worst: Duration) -> Result<(), TrapCode> {
        Self::admit(self, at_worst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(time: Duration) -> Clock {
        Clock::new(Some(Instant::now() + time), None)
    }

    #[test]
    fn work_that_nothing_ends_begins_only_where_it_ends_in_time() {
        let hour = Duration::from_secs(3600);
        Clock::default().admit(Duration::MAX).unwrap();
        until(hour).admit(hour).unwrap();
        let clock = until(hour);
        assert!(Clock::default().has_time(Duration::MAX) && clock.has_time(hour));
        // Whoever only asks ends nothing.
        assert!(!clock.has_time(2 * hour) && clock.check().is_ok());
        assert_eq!(clock.admit(2 * hour), Err(TrapCode::DeadlineExceeded));
        // Whatever else is done for the same guest ends too.
        assert_eq!(clock.check(), Err(TrapCode::DeadlineExceeded));
    }

    #[test]
    fn an_interruption_ends_the_work_of_all_threads_and_is_used_up() {
        let flag = Arc::new(AtomicBool::new(false));
        let clock = Clock::new(None, Some(Arc::clone(&flag)));
        clock.check().unwrap();
        flag.store(true, Ordering::Relaxed);
        let first = std::thread::scope(|scope| scope.spawn(|| clock.check()).join().unwrap());
        assert_eq!(first, Err(TrapCode::Interrupted));
        assert!(!flag.load(Ordering::Relaxed));
        assert_eq!(clock.check(), Err(TrapCode::Interrupted));
    }
}
