//! The core of a store: the core owns every structure that addresses lead to, and frees all of them
//! when it is dropped.

use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::canonical::Uses;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::exec::{NativeRuntime, Stack};
use crate::ir;
use crate::limits::{Limits, Meter, Work};
use crate::store::memory_data::size_bytes;
use crate::store::{
    Exceptions, FuncEntry, GlobalData, HostBody, HostFunc, HostState, MemoryData, StoreCore,
    StoreId, TableData, TagData,
};
use crate::trace::Signature;
use crate::types::{FuncType, GlobalType, MemoryType, TableType};

// SAFETY: a core owns everything that its addresses lead to: memories, tables, globals, tags, function
// entries, instances (with modules, which are `Send`), its value stack; host functions and the
// values behind `externref`s are `Send` by their types. No address leaves the store except inside
// handles, which are only followed with a borrow of the store that owns it. So whoever has the core
// by value or by `&mut` has all that it owns, on any thread.
unsafe impl Send for StoreCore {}

// SAFETY: whoever has a `&StoreCore` only reads. What is behind addresses is written to by the executor and
// by methods of handles, each of which has the core by `&mut`. The cell in a function entry is set by
// the executor alone, and every handle reads the other fields of an entry, and never the cell. The
// tracer, which is not `Sync`, is called by the executor alone, and the observer by who has the core by `&mut`. What a `&StoreCore` does hand out is `Sync`
// by its type: bytes of memories, values behind `externref`s, modules, the state of host functions.
unsafe impl Sync for StoreCore {}

/// How many memories and tables a store had at some moment; see [`StoreCore::forget_since`].
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    memories: usize,
    tables: usize,
}

impl StoreCore {
    /// The core of an empty store.
    pub(crate) fn new(engine: &Engine) -> Result<Self> {
        Self::with_stack_size(engine, engine.config().stack_size_bytes)
    }

