//! The meter of a store: how long its executions may still go on. Three things end one: fuel that
//! is used up, a deadline that has passed, an interruption from elsewhere.
//!
//! An execution has a budget in hand, a slice of the store's fuel, and pays from it without asking.
//! When the budget does not suffice, the execution comes here, where fuel, deadline and
//! interruption are looked at, and gets the next slice. Between executions, and while a host
//! function runs, nobody has a budget: the meter then holds all fuel that is left.
//!
//! An engine that does not meter has no budgets, and no limit of time can be set for its stores.
//! Host functions can ask the meter whether they may go on all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::ask::not_metered;
use super::{Clock, Ends, Limits, Watch};
use crate::error::Result;
use crate::trap::{Trap, TrapCode};

/// How many units an execution gets at once: some hundred microseconds of work, after which clock
/// and interruption are looked at.
const SLICE: i64 = 100_000;

/// How many bytes cost one unit where many are moved at once.
const UNIT_BYTES: u64 = 64;

/// Work on more bytes than this, 1 MiB, is done in parts of this size, with a [`Meter::check`] before
/// each. A part takes some hundred microseconds at most.
pub const PART_BYTES: u64 = 1 << 20;

/// The meter of a store: says whether the store's executions may go on, and takes fuel.
///
/// A host function that works for long, or waits, calls [`Meter::check`] every few milliseconds, and
/// returns the trap that this gives.
#[derive(Debug)]
pub struct Meter {
    /// Whether the engine meters.
    counts: bool,
    /// The units that are left and in nobody's budget; `None` where no limit is set.
    fuel: Option<u64>,
    /// The units of fuel when it was last set.
    granted: u64,
    deadline: Option<Instant>,
    /// Whether the execution is to end. Every [`InterruptHandle`] shares it.
    interrupted: Arc<AtomicBool>,
}

/// Ends executions of a store from another thread. Made by
/// [`Store::interrupt_handle`](crate::Store::interrupt_handle); clones are handles to the same
/// store.
///
/// ```
/// use holdall::{Config, Engine, Store, TrapCode};
/// # #[cfg(feature = "wat")]
/// # fn main() -> holdall::Result<()> {
/// use holdall::{Instance, Module};
///
/// let engine = Engine::new(Config::new().metering(true));
/// let module = Module::new(&engine, br#"(module (func (export "spin") (loop br 0)))"#.as_slice())?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let spin = instance.get_typed_func::<(), ()>(&store, "spin")?;
///
/// let handle = store.interrupt_handle()?;
/// let other = std::thread::spawn(move || handle.interrupt());
/// let error = spin.call(&mut store, ()).unwrap_err();
/// assert_eq!(error.trap().map(|trap| trap.code()), Some(TrapCode::Interrupted));
/// # other.join().unwrap();
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "wat"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct InterruptHandle(Arc<AtomicBool>);

