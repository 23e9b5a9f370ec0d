//! One generic instruction for each shape of the instruction table: operator x operands x result.

use std::hint::select_unpredictable;
use std::marker::PhantomData;

use super::dispatch::{Instr, Next};
use super::regs::{Regs, Value, trap};
use crate::trap::TrapCode;

/// A binary operator. `Out` is the operand type, or `u32` for a comparison.
pub(super) trait Binary {
    type In: Value;
    type Out: Value;
    fn apply(lhs: Self::In, rhs: Self::In) -> Result<Self::Out, TrapCode>;
}

/// A unary operator.
pub(super) trait Unary {
    type In: Value;
    type Out: Value;
    fn apply(value: Self::In) -> Result<Self::Out, TrapCode>;
}

/// A comparison, as a branch needs it.
pub(super) trait Compare {
    type In: Value;
    fn holds(lhs: Self::In, rhs: Self::In) -> bool;
}

/// A load: the type in memory, widened to the type in the slot.
pub(super) trait Load {
    type Mem: Scalar;
    type Out: Value;
    fn widen(value: Self::Mem) -> Self::Out;
}

/// A store: the type in the slot, narrowed to the type in memory.
pub(super) trait Store {
    type In: Value;
    type Mem: Scalar;
    fn narrow(value: Self::In) -> Self::Mem;
}

/// A selection: the type of its condition, and the type of the two values.
pub(super) trait Choice {
    type By: Value;
    type Of: Value;
}

/// What a function of `numeric` returns: a value, or a value or a trap.
pub(super) trait Outcome<V> {
    fn outcome(self) -> Result<V, TrapCode>;
}
impl<V: Value> Outcome<V> for V {
    #[inline(always)]
    fn outcome(self) -> Result<V, TrapCode> {
        Ok(self)
    }
}
impl<V> Outcome<V> for Result<V, TrapCode> {
    #[inline(always)]
    fn outcome(self) -> Self {
        self
    }
}

/// A type in linear memory, which is little-endian.
pub(super) trait Scalar: Copy {
    const SIZE: u64;
    unsafe fn load(at: *const u8) -> Self;
    unsafe fn store(self, at: *mut u8);
}
macro_rules! scalar {
    ($($ty:ty)*) => {$(
        impl Scalar for $ty {
            const SIZE: u64 = size_of::<$ty>() as u64;
            #[inline(always)]
            unsafe fn load(at: *const u8) -> Self {
                // SAFETY: the caller checked that all bytes lie in the memory; an array of bytes
                // needs no alignment.
                Self::from_le_bytes(unsafe { at.cast::<[u8; size_of::<$ty>()]>().read() })
            }
            #[inline(always)]
            unsafe fn store(self, at: *mut u8) {
                // SAFETY: as for `load`.
                unsafe { at.cast::<[u8; size_of::<$ty>()]>().write(self.to_le_bytes()) }
            }
        }
    )*};
}
scalar! { u8 i8 u16 i16 u32 i32 u64 f32 f64 }

/// Where an operand comes from; see [`crate::ir::Src`].
pub(super) trait Operand {
    /// Whether the operand takes the word that follows.
    const WIDE: usize = 0;
    unsafe fn read<V: Value>(regs: &Regs, field: u16) -> V;
}
pub(super) struct S;
pub(super) struct A;
pub(super) struct B;
pub(super) struct I;
pub(super) struct W;
impl Operand for S {
    #[inline(always)]
    unsafe fn read<V: Value>(regs: &Regs, field: u16) -> V {
        // SAFETY: the field is a slot of the frame.
        V::from_bits(unsafe { regs.slot(field) })
    }
}
impl Operand for A {
    #[inline(always)]
    unsafe fn read<V: Value>(regs: &Regs, _field: u16) -> V {
        V::acc(regs)
    }
}
impl Operand for B {
    #[inline(always)]
    unsafe fn read<V: Value>(regs: &Regs, _field: u16) -> V {
        V::acc_before(regs)
    }
}
impl Operand for I {
    #[inline(always)]
    unsafe fn read<V: Value>(_regs: &Regs, field: u16) -> V {
        V::from_imm(field)
    }
}
impl Operand for W {
    const WIDE: usize = 1;
    #[inline(always)]
    unsafe fn read<V: Value>(regs: &Regs, _field: u16) -> V {
        // SAFETY: this mode has a second word.
        V::from_bits(unsafe { regs.wide() })
    }
}

