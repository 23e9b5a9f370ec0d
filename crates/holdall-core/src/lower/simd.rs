//! The vector operators. Operands come from slots and from accumulators: of the modes that a shape has,
//! the lowering takes the one that reads the most operands from accumulators.

use wasmparser::{MemArg, Operator};

use super::operands::{Class, Entry, Lowering, Place};
use crate::ir::{
    Row, Shape, Src, VECTOR_COMMUTING, VECTOR_LANES, VECTOR_PAIRS, VECTOR_SHIFTS, VECTOR_SRCS,
    VECTOR_STORES, VECTOR_STORES_IN, VECTOR_TRIPLES, Word,
};

use super::memories::memory_of;
use super::translate::imm;
use Class::{F32, F64, Int, V128};

impl Lowering<'_> {
    /// Lowers a vector operator, or another that `translate` does not have.
    pub(super) fn vector(&mut self, operator: &Operator<'_>) {
        macro_rules! lower_as {
            ($row:expr, $method:ident($($arg:expr)?)) => { self.$method($row $(, $arg)?) };
        }
        /// Lowers operators that are rows of the same name, or of the name after the arrow.
        macro_rules! rows {
            ($($method:ident $args:tt: $($name:ident $(=> $row:ident)?)*;)*) => {
                match *operator {
                    $($(Operator::$name => return lower_as!(rows!(@ $name $($row)?), $method $args),)*)*
                    _ => {}
                }
            };
            (@ $name:ident) => { Row::$name };
            (@ $name:ident $row:ident) => { Row::$row };
        }
        /// Lowers operators with fields, which are rows of the same name.
        macro_rules! rows_with {
            ($($fields:tt => $method:ident($arg:expr): $($name:ident)*;)*) => {
                match *operator {
                    $($(Operator::$name $fields => return self.$method(Row::$name, $arg),)*)*
                    _ => {}
                }
            };
        }
        rows! {
            vector_binary(): V128And V128AndNot V128Or V128Xor
                I8x16Eq I8x16Ne I8x16LtS I8x16LtU I8x16LeS I8x16LeU
                I16x8Eq I16x8Ne I16x8LtS I16x8LtU I16x8LeS I16x8LeU
                I32x4Eq I32x4Ne I32x4LtS I32x4LtU I32x4LeS I32x4LeU
                I64x2Eq I64x2Ne I64x2LtS I64x2LeS
                I8x16NarrowI16x8S I8x16NarrowI16x8U I16x8NarrowI32x4S I16x8NarrowI32x4U
                I8x16Add I8x16AddSatS I8x16AddSatU I8x16Sub I8x16SubSatS I8x16SubSatU
                I8x16MinS I8x16MinU I8x16MaxS I8x16MaxU I8x16AvgrU
                I16x8Add I16x8AddSatS I16x8AddSatU I16x8Sub I16x8SubSatS I16x8SubSatU I16x8Mul
                I16x8MinS I16x8MinU I16x8MaxS I16x8MaxU I16x8AvgrU
                I16x8Q15MulrSatS I16x8RelaxedQ15mulrS => I16x8Q15MulrSatS
                I16x8ExtMulLowI8x16S I16x8ExtMulHighI8x16S I16x8ExtMulLowI8x16U
                I16x8ExtMulHighI8x16U I16x8RelaxedDotI8x16I7x16S
                I32x4Add I32x4Sub I32x4Mul I32x4MinS I32x4MinU I32x4MaxS I32x4MaxU I32x4DotI16x8S
                I32x4ExtMulLowI16x8S I32x4ExtMulHighI16x8S I32x4ExtMulLowI16x8U
                I32x4ExtMulHighI16x8U
                I64x2Add I64x2Sub I64x2Mul I64x2ExtMulLowI32x4S I64x2ExtMulHighI32x4S
                I64x2ExtMulLowI32x4U I64x2ExtMulHighI32x4U
                I8x16Swizzle I8x16RelaxedSwizzle => I8x16Swizzle
                F32x4Eq F32x4Ne F32x4Lt F32x4Le F32x4PMin F32x4PMax
                F64x2Eq F64x2Ne F64x2Lt F64x2Le F64x2PMin F64x2PMax;
            vector_swapped(): I8x16GtS => I8x16LtS I8x16GtU => I8x16LtU I8x16GeS => I8x16LeS
                I8x16GeU => I8x16LeU
                I16x8GtS => I16x8LtS I16x8GtU => I16x8LtU I16x8GeS => I16x8LeS I16x8GeU => I16x8LeU
                I32x4GtS => I32x4LtS I32x4GtU => I32x4LtU I32x4GeS => I32x4LeS I32x4GeU => I32x4LeU
                I64x2GtS => I64x2LtS I64x2GeS => I64x2LeS
                F32x4Gt => F32x4Lt F32x4Ge => F32x4Le F64x2Gt => F64x2Lt F64x2Ge => F64x2Le;
            vector_unary(): V128Not I8x16Abs I8x16Neg I8x16Popcnt
                I16x8Abs I16x8Neg I16x8ExtAddPairwiseI8x16S I16x8ExtAddPairwiseI8x16U
                I16x8ExtendLowI8x16S I16x8ExtendHighI8x16S I16x8ExtendLowI8x16U
                I16x8ExtendHighI8x16U
                I32x4Abs I32x4Neg I32x4ExtAddPairwiseI16x8S I32x4ExtAddPairwiseI16x8U
                I32x4ExtendLowI16x8S I32x4ExtendHighI16x8S I32x4ExtendLowI16x8U
                I32x4ExtendHighI16x8U
                I64x2Abs I64x2Neg I64x2ExtendLowI32x4S I64x2ExtendHighI32x4S I64x2ExtendLowI32x4U
                I64x2ExtendHighI32x4U
                F32x4Abs F32x4Neg F64x2Abs F64x2Neg
                I32x4TruncSatF32x4S I32x4TruncSatF32x4U
                I32x4TruncSatF64x2SZero I32x4TruncSatF64x2UZero
                I32x4RelaxedTruncF32x4S => I32x4TruncSatF32x4S
                I32x4RelaxedTruncF32x4U => I32x4TruncSatF32x4U
                I32x4RelaxedTruncF64x2SZero => I32x4TruncSatF64x2SZero
                I32x4RelaxedTruncF64x2UZero => I32x4TruncSatF64x2UZero
                F32x4ConvertI32x4S F32x4ConvertI32x4U F64x2ConvertLowI32x4S F64x2ConvertLowI32x4U;
            vector_arithmetic(Row::F32x4Canonical): F32x4Add F32x4Sub F32x4Mul F32x4Div
                F32x4Min F32x4Max F32x4RelaxedMin => F32x4Min F32x4RelaxedMax => F32x4Max;
            vector_arithmetic(Row::F64x2Canonical): F64x2Add F64x2Sub F64x2Mul F64x2Div
                F64x2Min F64x2Max F64x2RelaxedMin => F64x2Min F64x2RelaxedMax => F64x2Max;
            vector_rounding(Row::F32x4Canonical): F32x4Sqrt F32x4Ceil F32x4Floor F32x4Trunc
                F32x4Nearest F32x4DemoteF64x2Zero;
            vector_rounding(Row::F64x2Canonical): F64x2Sqrt F64x2Ceil F64x2Floor F64x2Trunc
                F64x2Nearest F64x2PromoteLowF32x4;
            vector_ternary(): V128Bitselect
                I8x16RelaxedLaneselect => V128Bitselect I16x8RelaxedLaneselect => V128Bitselect
                I32x4RelaxedLaneselect => V128Bitselect I64x2RelaxedLaneselect => V128Bitselect
                I32x4RelaxedDotI8x16I7x16AddS;
            vector_multiply_add(Row::F32x4Canonical): F32x4RelaxedMadd F32x4RelaxedNmadd;
            vector_multiply_add(Row::F64x2Canonical): F64x2RelaxedMadd F64x2RelaxedNmadd;
            vector_shift(): I8x16Shl I8x16ShrS I8x16ShrU I16x8Shl I16x8ShrS I16x8ShrU
                I32x4Shl I32x4ShrS I32x4ShrU I64x2Shl I64x2ShrS I64x2ShrU;
            vector_test(): V128AnyTrue I8x16AllTrue I8x16Bitmask I16x8AllTrue I16x8Bitmask
                I32x4AllTrue I32x4Bitmask I64x2AllTrue I64x2Bitmask;
            unary(V128): I8x16Splat I16x8Splat I32x4Splat I64x2Splat F32x4Splat F64x2Splat;
        }
        rows_with! {
            { lane } => extract_lane((Int, lane)): I8x16ExtractLaneS I8x16ExtractLaneU
                I16x8ExtractLaneS I16x8ExtractLaneU I32x4ExtractLane I64x2ExtractLane;
            { lane } => extract_lane((F32, lane)): F32x4ExtractLane;
            { lane } => extract_lane((F64, lane)): F64x2ExtractLane;
            { lane } => replace_lane(lane): I8x16ReplaceLane I16x8ReplaceLane I32x4ReplaceLane
                I64x2ReplaceLane F32x4ReplaceLane F64x2ReplaceLane;
            { memarg } => vector_load(memarg): V128Load V128Load8x8U V128Load32Splat V128Load64Splat;
        }
        match *operator {
            Operator::V128Const { value } => {
                self.produce_words(Row::V128ConstA, 0, [0; 2], *value.bytes());
            }
            Operator::I8x16Shuffle { lanes } => {
                let (rhs, lhs) = (self.pop(), self.pop());
                let (mode, fields) = self.choose([lhs, rhs], pairs(VECTOR_PAIRS));
                self.produce_words(Row::I8x16Shuffle, 2 * mode, fields, lanes);
            }
            Operator::V128Load8Splat { memarg } => {
                self.load_splat(Row::Load8U, Row::I8x16Splat, memarg);
            }
            Operator::V128Load16Splat { memarg } => {
                self.load_splat(Row::Load16U, Row::I16x8Splat, memarg);
            }
            Operator::V128Load8x8S { memarg } => {
                self.load_extended(Row::I16x8ExtendLowI8x16S, memarg);
            }
            Operator::V128Load16x4S { memarg } => {
                self.load_extended(Row::I32x4ExtendLowI16x8S, memarg);
            }
            Operator::V128Load16x4U { memarg } => {
                self.load_extended(Row::I32x4ExtendLowI16x8U, memarg);
            }
            Operator::V128Load32x2S { memarg } => {
                self.load_extended(Row::I64x2ExtendLowI32x4S, memarg);
            }
            Operator::V128Load32x2U { memarg } => {
                self.load_extended(Row::I64x2ExtendLowI32x4U, memarg);
            }
            Operator::V128Load32Zero { memarg } => self.load_zero(Row::I32Load, memarg),
            Operator::V128Load64Zero { memarg } => self.load_zero(Row::I64Load, memarg),
            Operator::V128Store { memarg } => self.vector_store(memarg),
            Operator::V128Load8Lane { memarg, lane } => {
                self.load_lane(Row::Load8U, Row::I8x16ReplaceLane, memarg, lane);
            }
            Operator::V128Load16Lane { memarg, lane } => {
                self.load_lane(Row::Load16U, Row::I16x8ReplaceLane, memarg, lane);
            }
            Operator::V128Load32Lane { memarg, lane } => {
                self.load_lane(Row::I32Load, Row::I32x4ReplaceLane, memarg, lane);
            }
            Operator::V128Load64Lane { memarg, lane } => {
                self.load_lane(Row::I64Load, Row::I64x2ReplaceLane, memarg, lane);
            }
            Operator::V128Store8Lane { memarg, lane } => {
                self.store_lane(Row::Store8, Row::I8x16ExtractLaneU, memarg, lane);
            }
            Operator::V128Store16Lane { memarg, lane } => {
                self.store_lane(Row::Store16, Row::I16x8ExtractLaneU, memarg, lane);
            }
            Operator::V128Store32Lane { memarg, lane } => {
                self.store_lane(Row::Store32, Row::I32x4ExtractLane, memarg, lane);
            }
            Operator::V128Store64Lane { memarg, lane } => {
                self.store_lane(Row::Store64, Row::I64x2ExtractLane, memarg, lane);
            }
            _ => self.atomic_or_wide(operator),
        }
    }

    /// Emits an instruction that two words of data follow, and pushes its result.
    fn produce_words(&mut self, row: Row, mode: u16, fields: [u16; 2], data: [u8; 16]) {
        let data = u128::from_le_bytes(data);
        self.produce(V128, row, mode, fields, Some(data as u64));
        self.code.push(Word::data((data >> 64) as u64));
    }

    /// Which of the modes of a shape reads the most of the popped operands from accumulators or as
    /// immediates, and the operands' fields.
    fn choose<const N: usize>(
        &mut self,
        operands: [Entry; N],
        modes: impl Iterator<Item = [Src; N]>,
    ) -> (u16, [u16; N]) {
        let accs = operands.map(|operand| self.in_acc(operand));
        let imms = operands.map(|operand| match operand.place {
            Place::Const(bits) => imm(bits),
            Place::Local { .. } | Place::Temp => None,
        });
        let fits = |srcs: &[Src; N]| {
            (0..N).all(|at| match srcs[at] {
                Src::S => true,
                Src::I => imms[at].is_some(),
                other => accs[at] == Some(other),
            })
        };
        let saved = |srcs: &[Src; N]| srcs.iter().filter(|src| **src != Src::S).count();
        let mut best = (0, [Src::S; N]);
        for (mode, srcs) in modes.enumerate() {
            if fits(&srcs) && saved(&srcs) > saved(&best.1) {
                best = (mode as u16, srcs);
            }
        }
        let fields = std::array::from_fn(|at| {
            let operand = operands[at];
            match (best.1[at], imms[at], operand.place) {
                (Src::I, Some(imm), _) => imm,
                (Src::S, _, Place::Const(_)) => self.slot(operand),
                (Src::S, ..) if accs[at].is_some() => self.slot(operand),
                _ => self.source(operand).1,
            }
        });
        (best.0, fields)
    }

    fn vector_binary(&mut self, row: Row) {
        let (rhs, lhs) = (self.pop(), self.pop());
        self.vector_pair(row, lhs, rhs);
    }

    /// A comparison that is the row's with the operands swapped.
    fn vector_swapped(&mut self, row: Row) {
        let (rhs, lhs) = (self.pop(), self.pop());
        self.vector_pair(row, rhs, lhs);
    }

    fn vector_pair(&mut self, row: Row, lhs: Entry, rhs: Entry) {
        let (mode, fields) = if row.shape() == Shape::VectorCommuting {
            let is_turned = matches!(
                (self.in_acc(lhs), self.in_acc(rhs)),
                (Some(Src::A), _) | (_, Some(Src::B))
            );
            let operands = if is_turned { [rhs, lhs] } else { [lhs, rhs] };
            self.choose(operands, pairs(VECTOR_COMMUTING))
        } else {
            self.choose([lhs, rhs], pairs(VECTOR_PAIRS))
        };
        self.produce(V128, row, 2 * mode, fields, None);
    }

    fn vector_unary(&mut self, row: Row) {
        let value = self.pop();
        let (mode, [field]) = self.choose([value], VECTOR_SRCS.iter().map(|src| [*src]));
        self.produce(V128, row, 2 * mode, [field, 0], None);
    }

    /// Makes the NaNs in the lanes on top of the stack canonical, where the settings ask for that.
    fn vector_canonical(&mut self, row: Row) {
        if self.settings.canonical_nans {
            self.vector_unary(row);
        }
    }

    /// An operator whose result may have a NaN of any bits.
    fn vector_arithmetic(&mut self, row: Row, canonical: Row) {
        self.vector_binary(row);
        self.vector_canonical(canonical);
    }

    /// An operator of one operand whose result may have a NaN of any bits.
    fn vector_rounding(&mut self, row: Row, canonical: Row) {
        self.vector_unary(row);
        self.vector_canonical(canonical);
    }

    /// An operator of three operands whose result may have a NaN of any bits.
    fn vector_multiply_add(&mut self, row: Row, canonical: Row) {
        self.vector_ternary(row);
        self.vector_canonical(canonical);
    }

    fn vector_ternary(&mut self, row: Row) {
        let (third, second, first) = (self.pop(), self.pop(), self.pop());
        let triples = VECTOR_TRIPLES
            .iter()
            .map(|triple| <[Src; 3]>::from(*triple));
        let (mode, [b, c, w]) = self.choose([first, second, third], triples);
        self.produce(V128, row, 2 * mode, [b, c], Some(w.into()));
    }

    fn vector_shift(&mut self, row: Row) {
        let (by, value) = (self.pop(), self.pop());
        let (mode, fields) = self.choose([value, by], pairs(VECTOR_SHIFTS));
        self.produce(V128, row, 2 * mode, fields, None);
    }

    fn vector_test(&mut self, row: Row) {
        self.extract_lane(row, (Int, 0));
    }

    fn extract_lane(&mut self, row: Row, (out, lane): (Class, u8)) {
        let value = self.pop();
        let (mode, [field]) = self.choose([value], VECTOR_SRCS.iter().map(|src| [*src]));
        self.produce(out, row, 2 * mode, [field, lane.into()], None);
    }

    fn replace_lane(&mut self, row: Row, lane: u8) {
        let (value, vector) = (self.pop(), self.pop());
        self.replace(row, vector, value, lane);
    }

    fn replace(&mut self, row: Row, vector: Entry, value: Entry, lane: u8) {
        let (mode, fields) = self.choose([vector, value], pairs(VECTOR_LANES));
        self.produce(V128, row, 2 * mode, fields, Some(lane.into()));
    }

    /// A load that is a row, in memory 0 with addresses of 32 bits. In other memories all but one are made
    /// of a load of an integer and an operator, as rarer loads are in all memories.
    fn vector_load(&mut self, row: Row, memarg: MemArg) {
        match row {
            _ if !self.names_memory(memarg) => self.load(row, V128, memarg),
            Row::V128Load32Splat => self.load_splat(Row::I32Load, Row::I32x4Splat, memarg),
            Row::V128Load64Splat => self.load_splat(Row::I64Load, Row::I64x2Splat, memarg),
            Row::V128Load8x8U => self.load_extended(Row::I16x8ExtendLowI8x16U, memarg),
            _ => self.load_in(Row::V128LoadIn, V128, memarg),
        }
    }

    fn load_splat(&mut self, load: Row, splat: Row, memarg: MemArg) {
        self.load(load, Int, memarg);
        self.unary(splat, V128);
    }

    /// A load of lanes of half the width is a load of the low half of a vector, whose lanes are extended.
    fn load_extended(&mut self, extend: Row, memarg: MemArg) {
        self.load_splat(Row::I64Load, Row::I64x2Splat, memarg);
        self.vector_unary(extend);
    }

    /// A load of the lowest lane is a load of an integer, which replaces the low half of zero.
    fn load_zero(&mut self, load: Row, memarg: MemArg) {
        self.load(load, Int, memarg);
        let value = self.pop();
        // Behind the value's slot, which is still to be read.
        self.push(Place::Temp, Int);
        self.produce_words(Row::V128ConstA, 0, [0; 2], [0; 16]);
        let vector = self.pop();
        self.pop();
        self.replace(Row::I64x2ReplaceLane, vector, value, 0);
    }

    fn vector_store(&mut self, memarg: MemArg) {
        let (value, entry) = (self.pop(), self.pop());
        let (row, addr, field, last, wide) = if self.names_memory(memarg) {
            let (addr, field, wide) = self.address_in(entry, memarg);
            (
                Row::V128StoreIn,
                addr,
                field,
                memory_of(memarg) as u16,
                Some(wide),
            )
        } else {
            let (addr, field, near, wide) = self.address(entry, memarg);
            (Row::V128Store, addr, field, near, wide)
        };
        let (src, vector) = self.source_a(value);
        let modes = match row {
            Row::V128Store => VECTOR_STORES,
            _ => VECTOR_STORES_IN,
        };
        let at = modes.iter().position(|mode| *mode == (addr, src));
        let mode = at.expect("a store has every address with a slot or the accumulator") as u16;
        self.emit(Word::new(row.op(mode), field, vector, last));
        self.code.extend(wide.map(Word::data));
    }

    /// A load of a lane is a load of an integer, which then replaces the lane.
    fn load_lane(&mut self, load: Row, replace: Row, memarg: MemArg, lane: u8) {
        // The vector's slots are behind that of the address, where the integer goes.
        let vector = self.pop();
        self.load(load, Int, memarg);
        let value = self.pop();
        self.replace(replace, vector, value, lane);
    }

    /// A store of a lane is a store of the integer that is extracted from the lane.
    fn store_lane(&mut self, store: Row, extract: Row, memarg: MemArg, lane: u8) {
        self.extract_lane(extract, (Int, lane));
        self.store(store, memarg);
    }
}

/// The modes of a shape with two operands.
fn pairs(modes: &[(Src, Src)]) -> impl Iterator<Item = [Src; 2]> {
    modes.iter().map(|pair| <[Src; 2]>::from(*pair))
}