    /// As [`StoreCore::new`], with a value stack of another size than the configuration's.
    pub(crate) fn with_stack_size(engine: &Engine, stack_size_bytes: usize) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let limits = engine.config().limits.clone();
        let metering = engine.config().metering;
        limits.check_metering(metering)?;
        Ok(Self {
            id: StoreId(NEXT.fetch_add(1, Ordering::Relaxed)),
            alive: Arc::default(),
            engine: engine.clone(),
            tracer: None,
            growth_guard: None,
            observation: None,
            open_descriptors: 0,
            meter: Meter::new(&limits, metering),
            account: engine.account(),
            limits,
            stack: Stack::new(engine.heap(), stack_size_bytes)?,
            native: Box::new(NativeRuntime::new()),
            instances: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            host_funcs: Vec::new(),
            host_entries: Vec::new(),
            sigs: Uses::default(),
            externs: Vec::new(),
            exceptions: Exceptions::new(),
            sites: crate::exec::Sites::default(),
            memory_bytes: 0,
            table_elements: 0,
        })
    }

    /// Sets the limits, where the engine can hold executions to them.
    pub(crate) fn set_limits(&mut self, limits: Limits) -> Result<()> {
        limits.check_metering(self.meter.counts())?;
        self.meter.set(&limits);
        self.account
            .set(&limits, self.engine.config().pool.as_ref());
        self.limits = limits;
        self.count_where_observed();
        self.tell_of_limits();
        Ok(())
    }

    /// Sets the fuel alone, where the engine can hold executions to it.
    pub(crate) fn set_fuel(&mut self, units: u64) -> Result<()> {
        let limits = std::mem::take(&mut self.limits);
        self.limits = limits.fuel(units);
        let metered = self.limits.check_metering(self.meter.counts());
        match metered {
            Ok(()) => self.meter.set_fuel(Some(units)),
            // The engine does not meter, so there was no fuel before.
            Err(_) => self.limits.fuel = None,
        }
        self.tell_of_limits();
        metered
    }

    /// The fuel that is left.
    pub(crate) fn fuel_or_error(&self) -> Result<u64> {
        self.meter.fuel().ok_or_else(|| {
            Error::usage("the store has no limit `fuel`; set one with `Limits::fuel` or `set_fuel`")
        })
    }

    /// Adds a function of the host, whose type is in use.
    pub(crate) fn add_host_func(
        &mut self,
        ty: &FuncType,
        body: Arc<HostBody>,
        signature: Signature,
        state: Option<Arc<dyn HostState>>,
    ) -> NonNull<FuncEntry> {
        let code = ir::host_code(ty.param_slots(), ty.result_slots());
        let body = self.observe_function(body, &signature, ty);
        let sig = self.sigs.take(ty);
        let host = own(
            &mut self.host_funcs,
            HostFunc {
                code,
                body,
                takes_exceptions: ty.params().iter().any(|ty| ty.is_exception()),
                signature,
                state,
            },
        );
        let entry = FuncEntry {
            // SAFETY: `host` was allocated just now and nothing else refers to it. Its code is a
            // box of its own that nobody writes to or moves as long as the core lives.
            code: Cell::new(unsafe { (*host.as_ptr()).code.as_ptr() }),
            instance: std::ptr::null_mut(),
            body: Cell::new(host.as_ptr().cast_const().cast()),
            sig: sig.expect("the definition of the function keeps the types"),
        };
        let entry = own(&mut self.host_entries, entry);
        self.number_function(entry);
        entry
    }

    /// Adds a memory of `pages` pages, which its type allows.
    pub(crate) fn add_memory(&mut self, ty: MemoryType, pages: u64) -> Result<NonNull<MemoryData>> {
        self.limits.check_memories(self.memories.len(), 1)?;
        let size_bytes =
            size_bytes(&ty, pages).ok_or_else(|| self.no_room_for_memory(pages, usize::MAX))?;
        self.limits.check_memory(self.memory_bytes, 0, size_bytes)?;
        let held = self.account.hold(size_bytes, "a linear memory")?;
        let pool = self.engine.config().pool.clone();
        let mut work = Work::watched(&self.meter);
        let memory = MemoryData::new(ty, size_bytes, pool, held, &mut work)
            .map_err(|code| self.meter.trap(code))?
            .ok_or_else(|| self.no_room_for_memory(pages, size_bytes))?;
        self.memory_bytes += size_bytes;
        Ok(own(&mut self.memories, memory))
    }

    /// Adds a table of `elements` elements, which its type allows, each of them `init`.
    pub(crate) fn add_table(
        &mut self,
        ty: TableType,
        elements: u64,
        init: u64,
    ) -> Result<NonNull<TableData>> {
        self.limits.check_tables(self.tables.len(), 1)?;
        let size = usize::try_from(elements).map_err(|_| self.no_room_for_table(elements))?;
        self.limits.check_table(self.table_elements, 0, size)?;
        let size_bytes = size.checked_mul(size_of::<u64>());
        let held = self
            .account
            .hold(size_bytes.unwrap_or(usize::MAX), "a table")?;
        let mut work = Work::watched(&self.meter);
        let table = TableData::new(ty, size, init, self.engine.heap(), held, &mut work)
            .map_err(|code| self.meter.trap(code))?
            .ok_or_else(|| self.no_room_for_table(elements))?;
        self.table_elements += size;
        Ok(own(&mut self.tables, table))
    }

    /// Adds a global.
    pub(crate) fn add_global(&mut self, ty: GlobalType, value: [u64; 2]) -> NonNull<GlobalData> {
        own(&mut self.globals, GlobalData { value, ty })
    }

    /// Adds a tag.
    pub(crate) fn add_tag(&mut self, tag: TagData) -> NonNull<TagData> {
        own(&mut self.tags, tag)
    }

    #[cold]
    fn no_room_for_memory(&self, pages: u64, size_bytes: usize) -> Error {
        let what = format_args!("a memory of {pages} pages");
        self.engine.heap().no_room(what, size_bytes)
    }

    #[cold]
    fn no_room_for_table(&self, elements: u64) -> Error {
        let size_bytes = usize::try_from(elements)
            .unwrap_or(usize::MAX)
            .saturating_mul(size_of::<u64>());
        let what = format_args!("a table of {elements} elements");
        self.engine.heap().no_room(what, size_bytes)
    }

    /// Asserts that `what`, which is of store `id`, is of this store.
    ///
    /// # Panics
    ///
    /// When it is of another store.
    #[inline]
    pub(crate) fn assert_owns(&self, what: &str, id: StoreId) {
        if id != self.id {
            wrong_store(what);
        }
    }

    /// Has all functions executed by the interpreter from now on, which tells the tracer of calls. Native
    /// functions that run go on.
    pub(super) fn leave_native(&mut self) {
        for instance in &self.instances {
            // SAFETY: the instance and its entries are of this core, which is borrowed here alone.
            unsafe {
                let inner = (*instance.as_ptr()).module.inner();
                for at in 0..inner.num_defined_funcs() {
                    let entry = (*instance.as_ptr()).entries.add(at);
                    if !(*entry).body.get().is_null() {
                        (*entry).code.set(inner.lowered_or_stub(at));
                        (*entry).body.set(std::ptr::null());
                    }
                }
            }
        }
    }

    /// How many memories and tables there are now.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            memories: self.memories.len(),
            tables: self.tables.len(),
        }
    }

    /// Frees the memories and tables that were added since `mark`, for an instantiation that could
    /// not get all that it needs.
    ///
    /// # Safety
    ///
    /// Nothing refers to any of these memories and tables.
    pub(crate) unsafe fn forget_since(&mut self, mark: Mark) {
        for memory in self.memories.drain(mark.memories..) {
            // SAFETY: `own` made the address from a box, and nothing refers to the memory: the
            // caller's duty.
            let memory = unsafe { Box::from_raw(memory.as_ptr()) };
            self.memory_bytes -= memory.len;
        }
        for table in self.tables.drain(mark.tables..) {
            // SAFETY: as above.
            let table = unsafe { Box::from_raw(table.as_ptr()) };
            self.table_elements -= table.elems.len();
        }
    }
}

