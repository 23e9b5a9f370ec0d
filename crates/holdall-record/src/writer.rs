//! Where records go: into a chunk, which is written when it is large enough, or some milliseconds later by a thread
//! that does nothing else. So a process that is ended leaves nearly all of its recording, and a program that asks
//! the host often pays for no call of the system's each time.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::format::{Header, MAGIC, Record, push_chunk, push_record};

/// A chunk is written when its payload has this many bytes.
const FULL_BYTES: usize = 1 << 16;
/// A chunk that is not full is written after this time.
const PATIENCE: Duration = Duration::from_millis(50);

pub(crate) struct Writer<W> {
    state: Mutex<State<W>>,
    finished: Condvar,
}

struct State<W> {
    /// `None` once the recording is finished.
    to: Option<W>,
    /// The records that are not written yet.
    payload: Vec<u8>,
    /// Why a write failed. Nothing is written after that.
    failure: Option<io::Error>,
}

impl<W: Write + Send + 'static> Writer<W> {
    /// Writes the header, and records as they come.
    pub(crate) fn start(to: W, header: &Header) -> Arc<Self> {
        let payload = postcard::to_stdvec(header).expect("a header is plain data");
        let mut bytes = MAGIC.to_vec();
        push_chunk(&mut bytes, &payload);
        let mut state = State {
            to: Some(to),
            payload: Vec::with_capacity(2 * FULL_BYTES),
            failure: None,
        };
        state.write(&bytes);
        let writer = Arc::new(Self {
            state: Mutex::new(state),
            finished: Condvar::new(),
        });
        let patient = Arc::clone(&writer);
        let thread = thread::Builder::new().name("holdall-record".to_owned());
        // Without the thread, chunks are written when they are full, and at the end.
        drop(thread.spawn(move || patient.write_now_and_then()));
        writer
    }

    pub(crate) fn put(&self, record: &Record<'_>) {
        let mut state = self.lock();
        if state.to.is_none() || state.failure.is_some() {
            return;
        }
        push_record(&mut state.payload, record);
        if state.payload.len() >= FULL_BYTES {
            state.write_chunk();
        }
    }

    /// Writes what is left, and gives back what was written to.
    pub(crate) fn finish(&self) -> io::Result<W> {
        let mut state = self.lock();
        state.write_chunk();
        if let Some(to) = &mut state.to
            && let Err(failure) = to.flush()
        {
            state.failure.get_or_insert(failure);
        }
        let to = state.to.take();
        self.finished.notify_all();
        match (state.failure.take(), to) {
            (None, Some(to)) => Ok(to),
            (Some(failure), _) => Err(failure),
            (None, None) => Err(io::Error::other("the recording is finished already")),
        }
    }

    fn write_now_and_then(&self) {
        let mut state = self.lock();
        while state.to.is_some() {
            let waited = self.finished.wait_timeout(state, PATIENCE);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.write_chunk();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write> State<W> {
    fn write_chunk(&mut self) {
        if self.payload.is_empty() || self.to.is_none() {
            return;
        }
        let mut chunk = Vec::with_capacity(self.payload.len() + 16);
        push_chunk(&mut chunk, &self.payload);
        self.payload.clear();
        self.write(&chunk);
    }

    fn write(&mut self, bytes: &[u8]) {
        if let (None, Some(to)) = (&self.failure, &mut self.to) {
            self.failure = to.write_all(bytes).err();
        }
    }
}

impl<W> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}
