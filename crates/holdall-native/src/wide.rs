//! Arithmetic on 128 bits.

use cranelift_codegen::ir::{InstBuilder, Value};
use wasmparser::Operator;

use crate::function::Func;

impl Func<'_> {
    /// Translates an operator of wide arithmetic. Gives whether the operator is one.
    pub(crate) fn wide(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::I64Add128 => {
                let (a, b) = self.wide_operands();
                let sum = self.b.ins().iadd(a, b);
                self.push_wide(sum);
            }
            Operator::I64Sub128 => {
                let (a, b) = self.wide_operands();
                let difference = self.b.ins().isub(a, b);
                self.push_wide(difference);
            }
            Operator::I64MulWideS => {
                let (a, b) = self.pop2();
                let low = self.b.ins().imul(a, b);
                let high = self.b.ins().smulhi(a, b);
                self.push_all(&[low, high]);
            }
            Operator::I64MulWideU => {
                let (a, b) = self.pop2();
                let low = self.b.ins().imul(a, b);
                let high = self.b.ins().umulhi(a, b);
                self.push_all(&[low, high]);
            }
            _ => return false,
        }
        true
    }

    /// Pops two numbers of 128 bits, of which each lies on the stack as its low half and its high half.
    fn wide_operands(&mut self) -> (Value, Value) {
        let (low, high) = self.pop2();
        let b = self.b.ins().iconcat(low, high);
        let (low, high) = self.pop2();
        (self.b.ins().iconcat(low, high), b)
    }

    fn push_wide(&mut self, number: Value) {
        let (low, high) = self.b.ins().isplit(number);
        self.push_all(&[low, high]);
    }
}
