//! What a store holds, as the executor sees it: plain structures behind stable addresses.
//!
//! Every structure here is allocated on its own, is owned by exactly one [`StoreCore`], and lives
//! until that core is dropped. Addresses of them are therefore valid for as long as their store
//! lives; the handles of the embedding API are such addresses, and check the store before they use
//! them.

use std::any::Any;
use std::cell::Cell;
#[cfg(target_pointer_width = "64")]
use std::mem::offset_of;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::canonical::Uses;
use crate::engine::Engine;
use crate::exec::NativeRuntime;
use crate::ir::Word;
use crate::limits::{Account, Heap, Held, Limits, Meter, Pool};
use crate::module::Module;
use crate::observe::Observation;
use crate::store::grow::GrowthGuard;
use crate::store::{Exceptions, Scope};
use crate::trace::{Signature, Tracer};
use crate::types::{GlobalType, MemoryType, TableType, TypeId};

/// The identity of a store, unique in the process. Public because sealed traits name it; users
/// cannot name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreId(pub(crate) u64);

/// A function in a store. A `funcref` in a slot, a table or a global is the address of one, or 0.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct FuncEntry {
    /// The address of the function's code: a header word (see `ir::Header`), then instructions.
    /// Never null. Changes once, when a function that was not lowered yet is lowered.
    pub(crate) code: Cell<*const Word>,
    /// The instance that the function belongs to; null for a function of the host.
    pub(crate) instance: *mut InstanceData,
    /// What executes the function where its code does not: the [`HostFunc`] of a function of the host, the
    /// machine code of a guest's native function; null for another function of a guest.
    pub(crate) body: Cell<*const ()>,
    /// The canonical type.
    pub(crate) sig: TypeId,
}

impl FuncEntry {
    /// The host function behind it; null for a function of a guest.
    pub(crate) fn host(&self) -> *const HostFunc {
        if self.instance.is_null() {
            self.body.get().cast()
        } else {
            std::ptr::null()
        }
    }

    /// The index in its module's function index space; 0 for a function of the host.
    ///
    /// # Safety
    ///
    /// The instance that the function belongs to is alive.
    pub(crate) unsafe fn index(&self) -> u32 {
        if self.instance.is_null() {
            return 0;
        }
        // SAFETY: the instance is alive: the caller's duty. Its entries lie in one allocation, of which
        // this one is.
        unsafe {
            let at = std::ptr::from_ref(self).offset_from((*self.instance).entries);
            let module = &(*self.instance).module;
            module.inner().func_index(at as u32)
        }
    }
}

/// The body of a host function: the caller's instance (null when the embedder calls it), then the
/// slots, which hold the arguments on entry and the results on a successful return.
pub(crate) type HostBody = dyn Fn(NonNull<StoreCore>, *mut InstanceData, *mut u64) -> Result<(), anyhow::Error>
    + Send
    + Sync;

/// What functions of the host keep from call to call.
pub trait HostState: Send + Sync {
    /// What has changed since the functions were made, and cannot be kept in a
    /// [snapshot](crate::Linker::snapshot), in words that can follow the name of a module. The
    /// snapshot is refused with these words. `None` where nothing has changed.
    fn unstorable(&self) -> Option<String>;
}

/// A function of the host.
pub(crate) struct HostFunc {
    /// The code that the function's `FuncEntry` points to, from `ir::host_code`.
    pub(crate) code: Box<[Word]>,
    pub(crate) body: Arc<HostBody>,
    /// Whether a parameter is a reference to an exception.
    pub(crate) takes_exceptions: bool,
    pub(crate) signature: Signature,
    /// What the function keeps from call to call, where that is known.
    pub(crate) state: Option<Arc<dyn HostState>>,
}

/// A linear memory.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct MemoryData {
    /// The first byte; aligned to 16. Changes when the memory grows.
    pub(crate) base: *mut u8,
    /// The size in bytes.
    pub(crate) len: usize,
    /// The declared type; `len` has the current size.
    pub(crate) ty: MemoryType,
    /// The pool that the bytes are of; `None` where they are the host's.
    pub(super) pool: Option<Pool>,
    /// The memory's bytes in the store's account.
    pub(super) held: Held,
    /// The address space at `base` in bytes, where the memory began as an image of a file; else 0.
    pub(super) reserved: usize,
    /// The instances that have the memory as their first one: they know where it lies.
    pub(super) users: Vec<NonNull<InstanceData>>,
}

