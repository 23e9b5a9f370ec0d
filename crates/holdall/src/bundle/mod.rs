//! The modules that travel inside a program, and how the library finds them. Knows nothing of stores and
//! of the executor.

mod embedded;
pub mod emitted;

pub use embedded::{Bundle, BundledModule};
pub use holdall_core::bundle::{
    AliasError, BundleError, BundledFile, Found, GraphError, HostManifest, HostManifestError,
    ImportFailure, NameIndex, Naming, Versions, check_bundle, check_bundle_with,
};
pub(crate) use holdall_core::bundle::{
    Graph, Guesses, HostDefinition, Missing, Opened, REACTOR_STARTS, Resolution, Source, UNNAMED,
    did_you_mean, instead, is_builtin, nearest, path_text,
};
