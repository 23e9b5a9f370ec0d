//! What a linker keeps for each store, for as long as the store lives.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::store::{StoreCore, StoreId};

/// Values by store. The values of dropped stores are removed from time to time: there are never
/// more than twice as many values as there were living stores at the last look, or than [`FEW`].
#[derive(Clone)]
pub(super) struct ByStore<V> {
    values: HashMap<StoreId, (Weak<()>, V)>,
    /// The number of values at which the next look for dropped stores is due.
    full: usize,
}

/// Up to this number of values nobody looks for dropped stores.
const FEW: usize = 16;

impl<V> Default for ByStore<V> {
    fn default() -> Self {
        Self {
            values: HashMap::new(),
            full: FEW,
        }
    }
}

impl<V> ByStore<V> {
    pub(super) fn get(&self, id: StoreId) -> Option<&V> {
        self.values.get(&id).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, id: StoreId) -> Option<&mut V> {
        self.values.get_mut(&id).map(|(_, value)| value)
    }

    /// The value of a store, which is the default one where there is none yet.
    pub(super) fn of(&mut self, core: &StoreCore) -> &mut V
    where
        V: Default,
    {
        if self.values.len() >= self.full && !self.values.contains_key(&core.id) {
            self.values.retain(|_, (alive, _)| alive.strong_count() > 0);
            self.full = FEW.max(2 * self.values.len());
        }
        let value = self.values.entry(core.id);
        let new = || (Arc::downgrade(&core.alive), V::default());
        &mut value.or_insert_with(new).1
    }

    /// The values of living stores.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        let living = self.values.values();
        let living = living.filter(|(alive, _)| alive.strong_count() > 0);
        living.map(|(_, value)| value)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.values_mut().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;

    #[test]
    fn what_is_kept_of_stores_that_are_gone_has_a_bound() {
        let engine = Engine::default();
        let core = || StoreCore::new(&engine).unwrap();
        let living: Vec<StoreCore> = (0..40).map(|_| core()).collect();
        let mut kept = ByStore::<u8>::default();
        for core in &living {
            *kept.of(core) = 1;
        }
        for _ in 0..1_000 {
            kept.of(&core());
            assert!(kept.values.len() <= 2 * living.len() + 1);
            assert_eq!(kept.values().count(), living.len());
        }
        assert!(living.iter().all(|core| kept.get(core.id) == Some(&1)));
    }
}
