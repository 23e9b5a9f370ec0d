//! Arithmetic on 128 bits.

use wasmparser::Operator;

use crate::function::Func;

impl Func<'_> {
    /// Translates an operator of wide arithmetic. Gives whether the operator is one.
    pub(crate) fn wide(&mut self, _operator: &Operator<'_>) -> bool {
        false
    }
}
