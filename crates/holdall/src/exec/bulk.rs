//! Handlers of the rows on globals, references, memories and tables. The store has the operations on a
//! memory or a table that these handlers call.
//!
//! Handlers pass only scalars to functions that are not inlined: the address of a handler's registers
//! must not escape.

use std::ptr::NonNull;

use super::dispatch::{Dispatch, Next, handler, instructions};
use super::metering::in_parts;
use super::regs::{Ctx, Regs, trap};
use crate::ir::Word;
use crate::store::{GlobalData, InstanceData, MemoryData, TableData};
use crate::trap::TrapCode;

/// What `memory.grow` and `table.grow` give where the memory or table did not grow: -1, as wide as the
/// addresses or indices are.
fn refused(is_64: bool) -> u64 {
    if is_64 { u64::MAX } else { u32::MAX.into() }
}

/// The size of an element of a table or of an element segment.
const ELEMENT_BYTES: u64 = size_of::<u64>() as u64;

#[inline(always)]
pub(super) unsafe fn global(r: &Regs, index: u32) -> *mut GlobalData {
    // SAFETY: validation checked the index.
    unsafe {
        let globals = (*(*r.ctx).instance).globals.as_ptr();
        (*globals.add(index as usize)).as_ptr()
    }
}

/// The address of the function at an index, as a reference.
unsafe fn func_ref(r: &Regs, index: u32) -> u64 {
    // SAFETY: validation checked the index.
    unsafe {
        (&(*(*r.ctx).instance).funcs)[index as usize]
            .as_ptr()
            .expose_provenance() as u64
    }
}

unsafe fn memory(ctx: *mut Ctx, index: u32) -> NonNull<MemoryData> {
    // SAFETY: validation checked the index.
    unsafe { (&(*(*ctx).instance).memories)[index as usize] }
}

unsafe fn table(ctx: *mut Ctx, index: u32) -> NonNull<TableData> {
    // SAFETY: validation checked the index.
    unsafe { (&(*(*ctx).instance).tables)[index as usize] }
}

/// The three operands of a bulk instruction, and its two indices. Operands of 32 bits are zero-extended.
pub(super) struct Bulk {
    pub(super) first: u64,
    pub(super) second: u64,
    pub(super) third: u64,
    pub(super) into: u32,
    pub(super) from: u32,
}

unsafe fn bulk(ip: *const Word, fp: *mut u64) -> Bulk {
    // SAFETY: the fields are slots of the frame, and the rows that come here have a second word.
    unsafe {
        let w = *ip;
        let (into, from) = (*ip.add(1)).indices();
        let operand = |slot: u16| *fp.add(slot.into());
        Bulk {
            first: operand(w.a),
            second: operand(w.b),
            third: operand(w.c),
            into,
            from,
        }
    }
}

