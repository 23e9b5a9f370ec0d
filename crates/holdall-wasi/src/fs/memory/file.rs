//! An open file of a tree in memory.

use std::io::{IoSlice, SeekFrom};

use super::super::{Advice, FdFlags, File, FileType, Filestat, Interest, NewTime, Readiness};
use super::{Handle, at};
use crate::fault::{Errno, Result};
use holdall::provide::Meter;

/// The flags that say when a write is stored, which here it is at once.
const SYNCED: FdFlags = FdFlags::SYNC.union(FdFlags::DSYNC).union(FdFlags::RSYNC);

/// A file in memory. Its bytes live as long as it is open, even when it has no name any more.
pub(crate) struct MemoryFile {
    pub(super) handle: Handle,
    pub(super) position: u64,
    pub(super) flags: FdFlags,
    pub(super) read: bool,
    pub(super) write: bool,
}

impl MemoryFile {
    fn read_from(&self, buf: &mut [u8], at: u64) -> Result<usize> {
        if !self.read {
            return Err(Errno::Badf.into());
        }
        let tree = self.handle.tree();
        let bytes = tree.file(self.handle.id)?;
        let rest = usize::try_from(at)
            .ok()
            .and_then(|at| bytes.get(at..))
            .unwrap_or_default();
        let size = rest.len().min(buf.len());
        buf[..size].copy_from_slice(&rest[..size]);
        Ok(size)
    }

    /// Writes at a place, or where the flags say so at the end, and gives the place behind.
    fn write_to(&self, bufs: &[IoSlice<'_>], at: u64) -> Result<(usize, u64)> {
        if !self.write {
            return Err(Errno::Badf.into());
        }
        let at = (!self.flags.contains(FdFlags::APPEND)).then_some(at);
        let now = self.handle.now();
        self.handle.tree().write(self.handle.id, at, bufs, now)
    }
}

/// A place in a file; its number has to be one that POSIX's signed offsets can say.
fn place(at: u64) -> Result<u64> {
    if i64::try_from(at).is_err() {
        return Err(Errno::Inval.into());
    }
    Ok(at)
}

impl File for MemoryFile {
    fn filetype(&self) -> Result<FileType> {
        Ok(FileType::RegularFile)
    }

    fn stat(&self) -> Result<Filestat> {
        Ok(self.handle.tree().stat(self.handle.id))
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn readiness(&self, _interest: Interest) -> Readiness<'_> {
        let size = self.handle.tree().stat(self.handle.id).size;
        Readiness::Ready {
            bytes: size.saturating_sub(self.position),
            hangup: false,
        }
    }

    fn read(&mut self, buf: &mut [u8], _: &Meter) -> Result<usize> {
        let size = self.read_from(buf, self.position)?;
        self.position += size as u64;
        Ok(size)
    }

    fn read_at(&mut self, buf: &mut [u8], at: u64) -> Result<usize> {
        self.read_from(buf, place(at)?)
    }

    fn write(&mut self, bufs: &[IoSlice<'_>], _: &Meter) -> Result<usize> {
        let (size, end) = self.write_to(bufs, self.position)?;
        if size > 0 {
            self.position = end;
        }
        Ok(size)
    }

    fn write_at(&mut self, bufs: &[IoSlice<'_>], at: u64) -> Result<usize> {
        // Nothing can be written anywhere, as the host has it.
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Ok(0);
        }
        Ok(self.write_to(bufs, place(at)?)?.0)
    }

    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.stat()?.size.checked_add_signed(by),
        };
        self.position = place(position.ok_or(Errno::Inval)?)?;
        Ok(self.position)
    }

    fn flags(&self) -> Result<FdFlags> {
        Ok(self.flags)
    }

    fn set_flags(&mut self, flags: FdFlags) -> Result<()> {
        if (flags ^ self.flags).intersects(SYNCED) {
            return Err(Errno::Inval.into());
        }
        self.flags = flags;
        Ok(())
    }

    fn set_size(&mut self, size: u64) -> Result<()> {
        if !self.write {
            return Err(Errno::Inval.into());
        }
        let now = self.handle.now();
        let size = place(size)?;
        self.handle.tree().resize(self.handle.id, size, now)
    }

    fn set_times(&mut self, accessed: Option<NewTime>, modified: Option<NewTime>) -> Result<()> {
        let now = self.handle.now();
        let (accessed, modified) = (at(accessed, now), at(modified, now));
        let id = self.handle.id;
        self.handle.tree().set_times(id, accessed, modified, now);
        Ok(())
    }

    fn advise(&self, _at: u64, _len: u64, _advice: Advice) -> Result<()> {
        Ok(())
    }
}