impl InterruptHandle {
    /// Ends the store's execution within milliseconds with the trap
    /// [`Interrupted`](TrapCode::Interrupted); where nothing executes, the next execution ends so.
    /// The trap uses the interruption up: the store can execute again. A host function that blocks
    /// is not woken.
    pub fn interrupt(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const _: () = {
    const fn shared_between_threads<T: Send + Sync>() {}
    shared_between_threads::<InterruptHandle>();
};

impl Meter {
    /// A meter under these limits; `counts` says whether the engine meters
    /// ([`Config::metering`](crate::Config::metering)). Every store has a meter; another one is for
    /// tests.
    #[must_use]
    pub fn new(limits: &Limits, counts: bool) -> Self {
        let mut meter = Self {
            counts,
            fuel: None,
            granted: 0,
            deadline: None,
            interrupted: Arc::default(),
        };
        meter.set(limits);
        meter
    }

    /// Sets the limits of time; the fuel is replaced.
    pub(crate) fn set(&mut self, limits: &Limits) {
        self.set_fuel(limits.fuel);
        self.deadline = limits.deadline;
    }

    /// Sets the fuel in units; `None` is no limit.
    pub(crate) fn set_fuel(&mut self, fuel: Option<u64>) {
        self.fuel = fuel;
        self.granted = fuel.unwrap_or(0);
    }

    /// Sets the fuel that is left, where there is a limit, and leaves what was granted as it is.
    pub(crate) fn set_left(&mut self, units: u64) {
        if let Some(fuel) = &mut self.fuel {
            *fuel = units;
        }
    }

    /// Whether executions have budgets, and pay.
    #[inline]
    pub(crate) fn counts(&self) -> bool {
        self.counts
    }

    /// A handle that interrupts the store's executions.
    pub(crate) fn interrupt_handle(&self) -> Result<InterruptHandle> {
        if self.counts {
            Ok(InterruptHandle(Arc::clone(&self.interrupted)))
        } else {
            Err(not_metered("interruption of the store"))
        }
    }

    /// The units that are left; `None` where no limit is set.
    pub(crate) fn fuel(&self) -> Option<u64> {
        self.fuel
    }

    /// When executions end; `None` where no limit is set.
    #[inline]
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether an execution may have to end while it waits. A wait that blocks then has to be cut
    /// into pieces, with a [`Meter::check`] between them.
    #[inline]
    #[must_use]
    pub fn is_interruptible(&self) -> bool {
        self.deadline.is_some() || Arc::strong_count(&self.interrupted) > 1
    }

    /// For how long a wait may go on before the next [`Meter::check`]: 10 ms, or until the deadline.
    /// `None` where nothing ends the execution meanwhile.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        const SLICE: Duration = Duration::from_millis(10);
        self.is_interruptible().then(|| {
            let left = self
                .deadline
                .map(|at| at.saturating_duration_since(Instant::now()));
            left.map_or(SLICE, |left| left.min(SLICE))
        })
    }

    /// Whether the execution may go on.
    ///
    /// # Errors
    ///
    /// The trap that the guest ends with: [`Interrupted`](TrapCode::Interrupted), which uses the
    /// interruption up, or [`DeadlineExceeded`](TrapCode::DeadlineExceeded).
    #[inline]
    pub fn check(&self) -> Result<(), Trap> {
        self.check_code().map_err(|code| self.trap(code))
    }

    /// Takes units of fuel for a host function's work. A unit is about the work of one instruction, or
    /// of moving 64 bytes.
    ///
    /// # Errors
    ///
    /// [`OutOfFuel`](TrapCode::OutOfFuel) where less fuel is left. All that is left is taken then.
    #[inline]
    pub fn spend(&mut self, units: u64) -> Result<(), Trap> {
        self.burn(units).map_err(|code| self.trap(code))
    }

    /// What ends the loading of modules for the store.
    pub(crate) fn clock(&self) -> Clock {
        let is_shared = Arc::strong_count(&self.interrupted) > 1;
        let interrupted = is_shared.then(|| Arc::clone(&self.interrupted));
        Clock::new(self.deadline, interrupted)
    }

    /// The watch of work that executions wait for: the work ends when executions are to end. An
    /// interruption that ends the work is used up.
    pub(crate) fn watch(&self) -> Watch<'_> {
        if self.counts {
            Watch::from_now(self)
        } else {
            Watch::nothing()
        }
    }

    /// The budget that an execution begins with, if the execution may begin.
    pub(crate) fn begin(&mut self) -> Result<i64, TrapCode> {
        self.check_code()?;
        Ok(self.lend(SLICE))
    }

    /// Takes back a budget, which is not overdrawn.
    pub(crate) fn give_back(&mut self, budget: i64) {
        if let Some(fuel) = &mut self.fuel {
            *fuel = fuel.saturating_add(budget.unsigned_abs());
        }
    }

    /// Gives a budget of this many units, or of what is left.
    pub(crate) fn lend(&mut self, most: i64) -> i64 {
        let Some(fuel) = &mut self.fuel else {
            return most;
        };
        let lent = most.min(i64::try_from(*fuel).unwrap_or(i64::MAX));
        *fuel -= lent.unsigned_abs();
        lent
    }

    /// Pays units from a budget, and refills the budget where it does not suffice.
    #[inline]
    pub(crate) fn pay(&mut self, budget: &mut i64, units: u64) -> Result<(), TrapCode> {
        *budget = budget.saturating_sub_unsigned(units);
        if *budget >= 0 {
            Ok(())
        } else {
            self.settle(budget)
        }
    }

    /// Pays for bytes that are moved.
    pub(crate) fn pay_bytes(&mut self, budget: &mut i64, bytes: u64) -> Result<(), TrapCode> {
        self.pay(budget, bytes / UNIT_BYTES)
    }

    /// Pays what an overdrawn budget lacks. Refills the budget if execution may go on, and leaves
    /// it at 0 if not.
    #[cold]
    pub(crate) fn settle(&mut self, budget: &mut i64) -> Result<(), TrapCode> {
        let lacking = budget.unsigned_abs();
        *budget = 0;
        self.burn(lacking)?;
        self.check_code()?;
        *budget = self.lend(SLICE);
        Ok(())
    }

    /// Which limit a trap of this meter is about, and the way out.
    pub(crate) fn explain(&self, code: TrapCode) -> Option<Box<str>> {
        Some(match code {
            TrapCode::OutOfFuel => format!(
                "limit `fuel` of the store: {} units used up; raise it with `Limits::fuel`",
                self.granted
            )
            .into(),
            TrapCode::DeadlineExceeded => "limit `deadline` of the store: it has passed; set a \
                                           later one with `Limits::deadline` or `Limits::timeout`"
                .into(),
            TrapCode::Interrupted => "by an `InterruptHandle` of the store".into(),
            _ => return None,
        })
    }

