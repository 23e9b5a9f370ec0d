//! Vector instructions on floats, and conversions.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::types::{F32X4, F64X2, I32, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type};
use holdall_core::native::{Feature, Isa};
use wasmparser::Operator;

use crate::function::Func;
use crate::numeric::Rounding;

/// Translates an operator by its row, which names the instruction. Gives whether there is such a row.
macro_rules! rows {
    ($func:ident, $operator:ident;
     unary { $($($unary:ident)|+ => $unary_inst:ident $unary_ty:ident;)* }
     float_unary { $($($float_unary:ident)|+ => $float_unary_inst:ident $float_unary_ty:ident;)* }
     float_binary { $($($float_binary:ident)|+ => $float_binary_inst:ident $float_binary_ty:ident;)* }
     compare { $($cond:ident { $($compare:ident $compare_ty:ident;)* })* }
     other { $($($other:ident)|+ => $method:ident($($arg:expr),*);)* }
    ) => {
        match $operator {
            $($(Operator::$unary)|+ => {
                let a = $func.pop_lanes($unary_ty);
                let value = $func.b.ins().$unary_inst(a);
                $func.push_lanes(value);
            })*
            $($(Operator::$float_unary)|+ => {
                let a = $func.pop_lanes($float_unary_ty);
                let value = $func.b.ins().$float_unary_inst(a);
                $func.push_float_lanes(value);
            })*
            $($(Operator::$float_binary)|+ => {
                let (a, b) = $func.pop2_lanes($float_binary_ty);
                let value = $func.b.ins().$float_binary_inst(a, b);
                $func.push_float_lanes(value);
            })*
            $($(Operator::$compare => {
                let (a, b) = $func.pop2_lanes($compare_ty);
                let mask = $func.b.ins().fcmp(FloatCC::$cond, a, b);
                $func.push_lanes(mask);
            })*)*
            $($(Operator::$other)|+ => $func.$method($($arg),*),)*
            _ => return false,
        }
    };
}

