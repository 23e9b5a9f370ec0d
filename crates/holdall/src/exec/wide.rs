//! Instructions on 128 bits in two halves. Each reads all of its operands before it writes its results,
//! whose slots may be the operands'.

use super::dispatch::{Next, instructions};
use super::regs::Regs;
use crate::ir::Word;
use crate::numeric;

/// The operands of a sum: the low half of the left side is in the field `c`, the others are named by the
/// words that follow.
#[inline(always)]
unsafe fn sides(r: &Regs) -> (u128, u128) {
    // SAFETY: the instruction has three words, and the fields are slots of the frame.
    unsafe {
        let (lhs_high, rhs_low) = r.indices();
        let (rhs_high, _) = (*r.ip.add(2)).indices();
        let slot = |slot: u32| u128::from(r.slot(slot as u16));
        let lhs = slot(r.word().c.into()) | slot(lhs_high) << 64;
        (lhs, slot(rhs_low) | slot(rhs_high) << 64)
    }
}

/// The operands of a product.
#[inline(always)]
unsafe fn factors(r: &Regs) -> (u64, u64) {
    // SAFETY: the instruction has two words, and the fields are slots of the frame.
    unsafe { (r.slot(r.word().c), r.slot(r.indices().0 as u16)) }
}

/// Writes the halves of a result to the slots `a` and `b`.
#[inline(always)]
unsafe fn write(r: &Regs, result: u128) {
    // SAFETY: the fields are slots of the frame.
    unsafe {
        let Word { a, b, .. } = r.word();
        r.set_slot(a, result as u64);
        r.set_slot(b, (result >> 64) as u64);
    }
}

instructions! {
    I64Add128(r) {
        let (lhs, rhs) = sides(&r);
        write(&r, numeric::i64_add128(lhs, rhs));
        r.next::<R>(3)
    }
    I64Sub128(r) {
        let (lhs, rhs) = sides(&r);
        write(&r, numeric::i64_sub128(lhs, rhs));
        r.next::<R>(3)
    }
    I64MulWideS(r) {
        let (lhs, rhs) = factors(&r);
        write(&r, numeric::i64_mul_wide_s(lhs.cast_signed(), rhs.cast_signed()));
        r.next::<R>(2)
    }
    I64MulWideU(r) {
        let (lhs, rhs) = factors(&r);
        write(&r, numeric::i64_mul_wide_u(lhs, rhs));
        r.next::<R>(2)
    }
}
