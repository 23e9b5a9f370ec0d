//! Which code handles an exception, as a table behind a function's instructions: by code offset, so that
//! entering a `try` takes no instruction. Free of pointers, as code words are.
//!
//! The table says for each stretch of the code which `try` is the innermost around it. A `try` has clauses,
//! and knows the `try` around it, whose clauses come next.

use super::{Header, Word};

/// No `try`.
const NONE: u32 = u32::MAX;
/// The tag of a clause for exceptions of all tags.
const ANY_TAG: u32 = u32::MAX;
/// The flag of a clause whose handler gets a reference to the exception behind the values.
const REF_LAST: u32 = 1;
/// The flag of a clause whose handler gets a reference to the exception before the values.
const REF_FIRST: u32 = 2;

/// Where a handler gets a reference to the exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandlerRef {
    /// Nowhere.
    None,
    /// In the slot before the exception's values.
    First,
    /// In the slot behind the exception's values.
    Last,
}

/// One clause of a `try`: which exceptions it catches, and where these go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The index of the tag in the module's tag index space; none for exceptions of all tags, whose values
    /// the handler does not get.
    pub tag: Option<u32>,
    /// Where the handler's code begins, in words from the function's header.
    pub target: u32,
    /// The first of the slots that the exception's values and the reference are put into.
    pub slot: u32,
    /// Where the reference goes.
    pub reference: HandlerRef,
}

/// The handlers of a function while the function is lowered.
#[derive(Debug, Default)]
pub struct Handlers {
    /// From which word on which `try` is the innermost, ascending by the words.
    stretches: Vec<(u32, u32)>,
    tries: Vec<Try>,
    clauses: Vec<Clause>,
}

/// A `try`: the one around it, and which clauses are its own.
#[derive(Clone, Copy, Debug)]
struct Try {
    around: u32,
    first: u32,
    end: u32,
}

/// A `try` of a function, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryId(u32);

impl TryId {
    /// No `try`: what is thrown leaves the function.
    pub const NONE: Self = Self(NONE);
}

/// How many handlers there were at some moment; see [`Handlers::truncate`].
#[derive(Clone, Copy, Debug)]
pub struct HandlersMark {
    stretches: usize,
    tries: usize,
    clauses: usize,
}

impl Handlers {
    /// Adds a `try` without clauses within another one.
    pub fn add(&mut self, around: TryId) -> TryId {
        let end = self.clauses.len() as u32;
        self.tries.push(Try {
            around: around.0,
            first: end,
            end,
        });
        // A function has fewer bytes than 2^32 - 1.
        TryId(self.tries.len() as u32 - 1)
    }

    /// Notes that `id` is the innermost `try` from the word at `pc` on.
    pub fn enter(&mut self, pc: usize, id: TryId) {
        self.stretches.push((pc as u32, id.0));
    }

    /// Gives a `try` its clauses, in the order in which they are asked. Gives the place of the first.
    pub fn set_clauses(&mut self, id: TryId, clauses: &[Clause]) -> usize {
        let first = self.clauses.len();
        self.clauses.extend(clauses);
        let own = &mut self.tries[id.0 as usize];
        (own.first, own.end) = (first as u32, self.clauses.len() as u32);
        first
    }

    /// Makes `around` the `try` whose clauses are asked after those of `id`.
    pub fn delegate(&mut self, id: TryId, around: TryId) {
        self.tries[id.0 as usize].around = around.0;
    }

    /// Sets where the handler of the clause at a place begins.
    pub fn aim(&mut self, clause: usize, target: usize) {
        self.clauses[clause].target = target as u32;
    }

    /// How many handlers there are.
    #[must_use]
    pub fn mark(&self) -> HandlersMark {
        HandlersMark {
            stretches: self.stretches.len(),
            tries: self.tries.len(),
            clauses: self.clauses.len(),
        }
    }

