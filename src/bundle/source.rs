//! What a walk over a graph of modules asks of those that have the modules: a linker, or the build
//! script, which takes this file by its path. Knows types and faults only.

use super::fault::GraphError;
use crate::types::ExternType;

/// What the host defines under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostDefinition {
    /// Something of this type.
    Typed(ExternType),
    /// Something whose type nobody said.
    Untyped,
}

/// A module that a [`Source`] found.
pub(crate) struct Opened<U> {
    pub(crate) unit: U,
    /// Whether its imports are satisfied already, so that the walk does not go into it.
    pub(crate) settled: bool,
}

/// Where a walk gets its modules and the host's definitions from, and whom it tells of faults.
pub(crate) trait Source {
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
    /// The names of the exports.
    fn export_names<'u>(&self, unit: &'u Self::Unit) -> impl Iterator<Item = &'u str>;
    /// What the host defines under a module's name and a name in it.
    fn host(&self, module: &str, name: &str) -> Option<HostDefinition>;
    /// The names that the host defines under a module's name.
    fn host_names(&self, module: &str) -> Vec<&str>;
    /// The module of a name, which is never a builtin one, or `None` where there is none. A walk
    /// asks for each name once. `chain` gives the names from the root to this module.
    ///
    /// # Errors
    /// Whatever shall end the walk.
    fn open(
        &mut self,
        name: &str,
        chain: &dyn Fn() -> Vec<String>,
    ) -> Result<Option<Opened<Self::Unit>>, Self::Error>;
    /// Who was asked for a missing module, and which existing name may have been meant.
    fn missing(&self, name: &str) -> (Vec<String>, Option<String>);
    /// Is told of a fault of the graph's shape. On `Ok` the walk goes on without that edge.
    ///
    /// # Errors
    /// Whatever shall end the walk.
    fn fault(&mut self, fault: GraphError) -> Result<(), Self::Error>;
    /// Whether a missing function may be left to trap when it is called.
    fn stands_in(&self) -> bool {
        false
    }
}
