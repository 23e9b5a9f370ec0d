//! Atomic accesses.

use wasmparser::Operator;

use crate::function::Func;

impl Func<'_> {
    /// Translates an atomic operator. Gives whether the operator is one.
    pub(crate) fn atomic(&mut self, _operator: &Operator<'_>) -> bool {
        false
    }
}
