//! Waiting for clocks and descriptors.

use std::time::{Duration, Instant};

use wasi_common::snapshots::preview_1::types::{
    Clockid, Event, EventFdReadwrite, Eventrwflags, Eventtype, Rights, Subclockflags, Subscription,
    SubscriptionU,
};
use wiggle::{GuestPtr, GuestType};

use super::{Call, Errno, Fault, Ptr, Result};
use crate::audit::watch::Polled;
use crate::descriptors::{Descriptors, Kind};
use crate::fs::{Interest, Readiness};
use crate::wait::Wait;

/// The most that one call may wait for.
const MAX_SUBSCRIPTIONS: u32 = 1 << 16;

/// The meter is looked at once for this many subscriptions.
const LOOK_AFTER: usize = 1024;

/// What it costs to ask whether something has come, in units of fuel.
const SUBSCRIPTION_UNITS: u64 = 16;

/// What a caller waits for, in whichever preview's layout it said so.
pub(super) struct Wanted {
    pub(super) userdata: u64,
    pub(super) what: What,
}

#[derive(Clone, Copy)]
pub(super) enum What {
    Clock {
        id: Clockid,
        nanos: u64,
        absolute: bool,
    },
    Descriptor(u32, Interest),
}

impl From<What> for Polled {
    fn from(what: What) -> Self {
        match what {
            What::Clock { .. } => Self::Clock,
            What::Descriptor(fd, _) => Self::Descriptor(fd),
        }
    }
}

/// What has come.
pub(super) struct Came {
    pub(super) userdata: u64,
    pub(super) kind: Eventtype,
    pub(super) errno: Errno,
    pub(super) bytes: u64,
    pub(super) hangup: bool,
}

impl Came {
    fn of(wanted: &Wanted, errno: Errno) -> Self {
        Self {
            userdata: wanted.userdata,
            kind: match wanted.what {
                What::Clock { .. } => Eventtype::Clock,
                What::Descriptor(_, Interest::Read) => Eventtype::FdRead,
                What::Descriptor(_, Interest::Write) => Eventtype::FdWrite,
            },
            errno,
            bytes: 0,
            hangup: false,
        }
    }
}

pub(crate) fn poll_oneoff(
    call: &mut Call<'_>,
    subscriptions: Ptr,
    events: Ptr,
    count: u32,
    out: Ptr,
) -> Result<()> {
    let wanted = |subscription: Subscription| Wanted {
        userdata: subscription.userdata,
        what: match subscription.u {
            SubscriptionU::Clock(clock) => What::Clock {
                id: clock.id,
                nanos: clock.timeout,
                absolute: clock
                    .flags
                    .contains(Subclockflags::SUBSCRIPTION_CLOCK_ABSTIME),
            },
            SubscriptionU::FdRead(fd) => {
                What::Descriptor(fd.file_descriptor.into(), Interest::Read)
            }
            SubscriptionU::FdWrite(fd) => {
                What::Descriptor(fd.file_descriptor.into(), Interest::Write)
            }
        },
    };
    let event = |came: &Came| Event {
        userdata: came.userdata,
        error: came.errno.into(),
        type_: came.kind,
        fd_readwrite: EventFdReadwrite {
            nbytes: came.bytes,
            flags: if came.hangup {
                Eventrwflags::FD_READWRITE_HANGUP
            } else {
                Eventrwflags::empty()
            },
        },
    };
    oneoff(call, subscriptions, events, count, out, wanted, event)
}

/// Reads what the caller waits for, waits, and writes what has come, in the layouts of a preview.
pub(super) fn oneoff<S: GuestType, E: GuestType>(
    call: &mut Call<'_>,
    subscriptions: Ptr,
    events: Ptr,
    count: u32,
    out: Ptr,
    wanted: impl Fn(S) -> Wanted,
    event: impl Fn(&Came) -> E,
) -> Result<()> {
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Errno::Inval.into());
    }
    let mut all = Vec::new();
    for at in GuestPtr::<S>::new(subscriptions.0).as_array(count).iter() {
        all.push(wanted(call.memory.read(at?)?));
        call.memory.owe(SUBSCRIPTION_UNITS);
        if all.len() % LOOK_AFTER == 0 {
            call.memory.pay(call.meter)?;
            call.meter.check()?;
        }
    }
    let came = poll(call, &all)?;
    let events = GuestPtr::<E>::new(events.0).as_array(count);
    for (came, at) in came.iter().zip(events.iter()) {
        call.memory.write(at?, event(came))?;
    }
    call.put(out.0, u32::try_from(came.len())?)
}

