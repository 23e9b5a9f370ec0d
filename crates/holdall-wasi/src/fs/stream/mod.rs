//! Standard streams, as values that an embedder makes: [`Input`] and [`Output`]. No authority over
//! the process's own streams is taken unless somebody asked for them by name. A program reads or
//! writes a stream, and changes nothing else of what is behind it.

mod end;
mod host;
mod inherited;
mod patient;
mod pipe;

#[cfg(test)]
mod stream_tests;

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) use host::HostStream;
pub use pipe::PipeWriter;

use super::File;
use crate::fault::Result;
use end::{Bytes, Captures, Null, Writer, stream};
use holdall::provide::Held;

/// What a captured stream holds unless its owner says otherwise.
const DEFAULT_MAX_CAPTURED_BYTES: usize = 64 << 20;

/// Where a program's standard input comes from. The default is closed.
///
/// A clone is the same stream: two programs that read from a pipe share what comes through it. Each
/// program reads [`bytes`](Self::bytes) from their beginning.
#[derive(Clone, Default)]
pub struct Input(Source);

#[derive(Clone, Default)]
enum Source {
    #[default]
    Closed,
    Null,
    Bytes(Arc<[u8]>),
    Inherit,
    File(Arc<std::fs::File>),
    Pipe(Arc<pipe::Reader>),
}

impl Input {
    /// No input: the descriptor does not exist, and to use it gives the program `EBADF`.
    pub fn closed() -> Self {
        Self(Source::Closed)
    }

    /// An input that is at its end.
    pub fn null() -> Self {
        Self(Source::Null)
    }

    /// These bytes, then the end.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Source::Bytes(bytes.into().into()))
    }

    /// The standard input of this process. Where that is closed, so is this.
    pub fn inherit() -> Self {
        Self(Source::Inherit)
    }

    /// An open file of the host; pipes, sockets and terminals are files too. The position is shared
    /// with all clones, and moves by what a program reads: the program can be told the position, the
    /// size and the times of a regular file, and can set none of them.
    ///
    /// A deadline or an interruption ends a read that waits, also where another process shares the
    /// stream and was quicker. On Linux no byte is lost by that. Elsewhere, and for terminals and
    /// named pipes that the process may not open again through `/proc`, a thread reads in the
    /// program's stead: when the program was ended and never reads again, the thread stays until
    /// something comes, and takes it.
    pub fn file(file: std::fs::File) -> Self {
        Self(Source::File(Arc::new(file)))
    }

    /// A pipe in memory: what is written to the [`PipeWriter`] is read by the program, whose input
    /// ends when the writer is dropped.
    ///
    /// The pipe holds 64 KiB; when it is full, a write waits until the program reads. So a thread
    /// that is to run the program afterwards can write no more than that; [`Input::bytes`] has no
    /// such limit.
    ///
    /// ```
    /// use std::io::Write;
    ///
    /// use holdall_wasi::{Grants, Input};
    ///
    /// let (mut writer, stdin) = Input::pipe();
    /// let grants = Grants::new().stdin(stdin);
    /// writer.write_all(b"a line\n")?;
    /// # drop(grants);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn pipe() -> (PipeWriter, Self) {
        let (writer, reader) = pipe::new();
        (writer, Self(Source::Pipe(Arc::new(reader))))
    }

    /// The stream for one program; none where it is closed.
    pub(crate) fn open(&self) -> Result<Option<Box<dyn File>>> {
        Ok(Some(match &self.0 {
            Source::Closed => return Ok(None),
            Source::Null => stream(Null),
            Source::Bytes(bytes) => stream(Bytes {
                bytes: bytes.clone(),
                at: 0,
            }),
            Source::Inherit => return inherited(inherited::stdin()),
            Source::File(file) => Box::new(HostStream::new(Arc::clone(file))),
            Source::Pipe(pipe) => stream(pipe.clone()),
        }))
    }
}

impl fmt::Debug for Input {
    /// The bytes may be a secret: they are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Closed => "Input::closed",
            Source::Null => "Input::null",
            Source::Bytes(_) => "Input::bytes",
            Source::Inherit => "Input::inherit",
            Source::File(_) => "Input::file",
            Source::Pipe(_) => "Input::pipe",
        })
    }
}

/// Where a program's standard output or standard error goes. The default is closed.
///
/// A clone is the same stream.
#[derive(Clone, Default)]
pub struct Output(Sink);

#[derive(Clone, Default)]
enum Sink {
    #[default]
    Closed,
    Null,
    Stdout,
    Stderr,
    File(Arc<std::fs::File>),
    Writer(Writer),
    Capture(Capture),
}

impl Output {
    /// No output: the descriptor does not exist, and to use it gives the program `EBADF`.
    pub fn closed() -> Self {
        Self(Sink::Closed)
    }

    /// An output that takes everything and keeps nothing.
    pub fn null() -> Self {
        Self(Sink::Null)
    }

