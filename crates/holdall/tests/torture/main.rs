//! Instructions of every shape, 10^8 at a time (10^6 in a debug build), in a thread whose native
//! stack has 256 KiB: if a handler left a single word on it each time, it would overflow. And
//! recursion of guests, which ends in a trap and never there either.

#![allow(unreachable_pub, reason = "no part of a test is reached from outside")]

mod memory;
mod numeric;
#[allow(dead_code, reason = "not every test needs all of it")]
#[path = "../support/ops.rs"]
mod ops;
mod recursion;
mod scripts;
mod wide;

use holdall::{Config, Engine, Instance, Lowering, Module, Store};
use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction,
    MemorySection, MemoryType, TypeSection, ValType,
};

use ops::Ty;

/// How many instructions of a kind are executed, at least.
const QUOTA: usize = if cfg!(debug_assertions) {
    1_000_000
} else {
    100_000_000
};

const LOWERINGS: [Lowering; 2] = [Lowering::Lazy, Lowering::Eager];

/// What native code leaves of a thread's stack to the host.
const RESERVED: usize = if cfg!(feature = "native") {
    256 << 10
} else {
    0
};

/// The ways in which functions are executed.
fn ways() -> Vec<Config> {
    let lowered = LOWERINGS.map(|lowering| Config::new().lowering(lowering));
    #[cfg(feature = "native")]
    return [&lowered[..], &[Config::new().native(true)]].concat();
    #[cfg(not(feature = "native"))]
    lowered.into()
}

/// Runs `test` in a thread with a native stack of 256 KiB.
fn in_small_stack(test: impl FnOnce() + Send + 'static) {
    in_stack(256 << 10, test);
}

fn in_stack(size_bytes: usize, test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(size_bytes + RESERVED)
        .spawn(test)
        .expect("a thread can be made")
        .join()
        .expect("the test passes");
}

/// Operands of every form: where a lowered instruction may find them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Local,
    /// A constant that fits into any immediate field.
    Small,
    /// A constant that does not fit into 16 bits.
    Large,
    /// The result of the instruction before.
    Computed,
    /// A result that waits below another one.
    Waiting,
}

/// Locals of a body that `shapes` runs, after its parameter: two operands of each type, which keep
/// their values, and a place for results of each.
fn operand(ty: Ty, second: bool) -> u32 {
    1 + 3 * ty as u32 + u32::from(second)
}

fn result(ty: Ty) -> u32 {
    operand(ty, false) + 2
}

/// The operands' values: positive, and in the range of all truncations.
fn operand_value(ty: Ty, second: bool) -> Instruction<'static> {
    let value = if second { 3 } else { 77 };
    match ty {
        Ty::I32 => Instruction::I32Const(value),
        Ty::I64 => Instruction::I64Const(value.into()),
        Ty::F32 => Instruction::F32Const((value as f32 + 0.25).into()),
        Ty::F64 => Instruction::F64Const((f64::from(value) + 0.25).into()),
    }
}

/// Leaves an operand of a form.
fn push(ty: Ty, form: Form, second: bool, out: &mut Vec<Instruction<'static>>) {
    let local = Instruction::LocalGet(operand(ty, second));
    match (form, ty) {
        (Form::Local, _) => out.push(local),
        (Form::Small, _) => out.push(operand_value(ty, second)),
        (Form::Large, Ty::I32) => out.push(Instruction::I32Const(1_000_003)),
        (Form::Large, Ty::I64) => out.push(Instruction::I64Const(1_000_000_000_003)),
        (Form::Large, Ty::F32) => out.push(Instruction::F32Const(1_234.567.into())),
        (Form::Large, Ty::F64) => out.push(Instruction::F64Const(1_234.567.into())),
        (Form::Computed | Form::Waiting, Ty::I32) => {
            out.extend([local.clone(), local, Instruction::I32Or]);
        }
        (Form::Computed | Form::Waiting, Ty::I64) => {
            out.extend([local.clone(), local, Instruction::I64Or]);
        }
        (Form::Computed | Form::Waiting, Ty::F32) => out.extend([local, Instruction::F32Abs]),
        (Form::Computed | Form::Waiting, Ty::F64) => out.extend([local, Instruction::F64Abs]),
    }
}

