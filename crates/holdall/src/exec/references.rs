//! Handlers of the rows on references: calls through references to functions whose types are known, tests
//! for null, and casts. A null is 0. A reference to a function is the address of the function's entry in
//! the same store. A call compares no types, since validation knows them.

use super::call::{call_entry, enter, here, tail_call};
use super::dispatch::{Dispatch, Next, handler, instructions, jump};
use super::regs::{Regs, trap};
use crate::canonical::is_subtype;
use crate::ir::{CAST_TO_ALL, CAST_TO_NOTHING};
use crate::store::{FuncEntry, InstanceData};
use crate::trap::TrapCode;

/// The function that a reference in a slot or an accumulator refers to; null where there is none.
#[inline(always)]
fn callee(bits: u64) -> *const FuncEntry {
    std::ptr::with_exposed_provenance(bits as usize)
}

#[inline(always)]
unsafe fn call_ref(r: Regs, bits: u64) -> Next {
    let entry = callee(bits);
    // SAFETY: a reference that is not null is the address of an entry, which lives as long as the store.
    unsafe {
        if entry.is_null() {
            jump!(null_function, r)
        } else if (*entry).instance == (*r.ctx).instance {
            let fp = r.fp.add(r.word().a.into());
            enter(r, (*entry).code.get(), fp, here(&r, 1))
        } else {
            // A handler of its own, so that calls within the instance save no registers for it.
            (*r.ctx).callee = entry;
            jump!(call_ref_other, r)
        }
    }
}

handler! {
    call_ref_s(r) { call_ref(r, r.slot(r.word().b)) }
    call_ref_a(r) { call_ref(r, r.int.last) }
    #[inline(never)]
    call_ref_other(r) {
        let entry = (*r.ctx).callee;
        call_entry(r, entry, r.fp.add(r.word().a.into()), 1)
    }
    far_call_ref(r) {
        let entry = callee(r.slot(r.word().b));
        if entry.is_null() {
            return jump!(null_function, r);
        }
        let (frame, _) = r.indices();
        call_entry(r, entry, r.fp.wrapping_add(frame as usize), 2)
    }
    return_call_ref(r) {
        let w = r.word();
        let entry = callee(r.slot(w.b));
        if entry.is_null() {
            return jump!(null_function, r);
        }
        let (at, count) = r.indices();
        tail_call(r, entry, w.a, at as u16, count)
    }
    #[cold]
    #[inline(never)]
    null_function(r) { trap(r.ctx, r.ip, r.fp, TrapCode::NullFunctionReference) }
}

/// Whether a reference passes the cast that the second word of the current instruction describes.
#[inline(always)]
unsafe fn passes(r: &Regs, reference: u64) -> bool {
    // SAFETY: validation checked that the index is one of the module's types, and that the reference is
    // one to a function where there is an index. Entries live as long as their store.
    unsafe {
        let (ty, nullable) = r.indices();
        if reference == 0 {
            return nullable != 0;
        }
        match ty {
            CAST_TO_ALL => true,
            CAST_TO_NOTHING => false,
            ty => {
                let instance: *const InstanceData = (*r.ctx).instance;
                let expected = *(*instance).sigs.add(ty as usize);
                let found = (*callee(reference)).sig;
                found == expected || is_subtype(found, expected)
            }
        }
    }
}

handler! {
    ref_test(r) {
        let w = r.word();
        let result = passes(&r, r.slot(w.b));
        r.set_slot(w.a, result.into());
        r.next::<Dispatch>(2)
    }
    ref_cast(r) {
        if !passes(&r, r.slot(r.word().a)) {
            return trap(r.ctx, r.ip, r.fp, TrapCode::CastFailure);
        }
        r.next::<Dispatch>(2)
    }
}

instructions! {
    RefAsNonNullS(r) {
        match r.slot(r.word().a) {
            0 => trap(r.ctx, r.ip, r.fp, TrapCode::NullReference),
            _ => r.next::<R>(1),
        }
    }
    RefAsNonNullA(r) {
        match r.int.last {
            0 => trap(r.ctx, r.ip, r.fp, TrapCode::NullReference),
            _ => r.next::<R>(1),
        }
    }
}