    /// The standard output of this process. Where that is closed, so is this. What the process has
    /// printed so far comes first; what it prints while the program runs comes when it is flushed.
    pub fn stdout() -> Self {
        Self(Sink::Stdout)
    }

    /// The standard error of this process. Where that is closed, so is this.
    pub fn stderr() -> Self {
        Self(Sink::Stderr)
    }

    /// An open file of the host; pipes, sockets and terminals are files too. The position is shared
    /// with all clones, and moves by what a program writes. A program can neither seek, truncate,
    /// extend nor synchronise the file, nor set its times, nor flags of the description that others
    /// share; these fail as for a pipe. It can be told the position, the size and the times.
    ///
    /// A deadline or an interruption ends a write that waits, also where another process shares the
    /// stream and filled it first. What was written until then stays written.
    pub fn file(file: std::fs::File) -> Self {
        Self(Sink::File(Arc::new(file)))
    }

    /// A writer. It is flushed when the program synchronises the stream, and not after each write.
    /// An error that comes from the operating system has its number for the program; others are
    /// `EAGAIN`, `EPIPE` or `ENOSPC` where their kind says so, and else `EIO`. A writer that waits
    /// makes the program wait, whose deadline does not wake it; [`Output::file`] takes pipes of the
    /// operating system, for which it does.
    pub fn writer(writer: impl Write + Send + 'static) -> Self {
        Self(Sink::Writer(Writer(Arc::new(Mutex::new(writer)))))
    }

    /// Keeps what is written, up to 64 MiB, for the [`Capture`] to tell. The program gets `ENOSPC`
    /// for more. What is kept counts under the [`memory_bytes`](holdall::Limits#structfield.memory_bytes)
    /// of the program's store: beyond, the program gets `ENOMEM`.
    ///
    /// ```
    /// use holdall_wasi::{Grants, Output};
    ///
    /// let (capture, stdout) = Output::capture();
    /// let grants = Grants::new().stdout(stdout);
    /// // Once a program has run with these grants, this is what it wrote.
    /// assert_eq!(capture.text(), "");
    /// # drop(grants);
    /// ```
    pub fn capture() -> (Capture, Self) {
        Self::capture_at_most(DEFAULT_MAX_CAPTURED_BYTES)
    }

    /// Keeps what is written, up to `max_bytes`, for the [`Capture`] to tell. The program gets
    /// `ENOSPC` for more.
    pub fn capture_at_most(max_bytes: usize) -> (Capture, Self) {
        let capture = Capture {
            captured: Arc::default(),
            max_bytes,
        };
        (capture.clone(), Self(Sink::Capture(capture)))
    }

    /// The stream for one program; none where it is closed.
    pub(crate) fn open(&self) -> Result<Option<Box<dyn File>>> {
        Ok(Some(match &self.0 {
            Sink::Closed => return Ok(None),
            Sink::Null => stream(Null),
            Sink::Stdout => {
                // A stream that cannot be flushed cannot be written either, as the program will
                // learn.
                let _ = std::io::stdout().flush();
                return inherited(inherited::stdout());
            }
            Sink::Stderr => return inherited(inherited::stderr()),
            Sink::File(file) => Box::new(HostStream::new(Arc::clone(file))),
            Sink::Writer(writer) => stream(writer.clone()),
            Sink::Capture(capture) => stream(Captures::new(capture.clone())),
        }))
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Sink::Closed => "Output::closed",
            Sink::Null => "Output::null",
            Sink::Stdout => "Output::stdout",
            Sink::Stderr => "Output::stderr",
            Sink::File(_) => "Output::file",
            Sink::Writer(_) => "Output::writer",
            Sink::Capture(_) => "Output::capture",
        })
    }
}

/// What a program has written so far to an output that [`Output::capture`] made. A clone tells the
/// same.
#[derive(Clone)]
pub struct Capture {
    captured: Arc<Mutex<Captured>>,
    max_bytes: usize,
}

#[derive(Default)]
struct Captured {
    bytes: Vec<u8>,
    /// What of the bytes' room is counted in the accounts of the programs' stores.
    held: Vec<Arc<Held>>,
}

impl Capture {
    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        locked(&self.captured).bytes.clone()
    }

    /// The bytes as text, with U+FFFD for what is not UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&locked(&self.captured).bytes).into_owned()
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("size_bytes", &locked(&self.captured).bytes.len())
            .field("max_bytes", &self.max_bytes)
            .finish()
    }
}

/// A stream of the process, from its duplicate; none where the process has none.
fn inherited(duplicate: std::io::Result<Option<std::fs::File>>) -> Result<Option<Box<dyn File>>> {
    let file = duplicate?;
    Ok(file.map(|file| -> Box<dyn File> { Box::new(HostStream::new(file.into())) }))
}

/// A thread that panicked while it wrote leaves what it wrote.
fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
