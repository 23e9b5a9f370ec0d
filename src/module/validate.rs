//! Validation of function bodies, side by side where there are many: each is valid or not whatever
//! the others are.

use std::num::NonZero;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::thread;

use wasmparser::{FuncToValidate, FuncValidatorAllocations, FunctionBody, ValidatorResources};

use super::fault::Fault;
use super::parse::in_bytes;
use crate::compile::{self, Rejection};
use crate::limits::Limits;

/// A body with what validates it.
type Body<'a> = (FuncToValidate<ValidatorResources>, FunctionBody<'a>);

/// So many bytes of code are worth a thread of their own: a few milliseconds of work.
const BYTES_PER_THREAD: usize = 512 << 10;
/// More threads than this gain little beside what one thread has to do.
const MAX_THREADS: usize = 4;
/// As many bodies are taken at once.
const BATCH: usize = 64;

/// Validates function bodies, and says where in the module they are.
pub(super) fn validate_bodies(
    bodies: Vec<Body<'_>>,
    limits: &Limits,
) -> Result<Vec<Range<usize>>, Fault> {
    let ranges: Vec<_> = bodies
        .iter()
        .map(|(_, body)| in_bytes(body.range()))
        .collect();
    let bytes = ranges.iter().map(Range::len).sum();
    let queue = Queue {
        bodies: Mutex::new(bodies.into_iter()),
        fault: Mutex::new(None),
        limits,
    };
    thread::scope(|scope| {
        for _ in 1..threads(bytes) {
            // Where the system gives none, this one does the work.
            let _ = thread::Builder::new().spawn_scoped(scope, || queue.work());
        }
        queue.work();
    });
    match queue
        .fault
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        Some((_, fault)) => Err(fault),
        None => Ok(ranges),
    }
}

/// How many threads so many bytes of code are worth here.
fn threads(bytes: usize) -> usize {
    let most = (bytes / BYTES_PER_THREAD).clamp(1, MAX_THREADS);
    if most == 1 {
        return 1;
    }
    thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(most)
}

/// The bodies that nobody has taken yet, and the first that is not valid.
struct Queue<'a> {
    bodies: Mutex<std::vec::IntoIter<Body<'a>>>,
    /// With the index of its function.
    fault: Mutex<Option<(u32, Fault)>>,
    limits: &'a Limits,
}

impl<'a> Queue<'a> {
    /// Validates until there are no more, or one is not valid.
    fn work(&self) {
        let mut allocs = FuncValidatorAllocations::default();
        loop {
            let batch = self.take();
            if batch.is_empty() {
                return;
            }
            for (func, body) in batch {
                let index = func.index;
                match compile::validate(func, &body, allocs, self.limits) {
                    Ok(again) => allocs = again,
                    Err(rejection) => {
                        return self.refuse(
                            index,
                            match rejection {
                                Rejection::Invalid(error) => Fault::in_body(error, &body),
                                Rejection::Limit(message) => Fault::in_func(index, message),
                            },
                        );
                    }
                }
            }
        }
    }

    fn take(&self) -> Vec<Body<'a>> {
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        bodies.by_ref().take(BATCH).collect()
    }

    /// Keeps the fault of the first function that has one. What comes after it need not be looked
    /// at; whatever comes before it is taken already.
    fn refuse(&self, index: u32, fault: Fault) {
        *self.bodies.lock().unwrap_or_else(PoisonError::into_inner) = Vec::new().into_iter();
        let mut first = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|(known, _)| index < *known) {
            *first = Some((index, fault));
        }
    }
}
