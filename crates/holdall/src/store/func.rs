//! The handle to a function. `host` has the making of functions from closures, and the calls.

use std::ptr::NonNull;

use crate::canonical::Known;
use crate::store::{AsContext, FuncEntry, HostFunc, Instance, StoreCore, StoreId};
use crate::types::{FuncType, TypeId};

/// A function in a store: a guest's or the host's.
///
/// Equal handles are handles to the same function.
///
/// # Panics
///
/// Every method panics when it is given another store than the function's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Func {
    store: StoreId,
    entry: NonNull<FuncEntry>,
}

// SAFETY: the address is only followed with a borrow of the store that owns the entry, which
// `entry_in` checks; apart from that a handle is two numbers.
unsafe impl Send for Func {}
// SAFETY: as for `Send`.
unsafe impl Sync for Func {}

impl Func {
    /// The type of the function.
    pub fn ty(&self, context: impl AsContext) -> FuncType {
        let context = context.as_context();
        let core = context.core();
        (*Known::in_use(self.sig(core))).clone()
    }

    pub(crate) fn from_entry(store: StoreId, entry: NonNull<FuncEntry>) -> Self {
        Self { store, entry }
    }

    /// The canonical type.
    pub(crate) fn sig(&self, core: &StoreCore) -> TypeId {
        // SAFETY: `entry_in` found the entry to be of `core`, which keeps it. A function's type
        // does not change, and the executor, which changes the code, does not run while `core` is
        // borrowed.
        unsafe { (*self.entry_in(core).as_ptr()).sig }
    }

    /// The index in its module's function index space; 0 for a function of the host.
    pub(crate) fn index(&self, context: impl AsContext) -> u32 {
        self.index_in(context.as_context().core())
    }

    pub(crate) fn index_in(&self, core: &StoreCore) -> u32 {
        // SAFETY: as in `sig`; a function's instance does not change either.
        unsafe { (*self.entry_in(core).as_ptr()).index() }
    }

    /// The instance that the function belongs to; `None` for a function of the host.
    pub(crate) fn instance_in(&self, core: &StoreCore) -> Option<Instance> {
        // SAFETY: as in `sig`; a function's instance does not change either.
        let instance = unsafe { (*self.entry_in(core).as_ptr()).instance };
        NonNull::new(instance).map(|data| Instance::from_data(self.store, data))
    }

    /// The host function behind this handle; `None` for a function of a guest.
    pub(crate) fn host_in<'a>(&self, core: &'a StoreCore) -> Option<&'a HostFunc> {
        // SAFETY: as in `sig`; what is behind a host function does not change, and lives as long as
        // `core`.
        unsafe { (*self.entry_in(core).as_ptr()).host().as_ref() }
    }

    /// The address of the entry, checked to be one that `core` keeps.
    pub(crate) fn entry_in(&self, core: &StoreCore) -> NonNull<FuncEntry> {
        core.assert_owns("function", self.store);
        self.entry
    }

    pub(crate) fn entry(self) -> NonNull<FuncEntry> {
        self.entry
    }

    pub(crate) fn store(self) -> StoreId {
        self.store
    }
}
