//! The operand stack at compile time: where each value is, and which values are in an accumulator.
//!
//! A value on the stack is a constant, a local, or a temporary in the slot that belongs to its
//! height. An instruction with a result is emitted in the mode that leaves it in the accumulator
//! alone; when the value has to outlive the accumulator, the instruction is changed to write the
//! slot as well ([`Lowering::keep`]), and when it is set to a local, to write the local's
//! ([`Lowering::set_local`]).

use std::ops::Range;

use super::accumulators::Acc;
use super::control::Control;
use super::exceptions::Catching;
use super::far::{self, Scratch};
use super::locals::Locals;
use super::loops::Attempt;
use super::metering::Region;
use super::{Form, Settings};
use crate::ir::{Handlers, Row, Src, TryId, Word};
use crate::module::Sections;
use crate::types::ValType;

/// Which accumulator values of a type use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Int,
    F32,
    F64,
    V128,
}

impl Class {
    pub(super) const ALL: [Self; Self::COUNT] = [Self::Int, Self::F32, Self::F64, Self::V128];
    pub(super) const COUNT: usize = 4;

    /// How many slots a value of the class takes.
    pub(super) const fn slots(self) -> u32 {
        match self {
            Self::V128 => 2,
            Self::Int | Self::F32 | Self::F64 => 1,
        }
    }
}

/// Where a value on the stack is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere yet: a constant, given as the 64 bits that a slot would hold. An `i32` and an `f32` are
    /// zero-extended. A vector is never here.
    Const(u64),
    /// In the local of this index. Where `below` is not 0, the next value down the stack that is in the
    /// same local is at the height `below - 1`.
    Local { index: u32, below: u32 },
    /// In the slot of its height, or in an accumulator and not yet in that slot.
    Temp,
}

/// A constant as a number of 32 bits, where 32 bits suffice, and whether they are to be zero-extended
/// rather than sign-extended.
pub(super) fn as_long(bits: u64) -> Option<(bool, u32)> {
    match (i32::try_from(bits.cast_signed()), u32::try_from(bits)) {
        (Ok(long), _) => Some((false, long.cast_unsigned())),
        (_, Ok(long)) => Some((true, long)),
        _ => None,
    }
}

/// A value on the stack.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) class: Class,
    /// The slot that belongs to the value's height: the first of two for a vector.
    pub(super) slot: u32,
}

/// The last instruction, while nothing was emitted or joined after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    pub(super) pc: usize,
    pub(super) row: Row,
    pub(super) mode: u16,
    class: Class,
    /// What the accumulators of the class lost to the instruction's result.
    fallen: Acc,
}

/// The lowering of one function.
pub(super) struct Lowering<'m> {
    pub(super) module: &'m Sections,
    pub(super) settings: Settings,
    pub(super) code: Vec<Word>,
    pub(super) stack: Vec<Entry>,
    pub(super) control: Vec<Control>,
    pub(super) locals: Locals,
    /// The slot of the link.
    pub(super) link: u16,
    /// Whether the operators that follow can't be reached. Such operators are not lowered.
    pub(super) dead: bool,
    pub(super) form: Form,
    pub(super) last: Option<Last>,
    /// Where each `br_table` is.
    pub(super) tables: Vec<usize>,
    /// Which code handles exceptions.
    pub(super) handlers: Handlers,
    /// The innermost `try` around the code that is emitted next.
    pub(super) handler: TryId,
    /// The legacy `try`s that are open.
    pub(super) catching: Vec<Catching>,
    /// The types of the function's results.
    pub(super) returns: &'m [ValType],
    /// For a word of `code`, where in the module's bytes the instructions from that word on came from;
    /// none where nobody asked.
    pub(super) records: Option<Vec<(usize, u64)>>,
    /// The open regions of charges, innermost loop last; none where work is not metered.
    pub(super) regions: Option<Vec<Region>>,
    /// The first slot that no field of a code word names.
    pub(super) near_end: u32,
    pub(super) scratch: Scratch,
    /// Work since the last operator beyond reading it, in steps of a [`Watch`](crate::watch::Watch).
    pub(super) steps: usize,
    /// What the accumulators of each class hold: the last result, and the one before.
    pub(super) accs: [[Acc; 2]; Class::COUNT],
    /// The innermost loop, while that loop can be lowered again.
    pub(super) attempt: Option<Attempt<'m>>,
    /// The first slot that is no local's.
    pub(super) first_temp: u32,
    /// The slot of the next value.
    next_slot: u32,
    /// The largest that `next_slot` ever was.
    max_slot: u32,
    /// The lowest `clean` values of the stack are known not to be in locals.
    clean: usize,
    /// The values at these heights are known to be in the slots of their heights, or in an accumulator
    /// and not yet there.
    placed: Range<usize>,
}

