//! Operators on references to functions whose types are known: calls through them, and tests for null. A
//! null is 0 in a slot, and any other reference is not.

use super::Stop;
use super::fusion::Condition;
use super::operands::{Class, Lowering, Place};
use crate::ir::{CMP_PAIRS, Row, Src, Word};
use crate::types::FuncType;

impl<'m> Lowering<'m> {
    /// Pops the reference that a call goes through. Gives where the call reads the reference from, and
    /// whether the reference's slot is far: the slots of the arguments may be far then too.
    fn pop_callee(&mut self) -> (Src, u16, bool) {
        let callee = self.pop();
        let far = self.is_far(callee.slot);
        let (src, slot) = match callee.place {
            Place::Const(_) => (Src::S, self.slot(callee)),
            _ if far => (Src::S, self.slot(callee)),
            _ => self.source_a(callee),
        };
        (src, slot, far)
    }

    pub(super) fn call_ref(&mut self, ty: u32) {
        let ty: &'m FuncType = &self.module.types[ty as usize];
        let (src, slot, far) = self.pop_callee();
        let base = self.pop_args(ty);
        self.flush_all();
        if far {
            self.emit(Word::new(Row::FarCallRef.op(0), 0, slot, 0));
            self.code.push(Word::pair(base, 0));
        } else {
            let row = match src {
                Src::A => Row::CallRefA,
                _ => Row::CallRefS,
            };
            self.emit(Word::new(row.op(0), base as u16, slot, 0));
        }
        self.push_results(ty);
    }

    pub(super) fn return_call_ref(&mut self, ty: u32) {
        let ty: &'m FuncType = &self.module.types[ty as usize];
        let callee = self.pop();
        let slot = self.slot(callee);
        let base = self.pop_args(ty);
        let args = self.near_args(base, ty.param_slots() as u32);
        self.emit(Word::new(Row::ReturnCallRef.op(0), args, slot, 0));
        self.code.push(self.replaced(ty));
        self.dead = true;
    }

    /// Traps where the reference on top of the stack is null. The reference stays where it is.
    pub(super) fn ref_as_non_null(&mut self) {
        let reference = *self.stack.last().expect("validation checked the operands");
        if self.in_acc(reference) == Some(Src::A) {
            self.emit(Word::new(Row::RefAsNonNullA.op(0), 0, 0, 0));
        } else {
            let slot = self.slot(reference);
            self.emit(Word::new(Row::RefAsNonNullS.op(0), slot, 0, 0));
        }
    }

    /// The condition that the reference on top of the stack is null, or is not, as `row` compares it with
    /// 0. The reference stays on the stack, and in the slot of its height or in its local.
    fn null_test(&mut self, row: Row) -> Condition {
        let reference = *self.stack.last().expect("validation checked the operands");
        self.settle_popped(reference);
        if let Place::Const(_) = reference.place {
            // The only reference that is a constant is null.
            return Condition::Const(row == Row::I64Eq);
        }
        let (src, slot) = self.source(reference);
        let pair = CMP_PAIRS.iter().position(|pair| *pair == (src, Src::I));
        let mode = 2 * pair.expect("a comparison has every operand on the left") as u16;
        self.produce(Class::Int, row, mode, [slot, 0], None);
        self.pop_condition()
    }

    /// Branches without the reference where the reference is null, and goes on with it otherwise.
    pub(super) fn br_on_null(&mut self, depth: u32) -> Result<(), Stop> {
        let condition = self.null_test(Row::I64Eq);
        let reference = self.pop();
        self.br_where(&condition, depth)?;
        match reference.place {
            Place::Local { index, .. } => self.get_local(index),
            place => {
                self.push(place, reference.class);
            }
        }
        Ok(())
    }

    /// Branches with the reference where the reference is not null, and goes on without it otherwise.
    pub(super) fn br_on_non_null(&mut self, depth: u32) -> Result<(), Stop> {
        let condition = self.null_test(Row::I64Ne);
        self.br_where(&condition, depth)?;
        let reference = self.pop();
        self.discard(reference);
        Ok(())
    }
}
