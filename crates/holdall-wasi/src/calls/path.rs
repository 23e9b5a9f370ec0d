//! Functions of a path below a directory.

#![allow(clippy::too_many_arguments, reason = "WASI's functions have so many")]

use wasi_common::snapshots::preview_1::types::{Fdflags, Fstflags, Lookupflags, Oflags, Rights};

use super::fd::{filestat_of, times};
use super::{Call, Errno, Ptr, Result, path};
use crate::audit::place::join;
use crate::descriptors::Descriptor;
use crate::fs::read_only::{refuse_link, refuse_rename};
use crate::fs::{FdFlags, Filestat, MAX_PATH_BYTES, OFlags, Open};

fn follows(flags: Lookupflags) -> bool {
    flags.contains(Lookupflags::SYMLINK_FOLLOW)
}

pub(crate) fn path_create_directory(call: &mut Call<'_>, fd: u32, at: Ptr, len: u32) -> Result<()> {
    let right = Rights::PATH_CREATE_DIRECTORY;
    let (dir, _) = call.context.descriptors.dir(fd, right)?;
    dir.create_dir(path(&call.memory, at, len)?)
}

pub(crate) fn path_filestat_get(
    call: &mut Call<'_>,
    fd: u32,
    flags: Lookupflags,
    at: Ptr,
    len: u32,
    out: Ptr,
) -> Result<()> {
    let stat = stat(call, fd, flags, at, len)?;
    call.put(out.0, filestat_of(&stat))
}

pub(super) fn stat(
    call: &mut Call<'_>,
    fd: u32,
    flags: Lookupflags,
    at: Ptr,
    len: u32,
) -> Result<Filestat> {
    let right = Rights::PATH_FILESTAT_GET;
    let (dir, _) = call.context.descriptors.dir(fd, right)?;
    dir.stat_at(path(&call.memory, at, len)?, follows(flags))
}

pub(crate) fn path_filestat_set_times(
    call: &mut Call<'_>,
    fd: u32,
    flags: Lookupflags,
    at: Ptr,
    len: u32,
    atim: u64,
    mtim: u64,
    fst_flags: Fstflags,
) -> Result<()> {
    let right = Rights::PATH_FILESTAT_SET_TIMES;
    let (dir, _) = call.context.descriptors.dir(fd, right)?;
    let (accessed, modified) = times(atim, mtim, fst_flags)?;
    let path = path(&call.memory, at, len)?;
    dir.set_times(path, accessed, modified, follows(flags))
}

pub(crate) fn path_link(
    call: &mut Call<'_>,
    old_fd: u32,
    old_flags: Lookupflags,
    old: Ptr,
    old_len: u32,
    new_fd: u32,
    new: Ptr,
    new_len: u32,
) -> Result<()> {
    let descriptors = &mut call.context.descriptors;
    let (from, _) = descriptors.dir(old_fd, Rights::PATH_LINK_SOURCE)?;
    let (to, _) = descriptors.dir(new_fd, Rights::PATH_LINK_TARGET)?;
    if follows(old_flags) {
        return Err(Errno::Inval.into());
    }
    let (old, new) = (
        path(&call.memory, old, old_len)?,
        path(&call.memory, new, new_len)?,
    );
    // What takes no changes says why not, wherever the link is to lead from.
    match to.target() {
        Ok(_) => from.link(old, &*to, new),
        Err(_) => refuse_link(&*from, old, &*to, new),
    }
}

