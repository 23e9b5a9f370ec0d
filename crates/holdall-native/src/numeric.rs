//! Numeric instructions on scalars.

use cranelift_codegen::ir::condcodes::{CondCode, FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32, F64, I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value};
use holdall_core::native::{Feature, Isa, Runtime};
use holdall_core::trap::TrapCode;
use wasmparser::Operator;

use crate::division;
use crate::function::Func;

/// A rounding to whole numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rounding {
    Ceil,
    Floor,
    Trunc,
    Nearest,
}

/// Translates an operator by its row, which names Cranelift's instruction. Gives whether there is such a row.
macro_rules! rows {
    ($func:ident, $operator:ident;
     unary { $($($unary:ident)|+ => $unary_inst:ident;)* }
     binary { $($($binary:ident)|+ => $binary_inst:ident;)* }
     float_unary { $($($float_unary:ident)|+ => $float_unary_inst:ident;)* }
     float_binary { $($($float_binary:ident)|+ => $float_binary_inst:ident;)* }
     compare { $($($compare:ident)|+ => $compare_inst:ident($cond:expr);)* }
     convert { $($($convert:ident)|+ => $convert_inst:ident($to:ident);)* }
     float_convert { $($($float_convert:ident)|+ => $float_convert_inst:ident($float_to:ident);)* }
     other { $($($other:ident)|+ => $method:ident($($arg:expr),*);)* }
    ) => {
        match $operator {
            $($(Operator::$unary)|+ => {
                let a = $func.pop();
                let value = $func.b.ins().$unary_inst(a);
                $func.push(value);
            })*
            $($(Operator::$binary)|+ => {
                let (a, b) = $func.pop2();
                let value = $func.b.ins().$binary_inst(a, b);
                $func.push(value);
            })*
            $($(Operator::$float_unary)|+ => {
                let a = $func.pop();
                let value = $func.b.ins().$float_unary_inst(a);
                $func.push_float(value);
            })*
            $($(Operator::$float_binary)|+ => {
                let (a, b) = $func.pop2();
                let value = $func.b.ins().$float_binary_inst(a, b);
                $func.push_float(value);
            })*
            $($(Operator::$compare)|+ => {
                let (a, b) = $func.pop2();
                let holds = $func.b.ins().$compare_inst($cond, a, b);
                $func.push_bool(holds);
            })*
            $($(Operator::$convert)|+ => {
                let a = $func.pop();
                let value = $func.b.ins().$convert_inst($to, a);
                $func.push(value);
            })*
            $($(Operator::$float_convert)|+ => {
                let a = $func.pop();
                let value = $func.b.ins().$float_convert_inst($float_to, a);
                $func.push_float(value);
            })*
            $($(Operator::$other)|+ => $func.$method($($arg),*),)*
            _ => return false,
        }
    };
}

