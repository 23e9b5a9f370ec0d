//! What the accumulators hold while a function is lowered.

use super::operands::{Class, Lowering};
use crate::ir::{Src, Word};

/// What an accumulator holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Acc {
    /// The slot whose value the accumulator holds; never a far slot.
    pub(super) slot: Option<u32>,
    /// Where the instruction is that made the value, while that instruction does not write `slot`. The
    /// value is on the stack.
    pub(super) pending: Option<usize>,
}

impl Lowering<'_> {
    /// The accumulator that holds the value of a slot, and the operand that names that accumulator.
    pub(super) fn acc_of(&mut self, class: Class, slot: u32) -> Option<(Src, &mut Acc)> {
        let accs = [Src::A, Src::B]
            .into_iter()
            .zip(&mut self.accs[class as usize]);
        accs.into_iter().find(|(_, acc)| acc.slot == Some(slot))
    }

    /// Makes a value outlive its accumulator: the instruction that made the value is changed to write
    /// the slot as well.
    pub(super) fn keep(code: &mut [Word], acc: &mut Acc) {
        if let Some(pc) = acc.pending.take() {
            // The next mode is the one that writes the slot as well.
            code[pc].op += 1;
        }
    }

    /// Makes the values in all accumulators outlive those accumulators.
    pub(super) fn flush_all(&mut self) {
        for acc in self.accs.as_flattened_mut() {
            Self::keep(&mut self.code, acc);
        }
    }

    /// After this point the accumulators may hold anything.
    pub(super) fn forget_all(&mut self) {
        self.flush_all();
        self.accs = Default::default();
        self.last = None;
        self.note_join();
    }

    /// Makes room in the accumulators of `class` for the result of the instruction that is emitted next.
    /// What that result is the value of is not noted yet. Gives what the second accumulator held, whose
    /// slot is written by then.
    pub(super) fn shift(&mut self, class: Class) -> Acc {
        self.note_result(class);
        let accs = &mut self.accs[class as usize];
        Self::keep(&mut self.code, &mut accs[1]);
        let fallen = accs[1];
        *accs = [Acc::default(), accs[0]];
        fallen
    }

    /// Notes that a slot is overwritten and that no accumulator holds the new value.
    pub(super) fn forget(&mut self, slot: u32) {
        for acc in self.accs.as_flattened_mut() {
            if acc.slot == Some(slot) {
                *acc = Acc::default();
            }
        }
    }

    /// Notes that the accumulator of `class` holds the value of `slot`.
    pub(super) fn remember(&mut self, class: Class, slot: u32) {
        self.accs[class as usize][0] = Acc {
            slot: Some(slot),
            pending: None,
        };
    }
}
