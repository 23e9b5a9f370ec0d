//! What build scripts and linkers share: the walk over the imports of a graph of modules, the check
//! of a bundle, names, and the messages. So a build refuses a bundle for the same reasons and with
//! the same messages as a linker. Knows nothing of stores.

mod check;
mod graph_error;
mod host;
mod index;
mod interface;
mod naming;
mod nearest;
mod source;
mod walk;

pub use check::{BundleError, BundledFile, check_bundle, check_bundle_with};
pub use graph_error::{
    Found, GraphError, ImportFailure, UNNAMED, did_you_mean, instead, path_text,
};
pub use host::{HostManifest, HostManifestError};
pub use index::NameIndex;
pub use naming::{AliasError, Naming, Versions, is_builtin, is_wasi};
pub use nearest::{Guesses, nearest};
pub use source::{HostDefinition, Missing, Opened, REACTOR_STARTS, Source};
pub use walk::{Graph, Resolution};
