//! Blocks and branches. A block that nothing branches to has no end of its own: what follows goes on with the
//! values that the block leaves on the stack.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, JumpTableData, Value};
use holdall_core::trap::TrapCode;
use wasmparser::{BlockType, BrTable, Operator};

use crate::function::{Func, Repr, Uncovered, branch_args};

/// What kind of block.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Func,
    Block,
    Loop,
    /// An `if` before its `else`: the block of the `else`, and the parameters of the `if`; none where the
    /// condition is known to hold.
    If(Option<(Block, Vec<Value>)>),
    /// A `try_table`, or a legacy `try` up to its first `catch`: its place among those of the function.
    Try(usize),
    /// A legacy `try` from its first `catch` on, and a reference to what was caught.
    Catch(usize, Value),
}

/// A block that is open.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) kind: Kind,
    ty: BlockType,
    params: usize,
    results: usize,
    /// How many values were on the stack below the block's parameters.
    pub(crate) height: usize,
    /// Where branches go. Made by the first branch, but for a loop's.
    label: Option<Block>,
    /// Whether a `br_table` branches to the block's end with the values as they lie.
    is_arm: bool,
    /// Whether the block begins in code that cannot be reached.
    pub(crate) dead: bool,
    /// The innermost region of charges where the block begins.
    pub(crate) region: usize,
    /// What was known of addresses where the block begins.
    pub(crate) known: usize,
    /// The innermost `try` around the block.
    pub(crate) around: Option<usize>,
    /// The calm loop around the block.
    calm: Option<usize>,
}

