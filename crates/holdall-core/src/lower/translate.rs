//! The operators, one by one. Blocks, branches and calls are elsewhere.

use wasmparser::{MemArg, Operator};

use super::Stop;
use super::operands::{Class, Entry, Lowering, Place};
use crate::ir::{
    Addr, CMP_PAIRS, FLOAT_PAIRS, INT_PAIRS, LOAD_MODES, Row, SELECT_PAIRS, STORE_MODES, Src,
    UNARY_SRCS, Word,
};

use Class::{F32, F64, Int, V128};

/// The mode of a pair of operands that the list has.
fn pair_mode(pairs: &[(Src, Src)], pair: (Src, Src)) -> u16 {
    let at = pairs.iter().position(|other| *other == pair);
    at.expect("the lowering asks for pairs that the shape has") as u16
}

/// A constant as an operand of `row`. Where the row takes only 32 bits of the operand, those are
/// sign-extended, so that more constants fit an immediate.
pub(super) fn operand_of(row: Row, mut entry: Entry) -> Entry {
    if let Place::Const(bits) = &mut entry.place
        && row.takes_32_bits()
    {
        *bits = i64::from((*bits as u32).cast_signed()).cast_unsigned();
    }
    entry
}

/// A 32-bit number as the second and third field of an instruction.
fn long_fields(long: u32) -> [u16; 2] {
    let word = Word::with_long(0, 0, long);
    [word.b, word.c]
}

/// A constant as the 16 bits of an immediate, where they suffice.
pub(super) fn imm(bits: u64) -> Option<u16> {
    i16::try_from(bits.cast_signed())
        .ok()
        .map(i16::cast_unsigned)
}

/// Where an operand is read from, the operand's field, and the word that follows the instruction.
type Operand = (Src, u16, Option<u64>);

