//! Numeric instructions on scalars.

use wasmparser::Operator;

use crate::function::Func;

impl Func<'_> {
    /// Translates a numeric operator. Gives whether the operator is one.
    pub(crate) fn numeric(&mut self, _operator: &Operator<'_>) -> bool {
        false
    }
}

impl Func<'_> {
    /// Makes a float, or a vector of floats, canonical where it is a NaN.
    pub(crate) fn canonical_nan(
        &mut self,
        value: cranelift_codegen::ir::Value,
    ) -> cranelift_codegen::ir::Value {
        value
    }
}
