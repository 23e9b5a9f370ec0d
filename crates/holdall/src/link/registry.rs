//! The registry: which names stand for which modules. Knows no instances and no readers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::bundle::is_builtin;
use crate::module::Module;

/// Names for modules. Each [`Linker`](super::Linker) has a registry of its own; the process has
/// none.
///
/// A module stays alive for as long as a name here or an instance in a store holds it.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    names: BTreeMap<Arc<str>, Module>,
    /// The names of each module, in the order in which it got them; never an empty list.
    by_module: HashMap<ModuleId, Vec<Arc<str>>>,
}

/// The identity of a module, for as long as it is alive.
pub(super) type ModuleId = usize;

/// The identity of a module.
pub(super) fn id_of(module: &Module) -> ModuleId {
    Arc::as_ptr(&module.0).addr()
}

/// Why a name was not given to a module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The name stands for the host.
    #[error(
        "can not register as a built-in module: {name:?} is the host's to define; choose another name"
    )]
    Builtin {
        /// The name.
        name: String,
    },
    /// The module has another name already.
    #[error(
        "failed to rename the module {existing:?} to {name:?}; ask for an alias to give it a second name"
    )]
    Renamed {
        /// The name that the module has.
        existing: String,
        /// The name that it was to get.
        name: String,
    },
    /// The name stands for another module already.
    #[error(
        "can not register {} as {name:?}: {} has the name; unregister it first",
        called(.module), called(.existing)
    )]
    Taken {
        /// The name.
        name: String,
        /// How the module that was to get the name calls itself.
        module: Option<String>,
        /// How the module that has the name calls itself.
        existing: Option<String>,
    },
    /// No module has the name.
    #[error("no module is registered as {name:?}")]
    Unknown {
        /// The name.
        name: String,
    },
}

fn called(own_name: &Option<String>) -> String {
    own_name.as_ref().map_or_else(
        || "a module without a name".to_owned(),
        |name| format!("module {name:?}"),
    )
}

impl Registry {
    /// A registry of no names.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a module its name. To give it the same name again changes nothing.
    ///
    /// # Errors
    /// A builtin name, a module that has another name, a name that another module has.
    pub fn register(&mut self, name: &str, module: &Module) -> Result<(), RegistryError> {
        if let Some(existing) = self.name_of(module) {
            if self.find(name).is_some_and(|found| found.same(module)) {
                return Ok(());
            }
            return Err(RegistryError::Renamed {
                existing: existing.to_owned(),
                name: name.to_owned(),
            });
        }
        self.insert(name, module)
    }

    /// Gives the module of a name a second one.
    ///
    /// # Errors
    /// A name that no module has, a builtin second name, one that another module has.
    pub fn alias(&mut self, name: &str, alias: &str) -> Result<(), RegistryError> {
        let Some(module) = self.find(name).cloned() else {
            return Err(RegistryError::Unknown {
                name: name.to_owned(),
            });
        };
        self.insert(alias, &module)
    }

    /// Takes a name away from its module, and returns the module. Instances of the module are not
    /// affected.
    pub fn unregister(&mut self, name: &str) -> Option<Module> {
        let module = self.names.remove(name)?;
        if let Some(names) = self.by_module.get_mut(&id_of(&module)) {
            names.retain(|known| &**known != name);
            if names.is_empty() {
                self.by_module.remove(&id_of(&module));
            }
        }
        Some(module)
    }

    /// The module of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Module> {
        self.names.get(name)
    }

    /// The name of a module; the one that it got first where it has several.
    #[must_use]
    pub fn name_of(&self, module: &Module) -> Option<&str> {
        self.names_of(module).first().map(|name| &**name)
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(|name| &**name)
    }

    /// The names of one module, in the order in which it got them.
    pub(super) fn names_of(&self, module: &Module) -> &[Arc<str>] {
        let names = self.by_module.get(&id_of(module));
        names.map_or(&[], Vec::as_slice)
    }

    /// Gives a module a name, which may be its second one.
    pub(super) fn insert(&mut self, name: &str, module: &Module) -> Result<(), RegistryError> {
        if is_builtin(name) {
            return Err(RegistryError::Builtin {
                name: name.to_owned(),
            });
        }
        match self.find(name) {
            Some(found) if found.same(module) => Ok(()),
            Some(found) => Err(RegistryError::Taken {
                name: name.to_owned(),
                module: module.name().map(ToOwned::to_owned),
                existing: found.name().map(ToOwned::to_owned),
            }),
            None => {
                let name: Arc<str> = name.into();
                let names = self.by_module.entry(id_of(module)).or_default();
                names.push(Arc::clone(&name));
                self.names.insert(name, module.clone());
                Ok(())
            }
        }
    }
}