    /// Drops what was added since `mark`.
    pub fn truncate(&mut self, mark: HandlersMark) {
        self.stretches.truncate(mark.stretches);
        self.tries.truncate(mark.tries);
        self.clauses.truncate(mark.clauses);
    }

    /// Puts the table behind a function's instructions, where there is a `try`, and says so in the header.
    pub fn append_to(&self, code: &mut Vec<Word>) {
        if self.tries.is_empty() {
            return;
        }
        code[0].op = Header::HAS_HANDLERS;
        let stretches = self.stretches.iter();
        code.extend(stretches.map(|(pc, id)| Word::pair(*pc, *id)));
        for Try { around, first, end } in &self.tries {
            code.extend([Word::pair(*around, *first), Word::pair(*end, 0)]);
        }
        for clause in &self.clauses {
            let flags = match clause.reference {
                HandlerRef::None => 0,
                HandlerRef::Last => REF_LAST,
                HandlerRef::First => REF_FIRST,
            };
            code.extend([
                Word::pair(clause.tag.unwrap_or(ANY_TAG), clause.target),
                Word::pair(clause.slot, flags),
            ]);
        }
        let [stretches, tries, clauses] =
            [self.stretches.len(), self.tries.len(), self.clauses.len()].map(|len| len as u32);
        code.extend([Word::pair(stretches, tries), Word::pair(clauses, 0)]);
    }
}

/// The table of handlers behind a function's instructions. A damaged table has handlers that catch nothing,
/// or whose code is another; no look-up panics.
#[derive(Clone, Copy, Debug)]
pub struct HandlerTable<'a> {
    stretches: &'a [Word],
    tries: &'a [Word],
    clauses: &'a [Word],
}

/// How many words the numbers at the end of a table take.
const NUMBERS: usize = 2;

impl<'a> HandlerTable<'a> {
    /// The table of the function with these words, where the function has one.
    #[must_use]
    pub fn of(words: &'a [Word]) -> Option<Self> {
        Some(Self::split(words)?.1)
    }

    /// The instructions of the function with these words, its header included, and the table.
    fn split(words: &'a [Word]) -> Option<(&'a [Word], Self)> {
        if words.first()?.op != Header::HAS_HANDLERS {
            return None;
        }
        let (rest, numbers) = words.split_at_checked(words.len().checked_sub(NUMBERS)?)?;
        let (stretches, tries) = numbers[0].indices();
        let (clauses, _) = numbers[1].indices();
        let last = |words: &'a [Word], count: usize| {
            words.split_at_checked(words.len().checked_sub(count)?)
        };
        let (rest, clauses) = last(rest, (clauses as usize).checked_mul(2)?)?;
        let (rest, tries) = last(rest, (tries as usize).checked_mul(2)?)?;
        let (rest, stretches) = last(rest, stretches as usize)?;
        let table = Self {
            stretches,
            tries,
            clauses,
        };
        Some((rest, table))
    }

    /// The innermost `try` around the word at `pc`.
    #[must_use]
    pub fn innermost(&self, pc: usize) -> TryId {
        let before = |stretch: &Word| stretch.indices().0 as usize <= pc;
        let after = self.stretches.partition_point(before);
        let stretch = after
            .checked_sub(1)
            .map(|at| self.stretches[at].indices().1);
        TryId(stretch.unwrap_or(NONE))
    }

    /// The clauses of a `try`, and the `try` around it; none for [`TryId::NONE`].
    #[must_use]
    pub fn get(&self, id: TryId) -> Option<(impl Iterator<Item = Clause> + use<'a>, TryId)> {
        let at = (id.0 as usize).checked_mul(2)?;
        let [first, second] = self.tries.get(at..at + 2)? else {
            return None;
        };
        let ((around, first), (end, _)) = (first.indices(), second.indices());
        let clauses = self.clauses.get(2 * first as usize..2 * end as usize);
        let clauses = clauses.unwrap_or_default().chunks_exact(2).map(|words| {
            let ((tag, target), (slot, flags)) = (words[0].indices(), words[1].indices());
            Clause {
                tag: (tag != ANY_TAG).then_some(tag),
                target,
                slot,
                reference: match flags {
                    REF_LAST => HandlerRef::Last,
                    REF_FIRST => HandlerRef::First,
                    _ => HandlerRef::None,
                },
            }
        });
        Some((clauses, TryId(around)))
    }
}

