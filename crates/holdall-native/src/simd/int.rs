//! Vector instructions on integers and on bits.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Value};
use wasmparser::Operator;

use crate::function::Func;

/// Translates an operator by its row, which names the instruction and the lanes of the operands. Gives whether
/// there is such a row. `extended` rows widen each operand by the first instruction or instructions.
macro_rules! rows {
    ($func:ident, $operator:ident;
     unary { $($unary_inst:ident { $($unary:ident $unary_ty:ident;)* })* }
     binary { $($inst:ident { $($($binary:ident)|+ $ty:ident;)* })* }
     compare { $($cond:ident { $($compare:ident $compare_ty:ident;)* })* }
     shift { $($shift_inst:ident { $($shift:ident $shift_ty:ident;)* })* }
     multiply { $($extend:ident { $($multiply:ident $multiply_ty:ident;)* })* }
     pairwise { $($low:ident $high:ident { $($pairwise:ident $pairwise_ty:ident;)* })* }
     other { $($($other:ident)|+ => $method:ident();)* }
    ) => {
        match $operator {
            $($(Operator::$unary => {
                let a = $func.pop_lanes($unary_ty);
                let value = $func.b.ins().$unary_inst(a);
                $func.push_lanes(value);
            })*)*
            $($($(Operator::$binary)|+ => {
                let (a, b) = $func.pop2_lanes($ty);
                let value = $func.b.ins().$inst(a, b);
                $func.push_lanes(value);
            })*)*
            $($(Operator::$compare => {
                let (a, b) = $func.pop2_lanes($compare_ty);
                let mask = $func.b.ins().icmp(IntCC::$cond, a, b);
                $func.push_lanes(mask);
            })*)*
            $($(Operator::$shift => {
                let by = $func.pop();
                let a = $func.pop_lanes($shift_ty);
                let value = $func.b.ins().$shift_inst(a, by);
                $func.push_lanes(value);
            })*)*
            $($(Operator::$multiply => {
                let (a, b) = $func.pop2_lanes($multiply_ty);
                let a = $func.b.ins().$extend(a);
                let b = $func.b.ins().$extend(b);
                let value = $func.b.ins().imul(a, b);
                $func.push_lanes(value);
            })*)*
            $($(Operator::$pairwise => {
                let a = $func.pop_lanes($pairwise_ty);
                let low = $func.b.ins().$low(a);
                let high = $func.b.ins().$high(a);
                let value = $func.b.ins().iadd_pairwise(low, high);
                $func.push_lanes(value);
            })*)*
            $($(Operator::$other)|+ => $func.$method(),)*
            _ => return false,
        }
    };
}

