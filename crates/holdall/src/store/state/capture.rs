//! Capture: reads the state of living instances, and changes nothing.

use std::collections::HashMap;
use std::ptr::NonNull;

use super::{
    BLOCK_BYTES, BytePiece, Fault, FuncRef, GlobalState, InstanceState, MemoryState, RefPiece,
    TableState,
};
use crate::escape::Escaped;
use crate::module::{DataMode, ElemMode, ModuleInner};
use crate::store::slot::entry_from_slot;
use crate::store::{
    Func, FuncEntry, GlobalData, Instance, InstanceData, MemoryData, StoreCore, TableData,
};
use crate::types::{HeapType, Mutability, RefKind, ValType};

/// A block of zeros, which need not be kept.
const ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];

/// The state of all instances of a graph, and the bytes of their memories.
///
/// # Errors
///
/// The first thing that can not be stored: a reference to something outside the graph, or state of
/// a host function that one of the instances imports.
pub(crate) fn capture(
    core: &StoreCore,
    instances: &[Instance],
) -> Result<(Vec<InstanceState>, Vec<u8>), Fault> {
    let mut capture = Capture {
        core,
        numbers: HashMap::new(),
        imported: HashMap::new(),
        bytes: Vec::new(),
    };
    for (number, instance) in (0..).zip(instances) {
        capture.numbers.insert(*instance, number);
    }
    for (number, instance) in (0..).zip(instances) {
        capture.meet_imports(number, instance.data(core));
    }
    let states = instances.iter().enumerate().map(|(number, instance)| {
        let state = capture.instance(instance.data(core));
        state.map_err(|what| Fault {
            instance: number,
            what,
        })
    });
    let states = states.collect::<Result<_, _>>()?;
    Ok((states, capture.bytes))
}

struct Capture<'a> {
    core: &'a StoreCore,
    /// The instances of the graph.
    numbers: HashMap<Instance, u32>,
    /// The functions that instances import, each with the first import of it. Functions of the
    /// graph are among them.
    imported: HashMap<NonNull<FuncEntry>, FuncRef>,
    bytes: Vec<u8>,
}

