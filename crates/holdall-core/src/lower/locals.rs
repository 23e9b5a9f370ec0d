//! The locals of a function: the slot of each, and which values on the operand stack are in a local.

use super::operands::{Class, Lowering, Place};

/// A local.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    pub(super) slot: u16,
    pub(super) class: Class,
}

/// The locals of a function. To declare many of one type takes no longer than to declare one.
#[derive(Debug, Default)]
pub(super) struct Locals {
    groups: Vec<Group>,
    /// For each local, the topmost value on the stack that is in that local: the value's height plus 1,
    /// or 0 where there is no such value. Each of these values knows the next one below
    /// ([`Place::Local`]).
    tops: Vec<u32>,
}

/// Locals of one class, in slots that follow one another.
#[derive(Debug)]
struct Group {
    /// The index after that of the last local.
    end: u32,
    /// The index of the first local.
    start: u32,
    /// The slot of the first local.
    slot: u32,
    /// How many slots each local takes.
    width: u32,
    class: Class,
}

impl Group {
    /// The slot after those of the last local.
    fn next_slot(&self) -> u32 {
        self.slot_of(self.end)
    }

    fn slot_of(&self, index: u32) -> u32 {
        self.slot + (index - self.start) * self.width
    }
}

impl Locals {
    /// Adds locals of one type, the first at `slot`. All slots fit in 16 bits: wasmparser allows 50,000
    /// locals, and a link stands behind at most 1,000 parameters or results.
    pub(super) fn push(&mut self, count: u32, slot: u32, width: u32, class: Class) {
        if count == 0 {
            return;
        }
        let start = self.len();
        let end = start + count;
        match self.groups.last_mut() {
            Some(last)
                if (last.class, last.width) == (class, width) && last.next_slot() == slot =>
            {
                last.end = end;
            }
            _ => self.groups.push(Group {
                end,
                start,
                slot,
                width,
                class,
            }),
        }
    }

    /// Makes the table of topmost values, once all locals are added.
    pub(super) fn finish(mut self) -> Self {
        // The system gives a large table zeroed already.
        self.tops = vec![0; self.len() as usize];
        self
    }

    fn len(&self) -> u32 {
        self.groups.last().map_or(0, |group| group.end)
    }

    /// The local of an index, which validation checked.
    pub(super) fn get(&self, index: u32) -> Local {
        let at = self.groups.partition_point(|group| group.end <= index);
        let group = &self.groups[at];
        Local {
            slot: group.slot_of(index) as u16,
            class: group.class,
        }
    }

    /// The entry of a local in the table of topmost values.
    pub(super) fn top(&mut self, index: u32) -> &mut u32 {
        &mut self.tops[index as usize]
    }
}

impl Lowering<'_> {
    pub(super) fn get_local(&mut self, index: u32) {
        let class = self.locals.get(index).class;
        let top = self.stack.len() as u32 + 1;
        let below = std::mem::replace(self.locals.top(index), top);
        self.push(Place::Local { index, below }, class);
    }

    pub(super) fn set_local(&mut self, index: u32) {
        let entry = self.pop();
        if let Place::Local { index: other, .. } = entry.place
            && other == index
        {
            return;
        }
        self.preserve(index);
        self.move_to(self.locals.get(index).slot.into(), entry);
    }

    pub(super) fn tee_local(&mut self, index: u32) {
        self.set_local(index);
        self.get_local(index);
    }

    /// Copies a local to the slots of the values on the stack that are in it, before it changes.
    fn preserve(&mut self, index: u32) {
        let mut top = std::mem::take(self.locals.top(index));
        while let Some(height) = top.checked_sub(1) {
            let height = height as usize;
            let Place::Local { below, .. } = self.stack[height].place else {
                break;
            };
            top = below;
            self.put(height);
            self.steps += 1;
        }
    }

    /// Takes the values from a height on off the lists of their locals: these values are about to be put
    /// elsewhere, or dropped.
    pub(super) fn unlist(&mut self, from: usize) {
        for height in (from..self.stack.len()).rev() {
            if let Place::Local { index, below } = self.stack[height].place {
                *self.locals.top(index) = below;
            }
        }
    }
}
