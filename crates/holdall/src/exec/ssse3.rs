//! The instructions that look up bytes by a vector of numbers, with an instruction of the processor that
//! nearly every x86-64 has, but not the ones that builds for x86-64 are for. `vector_shapes` has them
//! for every machine.

use core::arch::x86_64::{
    _mm_add_epi8, _mm_adds_epu8, _mm_or_si128, _mm_set1_epi8, _mm_shuffle_epi8, _mm_sub_epi8,
};

use super::dispatch::{Next, Rest, handler};
use super::regs::Regs;
use super::vector::{Register, following};
use super::vector_shapes::{VectorDest, VectorOperand, give};

/// Whether the processor has the instruction.
#[inline(always)]
pub(super) fn is_there() -> bool {
    std::arch::is_x86_feature_detected!("ssse3")
}

handler! {
    #[target_feature(enable = "ssse3")]
    swizzle[L: VectorOperand, R: VectorOperand, D: VectorDest, K: Rest](r) {
        let w = r.word();
        let vector = swizzled(L::vector(&r, w.b), R::vector(&r, w.c));
        give::<D, K>(r, vector, 1)
    }
    #[target_feature(enable = "ssse3")]
    shuffle[L: VectorOperand, R: VectorOperand, D: VectorDest, K: Rest](r) {
        let w = r.word();
        let vector = shuffled(L::vector(&r, w.b), R::vector(&r, w.c), following(&r));
        give::<D, K>(r, vector, 3)
    }
}

/// What `numeric::i8x16_swizzle` gives.
#[inline]
#[target_feature(enable = "ssse3")]
fn swizzled(a: Register, numbers: Register) -> Register {
    // The instruction takes the low four bits of a number, or gives 0 where the highest bit is set.
    _mm_shuffle_epi8(a, _mm_adds_epu8(numbers, _mm_set1_epi8(0x70)))
}

/// What `numeric::i8x16_shuffle` gives. The numbers are below 32.
#[inline]
#[target_feature(enable = "ssse3")]
fn shuffled(a: Register, b: Register, numbers: Register) -> Register {
    let of_a = _mm_shuffle_epi8(a, _mm_add_epi8(numbers, _mm_set1_epi8(0x70)));
    let of_b = _mm_shuffle_epi8(b, _mm_sub_epi8(numbers, _mm_set1_epi8(16)));
    _mm_or_si128(of_a, of_b)
}

#[cfg(test)]
mod tests {
    use super::super::vector::{from_bytes, to_bytes};
    use super::{is_there, shuffled, swizzled};
    use crate::numeric;

    #[test]
    fn bytes_are_looked_up_as_on_every_machine() {
        if !is_there() {
            return;
        }
        let (a, b) = (
            std::array::from_fn(|at| 100 + at as u8),
            std::array::from_fn(|at| at as u8),
        );
        for first in 0..=u8::MAX {
            let numbers: [u8; 16] =
                std::array::from_fn(|at| first.wrapping_add(37_u8.wrapping_mul(at as u8)));
            let below_32 = numbers.map(|number| number % 32);
            // SAFETY: the processor has the instruction.
            let (swizzled, shuffled) = unsafe {
                (
                    swizzled(from_bytes(a), from_bytes(numbers)),
                    shuffled(from_bytes(a), from_bytes(b), from_bytes(below_32)),
                )
            };
            assert_eq!(to_bytes(swizzled), numeric::i8x16_swizzle(a, numbers));
            assert_eq!(to_bytes(shuffled), numeric::i8x16_shuffle(a, b, below_32));
        }
    }
}
