//! The operand stack at compile time: where each value is, and which values are in an accumulator.
//!
//! A value on the stack is a constant, a local, or a temporary in the slot that belongs to its
//! height. An instruction with a result is emitted in the mode that leaves it in the accumulator
//! alone; when the value has to outlive the accumulator, the instruction is changed to write the
//! slot as well ([`Lowering::keep`]), and when it is set to a local, to write the local's
//! ([`Lowering::set_local`]).

use super::control::Control;
use super::loops::Attempt;
use super::metering::Region;
use super::{LowerError, MAX_FRAME_SLOTS};
use crate::ir::{Row, Src, Word};
use crate::module::ModuleInner;

/// Which accumulator values of a type use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Int,
    F32,
    F64,
}

impl Class {
    pub(super) const ALL: [Self; 3] = [Self::Int, Self::F32, Self::F64];
}

/// Where a value on the stack is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere yet: its bits as a slot has them, where an `i32` and an `f32` are zero-extended.
    Const(u64),
    /// In the local of this index.
    Local(u32),
    /// In its own slot, or on the way there in an accumulator.
    Temp,
}

/// A constant as a number of 32 bits, where it is one, and whether that is to be zero-extended.
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
    /// The slot that belongs to its height.
    pub(super) slot: u16,
}

/// A local.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) slot: u16,
    pub(super) class: Class,
    /// How many values on the stack are in it.
    uses: u32,
}

impl Local {
    pub(super) fn new(slot: u32, class: Class) -> Self {
        Self {
            // Checked against `MAX_FRAME_SLOTS`.
            slot: slot as u16,
            class,
            uses: 0,
        }
    }
}

/// What an accumulator holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Acc {
    /// The slot that it has the value of.
    pub(super) slot: Option<u16>,
    /// The instruction that made the value of that slot, which does not write the slot yet. The
    /// slot's value is on the stack.
    pub(super) pending: Option<usize>,
}

/// The last instruction, while nothing was emitted or joined after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    pub(super) pc: usize,
    pub(super) row: Row,
    pub(super) mode: u16,
    class: Class,
    /// What its result pushed out of the accumulators of its class.
    fallen: Acc,
}

/// The lowering of one function.
pub(super) struct Lowering<'m> {
    pub(super) module: &'m ModuleInner,
    pub(super) code: Vec<Word>,
    pub(super) stack: Vec<Entry>,
    pub(super) control: Vec<Control>,
    pub(super) locals: Vec<Local>,
    /// The slot of the link.
    pub(super) link: u16,
    /// Whether what follows can't be reached: it is not lowered.
    pub(super) dead: bool,
    /// Whether branches need their long form.
    pub(super) far: bool,
    pub(super) last: Option<Last>,
    /// Where each `br_table` is.
    pub(super) tables: Vec<usize>,
    /// Where in the module's bytes the instructions from a word on came from, when asked for.
    pub(super) records: Option<Vec<(usize, u64)>>,
    /// Where work is charged, innermost loop last; none where it is not.
    pub(super) regions: Option<Vec<Region>>,
    /// A limit that was met on the way; `operator` returns it.
    pub(super) refused: Option<LowerError>,
    /// What the accumulators of each class hold: the last result, and the one before.
    pub(super) accs: [[Acc; 2]; 3],
    /// The innermost loop, while it can be lowered again.
    pub(super) attempt: Option<Attempt<'m>>,
    /// The first slot that is no local's.
    pub(super) first_temp: u16,
    /// The slot of the next value, and the most that it was.
    next_slot: u32,
    max_slot: u32,
    /// So many values from the bottom are no locals.
    clean: usize,
}

impl<'m> Lowering<'m> {
    pub(super) fn new(
        module: &'m ModuleInner,
        locals: Vec<Local>,
        first_slot: u32,
        link: u16,
        far: bool,
    ) -> Self {
        Self {
            module,
            code: Vec::new(),
            stack: Vec::new(),
            control: Vec::new(),
            locals,
            link,
            dead: false,
            far,
            last: None,
            tables: Vec::new(),
            records: None,
            regions: module.engine.config().metering.then(Vec::new),
            refused: None,
            accs: Default::default(),
            attempt: None,
            // Checked against `MAX_FRAME_SLOTS`.
            first_temp: first_slot as u16,
            next_slot: first_slot,
            max_slot: first_slot,
            clean: 0,
        }
    }

    /// How many slots the frame takes.
    pub(super) fn frame_slots(&self) -> u32 {
        self.max_slot
    }