/// A table. Elements are references as slots hold them.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct TableData {
    /// Where `elems` are, for native code, which reads and writes them there.
    pub(super) base: *mut u64,
    /// How many `elems` there are.
    pub(super) len: usize,
    pub(crate) elems: allocator_api2::vec::Vec<u64, Heap>,
    /// The declared type; `elems` has the current size.
    pub(crate) ty: TableType,
    /// What `elems` has room for, in the store's account.
    pub(super) held: Held,
}

/// A global. A `v128` takes both halves, anything else the first.
#[derive(Debug)]
#[repr(C, align(16))]
pub(crate) struct GlobalData {
    pub(crate) value: [u64; 2],
    pub(crate) ty: GlobalType,
}

/// A tag. Two tags are one where their addresses are.
#[derive(Debug)]
pub(crate) struct TagData {
    /// The canonical function type, whose parameters are the values that an exception carries.
    pub(crate) sig: TypeId,
    /// How many slots the values take.
    pub(crate) slots: u32,
    /// The instance whose module defines the tag; null for a tag of the host.
    pub(crate) instance: *const InstanceData,
    /// The index in the module's tag index space; 0 for a tag of the host.
    pub(crate) index: u32,
}

/// An instance of a module.
#[repr(C)]
pub(crate) struct InstanceData {
    /// The address of the first of `defined`. The addresses of all entries are derived from this
    /// one.
    pub(crate) entries: *mut FuncEntry,
    /// The canonical types of the module.
    pub(crate) sigs: *const TypeId,
    /// What native code shares with the store.
    pub(crate) runtime: *mut NativeRuntime,
    /// Where the first of `memories` lies, for native code; the memory itself keeps this true.
    pub(super) memory: Cell<Bytes>,
    /// The addresses of the index spaces of the same names, for native code.
    pub(super) spaces: Spaces,
    /// The first of `memories`; null where there is none.
    pub(crate) first_memory: *const MemoryData,
    /// The functions that the module defines (not the imported ones), in order.
    pub(crate) defined: Box<[FuncEntry]>,
    /// The function index space: imported functions first.
    pub(crate) funcs: Box<[NonNull<FuncEntry>]>,
    pub(crate) globals: Box<[NonNull<GlobalData>]>,
    pub(crate) memories: Box<[NonNull<MemoryData>]>,
    pub(crate) tables: Box<[NonNull<TableData>]>,
    pub(crate) tags: Box<[NonNull<TagData>]>,
    /// Element segments, evaluated; `None` once dropped.
    pub(crate) elems: Box<[Option<Box<[u64]>>]>,
    /// Whether each data segment was dropped.
    pub(crate) data_dropped: Box<[bool]>,
    pub(crate) module: Module,
    /// What backtraces call the instance.
    pub(crate) label: Option<Arc<str>>,
    /// The graph whose modules `$module$function` can name.
    pub(crate) scope: Option<Arc<Scope>>,
    /// What the instance takes beside its memories and tables, in the store's account.
    pub(super) _held: Held,
}

/// Where a linear memory lies.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Bytes {
    pub(super) base: *mut u8,
    pub(super) len: usize,
}

impl Bytes {
    /// Where there is no memory.
    pub(super) const NONE: Self = Self {
        base: std::ptr::null_mut(),
        len: 0,
    };
}

/// Where index spaces begin, and what is first in those whose first is used most; null where there is nothing.
#[repr(C)]
pub(super) struct Spaces {
    pub(super) funcs: *const NonNull<FuncEntry>,
    pub(super) globals: *const NonNull<GlobalData>,
    pub(super) memories: *const NonNull<MemoryData>,
    pub(super) tables: *const NonNull<TableData>,
    pub(super) first_global: *const GlobalData,
    pub(super) first_table: *const TableData,
}

impl Spaces {
    /// Before there are any.
    pub(super) const NONE: Self = Self {
        funcs: std::ptr::null(),
        globals: std::ptr::null(),
        memories: std::ptr::null(),
        tables: std::ptr::null(),
        first_global: std::ptr::null(),
        first_table: std::ptr::null(),
    };
}

