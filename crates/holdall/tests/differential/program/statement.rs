//! Statements: instructions that leave the operand stack as they found it.

use wasm_encoder::Instruction;

use super::body::Body;
use super::expr::{ADDRESSES, MAX_NESTING};
use super::{FUEL, SEGMENT_BYTES, TABLE_ELEMENTS, types};
use crate::ops::{STORES, Ty};

impl Body<'_> {
    pub(super) fn statement(&mut self) {
        self.budget -= 1;
        self.nesting += 1;
        if self.nesting <= MAX_NESTING {
            self.any_statement();
        } else {
            self.assign();
        }
        self.nesting -= 1;
    }

    fn any_statement(&mut self) {
        match self.rng.below(if self.wild { 100 } else { 72 }) {
            0..28 => self.assign(),
            28..34 => self.update(),
            34..40 => self.shuffle(),
            40..54 => self.store(),
            54..58 => self.global(),
            58..66 => self.branch(),
            66..72 => self.counted_loop(1),
            72..79 => self.for_loop(),
            79..83 => self.switch(1),
            83..89 => self.branch_if(1),
            89..93 => self.call_statement(),
            93..96 => self.bulk(),
            96..98 => self.table(),
            98 => {
                self.reference();
                self.emit(Instruction::LocalSet(self.reference_local()));
            }
            _ => self.emit(Instruction::Nop),
        }
    }

    fn any(&mut self) -> Ty {
        *self.rng.pick(&Ty::ALL)
    }

    fn assign(&mut self) {
        let ty = self.any();
        self.value(ty, 1);
        let local = self.local(ty);
        if self.rng.chance(80) {
            self.emit(Instruction::LocalSet(local));
        } else {
            self.emit_all([Instruction::LocalTee(local), Instruction::Drop]);
        }
    }

    /// `x = x op value`, and the old `x` kept on the stack while it is overwritten.
    fn update(&mut self) {
        let ty = if self.rng.chance(60) {
            Ty::I32
        } else {
            Ty::I64
        };
        let (local, other) = (self.local(ty), self.local(ty));
        let (add, sub) = match ty {
            Ty::I32 => (Instruction::I32Add, Instruction::I32Sub),
            _ => (Instruction::I64Add, Instruction::I64Sub),
        };
        let keep = self.rng.chance(50);
        if keep {
            self.emit(Instruction::LocalGet(local));
        }
        self.emit(Instruction::LocalGet(local));
        self.value(ty, 3);
        self.emit_all([add, Instruction::LocalSet(local)]);
        if keep {
            self.emit_all([
                Instruction::LocalGet(local),
                sub,
                Instruction::LocalSet(other),
            ]);
        }
    }

    /// Several values at once, taken in the order that the stack gives: a swap, a rotation.
    fn shuffle(&mut self) {
        let mut kinds = types(self.rng, 6);
        if self.rng.chance(10) {
            // Deeper than any window of registers.
            kinds.extend(std::iter::repeat_n([Ty::I32, Ty::F64], 20).flatten());
        }
        let locals: Vec<u32> = kinds.iter().map(|ty| self.any_local(*ty)).collect();
        for local in locals {
            self.emit(Instruction::LocalGet(local));
        }
        if self.rng.chance(30) {
            self.statement();
        }
        for ty in kinds.iter().rev() {
            let local = self.local(*ty);
            self.emit(Instruction::LocalSet(local));
        }
    }

    fn store(&mut self) {
        let store = *self.rng.pick(STORES);
        let memory = self.place(1);
        if self.rng.chance(5) {
            self.statement();
        }
        self.value(store.ty, 2);
        self.canonical(store.ty);
        let offset = self.offset(store.align, memory);
        self.emit((store.instruction)(offset));
    }

    fn global(&mut self) {
        let globals = self.shape.globals.iter().enumerate();
        let fitting: Vec<(usize, Ty)> = globals
            .filter(|(index, (_, mutable))| *mutable && *index as u32 != FUEL)
            .map(|(index, (ty, _))| (index, *ty))
            .collect();
        let (index, ty) = *self.rng.pick(&fitting);
        self.value(ty, 1);
        self.canonical(ty);
        self.emit(Instruction::GlobalSet(index as u32));
    }

    fn branch(&mut self) {
        let params = types(self.rng, 1);
        let results = types(self.rng, 2);
        self.values(&params, 2);
        self.condition(2);
        self.if_else(&params, &results, 2);
        for ty in results.iter().rev() {
            self.consume(*ty);
        }
    }

    fn call_statement(&mut self) {
        let func = self.rng.below(self.shape.funcs.len());
        self.call(func, 2);
        let results = self.shape.funcs[func].results.clone();
        for ty in results.iter().rev() {
            self.consume(*ty);
        }
    }

    /// A number below `bound`, a power of two.
    fn index(&mut self, bound: usize) {
        self.value(Ty::I32, 5);
        self.emit_all([Instruction::I32Const(bound as i32 - 1), Instruction::I32And]);
    }

    fn bulk(&mut self) {
        match self.rng.below(10) {
            0..4 => {
                self.index(ADDRESSES as usize + 1);
                self.value(Ty::I32, 4);
                self.index(256);
                self.emit(Instruction::MemoryFill(0));
            }
            4..7 => {
                self.index(ADDRESSES as usize + 1);
                self.index(ADDRESSES as usize + 1);
                self.index(256);
                self.emit(Instruction::MemoryCopy {
                    src_mem: 0,
                    dst_mem: 0,
                });
            }
            7..9 => {
                self.index(ADDRESSES as usize + 1);
                self.index(SEGMENT_BYTES / 2);
                self.index(SEGMENT_BYTES / 2);
                self.emit(Instruction::MemoryInit {
                    mem: 0,
                    data_index: 1,
                });
            }
            // A dropped segment makes most of what is above trap, so it stays seldom.
            _ if self.rng.chance(20) => self.emit(Instruction::DataDrop(1)),
            _ => self.emit(Instruction::Nop),
        }
    }

    fn table(&mut self) {
        let half = TABLE_ELEMENTS / 2;
        match self.rng.below(10) {
            0..4 => {
                self.index(TABLE_ELEMENTS);
                self.reference();
                self.emit(Instruction::TableSet(0));
            }
            4..6 => {
                self.index(half);
                self.reference();
                self.index(4);
                self.emit(Instruction::TableFill(0));
            }
            6..8 => {
                self.index(half);
                self.index(half);
                self.index(half);
                self.emit(Instruction::TableCopy {
                    src_table: 0,
                    dst_table: 0,
                });
            }
            8 => {
                self.index(half);
                self.index(4);
                self.index(2);
                self.emit(Instruction::TableInit {
                    elem_index: 1,
                    table: 0,
                });
            }
            _ if self.rng.chance(20) => self.emit(Instruction::ElemDrop(1)),
            _ => self.emit(Instruction::Nop),
        }
    }
}
