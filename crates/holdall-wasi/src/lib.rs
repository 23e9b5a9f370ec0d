//! WASI for holdall, preview 1 and by way of it preview 0: what a module may reach ([`Grants`]), which
//! module gets which grants ([`Wasi`]), and the functions. No other crate of holdall names wasi-common,
//! which gives the types and the files of the host.

#![forbid(unsafe_code)]

/// The snippets of the crate's README and of the project's, which are tried as this crate's.
#[cfg(doctest)]
mod readmes {
    #[doc = include_str!("../README.md")]
    struct Crate;
    #[doc = include_str!("../../../README.md")]
    struct Project;
}

mod abi;
mod audit;
mod calls;
mod clocks;
mod context;
mod descriptors;
mod errno;
mod fault;
mod fs;
mod grants;
mod intercept;
mod listing;
mod memory;
mod policy;
mod strings;
mod wait;

pub use audit::{Asked, Audit, Need, Needed};
pub use clocks::Time;
pub use errno::{Errno, NoSuchErrno};
pub use fs::MAX_PATH_BYTES;
pub use fs::memory::Files;
pub use fs::stream::{Capture, Input, Output, PipeWriter};
pub use grants::{Access, Grants};
pub use intercept::{Intercept, Intercepted, Verdict};
pub use policy::{Wasi, add_to_linker, check_function};
