//! What all modules of a graph import, and from whom: told before there is a store, also where
//! functions are found nowhere.

use super::linker::Linker;
use crate::bundle::Resolution;
use crate::error::Result;
use crate::module::Module;
use crate::types::ExternType;

/// An import of a module of a graph; see [`Linker::graph_imports`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphImport {
    /// The name of the module that imports; `<root>` for a root that has none.
    pub importer: String,
    /// The module name that the import says, or the name that it stands for where it is an alias.
    pub module: String,
    /// The name in that module.
    pub name: String,
    /// The type that the import declares.
    pub ty: ExternType,
    /// What satisfies the import.
    pub source: ImportSource,
}

/// What satisfies an import.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportSource {
    /// A definition of the host, or a function of a [provider](Linker::provide).
    Host,
    /// An export of the module of this name in the graph.
    Module(String),
    /// Nothing: the import is a function that is found nowhere.
    Nothing,
}

impl<T: 'static> Linker<T> {
    /// The imports of a module and of all modules that it needs, which are loaded and registered as
    /// [`Linker::instantiate_pre`] does it: dependencies first, each module's imports in their order.
    /// Functions that are found nowhere are among them, whatever
    /// [`Linker::trap_on_missing_functions`] says.
    ///
    /// ```
    /// use holdall::{Engine, ImportSource, Linker, Module};
    ///
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"(module (import "net" "fetch" (func (param i32))))"#)?;
    /// let linker = Linker::<()>::new(&engine);
    /// let imports = linker.graph_imports(&module)?;
    /// assert_eq!((&*imports[0].module, &*imports[0].name), ("net", "fetch"));
    /// assert_eq!(imports[0].source, ImportSource::Nothing);
    /// # Ok::<(), holdall::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`LinkError`](crate::LinkError): a module cannot be had, or what it imports does not fit; or a
    /// memory, a table, a global or a tag is found nowhere.
    pub fn graph_imports(&self, module: &Module) -> Result<Vec<GraphImport>> {
        self.check_engine(module.engine())?;
        let loading = || {
            let mut loading = self.loading();
            loading.stands_in = true;
            Ok(loading)
        };
        self.learn(loading, |loading| {
            let plan = loading.plan(None, module)?;
            let graph = &plan.graph;
            let mut all = Vec::new();
            for (node, resolutions) in &plan.steps {
                let imports = graph.unit(*node).imports();
                all.extend(
                    imports
                        .zip(resolutions)
                        .map(|(import, resolution)| GraphImport {
                            importer: graph.name(*node).to_owned(),
                            module: graph.stands_for(*node, import.module).to_owned(),
                            name: import.name.to_owned(),
                            ty: import.ty,
                            source: match resolution {
                                Resolution::Host => ImportSource::Host,
                                Resolution::Module(from) => {
                                    ImportSource::Module(graph.name(*from).to_owned())
                                }
                                Resolution::StandIn => ImportSource::Nothing,
                            },
                        }),
                );
            }
            Ok((all, plan.shadowed))
        })
    }
}
