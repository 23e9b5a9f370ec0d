//! What the host defines, by module name and name, and what of it exists in which store. Knows
//! nothing of registry and readers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::provider::Provider;
use super::registry::ModuleId;
use crate::bundle::HostDefinition;
use crate::host::HostDef;
use crate::store::{AsContextMut, Core, Extern, Func, Instance, Scope, StoreId};
use crate::types::ExternType;

/// Values by module name and name.
pub(super) struct Names<V>(BTreeMap<Box<str>, BTreeMap<Box<str>, V>>);

impl<V> Default for Names<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<V> Names<V> {
    pub(super) fn get(&self, module: &str, name: &str) -> Option<&V> {
        self.0.get(module)?.get(name)
    }

    pub(super) fn insert(&mut self, module: &str, name: &str, value: V) {
        let names = self.0.entry(module.into()).or_default();
        names.insert(name.into(), value);
    }

    pub(super) fn remove(&mut self, module: &str, name: &str) {
        if let Some(names) = self.0.get_mut(module) {
            names.remove(name);
            if names.is_empty() {
                self.0.remove(module);
            }
        }
    }

    /// Removes all names under a module name.
    pub(super) fn remove_all(&mut self, module: &str) {
        self.0.remove(module);
    }

    /// The names under a module name.
    pub(super) fn of(&self, module: &str) -> impl Iterator<Item = (&str, &V)> {
        let names = self.0.get(module).into_iter().flatten();
        names.map(|(name, value)| (&**name, value))
    }
}

/// What a linker knows of one store.
#[derive(Default)]
pub(super) struct StoreState {
    /// The names of the instances, shared with each of them.
    pub(super) scope: Arc<Scope>,
    /// The newest instance of each module. The instance keeps its module alive, and so the identity.
    pub(super) instances: HashMap<ModuleId, Instance>,
    /// What exists in this store only.
    defined: Names<Extern>,
    /// The host functions that were made in this store.
    made: Names<Func>,
}

/// What the host defines.
pub(super) struct Definitions<T> {
    /// Host functions for every store.
    host: Names<HostDef<T>>,
    /// Who has functions that are another's for each module; what is defined comes before.
    pub(super) provider: Option<Arc<dyn Provider>>,
    stores: HashMap<StoreId, StoreState>,
}

impl<T> Default for Definitions<T> {
    fn default() -> Self {
        Self {
            host: Names::default(),
            provider: None,
            stores: HashMap::new(),
        }
    }
}

impl<T: 'static> Definitions<T> {
    /// What is known of a store, which may be nothing yet.
    pub(super) fn store_mut(&mut self, id: StoreId) -> &mut StoreState {
        if !self.stores.contains_key(&id) {
            // Instances hold their scope for as long as their store lives: a scope that no
            // instance holds any more is of a store that was dropped.
            self.stores.retain(|_, state| {
                state.instances.is_empty() || Arc::strong_count(&state.scope) > 1
            });
        }
        self.stores.entry(id).or_default()
    }

    pub(super) fn store(&self, id: StoreId) -> Option<&StoreState> {
        self.stores.get(&id)
    }

    pub(super) fn stores(&self) -> impl Iterator<Item = &StoreState> {
        self.stores.values()
    }

    /// Whether something is defined under these names, for all stores or for `store`.
    pub(super) fn is_defined(&self, store: Option<StoreId>, module: &str, name: &str) -> bool {
        let in_store = |id| self.stores.get(&id)?.defined.get(module, name);
        self.host.get(module, name).is_some() || store.and_then(in_store).is_some()
    }

    /// Whether something is defined under these names, for all stores or for one.
    pub(super) fn is_defined_anywhere(&self, module: &str, name: &str) -> bool {
        let mut states = self.stores.values();
        self.host.get(module, name).is_some()
            || states.any(|state| state.defined.get(module, name).is_some())
    }

    pub(super) fn define_host(&mut self, module: &str, name: &str, definition: HostDef<T>) {
        for state in self.stores.values_mut() {
            state.made.remove(module, name);
            state.defined.remove(module, name);
        }
        self.host.insert(module, name, definition);
    }

    pub(super) fn define(&mut self, store: StoreId, module: &str, name: &str, item: Extern) {
        self.store_mut(store).defined.insert(module, name, item);
    }

    pub(super) fn undefine(&mut self, store: StoreId, module: &str) {
        self.store_mut(store).defined.remove_all(module);
    }

    /// Gives what is defined under two names another two; false where nothing is.
    pub(super) fn alias(&mut self, from: (&str, &str), to: (&str, &str)) -> bool {
        let mut found = false;
        if let Some(definition) = self.host.get(from.0, from.1).cloned() {
            self.define_host(to.0, to.1, definition);
            found = true;
        }
        for state in self.stores.values_mut() {
            if let Some(item) = state.defined.get(from.0, from.1).copied() {
                state.defined.insert(to.0, to.1, item);
                found = true;
            }
        }
        found
    }

    /// The names that are defined under a module's name, in whichever store.
    pub(super) fn names(&self, module: &str) -> Vec<&str> {
        let host = self.host.of(module).map(|(name, _)| name);
        let defined = self
            .stores
            .values()
            .flat_map(|state| state.defined.of(module));
        let provided = self.provider.iter().flat_map(|it| it.names(module));
        let defined = defined.map(|(name, _)| name).chain(provided);
        let mut names: Vec<&str> = host.chain(defined).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What is defined under these names for a store; without a store, in whichever.
    pub(super) fn find(
        &self,
        core: Option<&Core>,
        module: &str,
        name: &str,
    ) -> Option<HostDefinition> {
        let known = |item: &Extern, core: &Core| HostDefinition::Typed(item.ty_in(core));
        match core {
            Some(core) => {
                let state = self.stores.get(&core.id);
                if let Some(item) = state.and_then(|state| state.defined.get(module, name)) {
                    return Some(known(item, core));
                }
            }
            None => {
                let mut states = self.stores.values();
                if states.any(|state| state.defined.get(module, name).is_some()) {
                    return Some(HostDefinition::Untyped);
                }
            }
        }
        let ty = match self.host.get(module, name) {
            Some(definition) => definition.ty().clone(),
            None => self.provider.as_ref()?.ty(module, name)?,
        };
        Some(HostDefinition::Typed(ExternType::Func(ty)))
    }

    /// What is defined under these names, as it is in a store; a host function is made there once.
    pub(super) fn item(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
        name: &str,
    ) -> Option<Extern> {
        let id = store.as_context().core().id;
        if let Some(state) = self.stores.get(&id) {
            if let Some(item) = state.defined.get(module, name) {
                return Some(*item);
            }
            if let Some(func) = state.made.get(module, name) {
                return Some((*func).into());
            }
        }
        let func = self.host.get(module, name)?.instantiate(&mut store);
        self.store_mut(id).made.insert(module, name, func);
        Some(func.into())
    }
}
