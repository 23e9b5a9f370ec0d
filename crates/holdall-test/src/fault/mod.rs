//! Faults: what a case has go wrong.

mod armed;

use std::fmt;
use std::time::Duration;

use holdall_wasi::Errno;

pub(crate) use armed::Armed;

use crate::expect::Mismatch;

/// Something that goes wrong in a run: at every call, unless [`nth`](Self::nth), [`after`](Self::after)
/// or [`chance`](Self::chance) says at which.
///
/// A fault that never happens is a mismatch, for then the case tests nothing; only one that is left
/// to chance may not happen.
///
/// ```
/// use holdall_test::{Errno, Fault};
///
/// let disk_full = Fault::errno("fd_write", Errno::Nospc).after(3);
/// assert_eq!(disk_full.to_string(), "fd_write gives ENOSPC after 3 calls");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Fault {
    pub(crate) what: What,
    pub(crate) when: When,
    /// Only calls with this descriptor count, where there is one.
    pub(crate) fd: Option<u32>,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// A function of WASI gives an error number, and does nothing.
    Errno { function: String, errno: Errno },
    /// A function of WASI moves at most so many bytes.
    Short { function: String, most_bytes: usize },
    /// A stream ends after so many bytes.
    Ends { after_bytes: u64 },
    /// Time jumps before `clock_time_get` tells it.
    Jump { by: Duration, back: bool },
    /// A memory does not grow; with a number of pages, not beyond it.
    Growth { beyond_pages: Option<u64> },
}

/// At which of the calls that a fault is about it happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum When {
    Always,
    /// At the n-th, counted from 1.
    Nth(u64),
    /// At all after the n-th.
    After(u64),
    /// With this probability at each, by the case's seed.
    Chance(f64),
}

impl Fault {
    /// A function of WASI, as `fd_write`, does nothing and gives this error number.
    pub fn errno(function: impl Into<String>, errno: Errno) -> Self {
        let function = function.into();
        Self::new(What::Errno { function, errno })
    }

    /// A function of WASI that reads or writes, as `fd_read`, moves at most `most_bytes` in a call.
    pub fn short(function: impl Into<String>, most_bytes: usize) -> Self {
        let function = function.into();
        Self::new(What::Short {
            function,
            most_bytes,
        })
    }

    /// A descriptor ends after `after_bytes`: then reads find the end, and writes give `EPIPE`.
    pub fn ends(fd: u32, after_bytes: u64) -> Self {
        Self::new(What::Ends { after_bytes }).fd(fd)
    }

    /// So much time passes at once when `clock_time_get` is called.
    pub fn jump(by: Duration) -> Self {
        Self::new(What::Jump { by, back: false })
    }

    /// The time of day goes back so far when `clock_time_get` is called. Other clocks go on.
    pub fn jump_back(by: Duration) -> Self {
        Self::new(What::Jump { by, back: true })
    }

    /// A memory does not grow.
    pub fn no_growth() -> Self {
        Self::new(What::Growth { beyond_pages: None })
    }

    /// No memory grows beyond so many pages, of 64 KiB each.
    pub fn no_growth_beyond(pages: u64) -> Self {
        Self::new(What::Growth {
            beyond_pages: Some(pages),
        })
    }

    /// It happens at the n-th call only, counted from 1.
    pub fn nth(mut self, n: u64) -> Self {
        self.when = When::Nth(n);
        self
    }

    /// It happens at every call after the n-th: `after(3)` lets three calls through.
    pub fn after(mut self, n: u64) -> Self {
        self.when = When::After(n);
        self
    }

    /// It happens with this probability at each call, 0 to 1. Which calls these are follows from the
    /// case's seed.
    pub fn chance(mut self, probability: f64) -> Self {
        self.when = When::Chance(probability);
        self
    }

    /// Only calls with this descriptor as their first argument count.
    pub fn fd(mut self, fd: u32) -> Self {
        self.fd = Some(fd);
        self
    }

    fn new(what: What) -> Self {
        Self {
            what,
            when: When::Always,
            fd: None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Errno { function, errno } => write!(f, "{function} gives {errno}")?,
            What::Short {
                function,
                most_bytes,
            } => write!(f, "{function} moves at most {most_bytes} bytes")?,
            What::Ends { after_bytes } => write!(f, "the end after {after_bytes} bytes")?,
            What::Jump { by, back: false } => write!(f, "time jumps by {by:?}")?,
            What::Jump { by, back: true } => write!(f, "the time of day goes back by {by:?}")?,
            What::Growth { beyond_pages: None } => f.write_str("memory does not grow")?,
            What::Growth {
                beyond_pages: Some(pages),
            } => write!(f, "memory does not grow beyond {pages} pages")?,
        }
        if let Some(fd) = self.fd {
            write!(f, " on descriptor {fd}")?;
        }
        match self.when {
            When::Always => Ok(()),
            When::Nth(n) => write!(f, " at call {n}"),
            When::After(n) => write!(f, " after {n} calls"),
            When::Chance(probability) => write!(f, " with a chance of {probability}"),
        }
    }
}

/// How often a fault happened in a run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Fired {
    /// The fault.
    pub fault: Fault,
    /// How many calls were of those that it is about.
    pub calls: u64,
    /// At how many of them it happened.
    pub times: u64,
}

impl Fired {
    /// That it never happened, where it should have.
    pub(crate) fn mismatch(&self) -> Option<Mismatch> {
        let may_not = matches!(self.fault.when, When::Chance(_));
        (self.times == 0 && !may_not).then(|| {
            let what = format!("fault: {}", self.fault);
            let found = match self.calls {
                0 => "never: there was no such call".to_owned(),
                calls => format!("never: there were {calls} such calls"),
            };
            Mismatch::new(what, "at least once", found)
        })
    }
}
