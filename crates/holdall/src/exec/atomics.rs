//! Atomic instructions, on shared and unshared memories (the threads proposal). A store has one thread, so
//! that they are plain accesses that check their alignment, and a wait that only another thread could end
//! traps.

use std::marker::PhantomData;
use std::thread;
use std::time::{Duration, Instant};

use super::dispatch::{Dispatch, Instr, Next, handler};
use super::memories::{locate_in, memory};
use super::regs::{Ctx, Regs, trap};
use super::shapes::{Scalar, shaped};
use crate::trap::TrapCode;

/// What `memory.atomic.wait32` and `memory.atomic.wait64` give where the value is another one.
const NOT_EQUAL: u64 = 1;
/// What they give where the time has passed.
const TIMED_OUT: u64 = 2;

/// Where `size` bytes at the address in a slot, plus the offset in the word that follows, lie in a memory.
/// The address must be a multiple of the size.
#[inline(always)]
unsafe fn locate(r: &Regs, memory: u32, slot: u16, size: u64) -> Result<*mut u8, TrapCode> {
    // SAFETY: the field is a slot of the frame, and every atomic instruction has a second word.
    unsafe {
        let address = r.slot(slot).checked_add(r.wide());
        if address.is_some_and(|address| !address.is_multiple_of(size)) {
            return Err(TrapCode::UnalignedAtomic);
        }
        locate_in(r, memory, address, size).ok_or(TrapCode::OutOfBoundsMemoryAccess)
    }
}

/// The memory and the slot of the last operand that the third word names.
#[inline(always)]
unsafe fn third(r: &Regs) -> (u32, u16) {
    // SAFETY: the caller executes an instruction of three words.
    let (memory, slot) = unsafe { (*r.ip.add(2)).indices() };
    (memory, slot as u16)
}

/// An unsigned integer in memory, which a slot holds zero-extended.
pub(super) trait Cell: Scalar + Into<u64> {
    fn narrow(bits: u64) -> Self;
}
macro_rules! cells {
    ($($ty:ty)*) => {$(
        impl Cell for $ty {
            #[inline(always)]
            fn narrow(bits: u64) -> Self {
                bits as $ty
            }
        }
    )*};
}
cells! { u8 u16 u32 u64 }

/// What an instruction makes of the integer in memory and its operand, of which it keeps as many bits as
/// the integer in memory has.
pub(super) trait Update {
    fn update(old: u64, operand: u64) -> u64;
}
macro_rules! updates {
    ($($op:ident($old:ident, $operand:ident) { $result:expr })*) => {$(
        pub(super) struct $op;
        impl Update for $op {
            #[inline(always)]
            fn update($old: u64, $operand: u64) -> u64 {
                $result
            }
        }
    )*};
}
updates! {
    Add(old, operand) { old.wrapping_add(operand) }
    Sub(old, operand) { old.wrapping_sub(operand) }
    And(old, operand) { old & operand }
    Or(old, operand) { old | operand }
    Xor(old, operand) { old ^ operand }
    Xchg(_old, operand) { operand }
}

