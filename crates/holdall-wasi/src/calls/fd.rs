//! Functions of a descriptor, but for reading and writing.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use wasi_common::snapshots::preview_1::types::{
    self, Advice, Fdflags, Fdstat, Filetype, Fstflags, Prestat, PrestatDir, Rights,
};

use super::{Call, Errno, Ptr, Result};
use crate::descriptors::Kind;
use crate::fs::{self, FdFlags, FileType, Filestat, NewTime, Work};
use crate::listing::Listing;

/// The size of a directory entry's head, in bytes: next cookie, inode, length of the name, type.
const DIRENT_BYTES: usize = 24;

pub(crate) fn fd_advise(
    call: &mut Call<'_>,
    fd: u32,
    offset: u64,
    len: u64,
    advice: Advice,
) -> Result<()> {
    let file = call.context.descriptors.file(fd, Rights::FD_ADVISE)?;
    offset.checked_add(len).ok_or(Errno::Inval)?;
    file.advise(
        offset,
        len,
        match advice {
            Advice::Normal => fs::Advice::Normal,
            Advice::Sequential => fs::Advice::Sequential,
            Advice::Random => fs::Advice::Random,
            Advice::Willneed => fs::Advice::WillNeed,
            Advice::Dontneed => fs::Advice::DontNeed,
            Advice::Noreuse => fs::Advice::NoReuse,
        },
    )
}

/// Makes a file at least so long.
pub(crate) fn fd_allocate(call: &mut Call<'_>, fd: u32, offset: u64, len: u64) -> Result<()> {
    let file = call.context.descriptors.file(fd, Rights::FD_ALLOCATE)?;
    if !file.is_seekable() {
        return Err(Errno::Spipe.into());
    }
    let end = offset.checked_add(len).ok_or(Errno::Fbig)?;
    if len == 0 {
        return Err(Errno::Inval.into());
    }
    if end > file.stat()?.size {
        set_size(call, fd, Rights::FD_ALLOCATE, end)?;
    }
    Ok(())
}

pub(crate) fn fd_close(call: &mut Call<'_>, fd: u32) -> Result<()> {
    call.context.descriptors.remove(fd)?;
    Ok(())
}

pub(crate) fn fd_datasync(call: &mut Call<'_>, fd: u32) -> Result<()> {
    sync(call, fd, Rights::FD_DATASYNC, false)
}

pub(crate) fn fd_sync(call: &mut Call<'_>, fd: u32) -> Result<()> {
    sync(call, fd, Rights::FD_SYNC, true)
}

/// There is nothing of a directory that could be lost.
fn sync(call: &mut Call<'_>, fd: u32, right: Rights, all: bool) -> Result<()> {
    if let Kind::Dir(_) = call.context.descriptors.get(fd)?.kind {
        return Ok(());
    }
    let file = call.context.descriptors.file(fd, right)?;
    file.sync(all, call.meter)
}

pub(crate) fn fd_fdstat_get(call: &mut Call<'_>, fd: u32, out: Ptr) -> Result<()> {
    let descriptor = call.context.descriptors.get(fd)?;
    let (filetype, flags) = match &descriptor.kind {
        Kind::File(file) => (file.filetype()?, file.flags()?),
        Kind::Dir(_) => (FileType::Directory, FdFlags::empty()),
    };
    let stat = Fdstat {
        fs_filetype: filetype_of(filetype),
        fs_flags: Fdflags::from(flags),
        fs_rights_base: descriptor.base,
        fs_rights_inheriting: descriptor.inheriting,
    };
    call.put(out.0, stat)
}

pub(crate) fn fd_fdstat_set_flags(call: &mut Call<'_>, fd: u32, flags: Fdflags) -> Result<()> {
    let descriptors = &mut call.context.descriptors;
    let file = descriptors.file(fd, Rights::FD_FDSTAT_SET_FLAGS)?;
    file.set_flags(FdFlags::from(flags))?;
    descriptors.get(fd)?.is_as_granted = false;
    Ok(())
}

/// Takes rights away; there is no way to get one.
pub(crate) fn fd_fdstat_set_rights(
    call: &mut Call<'_>,
    fd: u32,
    base: Rights,
    inheriting: Rights,
) -> Result<()> {
    let descriptor = call.context.descriptors.get(fd)?;
    if !descriptor.base.contains(base) || !descriptor.inheriting.contains(inheriting) {
        return Err(Errno::Notcapable.into());
    }
    descriptor.is_as_granted &= descriptor.base == base && descriptor.inheriting == inheriting;
    descriptor.base = base;
    descriptor.inheriting = inheriting;
    Ok(())
}

pub(crate) fn fd_filestat_get(call: &mut Call<'_>, fd: u32, out: Ptr) -> Result<()> {
    let stat = stat(call, fd)?;
    call.put(out.0, filestat_of(&stat))
}

pub(super) fn stat(call: &mut Call<'_>, fd: u32) -> Result<Filestat> {
    let descriptor = call.context.descriptors.get(fd)?;
    if !descriptor.base.contains(Rights::FD_FILESTAT_GET) {
        return Err(Errno::Notcapable.into());
    }
    match &descriptor.kind {
        Kind::File(file) => file.stat(),
        Kind::Dir(open) => open.dir.stat(),
    }
}

pub(crate) fn fd_filestat_set_size(call: &mut Call<'_>, fd: u32, size: u64) -> Result<()> {
    set_size(call, fd, Rights::FD_FILESTAT_SET_SIZE, size)
}

