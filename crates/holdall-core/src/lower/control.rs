//! Blocks and branches.
//!
//! Where control joins, all values are in the slots of their heights, and nothing is known of what the
//! accumulators hold. A branch to a label moves the label's values to the slots that start at the
//! label's height.

use wasmparser::{BlockType, BrTable};

use super::Stop;
use super::fusion::{Condition, Reach};
use super::operands::Lowering;
use crate::ir::{Row, Src, TryId, Word};
use crate::module::from_wasmparser::{Indices, val_type};
use crate::types::FuncType;

/// What kind of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Func,
    Block,
    /// A loop, and where its code starts.
    Loop(usize),
    /// An `if`, and its branch to `else`; none where the condition is a constant that holds.
    If(Option<(usize, Reach)>),
    /// A `try_table`, or a legacy `try` up to its first `catch`.
    Try(TryId),
    /// A legacy `try` from its first `catch` on.
    Catch,
}

/// A block that is open.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) kind: Kind,
    ty: BlockType,
    params: usize,
    pub(super) results: usize,
    /// How many values were on the stack below the block's parameters.
    pub(super) height: usize,
    /// The slot of the block's first parameter, which is also that of its first result.
    pub(super) slot: u32,
    /// The branches to the block's end.
    pub(super) refs: Vec<(usize, Reach)>,
    /// Whether the block begins in code that can't be reached.
    pub(super) dead: bool,
    /// The innermost region of charges where the block begins.
    pub(super) region: usize,
    /// The innermost `try` around the block.
    pub(super) around: TryId,
}

impl<'m> Lowering<'m> {
    /// Opens the function's own block.
    pub(super) fn enter_function(&mut self, ty: &'m FuncType) {
        self.returns = ty.results();
        let slot = self.slot_at(0);
        self.control.push(Control {
            kind: Kind::Func,
            ty: BlockType::Empty,
            params: 0,
            results: ty.results().len(),
            height: 0,
            slot,
            refs: Vec::new(),
            dead: false,
            region: 0,
            around: TryId::NONE,
        });
    }

    /// Where the innermost block's code begins, if that block is a loop that can be reached and takes no
    /// values.
    pub(super) fn repeatable_loop(&self) -> Option<usize> {
        let control = self.control.last()?;
        match control.kind {
            Kind::Loop(pc) if !control.dead && control.params == 0 => Some(pc),
            _ => None,
        }
    }

    /// How many results the function has.
    pub(super) fn function_results(&self) -> usize {
        self.control[0].results
    }

