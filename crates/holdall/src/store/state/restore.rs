//! Restoration. The whole state is checked against its modules before anything is made. Then the
//! state is written into instances whose segments were not written and whose start functions did
//! not run.

use holdall_core::module::Blocks;

use super::{
    BLOCK_BYTES, Fault, FuncRef, GlobalState, InstanceState, MemoryState, RefPiece, TableState,
};
use crate::limits::Work;
use crate::module::{DataMode, ElemMode, Module, ModuleInner};
use crate::store::contents::{BlockBytes, Contents};
use crate::store::memory_data::max_pages;
use crate::store::slot::entry_slot;
use crate::store::table_data::max_size;
use crate::store::{Instance, StoreCore};
use crate::types::{GlobalType, HeapType, MemoryType, Mutability, RefKind, TableType, ValType};

/// The states of a graph's instances, which were found to fit their modules.
#[derive(Clone, Copy)]
pub(crate) struct Fitting<'a> {
    states: &'a [InstanceState],
    bytes: BlockBytes<'a>,
}

impl<'a> Fitting<'a> {
    /// Checks states, as many as there are modules, and the bytes of their memories.
    ///
    /// # Errors
    ///
    /// The first thing that does not fit its module.
    pub(crate) fn new(
        states: &'a [InstanceState],
        bytes: BlockBytes<'a>,
        modules: &[&Module],
    ) -> Result<Self, Fault> {
        assert_eq!(states.len(), modules.len(), "a state for each module");
        let mut check = Check {
            modules,
            blocks_left: (bytes.bytes.len() / BLOCK_BYTES) as u64,
        };
        for (instance, state) in states.iter().enumerate() {
            let checked = check.instance(modules[instance].inner(), state);
            checked.map_err(|what| Fault { instance, what })?;
        }
        let left =
            check.blocks_left * BLOCK_BYTES as u64 + (bytes.bytes.len() % BLOCK_BYTES) as u64;
        match left {
            0 => Ok(Self { states, bytes }),
            left => Err(Fault {
                // The last instance: its bytes should end where all bytes end.
                instance: states.len().saturating_sub(1),
                what: format!("{left} bytes are left over after those of its memories"),
            }),
        }
    }

    /// The state of an instance.
    pub(crate) fn state(&self, instance: usize) -> &'a InstanceState {
        &self.states[instance]
    }

    /// Gives the instances their states. [`Instance::allocate_with`] made each instance, of the
    /// module that its state was checked against and with this state, and nothing has used the
    /// instances since.
    pub(crate) fn restore(&self, core: &mut StoreCore, instances: &[Instance]) {
        let mut bytes = self.bytes;
        for (instance, state) in instances.iter().zip(self.states) {
            restore_memories(core, *instance, &state.memories, &mut bytes);
            restore_tables(core, instances, *instance, &state.tables);
            restore_globals(core, instances, *instance, &state.globals);
            drop_segments(core, *instance, state);
        }
    }
}

impl InstanceState {
    /// The size in pages of a defined memory.
    pub(in crate::store) fn memory_pages(&self, defined_index: usize) -> u64 {
        self.memories[defined_index].pages
    }

    /// The size in elements of a defined table.
    pub(in crate::store) fn table_size(&self, defined_index: usize) -> u64 {
        self.tables[defined_index].size
    }
}

struct Check<'a> {
    modules: &'a [&'a Module],
    /// The number of blocks in `bytes` that no memory has taken yet.
    blocks_left: u64,
}

