//! What the runtime has to say beside its results: on standard error, up to the level that the program set.

use std::fmt;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::guard::guard;

/// How grave a message is: as `log_level_t` has it.
#[derive(Clone, Copy)]
pub(super) enum Level {
    Error = 1,
    Warning = 2,
}

static MOST: AtomicI32 = AtomicI32::new(Level::Warning as i32);

/// Says something on standard error.
#[cold]
pub(super) fn say(level: Level, message: fmt::Arguments<'_>) {
    if level as i32 <= MOST.load(Ordering::Relaxed) {
        eprintln!("holdall: {message}");
    }
}

/// Sets the least grave messages that are still written.
#[unsafe(no_mangle)]
extern "C" fn wasm_runtime_set_log_level(level: i32) {
    guard((), || MOST.store(level, Ordering::Relaxed));
}
