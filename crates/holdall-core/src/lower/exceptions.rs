//! What throws and what catches. To enter a `try` is no instruction: the code of a `try` is noted in the
//! function's table of handlers.
//!
//! All values that a handler may need are in slots wherever something can be thrown: locals always are, and
//! the values below a `try` are put into their slots where the `try` begins. What is thrown puts its values
//! where the label's values go, and goes on at the label.

use wasmparser::{BlockType, TryTable};

use super::Stop;
use super::control::{Control, Kind};
use super::fusion::Reach;
use super::operands::{Class, Lowering};
use crate::ir::{Clause, HandlerRef, Row, TryId, Word};
use crate::types::ValType;

/// A legacy `try` whose catches are being lowered.
#[derive(Debug)]
pub(super) struct Catching {
    id: TryId,
    clauses: Vec<Clause>,
}

impl Lowering<'_> {
    // Blocks that catch.

    pub(super) fn try_table(&mut self, try_table: &TryTable) -> Result<(), Stop> {
        if self.dead {
            self.open(Kind::Block, try_table.ty);
            return Ok(());
        }
        self.settle();
        let mut clauses = Vec::with_capacity(try_table.catches.len());
        let mut targets = Vec::with_capacity(try_table.catches.len());
        for catch in &try_table.catches {
            use wasmparser::Catch;
            let (tag, reference, label) = match *catch {
                Catch::One { tag, label } => (Some(tag), HandlerRef::None, label),
                Catch::OneRef { tag, label } => (Some(tag), HandlerRef::Last, label),
                Catch::All { label } => (None, HandlerRef::None, label),
                Catch::AllRef { label } => (None, HandlerRef::Last, label),
            };
            let target = self.target(label);
            targets.push(target);
            let control = &self.control[target];
            clauses.push(Clause {
                tag,
                target: 0,
                slot: match control.kind {
                    // The results of a function begin where its frame does.
                    Kind::Func => 0,
                    _ => control.slot,
                },
                reference,
            });
        }
        self.steps += clauses.len();
        let id = self.handlers.add(self.handler);
        let first = self.handlers.set_clauses(id, &clauses);
        for (clause, target) in (first..).zip(targets) {
            self.refer((clause, Reach::Handler), target)?;
        }
        self.open_try(id, try_table.ty);
        Ok(())
    }

    pub(super) fn try_(&mut self, ty: BlockType) {
        if self.dead {
            self.open(Kind::Block, ty);
            return;
        }
        self.settle();
        let id = self.handlers.add(self.handler);
        self.catching.push(Catching {
            id,
            clauses: Vec::new(),
        });
        self.open_try(id, ty);
    }

    fn open_try(&mut self, id: TryId, ty: BlockType) {
        self.open(Kind::Try(id), ty);
        self.enter_try(id);
    }

    fn enter_try(&mut self, id: TryId) {
        self.handler = id;
        self.handlers.enter(self.code.len(), id);
    }

    /// Notes that the code of a block has ended, and with it what the block catches.
    pub(super) fn leave_try(&mut self, control: &Control) {
        if let Kind::Try(_) | Kind::Catch = control.kind {
            if self.handler != control.around {
                self.enter_try(control.around);
            }
            let catching = self.catching.pop_if(|catching| match control.kind {
                Kind::Try(id) => catching.id == id,
                _ => true,
            });
            if let Some(Catching { id, clauses }) = catching {
                self.handlers.set_clauses(id, &clauses);
            }
        }
    }

    /// A legacy `catch`, or, without a tag, `catch_all`.
    pub(super) fn catch(&mut self, tag: Option<u32>) {
        let mut control = self.control.pop().expect("validation checked the nesting");
        if !control.dead {
            if !self.dead {
                self.arrive(&control);
                let pc = self.emit(Word::with_long(Row::Br.op(0), 0, 0));
                control.refs.push((pc, Reach::Long));
            }
            self.truncate(control.height);
            self.join();
            if self.handler != control.around {
                self.enter_try(control.around);
            }
            let clause = Clause {
                tag,
                target: self.code.len() as u32,
                slot: control.slot,
                reference: match self.form.rethrows {
                    true => HandlerRef::First,
                    false => HandlerRef::None,
                },
            };
            let catching = self.catching.last_mut();
            catching.expect("a try is open").clauses.push(clause);
            if self.form.rethrows {
                self.push_placed(&[ValType::EXNREF]);
            }
            if let Some(tag) = tag {
                let module = self.module;
                self.push_placed(module.tag_type(tag).params());
            }
            self.dead = false;
            self.next_region(false, control.region);
        }
        control.kind = Kind::Catch;
        self.control.push(control);
    }

    /// Puts the results of a `try` into their slots, at the end of its code or of that of a `catch`.
    pub(super) fn arrive(&mut self, control: &Control) {
        self.materialise_top(control.results);
        let from = self.slot_at(self.stack.len() - control.results);
        // Behind a legacy `catch`, the exception lies below the results.
        if control.results > 0 && from != control.slot {
            self.copy_span(control.slot, from, self.slots_of_top(control.results));
        }
    }

    pub(super) fn delegate(&mut self, depth: u32) -> Result<(), Stop> {
        if let Some(Control {
            kind: Kind::Try(id),
            dead: false,
            ..
        }) = self.control.last()
        {
            // The label counts from outside of the block that ends here.
            let target = &self.control[self.target(depth + 1)];
            let around = match target.kind {
                Kind::Try(id) => id,
                _ => target.around,
            };
            self.handlers.delegate(*id, around);
        }
        self.end()
    }

    /// Emits the return of results that an exception brought to their slots, where a clause leads there.
    pub(super) fn return_caught(&mut self, refs: Vec<(usize, Reach)>) -> Result<(), Stop> {
        if refs.is_empty() {
            return Ok(());
        }
        self.join();
        for branch in refs {
            self.land(branch)?;
        }
        let row = match self.returns {
            // This row leaves the result in the accumulator too, as callers expect.
            [result] if Class::of(*result) != Class::V128 => Row::ReturnS,
            _ => Row::Return,
        };
        self.emit(Word::new(row.op(0), self.link, 0, 0));
        Ok(())
    }

    // What throws.

    pub(super) fn throw(&mut self, tag: u32) {
        let ty = self.module.tag_type(tag);
        let base = self.pop_args(ty);
        self.emit(Word::with_long(Row::Throw.op(0), 0, tag));
        self.code.push(Word::pair(base, 0));
        self.dead = true;
    }

    pub(super) fn throw_ref(&mut self) {
        let exception = self.pop();
        let slot = self.slot(exception);
        self.emit(Word::new(Row::ThrowRef.op(0), slot, 0, 0));
        self.dead = true;
    }

    pub(super) fn rethrow(&mut self, depth: u32) -> Result<(), Stop> {
        if !self.form.rethrows {
            return Err(Stop::Rethrows);
        }
        let caught = self.control[self.target(depth)].slot;
        let slot = self.reading(Class::Int, caught);
        self.emit(Word::new(Row::ThrowRef.op(0), slot, 0, 0));
        self.dead = true;
        Ok(())
    }
}
