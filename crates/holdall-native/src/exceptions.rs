//! Exceptions: what throws, and what catches.
//!
//! To enter a `try` takes no instruction. Where something was thrown at a call within a `try`, the `try` has a
//! landing: cold code that asks the runtime which clause catches, if any: first that of the `try` itself, then those
//! of the ones around it.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{
    Block, BlockCall, InstBuilder, StackSlot, StackSlotData, StackSlotKind, Value,
};
use holdall_core::native::{Runtime, ending, roots, runtime};
use wasmparser::{BlockType, Catch, Operator, TryTable};

use crate::control::Kind;
use crate::function::{CHANGING, Func, Repr, branch_args};

/// How many references to exceptions a function with native code may hold at a call.
const MOST_HELD: usize = 100;
/// How many values are looked at in a function, to find such references.
const MOST_LOOKED_AT: usize = 1 << 24;

/// A `try` of the function.
#[derive(Debug)]
struct Try {
    /// Where the `try` lies in the body.
    offset: u32,
    /// The `try` whose clauses are asked after those of this one, by its place among those of the function.
    around: Option<usize>,
    /// Where calls within the `try` land at which something was thrown.
    landing: Option<Block>,
    /// Where a clause is looked up by its number: gets what the runtime gave.
    found: Option<Block>,
    clauses: Vec<Clause>,
}

#[derive(Clone, Copy, Debug)]
struct Clause {
    /// The number of the clause in the function.
    number: u32,
    tag: Option<u32>,
    to: To,
}

/// Where a clause leads.
#[derive(Clone, Copy, Debug)]
enum To {
    /// To a label, as seen from around the `try`. With `reference`, a reference to the exception goes behind its
    /// values.
    Label { depth: u32, reference: bool },
    /// To the block of a legacy `catch`, which takes a reference to the exception, then the values.
    Catch(Block),
}

/// The tries of a function.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    all: Vec<Try>,
    /// The innermost one around the operator that is translated.
    pub(crate) innermost: Option<usize>,
    /// How many clauses there were so far, with those that cannot be reached.
    clauses: u32,
    /// How many values were looked at, to find those that the function holds.
    looked_at: usize,
    /// The record of references that the function holds.
    roots: Option<StackSlot>,
}

