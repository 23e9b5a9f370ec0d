//! A directory that can be read and not changed, whatever the one behind it can: every change is
//! refused with `EROFS`.

use std::any::Any;
use std::sync::Arc;

use super::{
    Dir, Entries, FdFlags, File, FileType, Filestat, Interest, NewTime, Node, OFlags, Open,
    Readiness,
};
use crate::limits::Meter;
use crate::wasi::fault::{Errno, Result};

/// A directory of which nothing below can be changed through it.
pub(in crate::wasi) struct ReadOnly(pub(in crate::wasi) Arc<dyn Dir>);

const REFUSED: Result<()> = Err(crate::wasi::fault::Fault::Errno(Errno::Rofs));

impl Dir for ReadOnly {
    fn target(&self) -> Result<&dyn Any> {
        Err(Errno::Rofs.into())
    }

    fn open(&self, path: &str, mut open: Open) -> Result<Node> {
        let creates = open.how.contains(OFlags::CREATE);
        if open.write || open.how.contains(OFlags::TRUNCATE) || open.flags.contains(FdFlags::APPEND)
        {
            return Err(Errno::Rofs.into());
        }
        // What is there already need not be created.
        open.how.remove(OFlags::CREATE);
        match self.0.open(path, open) {
            Ok(_) if creates && open.how.contains(OFlags::EXCLUSIVE) => Err(Errno::Exist.into()),
            Ok(Node::File(file)) => Ok(Node::File(Box::new(ReadOnlyFile(file)))),
            Ok(Node::Dir(dir)) => Ok(Node::Dir(Arc::new(Self(dir)))),
            Err(error) if creates && error.is(Errno::Noent) => Err(Errno::Rofs.into()),
            Err(error) => Err(error),
        }
    }

    fn stat(&self) -> Result<Filestat> {
        self.0.stat()
    }

    fn stat_at(&self, path: &str, follow: bool) -> Result<Filestat> {
        self.0.stat_at(path, follow)
    }

    fn entries(&self) -> Result<Box<dyn Entries>> {
        self.0.entries()
    }

    fn read_link(&self, path: &str) -> Result<String> {
        self.0.read_link(path)
    }

    fn set_times(&self, _: &str, _: Option<NewTime>, _: Option<NewTime>, _: bool) -> Result<()> {
        REFUSED
    }

    fn create_dir(&self, path: &str) -> Result<()> {
        // As file systems that are mounted read-only say it.
        match self.0.stat_at(path, false) {
            Ok(_) => Err(Errno::Exist.into()),
            Err(_) => REFUSED,
        }
    }

    fn remove_dir(&self, _: &str) -> Result<()> {
        REFUSED
    }

    fn unlink(&self, _: &str) -> Result<()> {
        REFUSED
    }

    fn symlink(&self, _: &str, _: &str) -> Result<()> {
        REFUSED
    }

    fn link(&self, _: &str, _: &dyn Dir, _: &str) -> Result<()> {
        REFUSED
    }

    fn rename(&self, _: &str, _: &dyn Dir, _: &str) -> Result<()> {
        REFUSED
    }
}

/// A file of such a directory.
struct ReadOnlyFile(Box<dyn File>);

impl File for ReadOnlyFile {
    fn filetype(&self) -> Result<FileType> {
        self.0.filetype()
    }

    fn stat(&self) -> Result<Filestat> {
        self.0.stat()
    }

    fn is_seekable(&self) -> bool {
        self.0.is_seekable()
    }

    fn readiness(&self, interest: Interest) -> Readiness<'_> {
        self.0.readiness(interest)
    }

    fn read(&mut self, buf: &mut [u8], meter: &Meter) -> Result<usize> {
        self.0.read(buf, meter)
    }

    fn read_at(&mut self, buf: &mut [u8], at: u64) -> Result<usize> {
        self.0.read_at(buf, at)
    }

    fn write(&mut self, _: &[std::io::IoSlice<'_>], _: &Meter) -> Result<usize> {
        Err(Errno::Rofs.into())
    }

    fn write_at(&mut self, _: &[std::io::IoSlice<'_>], _: u64) -> Result<usize> {
        Err(Errno::Rofs.into())
    }

    fn seek(&mut self, to: std::io::SeekFrom) -> Result<u64> {
        self.0.seek(to)
    }

    fn flags(&self) -> Result<FdFlags> {
        self.0.flags()
    }

    fn set_flags(&mut self, flags: FdFlags) -> Result<()> {
        self.0.set_flags(flags)
    }

    fn set_size(&mut self, _: u64) -> Result<()> {
        REFUSED
    }

    fn set_times(&mut self, _: Option<NewTime>, _: Option<NewTime>) -> Result<()> {
        REFUSED
    }

    fn advise(&self, at: u64, len: u64, advice: super::Advice) -> Result<()> {
        self.0.advise(at, len, advice)
    }

    fn sync(&self, all: bool, meter: &Meter) -> Result<()> {
        self.0.sync(all, meter)
    }
}