/// Native code finds things where `holdall_core::native` says, and an index of a function becomes the address
/// of an entry at every call.
#[cfg(target_pointer_width = "64")]
const _: () = {
    use holdall_core::native::{func, global, instance, memory, table};
    const fn at(found: usize, expected: i32) {
        assert!(found == expected as usize);
    }
    at(offset_of!(InstanceData, entries), instance::ENTRIES);
    let first_memory = offset_of!(InstanceData, memory);
    at(
        first_memory + offset_of!(Bytes, base),
        instance::FIRST_MEMORY + memory::BASE,
    );
    at(
        first_memory + offset_of!(Bytes, len),
        instance::FIRST_MEMORY + memory::LEN,
    );
    at(offset_of!(InstanceData, sigs), instance::TYPES);
    at(offset_of!(InstanceData, runtime), instance::RUNTIME);
    at(offset_of!(InstanceData, spaces.funcs), instance::FUNCS);
    at(offset_of!(InstanceData, spaces.globals), instance::GLOBALS);
    at(
        offset_of!(InstanceData, spaces.memories),
        instance::MEMORIES,
    );
    at(offset_of!(InstanceData, spaces.tables), instance::TABLES);
    at(
        offset_of!(InstanceData, spaces.first_global),
        instance::FIRST_GLOBAL,
    );
    at(
        offset_of!(InstanceData, spaces.first_table),
        instance::FIRST_TABLE,
    );
    at(offset_of!(FuncEntry, instance), func::INSTANCE);
    at(offset_of!(FuncEntry, body), func::NATIVE);
    at(offset_of!(FuncEntry, sig), func::TYPE);
    at(size_of::<FuncEntry>(), func::SIZE);
    at(offset_of!(MemoryData, base), memory::BASE);
    at(offset_of!(MemoryData, len), memory::LEN);
    at(offset_of!(TableData, base), table::BASE);
    at(offset_of!(TableData, len), table::LEN);
    at(offset_of!(GlobalData, value), global::VALUE);
};

/// All of a store but the embedder's data.
pub(crate) struct StoreCore {
    pub(crate) id: StoreId,
    /// Lives as long as the store. Whoever keeps something by the store's id can see with it that
    /// the store is gone.
    pub(crate) alive: Arc<()>,
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    /// What the guests hold.
    pub(crate) account: Account,
    /// Who is told of calls that leave their instance.
    pub(crate) tracer: Option<Tracer>,
    /// Who is asked before a memory grows.
    pub(crate) growth_guard: Option<Box<GrowthGuard>>,
    /// Who is told of all that happens between guests and their host.
    pub(crate) observation: Option<Box<Observation>>,
    /// Descriptors that are open, for the limits.
    pub(crate) open_descriptors: usize,
    /// How long executions may go on.
    pub(crate) meter: Meter,
    /// The value stack; see `exec`.
    pub(crate) stack: crate::exec::Stack,
    /// What the store shares with native code.
    pub(crate) native: Box<NativeRuntime>,
    pub(crate) instances: Vec<NonNull<InstanceData>>,
    pub(crate) memories: Vec<NonNull<MemoryData>>,
    pub(crate) tables: Vec<NonNull<TableData>>,
    pub(crate) globals: Vec<NonNull<GlobalData>>,
    pub(crate) tags: Vec<NonNull<TagData>>,
    pub(crate) host_funcs: Vec<NonNull<HostFunc>>,
    /// The entries of host functions (those of guests are in their instance).
    pub(crate) host_entries: Vec<NonNull<FuncEntry>>,
    /// The canonical types of host functions and of the host's tags.
    pub(crate) sigs: Uses,
    /// The values behind `externref`s; a reference is the index here plus one.
    pub(crate) externs: Vec<Box<dyn Any + Send + Sync>>,
    pub(crate) exceptions: Exceptions,
    /// Where what was thrown found functions.
    pub(crate) sites: crate::exec::Sites,
    /// Bytes of linear memory in use, for the limits.
    pub(crate) memory_bytes: usize,
    /// Table elements in use, for the limits.
    pub(crate) table_elements: usize,
}
