//! Accumulators across the turns of a loop.
//!
//! Where control joins, nothing is known of what the accumulators hold. But a loop's next turn often
//! begins with the values that the last turn ended with. So an innermost loop is lowered a second time
//! where the first time shows that all branches to its label have the same locals in the accumulators.
//! The second time, the lowering assumes these locals in the accumulators at the label, and loads them on
//! the way into the loop. Where a branch of the second lowering does not bear out the assumption, the
//! loop is lowered a third time, without.

use wasmparser::BlockType;

use super::accumulators::Acc;
use super::operands::{Class, Lowering};
use super::operators::Operators;
use crate::ir::{HandlersMark, Row, Word};

/// What the accumulators hold at a label, by class: the last result, and the one before.
type AtLabel = [[Option<u32>; 2]; Class::COUNT];

/// The innermost open loop, as long as it can be lowered again.
pub(super) struct Attempt<'m> {
    /// Reads from behind the operator `loop`.
    reader: Operators<'m>,
    ty: BlockType,
    /// Where the loop's code begins, with the instructions that load the accumulators.
    pc: usize,
    /// How many blocks are around the loop.
    depth: usize,
    /// How many values are on the stack below the loop's.
    height: usize,
    /// What the lowering assumes in the accumulators at the label; none the first time.
    assumed: Option<AtLabel>,
    /// What all branches to the label so far have in the accumulators; none before the first branch.
    found: Option<AtLabel>,
    /// The reads of locals before the first label or call within the loop: the class, the slot, and how many
    /// results of the class came before the read.
    early: Vec<(Class, u32, usize)>,
    /// How many results of each class there were since the loop's label; none after the first label
    /// or call within the loop.
    results: Option<[usize; Class::COUNT]>,
    /// The blocks around the loop that the loop branches to, one for each branch.
    branches: Vec<usize>,
    /// The handlers of the code before the loop.
    handlers: HandlersMark,
}

/// How many early reads of locals are noted.
const MOST_EARLY: usize = 16;

impl<'m> Lowering<'m> {
    /// Notes that a loop has just been opened at `pc` as the innermost block. The loop takes no values, and
    /// `reader` reads its operators.
    pub(super) fn begin_attempt(&mut self, ty: BlockType, pc: usize, reader: &Operators<'m>) {
        let attempt = Attempt {
            reader: reader.clone(),
            ty,
            pc,
            depth: self.control.len() - 1,
            height: self.stack.len(),
            assumed: None,
            found: None,
            early: Vec::new(),
            results: Some([0; Class::COUNT]),
            branches: Vec::new(),
            handlers: self.handlers.mark(),
        };
        self.attempt = Some(attempt);
    }

    /// Notes that an instruction pushes a result of `class`.
    pub(super) fn note_result(&mut self, class: Class) {
        if let Some(results) = self
            .attempt
            .as_mut()
            .and_then(|attempt| attempt.results.as_mut())
        {
            results[class as usize] += 1;
        }
    }

    /// Notes that control joins: the next instruction does not only follow the loop's label.
    pub(super) fn note_join(&mut self) {
        if let Some(attempt) = &mut self.attempt {
            attempt.results = None;
        }
    }

    /// Notes that a local is read from its slot.
    pub(super) fn note_read(&mut self, class: Class, slot: u32) {
        if let Some(attempt) = &mut self.attempt
            && let Some(results) = &attempt.results
            && attempt.assumed.is_none()
            && attempt.early.len() < MOST_EARLY
        {
            attempt.early.push((class, slot, results[class as usize]));
        }
    }

