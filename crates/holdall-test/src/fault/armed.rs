//! Faults in a run: they stand between the guest and WASI, and before memories that grow.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use holdall::Store;
use holdall_wasi::{Errno, Intercept, Intercepted, Time, Verdict, check_function};

use super::{Fault, Fired, What, When};
use crate::error::{Error, Result};

/// The functions that move bytes between memory and a file or a stream.
const READS: [&str; 2] = ["fd_read", "fd_pread"];
const WRITES: [&str; 2] = ["fd_write", "fd_pwrite"];
const PAGE_BYTES: u64 = 1 << 16;

/// The faults of a run. Clones are the same.
#[derive(Clone)]
pub(crate) struct Armed(Arc<Inner>);

struct Inner {
    faults: Vec<Mutex<State>>,
    time: Time,
}

struct State {
    fired: Fired,
    luck: Luck,
    /// Bytes that were moved, for a stream that ends.
    moved_bytes: u64,
}

impl Armed {
    /// Checks faults, and gets them ready for a run.
    pub(crate) fn new(faults: &[Fault], seed: u64, time: &Time) -> Result<Self> {
        faults.iter().try_for_each(Fault::check)?;
        let states = faults.iter().enumerate().map(|(at, fault)| State {
            fired: Fired {
                fault: fault.clone(),
                calls: 0,
                times: 0,
            },
            luck: Luck::of(seed, at as u64),
            moved_bytes: 0,
        });
        Ok(Self(Arc::new(Inner {
            faults: states.map(Mutex::new).collect(),
            time: time.clone(),
        })))
    }

    /// Whether there is any.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.faults.is_empty()
    }

    /// Stands before memories that grow, where a fault is about them.
    pub(crate) fn guard(&self, store: &mut Store<()>) {
        let is_growth = |fault: &Fault| matches!(fault.what, What::Growth { .. });
        if self.states().any(|state| is_growth(&state.fired.fault)) {
            let armed = self.clone();
            store.guard_growth(move |_, to_bytes| armed.lets_grow(to_bytes as u64));
        }
    }

    /// How often each happened.
    pub(crate) fn fired(&self) -> Vec<Fired> {
        self.states().map(|state| state.fired.clone()).collect()
    }

    fn states(&self) -> impl Iterator<Item = MutexGuard<'_, State>> {
        let locked = |state| Mutex::lock(state).unwrap_or_else(PoisonError::into_inner);
        self.0.faults.iter().map(locked)
    }

    fn lets_grow(&self, to_bytes: u64) -> bool {
        let mut lets = true;
        for mut state in self.states() {
            let What::Growth { beyond_pages } = state.fired.fault.what else {
                continue;
            };
            let is_beyond = |pages: u64| to_bytes > pages.saturating_mul(PAGE_BYTES);
            if beyond_pages.is_none_or(is_beyond) && state.hits() {
                lets = false;
            }
        }
        lets
    }
}

/// Every fault counts a call that it is about. Where several happen at one, the first error number
/// counts, and the fewest bytes.
impl Intercept for Armed {
    fn before(&self, call: &Intercepted<'_>) -> Verdict {
        let mut failure = None;
        let mut most_bytes = None;
        for mut state in self.states() {
            match state.before(call, &self.0.time) {
                Verdict::Fail(errno) => failure = failure.or(Some(errno)),
                Verdict::AtMost(bytes) => {
                    most_bytes = Some(most_bytes.map_or(bytes, |most: usize| most.min(bytes)));
                }
                _ => {}
            }
        }
        match (failure, most_bytes) {
            (Some(errno), _) => Verdict::Fail(errno),
            (None, Some(bytes)) => Verdict::AtMost(bytes),
            (None, None) => Verdict::Proceed,
        }
    }

    fn after(&self, call: &Intercepted<'_>, moved_bytes: usize) {
        for mut state in self.states() {
            if state.fired.fault.fd == call.fd {
                state.moved_bytes = state.moved_bytes.saturating_add(moved_bytes as u64);
            }
        }
    }
}

