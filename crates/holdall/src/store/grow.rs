//! Growth of memories and tables (WebAssembly 2.0, 4.5.3.8 and 4.5.3.9), which the limits and the
//! host may refuse. A metered execution pays for growth, and may end in it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use crate::limits::Work;
use crate::store::memory_data::{max_pages, size_bytes};
use crate::store::table_data::max_size;
use crate::store::{MemoryData, StoreCore, TableData};
use crate::trap::TrapCode;

/// Says whether a memory may grow from so many bytes to so many.
pub(crate) type GrowthGuard = dyn Fn(usize, usize) -> bool + Send + Sync;

impl StoreCore {
    /// Grows a memory by `delta_pages`. Returns the old size in pages, or `None` where the memory's
    /// maximum, the store's limits, the pool or the host forbid the growth.
    ///
    /// # Safety
    ///
    /// `memory` belongs to this core, and no reference to it or into its bytes is live.
    pub(crate) unsafe fn grow_memory(
        &mut self,
        memory: NonNull<MemoryData>,
        delta_pages: u64,
    ) -> Option<u64> {
        // SAFETY: passed on from the caller. What pays nothing does not trap.
        let grown = unsafe { self.grow_memory_paid(memory, delta_pages, None) };
        grown.unwrap_or_default()
    }

    /// [`StoreCore::grow_memory`], paid for from `budget` where there is one. Nothing has changed
    /// when the growth ends in a trap.
    ///
    /// # Safety
    ///
    /// As for [`StoreCore::grow_memory`].
    pub(crate) unsafe fn grow_memory_paid(
        &mut self,
        memory: NonNull<MemoryData>,
        delta_pages: u64,
        budget: Option<&mut i64>,
    ) -> Result<Option<u64>, TrapCode> {
        // SAFETY: `memory` is one of `self.memories`, and nobody else uses it now: the caller's
        // duty.
        let memory = unsafe { &mut *memory.as_ptr() };
        let old_pages = memory.size_pages();
        let old_len = memory.len;
        let Some(len) = self.memory_len(memory, delta_pages) else {
            return Ok(None);
        };
        let mut work = match budget {
            Some(budget) => Work::paid(&mut self.meter, budget),
            None => Work::free(),
        };
        if memory.grow(len, &mut work)?.is_none() {
            return Ok(None);
        }
        self.memory_bytes += len - old_len;
        Ok(Some(old_pages))
    }

    /// The size in bytes that a memory is to grow to, where its maximum and the limits allow it.
    fn memory_len(&self, memory: &MemoryData, delta_pages: u64) -> Option<usize> {
        let pages = memory.size_pages().checked_add(delta_pages)?;
        if pages > max_pages(&memory.ty) {
            return None;
        }
        let len = size_bytes(&memory.ty, pages)?;
        let limits = &self.limits;
        limits
            .check_memory(self.memory_bytes, memory.len, len)
            .ok()?;
        let allowed = match &self.growth_guard {
            // One that panics allows nothing: the guest's code, which may be native, is no place to unwind
            // through.
            Some(allows) if len > memory.len => {
                let asked = || allows(memory.len, len);
                catch_unwind(AssertUnwindSafe(asked)).unwrap_or_else(|panic| {
                    // Dropping this panic could panic again.
                    std::mem::forget(panic);
                    false
                })
            }
            _ => true,
        };
        allowed.then_some(len)
    }

    /// Grows a table by `delta` elements, each of them `init`. Returns the old size, or `None`
    /// where the table's maximum, the store's limits, the pool or the host forbid the growth.
    ///
    /// # Safety
    ///
    /// `table` belongs to this core, and no reference to it or into its elements is live.
    pub(crate) unsafe fn grow_table(
        &mut self,
        table: NonNull<TableData>,
        delta: u64,
        init: u64,
    ) -> Option<u64> {
        // SAFETY: passed on from the caller. What pays nothing does not trap.
        let grown = unsafe { self.grow_table_paid(table, delta, init, None) };
        grown.unwrap_or_default()
    }

    /// [`StoreCore::grow_table`], paid for from `budget` where there is one. Nothing has changed
    /// when the growth ends in a trap.
    ///
    /// # Safety
    ///
    /// As for [`StoreCore::grow_table`].
    pub(crate) unsafe fn grow_table_paid(
        &mut self,
        table: NonNull<TableData>,
        delta: u64,
        init: u64,
        budget: Option<&mut i64>,
    ) -> Result<Option<u64>, TrapCode> {
        // SAFETY: `table` is one of `self.tables`, and nobody else uses it now: the caller's duty.
        let table = unsafe { &mut *table.as_ptr() };
        let old_size = table.elems.len();
        let Some(size) = self.table_size(table, delta) else {
            return Ok(None);
        };
        let mut work = match budget {
            Some(budget) => Work::paid(&mut self.meter, budget),
            None => Work::free(),
        };
        if table.grow(size, init, &mut work)?.is_none() {
            return Ok(None);
        }
        self.table_elements += size - old_size;
        Ok(Some(old_size as u64))
    }

    /// The size that a table is to grow to, where its maximum and the limits allow it.
    fn table_size(&self, table: &TableData, delta: u64) -> Option<usize> {
        let size = table.size().checked_add(delta)?;
        if size > max_size(&table.ty) {
            return None;
        }
        let size = usize::try_from(size).ok()?;
        let limits = &self.limits;
        limits
            .check_table(self.table_elements, table.elems.len(), size)
            .ok()?;
        Some(size)
    }
}
