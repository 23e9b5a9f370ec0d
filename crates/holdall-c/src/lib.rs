//! holdall for C programs: `wasm_export.h`, the interface of the multi-module document that holdall
//! implements, and `wasm.h`, the standard C interface of WebAssembly engines. This is the one place where
//! C meets Rust.
//!
//! The functions are for C alone, so the crate has no Rust interface. Three rules hold for all of them:
//!
//! - A panic never crosses the boundary. Each function's body is in `guard::guard`.
//! - What C hands over is looked at before it is used: null pointers, handles, text that is no UTF-8.
//! - A buffer of C's is written to up to the size that C says, and a text in it ends with a zero byte.

mod export;
mod extension;
mod guard;
mod room;
mod standard;
mod text;
