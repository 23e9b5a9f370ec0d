//! The modules that travel inside a program: what the build script checks and records, and how the
//! library finds them. Knows nothing of stores and of the executor.
//!
//! `names`, `fault`, `source`, `walk`, `interface`, `host` and `check` are shared with the build script, which
//! takes them by their path: they use the crate's `types` and `module::convert` and nothing else of
//! it, so that a bundle is refused at build time for the reasons and with the messages that the
//! linker would refuse it with.

mod check;
#[cfg(feature = "run")]
mod embedded;
mod fault;
mod host;
mod interface;
mod names;
mod source;
mod walk;

pub use check::{BundleError, BundledFile, check_bundle};
#[cfg(feature = "run")]
pub use embedded::{Bundle, BundledModule};
pub use fault::{Found, GraphError, ImportFailure};
pub use host::{HostManifest, HostManifestError};

pub(crate) use fault::{UNNAMED, did_you_mean, path_text};
pub(crate) use names::{is_builtin, nearest};
pub(crate) use source::{HostDefinition, Opened, Source};
pub(crate) use walk::{Graph, Resolution};