/// Where a result goes besides the accumulator of its class.
pub(super) trait Dest {
    unsafe fn write<V: Value>(regs: &Regs, slot: u16, value: V);
}
pub(super) struct ToAcc;
pub(super) struct ToSlot;
impl Dest for ToAcc {
    #[inline(always)]
    unsafe fn write<V: Value>(_regs: &Regs, _slot: u16, _value: V) {}
}
impl Dest for ToSlot {
    #[inline(always)]
    unsafe fn write<V: Value>(regs: &Regs, slot: u16, value: V) {
        // SAFETY: the field is a slot of the frame.
        unsafe { regs.set_slot(slot, value.to_bits()) }
    }
}

/// How an effective address is made; see [`crate::ir::Addr`].
pub(super) trait Address {
    const WIDE: usize = 1;
    /// The address before the bounds check. The sum of a base and an offset can't overflow, as both are
    /// below 2^32.
    unsafe fn effective(regs: &Regs, field: u16, near: u16) -> u64;
}
pub(super) struct SW;
pub(super) struct AW;
pub(super) struct BW;
pub(super) struct K;
pub(super) struct SS;
pub(super) struct AS;
pub(super) struct BS;
pub(super) struct AB;
pub(super) struct SI;
pub(super) struct AI;
pub(super) struct BI;
/// Addresses that are the sum of two operands.
macro_rules! sum_address {
    ($($name:ident: $lhs:ident + $rhs:ident;)*) => {$(
        impl Address for $name {
            const WIDE: usize = 0;
            #[inline(always)]
            unsafe fn effective(regs: &Regs, field: u16, near: u16) -> u64 {
                // SAFETY: the lowering fills in each field as this mode's operands read it.
                let (lhs, rhs) = unsafe {
                    ($lhs::read::<u32>(regs, field), $rhs::read::<u32>(regs, near))
                };
                lhs.wrapping_add(rhs).into()
            }
        }
    )*};
}
sum_address! {
    SS: S + S; AS: A + S; BS: B + S; AB: A + B; SI: S + I; AI: A + I; BI: B + I;
}
impl Address for S {
    const WIDE: usize = 0;
    #[inline(always)]
    unsafe fn effective(regs: &Regs, field: u16, near: u16) -> u64 {
        // SAFETY: the field is a slot of the frame.
        u64::from(unsafe { regs.slot(field) } as u32) + u64::from(near)
    }
}
/// The low half of an accumulator, and a near offset or one in the word that follows.
macro_rules! acc_address {
    ($($acc:ident, $wide:ident)*) => {$(
        impl Address for $acc {
            const WIDE: usize = 0;
            #[inline(always)]
            unsafe fn effective(regs: &Regs, _field: u16, near: u16) -> u64 {
                // SAFETY: an accumulator can be read always.
                u64::from(unsafe { $acc::read::<u32>(regs, 0) }) + u64::from(near)
            }
        }
        impl Address for $wide {
            #[inline(always)]
            unsafe fn effective(regs: &Regs, _field: u16, _near: u16) -> u64 {
                // SAFETY: this mode has a second word.
                unsafe { u64::from($acc::read::<u32>(regs, 0)).wrapping_add(regs.wide()) }
            }
        }
    )*};
}
acc_address! { A, AW  B, BW }
impl Address for SW {
    #[inline(always)]
    unsafe fn effective(regs: &Regs, field: u16, _near: u16) -> u64 {
        // SAFETY: the field is a slot of the frame, and this mode has a second word.
        u64::from(unsafe { regs.slot(field) } as u32).wrapping_add(unsafe { regs.wide() })
    }
}
impl Address for K {
    #[inline(always)]
    unsafe fn effective(regs: &Regs, _field: u16, _near: u16) -> u64 {
        // SAFETY: this mode has a second word.
        unsafe { regs.wide() }
    }
}

/// Where `size` bytes at `address` lie in memory 0, if they do.
#[inline(always)]
pub(super) unsafe fn locate(regs: &Regs, address: u64, size: u64) -> Option<*mut u8> {
    // SAFETY: the context outlives the execution.
    if address.wrapping_add(size) <= unsafe { (*regs.ctx).len } as u64 {
        // SAFETY: the bytes end within the memory's length, which `reload_memory` keeps true.
        Some(unsafe { regs.mem.add(address as usize) })
    } else {
        None
    }
}

