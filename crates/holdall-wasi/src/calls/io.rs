//! Reading, writing and seeking.

use std::io::{IoSlice, SeekFrom};

use wasi_common::snapshots::preview_1::types::{Ciovec, Iovec, Rights, Whence};
use wiggle::GuestPtr;

use super::{Call, Errno, Fault, Ptr, Result};
use crate::fs::{FdFlags, File, FileType};
use crate::memory::Memory;
use holdall::provide::{Meter, PART_BYTES, Stream};

/// The most buffers of one call that are looked at: as many as Linux takes.
const MAX_BUFFERS: u32 = 1024;
/// As many buffers are written in one go.
const BATCH: usize = 16;

/// Where in a file.
#[derive(Clone, Copy)]
enum Place {
    Position,
    At(u64),
}

impl Place {
    fn after(self, bytes: usize) -> Self {
        match self {
            Self::Position => self,
            Self::At(at) => Self::At(at.saturating_add(bytes as u64)),
        }
    }
}

pub(crate) fn fd_read(call: &mut Call<'_>, fd: u32, iovs: Ptr, count: u32, out: Ptr) -> Result<()> {
    let bytes = read(call, fd, iovs, count, Place::Position)?;
    call.put(out.0, bytes)
}

pub(crate) fn fd_pread(
    call: &mut Call<'_>,
    fd: u32,
    iovs: Ptr,
    count: u32,
    offset: u64,
    out: Ptr,
) -> Result<()> {
    let bytes = read(call, fd, iovs, count, Place::At(offset))?;
    call.put(out.0, bytes)
}

pub(crate) fn fd_write(
    call: &mut Call<'_>,
    fd: u32,
    iovs: Ptr,
    count: u32,
    out: Ptr,
) -> Result<()> {
    let bytes = write(call, fd, iovs, count, Place::Position)?;
    call.put(out.0, bytes)
}

pub(crate) fn fd_pwrite(
    call: &mut Call<'_>,
    fd: u32,
    iovs: Ptr,
    count: u32,
    offset: u64,
    out: Ptr,
) -> Result<()> {
    let bytes = write(call, fd, iovs, count, Place::At(offset))?;
    call.put(out.0, bytes)
}

pub(crate) fn fd_seek(
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
    seek(call, fd, to, out)
}

pub(crate) fn fd_tell(call: &mut Call<'_>, fd: u32, out: Ptr) -> Result<()> {
    seek(call, fd, SeekFrom::Current(0), out)
}

fn seek(call: &mut Call<'_>, fd: u32, to: SeekFrom, out: Ptr) -> Result<()> {
    // Where the position is can be asked with the right to ask.
    let right = if to == SeekFrom::Current(0) {
        Rights::FD_TELL
    } else {
        Rights::FD_SEEK
    };
    let at = call.context.descriptors.file(fd, right)?.seek(to)?;
    call.put(out.0, at)
}

/// Fills the caller's buffers one after the other. A stream fills one, as more might have to be
/// waited for.
fn read(call: &mut Call<'_>, fd: u32, iovs: Ptr, count: u32, mut place: Place) -> Result<u32> {
    let file = call.context.descriptors.file(fd, Rights::FD_READ)?;
    let mut left = call.most_bytes;
    let mut total = 0;
    for iov in iovecs::<Iovec>(iovs, count) {
        let iov: Iovec = call.memory.read(iov?)?;
        let wanted = (iov.buf_len as usize).min(left);
        let mut read = Ok(0);
        call.memory
            .fill(Ptr(iov.buf.offset()), iov.buf_len, |buf| {
                if wanted > 0 {
                    read = get(&mut **file, &mut buf[..wanted], place, call.meter);
                }
                Ok(read.as_ref().copied().unwrap_or(0))
            })?;
        if wanted == 0 {
            continue;
        }
        let read = match read {
            Ok(read) => read,
            // What was read before it is not lost.
            Err(Fault::Errno(_)) if total > 0 => break,
            Err(error) => return Err(error),
        };
        call.memory.owe_bytes(read);
        total += read;
        left -= read;
        place = place.after(read);
        if read < wanted || !is_all_there(&**file)? {
            break;
        }
        call.meter.check()?;
    }
    call.moved_bytes = total;
    Ok(u32::try_from(total)?)
}

