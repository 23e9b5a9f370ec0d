//! Vectors: the register that holds one, how two slots hold one, and the instructions on them.
//!
//! The low half of a vector is in the first of its two slots, the high half in the second.

use super::bulk::global;
use super::dispatch::{Dispatch, Next, handler, instructions};
use super::regs::Regs;

/// The type of the accumulators of vectors: where the processor has registers for it, handlers hand it
/// to one another in these. Its bytes in memory are those of the vector in linear memory.
#[cfg(target_arch = "x86_64")]
pub(super) type Register = core::arch::x86_64::__m128i;
/// The type of the accumulators of vectors: where the processor has registers for it, handlers hand it
/// to one another in these. Its bytes in memory are those of the vector in linear memory.
#[cfg(target_arch = "aarch64")]
pub(super) type Register = core::arch::aarch64::uint8x16_t;
/// The type of the accumulators of vectors. Its bytes in memory are those of the vector in linear memory.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) type Register = [u8; 16];

/// The vector of zeros.
pub(super) const ZERO: Register = from_bytes([0; 16]);

/// The vector of these bytes, the first lane first.
#[inline(always)]
pub(super) const fn from_bytes(bytes: [u8; 16]) -> Register {
    // SAFETY: any 16 bytes are a vector.
    unsafe { std::mem::transmute::<[u8; 16], Register>(bytes) }
}

/// The bytes of a vector, the first lane first.
#[inline(always)]
pub(super) const fn to_bytes(vector: Register) -> [u8; 16] {
    // SAFETY: any vector is 16 bytes.
    unsafe { std::mem::transmute::<Register, [u8; 16]>(vector) }
}

/// The vector in two slots, or in the halves of a global.
#[inline(always)]
unsafe fn read(slots: *const u64) -> Register {
    // SAFETY: the caller vouches for both slots.
    unsafe {
        if cfg!(target_endian = "little") {
            slots.cast::<Register>().read_unaligned()
        } else {
            let halves = [slots.read(), slots.add(1).read()];
            from_bytes((u128::from(halves[0]) | u128::from(halves[1]) << 64).to_le_bytes())
        }
    }
}

/// Writes a vector to two slots, or to the halves of a global.
#[inline(always)]
unsafe fn write(slots: *mut u64, vector: Register) {
    // SAFETY: the caller vouches for both slots.
    unsafe {
        if cfg!(target_endian = "little") {
            slots.cast::<Register>().write_unaligned(vector);
        } else {
            let bits = u128::from_le_bytes(to_bytes(vector));
            slots.write(bits as u64);
            slots.add(1).write((bits >> 64) as u64);
        }
    }
}

impl Regs {
    /// The vector in a slot and the one after.
    #[inline(always)]
    pub(super) unsafe fn vector(&self, slot: u16) -> Register {
        // SAFETY: both slots are the frame's, as for `slot`.
        unsafe { read(self.fp.add(slot.into())) }
    }

    /// Writes a vector to a slot and the one after.
    #[inline(always)]
    pub(super) unsafe fn set_vector(&self, slot: u16, vector: Register) {
        // SAFETY: both slots are the frame's, as for `slot`.
        unsafe { write(self.fp.add(slot.into()), vector) }
    }
}

instructions! {
    CopyV128(r) {
        let w = r.word();
        r.set_vector(w.a, r.vector(w.b));
        r.next::<R>(1)
    }
    CopyAccV128(r) {
        r.set_vector(r.word().a, r.v128.last);
        r.next::<R>(1)
    }
    LoadAccV128(r) {
        let vector = r.vector(r.word().b);
        r.v128.push(vector);
        r.next::<R>(1)
    }
}

/// Selects between two vectors, and goes on.
#[inline(always)]
unsafe fn select(mut r: Regs, holds: bool) -> Next {
    // SAFETY: the fields are slots of the frame.
    unsafe {
        let w = r.word();
        let vector = r.vector(if holds { w.b } else { w.c });
        r.set_vector(w.a, vector);
        r.v128.push(vector);
        r.next::<Dispatch>(1)
    }
}

/// The vector in the two words that follow the current instruction.
#[inline(always)]
pub(super) unsafe fn following(r: &Regs) -> Register {
    // SAFETY: the caller executes an instruction that the lowering gave two more words.
    unsafe {
        let halves = [r.wide(), (*r.ip.add(2)).bits()];
        if cfg!(target_endian = "little") {
            // One load where the words are in memory as they are numbers.
            read(r.ip.add(1).cast::<u64>())
        } else {
            from_bytes((u128::from(halves[0]) | u128::from(halves[1]) << 64).to_le_bytes())
        }
    }
}

handler! {
    v128_const_a(r) {
        let vector = following(&r);
        r.v128.push(vector);
        r.next::<Dispatch>(3)
    }
    v128_const_s(r) {
        let vector = following(&r);
        r.set_vector(r.word().a, vector);
        r.v128.push(vector);
        r.next::<Dispatch>(3)
    }
    select_v128(r) {
        let holds = r.int.last as u32 != 0;
        select(r, holds)
    }
    select_v128_by_64(r) {
        let holds = r.int.last != 0;
        select(r, holds)
    }
    global_get_v128_a(r) {
        let vector = read((*global(&r, r.long())).value.as_ptr());
        r.v128.push(vector);
        r.next::<Dispatch>(1)
    }
    global_get_v128_s(r) {
        let vector = read((*global(&r, r.long())).value.as_ptr());
        r.set_vector(r.word().a, vector);
        r.v128.push(vector);
        r.next::<Dispatch>(1)
    }
    global_set_v128_s(r) {
        let w = r.word();
        write((*global(&r, r.long())).value.as_mut_ptr(), r.vector(w.a));
        r.next::<Dispatch>(1)
    }
}
