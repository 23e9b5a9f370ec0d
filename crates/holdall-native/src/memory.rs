//! Accesses to linear memories, and the instructions on whole memories.
//!
//! Where memory 0 lies and how large it is are kept as values, which are loaded again after whatever may move
//! the memory.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value};
use cranelift_frontend::Variable;
use holdall_core::native::{Runtime, instance, memory};
use holdall_core::trap::TrapCode;
use wasmparser::{MemArg, MemArgTarget, Operator};

use crate::contents::{Load, Place};
use crate::function::{Func, UNALIGNED};

/// Where memory 0 lies, and its size in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    base: Variable,
    len: Variable,
}

/// The index of the memory that an access is to.
pub(crate) fn memory_of(memarg: &MemArg) -> u32 {
    match memarg.target {
        MemArgTarget::Memory(index) => index,
        MemArgTarget::Array(_) => unreachable!("validation lets through accesses to memories only"),
    }
}

impl Func<'_> {
    /// Begins to keep where memory 0 lies.
    pub(crate) fn keep_memory(&mut self) {
        if !self.module.sections.memories.is_empty() {
            let [base, len] = [I64; 2].map(|ty| self.b.declare_var(ty));
            self.kept = Some(Kept { base, len });
            self.reload_memory();
        }
    }

    /// Finds out anew where memory 0 lies.
    pub(crate) fn reload_memory(&mut self) {
        if let Some(Kept { base, len }) = self.kept {
            let at = self.of_memory(0, memory::BASE);
            self.b.def_var(base, at);
            let bytes = self.of_memory(0, memory::LEN);
            self.b.def_var(len, bytes);
        }
    }

    /// What a memory has at an offset.
    pub(crate) fn of_memory(&mut self, index: u32, offset: i32) -> Value {
        match index {
            0 => self.changing(self.instance, instance::FIRST_MEMORY + offset),
            _ => {
                let record = self.listed(instance::MEMORIES, index);
                self.changing(record, offset)
            }
        }
    }

    /// The address of a memory's first byte.
    fn base_of(&mut self, index: u32) -> Value {
        match self.kept {
            Some(Kept { base, .. }) if index == 0 => self.b.use_var(base),
            _ => self.of_memory(index, memory::BASE),
        }
    }

    /// The size of a memory, in bytes.
    pub(crate) fn len_of(&mut self, index: u32) -> Value {
        match self.kept {
            Some(Kept { len, .. }) if index == 0 => self.b.use_var(len),
            _ => self.of_memory(index, memory::LEN),
        }
    }

    /// Pops the address of an access to `bytes` bytes, which may change them, and checks it. Gives how the memory is
    /// accessed, a native address, and the offset from that address.
    pub(crate) fn access(&mut self, memarg: &MemArg, bytes: u64) -> (MemFlagsData, Value, i32) {
        self.contents.forget_memory();
        self.checked_access(memarg, bytes, None)
    }

    /// As [`access`](Self::access), where the caller sees to what is known of the memory's contents at the place.
    fn checked_access(
        &mut self,
        memarg: &MemArg,
        bytes: u64,
        place: Option<Place>,
    ) -> (MemFlagsData, Value, i32) {
        let index = memory_of(memarg);
        let memory = &self.module.sections.memories[index as usize];
        let popped = self.pop();
        if let Some((base, offset)) = self.access_of_constant(memarg, popped, bytes) {
            return (UNALIGNED, base, offset);
        }
        let popped = match place {
            Some(place) => self.contents.same_address(&place, popped),
            None => popped,
        };
        let seen = self.checks.checked(popped);
        let address = seen.unwrap_or_else(|| self.extended(popped));
        let guarded = self.module.options.settings.guarded_addresses;
        let outside = if memory.is_64 {
            Some(self.check_wide(index, address, memarg.offset, bytes))
        } else {
            // An offset in a memory of 32 bits has 32 bits.
            let reach = memarg.offset + bytes;
            if index == 0 && !guarded {
                self.check_once(popped, address, reach);
                None
            } else {
                Some(self.check(index, address, reach))
            }
        };
        let base = self.base_of(index);
        let mut pointer = self.b.ins().iadd(base, address);
        let offset = match i32::try_from(memarg.offset) {
            Ok(offset) => offset,
            Err(_) => {
                let offset = self.i64(memarg.offset);
                pointer = self.b.ins().iadd(pointer, offset);
                0
            }
        };
        if let (Some(outside), true) = (outside, guarded) {
            let nowhere = self.i64(0);
            pointer = self.b.ins().select_spectre_guard(outside, nowhere, pointer);
        }
        (UNALIGNED, pointer, offset)
    }

    /// The base of a memory and the offset from there, for an access at a constant address within the least size
    /// of the memory.
    fn access_of_constant(
        &mut self,
        memarg: &MemArg,
        popped: Value,
        bytes: u64,
    ) -> Option<(Value, i32)> {
        let known = self.known_integer(popped)?;
        let index = memory_of(memarg);
        let memory = &self.module.sections.memories[index as usize];
        let address = match memory.is_64 {
            true => known.cast_unsigned(),
            false => u64::from(known as u32),
        };
        let least = memory.min.checked_shl(memory.page_size_log2.into())?;
        let offset = address.checked_add(memarg.offset)?;
        let is_within = offset.checked_add(bytes)? <= least;
        let offset = i32::try_from(offset).ok().filter(|_| is_within)?;
        Some((self.base_of(index), offset))
    }

    /// Checks an address of 32 bits. Gives whether the access is out of bounds, which traps.
    fn check(&mut self, index: u32, address: Value, reach: u64) -> Value {
        let reach = self.i64(reach);
        let end = self.b.ins().iadd(address, reach);
        let len = self.len_of(index);
        let outside = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, len);
        self.trap_if(outside, TrapCode::OutOfBoundsMemoryAccess);
        outside
    }

    /// As [`check`](Self::check), for an address of 64 bits.
    fn check_wide(&mut self, index: u32, address: Value, offset: u64, bytes: u64) -> Value {
        // No memory has 2^64 bytes.
        let reach = self.i64(offset.saturating_add(bytes));
        let (end, over) = self.b.ins().uadd_overflow(address, reach);
        let len = self.len_of(index);
        let beyond = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, len);
        let outside = self.b.ins().bor(over, beyond);
        self.trap_if(outside, TrapCode::OutOfBoundsMemoryAccess);
        outside
    }

    pub(crate) fn load(&mut self, memarg: &MemArg, load: Load) {
        let place = self.place_of(memarg, self.peek());
        if let Some(value) = place.and_then(|place| self.content(place, load)) {
            self.pop();
            return self.push(value);
        }
        let (flags, at, offset) = self.checked_access(memarg, load.bytes().into(), place);
        let value = load.at(&mut self.b, flags, at, offset);
        if let Some(place) = place {
            self.contents.learn(place, load.bytes(), value, Some(load));
        }
        self.push(value);
    }

    /// Stores the lowest bytes of a value.
    pub(crate) fn store(&mut self, memarg: &MemArg, bytes: u32) {
        let value = self.pop();
        let place = self.place_of(memarg, self.peek());
        let (flags, at, offset) = self.checked_access(memarg, bytes.into(), place);
        let ty = self.b.func.dfg.value_type(value);
        let ins = self.b.ins();
        match (bytes, ty) {
            (1, _) => ins.istore8(flags, value, at, offset),
            (2, _) => ins.istore16(flags, value, at, offset),
            (4, I64) => ins.istore32(flags, value, at, offset),
            _ => ins.store(flags, value, at, offset),
        };
        match place {
            Some(place) => {
                self.contents.change(&place, bytes);
                self.contents.learn(place, bytes, value, None);
            }
            None => self.contents.forget_memory(),
        }
        self.effect();
    }

    /// Translates an operator on memories. Gives whether the operator is one.
    pub(crate) fn memory(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::I32Load { memarg } => self.load(memarg, Load::whole(I32)),
            Operator::I64Load { memarg } => self.load(memarg, Load::whole(I64)),
            Operator::F32Load { memarg } => self.load(memarg, Load::whole(F32)),
            Operator::F64Load { memarg } => self.load(memarg, Load::whole(F64)),
            Operator::I32Load8S { memarg } => self.load(memarg, Load::signed(I32, I8)),
            Operator::I32Load8U { memarg } => self.load(memarg, Load::unsigned(I32, I8)),
            Operator::I32Load16S { memarg } => self.load(memarg, Load::signed(I32, I16)),
            Operator::I32Load16U { memarg } => self.load(memarg, Load::unsigned(I32, I16)),
            Operator::I64Load8S { memarg } => self.load(memarg, Load::signed(I64, I8)),
            Operator::I64Load8U { memarg } => self.load(memarg, Load::unsigned(I64, I8)),
            Operator::I64Load16S { memarg } => self.load(memarg, Load::signed(I64, I16)),
            Operator::I64Load16U { memarg } => self.load(memarg, Load::unsigned(I64, I16)),
            Operator::I64Load32S { memarg } => self.load(memarg, Load::signed(I64, I32)),
            Operator::I64Load32U { memarg } => self.load(memarg, Load::unsigned(I64, I32)),
            Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => {
                self.store(memarg, 1);
            }
            Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => {
                self.store(memarg, 2);
            }
            Operator::I32Store { memarg }
            | Operator::F32Store { memarg }
            | Operator::I64Store32 { memarg } => self.store(memarg, 4),
            Operator::I64Store { memarg } | Operator::F64Store { memarg } => {
                self.store(memarg, 8);
            }
            Operator::MemorySize { mem } => self.memory_size(*mem),
            Operator::MemoryGrow { mem } => self.memory_grow(*mem),
            Operator::MemoryFill { mem } => {
                let (at, value, count) = self.pop3();
                let memory = self.i64(u64::from(*mem));
                self.runtime_checked(Runtime::MemoryFill, &[memory, at, value, count]);
            }
            Operator::MemoryCopy { dst_mem, src_mem } => {
                self.bulk(Runtime::MemoryCopy, *dst_mem, *src_mem);
            }
            Operator::MemoryInit { data_index, mem } => {
                self.bulk(Runtime::MemoryInit, *mem, *data_index);
            }
            Operator::DataDrop { data_index } => {
                let segment = self.i64(u64::from(*data_index));
                self.runtime_checked(Runtime::DataDrop, &[segment]);
            }
            _ => return false,
        }
        true
    }

    /// Calls the runtime with two indices, then where to, where from, and how much.
    pub(crate) fn bulk(&mut self, call: Runtime, into: u32, from: u32) {
        let (at, from_where, count) = self.pop3();
        let [into, from] = [into, from].map(|index| self.i64(index.into()));
        self.runtime_checked(call, &[into, from, at, from_where, count]);
    }

    /// Pushes a number of 64 bits as an index into a memory or a table has it.
    pub(crate) fn push_index(&mut self, number: Value, is_64: bool) {
        let number = match is_64 {
            true => number,
            false => self.b.ins().ireduce(I32, number),
        };
        self.push(number);
    }

    fn memory_size(&mut self, index: u32) {
        let memory = &self.module.sections.memories[index as usize];
        let len = self.len_of(index);
        let pages = self
            .b
            .ins()
            .ushr_imm_u(len, i64::from(memory.page_size_log2));
        self.push_index(pages, memory.is_64);
    }

    fn memory_grow(&mut self, index: u32) {
        let pages = self.pop();
        let memory = self.i64(index.into());
        self.runtime_checked(Runtime::MemoryGrow, &[memory, pages]);
        let before = self.result_of_runtime();
        self.push_index(before, self.module.sections.memories[index as usize].is_64);
        // Another memory may be the same as memory 0, under two imports.
        self.reload_memory();
    }
}
