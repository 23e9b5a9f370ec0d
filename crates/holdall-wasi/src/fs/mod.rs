//! What descriptors stand for: files, streams and directories, as the functions of WASI use them,
//! and the implementations: of the host ([`host`]), in memory ([`memory`]), and streams
//! ([`stream`]); [`read_only`] and [`fixed`] change what another directory does.

pub(super) mod fixed;
pub(super) mod host;
pub(super) mod memory;
pub(super) mod read_only;
mod reasons;
pub(super) mod stream;

use std::any::Any;
use std::io::{IoSlice, SeekFrom};
use std::sync::Arc;
use std::time::SystemTime;

pub(super) use wasi_common::file::{Advice, FdFlags, FileType, OFlags};

use super::fault::{Errno, Result};
use holdall::provide::{Account, Meter};

/// The longest path, in bytes: as on Linux, without the zero that ends it there.
pub const MAX_PATH_BYTES: usize = 4095;

/// The number of symbolic links that a path may lead through, as Linux has it.
const MAX_LINKS: usize = 40;

/// What a descriptor stands for.
pub(super) enum Node {
    /// A file or a stream.
    File(Box<dyn File>),
    /// A directory.
    Dir(Arc<dyn Dir>),
}

/// What somebody wants to do with a file, when it may have to wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    Read,
    Write,
}

/// Whether a file can be read or written without waiting.
pub(super) enum Readiness<'a> {
    /// It can. The number says how many bytes are known to be there to be read.
    Ready {
        bytes: u64,
        /// Nobody is at the other end any more.
        hangup: bool,
    },
    /// It can not now; to be asked again.
    NotYet,
    /// The operating system knows.
    #[cfg(unix)]
    Ask(std::os::fd::BorrowedFd<'a>),
    #[cfg(not(unix))]
    Ask(&'a ()),
}

/// A time that a file is to have.
#[derive(Clone, Copy, Debug)]
pub(super) enum NewTime {
    Now,
    At(SystemTime),
}

/// How a file is to be opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) follow: bool,
    pub(super) how: OFlags,
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) flags: FdFlags,
}

/// What is known of a file. Times that nobody knows are none.
#[derive(Clone, Debug)]
pub(super) struct Filestat {
    pub(super) device_id: u64,
    pub(super) inode: u64,
    pub(super) filetype: FileType,
    pub(super) nlink: u64,
    /// In bytes.
    pub(super) size: u64,
    pub(super) atim: Option<SystemTime>,
    pub(super) mtim: Option<SystemTime>,
    /// When anything of it was changed last, names and rights included.
    pub(super) ctim: Option<SystemTime>,
    /// When it was created, where its inode number may be given again.
    pub(super) born: Option<SystemTime>,
}

impl Filestat {
    pub(super) fn is_dir(&self) -> bool {
        self.filetype == FileType::Directory
    }
}

/// An entry of a directory.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) inode: u64,
    pub(super) filetype: FileType,
    /// The place behind it, from which a listing goes on.
    pub(super) next: u64,
}

/// What the account of a store calls what is kept of directories.
pub(super) const LISTING: &str = "the listing of a directory";

impl Listed {
    /// What it takes to keep it, in bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.name.capacity()
    }
}

/// The entries of a directory, in pieces. `.` and `..` are among them, and both are the directory
/// itself: what is above a granted directory is nothing that a guest is told of.
pub(super) trait Entries: Send {
    /// The entries from a place on, as many as come at once; none at the end. The place is 0, the
    /// beginning, or one behind an entry of this directory. An entry that is there all the while
    /// comes once, whatever is added and removed in between.
    ///
    /// # Errors
    ///
    /// Those of the file system, perhaps for a place that nobody gave; `ENOMEM` for a directory that
    /// has to be kept whole, and is too large for that; the guest's end.
    fn read(&mut self, from: u64, work: &mut Work<'_>) -> Result<Vec<Listed>>;
}

/// What work for a guest is paid from.
pub(super) struct Work<'a> {
    pub(super) meter: &'a mut Meter,
    /// What is kept for the guest counts there.
    pub(super) account: &'a Account,
}

impl Work<'_> {
    /// Pays units of fuel for what was done, and looks whether the guest is to end.
    pub(super) fn pay(&mut self, units: u64) -> Result<()> {
        self.meter.spend(units)?;
        Ok(self.meter.check()?)
    }
}

/// An open file or a stream. What a kind of file does not do has an error number of its own.
pub(super) trait File: Send {
    fn filetype(&self) -> Result<FileType>;

    fn stat(&self) -> Result<Filestat> {
        Ok(Filestat {
            device_id: 0,
            inode: 0,
            filetype: self.filetype()?,
            nlink: 1,
            size: 0,
            atim: None,
            mtim: None,
            ctim: None,
            born: None,
        })
    }