impl Func<'_> {
    /// The types of what a block takes and gives.
    fn types_of(&self, ty: BlockType) -> (Vec<Repr>, Vec<Repr>) {
        match ty {
            BlockType::Empty => (Vec::new(), Vec::new()),
            BlockType::Type(ty) => (Vec::new(), vec![operand_type(ty)]),
            BlockType::FuncType(index) => {
                let ty = &self.module.sections.types[index as usize];
                let types = |types: &[_]| types.iter().copied().map(Repr::of).collect();
                (types(ty.params()), types(ty.results()))
            }
        }
    }

    pub(crate) fn open(&mut self, kind: Kind, ty: BlockType) {
        let (params, results) = self.types_of(ty);
        let control = Control {
            kind,
            ty,
            params: params.len(),
            results: results.len(),
            height: self.height().saturating_sub(params.len()),
            label: None,
            is_arm: false,
            dead: self.dead,
            region: self.region(),
            known: self.checks.mark(),
            around: self.tries.innermost,
            calm: self.checks.calm(),
        };
        self.control.push(control);
    }

    /// Opens the function's own block.
    pub(crate) fn enter_function(&mut self) {
        self.control.push(Control {
            kind: Kind::Func,
            ty: BlockType::Empty,
            params: 0,
            results: self.ty.results().len(),
            height: 0,
            label: None,
            is_arm: false,
            dead: false,
            region: 0,
            known: self.checks.mark(),
            around: None,
            calm: None,
        });
    }

    /// A block with parameters of these types.
    pub(crate) fn block_with(&mut self, types: &[Repr]) -> Block {
        let block = self.b.create_block();
        for Repr { ty, is_exception } in types {
            let param = self.b.append_block_param(block, *ty);
            if *is_exception {
                self.exceptions.insert(param);
            }
        }
        block
    }

    /// Makes the parameters of a block the values on the stack.
    fn push_params(&mut self, block: Block) {
        let params = self.b.block_params(block).to_vec();
        self.push_all(&params);
    }

    fn loop_(&mut self, ty: BlockType) {
        let is_calm = self.module.seen[self.index as usize].loops[self.loops].is_calm;
        self.loops += 1;
        if self.dead {
            return self.open(Kind::Loop, ty);
        }
        let (params, _) = self.types_of(ty);
        let header = self.block_with(&params);
        let values = self.pop_many(params.len());
        let is_checked = is_calm && self.kept.is_some();
        let len = is_checked.then(|| self.len_of(0));
        let enters = self.b.ins().jump(header, &branch_args(&values));
        self.b.switch_to_block(header);
        self.contents.forget();
        self.push_params(header);
        self.open(Kind::Loop, ty);
        if let Some(len) = len {
            self.checks.enter_calm_loop(enters, len);
        }
        if let Some(control) = self.control.last_mut() {
            control.label = Some(header);
        }
        // After the label, so that every turn pays.
        self.enter_region(0);
    }

    fn if_(&mut self, ty: BlockType) {
        if self.dead {
            return self.open(Kind::If(None), ty);
        }
        let (condition, known) = self.pop_condition();
        let params = self.types_of(ty).0.len();
        self.forget(params);
        let mut to_else = None;
        if known != Some(true) {
            let then = self.b.create_block();
            let otherwise = self.b.create_block();
            self.b.ins().brif(condition, then, &[], otherwise, &[]);
            self.b.seal_block(otherwise);
            self.go_on_in(then);
            to_else = Some((otherwise, self.top(params)));
        }
        self.open(Kind::If(to_else), ty);
    }

    fn else_(&mut self) {
        let mut control = self.control.pop().expect("validation checked the nesting");
        if !control.dead {
            let Kind::If(to_else) = std::mem::replace(&mut control.kind, Kind::Block) else {
                unreachable!("validation checked the nesting");
            };
            if !self.dead {
                self.jump_to(&mut control);
            }
            self.truncate(control.height);
            self.roll_back(control.known);
            match to_else {
                Some((otherwise, params)) => {
                    self.b.switch_to_block(otherwise);
                    self.push_all(&params);
                }
                None => self.go_on_unreached(control.ty),
            }
            self.dead = false;
            self.next_region(false, control.region);
        }
        self.control.push(control);
    }

    /// Goes on, in an `else` that is never reached, as if it were: charges are as in lowered code.
    fn go_on_unreached(&mut self, ty: BlockType) {
        let (params, _) = self.types_of(ty);
        let block = self.block_with(&params);
        self.go_on_in(block);
        self.push_params(block);
    }

    pub(crate) fn end(&mut self) {
        let control = self.control.pop().expect("validation checked the nesting");
        if control.dead {
            return;
        }
        let (kind, height) = (control.kind.clone(), control.height);
        if let Kind::Try(_) = kind {
            self.tries.innermost = control.around;
        }
        self.end_block(control);
        if let Kind::Try(id) | Kind::Catch(id, _) = kind {
            self.finish_try(id, height);
        }
    }

    fn end_block(&mut self, mut control: Control) {
        let kind = std::mem::replace(&mut control.kind, Kind::Block);
        if let Kind::Func | Kind::Loop = kind {
            self.leave_region();
        }
        match kind {
            Kind::Func => return self.end_function(&control),
            Kind::Loop => {
                let header = control.label.expect("made where the loop was opened");
                self.b.seal_block(header);
                self.checks.leave_loop(control.calm);
                if self.dead {
                    self.truncate(control.height);
                }
                return;
            }
            Kind::If(Some((otherwise, params))) => {
                if !self.dead {
                    self.jump_to(&mut control);
                }
                // Where there is no `else`, the block's results are its parameters. What was checked within the
                // block was not checked on the way that leads past it.
                self.b.switch_to_block(otherwise);
                self.roll_back(control.known);
                self.truncate(control.height);
                self.push_all(&params);
                self.dead = false;
            }
            // What follows is charged for as where a branch leads.
            Kind::Catch(..) if !self.dead => {
                self.label_of(&mut control);
            }
            Kind::If(None) | Kind::Block | Kind::Try(_) | Kind::Catch(..) => {}
        }
        if control.label.is_none() {
            if self.dead {
                self.truncate(control.height);
            }
            return;
        }
        if !self.dead {
            self.jump_to(&mut control);
        }
        self.truncate(control.height);
        self.roll_back(control.known);
        let label = self.label_of(&mut control);
        self.go_on_in(label);
        self.push_params(label);
        self.dead = false;
        self.next_region(control.is_arm, control.region);
    }

    fn end_function(&mut self, control: &Control) {
        let values = match control.label {
            None if self.dead => return,
            None => self.pop_many(control.results),
            Some(label) => {
                if !self.dead {
                    let values = self.pop_many(control.results);
                    self.b.ins().jump(label, &branch_args(&values));
                }
                self.go_on_in(label);
                self.b.block_params(label).to_vec()
            }
        };
        self.return_values(&values);
        self.dead = true;
    }

    /// Jumps to the end of a block, with the block's results on the stack.
    pub(crate) fn jump_to(&mut self, control: &mut Control) {
        let label = self.label_of(control);
        let values = self.top(control.results);
        self.b.ins().jump(label, &branch_args(&values));
    }

    /// Where branches to a block go.
    fn label_of(&mut self, control: &mut Control) -> Block {
        if let Some(label) = control.label {
            return label;
        }
        let results = match control.kind {
            Kind::Func => self.ty.results().iter().copied().map(Repr::of).collect(),
            _ => self.types_of(control.ty).1,
        };
        let label = self.block_with(&results);
        *control.label.insert(label)
    }

    pub(crate) fn target(&self, depth: u32) -> usize {
        self.control.len() - 1 - depth as usize
    }

    /// How many values a branch to a block takes with it.
    fn label_arity(&self, target: usize) -> usize {
        let control = &self.control[target];
        match control.kind {
            Kind::Loop => control.params,
            _ => control.results,
        }
    }

    /// The label of a block, which is made where there is none yet.
    pub(crate) fn make_label(&mut self, depth: u32) -> Block {
        let target = self.target(depth);
        let mut control = self.control.swap_remove(target);
        let label = self.label_of(&mut control);
        self.control.push(control);
        let last = self.control.len() - 1;
        self.control.swap(target, last);
        label
    }

    /// Where a branch goes, and the values that it takes with it, which stay on the stack.
    fn branch(&mut self, depth: u32) -> (Block, Vec<Value>) {
        let label = self.make_label(depth);
        (label, self.top(self.label_arity(self.target(depth))))
    }

    pub(crate) fn br(&mut self, depth: u32) {
        let (label, values) = self.branch(depth);
        self.b.ins().jump(label, &branch_args(&values));
        self.dead = true;
    }

    /// Branches where a condition is not zero, or, with `negate`, where the condition is zero. `known` is what the
    /// condition is known to be.
    pub(crate) fn br_where(
        &mut self,
        (condition, known): (Value, Option<bool>),
        negate: bool,
        depth: u32,
    ) {
        self.effect();
        if known == Some(negate) {
            // As in lowered code, the label is not one that is branched to.
            self.forget(self.label_arity(self.target(depth)));
            return;
        }
        let (label, values) = self.branch(depth);
        let next = self.b.create_block();
        let values = branch_args(&values);
        if negate {
            self.b.ins().brif(condition, next, &[], label, &values);
        } else {
            self.b.ins().brif(condition, label, &values, next, &[]);
        }
        self.go_on_in(next);
        self.forget(values.len());
    }

    fn br_table(&mut self, table: &BrTable<'_>) -> Result<(), Uncovered> {
        let index = self.pop();
        let count = self.label_arity(self.target(table.default()));
        // Where values go along, a block for each target has them go.
        let mut ways: Vec<(u32, Block)> = Vec::new();
        let mut entries = Vec::with_capacity(table.len() as usize + 1);
        for depth in table.targets().chain([Ok(table.default())]) {
            let depth = depth?;
            let target = self.target(depth);
            let height = self.height() - count;
            let control = &mut self.control[target];
            if !matches!(control.kind, Kind::Func) && (count == 0 || height == control.height) {
                control.is_arm = true;
            }
            let block = if count == 0 {
                self.branch(depth).0
            } else {
                match ways.binary_search_by_key(&depth, |(depth, _)| *depth) {
                    Ok(at) => ways[at].1,
                    Err(at) => {
                        let block = self.b.create_block();
                        ways.insert(at, (depth, block));
                        block
                    }
                }
            };
            entries.push(self.b.func.dfg.block_call(block, &[]));
        }
        let default = entries.pop().expect("there is a default");
        let table = self
            .b
            .create_jump_table(JumpTableData::new(default, &entries));
        self.b.ins().br_table(index, table);
        for (depth, block) in ways {
            self.go_on_in(block);
            self.br(depth);
            self.check_room()?;
        }
        self.dead = true;
        Ok(())
    }

    /// Whether the reference on top of the stack is null. The reference stays.
    pub(crate) fn is_null(&mut self) -> (Value, Option<bool>) {
        let (reference, known) = self.pop_condition();
        self.push_condition(reference, known);
        let is_null = self.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
        (is_null, known.map(|is_there| !is_there))
    }

    /// Translates an operator of control. Gives whether the operator is one.
    pub(crate) fn control(&mut self, operator: &Operator<'_>) -> Result<bool, Uncovered> {
        match operator {
            Operator::Block { blockty } => self.open(Kind::Block, *blockty),
            Operator::Loop { blockty } => {
                self.effect();
                self.loop_(*blockty);
            }
            Operator::If { blockty } => {
                self.effect();
                self.if_(*blockty);
            }
            Operator::Else => self.else_(),
            Operator::End => self.end(),
            _ if self.dead => {}
            Operator::Nop => {}
            Operator::Unreachable => self.trap(TrapCode::Unreachable),
            Operator::Br { relative_depth } => self.br(*relative_depth),
            Operator::BrIf { relative_depth } => {
                let condition = self.pop_condition();
                self.br_where(condition, false, *relative_depth);
            }
            Operator::BrTable { targets } => self.br_table(targets)?,
            Operator::BrOnNull { relative_depth } => {
                let is_null = self.is_null();
                let (reference, known) = self.pop_condition();
                self.br_where(is_null, false, *relative_depth);
                self.push_condition(reference, known);
            }
            Operator::BrOnNonNull { relative_depth } => {
                let is_null = self.is_null();
                self.br_where(is_null, true, *relative_depth);
                self.pop();
            }
            Operator::Return => {
                let values = self.top(self.ty.results().len());
                self.return_values(&values);
                self.dead = true;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// How an operand of a type is represented.
pub(crate) fn operand_type(ty: wasmparser::ValType) -> Repr {
    use cranelift_codegen::ir::types::{F32, F64, I8X16, I32, I64};
    use wasmparser::AbstractHeapType::{Exn, NoExn};
    let (ty, is_exception) = match ty {
        wasmparser::ValType::I32 => (I32, false),
        wasmparser::ValType::I64 => (I64, false),
        wasmparser::ValType::F32 => (F32, false),
        wasmparser::ValType::F64 => (F64, false),
        wasmparser::ValType::V128 => (I8X16, false),
        wasmparser::ValType::Ref(ty) => match ty.heap_type() {
            wasmparser::HeapType::Abstract {
                ty: Exn | NoExn, ..
            } => (I64, true),
            _ => (I64, false),
        },
    };
    Repr { ty, is_exception }
}
