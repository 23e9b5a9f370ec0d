//! Atomic accesses, on shared and unshared memories. A store has one thread, so that they are plain accesses
//! that check their alignment.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value};
use holdall_core::native::Runtime;
use holdall_core::trap::TrapCode;
use wasmparser::{MemArg, Operator};

use crate::function::Func;
use crate::memory::memory_of;

/// What an access is to: how the memory is accessed, the address, and the offset from the address.
type Place = (MemFlagsData, Value, i32);

/// Translates an operator by its row, which names the type in memory and the type on the stack.
macro_rules! rows {
    ($func:ident, $operator:ident;
     load { $($load:ident: $load_cell:ident $load_ty:ident;)* }
     store { $($store:ident: $store_cell:ident;)* }
     update { $($inst:ident { $($update:ident: $cell:ident $ty:ident;)* })* }
     exchange { $($exchange:ident: $exchange_cell:ident $exchange_ty:ident;)* }
     cmpxchg { $($cmpxchg:ident: $cmpxchg_cell:ident $cmpxchg_ty:ident;)* }
     other { $($other:pat => $result:expr,)* }
    ) => {
        match $operator {
            $(Operator::$load { memarg } => {
                let place = $func.atomic_access(memarg, $load_cell);
                let value = $func.load_cell(place, $load_cell, $load_ty);
                $func.push(value);
            })*
            $(Operator::$store { memarg } => {
                let value = $func.pop();
                let place = $func.atomic_access(memarg, $store_cell);
                $func.store_cell(place, $store_cell, value);
            })*
            $($(Operator::$update { memarg } => {
                let operand = $func.pop();
                let place = $func.atomic_access(memarg, $cell);
                let old = $func.load_cell(place, $cell, $ty);
                let new = $func.b.ins().$inst(old, operand);
                $func.store_cell(place, $cell, new);
                $func.push(old);
            })*)*
            $(Operator::$exchange { memarg } => {
                let operand = $func.pop();
                let place = $func.atomic_access(memarg, $exchange_cell);
                let old = $func.load_cell(place, $exchange_cell, $exchange_ty);
                $func.store_cell(place, $exchange_cell, operand);
                $func.push(old);
            })*
            $(Operator::$cmpxchg { memarg } => {
                let (expected, replacement) = $func.pop2();
                let place = $func.atomic_access(memarg, $cmpxchg_cell);
                let old = $func.load_cell(place, $cmpxchg_cell, $cmpxchg_ty);
                // All of the expected value counts, also what is wider than the integer in memory.
                let equal = $func.b.ins().icmp(IntCC::Equal, old, expected);
                let new = $func.b.ins().select(equal, replacement, old);
                $func.store_cell(place, $cmpxchg_cell, new);
                $func.push(old);
            })*
            $($other => $result,)*
            _ => return false,
        }
    };
}

