//! `wasi.h` and `holdall.h`: what `wasm.h` has no words for.
