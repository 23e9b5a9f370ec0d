//! Charges: where the engine meters, a function charges for its operators when it is entered, and a
//! loop for those that are directly in it at every turn. So the charges are few, and whatever runs
//! without end pays without end. What a region charges is known at its end and written then.

use super::operands::Lowering;
use crate::ir::{Row, Word};

/// What is charged for together: a function outside of its loops, or a loop outside of those in it.
#[derive(Debug)]
pub(super) struct Region {
    /// The instruction that charges.
    pc: usize,
    /// The units so far.
    cost: u32,
}

impl Lowering<'_> {
    /// Emits the charge of a region that begins here and costs `cost` to begin with.
    pub(super) fn enter_region(&mut self, cost: u32) {
        let Some(mut regions) = self.regions.take() else {
            return;
        };
        let pc = self.emit(Word::with_long(Row::Charge.op(0), 0, 0));
        regions.push(Region { pc, cost });
        self.regions = Some(regions);
    }

    /// Counts an operator that can be reached. Every region has one: its `end`, if nothing else.
    pub(super) fn count(&mut self) {
        if !self.dead
            && let Some(region) = self.regions.as_mut().and_then(|regions| regions.last_mut())
        {
            // A body has less than 2^23 bytes, and a frame less than 2^16 slots.
            region.cost += 1;
        }
    }

    /// Ends the innermost region.
    pub(super) fn leave_region(&mut self) {
        if let Some(regions) = &mut self.regions {
            let Region { pc, cost } = regions.pop().expect("as many are left as were entered");
            self.code[pc] = Word::with_long(Row::Charge.op(0), 0, cost);
        }
    }
}
