//! Host functions that each module gets for itself: what they can reach depends on who imports
//! them. Knows nothing of what they do.

use crate::error::Result;
use crate::host::SlotFunc;
use crate::types::{FuncType, MemoryType};

/// What provides host functions under some module names; see
/// [`Linker::provide`](crate::Linker::provide).
pub trait Provider: Send + Sync {
    /// The type of the function that a module imports as `name` from `module`; `None` where there is no
    /// such function.
    fn ty(&self, module: &str, name: &str) -> Option<FuncType>;

    /// The names of all functions under a module name. Messages suggest one of them for a wrong name.
    fn names(&self, module: &str) -> Vec<&'static str>;

    /// The functions for the modules of one graph, which are about to be instantiated.
    fn begin(&self) -> Box<dyn Provision>;
}

/// The host functions for the modules of one graph.
pub trait Provision {
    /// The function for a module that imports it. The provider has said that there is one, and the
    /// function is of the type that the provider has said.
    ///
    /// # Errors
    ///
    /// When something that the function is to reach cannot be had. The instantiation ends with this
    /// error.
    fn func(&mut self, importer: Importer<'_>, module: &str, name: &str) -> Result<SlotFunc>;
}

/// A module that imports.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Importer<'a> {
    /// The module's name in the graph; `<root>` for a root that has none.
    pub name: &'a str,
    /// Whether the module is the one that the embedder instantiates, not one that another needs.
    pub is_root: bool,
    /// The type of the module's memory that functions of the host take addresses in: the one that is
    /// exported as `memory`, else the first. `None` where the module has no memory.
    pub memory: Option<MemoryType>,
}
