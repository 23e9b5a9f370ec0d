//! Files and directories of the host: wasi-common's over cap-std, which keeps every path within
//! its directory. What wasi-common gets wrong is put right here.

use std::any::Any;
use std::future::Future;
use std::io::{IoSlice, IoSliceMut, SeekFrom};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use cap_std::time::SystemTime;
use wasi_common::dir::ReaddirCursor;
use wasi_common::sync::dir::{self as common_dir, OpenResult};
use wasi_common::sync::file as common_file;
use wasi_common::{SystemTimeSpec, WasiDir, WasiFile};

use super::{
    Advice, Dir, FdFlags, File, FileType, Filestat, Interest, Listed, NewTime, Node, OFlags, Open,
    Readiness,
};
use crate::wasi::fault::{Errno, Result};
use crate::wasi::wait::is_ready;

/// The output of a future of wasi-common's. Without an executor of tasks all of them are ready at
/// once.
fn now<T>(future: impl Future<Output = Result<T, wasi_common::Error>>) -> Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output?),
        Poll::Pending => Err(Errno::Again.into()),
    }
}

fn spec(time: Option<NewTime>) -> Option<SystemTimeSpec> {
    time.map(|time| match time {
        NewTime::Now => SystemTimeSpec::SymbolicNow,
        NewTime::At(time) => SystemTimeSpec::Absolute(SystemTime::from_std(time)),
    })
}

/// A file of the host, or a stream that the host has a descriptor for.
pub(in crate::wasi) struct HostFile {
    file: Box<dyn WasiFile>,
    filetype: FileType,
    seekable: bool,
    /// Flags that have each write reach the disk before it is done.
    synced: FdFlags,
    /// Whether a stream refuses to wait. Only this file does: whoever else has the stream, such as
    /// the shell that lent its terminal, is not to find it changed.
    nonblocking: bool,
}

impl HostFile {
    /// A file of the standard library's, or a pipe, a terminal or a socket that looks like one.
    pub(in crate::wasi) fn from_std(file: std::fs::File) -> Self {
        Self::new(Box::new(common_file::File::from_cap_std(
            cap_std::fs::File::from_std(file),
        )))
    }

    fn new(file: Box<dyn WasiFile>) -> Self {
        let filetype = now(file.get_filetype()).unwrap_or(FileType::Unknown);
        let seekable = match filetype {
            FileType::RegularFile => true,
            // A terminal has no position, although it may claim one.
            FileType::CharacterDevice => !file.isatty() && has_position(&*file),
            _ => has_position(&*file),
        };
        Self {
            file,
            filetype,
            seekable,
            synced: FdFlags::empty(),
            nonblocking: false,
        }
    }
}

impl HostFile {
    /// That a stream which refuses to wait need not.
    fn check_waits(&self, interest: Interest) -> Result<()> {
        if self.nonblocking && !is_ready(self, interest)? {
            return Err(Errno::Again.into());
        }
        Ok(())
    }

    /// The size of a write, once it is where the flags want it.
    fn stored(&self, written: u64) -> Result<usize> {
        if !self.synced.is_empty() {
            self.sync(!self.synced.contains(FdFlags::DSYNC))?;
        }
        size(written)
    }
}

/// Whether a path can only be that of a directory.
fn means_dir(path: &str) -> bool {
    path.ends_with('/') || path.ends_with("/.")
}

/// Whether a path leads to something that is neither a file nor a directory, a link or a device.
fn is_pipe(dir: &common_dir::Dir, path: &str, follow: bool) -> bool {
    let found = now(dir.get_path_filestat(path, follow));
    matches!(found, Ok(stat) if stat.filetype == FileType::Unknown)
}

fn has_position(file: &dyn WasiFile) -> bool {
    now(file.seek(SeekFrom::Current(0))).is_ok()
}

impl File for HostFile {
    fn filetype(&self) -> Result<FileType> {
        Ok(self.filetype)
    }

    fn stat(&self) -> Result<Filestat> {
        now(self.file.get_filestat())
    }

    fn is_seekable(&self) -> bool {
        self.seekable
    }

