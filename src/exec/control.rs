//! Handlers of the plain rows that stay within a frame: copies, constants, branches.

use super::dispatch::{Next, handler};
use super::regs::{Ctx, Regs, Value, trap};
use super::shapes::apart;
use crate::ir::Word;
use crate::trap::TrapCode;

/// Reads entry `index` of the table after a `br_table`.
#[inline(always)]
unsafe fn table_entry(r: &Regs, index: u32) -> isize {
    // SAFETY: the caller keeps `index` at most the number of targets, for which the lowering
    // emitted entries.
    let pair = unsafe { (*r.ip.add(1 + (index / 2) as usize)).bits() };
    ((pair >> (32 * (index % 2))) as u32).cast_signed() as isize
}

#[inline(always)]
unsafe fn br_table(r: Regs, index: u32) -> Next {
    // SAFETY: the last entry is the default target.
    unsafe {
        let last = r.word().long();
        let offset = table_entry(&r, index.min(last));
        r.jump(offset)
    }
}

#[inline(always)]
unsafe fn br_where(r: Regs, taken: bool) -> Next {
    // SAFETY: the long number is the offset of the target.
    unsafe {
        if taken {
            apart();
            r.jump(r.word().long().cast_signed() as isize)
        } else {
            r.next(1)
        }
    }
}

handler! {
    unreachable(r) { trap(r.ctx, r.ip, r.fp, TrapCode::Unreachable) }

    copy(r) {
        let w = r.word();
        r.set_slot(w.a, r.slot(w.b));
        r.next(1)
    }
    copy_span(r) {
        let w = r.word();
        std::ptr::copy(r.fp.add(w.b.into()), r.fp.add(w.a.into()), w.c.into());
        r.next(1)
    }
    zero(r) {
        let w = r.word();
        let mut slot = r.fp.add(w.a.into());
        let end = slot.add(w.b.into());
        while slot < end {
            // Volatile, as a call of `memset` would cost more than it saves.
            slot.write_volatile(0);
            slot = slot.add(1);
        }
        r.next(1)
    }
    copy_acc(r) {
        r.set_slot(r.word().a, r.acc);
        r.next(1)
    }
    copy_acc_f32(r) {
        r.set_slot(r.word().a, Value::to_bits(r.acc32));
        r.next(1)
    }
    copy_acc_f64(r) {
        r.set_slot(r.word().a, Value::to_bits(r.acc64));
        r.next(1)
    }
    load_acc(r) {
        r.acc = r.slot(r.word().b);
        r.next(1)
    }
    const_a(r) {
        r.acc = i64::from(r.word().long().cast_signed()).cast_unsigned();
        r.next(1)
    }
    const_s(r) {
        let w = r.word();
        r.set_slot(w.a, i64::from(w.long().cast_signed()).cast_unsigned());
        r.next(1)
    }
    const_wide_a(r) {
        r.acc = r.wide();
        r.next(2)
    }
    const_wide_s(r) {
        r.set_slot(r.word().a, r.wide());
        r.next(2)
    }
    const_f32_a(r) {
        r.acc32 = f32::from_bits(r.word().long());
        r.next(1)
    }
    const_f64_a(r) {
        r.acc64 = f64::from_bits(r.wide());
        r.next(2)
    }

    br(r) { r.jump(r.word().long().cast_signed() as isize) }
    br_nz_s(r) { br_where(r, r.slot(r.word().a) as u32 != 0) }
    br_nz_a(r) { br_where(r, r.acc as u32 != 0) }
    br_z_s(r) { br_where(r, r.slot(r.word().a) as u32 == 0) }
    br_z_a(r) { br_where(r, r.acc as u32 == 0) }
    br_table_s(r) { br_table(r, r.slot(r.word().a) as u32) }
    br_table_a(r) { br_table(r, r.acc as u32) }
}
