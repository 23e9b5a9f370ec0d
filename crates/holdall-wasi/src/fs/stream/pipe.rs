//! A pipe in memory, from a thread of the embedder's to a program.

use std::collections::VecDeque;
use std::fmt;
use std::io::{ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::super::{Interest, Readiness};
use super::end::End;
use super::locked;
use crate::fault::{Errno, Result};
use holdall::provide::Meter;

/// The most bytes that wait in a pipe: as many as in a pipe of Linux.
const CAPACITY_BYTES: usize = 64 << 10;

struct Pipe {
    state: Mutex<State>,
    /// There is something to read, or room to write, or an end is gone.
    changed: Condvar,
}

struct State {
    bytes: VecDeque<u8>,
    has_writer: bool,
    has_reader: bool,
}

pub(super) fn new() -> (PipeWriter, Reader) {
    let pipe = Arc::new(Pipe {
        state: Mutex::new(State {
            bytes: VecDeque::new(),
            has_writer: true,
            has_reader: true,
        }),
        changed: Condvar::new(),
    });
    (PipeWriter(pipe.clone()), Reader(pipe))
}

/// The end of a pipe that the embedder writes to. [`Input::pipe`](super::Input::pipe) makes it.
///
/// A write waits while the pipe is full. It gives an error of the kind
/// [`BrokenPipe`](ErrorKind::BrokenPipe) when neither an `Input` nor a program is left to read.
/// The program's input ends when this is dropped.
pub struct PipeWriter(Arc<Pipe>);

impl Write for PipeWriter {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut state = locked(&self.0.state);
        while state.has_reader && state.bytes.len() >= CAPACITY_BYTES {
            let waited = self.0.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if !state.has_reader {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let size = buf.len().min(CAPACITY_BYTES - state.bytes.len());
        state.bytes.extend(&buf[..size]);
        self.0.changed.notify_all();
        Ok(size)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        locked(&self.0.state).has_writer = false;
        self.0.changed.notify_all();
    }
}

impl fmt::Debug for PipeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PipeWriter")
    }
}

/// The end that programs read from; dropped with the last that could.
pub(super) struct Reader(Arc<Pipe>);

impl Drop for Reader {
    fn drop(&mut self) {
        locked(&self.0.state).has_reader = false;
        self.0.changed.notify_all();
    }
}

impl End for Arc<Reader> {
    fn read(&mut self, buf: &mut [u8], wait: bool, meter: &Meter) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let pipe = &self.0;
        let mut state = locked(&pipe.state);
        while state.has_writer && state.bytes.is_empty() {
            if !wait {
                return Err(Errno::Again.into());
            }
            meter.check()?;
            state = match meter.patience() {
                None => pipe
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(slice) => {
                    let waited = pipe.changed.wait_timeout(state, slice);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        let mut size = 0;
        let (front, back) = state.bytes.as_slices();
        for bytes in [front, back] {
            let taken = bytes.len().min(buf.len() - size);
            buf[size..size + taken].copy_from_slice(&bytes[..taken]);
            size += taken;
        }
        state.bytes.drain(..size);
        pipe.changed.notify_all();
        Ok(size)
    }

    fn readiness(&self, interest: Interest) -> Readiness<'static> {
        let state = locked(&self.0.state);
        let bytes = state.bytes.len() as u64;
        if interest == Interest::Read && bytes == 0 && state.has_writer {
            return Readiness::NotYet;
        }
        Readiness::Ready {
            bytes,
            hangup: bytes == 0 && !state.has_writer,
        }
    }
}
