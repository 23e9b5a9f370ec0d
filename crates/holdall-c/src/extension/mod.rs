//! `holdall.h`: what `wasm.h` has no words for.

mod config;
mod errors;
mod linker;
mod wasi;