impl Func<'_> {
    /// Where a call lands at which something was thrown; `None` outside of any `try`.
    pub(crate) fn landing(&mut self) -> Option<BlockCall> {
        let innermost = self.tries.innermost?;
        let landing = match self.tries.all[innermost].landing {
            Some(landing) => landing,
            None => {
                let landing = self.cold_block();
                *self.tries.all[innermost].landing.insert(landing)
            }
        };
        Some(self.b.func.dfg.block_call(landing, &[]))
    }

    // Blocks that catch.

    fn open_try(&mut self, ty: BlockType, clauses: Vec<Clause>) {
        self.effect();
        let id = self.tries.all.len();
        self.open(Kind::Try(id), ty);
        self.tries.all.push(Try {
            offset: self.offset,
            around: self.tries.innermost,
            landing: None,
            found: None,
            clauses,
        });
        self.tries.innermost = Some(id);
    }

    fn try_table(&mut self, try_table: &TryTable) {
        let first = self.tries.clauses;
        self.tries.clauses += try_table.catches.len() as u32;
        if self.dead {
            return self.open(Kind::Block, try_table.ty);
        }
        let clauses = try_table.catches.iter().zip(first..);
        let clauses = clauses.map(|(catch, number)| {
            let (tag, depth, reference) = match *catch {
                Catch::One { tag, label } => (Some(tag), label, false),
                Catch::OneRef { tag, label } => (Some(tag), label, true),
                Catch::All { label } => (None, label, false),
                Catch::AllRef { label } => (None, label, true),
            };
            let to = To::Label { depth, reference };
            Clause { number, tag, to }
        });
        let clauses: Vec<Clause> = clauses.collect();
        // What follows a block to which a clause leads is charged for as in lowered code, also where nothing
        // within the `try` can throw.
        for clause in &clauses {
            if let To::Label { depth, .. } = clause.to {
                self.make_label(depth);
            }
        }
        self.open_try(try_table.ty, clauses);
    }

    /// Fills the blocks that look for a clause of a `try` that has ended. The stack had `height` values where the
    /// `try` began.
    pub(crate) fn finish_try(&mut self, id: usize, height: usize) {
        let next = (!self.dead).then(|| {
            let next = self.b.create_block();
            self.b.ins().jump(next, &[]);
            next
        });
        let above = self.pop_many(self.height() - height);
        if let Some(landing) = self.tries.all[id].landing {
            self.go_on_in(landing);
            let offset = self.i64(self.tries.all[id].offset.into());
            let function = self.i64(self.index.into());
            let frame = self.b.ins().get_frame_pointer(I64);
            let number = self.runtime(Runtime::Catch, &[offset, function, frame]);
            let found = self.found_block(id);
            self.b.ins().jump(found, &branch_args(&[number]));
        }
        if let Some(found) = self.tries.all[id].found {
            self.find_clause(id, found, height);
        }
        for clause in &self.tries.all[id].clauses {
            if let To::Catch(block) = clause.to {
                self.b.seal_block(block);
            }
        }
        self.push_all(&above);
        self.dead = next.is_none();
        if let Some(next) = next {
            self.go_on_in(next);
        }
        self.effect();
    }

    /// The block that looks for a clause of a `try` and of those around it.
    fn found_block(&mut self, id: usize) -> Block {
        if let Some(found) = self.tries.all[id].found {
            return found;
        }
        let found = self.cold_block();
        self.b.append_block_param(found, I32);
        *self.tries.all[id].found.insert(found)
    }

    fn find_clause(&mut self, id: usize, found: Block, height: usize) {
        self.go_on_in(found);
        let number = self.b.block_params(found)[0];
        for clause in self.tries.all[id].clauses.clone() {
            let (caught, other) = (self.cold_block(), self.cold_block());
            let expected = i64::from(clause.number) + 1;
            let is_caught = self.b.ins().icmp_imm_u(IntCC::Equal, number, expected);
            self.b.ins().brif(is_caught, caught, &[], other, &[]);
            self.go_on_in(caught);
            self.catch(clause);
            self.truncate(height);
            self.go_on_in(other);
        }
        match self.tries.all[id].around {
            Some(around) => {
                let found = self.found_block(around);
                self.b.ins().jump(found, &branch_args(&[number]));
            }
            None => {
                let place = self.here(ending::PASSES);
                self.sites
                    .end_by_runtime(&mut self.b, self.instance, place, None);
            }
        }
    }

    /// Takes what was caught to where the clause leads.
    fn catch(&mut self, clause: Clause) {
        self.reload_memory();
        let height = self.height();
        match clause.to {
            To::Label { depth, reference } => {
                self.push_caught(clause.tag);
                if reference {
                    self.push_caught_reference();
                }
                self.br(depth);
            }
            To::Catch(block) => {
                self.push_caught_reference();
                self.push_caught(clause.tag);
                let values = self.top(self.height() - height);
                self.b.ins().jump(block, &branch_args(&values));
            }
        }
    }

    fn push_caught(&mut self, tag: Option<u32>) {
        if let Some(tag) = tag {
            let types = self.module.sections.tag_type(tag).params();
            let runtime = self.runtime_record();
            let slots = self.constant(runtime, runtime::TAIL_SLOTS);
            self.push_slots(slots, types);
        }
    }

    fn push_caught_reference(&mut self) {
        let reference = self.result_of_runtime();
        self.exceptions.insert(reference);
        self.push(reference);
    }

    // Blocks that catch, in the legacy form.

    fn try_(&mut self, ty: BlockType) {
        match self.dead {
            true => self.open(Kind::Block, ty),
            false => self.open_try(ty, Vec::new()),
        }
    }

    /// A legacy `catch`, or, without a tag, `catch_all`.
    fn legacy_catch(&mut self, tag: Option<u32>) {
        let number = self.tries.clauses;
        self.tries.clauses += 1;
        let mut control = self.control.pop().expect("validation checked the nesting");
        if !control.dead {
            let (Kind::Try(id) | Kind::Catch(id, _)) = control.kind else {
                unreachable!("validation checked the nesting");
            };
            if !self.dead {
                self.jump_to(&mut control);
            }
            self.truncate(control.height);
            self.roll_back(control.known);
            self.tries.innermost = control.around;
            let mut types = vec![Repr::EXCEPTION];
            if let Some(tag) = tag {
                let params = self.module.sections.tag_type(tag).params();
                types.extend(params.iter().copied().map(Repr::of));
            }
            // What leads there is made at the end of the whole block.
            let block = self.block_with(&types);
            let to = To::Catch(block);
            self.tries.all[id].clauses.push(Clause { number, tag, to });
            self.b.switch_to_block(block);
            let params = self.b.block_params(block).to_vec();
            control.kind = Kind::Catch(id, params[0]);
            self.push_all(&params[1..]);
            self.dead = false;
            self.next_region(false, control.region);
        }
        self.control.push(control);
    }

    fn delegate(&mut self, depth: u32) {
        if let Some(control) = self.control.last()
            && let (Kind::Try(id), false) = (&control.kind, control.dead)
        {
            // The label counts from outside of the block that ends here.
            let target = &self.control[self.target(depth + 1)];
            self.tries.all[*id].around = match target.kind {
                Kind::Try(id) => Some(id),
                _ => target.around,
            };
        }
        self.end();
    }

    // What throws.

    /// Goes on after a call of the runtime that threw.
    fn thrown(&mut self) {
        let landing = self.landing();
        let place = self.here(ending::FAILED);
        self.sites
            .end_by_runtime(&mut self.b, self.instance, place, landing);
        self.dead = true;
    }

    fn throw(&mut self, tag: u32) {
        let ty = self.module.sections.tag_type(tag);
        let values = self.pop_many(ty.params().len());
        let slots = self.slots(ty.param_slots());
        self.store_slots(slots, &values);
        let tag = self.i64(tag.into());
        let held = self.hold();
        self.runtime(Runtime::Throw, &[tag, slots]);
        self.release(held);
        self.thrown();
    }

    fn throw_ref(&mut self, reference: Value) {
        self.runtime(Runtime::ThrowRef, &[reference]);
        self.thrown();
    }

    fn rethrow(&mut self, depth: u32) {
        let target = self.target(depth);
        let Kind::Catch(_, reference) = self.control[target].kind else {
            unreachable!("validation checked the label");
        };
        self.throw_ref(reference);
    }

    /// Translates an operator on exceptions. Gives whether the operator is one.
    pub(crate) fn exception(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::TryTable { try_table } => self.try_table(try_table),
            Operator::Try { blockty } => self.try_(*blockty),
            Operator::Catch { tag_index } => self.legacy_catch(Some(*tag_index)),
            Operator::CatchAll => self.legacy_catch(None),
            Operator::Delegate { relative_depth } => self.delegate(*relative_depth),
            _ if self.dead => return false,
            Operator::Throw { tag_index } => self.throw(*tag_index),
            Operator::ThrowRef => {
                let reference = self.pop();
                self.throw_ref(reference);
            }
            Operator::Rethrow { relative_depth } => self.rethrow(*relative_depth),
            _ => return false,
        }
        true
    }

    // References that the function holds.

    /// The references to exceptions that may be used later.
    fn held(&mut self) -> Vec<Value> {
        let mut held = Vec::new();
        if !self.exceptions.is_empty() {
            self.tries.looked_at += self.height();
            held = self.stacked();
            held.retain(|value| self.exceptions.contains(value));
        }
        if self.module.seen[self.index as usize].rethrows {
            held.extend(
                self.control
                    .iter()
                    .filter_map(|control| match control.kind {
                        Kind::Catch(_, reference) => Some(reference),
                        _ => None,
                    }),
            );
        }
        for local in self.exception_locals.clone() {
            held.push(self.b.use_var(self.locals[local]));
        }
        if held.len() > MOST_HELD || self.tries.looked_at > MOST_LOOKED_AT {
            self.given_up = true;
            held.clear();
        }
        held
    }

    /// Writes the references that the function holds to where the runtime looks, before a call. Gives the record
    /// of the functions further out, if there is anything to hold.
    pub(crate) fn hold(&mut self) -> Option<Value> {
        let held = self.held();
        if held.is_empty() {
            return None;
        }
        let bytes = roots::FIRST.cast_unsigned() + 8 * held.len() as u32;
        let record = match self.tries.roots {
            Some(record) => record,
            None => {
                let data = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3);
                *self
                    .tries
                    .roots
                    .insert(self.b.create_sized_stack_slot(data))
            }
        };
        let size = &mut self.b.func.sized_stack_slots[record].size;
        *size = bytes.max(*size);
        let runtime = self.runtime_record();
        let outer = self.changing(runtime, runtime::ROOTS);
        let record = self.b.ins().stack_addr(I64, record, 0);
        let count = self.i64(held.len() as u64);
        self.b.ins().store(CHANGING, outer, record, roots::OUTER);
        self.b.ins().store(CHANGING, count, record, roots::COUNT);
        for (reference, at) in held.into_iter().zip((roots::FIRST..).step_by(8)) {
            self.b.ins().store(CHANGING, reference, record, at);
        }
        self.b
            .ins()
            .store(CHANGING, record, runtime, runtime::ROOTS);
        Some(outer)
    }

    /// Ends what [`hold`](Self::hold) began, after the call.
    pub(crate) fn release(&mut self, outer: Option<Value>) {
        if let Some(outer) = outer {
            let runtime = self.runtime_record();
            self.b.ins().store(CHANGING, outer, runtime, runtime::ROOTS);
        }
    }
}
