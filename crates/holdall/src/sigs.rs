//! Canonical types as the engine uses them. The core has the types themselves; a module keeps those of
//! its sections, a store those of its host functions, tags, tables and globals.

use crate::error::Error;

pub(crate) use holdall_core::canonical::{Known, Uses, is_subtype};

/// The error of a type that refers to types of modules that are gone.
#[cold]
pub(crate) fn stale(stale: holdall_core::canonical::Stale) -> Error {
    Error::usage(stale.to_string())
}