/// Sets the size of a file that is open to be written; what it grows by counts as written.
fn set_size(call: &mut Call<'_>, fd: u32, right: Rights, size: u64) -> Result<()> {
    let file = call.context.descriptors.file(fd, right)?;
    let before = file.stat()?.size;
    let more = size.saturating_sub(before);
    call.context.check_writable(more)?;
    call.context.descriptors.file(fd, right)?.set_size(size)?;
    call.context.count_written(more);
    Ok(())
}

pub(crate) fn fd_filestat_set_times(
    call: &mut Call<'_>,
    fd: u32,
    atim: u64,
    mtim: u64,
    flags: Fstflags,
) -> Result<()> {
    let (accessed, modified) = times(atim, mtim, flags)?;
    let descriptor = call.context.descriptors.get(fd)?;
    if !descriptor.base.contains(Rights::FD_FILESTAT_SET_TIMES) {
        return Err(Errno::Notcapable.into());
    }
    match &mut descriptor.kind {
        Kind::File(file) => file.set_times(accessed, modified),
        Kind::Dir(open) => open.dir.set_times(".", accessed, modified, false),
    }
}

/// The times that a caller asks for.
pub(super) fn times(
    atim: u64,
    mtim: u64,
    flags: Fstflags,
) -> Result<(Option<NewTime>, Option<NewTime>)> {
    let time =
        |at: u64, set: Fstflags, now: Fstflags| match (flags.contains(set), flags.contains(now)) {
            (true, true) => Err(Errno::Inval),
            (true, false) => {
                let since = Duration::from_nanos(at);
                Ok(Some(NewTime::At(SystemTime::UNIX_EPOCH + since)))
            }
            (false, true) => Ok(Some(NewTime::Now)),
            (false, false) => Ok(None),
        };
    Ok((
        time(atim, Fstflags::ATIM, Fstflags::ATIM_NOW)?,
        time(mtim, Fstflags::MTIM, Fstflags::MTIM_NOW)?,
    ))
}

pub(crate) fn fd_prestat_get(call: &mut Call<'_>, fd: u32, out: Ptr) -> Result<()> {
    let pr_name_len = u32::try_from(preopen(call, fd)?.len())?;
    call.put(out.0, Prestat::Dir(PrestatDir { pr_name_len }))
}

pub(crate) fn fd_prestat_dir_name(call: &mut Call<'_>, fd: u32, path: Ptr, len: u32) -> Result<()> {
    let name = preopen(call, fd)?;
    let size = u32::try_from(name.len())?;
    if size > len {
        return Err(Errno::Nametoolong.into());
    }
    call.memory.put_bytes(path, name.as_bytes())
}

/// What the guest calls a granted directory. A program that looks for the granted ones stops at the
/// first number that is none.
fn preopen(call: &mut Call<'_>, fd: u32) -> Result<Arc<str>> {
    match &call.context.descriptors.get(fd)?.kind {
        Kind::Dir(open) => open.preopen.clone().ok_or_else(|| Errno::Badf.into()),
        Kind::File(_) => Err(Errno::Badf.into()),
    }
}

pub(crate) fn fd_renumber(call: &mut Call<'_>, fd: u32, to: u32) -> Result<()> {
    call.context.descriptors.renumber(fd, to)
}

/// Lists a directory from a place on, as many entries as fit the buffer, the last of them cut off.
pub(crate) fn fd_readdir(
    call: &mut Call<'_>,
    fd: u32,
    buf: Ptr,
    buf_len: u32,
    cookie: u64,
    out: Ptr,
) -> Result<()> {
    let open = call.context.descriptors.open_dir(fd, Rights::FD_READDIR)?;
    let listing = match &mut open.listing {
        Some(listing) => listing,
        none => none.insert(Listing::of(&*open.dir, call.account)?),
    };
    let work = &mut Work {
        meter: call.meter,
        account: call.account,
    };
    let used = call.memory.fill(buf, buf_len, |buf| {
        let mut at = cookie;
        let mut used = 0;
        while used < buf.len() {
            let entries = listing.from(at, work)?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                let mut head = [0; DIRENT_BYTES];
                head[0..8].copy_from_slice(&entry.next.to_le_bytes());
                head[8..16].copy_from_slice(&entry.inode.to_le_bytes());
                head[16..20].copy_from_slice(&u32::try_from(entry.name.len())?.to_le_bytes());
                head[20] = filetype_of(entry.filetype) as u8;
                for part in [&head[..], entry.name.as_bytes()] {
                    let fits = part.len().min(buf.len() - used);
                    buf[used..used + fits].copy_from_slice(&part[..fits]);
                    used += fits;
                }
                at = entry.next;
                if used == buf.len() {
                    break;
                }
            }
        }
        Ok(used)
    })?;
    call.memory.owe_bytes(used);
    call.put(out.0, u32::try_from(used)?)
}

pub(super) fn filetype_of(filetype: FileType) -> Filetype {
    Filetype::from(&filetype)
}

/// What a program gets to know of a file. A time before 1970, which WASI cannot say, is 1970.
pub(super) fn filestat_of(stat: &Filestat) -> types::Filestat {
    types::Filestat {
        dev: stat.device_id,
        ino: stat.inode,
        filetype: filetype_of(stat.filetype),
        nlink: stat.nlink,
        size: stat.size,
        atim: nanos(stat.atim),
        mtim: nanos(stat.mtim),
        ctim: nanos(stat.ctim),
    }
}

fn nanos(time: Option<SystemTime>) -> u64 {
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}
