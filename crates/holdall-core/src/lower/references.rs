//! Operators on references: calls through them, tests for null, and casts. A null is 0 in a slot, and any
//! other reference is not.

use wasmparser::{HeapType, RefType};

use super::Stop;
use super::fusion::Condition;
use super::operands::{Class, Lowering, Place};
use crate::ir::{CAST_TO_ALL, CAST_TO_NOTHING, CMP_PAIRS, Row, Src, Word};
use crate::module::from_wasmparser::{Indices, heap_type};
use crate::types;
use crate::types::FuncType;

impl<'m> Lowering<'m> {
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
        self.br_where(&condition, false, depth)?;
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
        self.br_where(&condition, false, depth)?;
        let reference = self.pop();
        self.discard(reference);
        Ok(())
    }

    /// What a cast is to, as the second word of its instruction has it.
    fn cast_target(&self, to: HeapType, nullable: bool) -> Word {
        let indices = Indices::of(self.module.types.ids());
        let ty = match (to, heap_type(to, indices)) {
            (HeapType::Concrete(index), _) => index.as_module_index().unwrap_or(CAST_TO_NOTHING),
            (_, Ok(types::HeapType::Func | types::HeapType::Extern | types::HeapType::Exn)) => {
                CAST_TO_ALL
            }
            _ => CAST_TO_NOTHING,
        };
        Word::pair(ty, nullable.into())
    }

    /// Emits the test of a reference in a slot, and pushes the result.
    fn test(&mut self, reference: u16, to: HeapType, nullable: bool) {
        let slot = self.push_in_slot(Class::Int);
        self.emit(Word::new(Row::RefTest.op(0), slot, reference, 0));
        self.code.push(self.cast_target(to, nullable));
    }

    pub(super) fn ref_test(&mut self, to: HeapType, nullable: bool) {
        let reference = self.pop();
        let reference = self.slot(reference);
        self.test(reference, to, nullable);
    }

    /// The field by which the next instruction reads the reference on top of the stack, which stays there.
    fn read_top(&mut self) -> u16 {
        self.materialise_top(1);
        let reference = *self.stack.last().expect("validation checked the operands");
        self.slot(reference)
    }

    /// Traps where the reference on top of the stack does not pass a cast. The reference stays there.
    pub(super) fn ref_cast(&mut self, to: HeapType, nullable: bool) {
        let reference = self.read_top();
        self.emit(Word::new(Row::RefCast.op(0), reference, 0, 0));
        self.code.push(self.cast_target(to, nullable));
    }

    /// Branches with the reference where it passes a cast, or, with `fail`, where it does not.
    pub(super) fn br_on_cast(&mut self, to: RefType, fail: bool, depth: u32) -> Result<(), Stop> {
        let reference = self.read_top();
        self.test(reference, to.heap_type(), to.is_nullable());
        let condition = self.pop_condition();
        self.br_where(&condition, fail, depth)
    }
}