impl Capture<'_> {
    fn meet_imports(&mut self, instance: u32, data: &InstanceData) {
        for (index, entry) in (0..).zip(imported_funcs(data)) {
            let place = FuncRef { instance, index };
            self.imported.entry(*entry).or_insert(place);
        }
    }

    fn instance(&mut self, data: &InstanceData) -> Result<InstanceState, String> {
        let module = data.module.inner();
        for entry in imported_funcs(data) {
            let host = self.func(*entry).host_in(self.core);
            let state = host.and_then(|host| host.state.as_ref());
            if let Some(what) = state.and_then(|state| state.unstorable()) {
                return Err(what);
            }
        }
        let tables = (module.num_imported_tables..).zip(&data.tables[module.num_imported_tables..]);
        let tables = tables.map(|(index, table)| {
            // SAFETY: the table is of `core`, which is borrowed, so that nothing changes the table.
            self.table(index, unsafe { table.as_ref() })
        });
        let tables = tables.collect::<Result<_, _>>()?;
        let defined = module.num_imported_globals..;
        let mut globals = Vec::new();
        for (index, global) in defined.clone().zip(&data.globals[defined]) {
            // SAFETY: as for tables.
            let global = unsafe { global.as_ref() };
            if global.ty.mutability == Mutability::Var {
                let value = self.global(global);
                globals.push(value.map_err(|what| format!("global {index} holds {what}"))?);
            }
        }
        let memories = data.memories[module.num_imported_memories..].iter();
        let memories = memories.map(|memory| {
            // SAFETY: as for tables.
            self.memory(unsafe { memory.as_ref() })
        });
        Ok(InstanceState {
            memories: memories.collect(),
            tables,
            globals,
            dropped_elems: dropped_elems(module, data),
            dropped_data: dropped_data(module, data),
        })
    }

    fn memory(&mut self, memory: &MemoryData) -> MemoryState {
        let mut pieces: Vec<BytePiece> = Vec::new();
        for (at, block) in (0..).zip(memory.as_slice().chunks(BLOCK_BYTES)) {
            let rest = &ZEROS[block.len()..];
            if block == &ZEROS[..block.len()] {
                continue;
            }
            self.bytes.extend_from_slice(block);
            self.bytes.extend_from_slice(rest);
            match pieces.last_mut() {
                Some(last) if last.first + last.count == at => last.count += 1,
                _ => pieces.push(BytePiece {
                    first: at,
                    count: 1,
                }),
            }
        }
        MemoryState {
            pages: memory.size_pages(),
            pieces,
        }
    }

    fn table(&self, index: usize, table: &TableData) -> Result<TableState, String> {
        let mut pieces: Vec<RefPiece> = Vec::new();
        for (at, slot) in (0..).zip(&table.elems) {
            let func = self.reference(table.ty.element.heap, *slot);
            let func = func.map_err(|what| format!("table {index}, element {at} holds {what}"))?;
            let Some(func) = func else {
                continue;
            };
            match pieces.last_mut() {
                Some(last) if last.first + last.funcs.len() as u64 == at => last.funcs.push(func),
                _ => pieces.push(RefPiece {
                    first: at,
                    funcs: vec![func],
                }),
            }
        }
        Ok(TableState {
            size: table.size(),
            pieces,
        })
    }

    fn global(&self, global: &GlobalData) -> Result<GlobalState, String> {
        let [low, high] = global.value;
        Ok(match global.ty.content {
            ValType::I32 => GlobalState::I32(low as u32),
            ValType::I64 => GlobalState::I64(low),
            ValType::F32 => GlobalState::F32(low as u32),
            ValType::F64 => GlobalState::F64(low),
            ValType::V128 => GlobalState::V128(u128::from(low) | u128::from(high) << 64),
            ValType::Ref(ty) => {
                let func = self.reference(ty.heap, low)?;
                func.map_or(GlobalState::Null, GlobalState::Func)
            }
        })
    }

    /// The function that a slot refers to. The error says, for a message, what else the slot refers
    /// to.
    fn reference(&self, heap: HeapType, slot: u64) -> Result<Option<FuncRef>, String> {
        if slot == 0 {
            return Ok(None);
        }
        match heap.kind() {
            RefKind::Func => {}
            RefKind::Extern => return Err("a reference to the host (externref)".to_owned()),
            RefKind::Exn => return Err("an exception (exnref)".to_owned()),
        }
        let Some(entry) = entry_from_slot(slot) else {
            return Ok(None);
        };
        let func = self.func(entry);
        let instance = func.instance_in(self.core);
        if let Some(number) = instance.and_then(|instance| self.numbers.get(&instance)) {
            return Ok(Some(FuncRef {
                instance: *number,
                index: func.index_in(self.core),
            }));
        }
        match self.imported.get(&entry) {
            Some(place) => Ok(Some(*place)),
            None => Err(self.stranger(func, instance)),
        }
    }

    #[cold]
    fn stranger(&self, func: Func, instance: Option<Instance>) -> String {
        let Some(instance) = instance else {
            let host = func.host_in(self.core);
            let name = host.map_or("<host function>", |host| &host.signature.name);
            let name = Escaped(name);
            return format!("the host's function {name}, which no module of the graph imports");
        };
        let data = instance.data(self.core);
        let name = data.label.as_deref().or(data.module.name());
        let index = func.index_in(self.core);
        match name {
            Some(name) => format!("function {index} of module {name:?}, which is not of the graph"),
            None => format!("function {index} of a module that is not of the graph"),
        }
    }

    fn func(&self, entry: NonNull<FuncEntry>) -> Func {
        Func::from_entry(self.core.id, entry)
    }
}

fn imported_funcs(data: &InstanceData) -> &[NonNull<FuncEntry>] {
    &data.funcs[..data.module.inner().num_imported_funcs]
}

fn dropped_elems(module: &ModuleInner, data: &InstanceData) -> Vec<u32> {
    let segments = (0..).zip(&module.elems).zip(&data.elems);
    let dropped = segments.filter(|((_, segment), items)| {
        matches!(segment.mode, ElemMode::Passive) && items.is_none()
    });
    dropped.map(|((index, _), _)| index).collect()
}

fn dropped_data(module: &ModuleInner, data: &InstanceData) -> Vec<u32> {
    let segments = module.data().into_iter().flatten();
    let segments = (0..).zip(segments).zip(&data.data_dropped);
    let dropped = segments.filter(|((_, segment), is_dropped)| {
        matches!(segment.mode, DataMode::Passive) && **is_dropped
    });
    dropped.map(|((index, _), _)| index).collect()
}
