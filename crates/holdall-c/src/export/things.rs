//! Memories, globals and tables of instances.

use std::ffi::{c_char, c_void};
use std::ptr;

use holdall::Val;

use super::calls::kind;
use super::graph::{Function, MemoryInst, ModuleInst, OfGraph};
use super::handles::Handle;
use crate::guard::guard;
use crate::text::from_c;

/// The handle to a memory that `find` finds.
///
/// # Safety
///
/// The rule of handles.
unsafe fn memory(
    inst: Handle<ModuleInst>,
    find: impl FnOnce(
        &ModuleInst,
        holdall::StoreContextMut<'_, super::graph::Data>,
    ) -> Option<holdall::Memory>,
) -> Handle<MemoryInst> {
    // SAFETY: the caller's duty.
    let Some(inst) = (unsafe { inst.get() }) else {
        return Handle::NULL;
    };
    let Some(entered) = inst.enter() else {
        return Handle::NULL;
    };
    let memory = entered.with(|store| find(inst, store));
    memory.map_or(Handle::NULL, |memory| entered.memory(memory).handle)
}

/// The exported memory of a name; null where there is none.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_lookup_memory(
    module_inst: Handle<ModuleInst>,
    name: *const c_char,
) -> Handle<MemoryInst> {
    guard(Handle::NULL, || {
        // SAFETY: the rule of handles; C passes a string or null.
        unsafe {
            let Some(name) = from_c(name) else {
                return Handle::NULL;
            };
            memory(module_inst, |inst, store| {
                inst.instance.get_memory(&store, name)
            })
        }
    })
}

/// The memory that addresses of the instance are in; null where it has none.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_default_memory(
    module_inst: Handle<ModuleInst>,
) -> Handle<MemoryInst> {
    // SAFETY: the caller's duty.
    guard(Handle::NULL, || unsafe {
        memory(module_inst, |inst, _| inst.memory)
    })
}

/// The memory of an index; null where there is none.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_memory(
    module_inst: Handle<ModuleInst>,
    index: u32,
) -> Handle<MemoryInst> {
    // SAFETY: the caller's duty.
    guard(Handle::NULL, || unsafe {
        memory(module_inst, |inst, store| {
            inst.instance.memory_at(&store, index)
        })
    })
}

/// Uses a memory.
///
/// # Safety
///
/// The rule of handles.
unsafe fn of<R>(
    memory: Handle<MemoryInst>,
    body: impl FnOnce(holdall::Memory, holdall::StoreContextMut<'_, super::graph::Data>) -> R,
) -> Option<R> {
    // SAFETY: the caller's duty.
    let found = unsafe { memory.get() }?;
    let entered = found.enter()?;
    Some(entered.with(|store| body(found.memory, store)))
}

/// The size of a memory in pages.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_memory_get_cur_page_count(memory_inst: Handle<MemoryInst>) -> u64 {
    guard(0, || {
        // SAFETY: the caller's duty.
        unsafe { of(memory_inst, |it, store| it.size(store)) }.unwrap_or(0)
    })
}

/// The most pages that a memory may have.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_memory_get_max_page_count(memory_inst: Handle<MemoryInst>) -> u64 {
    guard(0, || {
        // SAFETY: the caller's duty.
        let ty = unsafe { of(memory_inst, |it, store| it.ty(store)) };
        ty.map_or(0, |ty| ty.max.unwrap_or(ty.most_pages()))
    })
}

/// The size of a memory's pages.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_memory_get_bytes_per_page(memory_inst: Handle<MemoryInst>) -> u64 {
    guard(0, || {
        // SAFETY: the caller's duty.
        unsafe { of(memory_inst, |it, store| it.page_size(store)) }.unwrap_or(0)
    })
}

/// Whether a memory is declared as shared.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_memory_get_shared(memory_inst: Handle<MemoryInst>) -> bool {
    guard(false, || {
        // SAFETY: the caller's duty.
        unsafe { of(memory_inst, |it, store| it.ty(store).shared) }.unwrap_or(false)
    })
}

/// Where a memory is now; null where it has no bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_memory_get_base_address(memory_inst: Handle<MemoryInst>) -> *mut c_void {
    guard(ptr::null_mut(), || {
        let start =
            |it: holdall::Memory, mut store: holdall::StoreContextMut<'_, super::graph::Data>| {
                let bytes = it.data_mut(&mut store);
                if bytes.is_empty() {
                    ptr::null_mut()
                } else {
                    bytes.as_mut_ptr().cast()
                }
            };
        // SAFETY: the caller's duty.
        unsafe { of(memory_inst, start) }.unwrap_or(ptr::null_mut())
    })
}

/// Makes a memory larger.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_memory_enlarge(
    memory_inst: Handle<MemoryInst>,
    inc_page_count: u64,
) -> bool {
    guard(false, || {
        // SAFETY: the caller's duty.
        let grown = unsafe {
            of(memory_inst, |it, store| {
                it.grow(store, inc_page_count).is_ok()
            })
        };
        grown.unwrap_or(false)
    })
}

/// A table, as C looks at it.
#[repr(C)]
struct TableInst {
    elem_kind: u8,
    cur_size: u32,
    max_size: u32,
    /// Which export of the instance the table is.
    elems: *mut c_void,
}

fn short(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// Looks at an exported table.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_export_table_inst(
    module_inst: Handle<ModuleInst>,
    name: *const c_char,
    table_inst: *mut TableInst,
) -> bool {
    guard(false, || {
        // SAFETY: the rule of handles; C passes a string or null.
        let (inst, name) = unsafe { (module_inst.get(), from_c(name)) };
        let (Some(inst), Some(name), false) = (inst, name, table_inst.is_null()) else {
            return false;
        };
        let Some(entered) = inst.enter() else {
            return false;
        };
        let found = entered.with(|store| {
            let table = inst.instance.get_table(&store, name)?;
            let index = inst
                .instance
                .exports(&store)
                .position(|export| export.name() == name)?;
            Some((table.ty(&store), index))
        });
        let Some((ty, index)) = found else {
            return false;
        };
        let table = TableInst {
            elem_kind: kind(holdall::ValType::Ref(ty.element)),
            cur_size: short(ty.min),
            max_size: ty.max.map_or(u32::MAX, short),
            elems: ptr::without_provenance_mut(index + 1),
        };
        // SAFETY: not null, so C's to write to.
        unsafe { table_inst.write(table) };
        true
    })
}

/// The function at an index of a table that `wasm_runtime_get_export_table_inst` looked at; null where there is none.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_table_get_func_inst(
    module_inst: Handle<ModuleInst>,
    table_inst: *const TableInst,
    index: u32,
) -> Handle<Function> {
    guard(Handle::NULL, || {
        // SAFETY: the rule of handles; C passes a table or null.
        let (inst, table) = unsafe { (module_inst.get(), table_inst.as_ref()) };
        let (Some(inst), Some(table)) = (inst, table) else {
            return Handle::NULL;
        };
        let Some(entered) = inst.enter() else {
            return Handle::NULL;
        };
        let element = entered.with(|store| {
            let export = inst
                .instance
                .exports(&store)
                .nth(table.elems.addr().checked_sub(1)?)?;
            export.into_table()?.get(&store, u64::from(index))
        });
        match element {
            Some(Val::FuncRef(Some(func))) => entered.function(func).handle,
            _ => Handle::NULL,
        }
    })
}
