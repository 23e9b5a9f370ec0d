//! Host functions that each module gets for itself: what they can reach depends on who imports
//! them. Knows nothing of what they do.

use crate::error::Result;
use crate::host::BareFunc;
use crate::types::FuncType;

/// Somebody who provides host functions under some module names.
pub trait Provider: Send + Sync {
    /// The type of a function that there is.
    fn ty(&self, module: &str, name: &str) -> Option<FuncType>;

    /// The functions under a module name.
    fn names(&self, module: &str) -> Vec<&'static str>;

    /// The functions for the modules of one graph, which are about to come to life.
    fn begin(&self) -> Box<dyn Provision>;
}

/// The host functions for the modules of one graph.
pub trait Provision {
    /// A function that the provider has a type of, for a module that imports it.
    ///
    /// # Errors
    ///
    /// When what it is to reach can not be had.
    fn func(&mut self, importer: Importer<'_>, module: &str, name: &str) -> Result<BareFunc>;
}

/// A module that imports.
#[derive(Clone, Copy, Debug)]
pub struct Importer<'a> {
    /// Its name in the graph.
    pub name: &'a str,
    /// Whether it is the one that the embedder instantiates, not one that it needs.
    pub is_root: bool,
}