impl fmt::Debug for StoreCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreCore")
            .field("id", &self.id.0)
            .field("instances", &self.instances.len())
            .field("memory_bytes", &self.memory_bytes)
            .field("table_elements", &self.table_elements)
            .finish_non_exhaustive()
    }
}

impl Drop for StoreCore {
    fn drop(&mut self) {
        // SAFETY: only `own` filled these lists. The structures in them refer to one another by
        // address only, and follow no address when they are dropped. Handles that are left over
        // carry the id of a store that no context has any more.
        unsafe {
            disown(&mut self.instances);
            disown(&mut self.memories);
            disown(&mut self.tables);
            disown(&mut self.globals);
            disown(&mut self.tags);
            disown(&mut self.host_entries);
            disown(&mut self.host_funcs);
        }
    }
}

/// Gives `value` an address of its own, valid until [`disown`].
pub(super) fn own<X>(list: &mut Vec<NonNull<X>>, value: X) -> NonNull<X> {
    // The room in the list comes first: an address that is not in the list would never be freed.
    list.reserve(1);
    let address = NonNull::from(Box::leak(Box::new(value)));
    list.push(address);
    address
}

/// Frees all that [`own`] put into the list.
///
/// # Safety
///
/// Nobody follows any of the addresses from now on.
unsafe fn disown<X>(list: &mut Vec<NonNull<X>>) {
    for address in list.drain(..) {
        // SAFETY: `own` made the address from a box; that nobody follows it is the caller's duty.
        drop(unsafe { Box::from_raw(address.as_ptr()) });
    }
}

#[cold]
fn wrong_store(what: &str) -> ! {
    panic!("{what} used with a store that it does not belong to")
}
