//! Waiting, in a way that a deadline or another thread can end.

#[cfg(unix)]
use std::collections::HashMap;
#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use super::fault::{Errno, Result};
use super::fs::{File, Interest, Readiness};
use crate::limits::Meter;

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
            } else if meter.is_interruptible() {
                let deadline = meter.deadline();
                let deadline = deadline.map(|at| at.saturating_duration_since(now));
                Some(deadline.map_or(SLICE, |left| left.min(SLICE)))
            } else {
                None
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

/// Whether a stream can be read or written without waiting.
pub(super) fn is_ready(file: &dyn File, interest: Interest) -> Result<bool> {
    match file.readiness(interest) {
        Readiness::Ready { .. } => Ok(true),
        Readiness::NotYet => Ok(false),
        #[cfg(unix)]
        Readiness::Ask(fd) => {
            let mut wait = Wait::default();
            wait.add(fd, interest);
            wait.once(Some(Duration::ZERO))
        }
        #[cfg(not(unix))]
        Readiness::Ask(_) => Ok(true),
    }
}

/// Waits until a stream can be read or written, where the guest is to be ended in between; else the
/// read or write does the waiting.
pub(super) fn until_ready(file: &dyn File, interest: Interest, meter: &Meter) -> Result<()> {
    if !meter.is_interruptible() || file.is_seekable() {
        return Ok(());
    }
    loop {
        let mut wait = Wait::default();
        match file.readiness(interest) {
            Readiness::Ready { .. } => return Ok(()),
            Readiness::NotYet => wait.asks = true,
            #[cfg(unix)]
            Readiness::Ask(fd) => wait.add(fd, interest),
            #[cfg(not(unix))]
            Readiness::Ask(_) => return Ok(()),
        }
        wait.wait(meter)?;
        if wait.said().any(|said| said.ready) {
            return Ok(());
        }
    }
}
