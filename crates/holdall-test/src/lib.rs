//! Tests of WebAssembly modules as they ship, offline: without network, files or luck.

#![forbid(unsafe_code)]
