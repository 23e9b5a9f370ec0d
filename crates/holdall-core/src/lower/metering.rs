//! Charges. Where the engine meters, a function charges for its operators when it is entered, and a loop
//! charges at every turn for the operators that are directly in the loop. So charges are few, and code
//! that runs without end pays without end. The arms of a `br_table` charge for themselves: otherwise the
//! loop of an interpreter would pay for all arms at every turn. What a region costs is known at its end,
//! and is written into its charge then.

use super::operands::Lowering;
use crate::ir::{Row, Word};

/// Operators that are charged for together: those of a function outside its loops, or those of a loop
/// outside the loops within. Such a region ends early where a block ends that a `br_table` branches to,
/// and another one begins there.
#[derive(Debug)]
pub(super) struct Region {
    /// The instruction that charges.
    pc: usize,
    /// The units that the operators so far cost.
    cost: u32,
}

impl Lowering<'_> {
    /// Emits the charge of a region that begins here. The region costs `cost` before its first operator.
    pub(super) fn enter_region(&mut self, cost: u32) {
        let Some(mut regions) = self.regions.take() else {
            return;
        };
        let pc = self.emit(Word::with_long(Row::Charge.op(0), 0, 0));
        regions.push(Region { pc, cost });
        self.regions = Some(regions);
    }

    /// Counts an operator that can be reached. Every region has at least one, its `end`.
    pub(super) fn count(&mut self) {
        if !self.dead
            && let Some(region) = self.regions.as_mut().and_then(|regions| regions.last_mut())
        {
            // A body has less than 2^23 bytes, and a frame less than 2^16 slots.
            region.cost += 1;
        }
    }

    /// The innermost region, named by the place of its charge.
    pub(super) fn region(&self) -> usize {
        let innermost = self.regions.as_ref().and_then(|regions| regions.last());
        innermost.map_or(0, |region| region.pc)
    }

    /// Begins a new region at the end of a block, or at its `else`, if an arm of a `br_table` begins here
    /// (`is_arm`) or began within the block. In the second case not all ways to here have paid the region
    /// that began within. `at_start` is the region at the block's start.
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
