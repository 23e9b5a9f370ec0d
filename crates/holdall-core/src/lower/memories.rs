//! Operators on memories that code words name: those other than memory 0, and memory 0 where addresses
//! have 64 bits. Also the atomic operators, on all memories.
//!
//! An address is all 64 bits of a slot or of an accumulator. An `i32` there is zero-extended, so that one
//! row serves both widths.

use wasmparser::{MemArg, MemArgTarget, Operator};

use super::operands::{Class, Entry, Lowering, Place};
use super::translate::operand_of;
use crate::ir::{Addr, LOAD_IN_MODES, Row, STORE_IN_MODES, Src, Word};

/// The index of the memory that an access is to.
pub(super) fn memory_of(memarg: MemArg) -> u32 {
    match memarg.target {
        MemArgTarget::Memory(index) => index,
        MemArgTarget::Array(_) => unreachable!("validation lets through accesses to memories only"),
    }
}

impl Lowering<'_> {
    /// Whether an access goes through the rows that name a memory. The others are for memory 0 with
    /// addresses of 32 bits.
    pub(super) fn names_memory(&self, memarg: MemArg) -> bool {
        memory_of(memarg) != 0 || self.module.memories[0].is_64
    }

    /// The address of an access, from its popped operand: how the address is made, the operand's field,
    /// and the word that follows.
    pub(super) fn address_in(&mut self, entry: Entry, memarg: MemArg) -> (Addr, u16, u64) {
        if let Place::Const(bits) = entry.place {
            // No memory has 2^64 bytes: an access at the last address traps, as one beyond would.
            return (Addr::K, 0, bits.saturating_add(memarg.offset));
        }
        let (src, slot) = self.source(entry);
        let addr = match src {
            Src::A => Addr::AW,
            Src::B => Addr::BW,
            _ => Addr::SW,
        };
        (addr, slot, memarg.offset)
    }

    pub(super) fn load_in(&mut self, row: Row, class: Class, memarg: MemArg) {
        let entry = self.pop();
        let (addr, field, wide) = self.address_in(entry, memarg);
        let at = LOAD_IN_MODES.iter().position(|other| *other == addr);
        let mode = 2 * at.expect("a load has every address") as u16;
        // Validation allows 100 memories.
        self.produce(
            class,
            row,
            mode,
            [field, memory_of(memarg) as u16],
            Some(wide),
        );
    }

    pub(super) fn store_in(&mut self, row: Row, memarg: MemArg) {
        let (value, entry) = (operand_of(row, self.pop()), self.pop());
        let (addr, field, wide) = self.address_in(entry, memarg);
        let (mode, value) = self.stored(value, |src| {
            STORE_IN_MODES.iter().position(|mode| *mode == (addr, src))
        });
        let memory = memory_of(memarg) as u16;
        self.emit(Word::new(row.op(mode), field, value, memory));
        self.code.push(Word::data(wide));
    }

    /// Lowers atomic operators, and those on 128 bits.
    pub(super) fn atomic_or_wide(&mut self, operator: &Operator<'_>) {
        /// Lowers operators of several types to the row of their width.
        macro_rules! atomics {
            ($($method:ident { $($row:ident = $($name:ident)*;)* })*) => {
                match *operator {
                    $($($(Operator::$name { memarg } => self.$method(Row::$row, memarg),)*)*)*
                    // One thread sees its own accesses in their order.
                    Operator::AtomicFence { .. } => {}
                    _ => self.wide(operator),
                }
            };
        }
        atomics! {
            atomic_load {
                AtomicLoad8 = I32AtomicLoad8U I64AtomicLoad8U;
                AtomicLoad16 = I32AtomicLoad16U I64AtomicLoad16U;
                AtomicLoad32 = I32AtomicLoad I64AtomicLoad32U;
                AtomicLoad64 = I64AtomicLoad;
            }
            atomic_store {
                AtomicStore8 = I32AtomicStore8 I64AtomicStore8;
                AtomicStore16 = I32AtomicStore16 I64AtomicStore16;
                AtomicStore32 = I32AtomicStore I64AtomicStore32;
                AtomicStore64 = I64AtomicStore;
            }
            atomic_binary {
                AtomicAdd8 = I32AtomicRmw8AddU I64AtomicRmw8AddU;
                AtomicAdd16 = I32AtomicRmw16AddU I64AtomicRmw16AddU;
                AtomicAdd32 = I32AtomicRmwAdd I64AtomicRmw32AddU;
                AtomicAdd64 = I64AtomicRmwAdd;
                AtomicSub8 = I32AtomicRmw8SubU I64AtomicRmw8SubU;
                AtomicSub16 = I32AtomicRmw16SubU I64AtomicRmw16SubU;
                AtomicSub32 = I32AtomicRmwSub I64AtomicRmw32SubU;
                AtomicSub64 = I64AtomicRmwSub;
                AtomicAnd8 = I32AtomicRmw8AndU I64AtomicRmw8AndU;
                AtomicAnd16 = I32AtomicRmw16AndU I64AtomicRmw16AndU;
                AtomicAnd32 = I32AtomicRmwAnd I64AtomicRmw32AndU;
                AtomicAnd64 = I64AtomicRmwAnd;
                AtomicOr8 = I32AtomicRmw8OrU I64AtomicRmw8OrU;
                AtomicOr16 = I32AtomicRmw16OrU I64AtomicRmw16OrU;
                AtomicOr32 = I32AtomicRmwOr I64AtomicRmw32OrU;
                AtomicOr64 = I64AtomicRmwOr;
                AtomicXor8 = I32AtomicRmw8XorU I64AtomicRmw8XorU;
                AtomicXor16 = I32AtomicRmw16XorU I64AtomicRmw16XorU;
                AtomicXor32 = I32AtomicRmwXor I64AtomicRmw32XorU;
                AtomicXor64 = I64AtomicRmwXor;
                AtomicXchg8 = I32AtomicRmw8XchgU I64AtomicRmw8XchgU;
                AtomicXchg16 = I32AtomicRmw16XchgU I64AtomicRmw16XchgU;
                AtomicXchg32 = I32AtomicRmwXchg I64AtomicRmw32XchgU;
                AtomicXchg64 = I64AtomicRmwXchg;
                AtomicNotify = MemoryAtomicNotify;
            }
            atomic_ternary {
                AtomicCmpxchg8 = I32AtomicRmw8CmpxchgU I64AtomicRmw8CmpxchgU;
                AtomicCmpxchg16 = I32AtomicRmw16CmpxchgU I64AtomicRmw16CmpxchgU;
                AtomicCmpxchg32 = I32AtomicRmwCmpxchg I64AtomicRmw32CmpxchgU;
                AtomicCmpxchg64 = I64AtomicRmwCmpxchg;
                AtomicWait32 = MemoryAtomicWait32;
                AtomicWait64 = MemoryAtomicWait64;
            }
        }
    }

    fn atomic_load(&mut self, row: Row, memarg: MemArg) {
        let address = self.pop_slot();
        let slot = self.push_in_slot(Class::Int);
        let memory = memory_of(memarg) as u16;
        self.emit(Word::new(row.op(0), slot, address, memory));
        self.code.push(Word::data(memarg.offset));
    }

    fn atomic_store(&mut self, row: Row, memarg: MemArg) {
        let value = self.pop_slot();
        let address = self.pop_slot();
        let memory = memory_of(memarg) as u16;
        self.emit(Word::new(row.op(0), address, value, memory));
        self.code.push(Word::data(memarg.offset));
    }

    /// An address and another operand; a result.
    fn atomic_binary(&mut self, row: Row, memarg: MemArg) {
        let value = self.pop_slot();
        self.atomic(row, memarg, value, 0);
    }

    /// An address and two other operands; a result.
    fn atomic_ternary(&mut self, row: Row, memarg: MemArg) {
        let third = self.pop_slot();
        let second = self.pop_slot();
        self.atomic(row, memarg, second, third);
    }

    /// Pops the address, and emits an instruction of three words with a result.
    fn atomic(&mut self, row: Row, memarg: MemArg, second: u16, third: u16) {
        let address = self.pop_slot();
        let slot = self.push_in_slot(Class::Int);
        self.emit(Word::new(row.op(0), slot, address, second));
        self.code.push(Word::data(memarg.offset));
        self.code.push(Word::pair(memory_of(memarg), third.into()));
    }
}