/// Writes the caller's buffers, up to the first that is not written whole.
fn write(call: &mut Call<'_>, fd: u32, iovs: Ptr, count: u32, mut place: Place) -> Result<u32> {
    let quota = call.context.writable_bytes;
    let stream = call.context.descriptors.stream(fd);
    let file = call.context.descriptors.file(fd, Rights::FD_WRITE)?;
    file.count_in(call.account);
    // Without a quota nobody asks how large the file is: a write is one call of the system's.
    let gap = match quota {
        None => 0,
        Some(_) => gap(&mut **file, place)?,
    };
    let mut left = call.most_bytes;
    let mut total = 0;
    let mut heads = iovecs::<Ciovec>(iovs, count).peekable();
    while heads.peek().is_some() {
        let mut bufs = [IoSlice::new(&[]); BATCH];
        let mut wanted = 0;
        for (buf, head) in bufs.iter_mut().zip(&mut heads) {
            let head: Ciovec = call.memory.read(head?)?;
            let bytes = call.memory.bytes(Ptr(head.buf.offset()), head.buf_len)?;
            let bytes = &bytes[..bytes.len().min(left - wanted)];
            *buf = IoSlice::new(bytes);
            wanted += bytes.len();
        }
        let grows = gap.saturating_add((total + wanted) as u64);
        if quota.is_some_and(|quota| grows > quota) {
            if total == 0 {
                return Err(Errno::Dquot.into());
            }
            break;
        }
        let written = match put(&mut **file, &bufs, place, call.meter) {
            Ok(written) => written,
            Err(Fault::Errno(_)) if total > 0 => break,
            Err(error) => return Err(error),
        };
        call.memory.owe_bytes(written);
        if let Some(stream) = stream {
            tell_of_output(&call.memory, stream, &bufs, written);
        }
        total += written;
        left -= written;
        place = place.after(written);
        if written < wanted || left == 0 {
            break;
        }
        call.meter.check()?;
    }
    if total > 0 {
        call.context.count_written(gap + total as u64);
    }
    call.moved_bytes = total;
    Ok(u32::try_from(total)?)
}

/// Tells what went to a standard stream: the first bytes of the buffers.
fn tell_of_output(memory: &Memory<'_>, stream: Stream, bufs: &[IoSlice<'_>], mut written: usize) {
    for buf in bufs {
        let bytes = &buf[..buf.len().min(written)];
        if !bytes.is_empty() {
            memory.tell_of_output(stream, bytes);
        }
        written -= bytes.len();
    }
}

/// Reads into one buffer. What is read of a file in one call of the system's is no more than a guest
/// that may be ended can wait for.
fn get(file: &mut dyn File, buf: &mut [u8], mut place: Place, meter: &Meter) -> Result<usize> {
    let at_once = match meter.is_interruptible() && is_all_there(file)? {
        true => PART_BYTES as usize,
        false => buf.len(),
    };
    let mut total = 0;
    for part in buf.chunks_mut(at_once) {
        if total > 0 {
            meter.check()?;
        }
        let read = match place {
            Place::Position => file.read(part, meter),
            Place::At(at) => file.read_at(part, at),
        };
        let read = match read {
            Err(Fault::Errno(_)) if total > 0 => break,
            read => read?,
        };
        total += read;
        place = place.after(read);
        if read < part.len() {
            break;
        }
    }
    Ok(total)
}

/// Writes one batch of buffers, to a file likewise.
fn put(
    file: &mut dyn File,
    bufs: &[IoSlice<'_>],
    mut place: Place,
    meter: &Meter,
) -> Result<usize> {
    let mut write = |bufs: &[IoSlice<'_>], place| match place {
        Place::Position => file.write(bufs, meter),
        Place::At(at) => file.write_at(bufs, at),
    };
    let size: usize = bufs.iter().map(|buf| buf.len()).sum();
    if size <= PART_BYTES as usize || !meter.is_interruptible() {
        return write(bufs, place);
    }
    let mut total = 0;
    for part in bufs.iter().flat_map(|buf| buf.chunks(PART_BYTES as usize)) {
        if total > 0 {
            meter.check()?;
        }
        let written = match write(&[IoSlice::new(part)], place) {
            Err(Fault::Errno(_)) if total > 0 => break,
            written => written?,
        };
        total += written;
        place = place.after(written);
        if written < part.len() {
            break;
        }
    }
    Ok(total)
}

/// How many bytes a file grows by before those that are written.
fn gap(file: &mut dyn File, place: Place) -> Result<u64> {
    if !file.is_seekable() || file.flags()?.contains(FdFlags::APPEND) {
        return Ok(0);
    }
    let at = match place {
        // What the system's signed offsets cannot say is no place, whatever the quota is.
        Place::At(at) if i64::try_from(at).is_err() => return Err(Errno::Inval.into()),
        Place::At(at) => at,
        Place::Position => file.seek(SeekFrom::Current(0))?,
    };
    Ok(at.saturating_sub(file.stat()?.size))
}

/// Whether more can be read of a file without waiting for anybody.
fn is_all_there(file: &dyn File) -> Result<bool> {
    Ok(file.is_seekable() || file.filetype()? == FileType::RegularFile)
}

fn iovecs<T: wiggle::GuestType>(
    iovs: Ptr,
    count: u32,
) -> impl Iterator<Item = Result<GuestPtr<T>, wiggle::GuestError>> {
    (0..count.min(MAX_BUFFERS)).map(move |index| GuestPtr::new(iovs.0).add(index))
}
