//! Two instructions made one, each where the benchmarks show a gain: a comparison and the branch on
//! it, a comparison and its negation, an addition and the access to its sum, a comparison with zero
//! and the selection by it.

use super::operands::{Entry, Lowering, Place};
use crate::ir::{Addr, CMP_PAIRS, INT_PAIRS, Row, Src, Word};

/// What a branch or a selection depends on.
pub(super) enum Condition {
    Const(bool),
    /// A slot is not 0.
    Slot(u16),
    /// The accumulator is not 0.
    Acc,
    /// A comparison that was emitted last and has been taken back, for the branch to repeat.
    Comparison {
        row: Row,
        pair: u16,
        fields: [u16; 2],
        wide: Option<Word>,
    },
}

/// How a selection reads its condition.
#[derive(Clone, Copy, Debug)]
pub(super) struct ZeroTest {
    /// True where the condition holds if the accumulator is 0; false where it holds if it is not 0.
    pub(super) negated: bool,
    /// Whether all 64 bits count.
    pub(super) by_64: bool,
}

/// How the offset of an emitted branch is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// 16 bits, in `c`.
    Short,
    /// 32 bits, in `b` and `c`.
    Long,
    /// 32 bits, in a word of the table of the `br_table` at `pc`, counted from that `br_table`.
    Table { pc: usize },
    /// From wherever an exception is thrown, by the clause at this place in the table of handlers.
    Handler,
}

impl Lowering<'_> {
    /// Where the last instruction is an addition that made this popped address, takes the addition back,
    /// so that the access adds instead. Gives the access's kind of address and its two fields.
    pub(super) fn sum(&mut self, entry: Entry) -> Option<(Addr, u16, u16)> {
        let last = self
            .just_made(entry)
            .filter(|last| last.row == Row::I32Add)?;
        let word = self.code[last.pc];
        let sum = match INT_PAIRS[usize::from(last.mode / 2)] {
            (Src::S, Src::S) => (Addr::SS, word.b, word.c),
            (Src::S, Src::A) => (Addr::AS, 0, word.b),
            (Src::A, Src::S) => (Addr::AS, 0, word.c),
            (Src::S, Src::B) => (Addr::BS, 0, word.b),
            (Src::B, Src::S) => (Addr::BS, 0, word.c),
            (Src::A, Src::B) | (Src::B, Src::A) => (Addr::AB, 0, 0),
            (Src::S, Src::I) => (Addr::SI, word.b, word.c),
            (Src::A, Src::I) => (Addr::AI, 0, word.c),
            (Src::B, Src::I) => (Addr::BI, 0, word.c),
            _ => return None,
        };
        self.undo(last);
        Some(sum)
    }

    /// Pops a condition. Where the last instruction is a comparison that made the condition, takes that
    /// comparison back, so that the branch compares instead.
    pub(super) fn pop_condition(&mut self) -> Condition {
        let entry = self.pop();
        let comparison = self
            .just_made(entry)
            .filter(|last| !self.form.long_branches && last.row.branch().is_some());
        if let Some(last) = comparison {
            let word = self.code[last.pc];
            let pair = last.mode / 2;
            // The comparison is the last instruction, so that a word after its first is its second.
            let wide = self.code.get(last.pc + 1).copied();
            self.undo(last);
            return Condition::Comparison {
                row: last.row,
                pair,
                fields: [word.b, word.c],
                wide,
            };
        }
        if let Place::Const(bits) = entry.place {
            return Condition::Const(bits as u32 != 0);
        }
        match self.source_a(entry) {
            (Src::A, _) => Condition::Acc,
            (_, slot) => Condition::Slot(slot),
        }
    }

    /// Emits a branch that is taken where the condition holds, or, with `negate`, where the condition
    /// does not hold. Gives the branch's place and how its offset is encoded; none where the branch would
    /// never be taken.
    pub(super) fn emit_branch(
        &mut self,
        condition: &Condition,
        negate: bool,
    ) -> Option<(usize, Reach)> {
        let (row, slot) = match condition {
            Condition::Const(holds) if *holds == negate => return None,
            Condition::Const(_) => (Row::Br, 0),
            Condition::Slot(slot) if negate => (Row::BrZS, *slot),
            Condition::Slot(slot) => (Row::BrNzS, *slot),
            Condition::Acc if negate => (Row::BrZA, 0),
            Condition::Acc => (Row::BrNzA, 0),
            Condition::Comparison {
                row,
                pair,
                fields: [lhs, rhs],
                wide,
            } => {
                let row = if negate { row.negated() } else { Some(*row) };
                let row = row.and_then(Row::branch).expect("a comparison");
                let pc = self.emit(Word::new(row.op(*pair), *lhs, *rhs, 0));
                self.code.extend(wide);
                return Some((pc, Reach::Short));
            }
        };
        Some((self.emit(Word::with_long(row.op(0), slot, 0)), Reach::Long))
    }

    /// Lowers `i32.eqz` of a comparison that was emitted last: changes the comparison to its negation.
    /// False where the last instruction is no such comparison.
    pub(super) fn negate_last(&mut self) -> bool {
        let entry = *self.stack.last().expect("validation checked the operands");
        let Some(mut last) = self.just_made(entry) else {
            return false;
        };
        let Some(negated) = last.row.negated() else {
            return false;
        };
        self.code[last.pc].op = negated.op(last.mode);
        last.row = negated;
        self.last = Some(last);
        true
    }

    /// Where the value is that a selection tests, the accumulator or a slot, and how to test it. Where the
    /// last instruction is a comparison with zero that made the popped condition, takes that comparison
    /// back, so that the selection compares instead.
    pub(super) fn condition(&mut self, entry: Entry) -> (ZeroTest, Src, u16) {
        if let Some(found) = self.zero_test(entry) {
            return found;
        }
        let test = ZeroTest {
            negated: false,
            by_64: false,
        };
        let (src, slot) = self.source_a(entry);
        (test, src, slot)
    }

    /// Takes back the comparison with zero that made a popped condition, where it is the last instruction.
    /// Gives how to test, and where the compared value is.
    fn zero_test(&mut self, entry: Entry) -> Option<(ZeroTest, Src, u16)> {
        let last = self.just_made(entry)?;
        let (negated, by_64) = match last.row {
            Row::I32Eq => (true, false),
            Row::I32Ne => (false, false),
            Row::I64Eq => (true, true),
            Row::I64Ne => (false, true),
            _ => return None,
        };
        let word = self.code[last.pc];
        let (lhs, rhs) = CMP_PAIRS[usize::from(last.mode / 2)];
        if (rhs, word.c) != (Src::I, 0) || lhs == Src::B {
            return None;
        }
        self.undo(last);
        Some((ZeroTest { negated, by_64 }, lhs, word.b))
    }
}
