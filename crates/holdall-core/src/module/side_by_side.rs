//! Work on every function body, on several threads where there is much. The result of one body does
//! not depend on the others.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// This many bytes of code are worth a thread of their own: a few milliseconds of work.
const BYTES_PER_THREAD: usize = 512 << 10;
/// More threads than this gain little beside what one thread has to do.
const MAX_THREADS: usize = 4;
/// How many bodies a thread takes at once.
const BATCH: usize = 64;

/// Does `work` on each of the bodies, which have `bytes` bytes together and are in the order of
/// their functions. Each thread has a state of its own, which `state` makes.
///
/// # Errors
///
/// The fault of the first function that has one, whichever thread found it.
pub fn side_by_side<T: Send, S, E: Send>(
    bodies: Vec<T>,
    bytes: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, T) -> Result<(), (u32, E)> + Sync,
) -> Result<(), E> {
    let queue = Queue {
        bodies: Mutex::new(bodies.into_iter()),
        fault: Mutex::new(None),
    };
    match threads(bytes) {
        1 => queue.work(state(), &work),
        threads => thread::scope(|scope| {
            for _ in 1..threads {
                // Where the system gives no thread, this one does the work.
                let _ = thread::Builder::new().spawn_scoped(scope, || queue.work(state(), &work));
            }
            queue.work(state(), &work);
        }),
    }
    let fault = queue.fault.into_inner();
    match fault.unwrap_or_else(PoisonError::into_inner) {
        Some((_, fault)) => Err(fault),
        None => Ok(()),
    }
}

/// How many threads to use for this many bytes of code.
fn threads(bytes: usize) -> usize {
    let most = (bytes / BYTES_PER_THREAD).clamp(1, MAX_THREADS);
    if most == 1 {
        return 1;
    }
    thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(most)
}

/// The bodies that nobody has taken yet, and the first fault.
struct Queue<T, E> {
    bodies: Mutex<std::vec::IntoIter<T>>,
    /// The fault, with the index of its function.
    fault: Mutex<Option<(u32, E)>>,
}

impl<T, E> Queue<T, E> {
    /// Works until there are no more bodies, or a body has a fault.
    fn work<S>(&self, mut state: S, work: impl Fn(&mut S, T) -> Result<(), (u32, E)>) {
        loop {
            let batch = self.take();
            if batch.is_empty() {
                return;
            }
            for body in batch {
                if let Err((index, fault)) = work(&mut state, body) {
                    return self.refuse(index, fault);
                }
            }
        }
    }

    fn take(&self) -> Vec<T> {
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.by_ref().take(BATCH).collect()
    }

    /// Keeps the fault of the first function that has one. Bodies after the function with the fault
    /// need not be looked at; all bodies before it are taken already.
    fn refuse(&self, index: u32, fault: E) {
        *self.bodies.lock().unwrap_or_else(PoisonError::into_inner) = Vec::new().into_iter();
        let mut first = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|(known, _)| index < *known) {
            *first = Some((index, fault));
        }
    }
}
