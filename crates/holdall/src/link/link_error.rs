//! The errors of linking, as types that a program can match on.

use super::reader::ReadError;
use super::registry::RegistryError;
use super::snapshot::SnapshotError;
use crate::bundle::{AliasError, GraphError, did_you_mean, instead, path_text};
use crate::error::Error;
use crate::escape::escaped_join;

/// Why modules could not be linked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The modules do not fit one another.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A name could not be given to a module.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A name is an alias of another name already.
    #[error(transparent)]
    Alias(#[from] AliasError),
    /// A graph's state could not be captured, or not brought back.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A reader could not read a module that may be there.
    #[error("module {module:?} could not be read ({})", path_text(.chain))]
    Read {
        /// The module's name.
        module: String,
        /// The names from the root to the module, both included.
        chain: Vec<String>,
        /// The reader's reason.
        source: ReadError,
    },
    /// What a reader gave is not a module that holdall takes.
    #[error("module {module:?} could not be loaded ({})", path_text(.chain))]
    Load {
        /// The module's name.
        module: String,
        /// The names from the root to the module, both included.
        chain: Vec<String>,
        /// What is wrong with it.
        source: Error,
    },
    /// A dependency could not be brought to life: its instantiation, or its start, failed.
    #[error("module {module:?} did not start ({})", path_text(.chain))]
    Start {
        /// The module's name.
        module: String,
        /// The names from the root to the module, both included.
        chain: Vec<String>,
        /// Why; a trap keeps its code and its backtrace.
        source: Error,
    },
    /// There is no module of the name that was asked for.
    #[error("{}{}", not_found_text(.name, .asked), instead(.versions, .nearest.as_deref()))]
    NotFound {
        /// The name.
        name: String,
        /// Who was asked for it; empty where there is no reader.
        asked: Vec<String>,
        /// The highest versions of it that there are, highest first; a few of them.
        versions: Vec<String>,
        /// The name that may have been meant, where there are no versions of it.
        nearest: Option<String>,
    },
    /// A name is defined already.
    #[error("{module:?}.{name:?} is defined already; allow shadowing to define it anew")]
    Defined {
        /// The module's name.
        module: String,
        /// The name in it.
        name: String,
    },
    /// A name is not defined.
    #[error("the host has no definition of {module:?}.{name:?}{}", did_you_mean(.nearest.as_deref()))]
    Undefined {
        /// The module's name.
        module: String,
        /// The name in it.
        name: String,
        /// The name that may have been meant.
        nearest: Option<String>,
    },
}

fn not_found_text(name: &str, asked: &[String]) -> String {
    if asked.is_empty() {
        format!("there is no module reader to load {name:?}")
    } else {
        format!(
            "there is no module {name:?}, asked {}",
            escaped_join(asked, ", ")
        )
    }
}
