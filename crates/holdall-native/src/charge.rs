//! Charges: the same as in lowered code. Where work is metered, a function charges for its operators when it
//! is entered, and a loop at every turn for the operators that are directly in the loop; what follows a block
//! that a `br_table` branches to charges for itself.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Inst, InstBuilder, InstructionData, Opcode};
use holdall_core::native::{Runtime, runtime};

use crate::function::{CHANGING, Func};

/// The open regions: the operators that are charged for together.
#[derive(Debug, Default)]
pub(crate) struct Regions {
    open: Vec<Region>,
    /// How many regions were opened.
    opened: usize,
}

#[derive(Debug)]
struct Region {
    name: usize,
    /// The constant that is subtracted from the budget.
    charge: Inst,
    /// The units that the operators so far cost.
    cost: u32,
}

impl Func<'_> {
    /// Finds the budget, where work is metered.
    pub(crate) fn find_budget(&mut self) {
        if self.module.options.settings.metering {
            let runtime = self.runtime_record();
            self.budget = Some(self.constant(runtime, runtime::BUDGET));
        }
    }

    /// Charges for a region that begins here. The region costs `cost` before its first operator.
    pub(crate) fn enter_region(&mut self, cost: u32) {
        let Some(budget) = self.budget else {
            return;
        };
        let before = self.changing(budget, 0);
        let units = self.i64(0);
        let charge = self.b.func.dfg.value_def(units).inst();
        let left = self.b.ins().isub(before, units);
        self.b.ins().store(CHANGING, left, budget, 0);
        let overdrawn = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, left, 0);
        let settle = self.cold_block();
        let next = self.b.create_block();
        self.b.ins().brif(overdrawn, settle, &[], next, &[]);
        self.go_on_in(settle);
        self.runtime_checked(Runtime::Settle, &[]);
        self.b.ins().jump(next, &[]);
        self.go_on_in(next);
        let charge = charge.expect("the constant was just made");
        self.regions.opened += 1;
        let name = self.regions.opened;
        self.regions.open.push(Region { name, charge, cost });
    }

    /// Counts an operator that can be reached.
    pub(crate) fn count(&mut self) {
        if let Some(region) = self.regions.open.last_mut()
            && !self.dead
        {
            region.cost += 1;
        }
    }

    /// The innermost region.
    pub(crate) fn region(&self) -> usize {
        self.regions.open.last().map_or(0, |region| region.name)
    }

    /// Begins a new region at the end of a block, or at its `else`, if an arm of a `br_table` begins here
    /// (`is_arm`) or began within the block. `at_start` is the region at the block's start.
    pub(crate) fn next_region(&mut self, is_arm: bool, at_start: usize) {
        if self.budget.is_some() && (is_arm || self.region() != at_start) {
            self.leave_region();
            self.enter_region(0);
        }
    }

    /// Ends the innermost region, whose cost is known now.
    pub(crate) fn leave_region(&mut self) {
        if let Some(Region { charge, cost, .. }) = self.regions.open.pop() {
            self.b.func.dfg.insts[charge] = InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm: i64::from(cost).into(),
            };
        }
    }
}
