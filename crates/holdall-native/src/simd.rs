//! Vectors. On the operand stack every vector has the type `I8X16`.

mod float;
mod int;
mod lanes;
mod memory;
mod shuffles;

use cranelift_codegen::ir::types::I8X16;
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, Type, Value};
use wasmparser::Operator;

use crate::function::Func;

/// In which order lanes lie in a vector.
const ORDER: MemFlagsData = MemFlagsData::new().with_endianness(Endianness::Little);

impl Func<'_> {
    /// Translates an operator on vectors. Gives whether the operator is one.
    pub(crate) fn simd(&mut self, operator: &Operator<'_>) -> bool {
        self.vector_memory(operator)
            || self.vector_lanes(operator)
            || self.vector_integers(operator)
            || self.vector_floats(operator)
    }

    /// The same bits as lanes of another type.
    pub(crate) fn as_lanes(&mut self, value: Value, ty: Type) -> Value {
        match self.b.func.dfg.value_type(value) == ty {
            true => value,
            false => self.b.ins().bitcast(ty, ORDER, value),
        }
    }

    /// Pops a vector, as lanes of a type.
    fn pop_lanes(&mut self, ty: Type) -> Value {
        let value = self.pop();
        self.as_lanes(value, ty)
    }

    /// Pops two vectors, as lanes of a type: the one pushed first, and the one on top.
    fn pop2_lanes(&mut self, ty: Type) -> (Value, Value) {
        let second = self.pop_lanes(ty);
        (self.pop_lanes(ty), second)
    }

    /// Pushes a vector.
    fn push_lanes(&mut self, value: Value) {
        let value = self.as_lanes(value, I8X16);
        self.push(value);
    }

    /// Pushes a vector of floats that an operator has made that can make a NaN.
    fn push_float_lanes(&mut self, value: Value) {
        let value = self.canonical(value);
        self.push_lanes(value);
    }

    /// A vector of these bytes.
    fn vector_constant(&mut self, ty: Type, bytes: [u8; 16]) -> Value {
        let bytes = self.b.func.dfg.constants.insert(bytes.as_slice().into());
        self.b.ins().vconst(ty, bytes)
    }
}