/// Keeps the compiler from merging the two ways out of a conditional branch's handler. Merged, they would
/// share one indirect jump, and with that one entry of the processor's branch predictor.
#[inline(always)]
pub(super) fn apart() {
    #[cfg(not(miri))]
    // SAFETY: no instruction at all.
    unsafe {
        std::arch::asm!("", options(nomem, nostack, preserves_flags));
    }
}

/// Keeps the compiler from selecting between the addresses of two values rather than between the values:
/// the load would have to wait for the condition.
#[inline(always)]
fn read_first(value: u64) -> u64 {
    #[cfg(all(target_pointer_width = "64", not(miri)))]
    let value = {
        let mut value = value;
        // SAFETY: no instruction at all.
        unsafe {
            std::arch::asm!("/* {0} */", inout(reg) value, options(pure, nomem, nostack, preserves_flags));
        }
        value
    };
    value
}

/// Defines instructions by their operator and their modes.
macro_rules! shaped {
    ($($(#[$meta:meta])* $name:ident<$($g:ident: $bound:ident),*>($r:ident) $body:block)*) => {$(
        $(#[$meta])*
        pub(super) struct $name<$($g),*>(PhantomData<($($g,)*)>);
        impl<$($g: $bound),*> Instr for $name<$($g),*> {
            #[inline(always)]
            #[allow(unused_mut, reason = "not every instruction changes a register")]
            unsafe fn execute<K: $crate::exec::dispatch::Rest>(mut $r: Regs) -> Next {
                // SAFETY: lowered code has only what its opcodes promise, and slots of the frame.
                unsafe { $body }
            }
        }
    )*};
}
pub(super) use shaped;

shaped! {
    BinaryOp<Op: Binary, L: Operand, R: Operand, D: Dest>(r) {
        let w = r.word();
        match Op::apply(L::read(&r, w.b), R::read(&r, w.c)) {
            Ok(value) => {
                D::write(&r, w.a, value);
                value.set_acc(&mut r);
                r.next::<K>(1 + L::WIDE + R::WIDE)
            }
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }

    UnaryOp<Op: Unary, L: Operand, D: Dest>(r) {
        let w = r.word();
        match Op::apply(L::read(&r, w.b)) {
            Ok(value) => {
                D::write(&r, w.a, value);
                value.set_acc(&mut r);
                r.next::<K>(1)
            }
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }

    Selection<C: Choice, L: Operand, R: Operand>(r) {
        let w = r.word();
        let (one, other) = (read_first(L::read(&r, w.b)), read_first(R::read(&r, w.c)));
        let holds = C::By::acc(&r).to_bits() != 0;
        let value = C::Of::from_bits(select_unpredictable(holds, one, other));
        r.set_slot(w.a, value.to_bits());
        value.set_acc(&mut r);
        r.next::<K>(1)
    }

    Branch<Op: Compare, L: Operand, R: Operand>(r) {
        let w = r.word();
        if Op::holds(L::read(&r, w.a), R::read(&r, w.b)) {
            apart();
            r.jump(w.c.cast_signed().into())
        } else {
            r.next::<K>(1 + L::WIDE + R::WIDE)
        }
    }

    LoadOp<Op: Load, M: Address, D: Dest>(r) {
        let w = r.word();
        match locate(&r, M::effective(&r, w.b, w.c), Op::Mem::SIZE) {
            Some(at) => {
                let value = Op::widen(Op::Mem::load(at));
                D::write(&r, w.a, value);
                value.set_acc(&mut r);
                r.next::<K>(1 + M::WIDE)
            }
            None => trap(r.ctx, r.ip, r.fp, TrapCode::OutOfBoundsMemoryAccess),
        }
    }

    StoreOp<Op: Store, M: Address, V: Operand>(r) {
        let w = r.word();
        match locate(&r, M::effective(&r, w.a, w.c), Op::Mem::SIZE) {
            Some(at) => {
                Op::narrow(V::read(&r, w.b)).store(at);
                r.next::<K>(1 + M::WIDE)
            }
            None => trap(r.ctx, r.ip, r.fp, TrapCode::OutOfBoundsMemoryAccess),
        }
    }

    StoreAccOp<Op: Store, M: Address>(r) {
        let w = r.word();
        match locate(&r, M::effective(&r, w.b, w.c), Op::Mem::SIZE) {
            Some(at) => {
                Op::narrow(Op::In::acc(&r)).store(at);
                r.next::<K>(1 + M::WIDE)
            }
            None => trap(r.ctx, r.ip, r.fp, TrapCode::OutOfBoundsMemoryAccess),
        }
    }
}
