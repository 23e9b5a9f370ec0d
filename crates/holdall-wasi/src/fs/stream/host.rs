//! A stream that the operating system has a descriptor for: a stream of the process, an open file
//! of the embedder's, a terminal that a guest opened.
//!
//! Whoever else has the stream, such as the shell that lent it, is not to find it changed. So bytes
//! are read and written, and nothing else reaches the system: no position, size, time, flag or
//! order to store. What is known of the file may be read, its size and position included.

use std::fs::File as SystemFile;
use std::io::{IoSlice, Seek, SeekFrom};
use std::sync::Arc;

use wasi_common::sync::file as common_file;

use super::super::host::filestat;
use super::super::{FdFlags, File, FileType, Filestat, Interest, Readiness};
use super::end::set_flags;
use super::patient::Patient;
use crate::fault::{Errno, Result};
use holdall::provide::Meter;

/// A stream of the operating system.
pub(in crate::fs) struct HostStream {
    file: Arc<SystemFile>,
    filetype: FileType,
    /// What the guest sees and sets: the flags of the stream, and whether the guest wants to wait.
    flags: FdFlags,
    patient: Patient,
}

impl HostStream {
    /// A stream that others may have too. What it is open for is its owner's to say.
    pub(super) fn new(file: Arc<SystemFile>) -> Self {
        let filetype = filetype_of(&file);
        Self {
            filetype,
            flags: flags_of(&file),
            patient: Patient::new(Arc::clone(&file), filetype),
            file,
        }
    }

    /// A device that was opened for this stream alone, and refuses to wait.
    pub(in crate::fs) fn own(file: SystemFile, flags: FdFlags) -> Self {
        let file = Arc::new(file);
        Self {
            filetype: filetype_of(&file),
            flags: flags & (FdFlags::APPEND | FdFlags::NONBLOCK),
            patient: Patient::refusing(Arc::clone(&file)),
            file,
        }
    }

    fn waits(&self) -> bool {
        !self.flags.contains(FdFlags::NONBLOCK)
    }
}

fn filetype_of(file: &SystemFile) -> FileType {
    let metadata = cap_std::fs::Metadata::from_file(file);
    metadata.map_or(FileType::Unknown, |metadata| {
        common_file::filetype_from(&metadata.file_type())
    })
}

/// The flags of a stream as its guest finds them. Whether another made it refuse to wait is no
/// matter of the guest's.
fn flags_of(file: &SystemFile) -> FdFlags {
    let mut flags = FdFlags::empty();
    #[cfg(unix)]
    if let Ok(found) = rustix::fs::fcntl_getfl(file) {
        use rustix::fs::OFlags;
        flags.set(FdFlags::APPEND, found.contains(OFlags::APPEND));
        flags.set(FdFlags::SYNC, found.contains(OFlags::SYNC));
        flags.set(FdFlags::DSYNC, found.contains(OFlags::DSYNC));
    }
    #[cfg(not(unix))]
    let _ = file;
    flags
}

impl File for HostStream {
    fn filetype(&self) -> Result<FileType> {
        Ok(self.filetype)
    }

    fn stat(&self) -> Result<Filestat> {
        Ok(filestat(&cap_std::fs::Metadata::from_file(&self.file)?))
    }

    fn readiness(&self, interest: Interest) -> Readiness<'_> {
        self.patient.readiness(interest)
    }

    fn read(&mut self, buf: &mut [u8], meter: &Meter) -> Result<usize> {
        let waits = self.waits();
        self.patient.read(buf, waits, meter)
    }

    fn write(&mut self, bufs: &[IoSlice<'_>], meter: &Meter) -> Result<usize> {
        let waits = self.waits();
        self.patient.write(bufs, waits, meter)
    }

    /// Tells the position of a file, and of a device that has one.
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        use std::io::IsTerminal;
        // A terminal has no position, although it may claim one.
        if to != SeekFrom::Current(0) || self.file.is_terminal() {
            return Err(Errno::Spipe.into());
        }
        Ok((&*self.file).stream_position()?)
    }

    fn flags(&self) -> Result<FdFlags> {
        Ok(self.flags)
    }

    fn set_flags(&mut self, flags: FdFlags) -> Result<()> {
        set_flags(&mut self.flags, flags)
    }

    /// As of a pipe: what was written is not known to be stored, so nobody says so.
    fn sync(&self, _all: bool, _: &Meter) -> Result<()> {
        Err(Errno::Inval.into())
    }
}
