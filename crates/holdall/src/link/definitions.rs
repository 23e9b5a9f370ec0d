//! What the host defines, by module name and name, and which of these definitions exist in which
//! store. Knows nothing of registry and readers.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::by_name::ByName;
use super::by_store::ByStore;
use super::provider::Provider;
use super::registry::{ModuleId, id_of};
use crate::bundle::HostDefinition;
use crate::host::HostDef;
use crate::module::Module;
use crate::store::{AsContextMut, Extern, Func, Instance, Scope, StoreCore, StoreId};
use crate::types::{ExternType, FuncType};

/// What a linker knows of one store: the instances and the host functions that it made there. The
/// lock is never held during other work, so that a host function can use the linker that made it.
#[derive(Default)]
pub(super) struct StoreState {
    /// The names of the instances; each instance holds the scope too.
    pub(super) scope: Arc<Scope>,
    living: Mutex<Living>,
}

#[derive(Clone, Default)]
struct Living {
    /// The newest instance of each module. The instance keeps its module alive, so that the
    /// module's identity stays its own.
    instances: HashMap<ModuleId, Instance>,
    /// The host functions that were made in this store.
    made: ByName<Func>,
}

impl StoreState {
    /// The newest instance of a module.
    pub(super) fn instance(&self, module: &Module) -> Option<Instance> {
        self.living().instances.get(&id_of(module)).copied()
    }

    /// Makes these instances the newest ones of their modules.
    pub(super) fn add<'m>(&self, instances: impl Iterator<Item = (&'m Module, Instance)>) {
        let instances = instances.map(|(module, instance)| (id_of(module), instance));
        self.living().instances.extend(instances);
    }

    /// An independent copy.
    fn copy(&self) -> Self {
        Self {
            scope: Arc::new(self.scope.copy()),
            living: Mutex::new(self.living().clone()),
        }
    }

    fn living(&self) -> MutexGuard<'_, Living> {
        self.living.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the host defines.
pub(super) struct Definitions<T> {
    /// Host functions for every store.
    host: Arc<ByName<HostDef<T>>>,
    /// What provides functions that each importing module gets for itself. What is defined comes
    /// before what is provided, and a later provider before an earlier one.
    pub(super) providers: Vec<Arc<dyn Provider>>,
    /// Definitions that exist in one store only.
    defined: ByStore<ByName<Extern>>,
    stores: Mutex<ByStore<Arc<StoreState>>>,
}

impl<T> Default for Definitions<T> {
    fn default() -> Self {
        Self {
            host: Arc::default(),
            providers: Vec::new(),
            defined: ByStore::default(),
            stores: Mutex::default(),
        }
    }
}

impl<T> Clone for Definitions<T> {
    fn clone(&self) -> Self {
        let mut stores = self.lock().clone();
        for state in stores.values_mut() {
            *state = Arc::new(state.copy());
        }
        Self {
            host: Arc::clone(&self.host),
            providers: self.providers.clone(),
            defined: self.defined.clone(),
            stores: Mutex::new(stores),
        }
    }
}

impl<T> Definitions<T> {
    fn lock(&self) -> MutexGuard<'_, ByStore<Arc<StoreState>>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a store, which may be nothing yet.
    pub(super) fn of_store(&self, core: &StoreCore) -> Arc<StoreState> {
        Arc::clone(self.lock().of(core))
    }

    /// What is known of a store, where something is.
    pub(super) fn store(&self, id: StoreId) -> Option<Arc<StoreState>> {
        self.lock().get(id).cloned()
    }

    /// What is known of each store.
    pub(super) fn stores(&self) -> Vec<Arc<StoreState>> {
        self.lock().values().cloned().collect()
    }
}

