//! Clocks: the host's, or a virtual one that only the guest's own doings advance.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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

/// A clock that stands still but for the guests that read it and wait for it.
#[derive(Clone, Default)]
pub(super) struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// Nanoseconds since it started.
    fn read(&self) -> u64 {
        self.0.fetch_add(VIRTUAL_TICK_NANOS, Ordering::Relaxed)
    }

    fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let add = |now: u64| Some(now.saturating_add(nanos));
        // It always succeeds: `add` always gives a value.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
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
    Virtual(VirtualClock),
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
            (Self::Virtual(clock), Clockid::Realtime) => {
                Ok(VIRTUAL_START_NANOS.saturating_add(clock.read()))
            }
            (Self::Virtual(clock), _) => Ok(clock.read()),
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
            Self::Virtual(clock) => clock.advance(by),
        }
    }
}
