//! The handle to a linear memory.

use std::ptr::NonNull;

use crate::error::{Error, Result};
use crate::observe::HostEvent;
use crate::store::{
    AsContext, AsContextMut, MemoryData, StoreContext, StoreContextMut, StoreCore, StoreId,
};
use crate::trap::{Trap, TrapCode};
use crate::types::MemoryType;

/// A linear memory in a store. A page has 65,536 bytes, or as many as the memory's type says.
///
/// Equal handles are handles to the same memory.
///
/// ```
/// use holdall::{Engine, Memory, MemoryType, Store};
///
/// # fn main() -> holdall::Result<()> {
/// let mut store = Store::new(&Engine::default(), ());
/// let memory = Memory::new(&mut store, MemoryType::new(1, Some(2)))?;
/// memory.write(&mut store, 8, b"holdall")?;
/// assert_eq!(memory.grow(&mut store, 1)?, 1);
/// assert_eq!(memory.size(&store), 2);
/// assert_eq!(&memory.data(&store)[8..15], b"holdall");
/// assert!(memory.grow(&mut store, 1).is_err());
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// Every method panics when it is given another store than the memory's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    store: StoreId,
    data: NonNull<MemoryData>,
}

// SAFETY: the address is only followed with a borrow of the store that owns the memory, which
// `data_in` checks; apart from that a handle is two numbers.
unsafe impl Send for Memory {}
// SAFETY: as for `Send`.
unsafe impl Sync for Memory {}

impl Memory {
    /// A new memory of zeros.
    ///
    /// # Errors
    ///
    /// When the type is not valid, when the engine's pool or the host has no room, or when the
    /// store's limits forbid it.
    pub fn new(mut context: impl AsContextMut, ty: MemoryType) -> Result<Self> {
        let mut context = context.as_context_mut();
        if ty.page_size_log2 != 0 && ty.page_size_log2 != MemoryType::USUAL_PAGE_SIZE_LOG2 {
            return Err(Error::usage(format!(
                "memory type: expected pages of 1 or 65,536 bytes, found 2^{}",
                ty.page_size_log2
            )));
        }
        if ty.shared && ty.max.is_none() {
            return Err(Error::usage(format!(
                "memory type {ty}: expected a maximum, which every shared memory has"
            )));
        }
        let most = ty.most_pages();
        if ty.min > ty.max.unwrap_or(most) || ty.max.is_some_and(|max| max > most) {
            return Err(Error::usage(format!(
                "memory type {ty}: expected minimum <= maximum <= {most} pages"
            )));
        }
        let core = context.core_mut();
        let data = core.add_memory(ty, ty.min)?;
        core.tell(|| HostEvent::Memory(ty));
        Ok(Self::from_data(core.id, data))
    }

    /// Grows the memory by `delta` pages of zeros; returns the old size in pages.
    ///
    /// # Errors
    ///
    /// When the memory's maximum, the store's limits, the engine's pool or the host forbid it.
    pub fn grow(&self, mut context: impl AsContextMut, delta: u64) -> Result<u64> {
        let mut context = context.as_context_mut();
        let core = context.core_mut();
        let data = self.data_in(core);
        core.tell_of_growth(data, delta);
        // SAFETY: `data_in` found the memory to be of `core`, which is borrowed here alone, and
        // with it every slice of the memory.
        unsafe { core.grow_memory(data, delta) }.ok_or_else(|| {
            let (ty, heap) = (self.ty_in(core), core.engine.heap());
            Error::resource(format!(
                "{ty} cannot grow by {delta} pages: its maximum, a limit of the store or {heap} \
                 forbids it"
            ))
        })
    }