impl Func<'_> {
    /// Translates an atomic operator. Gives whether the operator is one.
    pub(crate) fn atomic(&mut self, operator: &Operator<'_>) -> bool {
        rows! { self, operator;
            load {
                I32AtomicLoad8U: I8 I32; I64AtomicLoad8U: I8 I64;
                I32AtomicLoad16U: I16 I32; I64AtomicLoad16U: I16 I64;
                I32AtomicLoad: I32 I32; I64AtomicLoad32U: I32 I64; I64AtomicLoad: I64 I64;
            }
            store {
                I32AtomicStore8: I8; I64AtomicStore8: I8;
                I32AtomicStore16: I16; I64AtomicStore16: I16;
                I32AtomicStore: I32; I64AtomicStore32: I32; I64AtomicStore: I64;
            }
            update {
                iadd {
                    I32AtomicRmw8AddU: I8 I32; I64AtomicRmw8AddU: I8 I64;
                    I32AtomicRmw16AddU: I16 I32; I64AtomicRmw16AddU: I16 I64;
                    I32AtomicRmwAdd: I32 I32; I64AtomicRmw32AddU: I32 I64; I64AtomicRmwAdd: I64 I64;
                }
                isub {
                    I32AtomicRmw8SubU: I8 I32; I64AtomicRmw8SubU: I8 I64;
                    I32AtomicRmw16SubU: I16 I32; I64AtomicRmw16SubU: I16 I64;
                    I32AtomicRmwSub: I32 I32; I64AtomicRmw32SubU: I32 I64; I64AtomicRmwSub: I64 I64;
                }
                band {
                    I32AtomicRmw8AndU: I8 I32; I64AtomicRmw8AndU: I8 I64;
                    I32AtomicRmw16AndU: I16 I32; I64AtomicRmw16AndU: I16 I64;
                    I32AtomicRmwAnd: I32 I32; I64AtomicRmw32AndU: I32 I64; I64AtomicRmwAnd: I64 I64;
                }
                bor {
                    I32AtomicRmw8OrU: I8 I32; I64AtomicRmw8OrU: I8 I64;
                    I32AtomicRmw16OrU: I16 I32; I64AtomicRmw16OrU: I16 I64;
                    I32AtomicRmwOr: I32 I32; I64AtomicRmw32OrU: I32 I64; I64AtomicRmwOr: I64 I64;
                }
                bxor {
                    I32AtomicRmw8XorU: I8 I32; I64AtomicRmw8XorU: I8 I64;
                    I32AtomicRmw16XorU: I16 I32; I64AtomicRmw16XorU: I16 I64;
                    I32AtomicRmwXor: I32 I32; I64AtomicRmw32XorU: I32 I64; I64AtomicRmwXor: I64 I64;
                }
            }
            exchange {
                I32AtomicRmw8XchgU: I8 I32; I64AtomicRmw8XchgU: I8 I64;
                I32AtomicRmw16XchgU: I16 I32; I64AtomicRmw16XchgU: I16 I64;
                I32AtomicRmwXchg: I32 I32; I64AtomicRmw32XchgU: I32 I64; I64AtomicRmwXchg: I64 I64;
            }
            cmpxchg {
                I32AtomicRmw8CmpxchgU: I8 I32; I64AtomicRmw8CmpxchgU: I8 I64;
                I32AtomicRmw16CmpxchgU: I16 I32; I64AtomicRmw16CmpxchgU: I16 I64;
                I32AtomicRmwCmpxchg: I32 I32; I64AtomicRmw32CmpxchgU: I32 I64;
                I64AtomicRmwCmpxchg: I64 I64;
            }
            other {
                Operator::AtomicFence { .. } => {},
                Operator::MemoryAtomicNotify { memarg } => self.notify(memarg),
                Operator::MemoryAtomicWait32 { memarg } => self.wait(memarg, I32),
                Operator::MemoryAtomicWait64 { memarg } => self.wait(memarg, I64),
            }
        }
        true
    }

    /// Pops the address of an access, and checks its alignment and then its bounds.
    fn atomic_access(&mut self, memarg: &MemArg, cell: Type) -> Place {
        let bytes = u64::from(cell.bytes());
        if bytes > 1 {
            let popped = self.pop();
            let address = self.extended(popped);
            let offset = self.i64(memarg.offset);
            let at = self.b.ins().iadd(address, offset);
            let beyond = self.b.ins().band_imm_u(at, bytes.cast_signed() - 1);
            let mut unaligned = self.b.ins().icmp_imm_u(IntCC::NotEqual, beyond, 0);
            if self.module.sections.memories[memory_of(memarg) as usize].is_64 {
                // An address that no memory has is out of bounds, whatever its alignment.
                let exists = IntCC::UnsignedGreaterThanOrEqual;
                let exists = self.b.ins().icmp(exists, at, address);
                unaligned = self.b.ins().band(unaligned, exists);
            }
            self.trap_if(unaligned, TrapCode::UnalignedAtomic);
            self.push(popped);
        }
        self.access(memarg, bytes)
    }

    /// The integer in memory, zero-extended to type `ty`.
    fn load_cell(&mut self, (flags, at, offset): Place, cell: Type, ty: Type) -> Value {
        let loaded = self.b.ins().load(cell, flags, at, offset);
        match cell == ty {
            true => loaded,
            false => self.b.ins().uextend(ty, loaded),
        }
    }

    /// Stores as many bits of a value as the integer in memory has.
    fn store_cell(&mut self, (flags, at, offset): Place, cell: Type, value: Value) {
        let stored = match self.b.func.dfg.value_type(value) == cell {
            true => value,
            false => self.b.ins().ireduce(cell, value),
        };
        self.b.ins().store(flags, stored, at, offset);
        self.effect();
    }

    fn notify(&mut self, memarg: &MemArg) {
        let _count = self.pop();
        self.atomic_access(memarg, I32);
        // Nobody waits.
        let woken = self.b.ins().iconst(I32, 0);
        self.push(woken);
    }

    fn wait(&mut self, memarg: &MemArg, cell: Type) {
        let (expected, timeout) = self.pop2();
        let place = self.atomic_access(memarg, cell);
        let found = self.load_cell(place, cell, cell);
        let memory = self.i64(memory_of(memarg).into());
        self.runtime_checked(Runtime::Wait, &[memory, found, expected, timeout]);
        let result = self.result_of_runtime();
        let result = self.b.ins().ireduce(I32, result);
        self.push(result);
    }
}
