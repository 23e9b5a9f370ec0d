//! What the tests of holdall's packages share, and its fuzzer.

mod folder;
pub mod instructions;
pub mod rng;
#[cfg(feature = "smith")]
pub mod smith;
#[cfg(feature = "wasi")]
pub mod wasi;
