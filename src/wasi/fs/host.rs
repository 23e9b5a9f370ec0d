//! Files and directories of the host: wasi-common's over cap-std, which keeps every path within
//! its directory. What wasi-common gets wrong is put right here.

use std::any::Any;
use std::future::Future;
use std::io::{IoSlice, IoSliceMut, SeekFrom};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use cap_fs_ext::{
    DirExt, FollowSymlinks, MetadataExt, OpenOptionsFollowExt, OpenOptionsMaybeDirExt,
    OpenOptionsSyncExt,
};
use cap_std::fs::OpenOptions;
use cap_std::time::SystemTime;
use wasi_common::dir::ReaddirCursor;
use wasi_common::sync::dir as common_dir;
use wasi_common::sync::file as common_file;
use wasi_common::{SystemTimeSpec, WasiDir, WasiFile};

use super::stream::HostStream;
use super::{
    Advice, Dir, FdFlags, File, FileType, Filestat, Interest, Listed, NewTime, Node, OFlags, Open,
    Readiness,
};
use crate::limits::Meter;
use crate::wasi::fault::{Errno, Result};
use crate::wasi::wait::Aside;

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

/// A file of the host that has a position and never waits. What waits is a
/// [`HostStream`](super::stream).
pub(in crate::wasi) struct HostFile {
    file: common_file::File,
    filetype: FileType,
    /// Whether it refuses to wait, which says nothing of what never waits. It is told as it was set.
    nonblocking: bool,
}

/// What is known of a file.
pub(super) fn filestat(metadata: &cap_std::fs::Metadata) -> Filestat {
    let time = |time: std::io::Result<SystemTime>| time.ok().map(SystemTime::into_std);
    Filestat {
        device_id: metadata.dev(),
        inode: metadata.ino(),
        filetype: common_file::filetype_from(&metadata.file_type()),
        nlink: metadata.nlink(),
        size: metadata.len(),
        atim: time(metadata.accessed()),
        mtim: time(metadata.modified()),
        ctim: time(metadata.created()),
    }
}

/// Whether a path can only be that of a directory.
fn means_dir(path: &str) -> bool {
    path.ends_with('/') || path.ends_with("/.")
}