/// Waits until something that is wanted has come, and gives all that has.
fn poll(call: &mut Call<'_>, wanted: &[Wanted]) -> Result<Vec<Came>> {
    if let Some(watch) = &mut call.context.watch {
        watch.set_polled(wanted.iter().map(|one| one.what.into()).collect());
    }
    let mut clocks = Vec::new();
    let mut came = Vec::new();
    for one in wanted {
        if let What::Clock { .. } = one.what {
            match left(call, one) {
                Ok(left) => clocks.push((one, left)),
                Err(Fault::Errno(errno)) => came.push(Came::of(one, errno)),
                Err(end) => return Err(end),
            }
        }
    }
    let soonest = clocks.iter().map(|(_, left)| *left).min();
    let start = Instant::now();
    // A time that is too far away to be named never comes.
    let until = soonest.and_then(|left| start.checked_add(left));
    let is_virtual = call.context.is_virtual();
    loop {
        let mut wait = Wait::default();
        let asked = ask(&call.context.descriptors, wanted, &mut came, &mut wait);
        let is_due = |left: &Duration| {
            if is_virtual {
                Some(*left) == soonest
            } else {
                start.elapsed() >= *left
            }
        };
        if !came.is_empty() || (is_virtual && soonest.is_some()) {
            wait.until = Some(start);
        } else {
            wait.until = until;
        }
        wait.wait(call.meter)?;
        for (one, said) in asked.into_iter().zip(wait.said()) {
            if said.ready {
                let errno = if said.failed {
                    Errno::Io
                } else {
                    Errno::Success
                };
                came.push(Came {
                    bytes: u64::from(matches!(one.what, What::Descriptor(_, Interest::Read))),
                    hangup: said.hangup,
                    ..Came::of(one, errno)
                });
            }
        }
        // What is ready comes before a time that only now has come.
        if came.is_empty() || !is_virtual {
            let due = clocks.iter().filter(|(_, left)| is_due(left));
            came.extend(due.map(|(one, _)| Came::of(one, Errno::Success)));
        }
        if !came.is_empty() {
            let clock_came = came.iter().any(|came| came.kind == Eventtype::Clock);
            let waited = match soonest {
                Some(left) if is_virtual && clock_came => left,
                _ if is_virtual => Duration::ZERO,
                _ => start.elapsed(),
            };
            if let Some(clocks) = &mut call.context.clocks {
                clocks.add_waited(waited);
            }
            return Ok(came);
        }
    }
}

/// How long it is until a clock's time has come.
fn left(call: &mut Call<'_>, wanted: &Wanted) -> Result<Duration> {
    let What::Clock {
        id,
        nanos,
        absolute,
    } = wanted.what
    else {
        unreachable!("only clocks have a time");
    };
    let clocks = call.context.clocks()?;
    Ok(Duration::from_nanos(if absolute {
        nanos.saturating_sub(clocks.nanos(id)?)
    } else {
        nanos
    }))
}

/// Asks every descriptor that is waited for whether it is ready. Gives the descriptors that are the
/// operating system's own.
fn ask<'d, 'w>(
    descriptors: &'d Descriptors,
    wanted: &'w [Wanted],
    came: &mut Vec<Came>,
    wait: &mut Wait<'d>,
) -> Vec<&'w Wanted> {
    let mut asked = Vec::new();
    for one in wanted {
        let What::Descriptor(fd, interest) = one.what else {
            continue;
        };
        match readiness(descriptors, fd, interest) {
            Ok(Readiness::Ready { bytes, hangup }) => came.push(Came {
                bytes,
                hangup,
                ..Came::of(one, Errno::Success)
            }),
            Ok(Readiness::NotYet) => wait.asks = true,
            #[cfg(unix)]
            Ok(Readiness::Ask(fd)) => {
                wait.add(fd, interest);
                asked.push(one);
            }
            #[cfg(not(unix))]
            Ok(Readiness::Ask(_)) => came.push(Came::of(one, Errno::Success)),
            Err(errno) => came.push(Came::of(one, errno)),
        }
    }
    asked
}

fn readiness(
    descriptors: &Descriptors,
    fd: u32,
    interest: Interest,
) -> Result<Readiness<'_>, Errno> {
    let descriptor = descriptors.peek(fd).ok_or(Errno::Badf)?;
    let right = match interest {
        Interest::Read => Rights::FD_READ,
        Interest::Write => Rights::FD_WRITE,
    };
    match &descriptor.kind {
        Kind::File(_) if !descriptor.base.contains(right) => Err(Errno::Badf),
        Kind::File(file) => Ok(file.readiness(interest)),
        Kind::Dir(_) => Err(Errno::Isdir),
    }
}