shaped! {
    AtomicLoad<T: Cell>(r) {
        let w = r.word();
        match locate(&r, w.c.into(), w.b, T::SIZE) {
            Ok(at) => {
                r.set_slot(w.a, T::load(at).into());
                r.next::<K>(2)
            }
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }

    AtomicStore<T: Cell>(r) {
        let w = r.word();
        match locate(&r, w.c.into(), w.a, T::SIZE) {
            Ok(at) => {
                T::narrow(r.slot(w.b)).store(at);
                r.next::<K>(2)
            }
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }

    AtomicUpdate<Op: Update, T: Cell>(r) {
        let w = r.word();
        match locate(&r, third(&r).0, w.b, T::SIZE) {
            Ok(at) => {
                let old = T::load(at).into();
                T::narrow(Op::update(old, r.slot(w.c))).store(at);
                r.set_slot(w.a, old);
                r.next::<K>(3)
            }
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }

    AtomicCmpxchg<T: Cell>(r) {
        let w = r.word();
        let (memory, replacement) = third(&r);
        match locate(&r, memory, w.b, T::SIZE) {
            Ok(at) => {
                let old = T::load(at).into();
                // All of the expected value counts, also what is wider than the integer in memory.
                if old == r.slot(w.c) {
                    T::narrow(r.slot(replacement)).store(at);
                }
                r.set_slot(w.a, old);
                r.next::<K>(3)
            }
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }
}

/// Names the instruction of each row.
macro_rules! rows {
    ($($of:ident<$($op:ident)?>: $r8:ident $r16:ident $r32:ident $r64:ident;)*) => {$(
        pub(super) type $r8 = $of<$($op,)? u8>;
        pub(super) type $r16 = $of<$($op,)? u16>;
        pub(super) type $r32 = $of<$($op,)? u32>;
        pub(super) type $r64 = $of<$($op,)? u64>;
    )*};
}
rows! {
    AtomicLoad<>: AtomicLoad8 AtomicLoad16 AtomicLoad32 AtomicLoad64;
    AtomicStore<>: AtomicStore8 AtomicStore16 AtomicStore32 AtomicStore64;
    AtomicUpdate<Add>: AtomicAdd8 AtomicAdd16 AtomicAdd32 AtomicAdd64;
    AtomicUpdate<Sub>: AtomicSub8 AtomicSub16 AtomicSub32 AtomicSub64;
    AtomicUpdate<And>: AtomicAnd8 AtomicAnd16 AtomicAnd32 AtomicAnd64;
    AtomicUpdate<Or>: AtomicOr8 AtomicOr16 AtomicOr32 AtomicOr64;
    AtomicUpdate<Xor>: AtomicXor8 AtomicXor16 AtomicXor32 AtomicXor64;
    AtomicUpdate<Xchg>: AtomicXchg8 AtomicXchg16 AtomicXchg32 AtomicXchg64;
    AtomicCmpxchg<>: AtomicCmpxchg8 AtomicCmpxchg16 AtomicCmpxchg32 AtomicCmpxchg64;
}

/// `memory.atomic.wait32` and `memory.atomic.wait64`, with what is read as the value at the address.
#[inline(never)]
pub(super) unsafe fn wait(
    ctx: *mut Ctx,
    index: u32,
    value: u64,
    expected: u64,
    timeout: u64,
) -> Result<u64, TrapCode> {
    // SAFETY: the memory and the meter live as long as the store, which is this execution's alone.
    unsafe {
        if !(*memory(ctx, index)).ty.shared {
            return Err(TrapCode::ExpectedSharedMemory);
        }
        if value != expected {
            return Ok(NOT_EQUAL);
        }
        // A negative number of nanoseconds is no timeout.
        let Ok(timeout) = u64::try_from(timeout.cast_signed()) else {
            return Err(TrapCode::EndlessWait);
        };
        let (begin, timeout) = (Instant::now(), Duration::from_nanos(timeout));
        loop {
            let left = timeout.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Ok(TIMED_OUT);
            }
            let meter = &(*(*ctx).core.as_ptr()).meter;
            thread::sleep(meter.patience().map_or(left, |most| most.min(left)));
            meter.check_code()?;
        }
    }
}

/// Executes a wait on an integer of `T`.
#[inline(always)]
unsafe fn wait_on<T: Cell>(r: Regs) -> Next {
    // SAFETY: the fields are slots of the frame; `locate` found the bytes in the memory.
    unsafe {
        let w = r.word();
        let (memory, timeout) = third(&r);
        let waited = match locate(&r, memory, w.b, T::SIZE) {
            Ok(at) => wait(
                r.ctx,
                memory,
                T::load(at).into(),
                r.slot(w.c),
                r.slot(timeout),
            ),
            Err(code) => Err(code),
        };
        match waited {
            Ok(result) => {
                r.set_slot(w.a, result);
                r.next::<Dispatch>(3)
            }
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }
}

handler! {
    atomic_wait32(r) { wait_on::<u32>(r) }
    atomic_wait64(r) { wait_on::<u64>(r) }
    atomic_notify(r) {
        let w = r.word();
        match locate(&r, third(&r).0, w.b, u32::SIZE) {
            Ok(_) => {
                // Nobody waits.
                r.set_slot(w.a, 0);
                r.next::<Dispatch>(3)
            }
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }
}
