//! Loads and stores in a memory that the instruction names: any memory but memory 0 with addresses of 32
//! bits, for which `shapes` has instructions.

use std::marker::PhantomData;

use super::dispatch::{Instr, Next};
use super::regs::{Ctx, Regs, Value, trap};
use super::shapes::{AW, BW, Dest, K, Load, Operand, SW, Scalar, Store, shaped};
use crate::store::MemoryData;
use crate::trap::TrapCode;

/// How an effective address of 64 bits is made; see [`crate::ir::Addr`].
pub(super) trait LongAddress {
    /// The address before the bounds check; none where the sum of a base and an offset has more than 64
    /// bits. An address of 32 bits is zero-extended in its slot or accumulator.
    unsafe fn effective(regs: &Regs, field: u16) -> Option<u64>;
}
impl LongAddress for SW {
    #[inline(always)]
    unsafe fn effective(regs: &Regs, field: u16) -> Option<u64> {
        // SAFETY: the field is a slot of the frame, and this mode has a second word.
        unsafe { regs.slot(field).checked_add(regs.wide()) }
    }
}
impl LongAddress for AW {
    #[inline(always)]
    unsafe fn effective(regs: &Regs, _field: u16) -> Option<u64> {
        // SAFETY: this mode has a second word.
        regs.int.last.checked_add(unsafe { regs.wide() })
    }
}
impl LongAddress for BW {
    #[inline(always)]
    unsafe fn effective(regs: &Regs, _field: u16) -> Option<u64> {
        // SAFETY: this mode has a second word.
        regs.int.before.checked_add(unsafe { regs.wide() })
    }
}
impl LongAddress for K {
    #[inline(always)]
    unsafe fn effective(regs: &Regs, _field: u16) -> Option<u64> {
        // SAFETY: this mode has a second word.
        Some(unsafe { regs.wide() })
    }
}

/// The memory at an index of the current instance.
#[inline(always)]
pub(super) unsafe fn memory(ctx: *mut Ctx, index: u32) -> *mut MemoryData {
    // SAFETY: validation checked the index.
    unsafe {
        let memories = (*(*ctx).instance).memories.as_ptr();
        (*memories.add(index as usize)).as_ptr()
    }
}

/// Where `size` bytes at `address` lie in the memory at an index, if they do.
#[inline(always)]
pub(super) unsafe fn locate_in(
    regs: &Regs,
    index: u32,
    address: Option<u64>,
    size: u64,
) -> Option<*mut u8> {
    // SAFETY: the bytes end within the memory's length, which `reload_memory` keeps true for memory 0.
    unsafe {
        let (base, len) = if index == 0 {
            (regs.mem, (*regs.ctx).len)
        } else {
            let memory = memory(regs.ctx, index);
            ((*memory).base, (*memory).len)
        };
        let address = address?;
        match address.checked_add(size) {
            Some(end) if end <= len as u64 => Some(base.add(address as usize)),
            _ => None,
        }
    }
}

shaped! {
    LoadInOp<Op: Load, M: LongAddress, D: Dest>(r) {
        let w = r.word();
        match locate_in(&r, w.c.into(), M::effective(&r, w.b), Op::Mem::SIZE) {
            Some(at) => {
                let value = Op::widen(Op::Mem::load(at));
                D::write(&r, w.a, value);
                value.set_acc(&mut r);
                r.next::<K>(2)
            }
            None => trap(r.ctx, r.ip, r.fp, TrapCode::OutOfBoundsMemoryAccess),
        }
    }

    StoreInOp<Op: Store, M: LongAddress, V: Operand>(r) {
        let w = r.word();
        match locate_in(&r, w.c.into(), M::effective(&r, w.a), Op::Mem::SIZE) {
            Some(at) => {
                Op::narrow(V::read(&r, w.b)).store(at);
                r.next::<K>(2)
            }
            None => trap(r.ctx, r.ip, r.fp, TrapCode::OutOfBoundsMemoryAccess),
        }
    }
}
