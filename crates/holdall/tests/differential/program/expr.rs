//! Expressions: instructions that leave values of given types, whatever waits below them.

use wasm_encoder::{HeapType, Instruction, MemArg, MemArgTarget, RefType, ValType};

use super::body::Body;
use super::{HOST_FUNCS, LONG_MEMORY, TABLE_ELEMENTS, bits};
use crate::ops::{Kind, LOADS, Op, Ty};

/// How deep expressions nest, and statements within them.
const MAX_DEPTH: usize = 7;
pub(super) const MAX_NESTING: usize = 8;
/// Offsets of loads and stores: none, small, at both sides of what 16 bits hold, and large. With an
/// address below `ADDRESSES` all of them are inside the memory.
const OFFSETS: &[u64] = &[
    0, 0, 0, 1, 4, 8, 12, 100, 4096, 65528, 65535, 65536, 65540, 70000,
];
pub(super) const ADDRESSES: i32 = 0x7fff;

impl Body<'_> {
    /// Leaves a value of each of `types`. Between them there may be statements, so that values
    /// wait on the stack while locals, memory and globals change.
    pub(super) fn values(&mut self, types: &[Ty], depth: usize) {
        for ty in types {
            self.value(*ty, depth);
            if self.budget > 0 && self.rng.chance(8) {
                self.statement();
            }
        }
    }

    /// Leaves a value of type `ty`.
    pub(super) fn value(&mut self, ty: Ty, depth: usize) {
        if depth >= MAX_DEPTH || self.budget <= 0 || self.nesting > MAX_NESTING {
            return self.leaf(ty);
        }
        match self.rng.below(100) {
            0..34 => self.leaf(ty),
            34..70 => self.operation(ty, depth),
            70..77 => self.load(ty, depth),
            77..80 => self.tee(ty, depth),
            80..84 => self.select(ty, depth),
            84..89 => self.block_value(ty, depth),
            89..92 => self.if_value(ty, depth),
            92..95 if self.wild => self.call_value(ty, depth),
            95..97 => self.branch_if_value(ty, depth),
            _ if ty == Ty::I32 => self.machine_value(depth),
            _ => self.operation(ty, depth),
        }
    }

    pub(super) fn constant(&mut self, ty: Ty) {
        let bits = bits(self.rng);
        self.emit(ty.constant(bits));
    }

    fn leaf(&mut self, ty: Ty) {
        match self.rng.below(10) {
            0..3 => self.constant(ty),
            3 => {
                let globals = self.shape.globals.iter().enumerate();
                let fitting: Vec<usize> = globals
                    .filter(|(_, (global, _))| *global == ty)
                    .map(|(index, _)| index)
                    .collect();
                let global = *self.rng.pick(&fitting);
                self.emit(Instruction::GlobalGet(global as u32));
            }
            _ => {
                let local = self.any_local(ty);
                self.emit(Instruction::LocalGet(local));
            }
        }
    }

    fn tee(&mut self, ty: Ty, depth: usize) {
        let local = self.local(ty);
        self.value(ty, depth + 1);
        self.emit(Instruction::LocalTee(local));
    }

    fn operation(&mut self, ty: Ty, depth: usize) {
        let careful = !self.wild || self.rng.chance(97);
        let fitting: Vec<usize> = self
            .shape
            .ops
            .iter()
            .enumerate()
            .filter(|(_, op)| op.result == ty)
            .map(|(index, _)| index)
            .collect();
        let index = *self.rng.pick(&fitting);
        let op = self.shape.ops[index].clone();
        match op.params {
            [param] => {
                if op.kind == Kind::Partial && careful {
                    self.small_float(*param);
                } else {
                    self.value(*param, depth + 1);
                }
                if matches!(
                    op.instruction,
                    Instruction::I32ReinterpretF32 | Instruction::I64ReinterpretF64
                ) {
                    self.canonical(*param);
                }
            }
            [first, second] => {
                self.value(*first, depth + 1);
                if self.rng.chance(10) {
                    self.statement();
                }
                self.second(*second, &op, careful, depth);
            }
            _ => unreachable!("numeric instructions take one or two operands"),
        }
        self.emit(op.instruction);
    }

    /// The second operand: in a careful program no divisor is 0 or -1, and no NaN gives its sign.
    fn second(&mut self, ty: Ty, op: &Op, careful: bool, depth: usize) {
        self.value(ty, depth + 1);
        if op.kind == Kind::Partial && careful {
            match ty {
                Ty::I32 => self.emit_all([
                    Instruction::I32Const(0x00ff_ffff),
                    Instruction::I32And,
                    Instruction::I32Const(1),
                    Instruction::I32Or,
                ]),
                _ => self.emit_all([
                    Instruction::I64Const(0x00ff_ffff_ffff),
                    Instruction::I64And,
                    Instruction::I64Const(1),
                    Instruction::I64Or,
                ]),
            }
        }
        if matches!(
            op.instruction,
            Instruction::F32Copysign | Instruction::F64Copysign
        ) {
            self.canonical(ty);
        }
    }

    /// A float that every integer type holds when it is truncated.
    fn small_float(&mut self, ty: Ty) {
        self.value(Ty::I32, MAX_DEPTH - 1);
        self.emit_all([
            Instruction::I32Const(0xffff),
            Instruction::I32And,
            match ty {
                Ty::F32 => Instruction::F32ConvertI32U,
                _ => Instruction::F64ConvertI32U,
            },
        ]);
    }

    /// An address in one of the memories, which is returned.
    pub(super) fn place(&mut self, depth: usize) -> u32 {
        self.address(depth);
        let memory = match self.rng.below(10) {
            0..6 => 0,
            6..8 => 1,
            _ => LONG_MEMORY,
        };
        if memory == LONG_MEMORY {
            self.emit(Instruction::I64ExtendI32U);
        }
        memory
    }

    /// An address; nearly always one that lies in the memory with all offsets.
    fn address(&mut self, depth: usize) {
        match self.rng.below(20) {
            0..4 => {
                let address = self.rng.below(ADDRESSES as usize) as i32;
                self.emit(Instruction::I32Const(address));
            }
            4..10 => self.sum(depth),
            19 if self.wild => self.value(Ty::I32, depth + 1),
            _ => self.masked(ADDRESSES, depth),
        }
    }

    /// An address as that of an array's element: a base and an index, either of them in a local.
    fn sum(&mut self, depth: usize) {
        const HALF: i32 = ADDRESSES / 2;
        let local = self.local(Ty::I32);
        self.masked(HALF, depth);
        match self.rng.below(4) {
            0 => {
                let index = self.rng.below(HALF as usize) as i32;
                self.emit(Instruction::I32Const(index));
            }
            1 => self.masked(HALF, depth),
            2 => {
                self.emit(Instruction::LocalSet(local));
                self.masked(HALF, MAX_DEPTH);
                self.emit(Instruction::LocalGet(local));
            }
            _ => {
                self.emit_all([Instruction::LocalSet(local), Instruction::LocalGet(local)]);
                self.masked(HALF, MAX_DEPTH);
            }
        }
        self.emit(Instruction::I32Add);
    }

    fn masked(&mut self, mask: i32, depth: usize) {
        self.value(Ty::I32, depth + 1);
        self.emit_all([Instruction::I32Const(mask), Instruction::I32And]);
    }

    pub(super) fn offset(&mut self, align: u32, memory: u32) -> MemArg {
        MemArg {
            offset: *self.rng.pick(OFFSETS),
            align: self.rng.below(align as usize + 1) as u32,
            target: MemArgTarget::Memory(memory),
            ordering: None,
        }
    }

    fn load(&mut self, ty: Ty, depth: usize) {
        let fitting: Vec<_> = LOADS.iter().filter(|load| load.ty == ty).collect();
        let load = *self.rng.pick(&fitting);
        let memory = self.place(depth);
        let offset = self.offset(load.align, memory);
        self.emit((load.instruction)(offset));
    }

    fn select(&mut self, ty: Ty, depth: usize) {
        self.value(ty, depth + 1);
        self.value(ty, depth + 1);
        self.condition(depth + 1);
        if self.rng.chance(70) {
            self.emit(Instruction::Select);
        } else {
            self.emit(Instruction::TypedSelect(ty.encode()));
        }
    }

    /// Leaves an `i32` for something that depends on whether it is 0: half of the time a comparison,
    /// and of those many with a constant, or negated.
    pub(super) fn condition(&mut self, depth: usize) {
        if self.rng.chance(50) {
            return self.value(Ty::I32, depth);
        }
        self.comparison(depth);
        while self.rng.chance(20) {
            self.emit(Instruction::I32Eqz);
        }
    }

    pub(super) fn comparison(&mut self, depth: usize) {
        let tests = self.shape.ops.iter().filter(|op| op.kind == Kind::Test);
        let tests: Vec<Op> = tests.cloned().collect();
        let op = self.rng.pick(&tests);
        for (index, ty) in op.params.iter().enumerate() {
            match self.rng.below(4) {
                0 if index == 1 => self.emit(ty.constant(0)),
                0 | 1 => self.constant(*ty),
                2 => self.leaf(*ty),
                _ => self.value(*ty, depth + 1),
            }
        }
        self.emit(op.instruction.clone());
    }

    /// A call for one of its results; the others are dropped or set.
    fn call_value(&mut self, ty: Ty, depth: usize) {
        let fitting: Vec<usize> = (0..self.shape.funcs.len())
            .filter(|func| self.shape.funcs[*func].results.contains(&ty))
            .collect();
        if fitting.is_empty() {
            return self.leaf(ty);
        }
        let func = *self.rng.pick(&fitting);
        self.call(func, depth);
        let mut results = self.shape.funcs[func].results.clone();
        while results.last().is_some_and(|last| *last != ty) {
            self.consume(results.pop().expect("it has a last"));
        }
        if results.len() > 1 {
            let local = self.local(ty);
            self.emit(Instruction::LocalSet(local));
            results.pop();
            while let Some(below) = results.pop() {
                self.consume(below);
            }
            self.emit(Instruction::LocalGet(local));
        }
    }

    /// Arguments and a call, direct or through the table.
    pub(super) fn call(&mut self, func: usize, depth: usize) {
        let signature = self.shape.funcs[func].clone();
        for ty in &signature.params {
            self.value(*ty, depth + 2);
            if func < HOST_FUNCS {
                self.canonical(*ty);
            }
        }
        if func >= HOST_FUNCS && self.rng.chance(40) && self.table_index(&signature.params, func) {
            let type_index = self.shape.type_index(&signature);
            self.emit(Instruction::CallIndirect {
                type_index,
                table_index: 0,
            });
        } else {
            self.emit(Instruction::Call(func as u32));
        }
    }

    /// Leaves the index of a table element for a call through the table: mostly of a function that
    /// fits, and never where floats could reach the host, which would see the bits of NaNs.
    pub(super) fn table_index(&mut self, params: &[Ty], func: usize) -> bool {
        if params == self.shape.funcs[0].params {
            return false;
        }
        let wanted = &self.shape.funcs[func];
        let fitting: Vec<usize> = (0..TABLE_ELEMENTS)
            .filter(|at| self.shape.table[*at].is_some_and(|f| &self.shape.funcs[f] == wanted))
            .collect();
        if !fitting.is_empty() && self.rng.chance(90) {
            let at = *self.rng.pick(&fitting);
            self.emit(Instruction::I32Const(at as i32));
        } else {
            self.value(Ty::I32, MAX_DEPTH - 1);
            self.emit_all([Instruction::I32Const(15), Instruction::I32And]);
        }
        true
    }

    /// What the machine tells of itself: sizes, growth, and whether a reference is null.
    fn machine_value(&mut self, depth: usize) {
        match self.rng.below(6) {
            0 => {
                let memory = self.rng.below(2) as u32;
                self.emit(Instruction::MemorySize(memory));
            }
            1 => {
                self.value(Ty::I32, depth + 1);
                self.emit_all([
                    Instruction::I32Const(1),
                    Instruction::I32And,
                    Instruction::MemoryGrow(0),
                ]);
            }
            2 => self.emit(Instruction::TableSize(0)),
            3 => {
                self.reference();
                self.emit_all([Instruction::I32Const(1), Instruction::TableGrow(0)]);
            }
            _ => {
                self.reference();
                self.emit(Instruction::RefIsNull);
            }
        }
    }

    /// Leaves a `funcref`.
    pub(super) fn reference(&mut self) {
        match self.rng.below(5) {
            0 => self.emit(Instruction::RefNull(HeapType::FUNC)),
            1 => {
                let func = self.rng.below(self.shape.funcs.len());
                self.emit(Instruction::RefFunc(func as u32));
            }
            2 => {
                self.value(Ty::I32, MAX_DEPTH - 1);
                self.emit_all([
                    Instruction::I32Const(15),
                    Instruction::I32And,
                    Instruction::TableGet(0),
                ]);
            }
            3 => {
                let local = self.reference_local();
                self.emit_all([
                    Instruction::LocalGet(local),
                    Instruction::RefNull(HeapType::FUNC),
                ]);
                self.value(Ty::I32, MAX_DEPTH - 1);
                self.emit(Instruction::TypedSelect(ValType::Ref(RefType::FUNCREF)));
            }
            _ => self.emit(Instruction::LocalGet(self.reference_local())),
        }
    }

    /// Takes the value of type `ty` from the top of the stack.
    pub(super) fn consume(&mut self, ty: Ty) {
        if self.rng.chance(60) {
            let local = self.local(ty);
            self.emit(Instruction::LocalSet(local));
        } else {
            self.emit(Instruction::Drop);
        }
    }
}
