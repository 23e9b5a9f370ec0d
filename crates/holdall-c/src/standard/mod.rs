//! `wasm.h`: the standard C interface of WebAssembly engines.
