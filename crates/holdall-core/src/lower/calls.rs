//! Calls and returns: arguments go to the slots of their heights, which are the first of the
//! callee's frame, and results come back there.

use super::operands::{Class, Entry, Lowering, Place, as_long};
use crate::ir::{Row, Src, Word};
use crate::types::FuncType;

impl<'m> Lowering<'m> {
    /// Puts the arguments of a call in place and pops them. Gives the slot of the first.
    pub(super) fn pop_args(&mut self, ty: &FuncType) -> u32 {
        let count = ty.params().len();
        self.materialise_top(count);
        let height = self.stack.len() - count;
        let base = self.slot_at(height);
        self.truncate(height);
        base
    }

    /// Pushes the results of a call.
    pub(super) fn push_results(&mut self, ty: &FuncType) {
        self.forget_all();
        self.push_placed(ty.results());
        if let [result] = ty.results() {
            // Returning leaves a single result in the accumulator too, unless the result is a vector.
            let class = Class::of(*result);
            let slot = self.stack.last().expect("just pushed").slot;
            if class != Class::V128 && !self.is_far(slot) {
                self.remember(class, slot);
            }
        }
    }

    /// The row of a direct call, and the number by which that row names the callee.
    fn callee(&self, index: u32, defined: Row, imported: Row) -> (Row, u32) {
        match index.checked_sub(self.module.num_imported_funcs as u32) {
            Some(index) => (defined, index),
            None => (imported, index),
        }
    }

    pub(super) fn call(&mut self, index: u32) {
        let ty: &'m FuncType = self.module.func_type(index);
        let base = self.pop_args(ty);
        self.flush_all();
        if self.is_far(base) {
            let (row, index) = self.callee(index, Row::FarCall, Row::FarCallImport);
            self.emit(Word::with_long(row.op(0), 0, index));
            self.code.push(Word::pair(base, 0));
        } else {
            let (row, index) = self.callee(index, Row::Call, Row::CallImport);
            self.emit(Word::with_long(row.op(0), base as u16, index));
        }
        self.push_results(ty);
    }

    /// Pops what a call finds its callee by, an index or a reference. Gives where the call reads that value
    /// from, and whether the value's slot is far: the slots of the arguments may be far then too.
    pub(super) fn pop_callee(&mut self) -> (Src, u16, bool) {
        let callee = self.pop();
        let far = self.is_far(callee.slot);
        let (src, slot) = match far {
            true => (Src::S, self.slot(callee)),
            false => self.source_a(callee),
        };
        (src, slot, far)
    }

    pub(super) fn call_indirect(&mut self, ty_index: u32, table: u32) {
        let ty: &'m FuncType = &self.module.types[ty_index as usize];
        let (src, slot, far) = self.pop_callee();
        let base = self.pop_args(ty);
        self.flush_all();
        let (row, base, far_base) = match src {
            _ if far => (Row::FarCallIndirect, 0, Some(base)),
            Src::A => (Row::CallIndirectA, base as u16, None),
            _ => (Row::CallIndirectS, base as u16, None),
        };
        self.emit(Word::new(row.op(0), base, slot, 0));
        self.code.push(Word::pair(ty_index, table));
        self.code.extend(far_base.map(|base| Word::pair(base, 0)));
        self.push_results(ty);
    }

    /// The second word of a tail call: the slot of the link in the frame that is replaced, and how many
    /// slots of arguments move to the start of that frame.
    pub(super) fn replaced(&self, ty: &FuncType) -> Word {
        Word::pair(self.link.into(), ty.param_slots() as u32)
    }

    pub(super) fn return_call(&mut self, index: u32) {
        let ty: &'m FuncType = self.module.func_type(index);
        let base = self.pop_args(ty);
        let args = self.near_args(base, ty.param_slots() as u32);
        let (row, index) = self.callee(index, Row::ReturnCall, Row::ReturnCallImport);
        self.emit(Word::with_long(row.op(0), args, index));
        self.code.push(self.replaced(ty));
        self.dead = true;
    }

    pub(super) fn return_call_indirect(&mut self, ty_index: u32, table: u32) {
        let ty: &'m FuncType = &self.module.types[ty_index as usize];
        let index = self.pop();
        let slot = self.slot(index);
        let base = self.pop_args(ty);
        let args = self.near_args(base, ty.param_slots() as u32);
        self.emit(Word::new(Row::ReturnCallIndirect.op(0), args, slot, 0));
        self.code.push(self.replaced(ty));
        self.code.push(Word::pair(ty_index, table));
        self.dead = true;
    }

    /// Emits the return of the topmost `count` values; the stack is left as it is.
    pub(super) fn return_values(&mut self, count: usize) {
        match count {
            0 => {
                self.emit(Word::new(Row::Return.op(0), self.link, 0, 0));
            }
            1 => self.return_value(),
            _ => {
                // The slots of the results are those of the parameters, which may be among the values.
                self.materialise_top(count);
                let from = self.slot_at(self.stack.len() - count);
                self.copy_span(0, from, self.slots_of_top(count));
                self.emit(Word::new(Row::Return.op(0), self.link, 0, 0));
            }
        }
    }

    fn return_value(&mut self) {
        let value = *self.stack.last().expect("validation checked the operands");
        let link = self.link;
        if let Place::Const(bits) = value.place
            && let Some((unsigned, long)) = as_long(bits)
        {
            let row = if unsigned {
                Row::ReturnUnsignedI
            } else {
                Row::ReturnI
            };
            self.emit(Word::with_long(row.op(0), link, long));
        } else if self.in_acc(value) == Some(Src::A) {
            let row = match value.class {
                Class::Int => Row::ReturnA,
                Class::F32 => Row::ReturnF32A,
                Class::F64 => Row::ReturnF64A,
                Class::V128 => return self.return_vector(value),
            };
            self.emit(Word::new(row.op(0), link, 0, 0));
        } else if value.class == Class::V128 {
            self.return_vector(value);
        } else {
            let slot = self.slot(value);
            self.emit(Word::new(Row::ReturnS.op(0), link, slot, 0));
        }
    }

    /// What is known of the accumulators stays known: after a branch that is not taken, the copy was not
    /// executed.
    fn return_vector(&mut self, value: Entry) {
        let copy = if self.in_acc(value) == Some(Src::A) {
            Word::new(Row::CopyAccV128.op(0), 0, 0, 0)
        } else {
            Word::new(Row::CopyV128.op(0), 0, self.slot(value), 0)
        };
        self.emit(copy);
        self.emit(Word::new(Row::Return.op(0), self.link, 0, 0));
    }
}
