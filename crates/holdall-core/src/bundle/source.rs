//! What a walk over a graph of modules asks of those that have the modules: a linker, or the check
//! of a bundle. Knows types, names and faults only.

use super::graph_error::GraphError;
use super::index::{self, NameIndex};
use super::naming::Versions;
use super::nearest::Guesses;
use crate::types::ExternType;

/// At most this many versions of a missing module are told.
const MAX_VERSIONS: usize = 3;

/// The functions that initialise a reactor: the first of them that a module exports is called
/// before any other function of the module.
pub const REACTOR_STARTS: [&str; 2] = ["_initialize", "__wasm_call_ctors"];

/// What the host defines under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostDefinition {
    /// Something of this type.
    Typed(ExternType),
    /// Something of an unknown type.
    Untyped,
}

/// A module that a [`Source`] found.
#[derive(Debug)]
pub struct Opened<U> {
    /// The module.
    pub unit: U,
    /// Whether the module's imports are satisfied already, so that the walk leaves them out.
    pub settled: bool,
}

/// Where a walk gets modules and the host's definitions from, and what it tells faults to.
pub trait Source {
    /// A module.
    type Unit;
    /// What ends a walk.
    type Error;

    /// The same for two handles to one module, and different for two modules.
    fn id(&self, unit: &Self::Unit) -> usize;
    /// The imports: module name, name, type.
    fn imports<'u>(
        &self,
        unit: &'u Self::Unit,
    ) -> impl Iterator<Item = (&'u str, &'u str, ExternType)>;
    /// The type of an export.
    fn export(&self, unit: &Self::Unit, name: &str) -> Option<ExternType>;
    /// The index of an export in the index space of its kind.
    fn export_index(&self, unit: &Self::Unit, name: &str) -> Option<u32>;
    /// Whether code of the module runs when it comes to life.
    fn starts(&self, unit: &Self::Unit) -> bool;
    /// The names of the exports.
    fn export_names<'u>(&self, unit: &'u Self::Unit) -> impl Iterator<Item = &'u str>;
    /// What the host defines under a module's name and a name in it.
    fn host(&self, module: &str, name: &str) -> Option<HostDefinition>;
    /// The names that the host defines under a module's name.
    fn host_names(&self, module: &str) -> Vec<&str>;
    /// The module of exactly this name, which is never a builtin one, or `None` where there is none.
    /// A walk asks for each name once. `chain` gives the names from the root to this module.
    ///
    /// # Errors
    /// Whatever shall end the walk.
    fn open(
        &mut self,
        name: &str,
        chain: &dyn Fn() -> Vec<String>,
    ) -> Result<Option<Opened<Self::Unit>>, Self::Error>;
    /// The names of existing modules, as far as they are known without opening each.
    fn index(&self) -> &NameIndex;
    /// Whether a module is known to have a name, besides the name that it was opened by.
    fn has_name(&self, unit: &Self::Unit, name: &str) -> bool;
    /// Who is asked for modules.
    fn asked(&self) -> Vec<String>;
    /// Takes a fault of the graph's shape. On `Ok` the walk goes on without the edge that has the
    /// fault.
    ///
    /// # Errors
    /// Whatever shall end the walk.
    fn fault(&mut self, fault: GraphError) -> Result<(), Self::Error>;
    /// The name of the highest version that satisfies `name`, where no module has that name. The
    /// index is not asked for a name without a version.
    fn version(&self, name: &str, versions: Versions) -> Option<&str> {
        let is_versioned = index::is_versioned(name);
        is_versioned.then(|| self.index().find(name, versions))?
    }
    /// Is called for each import that the walk looks at.
    ///
    /// # Errors
    /// Whatever shall end the walk.
    fn step(&self) -> Result<(), Self::Error> {
        Ok(())
    }
    /// Whether a missing function may be left to trap when it is called.
    fn stands_in(&self) -> bool {
        false
    }
}

/// What is told of a missing module.
#[derive(Debug)]
pub struct Missing {
    /// Who was asked for the module.
    pub asked: Vec<String>,
    /// The highest existing versions of the module, highest first.
    pub versions: Vec<String>,
    /// The name that may have been meant, where no version exists.
    pub nearest: Option<String>,
}

impl Missing {
    /// What `source` can tell of a name that no module satisfies.
    #[must_use]
    pub fn of<S: Source>(source: &S, name: &str, guesses: &mut Guesses) -> Self {
        let index = source.index();
        let versions = index.highest(name, MAX_VERSIONS);
        let nearest = match versions.as_slice() {
            [] => guesses.nearest(name, index.names()),
            _ => None,
        };
        Self {
            asked: source.asked(),
            versions: versions.into_iter().map(ToOwned::to_owned).collect(),
            nearest: nearest.map(ToOwned::to_owned),
        }
    }
}
