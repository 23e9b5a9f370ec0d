//! Which clauses of a function catch what is thrown at an instruction, by the offset of the instruction in the
//! module's bytes. Native code has no table of its own: the function's body says it.

use wasmparser::{Catch, Operator};

use crate::ir::{Clause, HandlerRef, HandlerTable, Handlers, Row, TryId, Word};
use crate::module::Sections;

/// The clauses of a function. The target of each is the clause's number.
#[derive(Clone, Debug)]
pub struct Catches(Vec<Word>);

/// A block that is open: what kind, and the `try` around it.
struct Open {
    kind: Kind,
    around: TryId,
}

impl Open {
    /// The innermost `try` around what stands in the block now.
    fn inside(&self) -> TryId {
        match &self.kind {
            Kind::Table(id) => *id,
            Kind::Legacy(id, clauses) if clauses.is_empty() => *id,
            _ => self.around,
        }
    }
}

enum Kind {
    Plain,
    Table(TryId),
    /// A legacy `try`, and the clauses that its catches are.
    Legacy(TryId, Vec<Clause>),
}

impl Catches {
    /// The clauses of a defined function; `None` where the function has no `try`.
    #[must_use]
    pub fn of(sections: &Sections, defined_index: u32) -> Option<Self> {
        let mut handlers = Handlers::default();
        let (mut innermost, mut number) = (TryId::NONE, 0);
        let mut open: Vec<Open> = Vec::new();
        let rethrows = rethrows(sections, defined_index);
        // A function that was validated is readable, and its blocks are nested.
        let mut reader = sections.body(defined_index).get_operators_reader().ok()?;
        let mut has_try = false;
        while !reader.eof() {
            // A module has less than 2^32 bytes.
            let at = reader.original_position() as usize;
            let mut clause = |tag, reference| {
                number += 1;
                Clause {
                    tag,
                    target: number - 1,
                    slot: 0,
                    reference,
                }
            };
            let around = innermost;
            match reader.read().ok()? {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    let kind = Kind::Plain;
                    open.push(Open { kind, around });
                }
                Operator::TryTable { try_table } => {
                    has_try = true;
                    innermost = handlers.add(around);
                    let clauses: Vec<Clause> = try_table
                        .catches
                        .iter()
                        .map(|catch| match *catch {
                            Catch::One { tag, .. } => clause(Some(tag), HandlerRef::None),
                            Catch::OneRef { tag, .. } => clause(Some(tag), HandlerRef::Last),
                            Catch::All { .. } => clause(None, HandlerRef::None),
                            Catch::AllRef { .. } => clause(None, HandlerRef::Last),
                        })
                        .collect();
                    handlers.set_clauses(innermost, &clauses);
                    handlers.enter(at, innermost);
                    let kind = Kind::Table(innermost);
                    open.push(Open { kind, around });
                }
                Operator::Try { .. } => {
                    has_try = true;
                    innermost = handlers.add(around);
                    handlers.enter(at, innermost);
                    let kind = Kind::Legacy(innermost, Vec::new());
                    open.push(Open { kind, around });
                }
                operator @ (Operator::Catch { .. } | Operator::CatchAll) => {
                    let Open { kind, around } = open.last_mut()?;
                    let Kind::Legacy(_, clauses) = kind else {
                        return None;
                    };
                    let tag = match operator {
                        Operator::Catch { tag_index } => Some(tag_index),
                        _ => None,
                    };
                    clauses.push(clause(tag, rethrows));
                    innermost = *around;
                    handlers.enter(at, innermost);
                }
                Operator::Delegate { relative_depth } => {
                    let Open { kind, around } = open.pop()?;
                    let Kind::Legacy(id, _) = kind else {
                        return None;
                    };
                    // The label counts from outside of the block that ends here.
                    let target = open.len().checked_sub(relative_depth as usize + 1);
                    let target = target.map_or(TryId::NONE, |at| open[at].inside());
                    handlers.delegate(id, target);
                    innermost = around;
                    handlers.enter(at, innermost);
                }
                Operator::End => {
                    let Some(Open { kind, around }) = open.pop() else {
                        break;
                    };
                    if let Kind::Legacy(id, clauses) = &kind {
                        handlers.set_clauses(*id, clauses);
                    }
                    if innermost != around {
                        innermost = around;
                        handlers.enter(at, innermost);
                    }
                }
                _ => {}
            }
        }
        if !has_try {
            return None;
        }
        let mut words = vec![Word::new(Row::Exit.op(0), 0, 0, 0)];
        handlers.append_to(&mut words);
        Some(Self(words))
    }

    /// The table of the clauses, by offsets in the module's bytes.
    #[must_use]
    pub fn table(&self) -> Option<HandlerTable<'_>> {
        HandlerTable::of(&self.0)
    }
}

/// Where the clauses of legacy catches have a reference: before the values, if the function throws again.
fn rethrows(sections: &Sections, defined_index: u32) -> HandlerRef {
    let mut operators = sections.body(defined_index).get_operators_reader();
    while let Ok(reader) = &mut operators
        && !reader.eof()
    {
        match reader.read() {
            Ok(Operator::Rethrow { .. }) => return HandlerRef::First,
            Ok(_) => {}
            Err(_) => break,
        }
    }
    HandlerRef::None
}