impl Check<'_> {
    fn instance(&mut self, module: &ModuleInner, state: &InstanceState) -> Result<(), String> {
        let memories = &module.memories[module.num_imported_memories..];
        let tables = &module.tables[module.num_imported_tables..];
        let globals: Vec<_> = mutable_globals(module).collect();
        check_count("memories", memories.len(), state.memories.len())?;
        check_count("tables", tables.len(), state.tables.len())?;
        check_count("mutable globals", globals.len(), state.globals.len())?;
        let memories = memories.iter().zip(&state.memories);
        for (index, (ty, state)) in (module.num_imported_memories..).zip(memories) {
            let checked = self.memory(ty, state);
            checked.map_err(|what| format!("memory {index}: {what}"))?;
        }
        let tables = tables.iter().zip(&state.tables);
        for (index, (ty, state)) in (module.num_imported_tables..).zip(tables) {
            let checked = self.table(ty, state);
            checked.map_err(|what| format!("table {index}: {what}"))?;
        }
        for ((index, ty), value) in globals.into_iter().zip(&state.globals) {
            let checked = self.global(ty.content, *value);
            checked.map_err(|what| format!("global {index}: {what}"))?;
        }
        check_segments("element", module.elems.len(), &state.dropped_elems)?;
        check_segments("data", module.num_data, &state.dropped_data)
    }

    fn memory(&mut self, ty: &MemoryType, state: &MemoryState) -> Result<(), String> {
        check_size("pages", ty.min, max_pages(ty), state.pages)?;
        // The last block of a memory with small pages may be shorter than the others.
        let bytes = u128::from(state.pages) << ty.page_size_log2;
        let blocks = u64::try_from(bytes.div_ceil(BLOCK_BYTES as u128)).unwrap_or(u64::MAX);
        let mut end = 0;
        for piece in &state.pieces {
            end = check_piece("blocks", end, piece.first, piece.count, blocks)?;
            let left = self.blocks_left.checked_sub(piece.count);
            self.blocks_left = left.ok_or_else(|| {
                let (expected, found) = (piece.count, self.blocks_left);
                format!("expected {expected} blocks of {BLOCK_BYTES} bytes, found {found}")
            })?;
        }
        Ok(())
    }

    fn table(&self, ty: &TableType, state: &TableState) -> Result<(), String> {
        check_size("elements", ty.min, max_size(ty), state.size)?;
        let (mut end, mut held) = (0, 0);
        for RefPiece { first, funcs } in &state.pieces {
            let count = funcs.len() as u64;
            end = check_piece("elements", end, *first, count, state.size)?;
            held += count;
            for func in funcs {
                self.func(ty.element.heap, *func)?;
            }
        }
        if !ty.element.nullable && held < state.size {
            return Err(format!("an element is null, which no {} is", ty.element));
        }
        Ok(())
    }

    fn global(&self, ty: ValType, value: GlobalState) -> Result<(), String> {
        let is_of_type = match (ty, value) {
            (ValType::I32, GlobalState::I32(_))
            | (ValType::I64, GlobalState::I64(_))
            | (ValType::F32, GlobalState::F32(_))
            | (ValType::F64, GlobalState::F64(_))
            | (ValType::V128, GlobalState::V128(_)) => true,
            (ValType::Ref(ty), GlobalState::Null) => ty.nullable,
            (ValType::Ref(ty), GlobalState::Func(func)) => return self.func(ty.heap, func),
            _ => false,
        };
        if is_of_type {
            Ok(())
        } else {
            Err(format!("expected {ty}, found {value:?}"))
        }
    }

    fn func(&self, heap: HeapType, func: FuncRef) -> Result<(), String> {
        let FuncRef { instance, index } = func;
        let module = self.modules.get(instance as usize);
        let module = module.map(|module| module.inner());
        let Some(module) = module.filter(|module| (index as usize) < module.funcs.len()) else {
            return Err(format!(
                "expected a function of the graph, found function {index} of instance {instance}"
            ));
        };
        if heap.kind() != RefKind::Func {
            return Err("expected null, found a function".to_owned());
        }
        if !HeapType::ConcreteFunc(module.func_sig(index)).matches(heap) {
            let found = module.func_type(index);
            return Err(format!(
                "expected a reference to {heap}, found one to {found}"
            ));
        }
        Ok(())
    }
}

fn check_count(what: &str, expected: usize, found: usize) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("expected {expected} {what}, found {found}"))
}

fn check_size(unit: &str, min: u64, max: u64, found: u64) -> Result<(), String> {
    if (min..=max).contains(&found) {
        return Ok(());
    }
    Err(format!("expected {min} to {max} {unit}, found {found}"))
}

/// Checks that a piece begins at `end` or later and lies within `size`; returns the end of the
/// piece.
fn check_piece(unit: &str, end: u64, first: u64, count: u64, size: u64) -> Result<u64, String> {
    match first.checked_add(count) {
        Some(next) if first >= end && next <= size => Ok(next),
        _ => Err(format!(
            "expected {unit} from {end} on and below {size}, found {count} at {first}"
        )),
    }
}

