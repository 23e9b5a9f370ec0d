//! Waiting, in a way that a deadline or another thread can end.

#[cfg(unix)]
use std::collections::HashMap;
use std::fs::File;
#[cfg(unix)]
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::fault::{Errno, Result};
use super::fs::Interest;
use holdall::provide::Meter;

/// For how long at most nobody looks whether the guest is to end.
const SLICE: Duration = Duration::from_millis(10);
/// How often something is asked that cannot say when it is ready.
const ASK_AGAIN: Duration = Duration::from_millis(1);

/// What is waited for: until a time, or until one of these can be read or written.
#[derive(Default)]
pub(super) struct Wait<'a> {
    /// Without one, for ever.
    pub(super) until: Option<Instant>,
    /// Whether something else may be ready at any time that has to be asked.
    pub(super) asks: bool,
    /// Each descriptor once, as the operating system does not take many.
    #[cfg(unix)]
    fds: Vec<rustix::event::PollFd<'a>>,
    /// What each is waited for, by whomever.
    #[cfg(unix)]
    joined: Vec<rustix::event::PollFlags>,
    #[cfg(unix)]
    places: HashMap<std::os::fd::RawFd, usize>,
    /// For each that was added, where its descriptor is, and what for.
    #[cfg(unix)]
    added: Vec<(usize, rustix::event::PollFlags)>,
    #[cfg(not(unix))]
    fds: std::marker::PhantomData<&'a ()>,
}

/// What the operating system says of something that was waited for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    pub(super) ready: bool,
    pub(super) hangup: bool,
    pub(super) failed: bool,
}

#[cfg(unix)]
impl<'a> Wait<'a> {
    /// Waits for this descriptor too.
    pub(super) fn add(&mut self, fd: std::os::fd::BorrowedFd<'a>, interest: Interest) {
        use rustix::event::{PollFd, PollFlags};
        let flags = match interest {
            Interest::Read => PollFlags::IN,
            Interest::Write => PollFlags::OUT,
        };
        let place = *self.places.entry(fd.as_raw_fd()).or_insert(self.fds.len());
        match self.joined.get_mut(place) {
            Some(joined) => {
                *joined |= flags;
                self.fds[place] = PollFd::from_borrowed_fd(fd, *joined);
            }
            None => {
                self.joined.push(flags);
                self.fds.push(PollFd::from_borrowed_fd(fd, flags));
            }
        }
        self.added.push((place, flags));
    }

    /// What was found, in the order in which they were added.
    pub(super) fn said(&self) -> impl Iterator<Item = Said> {
        use rustix::event::PollFlags;
        const ENDS: PollFlags = PollFlags::HUP.union(PollFlags::ERR).union(PollFlags::NVAL);
        self.added.iter().map(|(place, flags)| {
            let found = self.fds[*place].revents();
            Said {
                ready: found.intersects(flags.union(ENDS)),
                hangup: found.contains(PollFlags::HUP),
                failed: found.intersects(PollFlags::ERR | PollFlags::NVAL),
            }
        })
    }

    /// Sleeps until one of them is ready or the time has passed.
    fn once(&mut self, timeout: Option<Duration>) -> Result<bool> {
        let timeout = timeout
            .map(rustix::event::Timespec::try_from)
            .transpose()
            .map_err(|_| Errno::Overflow)?;
        match rustix::event::poll(&mut self.fds, timeout.as_ref()) {
            Ok(count) => Ok(count > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(std::io::Error::from(error).into()),
        }
    }
}

#[cfg(not(unix))]
impl<'a> Wait<'a> {
    pub(super) fn said(&self) -> impl Iterator<Item = Said> {
        std::iter::empty()
    }

    fn once(&mut self, timeout: Option<Duration>) -> Result<bool> {
        std::thread::sleep(timeout.unwrap_or(SLICE));
        Ok(false)
    }
}

impl Wait<'_> {
    /// Waits once: until a descriptor is ready, the time has come, something has to be asked again,
    /// or, with the guest's end, until that is due.
    pub(super) fn wait(&mut self, meter: &Meter) -> Result<()> {
        loop {
            meter.check()?;
            let now = Instant::now();
            let left = self.until.map(|until| until.saturating_duration_since(now));
            let slice = if self.asks {
                Some(ASK_AGAIN)
            } else {
                meter.patience()
            };
            let timeout = match (left, slice) {
                (Some(left), Some(slice)) => Some(left.min(slice)),
                (left, slice) => left.or(slice),
            };
            let ready = self.once(timeout)?;
            if ready || self.asks || left.is_some_and(|left| timeout == Some(left)) {
                return meter.check().map_err(Into::into);
            }
        }
    }
}

/// Whether a stream can be read or written without waiting, unless another is quicker.
#[cfg(unix)]
pub(super) fn is_ready(file: &File, interest: Interest) -> Result<bool> {
    let mut wait = Wait::default();
    wait.add(file.as_fd(), interest);
    wait.once(Some(Duration::ZERO))
}

/// The system does not say.
#[cfg(not(unix))]
pub(super) fn is_ready(_: &File, _: Interest) -> Result<bool> {
    Ok(true)
}

/// Waits until a stream can be read or written, as long as the guest may go on.
#[cfg(unix)]
pub(super) fn until_ready(file: &File, interest: Interest, meter: &Meter) -> Result<()> {
    let mut wait = Wait::default();
    wait.add(file.as_fd(), interest);
    wait.wait(meter)
}

/// The system does not say.
#[cfg(not(unix))]
pub(super) fn until_ready(_: &File, _: Interest, meter: &Meter) -> Result<()> {
    Ok(meter.check()?)
}

/// Something that the system may take any time for, done by a thread of its own, so that a guest
/// which is to end need not wait for it. The thread then goes on until the system is done.
pub(super) struct Aside<T>(Arc<(Mutex<Option<T>>, Condvar)>);

impl<T: Send + 'static> Aside<T> {
    pub(super) fn start(work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<Self> {
        let place = Arc::<(Mutex<Option<T>>, Condvar)>::default();
        let aside = Self(Arc::clone(&place));
        std::thread::Builder::new()
            .name("holdall-aside".to_owned())
            .spawn(move || {
                let outcome = work();
                *locked(&place.0) = Some(outcome);
                place.1.notify_all();
            })?;
        Ok(aside)
    }

    /// Whether the outcome is there.
    pub(super) fn is_done(&self) -> bool {
        locked(&self.0.0).is_some()
    }

    /// Waits for the outcome as long as the guest may go on. Where the guest is to end, the work
    /// goes on and can be waited for again.
    pub(super) fn outcome(&self, meter: &Meter) -> Result<T> {
        let (place, done) = &*self.0;
        let mut place = locked(place);
        loop {
            if let Some(outcome) = place.take() {
                return Ok(outcome);
            }
            meter.check()?;
            let slice = meter.patience().unwrap_or(SLICE);
            let waited = done.wait_timeout(place, slice);
            place = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
