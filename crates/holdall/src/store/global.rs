//! The handle to a global.

use std::ptr::NonNull;

use crate::error::{Error, Result};
use crate::store::{
    AsContext, AsContextMut, GlobalData, StoreCore, StoreId, check_val, read_val, write_val,
};
use crate::types::{GlobalType, Mutability, ValType};
use crate::value::Val;

/// A global in a store.
///
/// Equal handles are handles to the same global.
///
/// # Panics
///
/// Every method panics when it is given another store than the global's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Global {
    store: StoreId,
    data: NonNull<GlobalData>,
}

// SAFETY: the address is only followed with a borrow of the store that owns the global, which
// `data_in` checks; apart from that a handle is two numbers.
unsafe impl Send for Global {}
// SAFETY: as for `Send`.
unsafe impl Sync for Global {}

impl Global {
    /// A new global.
    ///
    /// # Errors
    ///
    /// When `value` is not of the type, or a reference of another store, or when the type refers to
    /// types of modules that are gone.
    pub fn new(mut context: impl AsContextMut, ty: GlobalType, value: Val) -> Result<Self> {
        let mut context = context.as_context_mut();
        let core = context.core_mut();
        check_val(core, &value, ty.content, "value of a global")?;
        if let ValType::Ref(ty) = ty.content {
            core.sigs.take_ref(ty)?;
        }
        let value = write_val(value);
        let data = core.add_global(ty, value);
        core.tell_of_global(data, ty, value, true);
        Ok(Self::from_data(core.id, data))
    }

    /// Sets the value.
    ///
    /// # Errors
    ///
    /// When the global is constant, when `value` is not of its type, or when it is a reference of
    /// another store.
    pub fn set(&self, mut context: impl AsContextMut, value: Val) -> Result<()> {
        let mut context = context.as_context_mut();
        let core = context.core_mut();
        let ty = self.ty_in(core);
        if ty.mutability == Mutability::Const {
            return Err(Error::usage(format!("a {ty} cannot be set")));
        }
        check_val(core, &value, ty.content, "value of a global")?;
        let (data, value) = (self.data_in(core), write_val(value));
        // SAFETY: `data_in` found the global to be of `core`, which is borrowed here alone.
        unsafe { (*data.as_ptr()).value = value };
        core.tell_of_global(data, ty, value, false);
        Ok(())
    }

    /// The type.
    pub fn ty(&self, context: impl AsContext) -> GlobalType {
        self.ty_in(context.as_context().core())
    }

    /// The value.
    pub fn get(&self, context: impl AsContext) -> Val {
        let context = context.as_context();
        let core = context.core();
        let data = self.data_in(core).as_ptr();
        // SAFETY: `data_in` found the global to be of `core`, which is borrowed and so not written
        // to. The value is of the global's type: `new`, `set` and validation keep that.
        unsafe {
            core.root_vals(&[(*data).ty.content], &(*data).value);
            read_val(core.id, (*data).ty.content, (*data).value)
        }
    }

    pub(crate) fn from_data(store: StoreId, data: NonNull<GlobalData>) -> Self {
        Self { store, data }
    }

    pub(crate) fn ty_in(&self, core: &StoreCore) -> GlobalType {
        // SAFETY: `data_in` finds the global to be of `core`, which keeps it; the type does not
        // change.
        unsafe { (*self.data_in(core).as_ptr()).ty }
    }

    pub(crate) fn store(self) -> StoreId {
        self.store
    }

    /// The address of the global, checked to be one that `core` keeps.
    pub(crate) fn data_in(&self, core: &StoreCore) -> NonNull<GlobalData> {
        core.assert_owns("global", self.store);
        self.data
    }
}
