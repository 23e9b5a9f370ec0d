//! One generic instruction for each shape of a vector operator: operator x operands x result.

use std::marker::PhantomData;

#[cfg(target_arch = "x86_64")]
use super::dispatch::jump;
use super::dispatch::{Instr, Next, Rest};
use super::memories::{LongAddress, locate_in};
use super::regs::{Regs, Value, trap};
use super::shapes::{A, Address, B, Dest, Operand, S, Scalar, ToAcc, ToSlot, locate, shaped};
#[cfg(target_arch = "x86_64")]
use super::ssse3;
use super::vector::{Register, following, from_bytes, to_bytes};
use crate::trap::TrapCode;

/// An operator on a vector.
pub(super) trait VectorUnary {
    fn apply(value: Register) -> Register;
}

/// An operator on two vectors.
pub(super) trait VectorBinary {
    fn apply(lhs: Register, rhs: Register) -> Register;
}

/// An operator on three vectors.
pub(super) trait VectorTernary {
    fn apply(one: Register, two: Register, three: Register) -> Register;
}

/// An operator on a vector and a number of bits.
pub(super) trait VectorShift {
    fn apply(value: Register, by: u32) -> Register;
}

/// An operator on a vector whose result is no vector. The number is that of a lane, or 0.
pub(super) trait VectorExtract {
    type Out: Value;
    fn apply(value: Register, number: u8) -> Self::Out;
}

/// An operator that puts a value into a lane.
pub(super) trait VectorReplace {
    type In: Value;
    fn apply(value: Register, number: u8, lane: Self::In) -> Register;
}

/// An operator that makes a vector of one value.
pub(super) trait VectorSplat {
    type In: Value;
    fn apply(lane: Self::In) -> Register;
}

/// A load of a vector from what memory holds.
pub(super) trait VectorLoad {
    type Mem: InMemory;
    fn apply(memory: Self::Mem) -> Register;
}

/// The store of a vector.
pub(super) trait VectorStore {}

/// Lanes that make up a vector.
pub(super) trait Lanes: Sized {
    fn of(vector: Register) -> Self;
    fn register(self) -> Register;
}

/// Lanes in linear memory, which is little-endian.
pub(super) trait InMemory: Sized {
    const SIZE: u64;
    unsafe fn load(at: *const u8) -> Self;
}
impl<T: Scalar, const N: usize> InMemory for [T; N] {
    const SIZE: u64 = size_of::<Self>() as u64;
    #[inline(always)]
    unsafe fn load(at: *const u8) -> Self {
        // SAFETY: the caller checked that all bytes lie in the memory.
        std::array::from_fn(|lane| unsafe { T::load(at.add(lane * size_of::<T>())) })
    }
}

macro_rules! lanes {
    ($($ty:ty)*) => {$(
        impl Lanes for [$ty; 16 / size_of::<$ty>()] {
            #[inline(always)]
            fn of(vector: Register) -> Self {
                if cfg!(target_endian = "little") {
                    // SAFETY: any 16 bytes are lanes.
                    return unsafe { std::mem::transmute::<Register, Self>(vector) };
                }
                let bytes = to_bytes(vector);
                let (lanes, _) = bytes.as_chunks();
                std::array::from_fn(|lane| <$ty>::from_le_bytes(lanes[lane]))
            }
            #[inline(always)]
            fn register(self) -> Register {
                if cfg!(target_endian = "little") {
                    // SAFETY: any lanes are 16 bytes.
                    return unsafe { std::mem::transmute::<Self, Register>(self) };
                }
                let mut bytes = [0; 16];
                for (bytes, lane) in bytes.as_chunks_mut().0.iter_mut().zip(self) {
                    *bytes = lane.to_le_bytes();
                }
                from_bytes(bytes)
            }
        }
    )*};
}
lanes! { i8 u8 i16 u16 i32 u32 i64 u64 f32 f64 }

/// Where an operand that is a vector comes from.
pub(super) trait VectorOperand: Operand {
    unsafe fn vector(regs: &Regs, field: u16) -> Register;
}
impl VectorOperand for S {
    #[inline(always)]
    unsafe fn vector(regs: &Regs, field: u16) -> Register {
        // SAFETY: the field is a slot of the frame, and so is the slot after.
        unsafe { regs.vector(field) }
    }
}
impl VectorOperand for A {
    #[inline(always)]
    unsafe fn vector(regs: &Regs, _field: u16) -> Register {
        regs.v128.last
    }
}
impl VectorOperand for B {
    #[inline(always)]
    unsafe fn vector(regs: &Regs, _field: u16) -> Register {
        regs.v128.before
    }
}

/// Where a result that is a vector goes besides the accumulator.
pub(super) trait VectorDest: Dest {
    unsafe fn write_vector(regs: &Regs, slot: u16, vector: Register);
}
impl VectorDest for ToAcc {
    #[inline(always)]
    unsafe fn write_vector(_regs: &Regs, _slot: u16, _vector: Register) {}
}
impl VectorDest for ToSlot {
    #[inline(always)]
    unsafe fn write_vector(regs: &Regs, slot: u16, vector: Register) {
        // SAFETY: the field is a slot of the frame, and so is the slot after.
        unsafe { regs.set_vector(slot, vector) }
    }
}