/// The header and the instructions of the function with these words, without its table of handlers.
#[must_use]
pub fn instructions(words: &[Word]) -> &[Word] {
    HandlerTable::split(words).map_or(words, |(instructions, _)| instructions)
}

impl HandlerTable<'_> {
    /// The text of the table: a line for each stretch of code with handlers, and one for each clause.
    pub(super) fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        for stretch in self.stretches {
            // Writing to a `String` cannot fail.
            let (pc, id) = stretch.indices();
            let _ = match id {
                NONE => writeln!(text, "from @{pc}: no try"),
                id => writeln!(text, "from @{pc}: try {id}"),
            };
        }
        for id in 0..self.tries.len() as u32 / 2 {
            let Some((clauses, around)) = self.get(TryId(id)) else {
                break;
            };
            let _ = match around {
                TryId::NONE => writeln!(text, "try {id}"),
                TryId(around) => writeln!(text, "try {id} within try {around}"),
            };
            for clause in clauses {
                let tag = clause
                    .tag
                    .map_or("all".to_owned(), |tag| format!("tag {tag}"));
                let reference = match clause.reference {
                    HandlerRef::None => "",
                    HandlerRef::First => ", reference first",
                    HandlerRef::Last => ", reference last",
                };
                let Clause { target, slot, .. } = clause;
                let _ = writeln!(text, "  catch {tag}: @{target} with s{slot}..{reference}");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(tag: Option<u32>, target: u32) -> Clause {
        Clause {
            tag,
            target,
            slot: 70_000,
            reference: HandlerRef::Last,
        }
    }

    /// Two tries, one within the other, over the words 1 to 9 and 3 to 5.
    fn code() -> (Vec<Word>, Clause, Clause) {
        let mut code = vec![Word::data(0); 10];
        let mut handlers = Handlers::default();
        let outer = handlers.add(TryId::NONE);
        handlers.enter(1, outer);
        let inner = handlers.add(outer);
        handlers.enter(3, inner);
        handlers.enter(5, outer);
        handlers.enter(9, TryId::NONE);
        let (one, other) = (clause(Some(3), 7), clause(None, 9));
        handlers.set_clauses(inner, &[one]);
        handlers.set_clauses(outer, &[other]);
        handlers.append_to(&mut code);
        (code, one, other)
    }

    #[test]
    fn the_clauses_of_the_innermost_try_come_first() {
        let (code, one, other) = code();
        assert_eq!(instructions(&code).len(), 10);
        let table = HandlerTable::of(&code).unwrap();
        let caught = |pc| {
            let (mut id, mut clauses) = (table.innermost(pc), Vec::new());
            while let Some((own, around)) = table.get(id) {
                clauses.extend(own);
                id = around;
            }
            clauses
        };
        assert_eq!(caught(0), []);
        for pc in [1, 2, 5, 8] {
            assert_eq!(caught(pc), [other]);
        }
        assert_eq!(caught(3), [one, other]);
        assert_eq!(caught(9), []);
    }

    #[test]
    fn damaged_tables_catch_something_else_or_nothing() {
        let (code, ..) = code();
        for at in 10..code.len() {
            for word in [Word::data(0), Word::data(u64::MAX), Word::pair(1 << 31, 3)] {
                let mut damaged = code.clone();
                damaged[at] = word;
                let Some(table) = HandlerTable::of(&damaged) else {
                    continue;
                };
                for pc in 0..12 {
                    if let Some((clauses, around)) = table.get(table.innermost(pc)) {
                        let _ = (clauses.count(), around);
                    }
                }
            }
        }
        for end in 0..code.len() {
            let _ = HandlerTable::of(&code[..end]);
        }
    }
}
