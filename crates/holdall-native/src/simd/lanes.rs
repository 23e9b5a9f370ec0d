//! Instructions that make vectors, and that take them apart.

use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use wasmparser::Operator;

use crate::function::Func;

impl Func<'_> {
    /// Translates an operator that makes a vector of scalars, a scalar of a vector, or that moves lanes. Gives
    /// whether the operator is one.
    pub(super) fn vector_lanes(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::V128Const { value } => {
                let value = self.vector_constant(I8X16, *value.bytes());
                self.push(value);
            }
            Operator::I8x16Splat => self.splat(I8X16),
            Operator::I16x8Splat => self.splat(I16X8),
            Operator::I32x4Splat => self.splat(I32X4),
            Operator::I64x2Splat => self.splat(I64X2),
            Operator::F32x4Splat => self.splat(F32X4),
            Operator::F64x2Splat => self.splat(F64X2),
            Operator::I8x16ExtractLaneS { lane } => self.extract_narrow(I8X16, *lane, true),
            Operator::I8x16ExtractLaneU { lane } => self.extract_narrow(I8X16, *lane, false),
            Operator::I16x8ExtractLaneS { lane } => self.extract_narrow(I16X8, *lane, true),
            Operator::I16x8ExtractLaneU { lane } => self.extract_narrow(I16X8, *lane, false),
            Operator::I32x4ExtractLane { lane } => self.extract(I32X4, *lane),
            Operator::I64x2ExtractLane { lane } => self.extract(I64X2, *lane),
            Operator::F32x4ExtractLane { lane } => self.extract(F32X4, *lane),
            Operator::F64x2ExtractLane { lane } => self.extract(F64X2, *lane),
            Operator::I8x16ReplaceLane { lane } => self.replace(I8X16, *lane),
            Operator::I16x8ReplaceLane { lane } => self.replace(I16X8, *lane),
            Operator::I32x4ReplaceLane { lane } => self.replace(I32X4, *lane),
            Operator::I64x2ReplaceLane { lane } => self.replace(I64X2, *lane),
            Operator::F32x4ReplaceLane { lane } => self.replace(F32X4, *lane),
            Operator::F64x2ReplaceLane { lane } => self.replace(F64X2, *lane),
            Operator::V128AnyTrue => {
                let vector = self.pop();
                let holds = self.b.ins().vany_true(vector);
                self.push_bool(holds);
            }
            Operator::I8x16AllTrue => self.all_true(I8X16),
            Operator::I16x8AllTrue => self.all_true(I16X8),
            Operator::I32x4AllTrue => self.all_true(I32X4),
            Operator::I64x2AllTrue => self.all_true(I64X2),
            Operator::I8x16Bitmask => self.bitmask(I8X16),
            Operator::I16x8Bitmask => self.bitmask(I16X8),
            Operator::I32x4Bitmask => self.bitmask(I32X4),
            Operator::I64x2Bitmask => self.bitmask(I64X2),
            Operator::I8x16Shuffle { lanes } => self.shuffle(*lanes),
            Operator::I8x16Swizzle | Operator::I8x16RelaxedSwizzle => self.swizzle(),
            _ => return false,
        }
        true
    }

    /// Pops a scalar that is to be a lane of a vector.
    fn pop_lane(&mut self, ty: Type) -> Value {
        let value = self.pop();
        let lane = ty.lane_type();
        match lane.bits() < 32 {
            true => self.b.ins().ireduce(lane, value),
            false => value,
        }
    }

    fn splat(&mut self, ty: Type) {
        let lane = self.pop_lane(ty);
        let value = self.b.ins().splat(ty, lane);
        self.push_lanes(value);
    }

    fn extract(&mut self, ty: Type, number: u8) {
        let vector = self.pop_lanes(ty);
        let value = self.b.ins().extractlane(vector, number);
        self.push(value);
    }

    fn extract_narrow(&mut self, ty: Type, number: u8, signed: bool) {
        let vector = self.pop_lanes(ty);
        let lane = self.b.ins().extractlane(vector, number);
        let value = match signed {
            true => self.b.ins().sextend(I32, lane),
            false => self.b.ins().uextend(I32, lane),
        };
        self.push(value);
    }

    fn replace(&mut self, ty: Type, number: u8) {
        let lane = self.pop_lane(ty);
        let vector = self.pop_lanes(ty);
        let value = self.b.ins().insertlane(vector, lane, number);
        self.push_lanes(value);
    }

    fn all_true(&mut self, ty: Type) {
        let vector = self.pop_lanes(ty);
        let holds = self.b.ins().vall_true(vector);
        self.push_bool(holds);
    }

    fn bitmask(&mut self, ty: Type) {
        let vector = self.pop_lanes(ty);
        let mask = self.b.ins().vhigh_bits(I32, vector);
        self.push(mask);
    }
}
