//! Handlers of the rows that name far slots: slots of a frame beyond those that 16 bits name. The lowering
//! emits such rows rarely; they are not made to be fast.

use super::call::{call_entry, enter, function, here, indirect};
use super::dispatch::{Dispatch, Next, handler};
use super::regs::{Regs, trap};

/// The address of a far slot.
#[inline(always)]
fn at(r: &Regs, slot: u32) -> *mut u64 {
    r.fp.wrapping_add(slot as usize)
}

handler! {
    far_load(r) {
        // The slot belongs to the frame, and the whole frame lies within the value stack.
        r.set_slot(r.word().a, *at(&r, r.long()));
        r.next::<Dispatch>(1)
    }
    far_store(r) {
        *at(&r, r.long()) = r.slot(r.word().a);
        r.next::<Dispatch>(1)
    }
    far_span(r) {
        let (to, from) = r.indices();
        std::ptr::copy(at(&r, from), at(&r, to), r.word().c.into());
        r.next::<Dispatch>(2)
    }

    far_call(r) {
        let (frame, _) = r.indices();
        let entry = (*(*r.ctx).instance).entries.add(r.long() as usize);
        enter(r, (*entry).code.get(), at(&r, frame), here(&r, 2))
    }
    far_call_import(r) {
        let (frame, _) = r.indices();
        call_entry(r, function(&r, r.long()), at(&r, frame), 2)
    }
    far_call_indirect(r) {
        let (frame, _) = (*r.ip.add(2)).indices();
        match indirect(&r, r.indices(), r.slot(r.word().b)) {
            Ok(entry) => call_entry(r, entry, at(&r, frame), 3),
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }
}
