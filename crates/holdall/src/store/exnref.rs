//! References to exceptions.

use std::num::NonZeroU64;

use crate::store::StoreId;

/// A reference to an exception in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExnRef {
    store: StoreId,
    slot: NonZeroU64,
}

impl ExnRef {
    /// The reference in a slot of store `id`.
    pub(crate) fn from_slot(id: StoreId, slot: u64) -> Option<Self> {
        NonZeroU64::new(slot).map(|slot| Self { store: id, slot })
    }

    pub(crate) fn slot(self) -> u64 {
        self.slot.get()
    }

    pub(crate) fn store(self) -> StoreId {
        self.store
    }
}
