//! Guests' memory as the program sees it: blocks for the guest, and addresses of both kinds.

use std::ffi::{c_char, c_void};
use std::ptr;

use holdall::{Func, ValType};

use super::graph::{Entered, ModuleInst, OfGraph};
use super::handles::Handle;
use crate::guard::guard;
use crate::room::put;

/// The names under which guests export their own allocators.
const ALLOCATORS: [(&str, &str); 2] = [("malloc", "free"), ("__new", "__release")];

/// The guest's own functions to allocate and to free, and how many parameters the first has.
fn allocator(entered: &Entered<'_>, inst: &ModuleInst) -> Option<(Func, Func, usize)> {
    let find = |name| entered.with(|store| inst.instance.get_func(&store, name));
    ALLOCATORS.into_iter().find_map(|(allocate, free)| {
        let (allocate, free) = (find(allocate)?, find(free)?);
        let [of_allocate, of_free] = [allocate, free].map(|it| entered.with(|store| it.ty(&store)));
        let fits = matches!(
            of_allocate.params(),
            [ValType::I32] | [ValType::I32, ValType::I32]
        ) && of_allocate.results() == [ValType::I32]
            && of_free.params() == [ValType::I32]
            && of_free.results().is_empty();
        fits.then(|| (allocate, free, of_allocate.params().len()))
    })
}

/// Calls one of the guest's functions for the runtime's own ends.
fn call(entered: &Entered<'_>, func: Func, slots: &mut [u64]) -> bool {
    let function = entered.function(func);
    // SAFETY: `allocator` has looked at the types: there are two slots, for two numbers at most.
    unsafe { entered.call(entered.singleton(), function, slots) }
}

/// A block in the guest's memory, from the guest's allocator or else from the program's heap there.
pub(super) fn allocate(inst: &ModuleInst, entered: &Entered<'_>, size: u64) -> Option<u64> {
    let memory = inst.memory?;
    if let Some((allocate, ..)) = allocator(entered, inst) {
        let mut slots = [u64::from(u32::try_from(size).ok()?), 0];
        let block = call(entered, allocate, &mut slots).then_some(slots[0])?;
        let len = entered.with(|store| memory.data_size(store)) as u64;
        let is_inside = block != 0 && block.checked_add(size).is_some_and(|end| end <= len);
        return is_inside.then_some(block);
    }
    let mut heap = inst.heap.borrow_mut();
    if !heap.is_there() && heap.size > 0 {
        entered.with(|mut store| {
            let page = memory.page_size(&store);
            let pages = heap.size.div_ceil(page);
            let before = memory.grow(&mut store, pages).ok()?;
            heap.size = pages * page;
            // 0 is no address.
            let start = (before * page).max(16);
            heap.size -= start - before * page;
            heap.begin(start);
            Some(())
        })?;
    }
    heap.take(size)
}

/// Frees a block that `allocate` gave.
pub(super) fn free(inst: &ModuleInst, entered: &Entered<'_>, block: u64) {
    if inst.heap.borrow_mut().give_back(block) {
        return;
    }
    if let Some((_, free, _)) = allocator(entered, inst) {
        call(entered, free, &mut [block, 0]);
    }
}

