//! What preview 0 lays out or numbers otherwise than preview 1.

use std::io::SeekFrom;

use wasi_common::snapshots::preview_0::types::{
    self, Errno as Errno0, Event, EventFdReadwrite, Eventrwflags, Subclockflags, Subscription,
    SubscriptionU, Whence,
};
use wasi_common::snapshots::preview_1::types::{Clockid, Eventtype, Lookupflags};
use wiggle::GuestPtr;

use super::fd::filestat_of;
use super::poll::{Wanted, What, check_count, poll};
use super::{Call, Errno, Ptr, Result, fd, io, path};
use crate::wasi::fs::{Filestat, Interest};

pub(in crate::wasi) fn fd_filestat_get(call: &mut Call<'_>, fd: u32, out: Ptr) -> Result<()> {
    let stat = fd::stat(call, fd)?;
    call.put(out.0, older(&stat)?)
}

pub(in crate::wasi) fn path_filestat_get(
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

pub(in crate::wasi) fn fd_seek(
    call: &mut Call<'_>,
    fd: u32,
    offset: i64,
    whence: Whence,
    out: Ptr,
) -> Result<()> {
    let to = match whence {
        Whence::Set => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
        Whence::Cur => SeekFrom::Current(offset),
        Whence::End => SeekFrom::End(offset),
    };
    io::seek(call, fd, to, out)
}

pub(in crate::wasi) fn poll_oneoff(
    call: &mut Call<'_>,
    subscriptions: Ptr,
    events: Ptr,
    count: u32,
    out: Ptr,
) -> Result<()> {
    check_count(count)?;
    let mut wanted = Vec::new();
    for at in GuestPtr::<Subscription>::new(subscriptions.0)
        .as_array(count)
        .iter()
    {
        let subscription = call.memory.read(at?)?;
        let what = match subscription.u {
            SubscriptionU::Clock(clock) => What::Clock {
                id: Clockid::try_from(clock.id as u32)?,
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
        };
        wanted.push(Wanted {
            userdata: subscription.userdata,
            what,
        });
    }
    let came = poll(call, &wanted)?;
    let events = GuestPtr::<Event>::new(events.0).as_array(count);
    for (came, at) in came.iter().zip(events.iter()) {
        let event = Event {
            userdata: came.userdata,
            error: Errno0::from(came.errno),
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
        call.memory.write(at?, event)?;
    }
    call.put(out.0, u32::try_from(came.len())?)
}