impl Func<'_> {
    /// Translates an operator on vectors of floats. Gives whether the operator is one.
    pub(super) fn vector_floats(&mut self, operator: &Operator<'_>) -> bool {
        rows! { self, operator;
            unary {
                F32x4Abs => fabs F32X4;
                F64x2Abs => fabs F64X2;
                F32x4Neg => fneg F32X4;
                F64x2Neg => fneg F64X2;
            }
            float_unary {
                F32x4Sqrt => sqrt F32X4;
                F64x2Sqrt => sqrt F64X2;
                F32x4DemoteF64x2Zero => fvdemote F64X2;
                F64x2PromoteLowF32x4 => fvpromote_low F32X4;
            }
            float_binary {
                F32x4Add => fadd F32X4;
                F64x2Add => fadd F64X2;
                F32x4Sub => fsub F32X4;
                F64x2Sub => fsub F64X2;
                F32x4Mul => fmul F32X4;
                F64x2Mul => fmul F64X2;
                F32x4Div => fdiv F32X4;
                F64x2Div => fdiv F64X2;
                F32x4Min | F32x4RelaxedMin => fmin F32X4;
                F64x2Min | F64x2RelaxedMin => fmin F64X2;
                F32x4Max | F32x4RelaxedMax => fmax F32X4;
                F64x2Max | F64x2RelaxedMax => fmax F64X2;
            }
            compare {
                Equal { F32x4Eq F32X4; F64x2Eq F64X2; }
                NotEqual { F32x4Ne F32X4; F64x2Ne F64X2; }
                LessThan { F32x4Lt F32X4; F64x2Lt F64X2; }
                GreaterThan { F32x4Gt F32X4; F64x2Gt F64X2; }
                LessThanOrEqual { F32x4Le F32X4; F64x2Le F64X2; }
                GreaterThanOrEqual { F32x4Ge F32X4; F64x2Ge F64X2; }
            }
            other {
                F32x4Ceil => round_lanes(F32X4, Rounding::Ceil);
                F64x2Ceil => round_lanes(F64X2, Rounding::Ceil);
                F32x4Floor => round_lanes(F32X4, Rounding::Floor);
                F64x2Floor => round_lanes(F64X2, Rounding::Floor);
                F32x4Trunc => round_lanes(F32X4, Rounding::Trunc);
                F64x2Trunc => round_lanes(F64X2, Rounding::Trunc);
                F32x4Nearest => round_lanes(F32X4, Rounding::Nearest);
                F64x2Nearest => round_lanes(F64X2, Rounding::Nearest);
                F32x4PMin => pseudo_min(F32X4);
                F64x2PMin => pseudo_min(F64X2);
                F32x4PMax => pseudo_max(F32X4);
                F64x2PMax => pseudo_max(F64X2);
                F32x4RelaxedMadd => multiply_add(F32X4, false);
                F64x2RelaxedMadd => multiply_add(F64X2, false);
                F32x4RelaxedNmadd => multiply_add(F32X4, true);
                F64x2RelaxedNmadd => multiply_add(F64X2, true);
                F32x4ConvertI32x4S => convert(true);
                F32x4ConvertI32x4U => convert(false);
                F64x2ConvertLowI32x4S => convert_low(true);
                F64x2ConvertLowI32x4U => convert_low(false);
                I32x4TruncSatF32x4S | I32x4RelaxedTruncF32x4S => trunc_sat(true);
                I32x4TruncSatF32x4U | I32x4RelaxedTruncF32x4U => trunc_sat(false);
                I32x4TruncSatF64x2SZero | I32x4RelaxedTruncF64x2SZero => trunc_sat_signed_zero();
                I32x4TruncSatF64x2UZero | I32x4RelaxedTruncF64x2UZero => trunc_sat_unsigned_zero();
            }
        }
        true
    }

    fn round_lanes(&mut self, ty: Type, rounding: Rounding) {
        let a = self.pop_lanes(ty);
        let value = self.rounded(a, rounding);
        self.push_float_lanes(value);
    }

    /// The lanes of `b` that are less than those of `a`, and the others of `a`.
    fn pseudo_min(&mut self, ty: Type) {
        let (a, b) = self.pop2_lanes(ty);
        let less = self.b.ins().fcmp(FloatCC::LessThan, b, a);
        let less = self.as_lanes(less, ty);
        let value = self.b.ins().bitselect(less, b, a);
        self.push_lanes(value);
    }

    /// The lanes of `b` that are greater than those of `a`, and the others of `a`.
    fn pseudo_max(&mut self, ty: Type) {
        let (a, b) = self.pop2_lanes(ty);
        let less = self.b.ins().fcmp(FloatCC::LessThan, a, b);
        let less = self.as_lanes(less, ty);
        let value = self.b.ins().bitselect(less, b, a);
        self.push_lanes(value);
    }

    /// A product that is rounded, or its negation, plus a third vector.
    fn multiply_add(&mut self, ty: Type, negates: bool) {
        let c = self.pop_lanes(ty);
        let (mut a, b) = self.pop2_lanes(ty);
        if negates {
            a = self.b.ins().fneg(a);
        }
        let product = self.b.ins().fmul(a, b);
        let value = self.b.ins().fadd(product, c);
        self.push_float_lanes(value);
    }

    fn convert(&mut self, signed: bool) {
        let a = self.pop_lanes(I32X4);
        let value = match signed {
            true => self.b.ins().fcvt_from_sint(F32X4, a),
            false => self.b.ins().fcvt_from_uint(F32X4, a),
        };
        self.push_lanes(value);
    }

    fn convert_low(&mut self, signed: bool) {
        let a = self.pop_lanes(I32X4);
        let value = match signed {
            true => {
                let wide = self.b.ins().swiden_low(a);
                self.b.ins().fcvt_from_sint(F64X2, wide)
            }
            false => {
                let wide = self.b.ins().uwiden_low(a);
                self.b.ins().fcvt_from_uint(F64X2, wide)
            }
        };
        self.push_lanes(value);
    }

    fn trunc_sat(&mut self, signed: bool) {
        let a = self.pop_lanes(F32X4);
        let value = match signed {
            true => self.b.ins().fcvt_to_sint_sat(I32X4, a),
            false => self.b.ins().fcvt_to_uint_sat(I32X4, a),
        };
        self.push_lanes(value);
    }

    fn trunc_sat_signed_zero(&mut self) {
        let a = self.pop_lanes(F64X2);
        let wide = self.b.ins().fcvt_to_sint_sat(I64X2, a);
        let zero = self.vector_constant(I64X2, [0; 16]);
        let value = self.b.ins().snarrow(wide, zero);
        self.push_lanes(value);
    }

    fn trunc_sat_unsigned_zero(&mut self) {
        let a = self.pop_lanes(F64X2);
        let value = if self.module.options.isa == Isa::X86_64 && !self.has(Feature::Sse41) {
            let mut all = self.vector_constant(I32X4, [0; 16]);
            for number in [0u8, 1] {
                let lane = self.b.ins().extractlane(a, number);
                let lane = self.b.ins().fcvt_to_uint_sat(I32, lane);
                all = self.b.ins().insertlane(all, lane, number);
            }
            all
        } else {
            let wide = self.b.ins().fcvt_to_uint_sat(I64X2, a);
            let zero = self.vector_constant(I64X2, [0; 16]);
            self.b.ins().uunarrow(wide, zero)
        };
        self.push_lanes(value);
    }
}
