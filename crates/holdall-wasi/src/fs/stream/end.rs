//! What a program holds of a stream in memory, and what each kind of stream does at the embedder's
//! end.

use std::io::{ErrorKind, IoSlice, Write};
use std::sync::{Arc, Mutex};

use super::super::{FdFlags, File, FileType, Interest, Readiness};
use super::{Capture, Captured, locked};
use crate::fault::{Errno, Result};
use holdall::provide::{Account, Held, Meter};

/// What a stream in memory does at the embedder's end.
pub(super) trait End: Send {
    fn read(&mut self, _buf: &mut [u8], _wait: bool, _meter: &Meter) -> Result<usize> {
        Err(Errno::Badf.into())
    }

    fn write(&mut self, _bufs: &[IoSlice<'_>]) -> Result<usize> {
        Err(Errno::Badf.into())
    }

    /// As [`File::count_in`].
    fn count_in(&mut self, _account: &Account) {}

    fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn readiness(&self, _interest: Interest) -> Readiness<'static> {
        Readiness::Ready {
            bytes: 0,
            hangup: false,
        }
    }
}

/// Sets the flags that a program sees of a stream. Whether writes are stored before they return is
/// said when a file is opened.
pub(super) fn set_flags(flags: &mut FdFlags, to: FdFlags) -> Result<()> {
    const SYNCED: FdFlags = FdFlags::SYNC.union(FdFlags::DSYNC).union(FdFlags::RSYNC);
    if (*flags ^ to).intersects(SYNCED) {
        return Err(Errno::Inval.into());
    }
    *flags = to;
    Ok(())
}

/// A program's end of a stream.
struct Stream<E> {
    end: E,
    flags: FdFlags,
}

pub(super) fn stream(end: impl End + 'static) -> Box<dyn File> {
    Box::new(Stream {
        end,
        flags: FdFlags::empty(),
    })
}

impl<E: End> File for Stream<E> {
    /// Neither a file nor a terminal; preview 1 has no name for pipes.
    fn filetype(&self) -> Result<FileType> {
        Ok(FileType::Unknown)
    }

    fn readiness(&self, interest: Interest) -> Readiness<'_> {
        self.end.readiness(interest)
    }

    fn read(&mut self, buf: &mut [u8], meter: &Meter) -> Result<usize> {
        let wait = !self.flags.contains(FdFlags::NONBLOCK);
        self.end.read(buf, wait, meter)
    }

    fn write(&mut self, bufs: &[IoSlice<'_>], _: &Meter) -> Result<usize> {
        self.end.write(bufs)
    }

    fn count_in(&mut self, account: &Account) {
        self.end.count_in(account);
    }

    fn flags(&self) -> Result<FdFlags> {
        Ok(self.flags)
    }

    fn set_flags(&mut self, flags: FdFlags) -> Result<()> {
        set_flags(&mut self.flags, flags)
    }

    fn sync(&self, _all: bool, _: &Meter) -> Result<()> {
        self.end.flush()
    }
}

/// Nothing to read, and everything may be written. A descriptor allows one of them.
pub(super) struct Null;

impl End for Null {
    fn read(&mut self, _: &mut [u8], _: bool, _: &Meter) -> Result<usize> {
        Ok(0)
    }

    fn write(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        Ok(bufs.iter().map(|buf| buf.len()).sum())
    }
}

/// Bytes from where the program is to their end.
pub(super) struct Bytes {
    pub(super) bytes: Arc<[u8]>,
    pub(super) at: usize,
}

impl End for Bytes {
    fn read(&mut self, buf: &mut [u8], _: bool, _: &Meter) -> Result<usize> {
        let rest = &self.bytes[self.at..];
        let size = rest.len().min(buf.len());
        buf[..size].copy_from_slice(&rest[..size]);
        self.at += size;
        Ok(size)
    }

    /// As of a pipe that somebody has filled and closed.
    fn readiness(&self, _interest: Interest) -> Readiness<'static> {
        let left = self.bytes.len() - self.at;
        Readiness::Ready {
            bytes: left as u64,
            hangup: left == 0,
        }
    }
}

/// A writer of the embedder's.
#[derive(Clone)]
pub(super) struct Writer(pub(super) Arc<Mutex<dyn Write + Send>>);

impl End for Writer {
    fn write(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Ok(0);
        }
        let mut writer = locked(&self.0);
        loop {
            match writer.write_vectored(bufs) {
                // A program would try the rest again and again.
                Ok(0) => return Err(Errno::Io.into()),
                Ok(size) => return Ok(size),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return refused(error),
            }
        }
    }

    fn flush(&self) -> Result<()> {
        locked(&self.0).flush().or_else(refused)
    }
}

/// What a program gets for an error of a writer.
fn refused<T>(error: std::io::Error) -> Result<T> {
    if error.raw_os_error().is_some() {
        return Err(error.into());
    }
    Err(match error.kind() {
        ErrorKind::WouldBlock => Errno::Again.into(),
        ErrorKind::BrokenPipe => Errno::Pipe.into(),
        ErrorKind::StorageFull => Errno::Nospc.into(),
        _ => Errno::Io.into(),
    })
}

/// What a program writes to a capture.
pub(super) struct Captures {
    capture: Capture,
    /// What the capture keeps of what this program wrote, in the account of the program's store. The
    /// capture has it too, as it keeps the bytes for longer than the program has the stream.
    held: Option<Arc<Held>>,
}

impl Captures {
    pub(super) fn new(capture: Capture) -> Self {
        Self {
            capture,
            held: None,
        }
    }
}

impl End for Captures {
    fn write(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        let mut captured = locked(&self.capture.captured);
        let before = captured.bytes.len();
        for buf in bufs {
            let room = self.capture.max_bytes.saturating_sub(captured.bytes.len());
            let taken = &buf[..buf.len().min(room)];
            if let Err(errno) = captured.reserve(taken.len(), self.held.as_deref()) {
                if captured.bytes.len() == before {
                    return Err(errno.into());
                }
                break;
            }
            captured.bytes.extend_from_slice(taken);
        }
        let written = captured.bytes.len() - before;
        if written == 0 && bufs.iter().any(|buf| !buf.is_empty()) {
            return Err(Errno::Nospc.into());
        }
        Ok(written)
    }

    fn count_in(&mut self, account: &Account) {
        if self.held.is_none()
            && let Ok(held) = account.hold(0, WHAT)
        {
            let held = Arc::new(held);
            locked(&self.capture.captured).held.push(Arc::clone(&held));
            self.held = Some(held);
        }
    }
}

/// What a refusal says was asked for.
const WHAT: &str = "captured output";

impl Captured {
    /// Makes room for more bytes: for twice the bytes that there are, where the account allows that.
    fn reserve(&mut self, more: usize, held: Option<&Held>) -> Result<(), Errno> {
        let (len, capacity) = (self.bytes.len(), self.bytes.capacity());
        if capacity - len >= more {
            return Ok(());
        }
        for wanted in [(len + more).max(2 * capacity), len + more] {
            let added = wanted - capacity;
            if held.is_some_and(|held| held.grow(added, WHAT).is_err()) {
                continue;
            }
            if self.bytes.try_reserve_exact(wanted - len).is_ok() {
                return Ok(());
            }
            if let Some(held) = held {
                held.shrink(added);
            }
        }
        Err(Errno::Nomem)
    }
}
