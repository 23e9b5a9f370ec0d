//! Programs in C and C++ over `wasm.h`, `wasi.h` and `holdall.h`.