impl<'m> Lowering<'m> {
    pub(super) fn new(
        module: &'m Sections,
        settings: Settings,
        locals: Locals,
        first_temp: u32,
        link: u16,
        form: Form,
    ) -> Self {
        Self {
            module,
            settings,
            code: Vec::new(),
            stack: Vec::new(),
            control: Vec::new(),
            locals,
            link,
            dead: false,
            form,
            last: None,
            tables: Vec::new(),
            handlers: Handlers::default(),
            handler: TryId::NONE,
            catching: Vec::new(),
            returns: &[],
            records: None,
            regions: settings.metering.then(Vec::new),
            near_end: far::near_end(settings, first_temp),
            scratch: Scratch::after(link),
            steps: 0,
            accs: Default::default(),
            attempt: None,
            first_temp,
            next_slot: first_temp,
            max_slot: first_temp,
            clean: 0,
            placed: 0..0,
        }
    }

    /// How many slots the frame takes.
    pub(super) fn frame_slots(&self) -> u32 {
        self.max_slot
    }

    /// Notes that the instructions emitted from now on come from this offset in the module's bytes.
    pub(super) fn record(&mut self, offset: u64) {
        if let Some(records) = &mut self.records {
            while records.last().is_some_and(|(pc, _)| *pc > self.code.len()) {
                records.pop();
            }
            records.push((self.code.len(), offset));
        }
    }

    // Emission.

    /// Emits an instruction that leaves the accumulators as they are.
    pub(super) fn emit(&mut self, word: Word) -> usize {
        self.last = None;
        self.code.push(word);
        self.code.len() - 1
    }

    /// Emits an instruction and pushes its result: the mode is the one that leaves the result in
    /// the accumulator alone. The operands are popped already.
    pub(super) fn produce(
        &mut self,
        class: Class,
        row: Row,
        mode: u16,
        fields: [u16; 2],
        wide: Option<u64>,
    ) {
        let pc = self.produce_in_slot(class, row, mode, fields);
        self.code.extend(wide.map(Word::data));
        let acc = &mut self.accs[class as usize][0];
        acc.pending = Some(pc);
        if acc.slot.is_none() {
            Self::keep(&mut self.code, acc);
        }
    }

    /// Emits an instruction that writes its result to slot `a` and to the accumulator of `class`,
    /// and pushes the result. Gives the place of the instruction. Where the result's slot is far, the
    /// lowering does not note that the accumulator holds the result.
    pub(super) fn produce_in_slot(
        &mut self,
        class: Class,
        row: Row,
        mode: u16,
        [b, c]: [u16; 2],
    ) -> usize {
        let fallen = self.shift(class);
        let slot = self.push(Place::Temp, class);
        let field = self.writing(class, slot);
        let pc = self.emit(Word::new(row.op(mode), field, b, c));
        if self.is_far(slot) {
            return pc;
        }
        self.remember(class, slot);
        self.last = Some(Last {
            pc,
            row,
            mode,
            class,
            fallen,
        });
        pc
    }

    /// Takes back the last instruction, which traps nowhere. Its result was popped before. What is emitted in its
    /// place comes from the operator that is lowered now.
    pub(super) fn undo(&mut self, last: Last) {
        self.code.truncate(last.pc);
        if let Some(records) = &mut self.records
            && let Some((_, offset)) = records.pop()
        {
            while records.last().is_some_and(|(pc, _)| *pc >= last.pc) {
                records.pop();
            }
            records.push((last.pc, offset));
        }
        let accs = &mut self.accs[last.class as usize];
        *accs = [accs[1], last.fallen];
        self.last = None;
    }

    // The stack.

    /// Pushes a value; gives the slot of its height.
    pub(super) fn push(&mut self, place: Place, class: Class) -> u32 {
        let slot = self.next_slot;
        self.next_slot += class.slots();
        self.max_slot = self.max_slot.max(self.next_slot);
        if place == Place::Temp && self.placed.end == self.stack.len() {
            self.placed.end += 1;
        }
        self.stack.push(Entry { place, class, slot });
        slot
    }

    /// Pushes a value that only its slot holds, no accumulator: the instruction that is emitted next
    /// writes that slot. Gives the field by which that instruction names the slot.
    pub(super) fn push_in_slot(&mut self, class: Class) -> u16 {
        let slot = self.push(Place::Temp, class);
        self.forget(slot);
        self.writing(class, slot)
    }