/// Goes on after a bulk instruction of two words.
#[inline(always)]
unsafe fn done(r: Regs, result: Result<(), TrapCode>) -> Next {
    // SAFETY: passed on from the caller.
    unsafe {
        match result {
            Ok(()) => r.next::<Dispatch>(2),
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }
}

/// Executes a bulk instruction of two words. A function of its own, so that the handler saves no registers
/// for it.
#[inline(never)]
unsafe fn of_words(
    ctx: *mut Ctx,
    ip: *const Word,
    fp: *mut u64,
    execute: impl Fn(*mut Ctx, Bulk) -> Result<(), TrapCode>,
) -> Result<(), TrapCode> {
    // SAFETY: passed on from the caller.
    execute(ctx, unsafe { bulk(ip, fp) })
}

/// Whether `n` items at `at` lie within `len`.
fn fits(at: u64, n: u64, len: usize) -> bool {
    at.checked_add(n).is_some_and(|end| end <= len as u64)
}

pub(super) unsafe fn fill_memory(ctx: *mut Ctx, b: Bulk) -> Result<(), TrapCode> {
    // SAFETY: the memory lives as long as the store, which is this execution's alone.
    unsafe {
        let memory = &mut *memory(ctx, b.into).as_ptr();
        let len = memory.len;
        let fits = || fits(b.first, b.third, len);
        in_parts(ctx, (b.third, 1), fits, false, |at, n| {
            memory.fill(b.first + at, b.second as u8, n)
        })
    }
}

pub(super) unsafe fn copy_memory(ctx: *mut Ctx, b: Bulk) -> Result<(), TrapCode> {
    // SAFETY: as for `fill_memory`.
    unsafe {
        let (into, from) = (memory(ctx, b.into), memory(ctx, b.from));
        let fits = || {
            fits(b.first, b.third, (*into.as_ptr()).len)
                && fits(b.second, b.third, (*from.as_ptr()).len)
        };
        // A part must not overwrite the source of a later part.
        let backwards = into == from && b.first > b.second;
        in_parts(ctx, (b.third, 1), fits, backwards, |at, n| {
            MemoryData::copy(into, b.first + at, from, b.second + at, n)
        })
    }
}

pub(super) unsafe fn init_memory(ctx: *mut Ctx, b: Bulk) -> Result<(), TrapCode> {
    // SAFETY: as for `fill_memory`; the instance lives as long as the store too.
    unsafe {
        let instance: *const InstanceData = (*ctx).instance;
        let data = match (&(*instance).data_dropped)[b.from as usize] {
            true => &[][..],
            false => (*instance).module.inner().data_bytes(b.from),
        };
        let memory = &mut *memory(ctx, b.into).as_ptr();
        let len = memory.len;
        let fits = || fits(b.first, b.third, len) && fits(b.second, b.third, data.len());
        in_parts(ctx, (b.third, 1), fits, false, |at, n| {
            memory.init(data, b.first + at, b.second + at, n)
        })
    }
}

#[inline(never)]
pub(super) unsafe fn grow_memory(ctx: *mut Ctx, index: u32, delta: u64) -> Result<u64, TrapCode> {
    // SAFETY: no other reference to the core is in use during an execution.
    unsafe {
        let memory = memory(ctx, index);
        let core = (*ctx).core.as_ptr();
        let budget = (*ctx).metered.then_some(&mut (*ctx).budget);
        let old = (*core).grow_memory_paid(memory, delta, budget)?;
        Ok(old.unwrap_or_else(|| refused(memory.as_ref().ty.is_64)))
    }
}

#[inline(never)]
pub(super) unsafe fn grow_table(
    ctx: *mut Ctx,
    index: u32,
    delta: u64,
    value: u64,
) -> Result<u64, TrapCode> {
    // SAFETY: as for `grow_memory`.
    unsafe {
        let table = table(ctx, index);
        let core = (*ctx).core.as_ptr();
        let budget = (*ctx).metered.then_some(&mut (*ctx).budget);
        let old = (*core).grow_table_paid(table, delta, value, budget)?;
        Ok(old.unwrap_or_else(|| refused(table.as_ref().ty.is_64)))
    }
}

pub(super) unsafe fn fill_table(ctx: *mut Ctx, b: Bulk) -> Result<(), TrapCode> {
    // SAFETY: as for `fill_memory`.
    unsafe {
        let table = &mut *table(ctx, b.into).as_ptr();
        let len = table.elems.len();
        let fits = || fits(b.first, b.third, len);
        in_parts(ctx, (b.third, ELEMENT_BYTES), fits, false, |at, n| {
            table.fill(b.first + at, b.second, n)
        })
    }
}

pub(super) unsafe fn copy_table(ctx: *mut Ctx, b: Bulk) -> Result<(), TrapCode> {
    // SAFETY: as for `copy_memory`.
    unsafe {
        let (into, from) = (table(ctx, b.into), table(ctx, b.from));
        let fits = || {
            fits(b.first, b.third, into.as_ref().elems.len())
                && fits(b.second, b.third, from.as_ref().elems.len())
        };
        let backwards = into == from && b.first > b.second;
        in_parts(ctx, (b.third, ELEMENT_BYTES), fits, backwards, |at, n| {
            TableData::copy(into, b.first + at, from, b.second + at, n)
        })
    }
}

pub(super) unsafe fn init_table(ctx: *mut Ctx, b: Bulk) -> Result<(), TrapCode> {
    // SAFETY: as for `init_memory`.
    unsafe {
        let instance: *const InstanceData = (*ctx).instance;
        let segment = (&(*instance).elems)[b.from as usize]
            .as_deref()
            .unwrap_or_default();
        let table = &mut *table(ctx, b.into).as_ptr();
        let len = table.elems.len();
        let fits = || fits(b.first, b.third, len) && fits(b.second, b.third, segment.len());
        in_parts(ctx, (b.third, ELEMENT_BYTES), fits, false, |at, n| {
            table.init(segment, b.first + at, b.second + at, n)
        })
    }
}

pub(super) unsafe fn drop_data(ctx: *mut Ctx, index: u32) {
    // SAFETY: validation checked the index.
    unsafe { (&mut (*(*ctx).instance).data_dropped)[index as usize] = true };
}

#[inline(never)]
pub(super) unsafe fn drop_elem(ctx: *mut Ctx, index: u32) {
    // SAFETY: validation checked the index; nothing else refers to the segment now.
    unsafe { (&mut (*(*ctx).instance).elems)[index as usize] = None };
}

instructions! {
    GlobalGetA(r) {
        r.int.push((*global(&r, r.long())).value[0]);
        r.next::<R>(1)
    }
    GlobalGetS(r) {
        let w = r.word();
        let bits = (*global(&r, r.long())).value[0];
        r.set_slot(w.a, bits);
        r.int.push(bits);
        r.next::<R>(1)
    }
    GlobalSetS(r) {
        let w = r.word();
        (*global(&r, r.long())).value[0] = r.slot(w.a);
        r.next::<R>(1)
    }
    GlobalSetA(r) {
        (*global(&r, r.long())).value[0] = r.int.last;
        r.next::<R>(1)
    }
}

handler! {
    ref_func_a(r) {
        r.int.push(func_ref(&r, r.long()));
        r.next::<Dispatch>(1)
    }
    ref_func_s(r) {
        let w = r.word();
        let bits = func_ref(&r, r.long());
        r.set_slot(w.a, bits);
        r.int.push(bits);
        r.next::<Dispatch>(1)
    }

    memory_size_a(r) {
        let memory = memory(r.ctx, r.long());
        r.int.push((*memory.as_ptr()).size_pages());
        r.next::<Dispatch>(1)
    }
    memory_size_s(r) {
        let w = r.word();
        let memory = memory(r.ctx, r.long());
        let bits = (*memory.as_ptr()).size_pages();
        r.set_slot(w.a, bits);
        r.int.push(bits);
        r.next::<Dispatch>(1)
    }
    memory_grow(r) {
        let w = r.word();
        match grow_memory(r.ctx, w.c.into(), r.slot(w.b)) {
            Ok(old) => {
                r.set_slot(w.a, old);
                r.reload_memory((*r.ctx).instance);
                r.next::<Dispatch>(1)
            }
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }
    memory_fill(r) { done(r, of_words(r.ctx, r.ip, r.fp, |ctx, b| fill_memory(ctx, b))) }
    memory_copy(r) { done(r, of_words(r.ctx, r.ip, r.fp, |ctx, b| copy_memory(ctx, b))) }
    memory_init(r) { done(r, of_words(r.ctx, r.ip, r.fp, |ctx, b| init_memory(ctx, b))) }
    data_drop(r) {
        drop_data(r.ctx, r.long());
        r.next::<Dispatch>(1)
    }

    table_get(r) {
        let w = r.word();
        match (*table(r.ctx, r.wide() as u32).as_ptr()).get(r.slot(w.b)) {
            Ok(value) => {
                r.set_slot(w.a, value);
                r.next::<Dispatch>(2)
            }
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }
    table_set(r) {
        let w = r.word();
        let table = table(r.ctx, r.wide() as u32);
        match (*table.as_ptr()).set(r.slot(w.a), r.slot(w.b)) {
            Ok(()) => r.next::<Dispatch>(2),
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }
    table_size(r) {
        let w = r.word();
        r.set_slot(w.a, (*table(r.ctx, r.long()).as_ptr()).size());
        r.next::<Dispatch>(1)
    }
    table_grow(r) {
        let w = r.word();
        match grow_table(r.ctx, r.wide() as u32, r.slot(w.c), r.slot(w.b)) {
            Ok(old) => {
                r.set_slot(w.a, old);
                r.next::<Dispatch>(2)
            }
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }
    table_fill(r) { done(r, of_words(r.ctx, r.ip, r.fp, |ctx, b| fill_table(ctx, b))) }
    table_copy(r) { done(r, of_words(r.ctx, r.ip, r.fp, |ctx, b| copy_table(ctx, b))) }
    table_init(r) { done(r, of_words(r.ctx, r.ip, r.fp, |ctx, b| init_table(ctx, b))) }
    elem_drop(r) {
        drop_elem(r.ctx, r.long());
        r.next::<Dispatch>(1)
    }
}