    /// Whether it has a position of its own, and its bytes are all there at once. A stream has no
    /// position that a program may set, and may have to wait for its bytes.
    fn is_seekable(&self) -> bool {
        false
    }

    /// Whether it can be read or written now.
    fn readiness(&self, _interest: Interest) -> Readiness<'_> {
        Readiness::Ready {
            bytes: 0,
            hangup: false,
        }
    }

    /// Reads at the position, which moves. 0 at the end. A stream that has to wait for bytes waits
    /// for as long as the guest may go on.
    fn read(&mut self, _buf: &mut [u8], _meter: &Meter) -> Result<usize> {
        Err(Errno::Badf.into())
    }

    fn read_at(&mut self, _buf: &mut [u8], _at: u64) -> Result<usize> {
        Err(Errno::Spipe.into())
    }

    /// Writes at the position, which moves, or at the end where the flags say so. A stream that has
    /// to wait for room waits for as long as the guest may go on.
    fn write(&mut self, _bufs: &[IoSlice<'_>], _meter: &Meter) -> Result<usize> {
        Err(Errno::Badf.into())
    }

    /// Counts what is kept of what is written from now on in the account of the store whose guest
    /// writes.
    fn count_in(&mut self, _account: &Account) {}

    fn write_at(&mut self, _bufs: &[IoSlice<'_>], _at: u64) -> Result<usize> {
        Err(Errno::Spipe.into())
    }

    fn seek(&mut self, _to: SeekFrom) -> Result<u64> {
        Err(Errno::Spipe.into())
    }

    fn flags(&self) -> Result<FdFlags> {
        Ok(FdFlags::empty())
    }

    fn set_flags(&mut self, _flags: FdFlags) -> Result<()> {
        Err(Errno::Notsup.into())
    }

    fn set_size(&mut self, _size: u64) -> Result<()> {
        Err(Errno::Inval.into())
    }

    fn set_times(&mut self, _accessed: Option<NewTime>, _modified: Option<NewTime>) -> Result<()> {
        Err(Errno::Notsup.into())
    }

    fn advise(&self, _at: u64, _len: u64, _advice: Advice) -> Result<()> {
        Err(Errno::Spipe.into())
    }

    /// Makes sure that the bytes are stored; with `all`, what describes them too. Waits for that
    /// as long as the guest may go on.
    fn sync(&self, _all: bool, _meter: &Meter) -> Result<()> {
        Ok(())
    }
}

/// A directory, and all that is below it. Paths are relative to it and lead nowhere else; who
/// implements it sees to that.
pub(super) trait Dir: Send + Sync {
    /// The directory as what it is, for another one to rename or link into it: a directory that
    /// stands before another gives the one behind it, and one that takes no changes refuses.
    fn target(&self) -> Result<&dyn Any>;

    fn open(&self, path: &str, open: Open) -> Result<Node>;

    fn stat(&self) -> Result<Filestat>;

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat>;

    /// Whether it has no entries but itself and the one above.
    fn is_empty(&self) -> Result<bool>;

    /// Opens it to be listed.
    fn entries(&self) -> Result<Box<dyn Entries>>;

    fn read_link(&self, path: &str) -> Result<String>;

    fn set_times(
        &self,
        path: &str,
        accessed: Option<NewTime>,
        modified: Option<NewTime>,
        follow: bool,
    ) -> Result<()>;

    fn create_dir(&self, path: &str) -> Result<()>;

    fn remove_dir(&self, path: &str) -> Result<()>;

    fn unlink(&self, path: &str) -> Result<()>;

    /// Makes `path` a symbolic link that holds `target`.
    fn symlink(&self, target: &str, path: &str) -> Result<()>;

    /// Makes `path` in `to` another name of a file here.
    fn link(&self, from: &str, to: &dyn Dir, path: &str) -> Result<()>;

    fn rename(&self, from: &str, to: &dyn Dir, path: &str) -> Result<()>;
}

/// All entries of a directory but itself and the one above, for tests.
#[cfg(test)]
fn listed(dir: &dyn Dir) -> Result<Vec<Listed>> {
    let limits = holdall::Limits::new();
    let work = &mut Work {
        meter: &mut Meter::new(&limits, false),
        account: &Account::new(&limits, None),
    };
    let mut entries = dir.entries()?;
    let mut all = Vec::<Listed>::new();
    loop {
        let piece = entries.read(all.last().map_or(0, |last| last.next), work)?;
        if piece.is_empty() {
            all.retain(|entry| entry.name != "." && entry.name != "..");
            return Ok(all);
        }
        all.extend(piece);
    }
}
