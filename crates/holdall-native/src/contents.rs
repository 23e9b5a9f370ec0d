//! What memory 0 and the globals are known to hold: what was stored there, or loaded from there, and not changed
//! since. Code that keeps its variables in memory loads most of what it has just stored.
//!
//! All of this holds in code that is reached in one way from where it was learnt, up to the next call.

use std::collections::HashMap;

use cranelift_codegen::ir::types::I32;
use cranelift_codegen::ir::{InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value};
use cranelift_frontend::FunctionBuilder;
use wasmparser::MemArg;

use crate::function::Func;
use crate::memory::memory_of;

/// How many places in memory are remembered: each store looks at all of them.
const MOST_PLACES: usize = 32;
/// How many additions are looked through to find what an address was made of.
const MOST_ADDITIONS: usize = 8;

/// What memory 0 and the globals are known to hold, here.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    memory: Vec<Content>,
    globals: HashMap<u32, Value>,
    /// The first value for each sum that an address was.
    sums: HashMap<(Value, u32), Value>,
}

/// What memory holds at a place.
#[derive(Clone, Copy, Debug)]
struct Content {
    at: Place,
    /// How many bytes of memory are the lowest ones of the value.
    bytes: u32,
    value: Value,
    /// The load that gave the value, if one did.
    load: Option<Load>,
}

/// A place in memory 0: a value of 32 bits, to which a constant is added that wraps, and an offset that does not. The
/// value is missing where the sum is a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    value: Option<Value>,
    added: u32,
    offset: u64,
}

impl Place {
    /// Whether so many bytes here surely have none in common with so many there. Both ranges are taken to wrap: so
    /// it does not matter which of them does.
    fn is_apart(&self, bytes: u32, other: &Self, other_bytes: u32) -> bool {
        let start = |place: &Self| place.added.wrapping_add(place.offset as u32);
        let distance = start(self).wrapping_sub(start(other));
        self.value == other.value && distance >= other_bytes && distance.wrapping_neg() >= bytes
    }
}

/// How a load makes a value: from a type as wide as what lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    ty: Type,
    from: Type,
    is_signed: bool,
}

impl Load {
    pub(crate) fn whole(ty: Type) -> Self {
        Self::unsigned(ty, ty)
    }

    /// An integer that is zero-extended.
    pub(crate) fn unsigned(ty: Type, from: Type) -> Self {
        Self {
            ty,
            from,
            is_signed: false,
        }
    }

    /// An integer that is sign-extended.
    pub(crate) fn signed(ty: Type, from: Type) -> Self {
        Self {
            ty,
            from,
            is_signed: true,
        }
    }

    /// How many bytes lie in memory.
    pub(crate) fn bytes(&self) -> u32 {
        self.from.bytes()
    }

    /// Loads from an address.
    pub(crate) fn at(
        &self,
        b: &mut FunctionBuilder<'_>,
        flags: MemFlagsData,
        address: Value,
        offset: i32,
    ) -> Value {
        let ty = self.ty;
        let ins = b.ins();
        match (self.bytes(), self.is_signed) {
            _ if self.from == ty => ins.load(ty, flags, address, offset),
            (1, false) => ins.uload8(ty, flags, address, offset),
            (1, true) => ins.sload8(ty, flags, address, offset),
            (2, false) => ins.uload16(ty, flags, address, offset),
            (2, true) => ins.sload16(ty, flags, address, offset),
            (_, false) => ins.uload32(flags, address, offset),
            (_, true) => ins.sload32(flags, address, offset),
        }
    }

    /// What the load gives where memory holds a content, if that can be told.
    fn of(&self, b: &mut FunctionBuilder<'_>, content: &Content) -> Option<Value> {
        let Content { bytes, value, .. } = *content;
        if content.load == Some(*self) {
            return Some(value);
        }
        let ty = b.func.dfg.value_type(value);
        if bytes != self.bytes() || (ty != self.from && !(ty.is_int() && self.from.is_int())) {
            return None;
        }
        let low = match ty == self.from {
            true => value,
            false => b.ins().ireduce(self.from, value),
        };
        Some(match self.is_signed {
            _ if self.from == self.ty => low,
            false => b.ins().uextend(self.ty, low),
            true => b.ins().sextend(self.ty, low),
        })
    }
}

