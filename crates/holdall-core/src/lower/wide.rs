//! Operators on 128 bits in two halves (the wide-arithmetic proposal). Each has two results, and is one
//! instruction that reads all operands before it writes.

use wasmparser::Operator;

use super::operands::{Class, Lowering, Place};
use crate::ir::{Row, Word};

impl Lowering<'_> {
    pub(super) fn wide(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::I64Add128 => self.wide_sum(Row::I64Add128),
            Operator::I64Sub128 => self.wide_sum(Row::I64Sub128),
            Operator::I64MulWideS => self.wide_product(Row::I64MulWideS),
            Operator::I64MulWideU => self.wide_product(Row::I64MulWideU),
            // `nop`. Validation lets through only operators that the lowering has.
            _ => {}
        }
    }

    fn wide_sum(&mut self, row: Row) {
        let [rhs_high, rhs_low, lhs_high, lhs_low] = [(); 4].map(|()| self.pop_slot());
        let more = [
            Word::pair(lhs_high.into(), rhs_low.into()),
            Word::pair(rhs_high.into(), 0),
        ];
        self.two_results(row, lhs_low, &more);
    }

    fn wide_product(&mut self, row: Row) {
        let [rhs, lhs] = [(); 2].map(|()| self.pop_slot());
        self.two_results(row, lhs, &[Word::pair(rhs.into(), 0)]);
    }

    /// Emits an instruction of several words that writes two results, and pushes them, the low half first.
    fn two_results(&mut self, row: Row, operand: u16, more: &[Word]) {
        let low = self.push_in_slot(Class::Int);
        let high = self.push(Place::Temp, Class::Int);
        self.forget(high);
        let field = self.writing_second(high);
        self.emit(Word::new(row.op(0), low, field, operand));
        self.code.extend_from_slice(more);
        self.store_second(high);
    }
}
