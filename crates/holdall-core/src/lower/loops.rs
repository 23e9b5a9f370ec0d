//! Accumulators across the turns of a loop.
//!
//! Where control joins nothing is known of the accumulators; but a loop's next turn often begins with
//! what the last one ended with. So an innermost loop in which that shows is lowered a second time,
//! with its label taking the locals in the accumulators that all branches to it have there; on the way
//! into the loop they are loaded. A third time, without, is only for the case that the second did not
//! bear out what the first promised.

use wasmparser::BlockType;

use super::operands::{Acc, Class, Lowering};
use super::operators::Operators;
use crate::ir::{Row, Word};

/// What the accumulators hold at a label, by class: the last result, and the one before.
type AtLabel = [[Option<u32>; 2]; 3];

/// The innermost loop that is open, as long as it can be lowered again.
pub(super) struct Attempt<'m> {
    /// Behind the loop's operator.
    reader: Operators<'m>,
    ty: BlockType,
    /// Where its code begins, with what loads the accumulators.
    pc: usize,
    /// How many blocks and values are below it.
    depth: usize,
    height: usize,
    /// What the label takes to be in the accumulators; none the first time.
    assumed: Option<AtLabel>,
    /// What is in them at each branch to the label so far.
    found: Option<AtLabel>,
    /// The locals that the loop begins with: the class, the slot, and how many results of the class
    /// came before.
    early: Vec<(Class, u32, usize)>,
    /// How many results of each class there were, up to the first label within.
    results: Option<[usize; 3]>,
    /// The blocks around the loop that it branches to, one for each branch.
    branches: Vec<usize>,
}

/// How many locals are noted that a loop begins with.
const MOST_EARLY: usize = 16;

impl<'m> Lowering<'m> {
    /// Notes that the innermost block is a loop that has just been opened at `pc` and takes no values,
    /// and whose operators come from `reader`.
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
            results: Some([0; 3]),
            branches: Vec::new(),
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

    /// Notes that control joins: what comes after does not follow the loop's label.
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

    /// Notes a branch to a block that is not the innermost loop, or that is.
    pub(super) fn note_branch(&mut self, target: usize) {
        let Some(mut attempt) = self.attempt.take() else {
            return;
        };
        if target < attempt.depth {
            attempt.branches.push(target);
        } else if target == attempt.depth {
            let here = self.locals_in_accs();
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

    /// The slots of locals that the accumulators have the values of.
    fn locals_in_accs(&self) -> AtLabel {
        let slots = |accs: &[Acc; 2]| {
            accs.each_ref()
                .map(|acc| acc.slot.filter(|slot| *slot < self.first_temp))
        };
        self.accs.each_ref().map(slots)
    }

    /// At the end of a loop, whose block is closed: where to go on reading, if it is to be lowered
    /// again.
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
        while self.tables.pop_if(|pc| *pc >= attempt.pc).is_some() {}
        self.dead = false;
        attempt.assumed = next;
        attempt.results = None;
        let reader = attempt.reader.clone();
        self.enter_again(&attempt);
        self.attempt = Some(attempt);
        Some(reader)
    }

    /// Loads what the loop's label takes to be in the accumulators, and opens the loop.
    fn enter_again(&mut self, attempt: &Attempt<'_>) {
        let assumed = attempt.assumed.unwrap_or(NOTHING);
        for (class, [last, before]) in Class::ALL.into_iter().zip(assumed) {
            let row = match class {
                Class::Int => Row::LoadAcc,
                Class::F32 => Row::LoadAccF32,
                Class::F64 => Row::LoadAccF64,
            };
            // The one before goes first; where nothing comes after it, it goes twice.
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

const NOTHING: AtLabel = [[None; 2]; 3];

/// Whether every accumulator that is taken to have a local has it.
fn met(assumed: AtLabel, found: AtLabel) -> bool {
    let mut pairs = assumed.as_flattened().iter().zip(found.as_flattened());
    pairs.all(|(assumed, found)| assumed.is_none() || assumed == found)
}

impl Attempt<'_> {
    /// Of what was found in the accumulators, what the loop reads while it is still there; none if it
    /// reads nothing of it.
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
