//! Shuffles of bytes.

use cranelift_codegen::ir::types::{I8X16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, StackSlotData, StackSlotKind, Value};
use holdall_core::native::{Feature, Isa};

use crate::function::{Func, UNALIGNED};

impl Func<'_> {
    /// Whether the processor has an instruction that moves bytes to where a vector says.
    fn shuffles_bytes(&self) -> bool {
        self.module.options.isa != Isa::X86_64 || self.has(Feature::Ssse3)
    }

    /// `i8x16.shuffle` with these lanes.
    pub(super) fn shuffle(&mut self, lanes: [u8; 16]) {
        let (a, b) = self.pop2();
        let value = if self.shuffles_bytes() || moves_words(lanes) || interleaves(lanes) {
            let mask = self.b.func.dfg.immediates.push(lanes.as_slice().into());
            self.b.ins().shuffle(a, b, mask)
        } else {
            let bytes = self.bytes_in_memory(&[a, b]);
            for (into, from) in lanes.into_iter().enumerate() {
                let byte = self.b.ins().uload8(I32, UNALIGNED, bytes, i32::from(from));
                self.b
                    .ins()
                    .istore8(UNALIGNED, byte, bytes, 32 + into as i32);
            }
            self.b.ins().load(I8X16, UNALIGNED, bytes, 32)
        };
        self.push(value);
    }

    /// `i8x16.swizzle`: a number of 16 or more gives zero.
    pub(super) fn swizzle(&mut self) {
        let (a, numbers) = self.pop2();
        let value = if self.shuffles_bytes() {
            self.b.ins().swizzle(a, numbers)
        } else {
            let zeros = self.vector_constant(I8X16, [0; 16]);
            let last = self.vector_constant(I8X16, [16; 16]);
            let numbers = self.b.ins().umin(numbers, last);
            let bytes = self.bytes_in_memory(&[a, zeros, numbers]);
            for at in 32..48 {
                let number = self.b.ins().uload8(I64, UNALIGNED, bytes, at);
                let from = self.b.ins().iadd(bytes, number);
                let byte = self.b.ins().uload8(I32, UNALIGNED, from, 0);
                self.b.ins().istore8(UNALIGNED, byte, bytes, at);
            }
            self.b.ins().load(I8X16, UNALIGNED, bytes, 32)
        };
        self.push(value);
    }

    /// The address of 48 bytes, which begin with these vectors. What they hold is gone when bytes are next put
    /// into memory.
    fn bytes_in_memory(&mut self, vectors: &[Value]) -> Value {
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, 48, 4);
        let slot = *self
            .shuffled
            .get_or_insert_with(|| self.b.create_sized_stack_slot(data));
        let bytes = self.b.ins().stack_addr(I64, slot, 0);
        for (vector, at) in vectors.iter().zip([0, 16, 32]) {
            self.b.ins().store(UNALIGNED, *vector, bytes, at);
        }
        bytes
    }
}

/// Whether a shuffle moves words of 32 bits, the first two from one vector and the last two from one: the
/// baseline of x86-64 has instructions for that.
fn moves_words(lanes: [u8; 16]) -> bool {
    let words = lanes.as_chunks::<4>().0;
    let is_word = |word: &[u8; 4]| {
        let bytes = word.iter().zip(word[0]..);
        word[0].is_multiple_of(4) && bytes.clone().all(|(found, byte)| *found == byte)
    };
    let half = |at: usize| words[at][0] / 16;
    words.iter().all(is_word) && half(0) == half(1) && half(2) == half(3)
}

/// Whether a shuffle takes lanes of some size from the low halves of the vectors in turn, or from the high
/// halves: the baseline of x86-64 has instructions for that.
fn interleaves(lanes: [u8; 16]) -> bool {
    let lane = |size: u8, at: u8| at / size % 2 * 16 + at / (2 * size) * size + at % size;
    let interleaves = |size: u8, first: u8| {
        let mut places = lanes.iter().zip(0..);
        places.all(|(from, at)| *from == first + lane(size, at))
    };
    [1, 2, 4, 8]
        .iter()
        .any(|size| interleaves(*size, 0) || interleaves(*size, 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffles_of_words_and_in_turn_are_known() {
        let words = |words: [u8; 4]| std::array::from_fn(|at| 4 * words[at / 4] + at as u8 % 4);
        assert!(moves_words(words([3, 0, 0, 2])) && moves_words(words([7, 4, 0, 1])));
        assert!(!moves_words(words([0, 4, 1, 5])) && interleaves(words([0, 4, 1, 5])));
        assert!(interleaves(words([2, 6, 3, 7])) && !interleaves(words([2, 6, 3, 6])));
        let bytes = std::array::from_fn(|at| 16 * (at as u8 % 2) + 8 + at as u8 / 2);
        assert!(interleaves(bytes) && !moves_words(bytes));
    }
}