fn check_segments(kind: &str, count: usize, dropped: &[u32]) -> Result<(), String> {
    match dropped.iter().find(|index| **index as usize >= count) {
        None => Ok(()),
        Some(index) => Err(format!(
            "expected {count} {kind} segments, found that segment {index} was dropped"
        )),
    }
}

/// The defined globals whose values are kept.
fn mutable_globals(module: &ModuleInner) -> impl Iterator<Item = (usize, GlobalType)> {
    let globals = module.globals.iter().copied().enumerate();
    let defined = globals.skip(module.num_imported_globals);
    defined.filter(|(_, ty)| ty.mutability == Mutability::Var)
}

/// Gives an instance's memories their pieces. Their bytes are the first of `bytes`, and are removed from
/// there.
fn restore_memories(
    core: &mut StoreCore,
    of: Instance,
    states: &[MemoryState],
    bytes: &mut BlockBytes<'_>,
) {
    let data = of.data(core);
    let defined = &data.memories[data.module.inner().num_imported_memories..];
    for (memory, state) in defined.iter().zip(states) {
        // SAFETY: the memory is of `core`, which is borrowed here alone.
        let memory = unsafe { &mut *memory.as_ptr() };
        let blocks = state.pieces.iter().map(|piece| piece.count).sum();
        let pieces = state.pieces.iter().map(|piece| Blocks {
            first: piece.first,
            count: piece.count,
        });
        let contents = Contents {
            pieces,
            bytes: bytes.take(blocks),
        };
        let loaded = memory.load(&contents, &mut Work::free());
        loaded.expect("nothing ends the work");
    }
}

fn restore_tables(core: &mut StoreCore, graph: &[Instance], of: Instance, states: &[TableState]) {
    let data = of.data(core);
    let defined = &data.tables[data.module.inner().num_imported_tables..];
    for (table, state) in defined.iter().zip(states) {
        // SAFETY: the table is of `core`, which is borrowed here alone; nothing below uses another
        // reference to the table.
        let elems = &mut unsafe { &mut *table.as_ptr() }.elems;
        // The elements may have an initial value.
        elems.fill(0);
        for RefPiece { first, funcs } in &state.pieces {
            let elems = &mut elems[*first as usize..][..funcs.len()];
            for (elem, func) in elems.iter_mut().zip(funcs) {
                *elem = func_slot(core, graph, *func);
            }
        }
    }
}

fn restore_globals(core: &mut StoreCore, graph: &[Instance], of: Instance, states: &[GlobalState]) {
    let data = of.data(core);
    for ((index, _), state) in mutable_globals(data.module.inner()).zip(states) {
        let value = match *state {
            GlobalState::I32(bits) | GlobalState::F32(bits) => [u64::from(bits), 0],
            GlobalState::I64(bits) | GlobalState::F64(bits) => [bits, 0],
            GlobalState::V128(bits) => [bits as u64, (bits >> 64) as u64],
            GlobalState::Null => [0, 0],
            GlobalState::Func(func) => [func_slot(core, graph, func), 0],
        };
        // SAFETY: the global is of `core`, which is borrowed here alone. The value is of the
        // global's type: `Check` saw to that.
        unsafe { (*data.globals[index].as_ptr()).value = value };
    }
}

/// The slot of a reference to a function of the graph.
fn func_slot(core: &StoreCore, graph: &[Instance], func: FuncRef) -> u64 {
    entry_slot(graph[func.instance as usize].data(core).funcs[func.index as usize])
}

/// Drops the segments that instantiation drops, and the segments that the guest dropped.
fn drop_segments(core: &mut StoreCore, of: Instance, state: &InstanceState) {
    // SAFETY: the instance is of `core`, which is borrowed here alone.
    let data = unsafe { &mut *of.address_in(core).as_ptr() };
    let module = data.module.inner();
    for (items, segment) in data.elems.iter_mut().zip(&module.elems) {
        if let ElemMode::Active { .. } = segment.mode {
            *items = None;
        }
    }
    data.data_dropped.fill(true);
    if !module.is_outlined() {
        let segments = module.data().into_iter().flatten();
        for (is_dropped, segment) in data.data_dropped.iter_mut().zip(segments) {
            *is_dropped = matches!(segment.mode, DataMode::Active { .. });
        }
    }
    for index in &state.dropped_elems {
        data.elems[*index as usize] = None;
    }
    for index in &state.dropped_data {
        data.data_dropped[*index as usize] = true;
    }
}