impl State {
    fn before(&mut self, call: &Intercepted<'_>, time: &Time) -> Verdict {
        let Fault { what, fd, .. } = &self.fired.fault;
        if call.function == "fd_close" && call.fd == *fd {
            // What gets the descriptor next is another stream.
            self.moved_bytes = 0;
        }
        let is_about = match what {
            What::Errno { function, .. } | What::Short { function, .. } => {
                function == call.function
            }
            What::Ends { .. } => READS.contains(&call.function) || WRITES.contains(&call.function),
            What::Jump { .. } => call.function == "clock_time_get",
            What::Growth { .. } => false,
        };
        if !is_about || fd.is_some_and(|fd| call.fd != Some(fd)) {
            return Verdict::Proceed;
        }
        if let What::Ends { after_bytes } = *what {
            return self.end(call, after_bytes);
        }
        if !self.hits() {
            return Verdict::Proceed;
        }
        match self.fired.fault.what {
            What::Errno { errno, .. } => return Verdict::Fail(errno),
            What::Short { most_bytes, .. } => return Verdict::AtMost(most_bytes),
            What::Jump { by, back: false } => time.advance(by),
            What::Jump { by, back: true } => {
                let earlier = time.now().checked_sub(by);
                time.set(earlier.unwrap_or(std::time::SystemTime::UNIX_EPOCH));
            }
            What::Ends { .. } | What::Growth { .. } => {}
        }
        Verdict::Proceed
    }

    /// What becomes of a call on a stream that ends.
    fn end(&mut self, call: &Intercepted<'_>, after_bytes: u64) -> Verdict {
        self.fired.calls += 1;
        let left = after_bytes.saturating_sub(self.moved_bytes);
        if left > 0 {
            return Verdict::AtMost(usize::try_from(left).unwrap_or(usize::MAX));
        }
        self.fired.times += 1;
        if WRITES.contains(&call.function) {
            Verdict::Fail(Errno::Pipe)
        } else {
            Verdict::AtMost(0)
        }
    }

    /// Counts a call that the fault is about, and says whether it happens now.
    fn hits(&mut self) -> bool {
        self.fired.calls += 1;
        let nth = self.fired.calls;
        let hits = match self.fired.fault.when {
            When::Always => true,
            When::Nth(n) => nth == n,
            When::After(n) => nth > n,
            When::Chance(probability) => self.luck.hits(probability),
        };
        self.fired.times += u64::from(hits);
        hits
    }
}

impl Fault {
    /// That it can happen at all.
    fn check(&self) -> Result<()> {
        let wrong = |reason: &str| Err(Error::usage(format!("fault {self}: {reason}")));
        match &self.what {
            What::Errno { function, .. } if function == "proc_exit" => {
                return wrong("proc_exit gives no error number");
            }
            What::Errno { function, .. } => check_function(function)?,
            What::Short { function, .. } => {
                check_function(function)?;
                if !READS.contains(&&**function) && !WRITES.contains(&&**function) {
                    return wrong("expected fd_read, fd_pread, fd_write or fd_pwrite");
                }
            }
            What::Ends { .. } if self.when != When::Always => {
                return wrong("it happens after so many bytes, and not at a call");
            }
            What::Ends { .. } | What::Jump { .. } | What::Growth { .. } => {}
        }
        match self.when {
            When::Nth(0) => wrong("calls are counted from 1"),
            When::Chance(probability) if !(0.0..=1.0).contains(&probability) => {
                wrong("expected a chance from 0 to 1")
            }
            _ => Ok(()),
        }
    }
}

/// The luck of one fault, which follows from a seed: Steele, Lea and Flood's SplitMix64, which is the
/// same on every machine.
struct Luck(u64);

impl Luck {
    fn of(seed: u64, fault: u64) -> Self {
        // Numbers that are near one another give streams that are not.
        let mut luck = Self(seed);
        let mixed = luck.next();
        Self(mixed ^ Self(fault).next())
    }

    fn hits(&mut self, probability: f64) -> bool {
        /// The numbers that a `f64` has room for between 0 and 1.
        const STEPS: f64 = (1_u64 << 53) as f64;
        ((self.next() >> 11) as f64) / STEPS < probability
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
