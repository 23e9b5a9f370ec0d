//! Accesses of vectors to memory.

use cranelift_codegen::ir::types::{
    F32, F32X4, F64, F64X2, I8, I8X16, I16, I16X8, I32, I32X4, I64, I64X2,
};
use cranelift_codegen::ir::{InstBuilder, Type};
use wasmparser::{MemArg, Operator};

use crate::contents::Load;
use crate::function::Func;

impl Func<'_> {
    /// Translates an access of a vector to memory. Gives whether the operator is one.
    pub(super) fn vector_memory(&mut self, operator: &Operator<'_>) -> bool {
        /// A load of 64 bits, of which each lane becomes twice as wide.
        macro_rules! widening {
            ($memarg:expr, $load:ident) => {{
                let (flags, at, offset) = self.access($memarg, 8);
                let value = self.b.ins().$load(flags, at, offset);
                self.push_lanes(value);
            }};
        }
        match operator {
            Operator::V128Load { memarg } => self.load(memarg, Load::whole(I8X16)),
            Operator::V128Store { memarg } => self.store(memarg, 16),
            Operator::V128Load8x8S { memarg } => widening!(memarg, sload8x8),
            Operator::V128Load8x8U { memarg } => widening!(memarg, uload8x8),
            Operator::V128Load16x4S { memarg } => widening!(memarg, sload16x4),
            Operator::V128Load16x4U { memarg } => widening!(memarg, uload16x4),
            Operator::V128Load32x2S { memarg } => widening!(memarg, sload32x2),
            Operator::V128Load32x2U { memarg } => widening!(memarg, uload32x2),
            Operator::V128Load8Splat { memarg } => self.load_splat(memarg, I8, I8X16),
            Operator::V128Load16Splat { memarg } => self.load_splat(memarg, I16, I16X8),
            Operator::V128Load32Splat { memarg } => self.load_splat(memarg, I32, I32X4),
            Operator::V128Load64Splat { memarg } => self.load_splat(memarg, I64, I64X2),
            // Lane 0 in the register of a float is all that is loaded.
            Operator::V128Load32Zero { memarg } => self.load_zero(memarg, F32, F32X4),
            Operator::V128Load64Zero { memarg } => self.load_zero(memarg, F64, F64X2),
            Operator::V128Load8Lane { memarg, lane } => self.load_lane(memarg, I8, I8X16, *lane),
            Operator::V128Load16Lane { memarg, lane } => self.load_lane(memarg, I16, I16X8, *lane),
            Operator::V128Load32Lane { memarg, lane } => self.load_lane(memarg, I32, I32X4, *lane),
            Operator::V128Load64Lane { memarg, lane } => self.load_lane(memarg, I64, I64X2, *lane),
            Operator::V128Store8Lane { memarg, lane } => self.store_lane(memarg, I8X16, *lane),
            Operator::V128Store16Lane { memarg, lane } => self.store_lane(memarg, I16X8, *lane),
            Operator::V128Store32Lane { memarg, lane } => self.store_lane(memarg, I32X4, *lane),
            Operator::V128Store64Lane { memarg, lane } => self.store_lane(memarg, I64X2, *lane),
            _ => return false,
        }
        true
    }

    fn load_splat(&mut self, memarg: &MemArg, lane: Type, ty: Type) {
        let (flags, at, offset) = self.access(memarg, lane.bytes().into());
        let value = self.b.ins().load(lane, flags, at, offset);
        let value = self.b.ins().splat(ty, value);
        self.push_lanes(value);
    }

    fn load_zero(&mut self, memarg: &MemArg, lane: Type, ty: Type) {
        let (flags, at, offset) = self.access(memarg, lane.bytes().into());
        let value = self.b.ins().load(lane, flags, at, offset);
        let value = self.b.ins().scalar_to_vector(ty, value);
        self.push_lanes(value);
    }

    fn load_lane(&mut self, memarg: &MemArg, lane: Type, ty: Type, number: u8) {
        let vector = self.pop_lanes(ty);
        let (flags, at, offset) = self.access(memarg, lane.bytes().into());
        let value = self.b.ins().load(lane, flags, at, offset);
        let value = self.b.ins().insertlane(vector, value, number);
        self.push_lanes(value);
    }

    fn store_lane(&mut self, memarg: &MemArg, ty: Type, number: u8) {
        let vector = self.pop_lanes(ty);
        let (flags, at, offset) = self.access(memarg, ty.lane_type().bytes().into());
        let value = self.b.ins().extractlane(vector, number);
        self.b.ins().store(flags, value, at, offset);
        self.effect();
    }
}
