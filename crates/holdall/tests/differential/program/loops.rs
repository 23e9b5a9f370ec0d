//! Loops that end, and switches, as compilers write them.

use wasm_encoder::Instruction;

use super::body::{Body, Label, Target};
use super::types;
use crate::ops::Ty;

/// How many loops nest.
const MAX_LOOPS: usize = 3;

impl Body<'_> {
    /// A loop that counts down or up, with parameters, results, and branches back from inside.
    pub(super) fn counted_loop(&mut self, depth: usize) {
        if self.loops >= MAX_LOOPS {
            return;
        }
        let params = types(self.rng, 2);
        let results = types(self.rng, 2);
        let counter = self.counter(Ty::I32);
        let rounds = 1 + self.rng.below(if self.loops == 0 { 12 } else { 4 });
        self.values(&params, depth + 1);
        self.emit_all([
            Instruction::I32Const(rounds as i32),
            Instruction::LocalSet(counter),
        ]);
        let block = self.shape.block_type(&params, &results);
        self.emit(Instruction::Loop(block));
        self.labels.push(Label {
            types: params.clone(),
            target: Target::Loop(counter),
        });
        self.loops += 1;
        if self.loops > 1 || self.rng.chance(30) {
            self.take_fuel();
        }
        self.inside(&params, &params, depth + 1);
        self.go_round(counter, 0);
        self.inside(&params, &results, depth + 1);
        self.loops -= 1;
        self.labels.pop();
        self.emit(Instruction::End);
        for ty in results.iter().rev() {
            self.consume(*ty);
        }
    }

    /// Branches back to a loop while its counter is above zero.
    pub(super) fn go_round(&mut self, counter: u32, depth: u32) {
        self.emit_all([
            Instruction::LocalGet(counter),
            Instruction::I32Const(1),
            Instruction::I32Sub,
            Instruction::LocalTee(counter),
            Instruction::I32Const(0),
            Instruction::I32GtS,
            Instruction::BrIf(depth),
        ]);
    }

    /// `for (i = 0; i < n; i += step)` as compilers write it, at the loop's end or at its head, over
    /// either integer type.
    pub(super) fn for_loop(&mut self) {
        if self.loops >= MAX_LOOPS {
            return;
        }
        let wide = self.rng.chance(30);
        let ty = if wide { Ty::I64 } else { Ty::I32 };
        let counter = self.counter(ty);
        let step = *self.rng.pick(&[1, 1, 4, 8]);
        let end = step * (1 + self.rng.below(if self.loops == 0 { 16 } else { 4 }) as u64);
        let at_head = self.rng.chance(40);
        let empty = self.shape.block_type(&[], &[]);
        self.emit_all([ty.constant(0), Instruction::LocalSet(counter)]);
        if at_head {
            self.emit(Instruction::Block(empty));
            self.labels.push(Label {
                types: Vec::new(),
                target: Target::Exit,
            });
        }
        self.emit(Instruction::Loop(empty));
        self.labels.push(Label {
            types: Vec::new(),
            target: Target::Closed,
        });
        self.loops += 1;
        if self.loops > 1 {
            self.take_fuel();
        }
        if at_head {
            let leave = match (wide, self.rng.below(3)) {
                (false, 0) => Instruction::I32GeU,
                (false, 1) => Instruction::I32GeS,
                (false, _) => Instruction::I32Eq,
                (true, 0) => Instruction::I64GeU,
                (true, 1) => Instruction::I64GeS,
                (true, _) => Instruction::I64Eq,
            };
            self.emit_all([
                Instruction::LocalGet(counter),
                ty.constant(end),
                leave,
                Instruction::BrIf(1),
            ]);
        }
        for _ in 0..1 + self.rng.below(3) {
            if self.budget > 0 {
                self.statement();
            }
        }
        self.emit_all([
            Instruction::LocalGet(counter),
            ty.constant(step),
            if wide {
                Instruction::I64Add
            } else {
                Instruction::I32Add
            },
        ]);
        if at_head {
            self.emit_all([Instruction::LocalSet(counter), Instruction::Br(0)]);
        } else {
            let again = match (wide, self.rng.below(3)) {
                (false, 0) => Instruction::I32Ne,
                (false, 1) => Instruction::I32LtU,
                (false, _) => Instruction::I32LtS,
                (true, 0) => Instruction::I64Ne,
                (true, 1) => Instruction::I64LtU,
                (true, _) => Instruction::I64LtS,
            };
            self.emit_all([
                Instruction::LocalTee(counter),
                ty.constant(end),
                again,
                Instruction::BrIf(0),
            ]);
        }
        self.loops -= 1;
        for _ in 0..1 + usize::from(at_head) {
            self.labels.pop();
            self.emit(Instruction::End);
        }
    }

    /// Branches forwards and back over more code than 16 bits count.
    pub(super) fn far_branches(&mut self) {
        let left = std::mem::replace(&mut self.budget, 0);
        self.wild = false;
        let counter = self.counter(Ty::I32);
        let empty = self.shape.block_type(&[], &[]);
        self.emit_all([
            Instruction::I32Const(3),
            Instruction::LocalSet(counter),
            Instruction::Loop(empty),
        ]);
        self.labels.push(Label {
            types: Vec::new(),
            target: Target::Closed,
        });
        self.loops += 1;
        self.take_fuel();
        self.comparison(5);
        self.emit(Instruction::If(empty));
        self.labels.push(Label {
            types: Vec::new(),
            target: Target::Exit,
        });
        for arm in 0..2 {
            self.budget = 100_000;
            while self.budget > 0 {
                self.statement();
            }
            self.branch_if(1);
            if arm == 0 {
                self.emit(Instruction::Else);
            }
        }
        self.labels.pop();
        self.emit(Instruction::End);
        self.go_round(counter, 0);
        self.loops -= 1;
        self.labels.pop();
        self.emit(Instruction::End);
        self.wild = true;
        self.budget = left;
    }

    /// A `switch`: nested blocks, with `br_table` in the innermost.
    pub(super) fn switch(&mut self, depth: usize) {
        let arms = 1 + self.rng.below(5);
        let carried = types(self.rng, 2);
        let block = self.shape.block_type(&[], &carried);
        let empty = self.shape.block_type(&[], &[]);
        self.emit(Instruction::Block(block));
        self.labels.push(Label {
            types: carried.clone(),
            target: Target::Exit,
        });
        for _ in 0..arms {
            self.emit(Instruction::Block(empty));
            self.labels.push(Label {
                types: Vec::new(),
                target: Target::Exit,
            });
        }
        self.value(Ty::I32, depth + 1);
        if self.rng.chance(70) {
            self.emit_all([Instruction::I32Const(7), Instruction::I32And]);
        }
        let table: Vec<u32> = (0..arms).map(|_| self.rng.below(arms) as u32).collect();
        let default = self.rng.below(arms) as u32;
        self.emit(Instruction::BrTable(table.into(), default));
        for arm in (0..arms).rev() {
            self.labels.pop();
            self.emit(Instruction::End);
            self.values(&carried, depth + 2);
            if arm > 0 {
                self.emit(Instruction::Br(arm as u32));
            }
        }
        self.labels.pop();
        self.emit(Instruction::End);
        for ty in carried.iter().rev() {
            self.consume(*ty);
        }
    }
}