impl Func<'_> {
    /// Translates a numeric operator. Gives whether the operator is one.
    pub(crate) fn numeric(&mut self, operator: &Operator<'_>) -> bool {
        rows! { self, operator;
            unary {
                I32Clz | I64Clz => clz;
                I32Ctz | I64Ctz => ctz;
                I32Popcnt | I64Popcnt => popcnt;
                F32Abs | F64Abs => fabs;
                F32Neg | F64Neg => fneg;
            }
            binary {
                I32Add | I64Add => iadd;
                I32Sub | I64Sub => isub;
                I32Mul | I64Mul => imul;
                I32And | I64And => band;
                I32Or | I64Or => bor;
                I32Xor | I64Xor => bxor;
                I32Shl | I64Shl => ishl;
                I32ShrS | I64ShrS => sshr;
                I32ShrU | I64ShrU => ushr;
                I32Rotl | I64Rotl => rotl;
                I32Rotr | I64Rotr => rotr;
                F32Copysign | F64Copysign => fcopysign;
            }
            float_unary {
                F32Sqrt | F64Sqrt => sqrt;
            }
            float_binary {
                F32Add | F64Add => fadd;
                F32Sub | F64Sub => fsub;
                F32Mul | F64Mul => fmul;
                F32Div | F64Div => fdiv;
                F32Min | F64Min => fmin;
                F32Max | F64Max => fmax;
            }
            compare {
                I32Eq | I64Eq => icmp(IntCC::Equal);
                I32Ne | I64Ne => icmp(IntCC::NotEqual);
                I32LtS | I64LtS => icmp(IntCC::SignedLessThan);
                I32LtU | I64LtU => icmp(IntCC::UnsignedLessThan);
                I32GtS | I64GtS => icmp(IntCC::SignedGreaterThan);
                I32GtU | I64GtU => icmp(IntCC::UnsignedGreaterThan);
                I32LeS | I64LeS => icmp(IntCC::SignedLessThanOrEqual);
                I32LeU | I64LeU => icmp(IntCC::UnsignedLessThanOrEqual);
                I32GeS | I64GeS => icmp(IntCC::SignedGreaterThanOrEqual);
                I32GeU | I64GeU => icmp(IntCC::UnsignedGreaterThanOrEqual);
                F32Eq | F64Eq => fcmp(FloatCC::Equal);
                F32Ne | F64Ne => fcmp(FloatCC::NotEqual);
                F32Lt | F64Lt => fcmp(FloatCC::LessThan);
                F32Gt | F64Gt => fcmp(FloatCC::GreaterThan);
                F32Le | F64Le => fcmp(FloatCC::LessThanOrEqual);
                F32Ge | F64Ge => fcmp(FloatCC::GreaterThanOrEqual);
            }
            convert {
                I32WrapI64 => ireduce(I32);
                I64ExtendI32S => sextend(I64);
                I64ExtendI32U => uextend(I64);
                I32TruncSatF32S | I32TruncSatF64S => fcvt_to_sint_sat(I32);
                I32TruncSatF32U | I32TruncSatF64U => fcvt_to_uint_sat(I32);
                I64TruncSatF32S | I64TruncSatF64S => fcvt_to_sint_sat(I64);
                I64TruncSatF32U | I64TruncSatF64U => fcvt_to_uint_sat(I64);
                F32ConvertI32S | F32ConvertI64S => fcvt_from_sint(F32);
                F32ConvertI32U | F32ConvertI64U => fcvt_from_uint(F32);
                F64ConvertI32S | F64ConvertI64S => fcvt_from_sint(F64);
                F64ConvertI32U | F64ConvertI64U => fcvt_from_uint(F64);
            }
            float_convert {
                F32DemoteF64 => fdemote(F32);
                F64PromoteF32 => fpromote(F64);
            }
            other {
                I32Eqz | I64Eqz => is_zero();
                I32DivS | I64DivS => div_s();
                I32DivU | I64DivU => div_u();
                I32RemS | I64RemS => rem_s();
                I32RemU | I64RemU => rem_u();
                I32Extend8S => extend_from(I8, I32);
                I32Extend16S => extend_from(I16, I32);
                I64Extend8S => extend_from(I8, I64);
                I64Extend16S => extend_from(I16, I64);
                I64Extend32S => extend_from(I32, I64);
                I32TruncF32S => trunc(I32, true, -2_147_483_904.0, 2_147_483_648.0);
                I32TruncF32U => trunc(I32, false, -1.0, 4_294_967_296.0);
                I32TruncF64S => trunc(I32, true, -2_147_483_649.0, 2_147_483_648.0);
                I32TruncF64U => trunc(I32, false, -1.0, 4_294_967_296.0);
                I64TruncF32S => trunc(I64, true, -9_223_373_136_366_403_584.0, 9_223_372_036_854_775_808.0);
                I64TruncF32U => trunc(I64, false, -1.0, 18_446_744_073_709_551_616.0);
                I64TruncF64S => trunc(I64, true, -9_223_372_036_854_777_856.0, 9_223_372_036_854_775_808.0);
                I64TruncF64U => trunc(I64, false, -1.0, 18_446_744_073_709_551_616.0);
                I32ReinterpretF32 => reinterpret(I32);
                I64ReinterpretF64 => reinterpret(I64);
                F32ReinterpretI32 => reinterpret(F32);
                F64ReinterpretI64 => reinterpret(F64);
                F32Ceil | F64Ceil => round(Rounding::Ceil);
                F32Floor | F64Floor => round(Rounding::Floor);
                F32Trunc | F64Trunc => round(Rounding::Trunc);
                F32Nearest | F64Nearest => round(Rounding::Nearest);
            }
        }
        true
    }

    /// Pushes the result of an operator that can make a NaN.
    fn push_float(&mut self, value: Value) {
        let value = self.canonical(value);
        self.push(value);
    }

    /// Pushes the `i32` 0 or 1 for a condition of 8 bits.
    pub(crate) fn push_bool(&mut self, holds: Value) {
        let value = self.b.ins().uextend(I32, holds);
        self.push(value);
    }

    fn is_zero(&mut self) {
        let a = self.pop();
        let holds = match self.inverse(a) {
            Some(holds) => holds,
            None => self.b.ins().icmp_imm_u(IntCC::Equal, a, 0),
        };
        self.push_bool(holds);
    }

    /// The inverse of a comparison, as a condition of 8 bits, if a value is the result of one.
    fn inverse(&mut self, value: Value) -> Option<Value> {
        let dfg = &self.b.func.dfg;
        let made_by = |value: Value| {
            let inst = dfg.value_def(dfg.resolve_aliases(value)).inst()?;
            Some(dfg.insts[inst])
        };
        let InstructionData::Unary {
            opcode: Opcode::Uextend,
            arg,
        } = made_by(value)?
        else {
            return None;
        };
        match made_by(arg)? {
            InstructionData::IntCompare {
                args: [a, b], cond, ..
            } => Some(self.b.ins().icmp(cond.complement(), a, b)),
            InstructionData::FloatCompare {
                args: [a, b], cond, ..
            } => Some(self.b.ins().fcmp(cond.complement(), a, b)),
            _ => None,
        }
    }

    fn extend_from(&mut self, narrow: Type, wide: Type) {
        let a = self.pop();
        let low = self.b.ins().ireduce(narrow, a);
        let value = self.b.ins().sextend(wide, low);
        self.push(value);
    }

    fn reinterpret(&mut self, ty: Type) {
        let a = self.pop();
        let value = self.b.ins().bitcast(ty, MemFlagsData::new(), a);
        self.push(value);
    }

    /// The number that a value is known to be, sign-extended.
    pub(crate) fn known_integer(&self, value: Value) -> Option<i64> {
        let dfg = &self.b.func.dfg;
        let inst = dfg.value_def(dfg.resolve_aliases(value)).inst()?;
        let opcode = Opcode::Iconst;
        match dfg.insts[inst] {
            InstructionData::UnaryImm { opcode: has, imm } if has == opcode => {
                let unused = 64 - dfg.value_type(value).bits();
                Some(imm.bits() << unused >> unused)
            }
            _ => None,
        }
    }

    /// Pops the operands of a division or a remainder, and traps where the divisor is zero.
    fn dividend_and_divisor(&mut self) -> (Value, Value) {
        let (a, b) = self.pop2();
        if self.known_integer(b).is_none_or(|b| b == 0) {
            let is_zero = self.b.ins().icmp_imm_u(IntCC::Equal, b, 0);
            self.trap_if(is_zero, TrapCode::IntegerDivideByZero);
        }
        (a, b)
    }

    /// The number that a divisor is known to be, zero-extended and sign-extended, if that is not zero.
    fn known_divisor(&self, divisor: Value) -> Option<(u64, i64)> {
        let signed = self.known_integer(divisor).filter(|known| *known != 0)?;
        let unsigned = match self.b.func.dfg.value_type(divisor) {
            I32 => u64::from(signed as u32),
            _ => signed.cast_unsigned(),
        };
        Some((unsigned, signed))
    }

    fn div_s(&mut self) {
        let (a, b) = self.dividend_and_divisor();
        if let Some((_, divisor)) = self.known_divisor(b)
            && divisor != -1
            && let Some(quotient) = division::div_s(&mut self.b, a, divisor)
        {
            return self.push(quotient);
        }
        if self.known_integer(b).is_none_or(|b| b == -1) {
            self.effect();
            let (negated, next) = (self.cold_block(), self.b.create_block());
            let negates = self.b.ins().icmp_imm_s(IntCC::Equal, b, -1);
            self.b.ins().brif(negates, negated, &[], next, &[]);
            self.go_on_in(negated);
            let least = i64::MIN >> (64 - self.b.func.dfg.value_type(a).bits());
            let overflows = self.b.ins().icmp_imm_s(IntCC::Equal, a, least);
            let trap = self.trap_block(TrapCode::IntegerOverflow);
            self.b.ins().brif(overflows, trap, &[], next, &[]);
            self.go_on_in(next);
        }
        let value = self.b.ins().sdiv(a, b);
        self.push(value);
    }

    fn div_u(&mut self) {
        let (a, b) = self.dividend_and_divisor();
        let value = match self.known_divisor(b) {
            Some((divisor, _)) => division::div_u(&mut self.b, a, divisor),
            None => self.b.ins().udiv(a, b),
        };
        self.push(value);
    }

    fn rem_s(&mut self) {
        let (a, b) = self.dividend_and_divisor();
        if let Some((_, divisor)) = self.known_divisor(b)
            && let Some(rest) = division::rem_s(&mut self.b, a, divisor)
        {
            return self.push(rest);
        }
        let value = self.b.ins().srem(a, b);
        self.push(value);
    }

    fn rem_u(&mut self) {
        let (a, b) = self.dividend_and_divisor();
        let value = match self.known_divisor(b) {
            Some((divisor, _)) => division::rem_u(&mut self.b, a, divisor),
            None => self.b.ins().urem(a, b),
        };
        self.push(value);
    }

    /// Truncates a float to an integer of type `ty`. Traps unless the float lies above `low` and below `high`.
    fn trunc(&mut self, ty: Type, signed: bool, low: f64, high: f64) {
        let a = self.pop();
        self.effect();
        let (outside, is_above, is_within) = (
            self.cold_block(),
            self.b.create_block(),
            self.b.create_block(),
        );
        let low = self.float_like(a, low);
        let above = self.b.ins().fcmp(FloatCC::GreaterThan, a, low);
        self.b.ins().brif(above, is_above, &[], outside, &[]);
        self.go_on_in(is_above);
        let high = self.float_like(a, high);
        let below = self.b.ins().fcmp(FloatCC::LessThan, a, high);
        self.b.ins().brif(below, is_within, &[], outside, &[]);
        self.go_on_in(outside);
        let is_nan = self.b.ins().fcmp(FloatCC::Unordered, a, a);
        let invalid = self.trap_block(TrapCode::InvalidConversionToInteger);
        let overflow = self.trap_block(TrapCode::IntegerOverflow);
        self.b.ins().brif(is_nan, invalid, &[], overflow, &[]);
        self.go_on_in(is_within);
        // What saturates has no checks of its own, or fewer.
        let value = match signed {
            true => self.b.ins().fcvt_to_sint_sat(ty, a),
            false => self.b.ins().fcvt_to_uint_sat(ty, a),
        };
        self.push(value);
    }

    /// A constant of the type of another float. The type has the number.
    fn float_like(&mut self, other: Value, number: f64) -> Value {
        match self.b.func.dfg.value_type(other) {
            F32 => self.b.ins().f32const(number as f32),
            _ => self.b.ins().f64const(number),
        }
    }

    fn round(&mut self, rounding: Rounding) {
        let a = self.pop();
        let value = self.rounded(a, rounding);
        self.push_float(value);
    }

    /// A float, or each lane of a vector of floats, as a whole number.
    pub(crate) fn rounded(&mut self, a: Value, rounding: Rounding) -> Value {
        if self.module.options.isa == Isa::X86_64 && !self.has(Feature::Sse41) {
            return self.rounded_elsewhere(a, rounding);
        }
        match rounding {
            Rounding::Ceil => self.b.ins().ceil(a),
            Rounding::Floor => self.b.ins().floor(a),
            Rounding::Trunc => self.b.ins().trunc(a),
            Rounding::Nearest => self.b.ins().nearest(a),
        }
    }

    /// As [`rounded`](Self::rounded), where the processor has no instruction that rounds.
    fn rounded_elsewhere(&mut self, a: Value, rounding: Rounding) -> Value {
        let ty = self.b.func.dfg.value_type(a);
        let call = match (rounding, ty.lane_type()) {
            (Rounding::Ceil, F32) => Runtime::CeilF32,
            (Rounding::Floor, F32) => Runtime::FloorF32,
            (Rounding::Trunc, F32) => Runtime::TruncF32,
            (Rounding::Nearest, F32) => Runtime::NearestF32,
            (Rounding::Ceil, _) => Runtime::CeilF64,
            (Rounding::Floor, _) => Runtime::FloorF64,
            (Rounding::Trunc, _) => Runtime::TruncF64,
            (Rounding::Nearest, _) => Runtime::NearestF64,
        };
        if !ty.is_vector() {
            return self.rounded_by_runtime(call, a);
        }
        let mut all = a;
        for number in 0..ty.lane_count() as u8 {
            let lane = self.b.ins().extractlane(a, number);
            let lane = self.rounded_by_runtime(call, lane);
            all = self.b.ins().insertlane(all, lane, number);
        }
        all
    }

    /// Makes a float, or a vector of floats, canonical where it is a NaN.
    pub(crate) fn canonical_nan(&mut self, value: Value) -> Value {
        let ty = self.b.func.dfg.value_type(value);
        let is_nan = self.b.ins().fcmp(FloatCC::Unordered, value, value);
        let nan = match ty.lane_type() {
            F32 => self.b.ins().f32const(f32::from_bits(0x7fc0_0000)),
            _ => self.b.ins().f64const(f64::from_bits(0x7ff8_0000_0000_0000)),
        };
        if !ty.is_vector() {
            return self.b.ins().select(is_nan, nan, value);
        }
        let nan = self.b.ins().splat(ty, nan);
        let is_nan = self.as_lanes(is_nan, ty);
        self.b.ins().bitselect(is_nan, nan, value)
    }
}