    /// Pushes values that are in the slots of their heights and known to be in no accumulator.
    pub(super) fn push_placed(&mut self, types: &[ValType]) {
        for ty in types {
            self.push(Place::Temp, Class::of(*ty));
        }
        self.steps += types.len();
    }

    /// Pops a value. A value that is pending in an accumulator stays pending until it is used.
    pub(super) fn pop(&mut self) -> Entry {
        let entry = self.stack.pop().expect("validation checked the operands");
        if let Place::Local { index, below } = entry.place {
            *self.locals.top(index) = below;
        }
        self.next_slot = entry.slot;
        self.popped();
        entry
    }

    /// Drops the topmost values until `height` are left.
    pub(super) fn truncate(&mut self, height: usize) {
        self.next_slot = self.slot_at(height);
        self.unlist(height);
        self.stack.truncate(height);
        self.popped();
        for acc in self.accs.as_flattened_mut() {
            if acc.slot.is_some_and(|slot| slot >= self.next_slot) {
                acc.pending = None;
            }
        }
    }

    /// After values were popped.
    fn popped(&mut self) {
        let height = self.stack.len();
        self.clean = self.clean.min(height);
        self.placed = self.placed.start.min(height)..self.placed.end.min(height);
    }

    /// Drops a popped value.
    pub(super) fn discard(&mut self, entry: Entry) {
        if entry.place == Place::Temp
            && let Some((_, acc)) = self.acc_of(entry.class, entry.slot)
        {
            acc.pending = None;
        }
    }

    /// How many slots the topmost `count` values take.
    pub(super) fn slots_of_top(&self, count: usize) -> u32 {
        self.next_slot - self.slot_at(self.stack.len() - count)
    }

    /// The slot of the value at a height, or of the next value.
    pub(super) fn slot_at(&self, height: usize) -> u32 {
        self.stack
            .get(height)
            .map_or(self.next_slot, |entry| entry.slot)
    }

    // Where values are.

    /// The last instruction, where that instruction made `entry` and left it in the accumulator alone.
    pub(super) fn just_made(&self, entry: Entry) -> Option<Last> {
        let [acc, _] = self.accs[entry.class as usize];
        self.last.filter(|last| {
            entry.place == Place::Temp
                && acc.slot == Some(entry.slot)
                && acc.pending == Some(last.pc)
        })
    }

    /// The slot of a value that is not a constant: the local's, or the one of the value's height.
    fn home(&self, entry: Entry) -> u32 {
        match entry.place {
            Place::Local { index, .. } => self.locals.get(index).slot.into(),
            Place::Temp | Place::Const(_) => entry.slot,
        }
    }

    /// Where an instruction reads a popped value from, and the field that names the slot. The value is
    /// not a constant.
    pub(super) fn source(&mut self, entry: Entry) -> (Src, u16) {
        let home = self.home(entry);
        match self.acc_of(entry.class, home) {
            Some((src, acc)) => {
                if entry.place == Place::Temp {
                    acc.pending = None;
                }
                (src, home as u16)
            }
            None => {
                self.note_read(entry.class, home);
                (Src::S, self.reading(entry.class, home))
            }
        }
    }

    /// As [`Self::source`], for instructions that cannot read the second accumulator.
    pub(super) fn source_a(&mut self, entry: Entry) -> (Src, u16) {
        if self.in_acc(entry) == Some(Src::A) {
            self.source(entry)
        } else {
            (Src::S, self.slot(entry))
        }
    }

    /// Which accumulator a value is in.
    pub(super) fn in_acc(&mut self, entry: Entry) -> Option<Src> {
        if let Place::Const(_) = entry.place {
            return None;
        }
        let home = self.home(entry);
        Some(self.acc_of(entry.class, home)?.0)
    }

    /// Puts a popped value into a slot, and gives the field that names that slot.
    pub(super) fn slot(&mut self, entry: Entry) -> u16 {
        self.settle_popped(entry);
        self.reading(entry.class, self.home(entry))
    }

    /// Puts a popped value into the slot of its height. A value in a local stays in the local.
    pub(super) fn settle_popped(&mut self, entry: Entry) {
        match entry.place {
            Place::Const(bits) => self.set_const(entry.slot, bits),
            Place::Local { .. } => {}
            Place::Temp => {
                for acc in &mut self.accs[entry.class as usize] {
                    if acc.slot == Some(entry.slot) {
                        Self::keep(&mut self.code, acc);
                    }
                }
            }
        }
    }

