//! The handle to a table.

use std::ptr::NonNull;

use crate::error::{Error, Result};
use crate::observe::HostEvent;
use crate::store::table_data::MAX_ELEMENTS_32;
use crate::store::{
    AsContext, AsContextMut, StoreCore, StoreId, TableData, check_val, read_val, write_val,
};
use crate::types::{TableType, ValType};
use crate::value::Val;

/// A table in a store.
///
/// Equal handles are handles to the same table.
///
/// # Panics
///
/// Every method panics when it is given another store than the table's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table {
    store: StoreId,
    data: NonNull<TableData>,
}

// SAFETY: the address is only followed with a borrow of the store that owns the table, which
// `data_in` checks; apart from that a handle is two numbers.
unsafe impl Send for Table {}
// SAFETY: as for `Send`.
unsafe impl Sync for Table {}

impl Table {
    /// A new table whose elements are all `init`.
    ///
    /// # Errors
    ///
    /// When the type is not valid, when `init` is not of the element type or is a reference of
    /// another store, when the engine's pool or the host has no room, or when the store's limits
    /// forbid it.
    pub fn new(mut context: impl AsContextMut, ty: TableType, init: Val) -> Result<Self> {
        let mut context = context.as_context_mut();
        let most = if ty.is_64 { u64::MAX } else { MAX_ELEMENTS_32 };
        if ty.min > ty.max.unwrap_or(most) || ty.max.is_some_and(|max| max > most) {
            return Err(Error::usage(format!(
                "table type {ty}: expected minimum <= maximum <= {most} elements"
            )));
        }
        let core = context.core_mut();
        let init = element_slot(core, ty, init)?;
        core.sigs.take_ref(ty.element)?;
        let data = core.add_table(ty, ty.min, init)?;
        core.tell(|| HostEvent::Other("made a table"));
        Ok(Self::from_data(core.id, data))
    }

    /// Grows the table by `delta` elements, each of them `init`; returns the old size in elements.
    ///
    /// # Errors
    ///
    /// When `init` is not of the element type or is a reference of another store, or when the
    /// table's maximum, the store's limits, the engine's pool or the host forbid it.
    pub fn grow(&self, mut context: impl AsContextMut, delta: u64, init: Val) -> Result<u64> {
        let mut context = context.as_context_mut();
        let core = context.core_mut();
        let ty = self.ty_in(core);
        let init = element_slot(core, ty, init)?;
        let data = self.data_in(core);
        core.tell(|| HostEvent::Other("grew a table"));
        // SAFETY: `data_in` found the table to be of `core`, which is borrowed here alone.
        unsafe { core.grow_table(data, delta, init) }.ok_or_else(|| {
            let heap = core.engine.heap();
            Error::resource(format!(
                "{ty} cannot grow by {delta} elements: its maximum, a limit of the store or {heap} \
                 forbids it"
            ))
        })
    }

    /// Sets an element.
    ///
    /// # Errors
    ///
    /// When there is no element at `index`, or when `value` is not of the element type or is a
    /// reference of another store.
    pub fn set(&self, context: impl AsContextMut, index: u64, value: Val) -> Result<()> {
        self.fill(context, index, value, 1)
    }

    /// Sets `n` elements from `index` on.
    ///
    /// # Errors
    ///
    /// When not all of these elements exist, or when `value` is not of the element type or is a
    /// reference of another store; nothing is set then.
    pub fn fill(
        &self,
        mut context: impl AsContextMut,
        index: u64,
        value: Val,
        n: u64,
    ) -> Result<()> {
        let mut context = context.as_context_mut();
        let core = context.core_mut();
        let value = element_slot(core, self.ty_in(core), value)?;
        core.tell(|| HostEvent::Other("set elements of a table"));
        // SAFETY: `data_in` finds the table to be of `core`, which is borrowed here alone.
        let table = unsafe { &mut *self.data_in(core).as_ptr() };
        table.fill(index, value, n).map_err(|_| {
            let size = table.elems.len();
            Error::usage(format!(
                "{n} elements at {index} of a table of {size} elements are out of bounds"
            ))
        })
    }

    /// Copies `n` elements from index `src_index` of the table `src` to index `dst_index` of the table
    /// `dst`, which may be the same one.
    ///
    /// # Errors
    ///
    /// When not all of these elements exist, or when the element type of `src` does not match that
    /// of `dst`; nothing is copied then.
    pub fn copy(
        mut context: impl AsContextMut,
        dst: &Self,
        dst_index: u64,
        src: &Self,
        src_index: u64,
        n: u64,
    ) -> Result<()> {
        let mut context = context.as_context_mut();
        let core = context.core_mut();
        core.tell(|| HostEvent::Other("copied elements of a table"));
        let (from, to) = (src.ty_in(core), dst.ty_in(core));
        if !from.element.matches(to.element) {
            return Err(Error::usage(format!(
                "elements of a table: expected {}, found {}",
                to.element, from.element
            )));
        }
        let (dst, src) = (dst.data_in(core), src.data_in(core));
        // SAFETY: `data_in` found both to be of `core`, which is borrowed here alone.
        let copied = unsafe { TableData::copy(dst, dst_index, src, src_index, n) };
        copied.map_err(|_| {
            Error::usage(format!(
                "{n} elements at {src_index} of a table of {} elements, or at {dst_index} of one of \
                 {}, are out of bounds",
                from.min, to.min
            ))
        })
    }

    /// The element at `index`, where there is one.
    pub fn get(&self, context: impl AsContext, index: u64) -> Option<Val> {
        let context = context.as_context();
        let core = context.core();
        // SAFETY: `data_in` finds it to be of `core`, which is borrowed and changes nothing of it.
        let table = unsafe { &*self.data_in(core).as_ptr() };
        let slot = table.get(index).ok()?;
        core.root_vals(&[ValType::Ref(table.ty.element)], &[slot]);
        // SAFETY: a table of `core` holds references of its element type and of its store: `new`,
        // `grow`, `fill` and validation keep that.
        Some(unsafe { read_val(core.id, ValType::Ref(table.ty.element), [slot, 0]) })
    }

    /// The size in elements.
    pub fn size(&self, context: impl AsContext) -> u64 {
        self.ty_in(context.as_context().core()).min
    }

    /// The type, with the current size as its minimum.
    pub fn ty(&self, context: impl AsContext) -> TableType {
        self.ty_in(context.as_context().core())
    }

    pub(crate) fn from_data(store: StoreId, data: NonNull<TableData>) -> Self {
        Self { store, data }
    }

    pub(crate) fn ty_in(&self, core: &StoreCore) -> TableType {
        // SAFETY: `data_in` finds it to be of `core`, which is borrowed and changes nothing of it.
        let table = unsafe { &*self.data_in(core).as_ptr() };
        TableType {
            min: table.size(),
            ..table.ty
        }
    }

    pub(crate) fn store(self) -> StoreId {
        self.store
    }

    /// The address of the table, checked to be one that `core` keeps.
    pub(crate) fn data_in(&self, core: &StoreCore) -> NonNull<TableData> {
        core.assert_owns("table", self.store);
        self.data
    }
}

/// The slot of a value that is to be an element of a table of this type.
fn element_slot(core: &StoreCore, ty: TableType, value: Val) -> Result<u64> {
    check_val(core, &value, ValType::Ref(ty.element), "element of a table")?;
    Ok(write_val(value)[0])
}