impl Lowering<'_> {
    /// Lowers the next operator.
    pub(super) fn operator(&mut self, operator: &Operator<'_>) -> Result<(), Stop> {
        match *operator {
            Operator::Block { blockty } => self.block(blockty),
            Operator::Loop { blockty } => self.loop_(blockty),
            Operator::If { blockty } => self.if_(blockty),
            Operator::Else => self.else_()?,
            Operator::End => self.end()?,
            Operator::TryTable { ref try_table } => self.try_table(try_table)?,
            Operator::Try { blockty } => self.try_(blockty),
            Operator::Catch { tag_index } => self.catch(Some(tag_index)),
            Operator::CatchAll => self.catch(None),
            Operator::Delegate { relative_depth } => self.delegate(relative_depth)?,
            _ if self.dead => {}
            Operator::Br { relative_depth } => self.br(relative_depth)?,
            Operator::BrIf { relative_depth } => self.br_if(relative_depth)?,
            Operator::BrOnNull { relative_depth } => self.br_on_null(relative_depth)?,
            Operator::BrOnNonNull { relative_depth } => self.br_on_non_null(relative_depth)?,
            Operator::BrOnCast {
                relative_depth,
                to_ref_type,
                ..
            } => self.br_on_cast(to_ref_type, false, relative_depth)?,
            Operator::BrOnCastFail {
                relative_depth,
                to_ref_type,
                ..
            } => self.br_on_cast(to_ref_type, true, relative_depth)?,
            Operator::BrTable { ref targets } => self.br_table(targets)?,
            Operator::Throw { tag_index } => self.throw(tag_index),
            Operator::ThrowRef => self.throw_ref(),
            Operator::Rethrow { relative_depth } => self.rethrow(relative_depth)?,
            _ => self.plain(operator),
        }
        self.store_result();
        if self.frame_slots() > self.near_end && !self.form.wide {
            return Err(Stop::FarSlots);
        }
        Ok(())
    }

    fn plain(&mut self, operator: &Operator<'_>) {
        macro_rules! lower_as {
            ($row:expr, $method:ident($($arg:expr)?)) => { self.$method($row $(, $arg)?) };
        }
        /// Lowers operators that are rows of the same name.
        macro_rules! rows {
            ($($method:ident $args:tt: $($name:ident)*;)*) => {
                match *operator {
                    $($(Operator::$name => return lower_as!(Row::$name, $method $args),)*)*
                    _ => {}
                }
            };
        }
        rows! {
            int_binary(true): I32Add I32Mul I32And I32Or I32Xor I64Add I64Mul I64And I64Or I64Xor;
            int_binary(false): I32Sub I32DivS I32DivU I32RemS I32RemU I32Shl I32ShrS I32ShrU I32Rotl
                I32Rotr I64Sub I64DivS I64DivU I64RemS I64RemU I64Shl I64ShrS I64ShrU I64Rotl
                I64Rotr;
            int_compare(): I32Eq I32Ne I32LtS I32LtU I32GtS I32GtU I32LeS I32LeU I32GeS I32GeU
                I64Eq I64Ne I64LtS I64LtU I64GtS I64GtU I64LeS I64LeU I64GeS I64GeU;
            float_arithmetic(F32): F32Add F32Sub F32Mul F32Div F32Min F32Max;
            float_arithmetic(F64): F64Add F64Sub F64Mul F64Div F64Min F64Max;
            float_binary(F32): F32Copysign;
            float_binary(F64): F64Copysign;
            float_binary(Int): F32Eq F32Ne F32Lt F32Le F64Eq F64Ne F64Lt F64Le;
            unary(Int): I32Clz I32Ctz I32Popcnt I32Extend8S I32Extend16S I64Clz I64Ctz I64Popcnt
                I64Extend8S I64Extend16S I64Extend32S I32WrapI64 I64ExtendI32S
                I32TruncF32S I32TruncF32U I32TruncF64S I32TruncF64U I64TruncF32S I64TruncF32U
                I64TruncF64S I64TruncF64U I32TruncSatF32S I32TruncSatF32U I32TruncSatF64S
                I32TruncSatF64U I64TruncSatF32S I64TruncSatF32U I64TruncSatF64S I64TruncSatF64U
                I32ReinterpretF32 I64ReinterpretF64;
            float_unary(F32): F32Ceil F32Floor F32Trunc F32Nearest F32Sqrt F32DemoteF64;
            float_unary(F64): F64Ceil F64Floor F64Trunc F64Nearest F64Sqrt F64PromoteF32;
            unary(F32): F32Abs F32Neg F32ConvertI32S F32ConvertI32U F32ConvertI64S F32ConvertI64U
                F32ReinterpretI32;
            unary(F64): F64Abs F64Neg F64ConvertI32S F64ConvertI32U F64ConvertI64S F64ConvertI64U
                F64ReinterpretI64;
        }
        match *operator {
            Operator::F32Gt => self.float_swapped(Row::F32Lt),
            Operator::F32Ge => self.float_swapped(Row::F32Le),
            Operator::F64Gt => self.float_swapped(Row::F64Lt),
            Operator::F64Ge => self.float_swapped(Row::F64Le),
            Operator::I32Eqz => {
                if !self.negate_last() {
                    self.push(Place::Const(0), Int);
                    self.int_compare(Row::I32Eq);
                }
            }
            Operator::I64Eqz | Operator::RefIsNull => {
                self.push(Place::Const(0), Int);
                self.int_compare(Row::I64Eq);
            }

            Operator::I32Const { value } => self.constant(Int, value.cast_unsigned().into()),
            Operator::I64Const { value } => self.constant(Int, value.cast_unsigned()),
            Operator::F32Const { value } => self.constant(F32, value.bits().into()),
            Operator::F64Const { value } => self.constant(F64, value.bits()),
            // An `i32` is the same bits as the `i64`.
            Operator::I64ExtendI32U => {}
            Operator::RefNull { .. } => self.constant(Int, 0),
            Operator::RefFunc { function_index } => {
                self.produce_long(Row::RefFuncA, function_index)
            }

            Operator::RefAsNonNull => self.ref_as_non_null(),
            Operator::RefTestNonNull { hty } => self.ref_test(hty, false),
            Operator::RefTestNullable { hty } => self.ref_test(hty, true),
            Operator::RefCastNonNull { hty } => self.ref_cast(hty, false),
            Operator::RefCastNullable { hty } => self.ref_cast(hty, true),
            Operator::CallRef { type_index } => self.call_ref(type_index),
            Operator::ReturnCallRef { type_index } => self.return_call_ref(type_index),

            Operator::LocalGet { local_index } => self.get_local(local_index),
            Operator::LocalSet { local_index } => self.set_local(local_index),
            Operator::LocalTee { local_index } => self.tee_local(local_index),
            Operator::GlobalGet { global_index } => self.global_get(global_index),
            Operator::GlobalSet { global_index } => self.global_set(global_index),

            Operator::Drop => {
                let value = self.pop();
                self.discard(value);
            }
            Operator::Select | Operator::TypedSelect { .. } => self.select(),
            Operator::Unreachable => {
                self.emit(Word::new(Row::Unreachable.op(0), 0, 0, 0));
                self.dead = true;
            }
            Operator::Return => {
                self.return_values(self.function_results());
                self.dead = true;
            }
            Operator::Call { function_index } => self.call(function_index),
            Operator::CallIndirect {
                type_index,
                table_index,
            } => self.call_indirect(type_index, table_index),
            Operator::ReturnCall { function_index } => self.return_call(function_index),
            Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } => self.return_call_indirect(type_index, table_index),
            _ => self.memory_or_table(operator),
        }
    }

    fn memory_or_table(&mut self, operator: &Operator<'_>) {
        match *operator {
            Operator::I32Load { memarg } | Operator::I64Load32U { memarg } => {
                self.load(Row::I32Load, Int, memarg);
            }
            Operator::I32Load8S { memarg } => self.load(Row::I32Load8S, Int, memarg),
            Operator::I32Load8U { memarg } | Operator::I64Load8U { memarg } => {
                self.load(Row::Load8U, Int, memarg);
            }
            Operator::I32Load16S { memarg } => self.load(Row::I32Load16S, Int, memarg),
            Operator::I32Load16U { memarg } | Operator::I64Load16U { memarg } => {
                self.load(Row::Load16U, Int, memarg);
            }
            Operator::I64Load { memarg } => self.load(Row::I64Load, Int, memarg),
            Operator::I64Load8S { memarg } => self.load(Row::I64Load8S, Int, memarg),
            Operator::I64Load16S { memarg } => self.load(Row::I64Load16S, Int, memarg),
            Operator::I64Load32S { memarg } => self.load(Row::I64Load32S, Int, memarg),
            Operator::F32Load { memarg } => self.load(Row::F32Load, F32, memarg),
            Operator::F64Load { memarg } => self.load(Row::F64Load, F64, memarg),
            Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => {
                self.store(Row::Store8, memarg);
            }
            Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => {
                self.store(Row::Store16, memarg);
            }
            Operator::I32Store { memarg } | Operator::I64Store32 { memarg } => {
                self.store(Row::Store32, memarg);
            }
            Operator::I64Store { memarg } => self.store(Row::Store64, memarg),
            Operator::F32Store { memarg } => {
                self.store_float(Row::F32StoreAcc, Row::Store32, memarg)
            }
            Operator::F64Store { memarg } => {
                self.store_float(Row::F64StoreAcc, Row::Store64, memarg)
            }

            Operator::MemorySize { mem } => self.produce_long(Row::MemorySizeA, mem),
            Operator::MemoryGrow { mem } => {
                let delta = self.pop_slot();
                let slot = self.push_in_slot(Int);
                // Validation allows 100 memories.
                self.emit(Word::new(Row::MemoryGrow.op(0), slot, delta, mem as u16));
            }
            Operator::MemoryFill { mem } => self.bulk(Row::MemoryFill, mem, 0),
            Operator::MemoryCopy { dst_mem, src_mem } => {
                self.bulk(Row::MemoryCopy, dst_mem, src_mem);
            }
            Operator::MemoryInit { data_index, mem } => {
                self.bulk(Row::MemoryInit, mem, data_index);
            }
            Operator::DataDrop { data_index } => {
                self.emit(Word::with_long(Row::DataDrop.op(0), 0, data_index));
            }

            Operator::TableGet { table } => {
                let index = self.pop_slot();
                let slot = self.push_in_slot(Int);
                self.emit(Word::new(Row::TableGet.op(0), slot, index, 0));
                self.code.push(Word::pair(table, 0));
            }
            Operator::TableSet { table } => {
                let value = self.pop_slot();
                let index = self.pop_slot();
                self.emit(Word::new(Row::TableSet.op(0), index, value, 0));
                self.code.push(Word::pair(table, 0));
            }
            Operator::TableSize { table } => {
                let slot = self.push_in_slot(Int);
                self.emit(Word::with_long(Row::TableSize.op(0), slot, table));
            }
            Operator::TableGrow { table } => {
                let delta = self.pop_slot();
                let value = self.pop_slot();
                let slot = self.push_in_slot(Int);
                self.emit(Word::new(Row::TableGrow.op(0), slot, value, delta));
                self.code.push(Word::pair(table, 0));
            }
            Operator::TableFill { table } => self.bulk(Row::TableFill, table, 0),
            Operator::TableCopy {
                dst_table,
                src_table,
            } => self.bulk(Row::TableCopy, dst_table, src_table),
            Operator::TableInit { elem_index, table } => {
                self.bulk(Row::TableInit, table, elem_index);
            }
            Operator::ElemDrop { elem_index } => {
                self.emit(Word::with_long(Row::ElemDrop.op(0), 0, elem_index));
            }
            _ => self.vector(operator),
        }
    }

    fn constant(&mut self, class: Class, bits: u64) {
        self.push(Place::Const(bits), class);
    }

    /// Pops a value into a slot.
    pub(super) fn pop_slot(&mut self) -> u16 {
        let value = self.pop();
        self.slot(value)
    }

    /// Emits an instruction that has a 32-bit number instead of operands, and pushes its result, an
    /// integer.
    fn produce_long(&mut self, row: Row, long: u32) {
        self.produce(Int, row, 0, long_fields(long), None);
    }

    /// Where a popped operand is read from. A constant is an immediate or in the word that follows.
    fn operand(&mut self, entry: Entry) -> Operand {
        match entry.place {
            Place::Const(bits) => match imm(bits) {
                Some(field) if entry.class == Int => (Src::I, field, None),
                _ => (Src::W, 0, Some(bits)),
            },
            _ => {
                let (src, slot) = self.source(entry);
                (src, slot, None)
            }
        }
    }

    /// Where both operands of an instruction are read from. At most one of them is a constant, and they
    /// are not both in the second accumulator: no mode has these.
    fn operands(&mut self, lhs: Entry, rhs: Entry) -> [Operand; 2] {
        if matches!((lhs.place, rhs.place), (Place::Const(_), Place::Const(_))) {
            let slot = self.slot(lhs);
            return [(Src::S, slot, None), self.operand(rhs)];
        }
        let lhs = self.operand(lhs);
        let mut rhs = self.operand(rhs);
        if (lhs.0, rhs.0) == (Src::B, Src::B) {
            // Both operands are the same local, whose slot holds the value.
            rhs.0 = Src::S;
        }
        [lhs, rhs]
    }

    fn int_binary(&mut self, row: Row, commutative: bool) {
        let (mut rhs, mut lhs) = (operand_of(row, self.pop()), operand_of(row, self.pop()));
        if let (Place::Const(_), true) = (lhs.place, commutative) {
            std::mem::swap(&mut lhs, &mut rhs);
        }
        if let Place::Const(bits) = lhs.place
            && imm(bits).is_none()
        {
            // No mode has a constant of more than 16 bits on the left.
            let slot = self.slot(lhs);
            let (src, field, wide) = self.operand(rhs);
            return self.int_pair(row, [(Src::S, slot, None), (src, field, wide)]);
        }
        let mut operands = self.operands(lhs, rhs);
        let rank = |operand: &Operand| match operand.0 {
            Src::A => 0,
            Src::B => 1,
            _ => 2,
        };
        if commutative && rank(&operands[1]) < rank(&operands[0]) {
            // Of two equal spellings the one that is in more sequences.
            operands.swap(0, 1);
        }
        self.int_pair(row, operands);
    }

    fn int_pair(&mut self, row: Row, [lhs, rhs]: [Operand; 2]) {
        let mode = 2 * pair_mode(INT_PAIRS, (lhs.0, rhs.0));
        self.produce(Int, row, mode, [lhs.1, rhs.1], lhs.2.or(rhs.2));
    }

    fn int_compare(&mut self, row: Row) {
        let (mut rhs, mut lhs) = (operand_of(row, self.pop()), operand_of(row, self.pop()));
        let mut row = row;
        if let Place::Const(_) = lhs.place {
            std::mem::swap(&mut lhs, &mut rhs);
            row = row.mirrored();
        }
        let [lhs, rhs] = self.operands(lhs, rhs);
        let mode = 2 * pair_mode(CMP_PAIRS, (lhs.0, rhs.0));
        self.produce(Int, row, mode, [lhs.1, rhs.1], lhs.2.or(rhs.2));
    }

    fn float_binary(&mut self, row: Row, out: Class) {
        let (rhs, lhs) = (self.pop(), self.pop());
        self.float_pair(row, out, lhs, rhs);
    }

    /// An operator whose result may be a NaN of any bits.
    fn float_arithmetic(&mut self, row: Row, out: Class) {
        self.float_binary(row, out);
        self.canonical(out);
    }

    /// An operator of one operand whose result may be a NaN of any bits.
    fn float_unary(&mut self, row: Row, out: Class) {
        self.unary(row, out);
        self.canonical(out);
    }

    /// Makes a NaN on top of the stack the canonical NaN, where the settings ask for that.
    fn canonical(&mut self, class: Class) {
        if !self.settings.canonical_nans {
            return;
        }
        let row = match class {
            F32 => Row::F32Canonical,
            F64 => Row::F64Canonical,
            Int | V128 => return,
        };
        self.unary(row, class);
    }

    /// A comparison that is the row's with the operands swapped.
    fn float_swapped(&mut self, row: Row) {
        let (rhs, lhs) = (self.pop(), self.pop());
        self.float_pair(row, Int, rhs, lhs);
    }

    fn float_pair(&mut self, row: Row, out: Class, lhs: Entry, rhs: Entry) {
        let [lhs, rhs] = self.operands(lhs, rhs);
        let mode = 2 * pair_mode(FLOAT_PAIRS, (lhs.0, rhs.0));
        self.produce(out, row, mode, [lhs.1, rhs.1], lhs.2.or(rhs.2));
    }

    pub(super) fn unary(&mut self, row: Row, out: Class) {
        let value = self.pop();
        if let Place::Const(_) = value.place {
            self.settle_popped(value);
        }
        let (src, slot) = self.source(value);
        let at = UNARY_SRCS.iter().position(|other| *other == src);
        let mode = 2 * at.expect("a slot or the accumulator") as u16;
        self.produce(out, row, mode, [slot, 0], None);
    }

    /// Where a value to select is read from. A constant integer may be an immediate. An integer may be read
    /// from the second accumulator where the accumulators do not change before the selection
    /// (`acc_is_kept`).
    fn selected(&mut self, entry: Entry, acc_is_kept: bool) -> (Src, u16) {
        if let Place::Const(bits) = entry.place
            && entry.class == Int
            && let Some(field) = imm(bits)
        {
            return (Src::I, field);
        }
        if acc_is_kept && entry.class == Int && self.in_acc(entry) == Some(Src::B) {
            return self.source(entry);
        }
        (Src::S, self.slot(entry))
    }

    fn select(&mut self) {
        let (condition, second, first) = (self.pop(), self.pop(), self.pop());
        let class = first.class;
        let (test, src, slot) = self.condition(condition);
        let in_acc = src == Src::A;
        let mut second = self.selected(second, in_acc);
        let mut first = self.selected(first, in_acc);
        if (first.0, second.0) == (Src::B, Src::B) {
            // Both values are the same local, whose slot holds the value.
            first.0 = Src::S;
        }
        if !in_acc {
            self.shift(Int);
            self.emit(Word::new(Row::LoadAcc.op(0), 0, slot, 0));
            self.remember(Int, slot.into());
        }
        if test.negated {
            std::mem::swap(&mut first, &mut second);
        }
        let row = match (class, test.by_64) {
            (Int, false) => Row::SelectInt,
            (Int, true) => Row::SelectIntBy64,
            (F32, false) => Row::SelectF32,
            (F32, true) => Row::SelectF32By64,
            (F64, false) => Row::SelectF64,
            (F64, true) => Row::SelectF64By64,
            (V128, false) => Row::SelectV128,
            (V128, true) => Row::SelectV128By64,
        };
        let mode = pair_mode(SELECT_PAIRS, (first.0, second.0));
        self.produce_in_slot(class, row, mode, [first.1, second.1]);
    }

    fn global_get(&mut self, index: u32) {
        let class = Class::of(self.module.globals[index as usize].content);
        if class == Int {
            self.produce_long(Row::GlobalGetA, index);
        } else if class == V128 {
            self.produce(V128, Row::GlobalGetV128A, 0, long_fields(index), None);
        } else {
            // The handler leaves the bits in the integer accumulator as well.
            let slot = self.push_in_slot(class);
            self.shift(Int);
            self.emit(Word::with_long(Row::GlobalGetS.op(0), slot, index));
        }
    }

    fn global_set(&mut self, index: u32) {
        let value = self.pop();
        if value.class == Int && self.in_acc(value) == Some(Src::A) {
            self.source(value);
            self.emit(Word::with_long(Row::GlobalSetA.op(0), 0, index));
        } else {
            let row = match value.class {
                V128 => Row::GlobalSetV128S,
                Int | F32 | F64 => Row::GlobalSetS,
            };
            let slot = self.slot(value);
            self.emit(Word::with_long(row.op(0), slot, index));
        }
    }

    /// The address of an access, from its popped operand: how the address is made, the operand's field,
    /// the near offset, and the word that follows.
    pub(super) fn address(
        &mut self,
        entry: Entry,
        memarg: MemArg,
    ) -> (Addr, u16, u16, Option<u64>) {
        if let Place::Const(bits) = entry.place {
            let address = u64::from(bits as u32) + memarg.offset;
            return (Addr::K, 0, 0, Some(address));
        }
        if memarg.offset == 0
            && let Some((addr, field, near)) = self.sum(entry)
        {
            return (addr, field, near, None);
        }
        let (src, slot) = self.source(entry);
        match (src, u16::try_from(memarg.offset)) {
            (Src::A, Ok(near)) => (Addr::A, slot, near, None),
            (Src::A, Err(_)) => (Addr::AW, slot, 0, Some(memarg.offset)),
            (Src::B, Ok(near)) => (Addr::B, slot, near, None),
            (Src::B, Err(_)) => (Addr::BW, slot, 0, Some(memarg.offset)),
            (_, Ok(near)) => (Addr::S, slot, near, None),
            (_, Err(_)) => (Addr::SW, slot, 0, Some(memarg.offset)),
        }
    }

    pub(super) fn load(&mut self, row: Row, class: Class, memarg: MemArg) {
        if self.names_memory(memarg) {
            return self.load_in(row.in_any_memory(), class, memarg);
        }
        let entry = self.pop();
        let (addr, field, near, wide) = self.address(entry, memarg);
        let at = LOAD_MODES.iter().position(|other| *other == addr);
        let mode = 2 * at.expect("a load has every address") as u16;
        self.produce(class, row, mode, [field, near], wide);
    }

    pub(super) fn store(&mut self, row: Row, memarg: MemArg) {
        if self.names_memory(memarg) {
            return self.store_in(row.in_any_memory(), memarg);
        }
        let (value, entry) = (operand_of(row, self.pop()), self.pop());
        // The address comes first: it may take back an addition, and the accumulators are then what they
        // were before the addition.
        let (addr, field, near, wide) = self.address(entry, memarg);
        let (mode, value) = self.stored(value, |src| {
            STORE_MODES.iter().position(|mode| *mode == (addr, src))
        });
        self.emit(Word::new(row.op(mode), field, value, near));
        self.code.extend(wide.map(Word::data));
    }

    /// The mode of a store, and the field of the popped value: an accumulator or an immediate where
    /// `mode_of` has a mode for that, else a slot.
    pub(super) fn stored(
        &mut self,
        value: Entry,
        mode_of: impl Fn(Src) -> Option<usize>,
    ) -> (u16, u16) {
        let in_acc = self.in_acc(value).filter(|_| value.class == Int);
        let (src, field) = match value.place {
            Place::Const(bits) if let Some(field) = imm(bits) => (Src::I, field),
            _ if in_acc.is_some_and(|src| mode_of(src).is_some()) => self.source(value),
            _ => (Src::S, self.slot(value)),
        };
        let mode = mode_of(src).expect("a store has every address with a slot or an immediate");
        (mode as u16, field)
    }

    /// Stores a float from the accumulator; or else from a slot, as an integer of the same size.
    fn store_float(&mut self, from_acc: Row, from_slot: Row, memarg: MemArg) {
        let value = *self.stack.last().expect("validation checked the operands");
        if self.in_acc(value) != Some(Src::A) || self.names_memory(memarg) {
            return self.store(from_slot, memarg);
        }
        let (value, entry) = (self.pop(), self.pop());
        self.source(value);
        let (addr, field, near, wide) = self.address(entry, memarg);
        let at = LOAD_MODES.iter().position(|other| *other == addr);
        let mode = at.expect("a store has every address") as u16;
        self.emit(Word::new(from_acc.op(mode), 0, field, near));
        self.code.extend(wide.map(Word::data));
    }

    /// An instruction with three operands in slots, and two indices: that of a memory or table, and
    /// another.
    fn bulk(&mut self, row: Row, into: u32, from: u32) {
        let third = self.pop_slot();
        let second = self.pop_slot();
        let first = self.pop_slot();
        self.emit(Word::new(row.op(0), first, second, third));
        self.code.push(Word::pair(into, from));
    }
}