/// Uses an instance that the thread may use.
///
/// # Safety
///
/// The rule of handles.
unsafe fn with<R>(
    inst: Handle<ModuleInst>,
    body: impl FnOnce(&ModuleInst, &Entered<'_>) -> Option<R>,
) -> Option<R> {
    // SAFETY: the caller's duty.
    let inst = unsafe { inst.get() }?;
    let entered = inst.enter()?;
    body(inst, &entered)
}

/// Where the instance's memory is now.
fn bytes(inst: &ModuleInst, entered: &Entered<'_>) -> Option<(*mut u8, usize)> {
    let memory = inst.memory?;
    entered.with(|mut store| {
        let bytes = memory.data_mut(&mut store);
        Some((bytes.as_mut_ptr(), bytes.len()))
    })
}

fn native(inst: &ModuleInst, entered: &Entered<'_>, address: u64) -> *mut c_void {
    let found = bytes(inst, entered).and_then(|(start, len)| {
        let at = usize::try_from(address).ok().filter(|at| *at < len)?;
        Some(start.wrapping_add(at).cast())
    });
    found.unwrap_or(ptr::null_mut())
}

/// Whether `size` bytes are in the memory at an address; the exception is set where they are not.
fn validate(inst: &ModuleInst, entered: &Entered<'_>, address: u64, size: u64) -> bool {
    let len = bytes(inst, entered).map_or(0, |(_, len)| len as u64);
    let is_inside = address.checked_add(size).is_some_and(|end| end <= len);
    if !is_inside {
        entered.raise(&"out of bounds memory access");
    }
    is_inside
}

/// The offset of a native address, where it is in the memory.
fn offset(inst: &ModuleInst, entered: &Entered<'_>, address: *const c_void) -> Option<u64> {
    let (start, len) = bytes(inst, entered)?;
    let at = address.addr().checked_sub(start.addr())?;
    (at < len).then_some(at as u64)
}

/// Allocates a block in the guest's memory; its address there, and, where `native_addr` is not null, here.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_module_malloc(
    module_inst: Handle<ModuleInst>,
    size: u64,
    native_addr: *mut *mut c_void,
) -> u64 {
    guard(0, || {
        let allocated = |inst: &ModuleInst, entered: &Entered<'_>| {
            let block = allocate(inst, entered, size);
            match block {
                Some(block) => Some((block, native(inst, entered, block))),
                None => {
                    if entered.exception().is_null() {
                        entered.raise(&"allocate memory failed");
                    }
                    None
                }
            }
        };
        // SAFETY: the rule of handles.
        let found = unsafe { with(module_inst, allocated) };
        let (block, address) = found.unwrap_or((0, ptr::null_mut()));
        if !native_addr.is_null() {
            // SAFETY: not null, so C's to write to.
            unsafe { native_addr.write(address) };
        }
        block
    })
}

/// Frees a block in the guest's memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_module_free(module_inst: Handle<ModuleInst>, block: u64) {
    guard((), || {
        if block != 0 {
            // SAFETY: the rule of handles.
            unsafe {
                with(module_inst, |inst, entered| {
                    free(inst, entered, block);
                    Some(())
                })
            };
        }
    });
}

/// Allocates a block in the guest's memory that holds these bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_module_dup_data(
    module_inst: Handle<ModuleInst>,
    src: *const c_char,
    size: u64,
) -> u64 {
    guard(0, || {
        let mut address: *mut c_void = ptr::null_mut();
        if src.is_null() {
            return 0;
        }
        // SAFETY: the rule of handles; C passes as many bytes as it says, and the block has as many.
        unsafe {
            let block = wasm_runtime_module_malloc(module_inst, size, &raw mut address);
            if block != 0 {
                address.cast::<u8>().copy_from(src.cast(), size as usize);
            }
            block
        }
    })
}

/// Whether bytes are in the guest's memory; the exception is set where they are not.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_validate_app_addr(
    module_inst: Handle<ModuleInst>,
    app_offset: u64,
    size: u64,
) -> bool {
    guard(false, || {
        // SAFETY: the rule of handles.
        let inside = unsafe {
            with(module_inst, |inst, entered| {
                Some(validate(inst, entered, app_offset, size))
            })
        };
        inside.unwrap_or(false)
    })
}