impl Contents {
    /// Knows nothing any more: something was called, or control arrives in several ways.
    pub(crate) fn forget(&mut self) {
        self.memory.clear();
        self.globals.clear();
        self.sums.clear();
    }

    /// Knows nothing of the memory any more.
    pub(crate) fn forget_memory(&mut self) {
        self.memory.clear();
    }

    /// Notes that some bytes of memory change.
    pub(crate) fn change(&mut self, at: &Place, bytes: u32) {
        self.memory
            .retain(|content| content.at.is_apart(content.bytes, at, bytes));
    }

    /// Notes that so many bytes at a place are the lowest ones of a value, which may be what a load gave.
    pub(crate) fn learn(&mut self, at: Place, bytes: u32, value: Value, load: Option<Load>) {
        if self.memory.len() == MOST_PLACES {
            self.memory.remove(0);
        }
        self.memory.push(Content {
            at,
            bytes,
            value,
            load,
        });
    }

    /// The first value that was an address equal to this one, which is that of a place.
    pub(crate) fn same_address(&mut self, at: &Place, address: Value) -> Value {
        match at.value {
            Some(value) => *self.sums.entry((value, at.added)).or_insert(address),
            None => address,
        }
    }

    /// What a global holds, if that is known.
    pub(crate) fn global(&self, index: u32) -> Option<Value> {
        self.globals.get(&index).copied()
    }

    /// Notes what a global holds.
    pub(crate) fn learn_global(&mut self, index: u32, value: Value) {
        self.globals.insert(index, value);
    }

    /// Knows nothing of globals any more.
    pub(crate) fn forget_globals(&mut self) {
        self.globals.clear();
    }
}

impl Func<'_> {
    /// What a load from a place gives, if that is known.
    pub(crate) fn content(&mut self, at: Place, load: Load) -> Option<Value> {
        let mut contents = self.contents.memory.iter().rev();
        contents.find_map(|content| match content.at == at {
            true => load.of(&mut self.b, content),
            false => None,
        })
    }

    /// The place of an access to an address; `None` unless that is in memory 0, and of 32 bits.
    pub(crate) fn place_of(&self, memarg: &MemArg, address: Value) -> Option<Place> {
        let memory = self.module.sections.memories.first()?;
        if memory_of(memarg) != 0 || memory.is_64 {
            return None;
        }
        let dfg = &self.b.func.dfg;
        let known = |value| self.known_integer(value).map(|known| known as u32);
        let mut place = Place {
            value: Some(dfg.resolve_aliases(address)),
            added: 0,
            offset: memarg.offset,
        };
        for _ in 0..MOST_ADDITIONS {
            let Some(value) = place.value else {
                break;
            };
            if let Some(constant) = known(value) {
                place.added = place.added.wrapping_add(constant);
                place.value = None;
                break;
            }
            let inst = dfg.value_def(value).inst();
            let Some(InstructionData::Binary { opcode, args }) = inst.map(|inst| dfg.insts[inst])
            else {
                break;
            };
            let (value, added) = match (opcode, args.map(known)) {
                (Opcode::Iadd, [_, Some(added)]) => (args[0], added),
                (Opcode::Iadd, [Some(added), _]) => (args[1], added),
                (Opcode::Isub, [_, Some(taken)]) => (args[0], taken.wrapping_neg()),
                _ => break,
            };
            debug_assert_eq!(dfg.value_type(value), I32);
            place.value = Some(dfg.resolve_aliases(value));
            place.added = place.added.wrapping_add(added);
        }
        Some(place)
    }
}
