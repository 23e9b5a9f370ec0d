//! The machine's registers, what a slot and an accumulator hold, and the three ways out of a
//! handler: on to the next instruction, to a branch's target, or out with a trap.

use std::ptr::NonNull;

#[cfg(not(tail_dispatch))]
use super::dispatch::{ENDED, Ended};
use super::dispatch::{Next, Rest, go};
use super::vector::{self, Register};
use crate::ir::{Header, Word};
use crate::store::{FuncEntry, InstanceData, StoreCore};
use crate::trap::TrapCode;

/// The machine's registers. A handler takes them as arguments, so that they stay in registers of
/// the processor from one handler to the next.
#[derive(Clone, Copy)]
pub(super) struct Regs {
    /// The current instruction.
    pub(super) ip: *const Word,
    /// Slot 0 of the current frame.
    pub(super) fp: *mut u64,
    /// The first byte of memory 0 of the current instance.
    pub(super) mem: *mut u8,
    pub(super) ctx: *mut Ctx,
    /// The accumulators of integers and references.
    pub(super) int: Accs<u64>,
    pub(super) f32: Accs<f32>,
    pub(super) f64: Accs<f64>,
    pub(super) v128: Accs<Register>,
}

/// The accumulators of a class of values: the last result of that class, and the result before.
#[derive(Clone, Copy)]
pub(super) struct Accs<T> {
    pub(super) last: T,
    pub(super) before: T,
}

impl<T: Copy> Accs<T> {
    /// Takes the result of an instruction: the last result becomes the one before.
    #[inline(always)]
    pub(super) fn push(&mut self, value: T) {
        self.before = self.last;
        self.last = value;
    }
}

/// What an execution needs beyond its registers.
pub(super) struct Ctx {
    /// Where the value stack ends.
    pub(super) stack_end: *mut u64,
    /// The size of memory 0 of the current instance in bytes.
    pub(super) len: usize,
    /// The current instance; null while a host function runs.
    pub(super) instance: *mut InstanceData,
    /// The instance that calls the function that is being entered. Set, as `callee` is, by calls that may
    /// leave the instance.
    pub(super) caller: *mut InstanceData,
    /// The function that is being entered.
    pub(super) callee: *const FuncEntry,
    pub(super) core: NonNull<StoreCore>,
    /// Whether a tracer is told of calls that leave their instance.
    pub(super) traced: bool,
    /// How many units are paid for and not yet spent. Below zero only until `metering::settle` pays.
    pub(super) budget: i64,
    /// Whether the store's meter counts.
    pub(super) metered: bool,
    /// Whether the processor looks up bytes by a vector of numbers.
    #[cfg(target_arch = "x86_64")]
    pub(super) has_ssse3: bool,
    /// Why the execution ended.
    pub(super) exit: Exit,
}

/// Why an execution ended.
pub(super) enum Exit {
    /// The first function returned.
    Done,
    /// A trap, at this instruction in this frame.
    Trap(TrapCode, *const Word, *mut u64, Option<Box<str>>),
    /// Something was thrown, by this instruction in this frame, and nobody has caught it so far.
    Thrown(u64, *const Word, *mut u64),
    /// A host function, called at this instruction in this frame, returned an error.
    Host(anyhow::Error, *const Word, *mut u64),
    /// A host function panicked, or the lowering did.
    Panic(Box<dyn std::any::Any + Send>),
}

/// Half of a word, read with one load. Reading its two fields would take two.
#[inline(always)]
unsafe fn half(word: *const Word, half: usize) -> u32 {
    // SAFETY: passed on from the caller; a word has the size and the alignment of two `u32`.
    let bits = unsafe { word.cast::<u32>().add(half).read() };
    if cfg!(target_endian = "little") {
        bits
    } else {
        bits.rotate_left(16)
    }
}

/// The header of a function's code.
#[inline(always)]
pub(super) unsafe fn header(code: *const Word) -> Header {
    // SAFETY: code begins with a header.
    unsafe {
        Header {
            frame: half(code, 1),
            link: (*code).a,
        }
    }
}

impl Regs {
    /// Registers with nothing in the accumulators.
    #[inline(always)]
    pub(super) const fn new(ip: *const Word, fp: *mut u64, mem: *mut u8, ctx: *mut Ctx) -> Self {
        Self {
            ip,
            fp,
            mem,
            ctx,
            int: Accs { last: 0, before: 0 },
            f32: Accs {
                last: 0.0,
                before: 0.0,
            },
            f64: Accs {
                last: 0.0,
                before: 0.0,
            },
            v128: Accs {
                last: vector::ZERO,
                before: vector::ZERO,
            },
        }
    }

    /// The same registers, with nothing in the accumulators.
    #[inline(always)]
    pub(super) const fn without_accs(self) -> Self {
        Self::new(self.ip, self.fp, self.mem, self.ctx)
    }

    /// The same registers, but for these two.
    #[cfg(not(tail_dispatch))]
    #[inline(always)]
    pub(super) fn with(mut self, ip: *const Word, int: u64) -> Self {
        self.ip = ip;
        self.int.last = int;
        self
    }

    /// The current instruction.
    #[inline(always)]
    pub(super) unsafe fn word(&self) -> Word {
        // SAFETY: `ip` points into lowered code, whose last instruction never falls through.
        unsafe { *self.ip }
    }

    /// The 64 bits of the word after the current instruction.
    #[inline(always)]
    pub(super) unsafe fn wide(&self) -> u64 {
        // SAFETY: the caller executes an instruction that the lowering gave a second word.
        unsafe { (*self.ip.add(1)).bits() }
    }

    /// The 32-bit number of the current instruction.
    #[inline(always)]
    pub(super) unsafe fn long(&self) -> u32 {
        // SAFETY: as for `word`.
        unsafe { half(self.ip, 1) }
    }