    fn arity(&self, ty: BlockType) -> (usize, usize) {
        match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => {
                let ty = &self.module.types[index as usize];
                (ty.params().len(), ty.results().len())
            }
        }
    }

    /// Pushes the values that a block takes (`params`) or gives, each in the slot of its height.
    pub(super) fn push_types(&mut self, ty: BlockType, params: bool) {
        let module = self.module;
        match ty {
            BlockType::Empty => {}
            BlockType::Type(ty) => {
                if let (false, Ok(ty)) = (params, val_type(ty, Indices::of(module.types.ids()))) {
                    self.push_placed(&[ty]);
                }
            }
            BlockType::FuncType(index) => {
                let ty = &module.types[index as usize];
                self.push_placed(if params { ty.params() } else { ty.results() });
            }
        }
    }

    pub(super) fn open(&mut self, kind: Kind, ty: BlockType) {
        let (params, results) = self.arity(ty);
        let height = self.stack.len().saturating_sub(params);
        self.control.push(Control {
            kind,
            ty,
            params,
            results,
            height,
            slot: self.slot_at(height),
            refs: Vec::new(),
            dead: self.dead,
            region: self.region(),
            around: self.handler,
        });
    }

    /// Notes that the next instruction is a target of branches.
    pub(super) fn join(&mut self) {
        self.forget_all();
    }

    /// Makes a branch reach the instruction that is emitted next.
    pub(super) fn land(&mut self, branch: (usize, Reach)) -> Result<(), Stop> {
        let target = self.code.len();
        self.aim(branch, target)
    }

    /// Makes a branch reach the instruction at `target`.
    fn aim(&mut self, (pc, reach): (usize, Reach), target: usize) -> Result<(), Stop> {
        let from = match reach {
            Reach::Table { pc } => pc,
            _ => pc,
        };
        // A function has less than 2^31 words: at most 16 for each of its 7,654,321 bytes.
        let offset = (target as i64 - from as i64) as i32;
        match reach {
            Reach::Handler => self.handlers.aim(pc, target),
            Reach::Short => match i16::try_from(offset) {
                Ok(offset) => self.code[pc].c = offset.cast_unsigned(),
                Err(_) => return Err(Stop::LongBranches),
            },
            Reach::Long => {
                let Word { op, a, .. } = self.code[pc];
                self.code[pc] = Word::with_long(op, a, offset.cast_unsigned());
            }
            Reach::Table { .. } => self.code[pc] = Word::with_long(0, 0, offset.cast_unsigned()),
        }
        Ok(())
    }

    // Blocks.

    pub(super) fn block(&mut self, ty: BlockType) {
        if !self.dead {
            self.settle();
        }
        self.open(Kind::Block, ty);
    }

    pub(super) fn loop_(&mut self, ty: BlockType) {
        if !self.dead {
            self.materialise_top(self.arity(ty).0);
            self.settle();
            self.join();
        }
        self.open_loop(ty);
    }

    /// Opens a loop whose label is here.
    pub(super) fn open_loop(&mut self, ty: BlockType) {
        self.open(Kind::Loop(self.code.len()), ty);
        if !self.dead {
            // After the label, so that every turn pays.
            self.enter_region(0);
        }
    }

    pub(super) fn if_(&mut self, ty: BlockType) {
        let mut to_else = None;
        if !self.dead {
            let condition = self.pop_condition();
            self.materialise_top(self.arity(ty).0);
            self.settle();
            to_else = self.emit_branch(&condition, true);
        }
        self.open(Kind::If(to_else), ty);
    }

    pub(super) fn else_(&mut self) -> Result<(), Stop> {
        let mut control = self.control.pop().expect("validation checked the nesting");
        if !control.dead {
            if !self.dead {
                self.materialise_top(control.results);
                let pc = self.emit(Word::with_long(Row::Br.op(0), 0, 0));
                control.refs.push((pc, Reach::Long));
            }
            self.truncate(control.height);
            self.join();
            if let Kind::If(Some(to_else)) = control.kind {
                self.land(to_else)?;
            }
            self.push_types(control.ty, true);
            self.dead = false;
            self.next_region(false, control.region);
        }
        control.kind = Kind::Block;
        self.control.push(control);
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<(), Stop> {
        let control = self.control.pop().expect("validation checked the nesting");
        if control.dead {
            return Ok(());
        }
        if let Kind::Func | Kind::Loop(_) = control.kind {
            self.leave_region();
        }
        self.leave_try(&control);
        if !self.dead && control.kind == Kind::Catch {
            self.arrive(&control);
        }
        let mut refs = control.refs;
        match control.kind {
            Kind::Func => {
                if !self.dead {
                    self.return_values(control.results);
                }
                return self.return_caught(refs);
            }
            // Where there is no `else`, the block's results are its parameters.
            Kind::If(to_else) => refs.extend(to_else),
            Kind::Block | Kind::Loop(_) | Kind::Try(_) | Kind::Catch => {}
        }
        if refs.is_empty() && (self.dead || control.kind != Kind::Catch) {
            if self.dead {
                self.truncate(control.height);
            }
            return Ok(());
        }
        if !self.dead {
            self.materialise_top(control.results);
        }
        self.truncate(control.height);
        self.join();
        let is_arm = refs
            .iter()
            .any(|(_, reach)| matches!(reach, Reach::Table { .. }));
        for branch in refs {
            self.land(branch)?;
        }
        self.push_types(control.ty, false);
        self.dead = false;
        self.next_region(is_arm, control.region);
        Ok(())
    }

    // Branches.

    pub(super) fn target(&self, depth: u32) -> usize {
        self.control.len() - 1 - depth as usize
    }

    /// How many values a branch to a block takes with it.
    fn label_arity(&self, target: usize) -> usize {
        let control = &self.control[target];
        match control.kind {
            Kind::Loop(_) => control.params,
            _ => control.results,
        }
    }

    /// Whether the topmost `count` values, in the slots of their heights, are where the label of
    /// `target` expects them.
    fn in_place(&self, target: usize, count: usize) -> bool {
        let control = &self.control[target];
        control.kind != Kind::Func
            && (count == 0 || self.slot_at(self.stack.len() - count) == control.slot)
    }

    /// Makes an emitted branch reach the label of `target`.
    pub(super) fn refer(&mut self, branch: (usize, Reach), target: usize) -> Result<(), Stop> {
        self.note_branch(target, branch.1 == Reach::Handler);
        match self.control[target].kind {
            Kind::Loop(start) => self.aim(branch, start),
            _ => {
                self.control[target].refs.push(branch);
                Ok(())
            }
        }
    }

    /// Emits the jump to the label of `target`, or out of the function, with the topmost values as the
    /// label's values. The stack stays as it is. Where there are several such values, all of them are in
    /// the slots of their heights.
    fn go(&mut self, target: usize) -> Result<(), Stop> {
        let count = self.label_arity(target);
        if self.control[target].kind == Kind::Func {
            self.return_values(count);
            return Ok(());
        }
        if !self.in_place(target, count) {
            let from = self.slot_at(self.stack.len() - count);
            self.copy_span(self.control[target].slot, from, self.slots_of_top(count));
        }
        let pc = self.emit(Word::with_long(Row::Br.op(0), 0, 0));
        self.refer((pc, Reach::Long), target)
    }

    pub(super) fn br(&mut self, depth: u32) -> Result<(), Stop> {
        let target = self.target(depth);
        let count = self.label_arity(target);
        if self.control[target].kind != Kind::Func {
            if count == 1 && !self.in_place(target, 1) {
                let value = self.pop();
                self.move_to(self.control[target].slot, value);
                let pc = self.emit(Word::with_long(Row::Br.op(0), 0, 0));
                self.refer((pc, Reach::Long), target)?;
                self.dead = true;
                return Ok(());
            }
            self.materialise_top(count);
        }
        self.go(target)?;
        self.dead = true;
        Ok(())
    }

    pub(super) fn br_if(&mut self, depth: u32) -> Result<(), Stop> {
        let condition = self.pop_condition();
        self.br_where(&condition, false, depth)
    }

    /// Branches where a popped condition holds, or, with `negate`, where the condition does not hold.
    pub(super) fn br_where(
        &mut self,
        condition: &Condition,
        negate: bool,
        depth: u32,
    ) -> Result<(), Stop> {
        let target = self.target(depth);
        let count = self.label_arity(target);
        self.materialise_top(count);
        if self.in_place(target, count) {
            if let Some(branch) = self.emit_branch(condition, negate) {
                self.refer(branch, target)?;
            }
            return Ok(());
        }
        let over = self.emit_branch(condition, !negate);
        if !matches!(condition, Condition::Const(holds) if *holds == negate) {
            self.go(target)?;
        }
        if let Some(over) = over {
            self.land(over)?;
        }
        // The next instruction is reached only by `over`, and no accumulator changed before that branch;
        // or it is not reached at all, where the condition always holds.
        self.last = None;
        Ok(())
    }

    pub(super) fn br_table(&mut self, table: &BrTable<'_>) -> Result<(), Stop> {
        let index = self.pop();
        let count = self.label_arity(self.target(table.default()));
        let (src, slot) = self.source_a(index);
        self.materialise_top(count);
        let row = match src {
            Src::A => Row::BrTableA,
            _ => Row::BrTableS,
        };
        let pc = self.emit(Word::with_long(row.op(0), slot, table.len()));
        self.tables.push(pc);
        let entries = table.len() as usize + 1;
        self.code.resize(pc + 1 + entries, Word::data(0));

        // For each target whose values must be moved, code after the table moves them and branches on.
        let mut ways = Vec::new();
        let depths = table.targets().chain([Ok(table.default())]);
        for (entry, depth) in depths.enumerate() {
            let target = self.target(depth?);
            let branch = (pc + 1 + entry, Reach::Table { pc });
            if self.in_place(target, count) {
                self.refer(branch, target)?;
            } else {
                ways.push((target, branch));
            }
        }
        ways.sort_by_key(|(target, _)| *target);
        for way in ways.chunk_by(|one, other| one.0 == other.0) {
            for (_, branch) in way {
                self.land(*branch)?;
            }
            self.go(way[0].0)?;
        }
        self.dead = true;
        Ok(())
    }
}
