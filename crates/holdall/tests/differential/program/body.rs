//! A function's body while it grows: its instructions, locals and labels.

use wasm_encoder::{Function, Instruction, ValType};

use super::{FUEL, HASH, Shape, Signature, types};
use crate::ops::Ty;
use crate::rng::Rng;

/// A place to branch to.
#[derive(Clone)]
pub(super) struct Label {
    /// What a branch carries there.
    pub(super) types: Vec<Ty>,
    pub(super) target: Target,
}

/// Where a branch to a label leads.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// Out of a block.
    Exit,
    /// To the head of a loop; the local counts down how often it may still go round.
    Loop(u32),
    /// To the head of a loop that only its own end may go back to.
    Closed,
}

pub(super) struct Body<'a> {
    pub(super) rng: &'a mut Rng,
    pub(super) shape: &'a mut Shape,
    pub(super) signature: Signature,
    pub(super) code: Vec<Instruction<'static>>,
    /// Types of the locals, parameters first; `None` is the one of type `funcref`. Those from
    /// `ordinary` on are not written at random: the scratch of canonical NaNs, the `funcref`, and
    /// the loops' counters.
    pub(super) locals: Vec<Option<Ty>>,
    ordinary: usize,
    pub(super) labels: Vec<Label>,
    pub(super) loops: usize,
    /// How many more instructions may be generated freely; none below 0.
    pub(super) budget: i32,
    /// How many statements the current one is nested in.
    pub(super) nesting: usize,
    /// Whether a few instructions may trap.
    pub(super) wild: bool,
}

/// Locals of each type besides the parameters.
const LOCALS_EACH: usize = 3;

impl<'a> Body<'a> {
    pub(super) fn new(rng: &'a mut Rng, shape: &'a mut Shape, index: usize) -> Self {
        let signature = shape.funcs[index].clone();
        let mut locals: Vec<Option<Ty>> = signature.params.iter().copied().map(Some).collect();
        for _ in 0..LOCALS_EACH {
            locals.extend(Ty::ALL.map(Some));
        }
        locals.extend(types(rng, 4).into_iter().map(Some));
        let ordinary = locals.len();
        locals.extend([Some(Ty::F32), Some(Ty::F64), None]);
        let budget = 60 + rng.below(200) as i32;
        Self {
            rng,
            shape,
            signature,
            code: Vec::new(),
            locals,
            ordinary,
            labels: Vec::new(),
            loops: 0,
            budget,
            nesting: 0,
            wild: true,
        }
    }

    pub(super) fn function(mut self) -> Function {
        let results = self.signature.results.clone();
        self.labels.push(Label {
            types: results.clone(),
            target: Target::Exit,
        });
        self.take_fuel();
        // Locals that are not zero, so that it shows when one is lost.
        for local in self.signature.params.len()..self.ordinary {
            if let Some(ty) = self.locals[local]
                && self.rng.chance(50)
            {
                self.constant(ty);
                self.emit(Instruction::LocalSet(local as u32));
            }
        }
        if self.rng.below(400) == 0 {
            self.far_branches();
        }
        while self.budget > 0 {
            self.statement();
        }
        if self.rng.chance(15) && self.tail_call() {
            // What follows is dead, and only the validator reads it.
            self.dead();
        }
        self.mix_locals();
        self.values(&results, 2);
        self.emit(Instruction::End);

        let declared = self.locals[self.signature.params.len()..].iter();
        let declared = declared.map(|ty| ty.map_or(ValType::FUNCREF, Ty::encode));
        let mut function = Function::new_with_locals_types(declared);
        for instruction in &self.code {
            function.instruction(instruction);
        }
        function
    }

    pub(super) fn emit(&mut self, instruction: Instruction<'static>) {
        self.budget -= 1;
        self.code.push(instruction);
    }

    pub(super) fn emit_all(
        &mut self,
        instructions: impl IntoIterator<Item = Instruction<'static>>,
    ) {
        for instruction in instructions {
            self.emit(instruction);
        }
    }

    /// A new local that only the generator itself writes.
    pub(super) fn counter(&mut self, ty: Ty) -> u32 {
        self.locals.push(Some(ty));
        self.locals.len() as u32 - 1
    }

    /// A local of a type, to read or to write.
    pub(super) fn local(&mut self, ty: Ty) -> u32 {
        self.local_below(ty, self.ordinary)
    }

    /// A local of a type, to read only.
    pub(super) fn any_local(&mut self, ty: Ty) -> u32 {
        self.local_below(ty, self.locals.len())
    }

    fn local_below(&mut self, ty: Ty, end: usize) -> u32 {
        let fitting: Vec<usize> = (0..end)
            .filter(|local| self.locals[*local] == Some(ty))
            .collect();
        *self.rng.pick(&fitting) as u32
    }

    /// The local of type `funcref`.
    pub(super) fn reference_local(&self) -> u32 {
        self.ordinary as u32 + 2
    }

    /// Returns when the fuel is used up, else takes one of it.
    pub(super) fn take_fuel(&mut self) {
        let block = self.shape.block_type(&[], &[]);
        let results = self.signature.results.clone();
        self.emit_all([
            Instruction::GlobalGet(FUEL),
            Instruction::I32Eqz,
            Instruction::If(block),
        ]);
        for ty in results {
            self.constant(ty);
        }
        self.emit_all([
            Instruction::Return,
            Instruction::End,
            Instruction::GlobalGet(FUEL),
            Instruction::I32Const(1),
            Instruction::I32Sub,
            Instruction::GlobalSet(FUEL),
        ]);
    }

    /// Makes the NaN on top of the stack canonical.
    pub(super) fn canonical(&mut self, ty: Ty) {
        let scratch = [self.ordinary as u32, self.ordinary as u32 + 1];
        self.emit_all(canonical(ty, scratch));
    }

    /// Mixes every local into the global `HASH`.
    fn mix_locals(&mut self) {
        for local in 0..self.locals.len() {
            let Some(ty) = self.locals[local] else {
                continue;
            };
            self.emit_all([
                Instruction::GlobalGet(HASH),
                Instruction::I64Const(31),
                Instruction::I64Mul,
                Instruction::LocalGet(local as u32),
            ]);
            self.canonical(ty);
            match ty {
                Ty::I32 => self.emit(Instruction::I64ExtendI32U),
                Ty::I64 => {}
                Ty::F32 => {
                    self.emit_all([Instruction::I32ReinterpretF32, Instruction::I64ExtendI32U])
                }
                Ty::F64 => self.emit(Instruction::I64ReinterpretF64),
            }
            self.emit_all([Instruction::I64Xor, Instruction::GlobalSet(HASH)]);
        }
    }
}

/// Makes the NaN on top of the stack canonical, over scratch locals of types f32 and f64. Nothing
/// for integers.
pub(super) fn canonical(ty: Ty, scratch: [u32; 2]) -> Vec<Instruction<'static>> {
    let (local, nan, differ) = match ty {
        Ty::I32 | Ty::I64 => return Vec::new(),
        Ty::F32 => (
            scratch[0],
            Instruction::F32Const(f32::from_bits(0x7fc0_0000).into()),
            Instruction::F32Ne,
        ),
        Ty::F64 => (
            scratch[1],
            Instruction::F64Const(f64::from_bits(0x7ff8_0000_0000_0000).into()),
            Instruction::F64Ne,
        ),
    };
    vec![
        Instruction::LocalSet(local),
        nan,
        Instruction::LocalGet(local),
        Instruction::LocalGet(local),
        Instruction::LocalGet(local),
        differ,
        Instruction::Select,
    ]
}