fn has_position(file: &common_file::File) -> bool {
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
        true
    }

    fn readiness(&self, _interest: Interest) -> Readiness<'_> {
        Readiness::Ready {
            bytes: self.file.num_ready_bytes().unwrap_or(0),
            hangup: false,
        }
    }

    fn read(&mut self, buf: &mut [u8], _: &Meter) -> Result<usize> {
        size(now(self.file.read_vectored(&mut [IoSliceMut::new(buf)]))?)
    }

    fn read_at(&mut self, buf: &mut [u8], at: u64) -> Result<usize> {
        size(now(self
            .file
            .read_vectored_at(&mut [IoSliceMut::new(buf)], at))?)
    }

    fn write(&mut self, bufs: &[IoSlice<'_>], _: &Meter) -> Result<usize> {
        size(now(self.file.write_vectored(bufs))?)
    }

    fn write_at(&mut self, bufs: &[IoSlice<'_>], at: u64) -> Result<usize> {
        size(now(self.file.write_vectored_at(bufs, at))?)
    }

    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        now(self.file.seek(to))
    }

    fn flags(&self) -> Result<FdFlags> {
        let mut flags = now(self.file.get_fdflags())?;
        flags.set(FdFlags::NONBLOCK, self.nonblocking);
        Ok(flags)
    }

    fn set_flags(&mut self, flags: FdFlags) -> Result<()> {
        // The description is this file's alone: it was opened for the guest.
        if self.filetype == FileType::RegularFile {
            now(self.file.set_fdflags(flags))?;
        }
        self.nonblocking = flags.contains(FdFlags::NONBLOCK);
        Ok(())
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

    fn sync(&self, all: bool, meter: &Meter) -> Result<()> {
        #[cfg(unix)]
        if meter.is_interruptible() {
            let fd = self.file.pollable().ok_or(Errno::Badf)?;
            let file = std::fs::File::from(fd.try_clone_to_owned()?);
            let sync = move || {
                if all {
                    file.sync_all()
                } else {
                    file.sync_data()
                }
            };
            return Ok(Aside::start(sync)?.outcome(meter)??);
        }
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
pub(in crate::wasi) struct HostDir(cap_std::fs::Dir);

impl HostDir {
    pub(in crate::wasi) fn new(dir: cap_std::fs::Dir) -> Self {
        Self(dir)
    }

    /// The directory as wasi-common has it, for what takes it more than one call.
    fn common(&self) -> Result<common_dir::Dir> {
        Ok(common_dir::Dir::from_cap_std(self.0.try_clone()?))
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
            how,
            read,
            write,
            flags,
        } = open;
        if how.contains(OFlags::DIRECTORY)
            && how.intersects(OFlags::CREATE | OFlags::EXCLUSIVE | OFlags::TRUNCATE)
        {
            return Err(Errno::Inval.into());
        }
        // cap-std refuses to truncate a file that it opens to append, and to truncate one that it
        // does not open to write.
        let append = flags.contains(FdFlags::APPEND) && !how.contains(OFlags::DIRECTORY);
        let truncates = how.contains(OFlags::TRUNCATE);
        let truncates_later = truncates && (append || !write);
        let creates = how.contains(OFlags::CREATE);
        let mut options = OpenOptions::new();
        options
            .maybe_dir(true)
            .follow(if follow {
                FollowSymlinks::Yes
            } else {
                FollowSymlinks::No
            })
            .read(read || !write)
            .write(write || creates || truncates)
            .append(append)
            .create(creates)
            .create_new(creates && how.contains(OFlags::EXCLUSIVE))
            .truncate(truncates && !truncates_later)
            .sync(flags.intersects(FdFlags::SYNC | FdFlags::RSYNC))
            .dsync(flags.contains(FdFlags::DSYNC))
            // To open a pipe could wait for ever, where nobody could end it.
            .nonblock(true);
        let file = self.0.open_with(path, &options)?;
        let filetype = common_file::filetype_from(&file.metadata()?.file_type());
        if filetype == FileType::Directory {
            let dir = cap_std::fs::Dir::from_std_file(file.into_std());
            return Ok(Node::Dir(Arc::new(Self(dir))));
        }
        if how.contains(OFlags::DIRECTORY) {
            return Err(Errno::Notdir.into());
        }
        // A terminal has no position, although it may claim one.
        let file = common_file::File::from_cap_std(file);
        if filetype == FileType::CharacterDevice && (file.isatty() || !has_position(&file)) {
            let file = file.pollable().ok_or(Errno::Badf)?.try_clone_to_owned()?;
            return Ok(Node::File(Box::new(HostStream::own(file.into(), flags))));
        }
        let mut file = HostFile {
            file,
            filetype,
            nonblocking: flags.contains(FdFlags::NONBLOCK),
        };
        match filetype {
            // A device goes on to refuse to wait, as nobody could end that.
            FileType::RegularFile | FileType::CharacterDevice => {}
            // Pipes and sockets are met by chance only, and nobody is at their other end.
            _ => return Err(Errno::Notsup.into()),
        }
        if truncates_later {
            file.set_size(0)?;
        }
        Ok(Node::File(Box::new(file)))
    }

    fn stat(&self) -> Result<Filestat> {
        Ok(filestat(&self.0.dir_metadata()?))
    }

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat> {
        // cap-std drops the end of `link/` and `file/`, which mean what a directory's name means.
        let is_dir = means_dir(path);
        let stat = filestat(&if follow || is_dir {
            self.0.metadata(path)?
        } else {
            self.0.symlink_metadata(path)?
        });
        if is_dir && stat.filetype != FileType::Directory {
            return Err(Errno::Notdir.into());
        }
        Ok(stat)
    }

    fn list(&self) -> Result<Vec<Listed>> {
        // Its first two entries are `.` and `..`.
        let entries = now(self.common()?.readdir(ReaddirCursor::from(2)))?;
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
        let target = self.0.read_link(path)?;
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
            &self.common()?,
            path,
            spec(accessed),
            spec(modified),
            follow,
        ))
    }

    fn create_dir(&self, path: &str) -> Result<()> {
        Ok(self.0.create_dir(path)?)
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        // cap-std takes `dir/` for the `.` in it, which cannot be removed.
        let path = match path.trim_end_matches('/') {
            "" => path,
            trimmed => trimmed,
        };
        Ok(self.0.remove_dir(path)?)
    }

    fn unlink(&self, path: &str) -> Result<()> {
        Ok(self.0.remove_file_or_symlink(path)?)
    }

    fn symlink(&self, target: &str, path: &str) -> Result<()> {
        Ok(DirExt::symlink(&self.0, target, path)?)
    }

    fn link(&self, from: &str, to: &dyn Dir, path: &str) -> Result<()> {
        Ok(self.0.hard_link(from, &Self::of(to)?.0, path)?)
    }

    fn rename(&self, from: &str, to: &dyn Dir, path: &str) -> Result<()> {
        let to = Self::of(to)?;
        // Only a directory can come to be called `new/`; cap-std drops the end of it.
        if let Some(new) = path.strip_suffix('/') {
            let new = new.trim_end_matches('/');
            let parent = new.rsplit_once('/').map_or(".", |(parent, _)| parent);
            let is_file = |stat: Filestat| stat.filetype != FileType::Directory;
            if to.stat_at(parent, true).is_ok() && is_file(self.stat_at(from, false)?) {
                return Err(Errno::Notdir.into());
            }
        }
        Ok(self.0.rename(from, &to.0, path)?)
    }
}
