//! Frames with more slots than a field of a code word can name.
//!
//! The slots of locals always fit into a field; those of operands may not. A function with operands
//! beyond is lowered again with a wide frame, in which some scratch slots follow the link. An operand
//! in a far slot is loaded into a scratch slot before the instruction that takes it, and a result in
//! a far slot is stored from one after the instruction that makes it. The lowering never notes that
//! an accumulator holds the value of a far slot. Moves and calls have forms that name far slots.

use super::Settings;
use super::operands::{Class, Lowering};
use crate::ir::{Header, Row, Word};

/// How many slots fields of code words name.
const NEAR_SLOTS: u32 = 1 << 16;

/// The first far slot of a frame whose operands begin at `first_temp`. Tests set it lower than fields of
/// code words need.
pub(super) fn near_end(settings: Settings, first_temp: u32) -> u32 {
    NEAR_SLOTS.min(first_temp + u32::from(settings.near_operands))
}

/// The scratch slots of a wide frame: room for `OPERANDS` operands, then for a result, then for a value
/// that moves from one far slot to another. Each room is wide enough for a vector.
pub(super) struct Scratch {
    first: u16,
    /// Which room the last operand took: the next operand takes the one after.
    next: u16,
    /// The class and the far slot of a result that is still in its scratch slot.
    result: Option<(Class, u32)>,
}

impl Scratch {
    /// How many scratch slots a wide frame has.
    pub(super) const SLOTS: u16 = (Self::OPERANDS + 2) * Self::ROOM;

    /// How many slots the room for a value has.
    const ROOM: u16 = Class::V128.slots() as u16;

    /// An instruction takes four operands at most. A condition waits for its branch, which takes no other
    /// operand.
    const OPERANDS: u16 = 4;

    /// The scratch slots of a frame whose link is at this slot.
    pub(super) fn after(link: u16) -> Self {
        Self {
            first: link + Header::LINK,
            next: 0,
            result: None,
        }
    }

    fn operand(&mut self) -> u16 {
        self.next = (self.next + 1) % Self::OPERANDS;
        self.first + self.next * Self::ROOM
    }

    fn result(&self) -> u16 {
        self.first + Self::OPERANDS * Self::ROOM
    }

    fn moved(&self) -> u16 {
        self.first + (Self::OPERANDS + 1) * Self::ROOM
    }

    /// The first slot after the scratch slots.
    fn end(&self) -> u16 {
        self.first + Self::SLOTS
    }
}

impl Lowering<'_> {
    /// Whether no field of a code word names a slot.
    pub(super) fn is_far(&self, slot: u32) -> bool {
        slot >= self.near_end
    }

    /// The field by which an instruction that is emitted soon reads a slot.
    pub(super) fn reading(&mut self, class: Class, slot: u32) -> u16 {
        if !self.is_far(slot) {
            return slot as u16;
        }
        self.store_result();
        let operand = self.scratch.operand();
        self.load_far(class, operand, slot);
        operand
    }

    /// The field by which the instruction that is emitted next writes a slot.
    pub(super) fn writing(&mut self, class: Class, slot: u32) -> u16 {
        if !self.is_far(slot) {
            return slot as u16;
        }
        self.store_result();
        self.scratch.result = Some((class, slot));
        self.scratch.result()
    }

    /// The field by which the instruction that is emitted next writes a slot, where the instruction has
    /// another result, whose field [`Self::writing`] gave.
    pub(super) fn writing_second(&self, slot: u32) -> u16 {
        match self.is_far(slot) {
            true => self.scratch.moved(),
            false => slot as u16,
        }
    }

    /// Stores a second result to its far slot, right after the instruction that made the result.
    pub(super) fn store_second(&mut self, slot: u32) {
        if self.is_far(slot) {
            let moved = self.scratch.moved();
            self.emit(Word::with_long(Row::FarStore.op(0), moved, slot));
        }
    }

    /// Stores the last result from its scratch slot to its far slot, where that is still to do.
    pub(super) fn store_result(&mut self) {
        if let Some((class, slot)) = self.scratch.result.take() {
            let result = self.scratch.result();
            self.store_far(class, result, slot);
        }
    }

    /// Emits the copy of a value from a far slot to a near one.
    fn load_far(&mut self, class: Class, to: u16, from: u32) {
        match class {
            Class::V128 => self.copy_span(to.into(), from, class.slots()),
            Class::Int | Class::F32 | Class::F64 => {
                self.emit(Word::with_long(Row::FarLoad.op(0), to, from));
            }
        }
    }

    /// Emits the copy of a value from a near slot to a far one.
    fn store_far(&mut self, class: Class, from: u16, to: u32) {
        match class {
            Class::V128 => self.copy_span(to, from.into(), class.slots()),
            Class::Int | Class::F32 | Class::F64 => {
                self.emit(Word::with_long(Row::FarStore.op(0), from, to));
            }
        }
    }

    /// Emits the copy of a value from slot to slot, where at least one of the two slots is far.
    pub(super) fn copy_far(&mut self, class: Class, to: u32, from: u32) {
        self.store_result();
        let near = match (self.is_far(to), self.is_far(from)) {
            (false, _) => to as u16,
            (_, false) => from as u16,
            _ => self.scratch.moved(),
        };
        if self.is_far(from) {
            self.load_far(class, near, from);
        }
        if self.is_far(to) {
            self.store_far(class, near, to);
        }
    }

    /// Emits a constant into a far slot.
    pub(super) fn set_const_far(&mut self, slot: u32, bits: u64) {
        let moved = self.scratch.moved();
        self.emit_const(moved, bits);
        self.emit(Word::with_long(Row::FarStore.op(0), moved, slot));
    }

    /// Emits the copy of `count` slots: those of at most 1,000 values, the parameters or results of a type.
    pub(super) fn copy_span(&mut self, to: u32, from: u32, count: u32) {
        let count = count as u16;
        if self.is_far(to) || self.is_far(from) {
            self.emit(Word::new(Row::FarSpan.op(0), 0, 0, count));
            self.code.push(Word::pair(to, from));
        } else {
            let span = Word::new(Row::CopySpan.op(0), to as u16, from as u16, count);
            self.emit(span);
        }
    }

    /// The slot of a tail call's first argument, where the arguments take `count` slots. Arguments in far
    /// slots are moved over the locals, which nothing reads after a tail call.
    pub(super) fn near_args(&mut self, base: u32, count: u32) -> u16 {
        if !self.is_far(base) {
            return base as u16;
        }
        let to = self.scratch.end();
        self.copy_span(to.into(), base, count);
        to
    }
}