pub(crate) fn path_open(
    call: &mut Call<'_>,
    fd: u32,
    dirflags: Lookupflags,
    at: Ptr,
    len: u32,
    oflags: Oflags,
    base: Rights,
    _inheriting: Rights,
    fdflags: Fdflags,
    out: Ptr,
) -> Result<()> {
    let descriptors = &mut call.context.descriptors;
    let mut needed = Rights::PATH_OPEN;
    if oflags.contains(Oflags::CREAT) {
        needed |= Rights::PATH_CREATE_FILE;
    }
    if oflags.contains(Oflags::TRUNC) {
        needed |= Rights::PATH_FILESTAT_SET_SIZE;
    }
    let (dir, inheriting) = descriptors.dir(fd, needed)?;
    if !inheriting.contains(base & (Rights::FD_READ | Rights::FD_WRITE)) {
        return Err(Errno::Notcapable.into());
    }
    let most = call.context.max_descriptors;
    // Nothing is created or truncated by a call that cannot succeed.
    if descriptors.open() >= most || *call.open_descriptors >= call.limits.open_descriptors {
        return Err(Errno::Mfile.into());
    }
    let (read, write) = (
        base.contains(Rights::FD_READ),
        base.contains(Rights::FD_WRITE),
    );
    let open = Open {
        follow: follows(dirflags),
        how: OFlags::from(&oflags),
        read,
        write,
        flags: FdFlags::from(fdflags),
    };
    let path = path(&call.memory, at, len)?;
    let node = dir.open(path, open)?;
    let name = name(&descriptors.get(fd)?.name, path);
    let descriptor = Descriptor::of(node, read, write, inheriting).named(name);
    let opened = descriptors.add(descriptor, most)?;
    call.put(out.0, opened)
}

/// What a message calls what was opened. What is too long for a path is called by its end: a guest
/// can open ever deeper directories through one another.
fn name(dir: &str, path: &str) -> String {
    let whole = join(dir, path);
    if whole.len() > MAX_PATH_BYTES {
        path.to_owned()
    } else {
        whole
    }
}

pub(crate) fn path_readlink(
    call: &mut Call<'_>,
    fd: u32,
    at: Ptr,
    len: u32,
    buf: Ptr,
    buf_len: u32,
    out: Ptr,
) -> Result<()> {
    let right = Rights::PATH_READLINK;
    let (dir, _) = call.context.descriptors.dir(fd, right)?;
    let target = dir.read_link(path(&call.memory, at, len)?)?;
    // What does not fit is left out, as POSIX has it.
    let size = buf_len.min(u32::try_from(target.len())?);
    let bytes = &target.as_bytes()[..size as usize];
    call.memory.put_bytes(buf, bytes)?;
    call.put(out.0, size)
}

pub(crate) fn path_remove_directory(call: &mut Call<'_>, fd: u32, at: Ptr, len: u32) -> Result<()> {
    let right = Rights::PATH_REMOVE_DIRECTORY;
    let (dir, _) = call.context.descriptors.dir(fd, right)?;
    dir.remove_dir(path(&call.memory, at, len)?)
}

pub(crate) fn path_rename(
    call: &mut Call<'_>,
    old_fd: u32,
    old: Ptr,
    old_len: u32,
    new_fd: u32,
    new: Ptr,
    new_len: u32,
) -> Result<()> {
    let descriptors = &mut call.context.descriptors;
    let (from, _) = descriptors.dir(old_fd, Rights::PATH_RENAME_SOURCE)?;
    let (to, _) = descriptors.dir(new_fd, Rights::PATH_RENAME_TARGET)?;
    let (old, new) = (
        path(&call.memory, old, old_len)?,
        path(&call.memory, new, new_len)?,
    );
    match to.target() {
        Ok(_) => from.rename(old, &*to, new),
        Err(_) => refuse_rename(&*from, old, &*to, new),
    }
}

pub(crate) fn path_symlink(
    call: &mut Call<'_>,
    target: Ptr,
    target_len: u32,
    fd: u32,
    at: Ptr,
    len: u32,
) -> Result<()> {
    let (dir, _) = call.context.descriptors.dir(fd, Rights::PATH_SYMLINK)?;
    let target = path(&call.memory, target, target_len)?;
    dir.symlink(target, path(&call.memory, at, len)?)
}

pub(crate) fn path_unlink_file(call: &mut Call<'_>, fd: u32, at: Ptr, len: u32) -> Result<()> {
    let right = Rights::PATH_UNLINK_FILE;
    let (dir, _) = call.context.descriptors.dir(fd, right)?;
    dir.unlink(path(&call.memory, at, len)?)
}
