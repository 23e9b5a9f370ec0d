//! Vectors.

use wasmparser::Operator;

use crate::function::Func;

impl Func<'_> {
    /// Translates an operator on vectors. Gives whether the operator is one.
    pub(crate) fn simd(&mut self, _operator: &Operator<'_>) -> bool {
        false
    }
}
