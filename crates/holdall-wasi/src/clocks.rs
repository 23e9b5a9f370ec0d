//! Clocks: the host's, or a virtual one that only the guest's own doings advance.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use cap_std::time::{Instant, MonotonicClock, SystemClock};
use wasi_common::snapshots::preview_1::types::Clockid;

use super::fault::{Errno, Result};

/// When a virtual clock starts: 2000-01-01, in nanoseconds since 1970.
pub(super) const VIRTUAL_START_NANOS: u64 = 946_684_800 * 1_000_000_000;

/// How far a virtual clock goes on each time that it is read, so that a program that waits for it in
/// a loop comes to an end.
const VIRTUAL_TICK_NANOS: u64 = 1_000;

/// The host's clocks, which whoever grants them got from the host.
pub(super) struct HostClocks {
    pub(super) system: SystemClock,
    pub(super) monotonic: MonotonicClock,
}

/// The time of a [deterministic](crate::Wasi::deterministic) graph: it stands still but for the guests
/// that read a clock, which takes a microsecond, and those that wait, which takes no time of the
/// host's. Clones are the same time.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use holdall_wasi::Time;
///
/// let time = Time::new();
/// let start = time.now();
/// time.advance(Duration::from_secs(3600));
/// assert_eq!(time.now(), start + Duration::from_secs(3600));
/// time.set(SystemTime::UNIX_EPOCH);
/// assert_eq!(time.passed(), Duration::from_secs(3600));
/// ```
#[derive(Clone)]
pub struct Time(Arc<Moment>);

struct Moment {
    /// Nanoseconds since the start.
    passed: AtomicU64,
    /// The time of day at the start, in nanoseconds since 1970. It wraps where the time of day was set
    /// to a moment that is less far from 1970 than the time that has passed.
    start: AtomicU64,
}

impl Time {
    /// A time that starts with 2000-01-01 00:00:00 UTC.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Moment {
            passed: AtomicU64::new(0),
            start: AtomicU64::new(VIRTUAL_START_NANOS),
        }))
    }

    /// Lets time pass, for all clocks.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let add = |now: u64| Some(now.saturating_add(nanos));
        // It always succeeds: `add` always gives a value.
        let _ = self
            .0
            .passed
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Sets the time of day, backwards too. No time passes by that: the other clocks go on as they
    /// were. What is before 1970 is taken for 1970.
    pub fn set(&self, now: SystemTime) {
        let since = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        let passed = self.0.passed.load(Ordering::Relaxed);
        self.0
            .start
            .store(nanos.wrapping_sub(passed), Ordering::Relaxed);
    }

    /// The time of day. To ask takes no time.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        let passed = self.0.passed.load(Ordering::Relaxed);
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.of_day(passed))
    }

    /// How much time has passed since the start. To ask takes no time.
    #[must_use]
    pub fn passed(&self) -> Duration {
        Duration::from_nanos(self.0.passed.load(Ordering::Relaxed))
    }

    /// Nanoseconds since the start, for a guest.
    fn read(&self) -> u64 {
        self.0
            .passed
            .fetch_add(VIRTUAL_TICK_NANOS, Ordering::Relaxed)
    }

    /// The time of day, in nanoseconds since 1970.
    fn of_day(&self, passed: u64) -> u64 {
        self.0.start.load(Ordering::Relaxed).wrapping_add(passed)
    }
}

impl Default for Time {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Time")
            .field("now", &self.now())
            .field("passed", &self.passed())
            .finish()
    }
}

/// The clocks of a module.
pub(super) enum Clocks {
    Host {
        clocks: Arc<HostClocks>,
        /// What the monotonic clock counts from.
        start: Instant,
        /// For how long the guest did nothing but wait.
        waited: Duration,
    },
    Virtual(Time),
}

impl Clocks {
    pub(super) fn host(clocks: Arc<HostClocks>) -> Self {
        let start = clocks.monotonic.now();
        Self::Host {
            clocks,
            start,
            waited: Duration::ZERO,
        }
    }

    /// The time in nanoseconds: since 1970, since the start, or what the guest spent of it. WASI
    /// has a process's CPU time; the guest's is the time that passed while it did not wait.
    pub(super) fn nanos(&self, id: Clockid) -> Result<u64> {
        match (self, id) {
            (Self::Host { clocks, .. }, Clockid::Realtime) => {
                let since = clocks
                    .system
                    .now()
                    .duration_since(SystemClock::UNIX_EPOCH)
                    .map_err(|_| Errno::Overflow)?;
                Ok(u64::try_from(since.as_nanos())?)
            }
            (Self::Host { clocks, start, .. }, Clockid::Monotonic) => {
                let since = clocks.monotonic.now().duration_since(*start);
                Ok(u64::try_from(since.as_nanos())?)
            }
            (
                Self::Host {
                    clocks,
                    start,
                    waited,
                },
                Clockid::ProcessCputimeId | Clockid::ThreadCputimeId,
            ) => {
                let since = clocks.monotonic.now().duration_since(*start);
                Ok(u64::try_from(since.saturating_sub(*waited).as_nanos())?)
            }
            (Self::Virtual(time), Clockid::Realtime) => Ok(time.of_day(time.read())),
            (Self::Virtual(time), _) => Ok(time.read()),
        }
    }

    /// The smallest step, in nanoseconds.
    pub(super) fn resolution_nanos(&self) -> u64 {
        match self {
            Self::Host { .. } => 1,
            Self::Virtual(_) => VIRTUAL_TICK_NANOS,
        }
    }

    /// Counts time that the guest waited.
    pub(super) fn add_waited(&mut self, by: Duration) {
        match self {
            Self::Host { waited, .. } => *waited += by,
            Self::Virtual(time) => time.advance(by),
        }
    }
}
