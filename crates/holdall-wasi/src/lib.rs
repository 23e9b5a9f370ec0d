//! WASI for holdall: preview 1, and preview 0 by way of it: what a module may reach ([`Grants`]), who gets which
//! ([`Wasi`]), and the functions. wasi-common, which gives the types and the files of the host, is
//! named by no other crate of holdall.

#![forbid(unsafe_code)]

/// The snippets of the project's README, which are tried as this crate's.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

mod abi;
mod audit;
mod calls;
mod clock;
mod context;
mod descriptors;
mod errno;
mod fault;
mod fs;
mod grants;
mod listing;
mod memory;
mod policy;
mod strings;
mod wait;

pub use audit::{Asked, Audit, Need, Needed};
pub use fs::MAX_PATH_BYTES;
pub use fs::memory::Files;
pub use fs::stream::{Capture, Input, Output, PipeWriter};
pub use grants::{Access, Grants};
pub use policy::{Wasi, add_to_linker};
