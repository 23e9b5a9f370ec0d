//! How large an integer can be at most, by the instructions that it comes from: an index into a table in memory often
//! has few bits, and the table lies at a constant address.

use cranelift_codegen::ir::{InstructionData, Opcode, Value};

use crate::function::Func;

/// How many instructions in a row are looked at.
const DEPTH: u32 = 5;

impl Func<'_> {
    /// The most that an integer can be, without its sign.
    pub(crate) fn most(&self, value: Value) -> u64 {
        self.most_within(value, DEPTH)
    }

    fn most_within(&self, value: Value, depth: u32) -> u64 {
        let dfg = &self.b.func.dfg;
        let value = dfg.resolve_aliases(value);
        let any = u64::MAX >> (64 - dfg.value_type(value).bits());
        let (Some(inst), true) = (dfg.value_def(value).inst(), depth > 0) else {
            return any;
        };
        let most = |value| self.most_within(value, depth - 1);
        let constant = |value| self.known_integer(value).map(i64::cast_unsigned);
        // A shift by more does something else.
        let shift = |by| constant(by).filter(|by| *by < 32);
        let found = match dfg.insts[inst] {
            InstructionData::UnaryImm { .. } => constant(value).map(|constant| constant & any),
            InstructionData::IntCompare { .. } | InstructionData::FloatCompare { .. } => Some(1),
            InstructionData::Load { opcode, .. } => match opcode {
                Opcode::Uload8 => Some(u8::MAX.into()),
                Opcode::Uload16 => Some(u16::MAX.into()),
                Opcode::Uload32 => Some(u32::MAX.into()),
                _ => None,
            },
            InstructionData::Unary {
                opcode: Opcode::Uextend | Opcode::Ireduce,
                arg,
            } => Some(most(arg)),
            InstructionData::Binary {
                opcode,
                args: [a, b],
            } => match opcode {
                Opcode::Band => Some(most(a).min(most(b))),
                Opcode::Bor | Opcode::Bxor => {
                    let unused = (most(a) | most(b)).leading_zeros();
                    Some(u64::MAX.checked_shr(unused).unwrap_or(0))
                }
                Opcode::Iadd => most(a).checked_add(most(b)),
                Opcode::Imul => most(a).checked_mul(most(b)),
                Opcode::Ishl => shift(b).and_then(|by| most(a).checked_mul(1 << by)),
                Opcode::Ushr => shift(b).map(|by| most(a) >> by),
                _ => None,
            },
            InstructionData::Ternary {
                opcode: Opcode::Select,
                args: [_, a, b],
            } => Some(most(a).max(most(b))),
            _ => None,
        };
        found.filter(|found| *found <= any).unwrap_or(any)
    }
}