    /// The two indices in the word after the current instruction.
    #[inline(always)]
    pub(super) unsafe fn indices(&self) -> (u32, u32) {
        // SAFETY: as for `wide`.
        unsafe { (half(self.ip, 2), half(self.ip, 3)) }
    }

    #[inline(always)]
    pub(super) unsafe fn slot(&self, slot: u16) -> u64 {
        // SAFETY: calls check that the whole frame lies within the value stack, and the lowering
        // names only slots of the frame, all of which were written before.
        unsafe { *self.fp.add(slot.into()) }
    }

    #[inline(always)]
    pub(super) unsafe fn set_slot(&self, slot: u16, bits: u64) {
        // SAFETY: as for `slot`.
        unsafe { *self.fp.add(slot.into()) = bits }
    }

    /// Goes on with the instruction `words` words after this one, which the rest of the handler executes.
    #[inline(always)]
    pub(super) unsafe fn next<R: Rest>(mut self, words: usize) -> Next {
        // SAFETY: the lowering puts an instruction after each that does not end its function.
        unsafe {
            self.ip = self.ip.add(words);
            R::go(self)
        }
    }

    /// Goes on with the instruction `offset` words from this one.
    #[inline(always)]
    pub(super) unsafe fn jump(mut self, offset: isize) -> Next {
        // SAFETY: the lowering resolves every branch to an instruction of the same function.
        unsafe {
            self.ip = self.ip.offset(offset);
            go(self)
        }
    }

    /// Reads base and size of memory 0 of the current instance anew, after anything that may have
    /// grown it.
    #[inline(always)]
    pub(super) unsafe fn reload_memory(&mut self, instance: *const InstanceData) {
        // SAFETY: the instance and its memories live as long as their store.
        unsafe {
            let memory = (*instance).first_memory;
            if memory.is_null() {
                (*self.ctx).len = 0;
            } else {
                self.mem = (*memory).base;
                (*self.ctx).len = (*memory).len;
            }
        }
    }
}

/// Ends the execution with a trap at the current instruction.
#[inline(always)]
#[cfg_attr(
    tail_dispatch,
    allow(clippy::let_unit_value, reason = "the other backend returns something")
)]
pub(super) unsafe fn trap(ctx: *mut Ctx, ip: *const Word, fp: *mut u64, code: TrapCode) -> Next {
    // SAFETY: passed on from the caller.
    let ended = unsafe { set_trap(ctx, ip, fp, code) };
    #[cfg(not(tail_dispatch))]
    let ended = Err(ended);
    ended
}

/// Notes a trap. A handler does this last, so that the handler saves no registers for it.
#[cfg(tail_dispatch)]
#[cold]
#[inline(never)]
unsafe extern "C" fn set_trap(ctx: *mut Ctx, ip: *const Word, fp: *mut u64, code: TrapCode) {
    // SAFETY: the context outlives the execution.
    unsafe { (*ctx).exit = Exit::Trap(code, ip, fp, None) };
}

/// Notes a trap.
#[cfg(not(tail_dispatch))]
#[cold]
#[inline(never)]
unsafe fn set_trap(ctx: *mut Ctx, ip: *const Word, fp: *mut u64, code: TrapCode) -> Ended {
    // SAFETY: the context outlives the execution.
    unsafe { (*ctx).exit = Exit::Trap(code, ip, fp, None) };
    ENDED
}

/// A type of values: how a slot, an accumulator and an immediate hold one.
pub(super) trait Value: Copy {
    fn from_bits(bits: u64) -> Self;
    fn to_bits(self) -> u64;
    /// The accumulators of the type's class.
    fn acc(regs: &Regs) -> Self;
    fn acc_before(regs: &Regs) -> Self;
    fn set_acc(self, regs: &mut Regs);
    fn from_imm(imm: u16) -> Self;
}

macro_rules! int_value {
    ($($ty:ty: $unsigned:ty)*) => {$(
        impl Value for $ty {
            #[inline(always)]
            fn from_bits(bits: u64) -> Self {
                bits as $ty
            }
            #[inline(always)]
            fn to_bits(self) -> u64 {
                u64::from(self as $unsigned)
            }
            #[inline(always)]
            fn acc(regs: &Regs) -> Self {
                regs.int.last as $ty
            }
            #[inline(always)]
            fn acc_before(regs: &Regs) -> Self {
                regs.int.before as $ty
            }
            #[inline(always)]
            fn set_acc(self, regs: &mut Regs) {
                regs.int.push(self.to_bits());
            }
            #[inline(always)]
            fn from_imm(imm: u16) -> Self {
                imm.cast_signed() as $ty
            }
        }
    )*};
}
int_value! { i32: u32  u32: u32  i64: u64  u64: u64 }

macro_rules! float_value {
    ($($ty:ty: $bits:ty, $acc:ident)*) => {$(
        impl Value for $ty {
            #[inline(always)]
            fn from_bits(bits: u64) -> Self {
                Self::from_bits(bits as $bits)
            }
            #[inline(always)]
            fn to_bits(self) -> u64 {
                self.to_bits().into()
            }
            #[inline(always)]
            fn acc(regs: &Regs) -> Self {
                regs.$acc.last
            }
            #[inline(always)]
            fn acc_before(regs: &Regs) -> Self {
                regs.$acc.before
            }
            #[inline(always)]
            fn set_acc(self, regs: &mut Regs) {
                regs.$acc.push(self);
            }
            #[inline(always)]
            fn from_imm(imm: u16) -> Self {
                imm.cast_signed().into()
            }
        }
    )*};
}
float_value! { f32: u32, f32  f64: u64, f64 }
