//! References to exceptions.

use std::num::NonZeroU64;

use crate::error::{Error, Result};
use crate::exception::Exception;
use crate::exec::Calls;
use crate::store::{AsContext, AsContextMut, StoreId};

/// A reference to an exception in a store, which guests can hold, pass on and throw again.
///
/// A reference that a host function was given, or made, keeps its exception alive until the host function
/// returns; one that the embedder got outside of calls of host functions, for as long as the store lives. What
/// guests hold by then, in globals, tables, locals or other exceptions, lives on. To throw an exception that
/// lives no longer ends a guest with a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExnRef {
    store: StoreId,
    slot: NonZeroU64,
}

impl ExnRef {
    /// Puts an exception into its store and gives a reference to it.
    ///
    /// # Errors
    ///
    /// When the account of the store has no room for the exception.
    ///
    /// # Panics
    ///
    /// When the exception is of another store.
    pub fn new(mut context: impl AsContextMut, exception: &Exception) -> Result<Self> {
        let mut context = context.as_context_mut();
        let core = context.core_mut();
        let live_to = core.stack.top;
        // SAFETY: no guest runs meanwhile, so that nothing is needed from the top of the stack on.
        let slot = unsafe { exception.revive(core, live_to) };
        let slot = slot.map_err(Error::resource)?;
        core.exceptions.share(slot);
        core.exceptions.root(slot);
        Ok(Self::from_slot(core.id, slot).expect("a reference is not null"))
    }

    /// The exception.
    ///
    /// # Errors
    ///
    /// When the exception lives no longer.
    ///
    /// # Panics
    ///
    /// When the reference is of another store.
    pub fn exception(&self, context: impl AsContext) -> Result<Exception> {
        let context = context.as_context();
        let core = context.core();
        core.assert_owns("exnref", self.store);
        if core.exceptions.get(self.slot()).is_none() {
            return Err(Error::usage(
                "the exception of the `ExnRef` lives no longer: an `ExnRef` that a host function was \
                 given ends with the call of the host function",
            ));
        }
        Ok(Exception::thrown(core, self.slot(), Calls::default()))
    }

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
