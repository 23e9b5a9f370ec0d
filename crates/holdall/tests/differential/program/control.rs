//! Blocks, branches and what is dead after them.

use wasm_encoder::Instruction;

use super::body::{Body, Label, Target};
use super::{Signature, types};
use crate::ops::{Kind, Ty};

impl Body<'_> {
    fn label(&self, depth: usize) -> &Label {
        &self.labels[self.labels.len() - 1 - depth]
    }

    /// From `have`, which a block begins with, to `want`, which it ends with.
    pub(super) fn inside(&mut self, have: &[Ty], want: &[Ty], depth: usize) {
        for _ in 0..self.rng.below(3) {
            if self.budget > 0 {
                self.statement();
            }
        }
        let mut have = have.to_vec();
        while !want.starts_with(&have) || (!have.is_empty() && self.rng.chance(40)) {
            self.reduce(&mut have);
        }
        self.values(&want[have.len()..], depth + 1);
        match self.rng.below(12) {
            0..3 => self.branch_if_carrying(want, depth),
            3 => {
                self.branch_away(depth);
                self.dead();
                if self.rng.chance(50) {
                    // Dead code may also leave nothing: the stack is then whatever is wanted.
                    self.values(want, depth + 1);
                }
            }
            _ => {}
        }
    }

    /// Takes one or two values from the top of the stack, and may leave one.
    fn reduce(&mut self, have: &mut Vec<Ty>) {
        if let [.., first, second] = have[..]
            && self.rng.chance(50)
        {
            let ops = self.shape.ops.iter();
            let fitting: Vec<_> = ops
                .filter(|op| op.params == [first, second] && op.kind != Kind::Partial)
                .filter(|op| {
                    !matches!(
                        op.instruction,
                        Instruction::F32Copysign | Instruction::F64Copysign
                    )
                })
                .cloned()
                .collect();
            if !fitting.is_empty() {
                let op = self.rng.pick(&fitting).clone();
                self.emit(op.instruction);
                have.truncate(have.len() - 2);
                return have.push(op.result);
            }
        }
        let top = have.pop().expect("only a stack with values is reduced");
        self.consume(top);
    }

    pub(super) fn block_value(&mut self, ty: Ty, depth: usize) {
        let params = types(self.rng, 3);
        self.values(&params, depth + 1);
        let mut results = types(self.rng, 2);
        results.push(ty);
        let block = self.shape.block_type(&params, &results);
        self.emit(Instruction::Block(block));
        self.enclosed(&results, |body| body.inside(&params, &results, depth + 1));
        self.keep_last(&results);
    }

    pub(super) fn if_value(&mut self, ty: Ty, depth: usize) {
        let params = types(self.rng, 2);
        let mut results = types(self.rng, 1);
        results.push(ty);
        self.values(&params, depth + 1);
        self.condition(depth + 1);
        self.if_else(&params, &results, depth);
        self.keep_last(&results);
    }

    /// Both arms, after the condition.
    pub(super) fn if_else(&mut self, params: &[Ty], results: &[Ty], depth: usize) {
        let block = self.shape.block_type(params, results);
        self.emit(Instruction::If(block));
        self.enclosed(results, |body| {
            body.inside(params, results, depth + 1);
            if params != results || body.rng.chance(60) {
                body.emit(Instruction::Else);
                body.inside(params, results, depth + 1);
            }
        });
    }

    fn enclosed(&mut self, types: &[Ty], inside: impl FnOnce(&mut Self)) {
        self.labels.push(Label {
            types: types.to_vec(),
            target: Target::Exit,
        });
        inside(self);
        self.labels.pop();
        self.emit(Instruction::End);
    }

    /// Of several values, leaves the last.
    fn keep_last(&mut self, results: &[Ty]) {
        let (last, below) = results.split_last().expect("there is a last");
        if below.is_empty() {
            return;
        }
        let local = self.local(*last);
        self.emit(Instruction::LocalSet(local));
        for ty in below.iter().rev() {
            self.consume(*ty);
        }
        self.emit(Instruction::LocalGet(local));
    }

    /// Labels by depth that carry `types` and that a branch may go to at any time.
    fn targets(&self, types: &[Ty]) -> Vec<u32> {
        (0..self.labels.len())
            .filter(|depth| matches!(self.label(*depth).target, Target::Exit))
            .filter(|depth| self.label(*depth).types == types)
            .map(|depth| depth as u32)
            .collect()
    }

    /// A conditional branch that carries the values on top of the stack, where there is a label
    /// for them; they stay there.
    fn branch_if_carrying(&mut self, types: &[Ty], depth: usize) {
        let targets = self.targets(types);
        if !targets.is_empty() {
            let target = *self.rng.pick(&targets);
            self.condition(depth + 1);
            self.emit(Instruction::BrIf(target));
        }
    }

    /// A value that is also carried away by a conditional branch.
    pub(super) fn branch_if_value(&mut self, ty: Ty, depth: usize) {
        self.value(ty, depth + 1);
        self.branch_if_carrying(&[ty], depth);
    }

    /// A conditional branch with values for whichever label; they are consumed afterwards.
    pub(super) fn branch_if(&mut self, depth: usize) {
        let target = self.rng.below(self.labels.len());
        let Label {
            types,
            target: kind,
        } = self.label(target).clone();
        match kind {
            Target::Closed => {}
            Target::Loop(counter) => {
                self.values(&types, depth + 1);
                self.go_round(counter, target as u32);
                types.iter().rev().for_each(|ty| self.consume(*ty));
            }
            Target::Exit => {
                self.values(&types, depth + 1);
                self.condition(depth + 1);
                self.emit(Instruction::BrIf(target as u32));
                types.iter().rev().for_each(|ty| self.consume(*ty));
            }
        }
    }

    /// Leaves for good: `br`, `br_table`, `return` or, seldom, a trap.
    fn branch_away(&mut self, depth: usize) {
        let exits: Vec<usize> = (0..self.labels.len())
            .filter(|depth| matches!(self.label(*depth).target, Target::Exit))
            .collect();
        let target = *self.rng.pick(&exits);
        let types = self.label(target).types.clone();
        match self.rng.below(20) {
            0..8 => {
                self.values(&types, depth + 1);
                self.emit(Instruction::Br(target as u32));
            }
            8..15 => {
                let targets = self.targets(&types);
                let table: Vec<u32> = (0..self.rng.below(6))
                    .map(|_| *self.rng.pick(&targets))
                    .collect();
                self.values(&types, depth + 1);
                self.value(Ty::I32, depth + 1);
                if self.rng.chance(60) {
                    self.emit_all([Instruction::I32Const(7), Instruction::I32And]);
                }
                self.emit(Instruction::BrTable(table.into(), target as u32));
            }
            15..19 => {
                let results = self.signature.results.clone();
                self.values(&results, depth + 1);
                self.emit(Instruction::Return);
            }
            _ => self.emit(Instruction::Unreachable),
        }
    }

    /// Instructions that no one reaches, over a stack that holds whatever they take.
    pub(super) fn dead(&mut self) {
        for _ in 0..self.rng.below(4) {
            match self.rng.below(8) {
                0 => self.emit_all([Instruction::I32Add, Instruction::Drop]),
                1 => self.emit_all([Instruction::Select, Instruction::Drop]),
                2 => {
                    let local = self.local(Ty::F64);
                    self.emit(Instruction::LocalSet(local));
                }
                3 => {
                    let local = self.local(Ty::I64);
                    self.emit_all([Instruction::LocalTee(local), Instruction::Drop]);
                }
                4 => self.emit(Instruction::Unreachable),
                5 => {
                    let offset = self.offset(3, 0);
                    self.emit_all([Instruction::I64Const(1), Instruction::I64Store(offset)]);
                }
                6 => {
                    let block = self.shape.block_type(&[Ty::I32], &[Ty::F32]);
                    self.emit(Instruction::Block(block));
                    self.emit_all([
                        Instruction::Drop,
                        Instruction::F32Const(1.5.into()),
                        Instruction::Br(0),
                        Instruction::End,
                        Instruction::Drop,
                    ]);
                }
                _ if self.budget > 0 => self.statement(),
                _ => {}
            }
        }
    }

    /// A tail call of a function with our own results, where there is one.
    pub(super) fn tail_call(&mut self) -> bool {
        let fitting: Vec<usize> = (super::HOST_FUNCS..self.shape.funcs.len())
            .filter(|func| self.shape.funcs[*func].results == self.signature.results)
            .collect();
        if fitting.is_empty() {
            return false;
        }
        let func = *self.rng.pick(&fitting);
        let signature: Signature = self.shape.funcs[func].clone();
        self.values(&signature.params, 2);
        if self.rng.chance(40) && self.table_index(&signature.params, func) {
            let type_index = self.shape.type_index(&signature);
            self.emit(Instruction::ReturnCallIndirect {
                type_index,
                table_index: 0,
            });
        } else {
            self.emit(Instruction::ReturnCall(func as u32));
        }
        true
    }
}
