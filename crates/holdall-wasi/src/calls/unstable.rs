//! What preview 0 lays out or numbers otherwise than preview 1.

use wasi_common::snapshots::preview_0::types::{
    self, Event, EventFdReadwrite, Eventrwflags, Subclockflags, Subscription, SubscriptionU, Whence,
};
use wasi_common::snapshots::preview_1::types::{Errno, Eventtype, Lookupflags};

use super::fd::filestat_of;
use super::poll::{Came, Wanted, What, oneoff};
use super::{Call, Ptr, Result, fd, io, path};
use crate::fs::{Filestat, Interest};

pub(crate) fn fd_filestat_get(call: &mut Call<'_>, fd: u32, out: Ptr) -> Result<()> {
    let stat = fd::stat(call, fd)?;
    call.put(out.0, older(&stat)?)
}

pub(crate) fn path_filestat_get(
    call: &mut Call<'_>,
    fd: u32,
    flags: Lookupflags,
    at: Ptr,
    len: u32,
    out: Ptr,
) -> Result<()> {
    let stat = path::stat(call, fd, flags, at, len)?;
    call.put(out.0, older(&stat)?)
}

fn older(stat: &Filestat) -> Result<types::Filestat> {
    let stat = filestat_of(stat);
    Ok(types::Filestat {
        dev: stat.dev,
        ino: stat.ino,
        filetype: stat.filetype.into(),
        nlink: u32::try_from(stat.nlink)?,
        size: stat.size,
        atim: stat.atim,
        mtim: stat.mtim,
        ctim: stat.ctim,
    })
}

pub(crate) fn fd_seek(
    call: &mut Call<'_>,
    fd: u32,
    offset: i64,
    whence: Whence,
    out: Ptr,
) -> Result<()> {
    io::fd_seek(call, fd, offset, whence.into(), out)
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
                id: clock.id.into(),
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
        error: Errno::from(came.errno).into(),
        type_: match came.kind {
            Eventtype::Clock => types::Eventtype::Clock,
            Eventtype::FdRead => types::Eventtype::FdRead,
            Eventtype::FdWrite => types::Eventtype::FdWrite,
        },
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