impl<T: 'static> Definitions<T> {
    /// Whether a definition under these names would replace another. A definition for `store` would
    /// replace one for all stores and one for `store`; a definition for all stores (`None`) would
    /// replace any.
    pub(super) fn is_defined(&self, store: Option<StoreId>, module: &str, name: &str) -> bool {
        let is_in = |names: &ByName<Extern>| names.get(module, name).is_some();
        self.host.get(module, name).is_some()
            || match store {
                Some(store) => self.defined.get(store).is_some_and(is_in),
                None => self.defined.values().any(is_in),
            }
    }

    /// Whether to define `from` under the names `to` as well would replace another definition.
    pub(super) fn alias_shadows(&self, from: (&str, &str), to: (&str, &str)) -> bool {
        if self.host.get(from.0, from.1).is_some() {
            return self.is_defined(None, to.0, to.1);
        }
        let mut defined = self.defined.values();
        self.host.get(to.0, to.1).is_some()
            || defined.any(|it| it.get(from.0, from.1).is_some() && it.get(to.0, to.1).is_some())
    }

    pub(super) fn define_host(&mut self, module: &str, name: &str, definition: HostDef<T>) {
        for state in self.stores() {
            state.living().made.remove(module, name);
        }
        for defined in self.defined.values_mut() {
            defined.remove(module, name);
        }
        Arc::make_mut(&mut self.host).insert(module, name, definition);
    }

    pub(super) fn define(&mut self, core: &StoreCore, module: &str, name: &str, item: Extern) {
        self.defined.of(core).insert(module, name, item);
    }

    pub(super) fn undefine(&mut self, store: StoreId, module: &str) {
        if let Some(defined) = self.defined.get_mut(store) {
            defined.remove_all(module);
        }
    }

    /// Defines `from` under the names `to` as well; false where `from` is not defined.
    pub(super) fn alias(&mut self, from: (&str, &str), to: (&str, &str)) -> bool {
        let mut found = false;
        if let Some(definition) = self.host.get(from.0, from.1).cloned() {
            self.define_host(to.0, to.1, definition);
            found = true;
        }
        for defined in self.defined.values_mut() {
            if let Some(item) = defined.get(from.0, from.1).copied() {
                defined.insert(to.0, to.1, item);
                found = true;
            }
        }
        found
    }

    /// The names that are defined under a module's name, in any store.
    pub(super) fn names(&self, module: &str) -> Vec<&str> {
        let host = self.host.of(module).map(|(name, _)| name);
        let defined = self.defined.values().flat_map(|it| it.of(module));
        let provided = self.providers.iter().flat_map(|it| it.names(module));
        let defined = defined.map(|(name, _)| name).chain(provided);
        let mut names: Vec<&str> = host.chain(defined).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What is defined under these names for a store; without a store, in any store.
    pub(super) fn find(
        &self,
        core: Option<&StoreCore>,
        module: &str,
        name: &str,
    ) -> Option<HostDefinition> {
        let known = |item: &Extern, core: &StoreCore| HostDefinition::Typed(item.ty_in(core));
        match core {
            Some(core) => {
                let defined = self.defined.get(core.id);
                if let Some(item) = defined.and_then(|it| it.get(module, name)) {
                    return Some(known(item, core));
                }
            }
            None => {
                let mut defined = self.defined.values();
                if defined.any(|it| it.get(module, name).is_some()) {
                    return Some(HostDefinition::Untyped);
                }
            }
        }
        let ty = match self.host.get(module, name) {
            Some(definition) => definition.ty().clone(),
            None => self.provided(module, name)?.1,
        };
        Some(HostDefinition::Typed(ExternType::Func(ty)))
    }

    /// Which of the providers has a function of these names, and the function's type.
    pub(super) fn provided(&self, module: &str, name: &str) -> Option<(usize, FuncType)> {
        let mut providers = self.providers.iter().enumerate().rev();
        providers.find_map(|(at, it)| Some((at, it.ty(module, name)?)))
    }

    /// What is defined under these names in a store. A host function is made once in each store.
    pub(super) fn item(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
        name: &str,
    ) -> Option<Extern> {
        let context = store.as_context();
        let core = context.core();
        let defined = self.defined.get(core.id);
        if let Some(item) = defined.and_then(|it| it.get(module, name)) {
            return Some(*item);
        }
        let definition = self.host.get(module, name)?;
        let state = self.of_store(core);
        let made = state.living().made.get(module, name).copied();
        let func = made.unwrap_or_else(|| {
            let func = definition.instantiate(&mut store);
            state.living().made.insert(module, name, func);
            func
        });
        Some(func.into())
    }

    /// The names of all that is defined for a store, in alphabetical order.
    pub(super) fn all(&self, store: StoreId) -> BTreeSet<(&str, &str)> {
        let host = self.host.iter().map(|(module, name, _)| (module, name));
        let defined = self.defined.get(store).into_iter();
        let defined = defined.flat_map(|it| it.iter().map(|(module, name, _)| (module, name)));
        host.chain(defined).collect()
    }
}