    /// Notes a branch to a block: to the innermost loop, to a block around it or to one within. Of a branch
    /// that an exception takes (`thrown`), nothing is known of the accumulators.
    pub(super) fn note_branch(&mut self, target: usize, thrown: bool) {
        let Some(mut attempt) = self.attempt.take() else {
            return;
        };
        if target < attempt.depth {
            attempt.branches.push(target);
        } else if target == attempt.depth {
            let here = if thrown {
                NOTHING
            } else {
                self.locals_in_accs()
            };
            match &mut attempt.found {
                None => attempt.found = Some(here),
                Some(found) => {
                    for (found, here) in
                        found.as_flattened_mut().iter_mut().zip(here.as_flattened())
                    {
                        *found = found.filter(|found| Some(*found) == *here);
                    }
                }
            }
        }
        self.attempt = Some(attempt);
    }

    /// The slots of the locals whose values the accumulators hold.
    fn locals_in_accs(&self) -> AtLabel {
        let slots = |accs: &[Acc; 2]| {
            accs.each_ref()
                .map(|acc| acc.slot.filter(|slot| *slot < self.first_temp))
        };
        self.accs.each_ref().map(slots)
    }

    /// At the end of a block, which is closed by now. If the block is a loop that is to be lowered again,
    /// opens it again and gives where to read on.
    pub(super) fn retry(&mut self) -> Option<Operators<'m>> {
        if self.attempt.as_ref()?.depth != self.control.len() {
            return None;
        }
        let mut attempt = self.attempt.take()?;
        let found = attempt.found.take().unwrap_or_default();
        let next = match attempt.assumed {
            None => Some(attempt.worth_it(found)?),
            Some(assumed) if met(assumed, found) => return None,
            Some(_) => Some(NOTHING),
        };
        for target in attempt.branches.drain(..).rev() {
            self.control[target].refs.pop();
        }
        self.truncate(attempt.height);
        self.forget_all();
        self.code.truncate(attempt.pc);
        self.handlers.truncate(attempt.handlers);
        while self.tables.pop_if(|pc| *pc >= attempt.pc).is_some() {}
        self.dead = false;
        attempt.assumed = next;
        attempt.results = None;
        let reader = attempt.reader.clone();
        self.enter_again(&attempt);
        self.attempt = Some(attempt);
        Some(reader)
    }

    /// Emits the loads of the locals that are assumed in the accumulators, and opens the loop.
    fn enter_again(&mut self, attempt: &Attempt<'_>) {
        let assumed = attempt.assumed.unwrap_or(NOTHING);
        for (class, [last, before]) in Class::ALL.into_iter().zip(assumed) {
            let row = match class {
                Class::Int => Row::LoadAcc,
                Class::F32 => Row::LoadAccF32,
                Class::F64 => Row::LoadAccF64,
                Class::V128 => Row::LoadAccV128,
            };
            // The value for the second accumulator is loaded first, and the next load shifts it there.
            // Where the first accumulator has no value of its own, the same value is loaded twice.
            for slot in [before, last.or(before)].into_iter().flatten() {
                // Locals are in no far slots.
                self.emit(Word::new(row.op(0), 0, slot as u16, 0));
            }
            self.accs[class as usize] = [last, before].map(|slot| Acc {
                slot,
                pending: None,
            });
        }
        self.open_loop(attempt.ty);
    }
}

const NOTHING: AtLabel = [[None; 2]; Class::COUNT];

/// Whether every accumulator that was assumed to hold a local holds that local.
fn met(assumed: AtLabel, found: AtLabel) -> bool {
    let mut pairs = assumed.as_flattened().iter().zip(found.as_flattened());
    pairs.all(|(assumed, found)| assumed.is_none() || assumed == found)
}

impl Attempt<'_> {
    /// The locals found in the accumulators that the loop reads before new results push them out; none if
    /// there are no such locals.
    fn worth_it(&self, mut found: AtLabel) -> Option<AtLabel> {
        for (class, accs) in Class::ALL.into_iter().zip(&mut found) {
            for (place, acc) in accs.iter_mut().enumerate() {
                // The accumulator before the last is gone after one more result, the last after two.
                *acc = acc.filter(|slot| {
                    let mut early = self.early.iter();
                    early.any(|read| (read.0, read.1) == (class, *slot) && read.2 + place < 2)
                });
            }
        }
        (found != NOTHING).then_some(found)
    }
}
