//! `wasm_export.h`: the interface of the multi-module document.
//!
//! ```text
//!  RUNTIME (one, behind a lock): engine, linker, the program's module reader
//!     │ load                      │ instantiate: a clone of the linker, without the lock
//!  LoadedModule ────────────────► Graph: a store, one thread's at a time
//!                                   ├ ModuleInst  an instance, its heap and data
//!                                   ├ ExecEnv     what calls go through
//!                                   ├ Function    with its types
//!                                   └ MemoryInst
//! ```
//!
//! C holds handles to the things in the boxes ([`handles`]); a graph takes all of its handles with it.

mod addresses;
mod application;
mod blocks;
mod calls;
mod contexts;
mod convention;
mod describe;
mod ends;
mod graph;
mod handles;
mod heap;
mod instances;
mod log;
mod modules;
mod natives;
mod runtime;
mod things;
mod wasi;

use std::ffi::c_char;
use std::fmt::Display;

use crate::text::to_c;

/// The value of a result; its error goes to C's buffer.
///
/// # Safety
///
/// `buffer` is null, or `size` bytes can be written there.
unsafe fn answer<T>(result: Result<T, impl Display>, buffer: *mut c_char, size: u32) -> Option<T> {
    // SAFETY: the caller's duty.
    result
        .map_err(|error| unsafe { to_c(error, buffer, size as usize) })
        .ok()
}