    /// Puts the value at a height into the slot of that height. If the value is in a local, it was taken
    /// off that local's list before.
    pub(super) fn put(&mut self, height: usize) {
        let entry = self.stack[height];
        match entry.place {
            Place::Local { .. } => self.copy(entry.class, entry.slot, self.home(entry)),
            Place::Const(_) | Place::Temp => self.settle_popped(entry),
        }
        self.stack[height].place = Place::Temp;
    }

    /// Puts the topmost `count` values into the slots of their heights.
    pub(super) fn materialise_top(&mut self, count: usize) {
        let height = self.stack.len();
        let first = height - count;
        let mut from = first;
        if self.placed.contains(&first) {
            // The values below `placed.end` are in their slots, except those in an accumulator alone.
            from = self.placed.end;
            let slot = self.stack[first].slot;
            for acc in self.accs.as_flattened_mut() {
                if acc.slot.is_some_and(|other| other >= slot) {
                    Self::keep(&mut self.code, acc);
                }
            }
        }
        if from == height {
            return;
        }
        self.unlist(from);
        for height in from..height {
            self.put(height);
        }
        if from == first {
            self.placed.start = first;
        }
        self.placed.end = height;
        self.steps += height - from;
    }

    /// Puts every value on the stack that is in a local or in an accumulator alone into a slot. Where
    /// control may join, no value may depend on locals or accumulators.
    pub(super) fn settle(&mut self) {
        self.unlist(self.clean);
        for height in self.clean..self.stack.len() {
            if let Place::Local { .. } = self.stack[height].place {
                self.put(height);
            }
        }
        self.clean = self.stack.len();
        self.flush_all();
    }

    /// Emits the copy of a value from slot to slot.
    pub(super) fn copy(&mut self, class: Class, to: u32, from: u32) {
        self.forget(to);
        if self.is_far(to) || self.is_far(from) {
            return self.copy_far(class, to, from);
        }
        let row = match class {
            Class::V128 => Row::CopyV128,
            Class::Int | Class::F32 | Class::F64 => Row::Copy,
        };
        self.emit(Word::new(row.op(0), to as u16, from as u16, 0));
    }

    /// Emits a constant into a slot.
    pub(super) fn set_const(&mut self, slot: u32, bits: u64) {
        self.forget(slot);
        if self.is_far(slot) {
            return self.set_const_far(slot, bits);
        }
        self.emit_const(slot as u16, bits);
    }

    /// Emits a constant into the slot of a field.
    pub(super) fn emit_const(&mut self, field: u16, bits: u64) {
        if let Some((unsigned, long)) = as_long(bits) {
            let row = if unsigned {
                Row::ConstUnsignedS
            } else {
                Row::ConstS
            };
            self.emit(Word::with_long(row.op(0), field, long));
        } else {
            self.emit(Word::new(Row::ConstWideS.op(0), field, 0, 0));
            self.code.push(Word::data(bits));
        }
    }

    /// Puts a popped value into a slot. Where the last instruction made the value, that instruction is
    /// changed to write the slot.
    pub(super) fn move_to(&mut self, slot: u32, entry: Entry) {
        match entry.place {
            Place::Const(bits) => return self.set_const(slot, bits),
            _ if self.is_far(slot) || self.is_far(self.home(entry)) => {
                self.settle_popped(entry);
                return self.copy(entry.class, slot, self.home(entry));
            }
            Place::Local { .. } => {}
            Place::Temp => {
                let made_last = self.last.filter(|last| {
                    self.accs[entry.class as usize][0].slot == Some(entry.slot)
                        && u32::from(self.code[last.pc].a) == entry.slot
                });
                if let Some(last) = made_last {
                    self.settle_popped(entry);
                    self.code[last.pc].a = slot as u16;
                    self.forget(slot);
                    self.remember(entry.class, slot);
                    self.last = None;
                    return;
                }
            }
        }
        let (src, home) = self.source_a(entry);
        if u32::from(home) == slot {
            return;
        }
        match src {
            Src::A => {
                let row = match entry.class {
                    Class::Int => Row::CopyAcc,
                    Class::F32 => Row::CopyAccF32,
                    Class::F64 => Row::CopyAccF64,
                    Class::V128 => Row::CopyAccV128,
                };
                self.emit(Word::new(row.op(0), slot as u16, 0, 0));
                self.forget(slot);
                if entry.place == Place::Temp {
                    self.remember(entry.class, slot);
                }
            }
            _ => self.copy(entry.class, slot, home.into()),
        }
    }
}