/// Whether a text with a zero byte at its end is in the guest's memory; the exception is set where there is none.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_validate_app_str_addr(
    module_inst: Handle<ModuleInst>,
    app_str_offset: u64,
) -> bool {
    guard(false, || {
        let is_text = |inst: &ModuleInst, entered: &Entered<'_>| {
            let memory = inst.memory?;
            let is_text = entered.with(|store| {
                let rest = memory
                    .data(&store)
                    .get(usize::try_from(app_str_offset).ok()?..)?;
                Some(rest.contains(&0))
            });
            if is_text != Some(true) {
                entered.raise(&"out of bounds memory access");
            }
            is_text
        };
        // SAFETY: the rule of handles.
        unsafe { with(module_inst, is_text) }.unwrap_or(false)
    })
}

/// Whether native bytes are in the guest's memory; the exception is set where they are not.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_validate_native_addr(
    module_inst: Handle<ModuleInst>,
    native_ptr: *mut c_void,
    size: u64,
) -> bool {
    guard(false, || {
        let inside = |inst: &ModuleInst, entered: &Entered<'_>| {
            // What is nowhere in the memory is behind its end.
            let at = offset(inst, entered, native_ptr).unwrap_or(u64::MAX);
            Some(validate(inst, entered, at, size))
        };
        // SAFETY: the rule of handles.
        unsafe { with(module_inst, inside) }.unwrap_or(false)
    })
}

/// The native address of an address of the guest's; null where that is not in its memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_addr_app_to_native(
    module_inst: Handle<ModuleInst>,
    app_offset: u64,
) -> *mut c_void {
    guard(ptr::null_mut(), || {
        // SAFETY: the rule of handles.
        let found = unsafe {
            with(module_inst, |inst, entered| {
                Some(native(inst, entered, app_offset))
            })
        };
        found.unwrap_or(ptr::null_mut())
    })
}

/// The guest's address of a native one; 0 where that is not in its memory.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_addr_native_to_app(
    module_inst: Handle<ModuleInst>,
    native_ptr: *mut c_void,
) -> u64 {
    guard(0, || {
        // SAFETY: the rule of handles.
        unsafe {
            with(module_inst, |inst, entered| {
                offset(inst, entered, native_ptr)
            })
        }
        .unwrap_or(0)
    })
}

/// The addresses of the memory that an address is in: its first one, and the one behind its last.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_app_addr_range(
    module_inst: Handle<ModuleInst>,
    app_offset: u64,
    start: *mut u64,
    end: *mut u64,
) -> bool {
    guard(false, || {
        // SAFETY: the rule of handles.
        let len = unsafe {
            with(module_inst, |inst, entered| {
                Some(bytes(inst, entered)?.1 as u64)
            })
        };
        let Some(len) = len.filter(|len| app_offset < *len) else {
            return false;
        };
        // SAFETY: null, or C's to write to.
        unsafe {
            put(start, 0);
            put(end, len);
        }
        true
    })
}

/// The native addresses of the memory that a native address is in: its first one, and the one behind its last.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_native_addr_range(
    module_inst: Handle<ModuleInst>,
    native_ptr: *mut u8,
    start: *mut *mut u8,
    end: *mut *mut u8,
) -> bool {
    guard(false, || {
        let range = |inst: &ModuleInst, entered: &Entered<'_>| {
            offset(inst, entered, native_ptr.cast())?;
            bytes(inst, entered)
        };
        // SAFETY: the rule of handles.
        let Some((first, len)) = (unsafe { with(module_inst, range) }) else {
            return false;
        };
        // SAFETY: null, or C's to write to.
        unsafe {
            put(start, first);
            put(end, first.wrapping_add(len));
        }
        true
    })
}

/// Makes the guest's memory larger.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_enlarge_memory(
    module_inst: Handle<ModuleInst>,
    inc_page_count: u64,
) -> bool {
    guard(false, || {
        let grow = |inst: &ModuleInst, entered: &Entered<'_>| {
            let memory = inst.memory?;
            entered.with(|store| memory.grow(store, inc_page_count).ok())
        };
        // SAFETY: the rule of handles.
        unsafe { with(module_inst, grow) }.is_some()
    })
}
