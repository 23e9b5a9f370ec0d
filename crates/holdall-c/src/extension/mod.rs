//! `holdall.h`: what `wasm.h` has no words for.

mod errors;
