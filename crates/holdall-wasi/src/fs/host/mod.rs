//! Files and directories of the host: wasi-common's over cap-std, which keeps every path within
//! its directory. What wasi-common gets wrong is put right here.

mod entries;
mod host_dir;

use std::future::Future;
use std::io::{IoSlice, IoSliceMut, SeekFrom};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use cap_fs_ext::MetadataExt;
use cap_std::io_lifetimes::AsFilelike;
use cap_std::time::SystemTime;
use wasi_common::sync::file as common_file;
use wasi_common::{SystemTimeSpec, WasiFile};

use super::{Advice, FdFlags, File, FileType, Filestat, Interest, NewTime, Readiness};
use crate::fault::{Errno, Result};
use crate::wait::Aside;
use holdall::provide::Meter;

pub(crate) use host_dir::HostDir;

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
pub(crate) struct HostFile {
    file: common_file::File,
    filetype: FileType,
    /// Whether reading leaves its access time as it is, where the system allows that.
    keeps_access_time: bool,
    /// Whether it refuses to wait, which says nothing of what never waits. It is told as it was set.
    nonblocking: bool,
}

/// Has what is read through a descriptor keep its access time. The system refuses that to who does
/// not own the file, which is then read as any other.
#[cfg(target_os = "linux")]
fn keep_access_time(fd: impl std::os::fd::AsFd) {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    let flags = fcntl_getfl(&fd);
    let _ = flags.and_then(|flags| fcntl_setfl(&fd, flags | OFlags::NOATIME));
}

/// Only Linux can leave access times as they are.
#[cfg(not(target_os = "linux"))]
fn keep_access_time<T>(_fd: T) {}

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
        ctim: changed(metadata),
        born: time(metadata.created()),
    }
}

/// When anything of a file was changed last: its bytes, its names, or who may use it.
#[cfg(unix)]
fn changed(metadata: &cap_std::fs::Metadata) -> Option<std::time::SystemTime> {
    use cap_std::fs::MetadataExt;
    use std::time::{Duration, SystemTime};

    let seconds = Duration::from_secs(metadata.ctime().unsigned_abs());
    let start = if metadata.ctime() < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(seconds)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(seconds)
    };
    let nanos = u64::try_from(metadata.ctime_nsec()).ok()?;
    start?.checked_add(Duration::from_nanos(nanos))
}

/// The last change that can be had: that of the bytes.
#[cfg(not(unix))]
fn changed(metadata: &cap_std::fs::Metadata) -> Option<std::time::SystemTime> {
    metadata.modified().ok().map(SystemTime::into_std)
}

fn has_position(file: &common_file::File) -> bool {
    now(file.seek(SeekFrom::Current(0))).is_ok()
}

impl File for HostFile {
    fn filetype(&self) -> Result<FileType> {
        Ok(self.filetype)
    }

    fn stat(&self) -> Result<Filestat> {
        let file = self.file.as_filelike_view::<std::fs::File>();
        Ok(filestat(&cap_std::fs::Metadata::from_file(&file)?))
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
            // wasi-common sets its own flags and no others.
            if self.keeps_access_time {
                keep_access_time(&self.file);
            }
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