    /// The bytes, to change them.
    pub fn data_mut<'a, T: 'a>(&self, context: impl Into<StoreContextMut<'a, T>>) -> &'a mut [u8] {
        self.data_and_store_mut(context).0
    }

    /// The bytes, and the embedder's data beside them.
    pub fn data_and_store_mut<'a, T: 'a>(
        &self,
        context: impl Into<StoreContextMut<'a, T>>,
    ) -> (&'a mut [u8], &'a mut T) {
        let (core, data) = context.into().into_parts();
        if core.observation.is_some() {
            core.hand_out(self.data_in(core));
        }
        // SAFETY: `data_in` finds the memory to be of `core`. The memory is an allocation of its
        // own, and the exclusive borrow of the store for `'a` keeps everybody else away.
        let memory = unsafe { &mut *self.data_in(core).as_ptr() };
        (memory.as_mut_slice(), data)
    }

    /// Writes `bytes` to the memory at `offset`.
    ///
    /// # Errors
    ///
    /// An out of bounds memory access, with nothing written, when the bytes do not fit.
    pub fn write(&self, mut context: impl AsContextMut, offset: usize, bytes: &[u8]) -> Result<()> {
        let mut context = context.as_context_mut();
        let core = context.core_mut();
        let data = self.data_in(core);
        // SAFETY: `data_in` found the memory to be of `core`, which is borrowed here alone.
        let memory = unsafe { &mut *data.as_ptr() }.as_mut_slice();
        let size = memory.len();
        let target = memory
            .get_mut(offset..)
            .and_then(|rest| rest.get_mut(..bytes.len()));
        target
            .ok_or_else(|| out_of_bounds(offset, bytes.len(), size))?
            .copy_from_slice(bytes);
        core.tell_of_write(data, offset, bytes);
        Ok(())
    }

    /// Reads as many bytes as `buffer` has from the memory at `offset`.
    ///
    /// # Errors
    ///
    /// An out of bounds memory access, with nothing read, when the memory has fewer bytes from
    /// `offset` on.
    pub fn read(&self, context: impl AsContext, offset: usize, buffer: &mut [u8]) -> Result<()> {
        let memory = self.data(context.as_context());
        let source = memory
            .get(offset..)
            .and_then(|rest| rest.get(..buffer.len()));
        let source = source.ok_or_else(|| out_of_bounds(offset, buffer.len(), memory.len()))?;
        buffer.copy_from_slice(source);
        Ok(())
    }

    /// The bytes.
    pub fn data<'a, T: 'a>(&self, context: impl Into<StoreContext<'a, T>>) -> &'a [u8] {
        let core = context.into().core();
        // SAFETY: `data_in` finds the memory to be of `core`, which is borrowed for `'a`, so that
        // nothing changes the memory.
        unsafe { &*self.data_in(core).as_ptr() }.as_slice()
    }

    /// The size in pages.
    pub fn size(&self, context: impl AsContext) -> u64 {
        self.ty_in(context.as_context().core()).min
    }

    /// The size of a page in bytes.
    pub fn page_size(&self, context: impl AsContext) -> u64 {
        self.ty(context).page_size()
    }

    /// The size of a page in bytes, as the power of two that it is.
    pub fn page_size_log2(&self, context: impl AsContext) -> u8 {
        self.ty(context).page_size_log2
    }

    /// The size in bytes.
    pub fn data_size(&self, context: impl AsContext) -> usize {
        self.data(context.as_context()).len()
    }

    /// The type, with the current size as its minimum.
    pub fn ty(&self, context: impl AsContext) -> MemoryType {
        self.ty_in(context.as_context().core())
    }

    pub(crate) fn from_data(store: StoreId, data: NonNull<MemoryData>) -> Self {
        Self { store, data }
    }

    pub(crate) fn ty_in(&self, core: &StoreCore) -> MemoryType {
        // SAFETY: `data_in` finds the memory to be of `core`, which is borrowed, so that nothing
        // changes the memory.
        let memory = unsafe { &*self.data_in(core).as_ptr() };
        MemoryType {
            min: memory.size_pages(),
            ..memory.ty
        }
    }

    pub(crate) fn store(self) -> StoreId {
        self.store
    }

    /// The address of the memory, checked to be one that `core` keeps.
    pub(crate) fn data_in(&self, core: &StoreCore) -> NonNull<MemoryData> {
        core.assert_owns("memory", self.store);
        self.data
    }
}

#[cold]
fn out_of_bounds(offset: usize, n: usize, size: usize) -> Error {
    Trap::from(TrapCode::OutOfBoundsMemoryAccess)
        .with_detail(format!("{n} bytes at {offset} of a memory of {size} bytes"))
        .into()
}