    fn readiness(&self, _interest: Interest) -> Readiness<'_> {
        if self.filetype == FileType::RegularFile {
            return Readiness::Ready {
                bytes: self.file.num_ready_bytes().unwrap_or(0),
                hangup: false,
            };
        }
        #[cfg(unix)]
        if let Some(fd) = self.file.pollable() {
            return Readiness::Ask(fd);
        }
        Readiness::Ready {
            bytes: 0,
            hangup: false,
        }
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.check_waits(Interest::Read)?;
        size(now(self.file.read_vectored(&mut [IoSliceMut::new(buf)]))?)
    }

    fn read_at(&mut self, buf: &mut [u8], at: u64) -> Result<usize> {
        size(now(self
            .file
            .read_vectored_at(&mut [IoSliceMut::new(buf)], at))?)
    }

    fn write(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        self.check_waits(Interest::Write)?;
        let written = now(self.file.write_vectored(bufs))?;
        self.stored(written)
    }

    fn write_at(&mut self, bufs: &[IoSlice<'_>], at: u64) -> Result<usize> {
        let written = now(self.file.write_vectored_at(bufs, at))?;
        self.stored(written)
    }

    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        if !self.seekable {
            return Err(Errno::Spipe.into());
        }
        now(self.file.seek(to))
    }

    fn flags(&self) -> Result<FdFlags> {
        let mut flags = now(self.file.get_fdflags())? | self.synced;
        flags.set(
            FdFlags::NONBLOCK,
            flags.contains(FdFlags::NONBLOCK) || self.nonblocking,
        );
        Ok(flags)
    }

    fn set_flags(&mut self, flags: FdFlags) -> Result<()> {
        if self.filetype != FileType::RegularFile {
            self.nonblocking = flags.contains(FdFlags::NONBLOCK);
            return Ok(());
        }
        now(self.file.set_fdflags(flags))
    }

    fn set_size(&mut self, size: u64) -> Result<()> {
        now(self.file.set_filestat_size(size))
    }

    fn set_times(&mut self, accessed: Option<NewTime>, modified: Option<NewTime>) -> Result<()> {
        now(self.file.set_times(spec(accessed), spec(modified)))
    }

    fn advise(&self, at: u64, len: u64, advice: Advice) -> Result<()> {
        now(self.file.advise(at, len, advice))
    }

    fn sync(&self, all: bool) -> Result<()> {
        if all {
            now(self.file.sync())
        } else {
            now(self.file.datasync())
        }
    }
}

fn size(bytes: u64) -> Result<usize> {
    Ok(usize::try_from(bytes)?)
}

/// A directory of the host.
pub(in crate::wasi) struct HostDir(common_dir::Dir);

impl HostDir {
    pub(in crate::wasi) fn new(dir: cap_std::fs::Dir) -> Self {
        Self(common_dir::Dir::from_cap_std(dir))
    }

    /// The directory of another descriptor, which has to be one of the host too.
    fn of(dir: &dyn Dir) -> Result<&Self> {
        dir.target()?
            .downcast_ref()
            .ok_or_else(|| Errno::Xdev.into())
    }
}

impl Dir for HostDir {
    fn target(&self) -> Result<&dyn Any> {
        Ok(self)
    }