impl Func<'_> {
    /// Translates an operator on vectors of integers, or of bits. Gives whether the operator is one.
    pub(super) fn vector_integers(&mut self, operator: &Operator<'_>) -> bool {
        rows! { self, operator;
            unary {
                bnot { V128Not I8X16; }
                iabs { I8x16Abs I8X16; I16x8Abs I16X8; I32x4Abs I32X4; I64x2Abs I64X2; }
                ineg { I8x16Neg I8X16; I16x8Neg I16X8; I32x4Neg I32X4; I64x2Neg I64X2; }
                popcnt { I8x16Popcnt I8X16; }
                swiden_low {
                    I16x8ExtendLowI8x16S I8X16; I32x4ExtendLowI16x8S I16X8; I64x2ExtendLowI32x4S I32X4;
                }
                swiden_high {
                    I16x8ExtendHighI8x16S I8X16; I32x4ExtendHighI16x8S I16X8; I64x2ExtendHighI32x4S I32X4;
                }
                uwiden_low {
                    I16x8ExtendLowI8x16U I8X16; I32x4ExtendLowI16x8U I16X8; I64x2ExtendLowI32x4U I32X4;
                }
                uwiden_high {
                    I16x8ExtendHighI8x16U I8X16; I32x4ExtendHighI16x8U I16X8; I64x2ExtendHighI32x4U I32X4;
                }
            }
            binary {
                band { V128And I8X16; }
                band_not { V128AndNot I8X16; }
                bor { V128Or I8X16; }
                bxor { V128Xor I8X16; }
                iadd { I8x16Add I8X16; I16x8Add I16X8; I32x4Add I32X4; I64x2Add I64X2; }
                isub { I8x16Sub I8X16; I16x8Sub I16X8; I32x4Sub I32X4; I64x2Sub I64X2; }
                imul { I16x8Mul I16X8; I32x4Mul I32X4; I64x2Mul I64X2; }
                sadd_sat { I8x16AddSatS I8X16; I16x8AddSatS I16X8; }
                uadd_sat { I8x16AddSatU I8X16; I16x8AddSatU I16X8; }
                ssub_sat { I8x16SubSatS I8X16; I16x8SubSatS I16X8; }
                usub_sat { I8x16SubSatU I8X16; I16x8SubSatU I16X8; }
                smin { I8x16MinS I8X16; I16x8MinS I16X8; I32x4MinS I32X4; }
                umin { I8x16MinU I8X16; I16x8MinU I16X8; I32x4MinU I32X4; }
                smax { I8x16MaxS I8X16; I16x8MaxS I16X8; I32x4MaxS I32X4; }
                umax { I8x16MaxU I8X16; I16x8MaxU I16X8; I32x4MaxU I32X4; }
                avg_round { I8x16AvgrU I8X16; I16x8AvgrU I16X8; }
                snarrow { I8x16NarrowI16x8S I16X8; I16x8NarrowI32x4S I32X4; }
                unarrow { I8x16NarrowI16x8U I16X8; I16x8NarrowI32x4U I32X4; }
                sqmul_round_sat { I16x8Q15MulrSatS | I16x8RelaxedQ15mulrS I16X8; }
            }
            compare {
                Equal { I8x16Eq I8X16; I16x8Eq I16X8; I32x4Eq I32X4; I64x2Eq I64X2; }
                NotEqual { I8x16Ne I8X16; I16x8Ne I16X8; I32x4Ne I32X4; I64x2Ne I64X2; }
                SignedLessThan { I8x16LtS I8X16; I16x8LtS I16X8; I32x4LtS I32X4; I64x2LtS I64X2; }
                UnsignedLessThan { I8x16LtU I8X16; I16x8LtU I16X8; I32x4LtU I32X4; }
                SignedGreaterThan { I8x16GtS I8X16; I16x8GtS I16X8; I32x4GtS I32X4; I64x2GtS I64X2; }
                UnsignedGreaterThan { I8x16GtU I8X16; I16x8GtU I16X8; I32x4GtU I32X4; }
                SignedLessThanOrEqual {
                    I8x16LeS I8X16; I16x8LeS I16X8; I32x4LeS I32X4; I64x2LeS I64X2;
                }
                UnsignedLessThanOrEqual { I8x16LeU I8X16; I16x8LeU I16X8; I32x4LeU I32X4; }
                SignedGreaterThanOrEqual {
                    I8x16GeS I8X16; I16x8GeS I16X8; I32x4GeS I32X4; I64x2GeS I64X2;
                }
                UnsignedGreaterThanOrEqual { I8x16GeU I8X16; I16x8GeU I16X8; I32x4GeU I32X4; }
            }
            shift {
                ishl { I8x16Shl I8X16; I16x8Shl I16X8; I32x4Shl I32X4; I64x2Shl I64X2; }
                sshr { I8x16ShrS I8X16; I16x8ShrS I16X8; I32x4ShrS I32X4; I64x2ShrS I64X2; }
                ushr { I8x16ShrU I8X16; I16x8ShrU I16X8; I32x4ShrU I32X4; I64x2ShrU I64X2; }
            }
            multiply {
                swiden_low {
                    I16x8ExtMulLowI8x16S I8X16; I32x4ExtMulLowI16x8S I16X8; I64x2ExtMulLowI32x4S I32X4;
                }
                swiden_high {
                    I16x8ExtMulHighI8x16S I8X16; I32x4ExtMulHighI16x8S I16X8; I64x2ExtMulHighI32x4S I32X4;
                }
                uwiden_low {
                    I16x8ExtMulLowI8x16U I8X16; I32x4ExtMulLowI16x8U I16X8; I64x2ExtMulLowI32x4U I32X4;
                }
                uwiden_high {
                    I16x8ExtMulHighI8x16U I8X16; I32x4ExtMulHighI16x8U I16X8; I64x2ExtMulHighI32x4U I32X4;
                }
            }
            pairwise {
                swiden_low swiden_high { I16x8ExtAddPairwiseI8x16S I8X16; I32x4ExtAddPairwiseI16x8S I16X8; }
                uwiden_low uwiden_high { I16x8ExtAddPairwiseI8x16U I8X16; I32x4ExtAddPairwiseI16x8U I16X8; }
            }
            other {
                V128Bitselect | I8x16RelaxedLaneselect | I16x8RelaxedLaneselect
                    | I32x4RelaxedLaneselect | I64x2RelaxedLaneselect => bit_select();
                I32x4DotI16x8S => dot();
                I16x8RelaxedDotI8x16I7x16S => dot_bytes();
                I32x4RelaxedDotI8x16I7x16AddS => dot_bytes_add();
            }
        }
        true
    }

    fn bit_select(&mut self) {
        let (a, b, mask) = self.pop3();
        let value = self.b.ins().bitselect(mask, a, b);
        self.push(value);
    }

    /// The sums of the products of each two neighbours, as signed integers twice as wide.
    fn dot_product(&mut self, a: Value, b: Value) -> Value {
        let (a_low, b_low) = (self.b.ins().swiden_low(a), self.b.ins().swiden_low(b));
        let low = self.b.ins().imul(a_low, b_low);
        let (a_high, b_high) = (self.b.ins().swiden_high(a), self.b.ins().swiden_high(b));
        let high = self.b.ins().imul(a_high, b_high);
        self.b.ins().iadd_pairwise(low, high)
    }

    fn dot(&mut self) {
        let (a, b) = self.pop2_lanes(I16X8);
        let value = self.dot_product(a, b);
        self.push_lanes(value);
    }

    fn dot_bytes(&mut self) {
        let (a, b) = self.pop2_lanes(I8X16);
        let value = self.dot_product(a, b);
        self.push_lanes(value);
    }

    fn dot_bytes_add(&mut self) {
        let c = self.pop_lanes(I32X4);
        let (a, b) = self.pop2_lanes(I8X16);
        let dot = self.dot_product(a, b);
        let low = self.b.ins().swiden_low(dot);
        let high = self.b.ins().swiden_high(dot);
        let sums = self.b.ins().iadd_pairwise(low, high);
        let value = self.b.ins().iadd(sums, c);
        self.push_lanes(value);
    }
}
