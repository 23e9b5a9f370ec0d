//! Calls of small functions: the callee's code stands in place of the call. Code that was not optimised calls such
//! functions at every turn.
//!
//! A function is inlined if it does nothing but compute, and read and write memories and globals, from its first
//! operator to its last. What traps in it has a place that names both functions, so that backtraces are what they would
//! be. Work that is metered is charged for where functions begin: nothing is inlined there.

use holdall_core::native::Inlined;
use wasmparser::Operator;

use crate::control::operand_type;
use crate::function::{Func, zero};
use crate::module::body_bytes;

/// The longest body of a function that is inlined, in bytes.
pub(crate) const MOST_BYTES: usize = 64;
/// How many bytes of other functions a function has at most in place of calls, and beside that: as many as its own body
/// has. The time that a large function takes to compile can grow with the square of its size.
const MOST_INLINED_BYTES: usize = 32 << 10;
const MOST_BESIDE_BYTES: usize = 512;
/// How many locals an inlined function has at most.
pub(crate) const MOST_LOCALS: u32 = 16;

impl Func<'_> {
    /// Translates a call of a defined function as the function's operators, if that is to be inlined. Whether it was.
    pub(crate) fn inline(&mut self, function: u32) -> bool {
        let (sections, options) = (self.module.sections, self.module.options);
        let body = sections.body(function);
        let [bytes, own] = [function, self.index].map(|index| body_bytes(sections, index));
        if !self.module.seen[function as usize].is_small
            || options.settings.metering
            || self.inlined_bytes + bytes > own.min(MOST_INLINED_BYTES) + MOST_BESIDE_BYTES
            || !(options.include)(function)
        {
            return false;
        }
        // What was validated is readable.
        let (Ok(declared), Ok(mut operators)) =
            (body.get_locals_reader(), body.get_operators_reader())
        else {
            return false;
        };
        self.inlined_bytes += bytes;
        let ty = sections.func_type(sections.func_index(function));
        let mut locals = self.pop_many(ty.params().len());
        for (count, ty) in declared.into_iter().flatten() {
            let value = zero(&mut self.b, operand_type(ty).ty);
            locals.extend((0..count).map(|_| value));
        }
        let call = self.offset;
        self.inlined = Some(Inlined { function, call });
        while let Ok(operator) = operators.read_with_offset() {
            let (operator, at) = operator;
            self.begin_operator((at - body.range().start) as u32);
            match operator {
                Operator::LocalGet { local_index } => self.push(locals[local_index as usize]),
                Operator::LocalSet { local_index } => locals[local_index as usize] = self.pop(),
                Operator::LocalTee { local_index } => locals[local_index as usize] = self.peek(),
                Operator::End => break,
                _ => self.given_up |= self.operator(&operator).is_err(),
            }
        }
        self.inlined = None;
        self.begin_operator(call);
        self.forget(ty.results().len());
        true
    }
}

/// Whether an operator may be in a function that is inlined: it neither branches nor calls.
pub(crate) fn is_plain(operator: &Operator<'_>) -> bool {
    use Operator::*;
    matches!(
        operator,
        LocalGet { .. }
            | LocalSet { .. }
            | LocalTee { .. }
            | GlobalGet { .. }
            | GlobalSet { .. }
            | Drop
            | Select
            | I32Const { .. }
            | I64Const { .. }
            | F32Const { .. }
            | F64Const { .. }
            | I32Load { .. }
            | I64Load { .. }
            | F32Load { .. }
            | F64Load { .. }
            | I32Load8S { .. }
            | I32Load8U { .. }
            | I32Load16S { .. }
            | I32Load16U { .. }
            | I64Load8S { .. }
            | I64Load8U { .. }
            | I64Load16S { .. }
            | I64Load16U { .. }
            | I64Load32S { .. }
            | I64Load32U { .. }
            | I32Store { .. }
            | I64Store { .. }
            | F32Store { .. }
            | F64Store { .. }
            | I32Store8 { .. }
            | I32Store16 { .. }
            | I64Store8 { .. }
            | I64Store16 { .. }
            | I64Store32 { .. }
            | I32Eqz
            | I32Eq
            | I32Ne
            | I32LtS
            | I32LtU
            | I32GtS
            | I32GtU
            | I32LeS
            | I32LeU
            | I32GeS
            | I32GeU
            | I64Eqz
            | I64Eq
            | I64Ne
            | I64LtS
            | I64LtU
            | I64GtS
            | I64GtU
            | I64LeS
            | I64LeU
            | I64GeS
            | I64GeU
            | I32Add
            | I32Sub
            | I32Mul
            | I32And
            | I32Or
            | I32Xor
            | I32Shl
            | I32ShrS
            | I32ShrU
            | I32Rotl
            | I32Rotr
            | I32Clz
            | I32Ctz
            | I64Add
            | I64Sub
            | I64Mul
            | I64And
            | I64Or
            | I64Xor
            | I64Shl
            | I64ShrS
            | I64ShrU
            | I64Rotl
            | I64Rotr
            | I32WrapI64
            | I64ExtendI32S
            | I64ExtendI32U
            | I32Extend8S
            | I32Extend16S
            | I64Extend8S
            | I64Extend16S
            | I64Extend32S
            | F32Add
            | F32Sub
            | F32Mul
            | F32Div
            | F64Add
            | F64Sub
            | F64Mul
            | F64Div
            | F32Neg
            | F32Abs
            | F64Neg
            | F64Abs
            | F64PromoteF32
            | F32DemoteF64
            | F64ConvertI32S
            | F64ConvertI32U
            | I32ReinterpretF32
            | I64ReinterpretF64
            | F32ReinterpretI32
            | F64ReinterpretI64
    )
}