    fn open(&self, path: &str, open: Open) -> Result<Node> {
        let Open {
            follow,
            mut how,
            read,
            write,
            flags,
        } = open;
        if how.contains(OFlags::DIRECTORY)
            && how.intersects(OFlags::CREATE | OFlags::EXCLUSIVE | OFlags::TRUNCATE)
        {
            return Err(Errno::Inval.into());
        }
        // Opening a pipe could wait for ever, where nobody could end it.
        if is_pipe(&self.0, path, follow) {
            return Err(Errno::Notsup.into());
        }
        // cap-std refuses to truncate a file that it opens to append, and to truncate one that it
        // does not open to write.
        let truncates =
            how.contains(OFlags::TRUNCATE) && (flags.contains(FdFlags::APPEND) || !write);
        if truncates {
            how.remove(OFlags::TRUNCATE);
        }
        // Nor does wasi-common take the flags of files whose writes are to reach the disk at once.
        let synced = flags & (FdFlags::SYNC | FdFlags::DSYNC | FdFlags::RSYNC);
        // With this flag it loses the others; and a directory has none.
        let mut kept = flags - synced - FdFlags::NONBLOCK;
        if how.contains(OFlags::DIRECTORY) {
            kept.remove(FdFlags::APPEND);
        }
        let write = write || truncates;
        match self.0.open_file_(follow, path, how, read, write, kept)? {
            OpenResult::Dir(dir) => Ok(Node::Dir(Arc::new(Self(dir)))),
            OpenResult::File(file) => {
                let mut file = HostFile::new(Box::new(file));
                if truncates {
                    file.set_size(0)?;
                }
                if flags.contains(FdFlags::NONBLOCK) {
                    file.set_flags(kept | FdFlags::NONBLOCK)?;
                }
                file.synced = synced;
                Ok(Node::File(Box::new(file)))
            }
        }
    }

    fn stat(&self) -> Result<Filestat> {
        now(WasiDir::get_filestat(&self.0))
    }

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat> {
        // cap-std drops the end of `link/` and `file/`, which mean what a directory's name means.
        let is_dir = means_dir(path);
        let stat = now(self.0.get_path_filestat(path, follow || is_dir))?;
        if is_dir && stat.filetype != FileType::Directory {
            return Err(Errno::Notdir.into());
        }
        Ok(stat)
    }

    fn list(&self) -> Result<Vec<Listed>> {
        // Its first two entries are `.` and `..`.
        let entries = now(self.0.readdir(ReaddirCursor::from(2)))?;
        let mut listed = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => listed.push(Listed {
                    name: entry.name,
                    inode: entry.inode,
                    filetype: entry.filetype,
                }),
                // A name that is no text cannot be told, and a file that went away in between
                // need not be: neither hides the others.
                Err(error) => match error.downcast() {
                    Ok(Errno::Ilseq | Errno::Noent) => {}
                    Ok(errno) => return Err(errno.into()),
                    Err(_) => return Err(Errno::Io.into()),
                },
            }
        }
        Ok(listed)
    }

    fn read_link(&self, path: &str) -> Result<String> {
        let target = now(WasiDir::read_link(&self.0, path))?;
        let target = target.into_os_string().into_string();
        target.map_err(|_| Errno::Ilseq.into())
    }

    fn set_times(
        &self,
        path: &str,
        accessed: Option<NewTime>,
        modified: Option<NewTime>,
        follow: bool,
    ) -> Result<()> {
        now(WasiDir::set_times(
            &self.0,
            path,
            spec(accessed),
            spec(modified),
            follow,
        ))
    }

    fn create_dir(&self, path: &str) -> Result<()> {
        now(WasiDir::create_dir(&self.0, path))
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        // cap-std takes `dir/` for the `.` in it, which cannot be removed.
        let path = match path.trim_end_matches('/') {
            "" => path,
            trimmed => trimmed,
        };
        now(WasiDir::remove_dir(&self.0, path))
    }

    fn unlink(&self, path: &str) -> Result<()> {
        now(self.0.unlink_file(path))
    }

    fn symlink(&self, target: &str, path: &str) -> Result<()> {
        now(WasiDir::symlink(&self.0, target, path))
    }

    fn link(&self, from: &str, to: &dyn Dir, path: &str) -> Result<()> {
        self.0.hard_link_(from, &Self::of(to)?.0, path)?;
        Ok(())
    }

    fn rename(&self, from: &str, to: &dyn Dir, path: &str) -> Result<()> {
        let to = Self::of(to)?;
        // Only a directory can come to be called `new/`; cap-std drops the end of it.
        if means_dir(path) {
            self.stat_at(from, false)
                .and_then(|stat| match stat.filetype {
                    FileType::Directory => Ok(()),
                    _ => Err(Errno::Notdir.into()),
                })?;
        }
        self.0.rename_(from, &to.0, path)?;
        Ok(())
    }
}