/// Takes the value on top of the stack, in each of the ways that a lowering may know.
fn consumers(ty: Ty) -> Vec<Vec<Instruction<'static>>> {
    let mut consumers = vec![
        vec![Instruction::LocalSet(result(ty))],
        vec![Instruction::Drop],
        vec![Instruction::LocalTee(result(ty)), Instruction::Drop],
    ];
    if ty == Ty::I32 {
        let branch = [Instruction::BrIf(0), Instruction::Nop];
        let negated = [Instruction::I32Eqz, Instruction::BrIf(0), Instruction::Nop];
        let arms = [
            Instruction::If(BlockType::Empty),
            Instruction::Nop,
            Instruction::Else,
            Instruction::Nop,
            Instruction::End,
        ];
        consumers.extend([branch.to_vec(), negated.to_vec(), arms.to_vec()]);
        for ty in Ty::ALL {
            // The condition is already there: the operands of `select` go around it.
            consumers.push(vec![
                Instruction::LocalSet(result(Ty::I32)),
                Instruction::LocalGet(operand(ty, false)),
                Instruction::LocalGet(operand(ty, true)),
                Instruction::LocalGet(result(Ty::I32)),
                Instruction::Select,
                Instruction::LocalSet(result(ty)),
            ]);
        }
    }
    consumers
}

/// Runs shapes, each of which leaves the stack as it found it, one after the other in a loop, until
/// `QUOTA` instructions are executed.
fn run(shapes: &[Vec<Instruction<'static>>]) {
    let length: usize = shapes.iter().map(|shape| shape.len() + 2).sum();
    let rounds = QUOTA / length + 1;
    println!(
        "{} shapes, {length} instructions, {rounds} rounds",
        shapes.len()
    );
    let bytes = module(shapes);
    for config in ways() {
        let bytes = bytes.clone();
        in_small_stack(move || {
            let engine = Engine::new(config);
            let module = Module::new(&engine, bytes).expect("the shapes are valid");
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).expect("it has no imports");
            let run = instance
                .get_typed_func::<i32, i32>(&store, "run")
                .expect("it is exported");
            let left = run.call(&mut store, rounds as i32).expect("no shape traps");
            assert_eq!(left, 0);
        });
    }
}

/// The function that a chunk of shapes is in: as many as fit well into one function each.
fn module(shapes: &[Vec<Instruction<'static>>]) -> Vec<u8> {
    let chunks = shapes.chunks(500);
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    let (mut funcs, mut code) = (FunctionSection::new(), CodeSection::new());
    for chunk in chunks.clone() {
        funcs.function(0);
        code.function(&body(chunk));
    }
    // Calls the chunks in turn.
    let mut all = Function::new([]);
    for chunk in 0..chunks.len() {
        all.instruction(&Instruction::LocalGet(0));
        all.instruction(&Instruction::Call(chunk as u32));
        all.instruction(&Instruction::If(BlockType::Empty));
        all.instruction(&Instruction::Unreachable);
        all.instruction(&Instruction::End);
    }
    all.instruction(&Instruction::I32Const(0));
    all.instruction(&Instruction::End);
    funcs.function(0);
    code.function(&all);

    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 2,
        maximum: Some(2),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export("run", ExportKind::Func, chunks.len() as u32);
    let mut module = wasm_encoder::Module::new();
    module
        .section(&types)
        .section(&funcs)
        .section(&memories)
        .section(&exports)
        .section(&code);
    module.finish()
}

fn body(shapes: &[Vec<Instruction<'static>>]) -> Function {
    let locals = Ty::ALL.iter().flat_map(|ty| [ty.encode(); 3]);
    let mut function = Function::new_with_locals_types(locals);
    let mut emit = |instruction: Instruction<'_>| {
        function.instruction(&instruction);
    };
    for ty in Ty::ALL {
        for second in [false, true] {
            emit(operand_value(ty, second));
            emit(Instruction::LocalSet(operand(ty, second)));
        }
    }
    emit(Instruction::Loop(BlockType::Empty));
    for shape in shapes {
        emit(Instruction::Block(BlockType::Empty));
        shape.iter().cloned().for_each(&mut emit);
        emit(Instruction::End);
    }
    emit(Instruction::LocalGet(0));
    emit(Instruction::I32Const(1));
    emit(Instruction::I32Sub);
    emit(Instruction::LocalTee(0));
    emit(Instruction::BrIf(0));
    emit(Instruction::End);
    emit(Instruction::LocalGet(0));
    emit(Instruction::End);
    function
}
