//! Instructions that stay within a frame and have one mode: copies, constants, branches.

use super::dispatch::{Next, Rest, go_to, handler, instructions};
use super::regs::{Regs, Value, trap};
use super::shapes::apart;
use crate::trap::TrapCode;

/// Goes to the target at `index` in the table of a `br_table`; to the last target, which is the default
/// one, where the table has no other at `index`.
#[inline(always)]
unsafe fn br_table(mut r: Regs, index: u32) -> Next {
    // SAFETY: the lowering emitted one entry more than the long number says.
    unsafe {
        let entry = *r.ip.add(1 + index.min(r.long()) as usize);
        r.ip = r.ip.offset(entry.long().cast_signed() as isize);
        go_to(entry.op, r)
    }
}

#[inline(always)]
unsafe fn br_where<R: Rest>(r: Regs, taken: bool) -> Next {
    // SAFETY: the long number is the offset of the target.
    unsafe {
        if taken {
            apart();
            r.jump(r.long().cast_signed() as isize)
        } else {
            r.next::<R>(1)
        }
    }
}

handler! {
    unreachable(r) { trap(r.ctx, r.ip, r.fp, TrapCode::Unreachable) }
}

instructions! {
    Copy(r) {
        let w = r.word();
        r.set_slot(w.a, r.slot(w.b));
        r.next::<R>(1)
    }
    CopySpan(r) {
        let w = r.word();
        std::ptr::copy(r.fp.add(w.b.into()), r.fp.add(w.a.into()), w.c.into());
        r.next::<R>(1)
    }
    Zero(r) {
        let w = r.word();
        let mut slot = r.fp.add(w.a.into());
        let end = slot.add(w.b.into());
        while slot < end {
            // Volatile, so that the compiler makes no call of `memset`, which would take longer.
            slot.write_volatile(0);
            slot = slot.add(1);
        }
        r.next::<R>(1)
    }
    CopyAcc(r) {
        r.set_slot(r.word().a, r.int.last);
        r.next::<R>(1)
    }
    CopyAccF32(r) {
        r.set_slot(r.word().a, Value::to_bits(r.f32.last));
        r.next::<R>(1)
    }
    CopyAccF64(r) {
        r.set_slot(r.word().a, Value::to_bits(r.f64.last));
        r.next::<R>(1)
    }
    LoadAcc(r) {
        let bits = r.slot(r.word().b);
        r.int.push(bits);
        r.next::<R>(1)
    }
    LoadAccF32(r) {
        let bits = r.slot(r.word().b);
        r.f32.push(Value::from_bits(bits));
        r.next::<R>(1)
    }
    LoadAccF64(r) {
        let bits = r.slot(r.word().b);
        r.f64.push(Value::from_bits(bits));
        r.next::<R>(1)
    }
    ConstS(r) {
        let w = r.word();
        r.set_slot(w.a, i64::from(r.long().cast_signed()).cast_unsigned());
        r.next::<R>(1)
    }
    ConstUnsignedS(r) {
        let w = r.word();
        r.set_slot(w.a, r.long().into());
        r.next::<R>(1)
    }
    ConstWideS(r) {
        r.set_slot(r.word().a, r.wide());
        r.next::<R>(2)
    }

    Br(r) { r.jump(r.long().cast_signed() as isize) }
    BrNzS(r) { br_where::<R>(r, r.slot(r.word().a) as u32 != 0) }
    BrNzA(r) { br_where::<R>(r, r.int.last as u32 != 0) }
    BrZS(r) { br_where::<R>(r, r.slot(r.word().a) as u32 == 0) }
    BrZA(r) { br_where::<R>(r, r.int.last as u32 == 0) }
    BrTableS(r) { br_table(r, r.slot(r.word().a) as u32) }
    BrTableA(r) { br_table(r, r.int.last as u32) }
}