    /// Notes that what is emitted from now on comes from this offset.
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
        self.accs[class as usize][0].pending = Some(pc);
    }

    /// Emits an instruction that writes its result to slot `a` and to the accumulator of `class`,
    /// and pushes the result. Gives its place.
    pub(super) fn produce_in_slot(
        &mut self,
        class: Class,
        row: Row,
        mode: u16,
        [b, c]: [u16; 2],
    ) -> usize {
        let fallen = self.shift(class);
        let slot = self.push(Place::Temp, class);
        let pc = self.emit(Word::new(row.op(mode), slot, b, c));
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

    /// Takes the last instruction back, whose result was popped.
    pub(super) fn undo(&mut self, last: Last) {
        self.code.truncate(last.pc);
        let accs = &mut self.accs[last.class as usize];
        *accs = [accs[1], last.fallen];
        self.last = None;
    }

    // The stack.

    /// Pushes a value; gives the slot of its height.
    pub(super) fn push(&mut self, place: Place, class: Class) -> u16 {
        let slot = self.next_slot;
        if slot >= MAX_FRAME_SLOTS {
            self.refused = Some(LowerError::FrameTooLarge);
        } else {
            self.next_slot += 1;
            self.max_slot = self.max_slot.max(self.next_slot);
        }
        if let Place::Local(index) = place {
            self.locals[index as usize].uses += 1;
        }
        let slot = slot as u16;
        self.stack.push(Entry { place, class, slot });
        slot
    }

    /// Pushes a value that an instruction put into its slot without the accumulator.
    pub(super) fn push_in_slot(&mut self, class: Class) -> u16 {
        let slot = self.push(Place::Temp, class);
        self.forget(slot);
        slot
    }

    /// Pops a value. A pending one stays pending until it is used.
    pub(super) fn pop(&mut self) -> Entry {
        let entry = self.stack.pop().expect("validation checked the operands");
        if let Place::Local(index) = entry.place {
            self.locals[index as usize].uses -= 1;
        }
        self.next_slot = entry.slot.into();
        self.clean = self.clean.min(self.stack.len());
        entry
    }

    /// Pops values until there are `height`, and drops them.
    pub(super) fn truncate(&mut self, height: usize) {
        while self.stack.len() > height {
            let entry = self.pop();
            self.discard(entry);
        }
    }

    /// Drops a popped value.
    pub(super) fn discard(&mut self, entry: Entry) {
        if entry.place == Place::Temp
            && let Some((_, acc)) = self.acc_of(entry.class, entry.slot)
        {
            acc.pending = None;
        }
    }

    /// The slot of the value at a height, or of the next value.
    pub(super) fn slot_at(&self, height: usize) -> u32 {
        self.stack
            .get(height)
            .map_or(self.next_slot, |entry| entry.slot.into())
    }

    // Where values are.

    /// The accumulator that has the value of a slot, and how operands say so.
    fn acc_of(&mut self, class: Class, slot: u16) -> Option<(Src, &mut Acc)> {
        let accs = [Src::A, Src::B]
            .into_iter()
            .zip(&mut self.accs[class as usize]);
        accs.into_iter().find(|(_, acc)| acc.slot == Some(slot))
    }

    /// Makes a value outlive its accumulator: the instruction that made it writes the slot as well.
    fn keep(code: &mut [Word], acc: &mut Acc) {
        if let Some(pc) = acc.pending.take() {
            // The mode after this one, by the order of modes.
            code[pc].op += 1;
        }
    }

    /// Makes the values in the accumulators outlive them.
    pub(super) fn flush_all(&mut self) {
        for acc in self.accs.as_flattened_mut() {
            Self::keep(&mut self.code, acc);
        }
    }

    /// After this point the accumulators may hold anything.
    pub(super) fn forget_all(&mut self) {
        self.flush_all();
        self.accs = Default::default();
        self.last = None;
        self.note_join();
    }

    /// An instruction that is emitted next pushes a result, of no use so far, on the accumulators of
    /// `class`. Gives what falls out of them, which is in its slot by then.
    pub(super) fn shift(&mut self, class: Class) -> Acc {
        self.note_result(class);
        let accs = &mut self.accs[class as usize];
        Self::keep(&mut self.code, &mut accs[1]);
        let fallen = accs[1];
        *accs = [Acc::default(), accs[0]];
        fallen
    }

    /// A slot is overwritten, and no accumulator has the new value.
    pub(super) fn forget(&mut self, slot: u16) {
        for acc in self.accs.as_flattened_mut() {
            if acc.slot == Some(slot) {
                *acc = Acc::default();
            }
        }
    }

    /// The accumulator of `class` has the value of `slot`.
    pub(super) fn remember(&mut self, class: Class, slot: u16) {
        self.accs[class as usize][0] = Acc {
            slot: Some(slot),
            pending: None,
        };
    }

    /// The last instruction, where it made `entry` and left it in the accumulator alone.
    pub(super) fn just_made(&self, entry: Entry) -> Option<Last> {
        let [acc, _] = self.accs[entry.class as usize];
        self.last.filter(|last| {
            entry.place == Place::Temp
                && acc.slot == Some(entry.slot)
                && acc.pending == Some(last.pc)
        })
    }

    /// The slot that a value that is no constant is in.
    fn home(&self, entry: Entry) -> u16 {
        match entry.place {
            Place::Local(index) => self.locals[index as usize].slot,
            Place::Temp | Place::Const(_) => entry.slot,
        }
    }

    /// Where a popped value that is no constant is read from, and the field that says so.
    pub(super) fn source(&mut self, entry: Entry) -> (Src, u16) {
        let home = self.home(entry);
        match self.acc_of(entry.class, home) {
            Some((src, acc)) => {
                if entry.place == Place::Temp {
                    acc.pending = None;
                }
                (src, home)
            }
            None => {
                self.note_read(entry.class, home);
                (Src::S, home)
            }
        }
    }

    /// As [`Self::source`], for instructions that take no value from the second accumulator.
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

    /// The slot that a popped value is in, once it is in one.
    pub(super) fn slot(&mut self, entry: Entry) -> u16 {
        match entry.place {
            Place::Const(bits) => self.set_const(entry.slot, bits),
            Place::Local(_) => {}
            Place::Temp => {
                for acc in &mut self.accs[entry.class as usize] {
                    if acc.slot == Some(entry.slot) {
                        Self::keep(&mut self.code, acc);
                    }
                }
            }
        }
        self.home(entry)
    }

    /// Puts the value at a height into the slot of that height.
    pub(super) fn materialise(&mut self, height: usize) {
        let entry = self.stack[height];
        match entry.place {
            Place::Const(_) => {
                self.slot(entry);
            }
            Place::Local(index) => {
                self.locals[index as usize].uses -= 1;
                let home = self.home(entry);
                self.copy(entry.slot, home);
            }
            Place::Temp => {
                self.slot(entry);
            }
        }
        self.stack[height].place = Place::Temp;
    }

    /// Puts the topmost `count` values into the slots of their heights.
    pub(super) fn materialise_top(&mut self, count: usize) {
        for height in self.stack.len() - count..self.stack.len() {
            self.materialise(height);
        }
    }

    /// Makes every value on the stack independent of what happens to locals and accumulators, as
    /// where control may join.
    pub(super) fn settle(&mut self) {
        for height in self.clean..self.stack.len() {
            if let Place::Local(_) = self.stack[height].place {
                self.materialise(height);
            }
        }
        self.clean = self.stack.len();
        self.flush_all();
    }

    /// Emits the copy of a slot.
    pub(super) fn copy(&mut self, to: u16, from: u16) {
        self.forget(to);
        self.emit(Word::new(Row::Copy.op(0), to, from, 0));
    }

    /// Emits a constant into a slot.
    pub(super) fn set_const(&mut self, slot: u16, bits: u64) {
        self.forget(slot);
        if let Some((unsigned, long)) = as_long(bits) {
            let row = if unsigned {
                Row::ConstUnsignedS
            } else {
                Row::ConstS
            };
            self.emit(Word::with_long(row.op(0), slot, long));
        } else {
            self.emit(Word::new(Row::ConstWideS.op(0), slot, 0, 0));
            self.code.push(Word::data(bits));
        }
    }

    /// Puts a popped value into a slot: by changing the instruction that made it, where it is the
    /// last one.
    pub(super) fn move_to(&mut self, slot: u16, entry: Entry) {
        match entry.place {
            Place::Const(bits) => return self.set_const(slot, bits),
            Place::Local(_) => {}
            Place::Temp => {
                let made_last = self.last.filter(|last| {
                    self.accs[entry.class as usize][0].slot == Some(entry.slot)
                        && self.code[last.pc].a == entry.slot
                });
                if let Some(last) = made_last {
                    self.slot(entry);
                    self.code[last.pc].a = slot;
                    self.forget(slot);
                    self.remember(entry.class, slot);
                    self.last = None;
                    return;
                }
            }
        }
        let (src, home) = self.source_a(entry);
        if home == slot {
            return;
        }
        match src {
            Src::A => {
                let row = match entry.class {
                    Class::Int => Row::CopyAcc,
                    Class::F32 => Row::CopyAccF32,
                    Class::F64 => Row::CopyAccF64,
                };
                self.emit(Word::new(row.op(0), slot, 0, 0));
                self.forget(slot);
                if entry.place == Place::Temp {
                    self.remember(entry.class, slot);
                }
            }
            _ => self.copy(slot, home),
        }
    }

    // Locals.

    pub(super) fn get_local(&mut self, index: u32) {
        let class = self.locals[index as usize].class;
        self.push(Place::Local(index), class);
    }

    pub(super) fn set_local(&mut self, index: u32) {
        let entry = self.pop();
        if entry.place == Place::Local(index) {
            return;
        }
        if self.locals[index as usize].uses > 0 {
            self.preserve(index);
        }
        self.move_to(self.locals[index as usize].slot, entry);
    }

    pub(super) fn tee_local(&mut self, index: u32) {
        self.set_local(index);
        self.get_local(index);
    }

    /// Copies a local to the slots of the values on the stack that are in it, before it changes.
    fn preserve(&mut self, index: u32) {
        for height in (self.clean..self.stack.len()).rev() {
            if self.stack[height].place == Place::Local(index) {
                self.materialise(height);
                if self.locals[index as usize].uses == 0 {
                    break;
                }
            }
        }
    }
}
