//! The modules that travel inside a program: what the build script checks and records, and how the
//! library finds them. Knows nothing of stores and of the executor.
//!
//! All but `embedded` and `emitted` is shared with the build script, which takes it by its path: it
//! uses the crate's `types` and `module::convert` and nothing else of it, so that a bundle is refused
//! at build time for the reasons and with the messages that the linker would refuse it with.

#[path = "../../../holdall-core/src/bundle/check.rs"]
mod check;
#[cfg(feature = "run")]
mod embedded;
#[cfg(feature = "run")]
pub mod emitted;
#[path = "../../../holdall-core/src/bundle/fault.rs"]
mod fault;
#[cfg(feature = "build")]
#[path = "../../../holdall-core/src/bundle/folder.rs"]
pub(crate) mod folder;
#[path = "../../../holdall-core/src/bundle/host.rs"]
mod host;
#[path = "../../../holdall-core/src/bundle/index.rs"]
mod index;
#[path = "../../../holdall-core/src/bundle/interface.rs"]
mod interface;
#[path = "../../../holdall-core/src/bundle/names.rs"]
mod names;
#[path = "../../../holdall-core/src/bundle/naming.rs"]
mod naming;
#[cfg(feature = "build")]
#[path = "../../../holdall-core/src/bundle/record.rs"]
pub(crate) mod record;
#[path = "../../../holdall-core/src/bundle/source.rs"]
mod source;
#[path = "../../../holdall-core/src/bundle/walk.rs"]
mod walk;

pub use check::{BundleError, BundledFile, check_bundle, check_bundle_with};
#[cfg(feature = "run")]
pub use embedded::{Bundle, BundledModule};
pub use fault::{Found, GraphError, ImportFailure};
pub use host::{HostManifest, HostManifestError};
pub use index::NameIndex;
pub use naming::{AliasError, Naming, Versions};

pub(crate) use fault::{UNNAMED, did_you_mean, instead, path_text};
pub(crate) use names::{Guesses, is_builtin, nearest};
pub(crate) use source::{HostDefinition, Missing, Opened, REACTOR_STARTS, Source};
pub(crate) use walk::{Graph, Resolution};
