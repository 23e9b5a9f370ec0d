//! Reading and writing what may have to wait for somebody else: a pipe, a socket, a terminal.
//!
//! That the system says a stream is ready does not mean that a read or a write of it does not wait:
//! another process may be quicker, and a terminal takes less than it is given. Where nothing can end
//! a guest, the system waits. Where a deadline or an interruption can, the system is asked in a way
//! that does not wait, and [`wait`](crate::wait) does. Whether a description waits is no flag
//! to be set for that: whoever shares the description would find it changed.

use std::fs::File;
use std::io::{Error, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use super::super::{FileType, Interest, Readiness};
use crate::fault::{Errno, Fault, Result};
use crate::wait::{Aside, is_ready, until_ready};
use holdall::provide::Meter;

/// The most bytes that a thread reads or writes at once: as many as a pipe of Linux holds.
const ASIDE_BYTES: usize = 64 << 10;
/// How long to stay away from a stream that is ready and then is not, again and again.
const STAY_AWAY: Duration = Duration::from_millis(1);

/// How to read and write a stream without waiting.
enum Way {
    /// As ever: the stream never waits for anybody. Files and block devices.
    Plain,
    /// By a flag for one call. Recent versions of Linux take it for pipes and sockets.
    #[cfg(target_os = "linux")]
    Flag,
    /// By a flag that sockets take.
    #[cfg(unix)]
    Socket,
    /// Through a description of the same pipe or terminal that refuses to wait and is the stream's
    /// own.
    Refusing(Arc<File>),
    /// By a thread that waits instead. When the guest is ended meanwhile, the thread stays until the
    /// system has something for it: a byte that the thread then reads is lost to whoever shares the
    /// stream, unless the guest goes on.
    Aside,
}

/// A stream that is read and written so that waiting can be ended.
pub(super) struct Patient {
    file: Arc<File>,
    way: Way,
    /// What a thread reads.
    reads: Option<Aside<std::io::Result<Vec<u8>>>>,
    /// What such a thread read beyond what was asked for since.
    kept: Vec<u8>,
    /// What a thread writes.
    writes: Option<Aside<std::io::Result<usize>>>,
}

impl Patient {
    /// A stream that others may have too.
    pub(super) fn new(file: Arc<File>, filetype: FileType) -> Self {
        let way = match filetype {
            FileType::RegularFile | FileType::BlockDevice | FileType::Directory => Way::Plain,
            #[cfg(target_os = "linux")]
            _ => Way::Flag,
            #[cfg(not(target_os = "linux"))]
            _ => Way::without_flag(&file),
        };
        Self::by(way, file)
    }

    /// A stream whose description is its own and refuses to wait.
    pub(super) fn refusing(file: Arc<File>) -> Self {
        Self::by(Way::Refusing(Arc::clone(&file)), file)
    }

    fn by(way: Way, file: Arc<File>) -> Self {
        Self {
            file,
            way,
            reads: None,
            kept: Vec::new(),
            writes: None,
        }
    }

    /// Reads what is there, and where it waits, waits for something.
    pub(super) fn read(&mut self, buf: &mut [u8], waits: bool, meter: &Meter) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.reads.is_some() || !self.kept.is_empty() {
            return self.take(buf, meter);
        }
        let mut in_vain = false;
        loop {
            let read = if waits && !meter.is_interruptible() {
                (&*self.file).read(buf)
            } else if let Some(read) = self.way.read(&self.file, buf) {
                read
            } else {
                self.wait(Interest::Read, waits, meter)?;
                self.read_aside(buf.len())?;
                return self.take(buf, meter);
            };
            match read {
                Ok(size) => return Ok(size),
                Err(error) => self.again(error, Interest::Read, waits, &mut in_vain, meter)?,
            }
        }
    }

    /// Has a thread read.
    fn read_aside(&mut self, at_most: usize) -> std::io::Result<()> {
        let (file, size) = (Arc::clone(&self.file), at_most.min(ASIDE_BYTES));
        self.reads = Some(Aside::start(move || {
            let mut bytes = vec![0; size];
            let size = uninterrupted(|| (&*file).read(&mut bytes))?;
            bytes.truncate(size);
            Ok(bytes)
        })?);
        Ok(())
    }

    /// Takes of what a thread reads.
    fn take(&mut self, buf: &mut [u8], meter: &Meter) -> Result<usize> {
        if let Some(reads) = &self.reads {
            let outcome = reads.outcome(meter)?;
            self.reads = None;
            self.kept = outcome?;
        }
        let size = self.kept.len().min(buf.len());
        buf[..size].copy_from_slice(&self.kept[..size]);
        self.kept.drain(..size);
        Ok(size)
    }

    /// Writes all of the bytes where it waits, and else what is taken at once.
    pub(super) fn write(
        &mut self,
        bufs: &[IoSlice<'_>],
        waits: bool,
        meter: &Meter,
    ) -> Result<usize> {
        let wanted: usize = bufs.iter().map(|buf| buf.len()).sum();
        let mut total = self.write_some(bufs, waits, meter)?;
        while waits && total < wanted && !matches!(self.way, Way::Plain) {
            let mut rest = bufs.to_vec();
            let mut rest = &mut rest[..];
            IoSlice::advance_slices(&mut rest, total);
            match self.write_some(rest, waits, meter) {
                Ok(0) | Err(Fault::Errno(_)) => break,
                Ok(written) => total += written,
                Err(end) => return Err(end),
            }
        }
        Ok(total)
    }

    fn write_some(&mut self, bufs: &[IoSlice<'_>], waits: bool, meter: &Meter) -> Result<usize> {
        if let Some(writes) = &self.writes {
            // The call that began it has ended, and its guest was told so.
            let _ = writes.outcome(meter)?;
            self.writes = None;
        }
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Ok(0);
        }
        let mut in_vain = false;
        loop {
            let written = if waits && !meter.is_interruptible() {
                (&*self.file).write_vectored(bufs)
            } else if let Some(written) = self.way.write(&self.file, bufs) {
                written
            } else {
                self.wait(Interest::Write, waits, meter)?;
                let file = Arc::clone(&self.file);
                let bytes = bufs.iter().flat_map(|buf| &**buf).copied();
                let bytes: Vec<u8> = bytes.take(ASIDE_BYTES).collect();
                let work = move || uninterrupted(|| (&*file).write(&bytes));
                let writes = self.writes.insert(Aside::start(work)?);
                let outcome = writes.outcome(meter)?;
                self.writes = None;
                return Ok(outcome?);
            };
            match written {
                Ok(size) => return Ok(size),
                Err(error) => self.again(error, Interest::Write, waits, &mut in_vain, meter)?,
            }
        }
    }

    /// What to do about an error: to try again, once that may have an end.
    fn again(
        &self,
        error: Error,
        interest: Interest,
        waits: bool,
        in_vain: &mut bool,
        meter: &Meter,
    ) -> Result<()> {
        match error.kind() {
            ErrorKind::Interrupted => Ok(meter.check()?),
            ErrorKind::WouldBlock if waits => {
                if std::mem::replace(in_vain, true) {
                    std::thread::sleep(STAY_AWAY);
                }
                until_ready(&self.file, interest, meter)
            }
            _ => Err(error.into()),
        }
    }

    /// Waits until the stream is ready, so that a thread waits for it only where another is quicker.
    fn wait(&self, interest: Interest, waits: bool, meter: &Meter) -> Result<()> {
        if waits {
            until_ready(&self.file, interest, meter)
        } else if is_ready(&self.file, interest)? {
            Ok(())
        } else {
            Err(Errno::Again.into())
        }
    }

    pub(super) fn readiness(&self, interest: Interest) -> Readiness<'_> {
        let ready = |bytes| Readiness::Ready {
            bytes,
            hangup: false,
        };
        match interest {
            Interest::Read if !self.kept.is_empty() => return ready(self.kept.len() as u64),
            Interest::Read if self.reads.as_ref().is_some_and(Aside::is_done) => return ready(1),
            Interest::Read if self.reads.is_some() => return Readiness::NotYet,
            Interest::Write if self.writes.as_ref().is_some_and(|writes| !writes.is_done()) => {
                return Readiness::NotYet;
            }
            _ => {}
        }
        #[cfg(unix)]
        if let Way::Plain = self.way {
            return ready(rustix::io::ioctl_fionread(&*self.file).unwrap_or(0));
        }
        #[cfg(unix)]
        return Readiness::Ask(std::os::fd::AsFd::as_fd(&*self.file));
        #[cfg(not(unix))]
        Readiness::Ask(&())
    }
}

