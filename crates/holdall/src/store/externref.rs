//! References to values of the host.

use std::any::Any;

use crate::store::{AsContextMut, StoreContext, StoreId};

/// A reference to a value of the host, which guests can hold and pass on and not look into.
///
/// The value lives until its store is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExternRef {
    store: StoreId,
    index: u32,
}

impl ExternRef {
    /// Puts a value into a store and gives a reference to it.
    ///
    /// # Panics
    ///
    /// When the store holds 2^32 values already.
    pub fn new(mut context: impl AsContextMut, value: impl Any + Send + Sync) -> Self {
        let mut context = context.as_context_mut();
        let core = context.core_mut();
        let index = u32::try_from(core.externs.len()).expect("fewer than 2^32 values in a store");
        core.externs.push(Box::new(value));
        Self {
            store: core.id,
            index,
        }
    }

    /// The value.
    ///
    /// # Panics
    ///
    /// When the reference is of another store.
    pub fn data<'a, T: 'a>(
        &self,
        context: impl Into<StoreContext<'a, T>>,
    ) -> &'a (dyn Any + Send + Sync) {
        let core = context.into().core();
        core.assert_owns("externref", self.store);
        &*core.externs[self.index as usize]
    }

    /// The reference in a slot of store `id`.
    pub(crate) fn from_slot(id: StoreId, slot: u64) -> Option<Self> {
        let index = u32::try_from(slot.checked_sub(1)?).expect("an externref of the store");
        Some(Self { store: id, index })
    }

    pub(crate) fn slot(self) -> u64 {
        u64::from(self.index) + 1
    }

    pub(crate) fn store(self) -> StoreId {
        self.store
    }
}