/// Gives the result of the current instruction, a vector, and goes on.
#[inline(always)]
pub(super) unsafe fn give<D: VectorDest, K: Rest>(
    mut r: Regs,
    vector: Register,
    words: usize,
) -> Next {
    // SAFETY: lowered code has only slots of the frame, and `words` is the instruction's length.
    unsafe {
        D::write_vector(&r, r.word().a, vector);
        r.v128.push(vector);
        r.next::<K>(words)
    }
}

shaped! {
    VectorUnaryOp<Op: VectorUnary, L: VectorOperand, D: VectorDest>(r) {
        let vector = Op::apply(L::vector(&r, r.word().b));
        give::<D, K>(r, vector, 1)
    }

    VectorBinaryOp<Op: VectorBinary, L: VectorOperand, R: VectorOperand, D: VectorDest>(r) {
        let w = r.word();
        let vector = Op::apply(L::vector(&r, w.b), R::vector(&r, w.c));
        give::<D, K>(r, vector, 1)
    }

    VectorTernaryOp<Op: VectorTernary, L: VectorOperand, M: VectorOperand, R: VectorOperand, D: VectorDest>(r) {
        let w = r.word();
        let third = R::vector(&r, r.wide() as u16);
        let vector = Op::apply(L::vector(&r, w.b), M::vector(&r, w.c), third);
        give::<D, K>(r, vector, 2)
    }

    VectorSwizzleOp<Op: VectorBinary, L: VectorOperand, R: VectorOperand, D: VectorDest>(r) {
        #[cfg(target_arch = "x86_64")]
        if (*r.ctx).has_ssse3 {
            return jump!(ssse3::swizzle::<L, R, D, K>, r);
        }
        let w = r.word();
        let vector = Op::apply(L::vector(&r, w.b), R::vector(&r, w.c));
        give::<D, K>(r, vector, 1)
    }

    VectorShuffleOp<Op: VectorTernary, L: VectorOperand, R: VectorOperand, D: VectorDest>(r) {
        #[cfg(target_arch = "x86_64")]
        if (*r.ctx).has_ssse3 {
            return jump!(ssse3::shuffle::<L, R, D, K>, r);
        }
        let w = r.word();
        let vector = Op::apply(L::vector(&r, w.b), R::vector(&r, w.c), following(&r));
        give::<D, K>(r, vector, 3)
    }

    VectorShiftOp<Op: VectorShift, L: VectorOperand, R: Operand, D: VectorDest>(r) {
        let w = r.word();
        let vector = Op::apply(L::vector(&r, w.b), R::read(&r, w.c));
        give::<D, K>(r, vector, 1)
    }

    VectorExtractOp<Op: VectorExtract, L: VectorOperand, D: Dest>(r) {
        let w = r.word();
        let value = Op::apply(L::vector(&r, w.b), w.c as u8);
        D::write(&r, w.a, value);
        value.set_acc(&mut r);
        r.next::<K>(1)
    }

    VectorReplaceOp<Op: VectorReplace, L: VectorOperand, R: Operand, D: VectorDest>(r) {
        let w = r.word();
        let vector = Op::apply(L::vector(&r, w.b), r.wide() as u8, R::read(&r, w.c));
        give::<D, K>(r, vector, 2)
    }

    VectorSplatOp<Op: VectorSplat, L: Operand, D: VectorDest>(r) {
        let vector = Op::apply(L::read(&r, r.word().b));
        give::<D, K>(r, vector, 1)
    }

    VectorLoadOp<Op: VectorLoad, M: Address, D: VectorDest>(r) {
        let w = r.word();
        match locate(&r, M::effective(&r, w.b, w.c), Op::Mem::SIZE) {
            Some(at) => give::<D, K>(r, Op::apply(Op::Mem::load(at)), 1 + M::WIDE),
            None => trap(r.ctx, r.ip, r.fp, TrapCode::OutOfBoundsMemoryAccess),
        }
    }

    VectorStoreOp<Op: VectorStore, M: Address, V: VectorOperand>(r) {
        let w = r.word();
        match locate(&r, M::effective(&r, w.a, w.c), size_of::<Register>() as u64) {
            Some(at) => {
                at.cast::<Register>().write_unaligned(V::vector(&r, w.b));
                r.next::<K>(1 + M::WIDE)
            }
            None => trap(r.ctx, r.ip, r.fp, TrapCode::OutOfBoundsMemoryAccess),
        }
    }

    VectorLoadInOp<Op: VectorLoad, M: LongAddress, D: VectorDest>(r) {
        let w = r.word();
        match locate_in(&r, w.c.into(), M::effective(&r, w.b), Op::Mem::SIZE) {
            Some(at) => give::<D, K>(r, Op::apply(Op::Mem::load(at)), 2),
            None => trap(r.ctx, r.ip, r.fp, TrapCode::OutOfBoundsMemoryAccess),
        }
    }

    VectorStoreInOp<Op: VectorStore, M: LongAddress, V: VectorOperand>(r) {
        let w = r.word();
        let size = size_of::<Register>() as u64;
        match locate_in(&r, w.c.into(), M::effective(&r, w.a), size) {
            Some(at) => {
                at.cast::<Register>().write_unaligned(V::vector(&r, w.b));
                r.next::<K>(2)
            }
            None => trap(r.ctx, r.ip, r.fp, TrapCode::OutOfBoundsMemoryAccess),
        }
    }
}