impl Way {
    /// Reads what is there; `EAGAIN` where nothing is, and nothing where only a thread can.
    fn read(&mut self, file: &File, buf: &mut [u8]) -> Option<std::io::Result<usize>> {
        loop {
            return Some(match self {
                Self::Plain => (&*file).read(buf),
                #[cfg(target_os = "linux")]
                Self::Flag => {
                    use rustix::io::{ReadWriteFlags, preadv2};
                    let mut bufs = [std::io::IoSliceMut::new(buf)];
                    match preadv2(file, &mut bufs, u64::MAX, ReadWriteFlags::NOWAIT) {
                        Err(errno) if takes_no_flag(errno) => {
                            *self = Self::without_flag(file);
                            continue;
                        }
                        read => read.map_err(Error::from),
                    }
                }
                #[cfg(unix)]
                Self::Socket => {
                    let read = rustix::net::recv(file, buf, rustix::net::RecvFlags::DONTWAIT);
                    read.map(|(size, _)| size).map_err(Error::from)
                }
                Self::Refusing(own) => (&**own).read(buf),
                Self::Aside => return None,
            });
        }
    }

    /// Writes what is taken at once; `EAGAIN` where nothing is, and nothing where only a thread can.
    fn write(&mut self, file: &File, bufs: &[IoSlice<'_>]) -> Option<std::io::Result<usize>> {
        loop {
            return Some(match self {
                Self::Plain => (&*file).write_vectored(bufs),
                #[cfg(target_os = "linux")]
                Self::Flag => {
                    use rustix::io::{ReadWriteFlags, pwritev2};
                    match pwritev2(file, bufs, u64::MAX, ReadWriteFlags::NOWAIT) {
                        Err(errno) if takes_no_flag(errno) => {
                            *self = Self::without_flag(file);
                            continue;
                        }
                        written => written.map_err(Error::from),
                    }
                }
                #[cfg(unix)]
                Self::Socket => {
                    use rustix::net::{SendFlags, send};
                    let buf = bufs.iter().find(|buf| !buf.is_empty())?;
                    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                    send(file, buf, flags).map_err(Error::from)
                }
                Self::Refusing(own) => (&**own).write_vectored(bufs),
                Self::Aside => return None,
            });
        }
    }

    /// The way for a stream, or a version of the system, that the flag is not for.
    fn without_flag(file: &File) -> Self {
        #[cfg(unix)]
        if let Ok(metadata) = file.metadata() {
            use std::os::unix::fs::FileTypeExt;
            if metadata.file_type().is_socket() {
                return Self::Socket;
            }
        }
        #[cfg(target_os = "linux")]
        if let Some(own) = refusing(file) {
            return Self::Refusing(Arc::new(own));
        }
        let _ = file;
        Self::Aside
    }
}

/// Whether the system says that the flag is not for this stream, or that it does not know the call.
#[cfg(target_os = "linux")]
fn takes_no_flag(errno: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    matches!(
        errno,
        Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::PERM
    )
}

/// Another description of a pipe or a terminal, for what the first one is for, that refuses to wait.
/// There is none where the process does not see itself in `/proc`, and where the pipe or the
/// terminal is another user's.
#[cfg(target_os = "linux")]
fn refusing(file: &File) -> Option<File> {
    use std::os::fd::AsRawFd;

    use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fstat, makedev, open};
    /// To open it makes another terminal.
    const MASTERS: (u32, u32) = (5, 2);
    let stat = fstat(file).ok()?;
    let is_terminal =
        std::io::IsTerminal::is_terminal(file) && stat.st_rdev != makedev(MASTERS.0, MASTERS.1);
    if !is_terminal && FileType::from_raw_mode(stat.st_mode) != FileType::Fifo {
        return None;
    }
    let access = fcntl_getfl(file).ok()? & OFlags::ACCMODE;
    let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let own = open(path, flags, Mode::empty()).ok()?;
    // What is mounted at that path need not be what it seems.
    let found = fstat(&own).ok()?;
    let is_same = (found.st_dev, found.st_ino) == (stat.st_dev, stat.st_ino);
    is_same.then(|| own.into())
}