    /// Takes units out of the fuel. Where fewer are left, takes all of them, and this is an error.
    #[inline]
    fn burn(&mut self, units: u64) -> Result<(), TrapCode> {
        let Some(fuel) = &mut self.fuel else {
            return Ok(());
        };
        let left = fuel.checked_sub(units);
        *fuel = left.unwrap_or(0);
        left.map(drop).ok_or(TrapCode::OutOfFuel)
    }

    /// [`Meter::check`] for an execution, which knows what to add to the trap.
    #[inline]
    pub(crate) fn check_code(&self) -> Result<(), TrapCode> {
        // Reading the flag is cheap; it is only written where it is set.
        if self.interrupted.load(Ordering::Relaxed)
            && self.interrupted.swap(false, Ordering::Relaxed)
        {
            return Err(TrapCode::Interrupted);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(TrapCode::DeadlineExceeded),
            _ => Ok(()),
        }
    }

    /// The trap of a code, with the limit and the way out.
    #[cold]
    pub(crate) fn trap(&self, code: TrapCode) -> Trap {
        match self.explain(code) {
            Some(detail) => Trap::from(code).with_detail(detail),
            None => code.into(),
        }
    }
}

impl Ends for Meter {
    fn check(&self) -> Result<(), TrapCode> {
        self.check_code()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_and_debts_add_up_to_the_fuel() {
        let mut meter = Meter::new(&Limits::new().fuel(250_000), true);
        let mut budget = meter.begin().unwrap();
        assert_eq!((budget, meter.fuel()), (SLICE, Some(150_000)));
        meter.pay(&mut budget, 100_000).unwrap();
        assert_eq!((budget, meter.fuel()), (0, Some(150_000)));
        meter.pay(&mut budget, 30_000).unwrap();
        assert_eq!((budget, meter.fuel()), (SLICE, Some(20_000)));
        meter.give_back(budget);
        assert_eq!(meter.fuel(), Some(120_000));
        let mut budget = meter.lend(SLICE);
        meter.pay(&mut budget, 120_000).unwrap();
        assert_eq!((budget, meter.fuel()), (0, Some(0)));
        assert_eq!(meter.pay(&mut budget, 1), Err(TrapCode::OutOfFuel));
        assert_eq!((budget, meter.fuel()), (0, Some(0)));
    }

    #[test]
    fn a_charge_past_the_fuel_takes_all_of_it_and_names_the_limit() {
        let mut meter = Meter::new(&Limits::new().fuel(1000), true);
        meter.spend(400).unwrap();
        assert_eq!(meter.fuel(), Some(600));
        let trap = meter.spend(601).unwrap_err();
        assert_eq!(meter.fuel(), Some(0));
        assert_eq!(
            trap.to_string(),
            "out of fuel: limit `fuel` of the store: 1000 units used up; raise it with \
             `Limits::fuel`"
        );
        meter.set(&Limits::new());
        meter.spend(u64::MAX).unwrap();
        assert_eq!(meter.fuel(), None);
    }

    #[test]
    fn a_deadline_ends_what_begins_and_what_goes_on() {
        let mut meter = Meter::new(&Limits::new().timeout(Duration::from_secs(3600)), true);
        assert!(meter.deadline().is_some() && meter.is_interruptible());
        let mut budget = meter.begin().unwrap();
        meter.set(&Limits::new().timeout(Duration::ZERO));
        meter.pay(&mut budget, 1).unwrap();
        assert_eq!(
            meter.pay(&mut budget, u64::MAX),
            Err(TrapCode::DeadlineExceeded)
        );
        assert_eq!(budget, 0);
        assert_eq!(meter.begin(), Err(TrapCode::DeadlineExceeded));
        let trap = meter.check().unwrap_err().to_string();
        assert!(
            trap.starts_with("deadline exceeded: limit `deadline`"),
            "{trap}"
        );
        meter.set(&Limits::new());
        meter.check().unwrap();
    }

    #[test]
    fn an_interruption_ends_one_execution() {
        let meter = Meter::new(&Limits::new(), false);
        meter.interrupt_handle().unwrap_err();
        meter.check().unwrap();
        let mut meter = Meter::new(&Limits::new(), true);
        assert!(!meter.is_interruptible());
        let handle = meter.interrupt_handle().unwrap();
        assert!(meter.is_interruptible());
        handle.clone().interrupt();
        assert_eq!(meter.check().unwrap_err().code(), TrapCode::Interrupted);
        meter.check().unwrap();
        handle.interrupt();
        assert_eq!(meter.begin(), Err(TrapCode::Interrupted));
        meter.begin().unwrap();
    }
}
