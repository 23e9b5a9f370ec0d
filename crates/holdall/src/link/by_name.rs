//! What a linker keeps under a module name and a name, as imports say them.

use std::collections::BTreeMap;

/// Values by module name and name.
#[derive(Clone)]
pub(super) struct ByName<V>(BTreeMap<Box<str>, BTreeMap<Box<str>, V>>);

impl<V> Default for ByName<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<V> ByName<V> {
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

    /// All values, with their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str, &V)> {
        self.0.iter().flat_map(|(module, names)| {
            let names = names.iter();
            names.map(move |(name, value)| (&**module, &**name, value))
        })
    }

    /// The names under a module name.
    pub(super) fn of(&self, module: &str) -> impl Iterator<Item = (&str, &V)> {
        let names = self.0.get(module).into_iter().flatten();
        names.map(|(name, value)| (&**name, value))
    }
}
