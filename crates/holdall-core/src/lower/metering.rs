//! Charges: where the engine meters, a function charges for its operators when it is entered, and a
//! loop for those that are directly in it at every turn. So the charges are few, and whatever runs
//! without end pays without end. The arms of a `br_table` charge for themselves, for else the loop
//! of an interpreter would pay for all of them at every turn. What a region charges is known at its
//! end and written then.

use super::operands::Lowering;
use crate::ir::{Row, Word};

/// What is charged for together: a function outside of its loops, or a loop outside of those in it,
/// up to the end of the first block that a `br_table` goes to, and from there to the next.
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

    /// Which region is the innermost: where its charge is.
    pub(super) fn region(&self) -> usize {
        let innermost = self.regions.as_ref().and_then(|regions| regions.last());
        innermost.map_or(0, |region| region.pc)
    }

    /// Goes on with a new region, at the end of a block or the start of its second arm: where an arm
    /// of a `br_table` begins, or where one has begun within, which not all who come here have paid.
    pub(super) fn next_region(&mut self, is_arm: bool, at_start: usize) {
        if self.regions.is_some() && (is_arm || self.region() != at_start) {
            self.leave_region();
            self.enter_region(0);
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