fn uninterrupted<T>(mut work: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match work() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    use super::*;
    use holdall::Limits;

    const TIME: Duration = Duration::from_millis(30);

    fn until(time: Duration) -> Meter {
        Meter::new(&Limits::new().timeout(time), true)
    }

    fn is_end(fault: &Fault) -> bool {
        matches!(fault, Fault::End(_))
    }

    /// A pipe or a pair of sockets, and the end of the first that is read by a way.
    fn ends(way: &str) -> (Patient, File) {
        let (reader, writer): (OwnedFd, OwnedFd) = if way == "socket" {
            let (one, other) = UnixStream::pair().unwrap();
            (one.into(), other.into())
        } else {
            let (reader, writer) = std::io::pipe().unwrap();
            (reader.into(), writer.into())
        };
        (patient(way, reader.into()), writer.into())
    }

    fn patient(way: &str, file: File) -> Patient {
        let file = Arc::new(file);
        let way = match way {
            "flag" => Way::Flag,
            "aside" => Way::Aside,
            other => {
                let found = Way::without_flag(&file);
                let expected = match other {
                    "socket" => matches!(found, Way::Socket),
                    _ => matches!(found, Way::Refusing(_)),
                };
                assert!(expected, "{other}");
                found
            }
        };
        Patient::by(way, file)
    }

    const WAYS: [&str; 4] = ["flag", "socket", "refusing", "aside"];

    #[test]
    fn every_way_waits_for_bytes_until_the_deadline_and_loses_none() {
        for way in WAYS {
            let (mut stream, mut writer) = ends(way);
            let mut buf = [0; 4];
            let start = Instant::now();
            assert!(
                is_end(&stream.read(&mut buf, true, &until(TIME)).unwrap_err()),
                "{way}"
            );
            assert!(start.elapsed() >= TIME, "{way}");
            let refused = stream.read(&mut buf, false, &until(TIME)).unwrap_err();
            assert!(refused.is(Errno::Again), "{way}");
            writer.write_all(b"abcdef").unwrap();
            let mut read = |meter: &Meter| {
                let size = stream.read(&mut buf, true, meter).unwrap();
                buf[..size].to_vec()
            };
            assert_eq!(read(&until(TIME)), b"abcd", "{way}");
            assert_eq!(
                read(&Meter::new(&holdall::Limits::new(), false)),
                b"ef",
                "{way}"
            );
            drop(writer);
            assert_eq!(read(&until(TIME)), b"", "{way}");
        }
    }

    #[test]
    fn every_way_writes_what_there_is_room_for_until_the_deadline() {
        for way in WAYS {
            let (reader, file): (OwnedFd, OwnedFd) = if way == "socket" {
                let (one, other) = UnixStream::pair().unwrap();
                (one.into(), other.into())
            } else {
                let (reader, writer) = std::io::pipe().unwrap();
                (reader.into(), writer.into())
            };
            let mut reader = File::from(reader);
            let mut stream = patient(way, file.into());
            let bytes = vec![7; 3 << 20];
            let bufs = [
                IoSlice::new(b""),
                IoSlice::new(&bytes[..5]),
                IoSlice::new(&bytes[5..]),
            ];
            assert!(
                is_end(&stream.write(&bufs, true, &until(TIME)).unwrap_err()),
                "{way}"
            );
            // The thread of that write goes on with what it was given.
            let slow = std::thread::spawn(move || {
                let mut all = Vec::new();
                reader.read_to_end(&mut all).unwrap();
                all.len()
            });
            let patience = until(Duration::from_secs(60));
            assert_eq!(
                stream.write(&bufs, true, &patience).unwrap(),
                3 << 20,
                "{way}"
            );
            drop(stream);
            assert!(
                slow.join().unwrap() > 3 << 20,
                "{way}: what came before the deadline too"
            );
        }
    }

    #[test]
    fn what_a_thread_reads_that_nobody_waits_for_is_read_next() {
        let (mut stream, mut writer) = ends("aside");
        // As when another was quicker after the stream was ready.
        stream.read_aside(9).unwrap();
        let mut buf = [0; 2];
        assert!(is_end(
            &stream.read(&mut buf, true, &until(TIME)).unwrap_err()
        ));
        assert!(matches!(
            stream.readiness(Interest::Read),
            Readiness::NotYet
        ));
        writer.write_all(b"abc").unwrap();
        for expected in [&b"ab"[..], b"c"] {
            let size = stream
                .read(&mut buf, true, &Meter::new(&holdall::Limits::new(), false))
                .unwrap();
            assert_eq!(&buf[..size], expected);
        }
    }
}
