//! Lowering takes time by the bytes of a body, in whatever order its instructions are: each body here
//! would take the product of two of its parts, if one operator looked through all of the others.

use std::time::{Duration, Instant};

use holdall::{Config, Engine, Limits, Lowering, Module, Store, TrapCode};
use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, Instruction,
    TypeSection, ValType,
};

use crate::build::bytes;

/// Far more than an unoptimised build takes for a body of this size, and far less than anything that
/// is not linear would.
const BOUND: Duration = Duration::from_secs(10);

/// About how many bytes a body has: 128 KiB, or what `HOLDALL_BODY_BYTES` says, for measuring.
fn size() -> usize {
    let bytes = std::env::var("HOLDALL_BODY_BYTES");
    bytes.map_or(128 << 10, |bytes| bytes.parse().expect("a number"))
}

/// What every module here has: a type of nothing, and those from nothing to many values, from those to
/// as many, and from those to nothing.
const NOTHING: BlockType = BlockType::Empty;
const GIVE: BlockType = BlockType::FunctionType(1);
const KEEP: BlockType = BlockType::FunctionType(2);
const TAKE: BlockType = BlockType::FunctionType(3);
/// The function that gives many values.
const MANY: Instruction<'_> = Instruction::Call(1);
const VALUES: usize = 1000;
const LOCALS: u32 = 50_000;

/// A module with `functions` functions of the same locals and body.
fn module(functions: u32, locals: u32, body: &[u8]) -> Vec<u8> {
    let many = || vec![ValType::I32; VALUES];
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([], many());
    types.ty().function(many(), many());
    types.ty().function(many(), []);
    let mut function = Function::new([(locals, ValType::I32)]);
    function.raw(body.iter().copied());
    function.instruction(&Instruction::End);
    let mut give = Function::new([]);
    give.instruction(&Instruction::Unreachable);
    give.instruction(&Instruction::End);

    let (mut funcs, mut code) = (FunctionSection::new(), CodeSection::new());
    funcs.function(0).function(1);
    code.function(&function).function(&give);
    for _ in 1..functions {
        funcs.function(0);
        code.function(&function);
    }
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 0);
    let mut module = wasm_encoder::Module::new();
    module
        .section(&types)
        .section(&funcs)
        .section(&exports)
        .section(&code);
    module.finish()
}

/// Parts of a body, one after the other, each as often as it says.
fn body(parts: &[(usize, &[Instruction<'_>])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (times, part) in parts {
        body.extend(bytes(part.iter().cloned()).repeat(*times));
    }
    body
}

/// Asserts that functions are lowered in time.
fn in_time(functions: u32, locals: u32, parts: &[(usize, &[Instruction<'_>])]) {
    let bytes = module(functions, locals, &body(parts));
    for metering in [false, true] {
        let engine = Engine::new(Config::new().metering(metering));
        let module = Module::new(&engine, bytes.clone()).expect("it is valid");
        let start = Instant::now();
        let code = module.precompile();
        let took = start.elapsed();
        println!("{} bytes to {}: {took:?}", bytes.len(), code.len());
        assert!(took < BOUND, "{took:?}");
    }
}

use Instruction::{
    Block, Br, BrIf, BrTable, Drop, Else, End, I32Const, If, LocalGet, LocalSet, LocalTee, Loop,
    Unreachable,
};

#[test]
fn locals_are_set_below_a_high_stack() {
    let gets: Vec<_> = (0..127).map(LocalGet).collect();
    let tees: Vec<_> = (0..127).map(LocalTee).collect();
    let mut unit = vec![Block(NOTHING)];
    unit.extend(gets);
    unit.extend(vec![MANY; 60]);
    unit.extend(tees);
    unit.extend([Br(0), End]);
    in_time(1, 127, &[(size() / 640, &unit)]);
}

#[test]
fn a_local_is_set_over_and_over_while_its_values_wait() {
    in_time(
        1,
        2,
        &[
            (size() / 8, &[LocalGet(0)]),
            (
                size() / 16,
                &[LocalGet(0), LocalGet(0), LocalSet(1), LocalSet(0)],
            ),
            (
                size() / 16,
                &[
                    I32Const(1),
                    LocalSet(0),
                    Drop,
                    LocalGet(0),
                    I32Const(1),
                    LocalTee(0),
                ],
            ),
            (1, &[Br(0)]),
        ],
    );
}

#[test]
fn values_that_are_set_again_after_each_drop() {
    // The topmost of the values in the local goes, and the local is set, over and over.
    in_time(
        1,
        1,
        &[
            (size() / 8, &[LocalGet(0)]),
            (size() / 8, &[I32Const(1), LocalSet(0), Drop]),
        ],
    );
}

#[test]
fn blocks_begin_and_end_over_a_high_stack() {
    for below in [LocalGet(0), I32Const(7)] {
        in_time(
            1,
            1,
            &[
                (size() / 4, &[below]),
                (size() / 8, &[Block(NOTHING), LocalGet(0), BrIf(0), End]),
                (size() / 8, &[LocalGet(0), Loop(NOTHING), End, Drop]),
                (1, &[Br(0)]),
            ],
        );
    }
}

#[test]
fn loops_deep_within_blocks() {
    let deep = 90_000;
    let counting = [
        Loop(NOTHING),
        LocalGet(0),
        I32Const(1),
        Instruction::I32Add,
        LocalTee(0),
        BrIf(0),
        LocalGet(0),
        BrIf(deep as u32 / 2),
        End,
    ];
    in_time(
        1,
        1,
        &[
            (deep, &[Block(NOTHING)]),
            (size() / 16, &counting),
            (deep, &[End]),
        ],
    );
    in_time(
        1,
        1,
        &[
            (deep, &[Loop(NOTHING)]),
            (deep, &[LocalGet(0), BrIf(0), End]),
        ],
    );
}

#[test]
fn branches_that_do_not_reach() {
    let far = [
        LocalGet(0),
        I32Const(3),
        Instruction::I32Eq,
        BrIf(0),
        LocalGet(0),
        BrIf(1),
    ];
    in_time(
        1,
        1,
        &[
            (1000, &[Block(NOTHING), Loop(NOTHING)]),
            (size() / 16, &far),
            (2000, &[End]),
        ],
    );
}

#[test]
fn branches_with_many_values() {
    in_time(
        1,
        1,
        &[
            (1, &[Block(GIVE), MANY]),
            (size() / 8, &[LocalGet(0), BrIf(0)]),
            (1, &[End, Br(0)]),
        ],
    );
    // Below a value that is in no slot yet.
    in_time(
        1,
        1,
        &[
            (1, &[Block(GIVE), I32Const(1), MANY]),
            (size() / 8, &[LocalGet(0), BrIf(0)]),
            (1, &[Br(0), End, Br(0)]),
        ],
    );
}

#[test]
fn blocks_with_many_values() {
    let units = size() / 64;
    in_time(
        1,
        1,
        &[
            (1, &[MANY]),
            (units, &[Block(KEEP), LocalGet(0), BrIf(0), End]),
            (units, &[Loop(KEEP), LocalGet(0), BrIf(0), End]),
            (units, &[LocalGet(0), If(KEEP), Else, End]),
            (units, &[Block(TAKE), Br(0), End, MANY]),
            (1, &[Br(0)]),
        ],
    );
}

#[test]
fn calls_with_many_values() {
    in_time(
        1,
        1,
        &[(size() / 64, &[Block(NOTHING), MANY, MANY, Br(0), End])],
    );
    in_time(
        1,
        1,
        &[
            (
                size() / 64,
                &[
                    Block(NOTHING),
                    MANY,
                    MANY,
                    Loop(TAKE),
                    Br(1),
                    End,
                    Br(0),
                    End,
                ],
            ),
            (1, &[Br(0)]),
        ],
    );
}

#[test]
fn tables_of_branches() {
    let deep = 2000;
    let targets: Vec<u32> = (0..2 * deep as u32).map(|at| at % deep as u32).collect();
    let table = BrTable(targets.as_slice().into(), 0);
    let units = size() / (4 * deep);
    in_time(
        1,
        1,
        &[
            (deep, &[Block(NOTHING)]),
            (units, &[Block(NOTHING), LocalGet(0), table.clone(), End]),
            (deep, &[End]),
        ],
    );
    // Each arm has a way of its own, on which many values are moved.
    let mut arms = Vec::new();
    for _ in 0..50 {
        arms.extend([I32Const(1), Block(GIVE)]);
    }
    let few: Vec<u32> = (0..50).collect();
    arms.extend([MANY, LocalGet(0), BrTable(few.as_slice().into(), 0)]);
    for _ in 0..50 {
        arms.extend([End, Br(0)]);
    }
    in_time(
        1,
        1,
        &[
            (size() / 1024, &[Block(NOTHING)]),
            (1, &arms),
            (size() / 1024, &[End]),
        ],
    );
}

#[test]
fn code_that_is_not_reached() {
    in_time(
        1,
        1,
        &[
            (size() / 8, &[LocalGet(0)]),
            (1, &[Block(NOTHING), Unreachable]),
            (
                size() / 8,
                &[
                    Block(NOTHING),
                    Loop(NOTHING),
                    LocalGet(0),
                    BrIf(1),
                    End,
                    End,
                ],
            ),
            (1, &[End, Br(0)]),
        ],
    );
}

#[test]
fn many_locals_of_many_small_functions() {
    in_time(20_000, LOCALS, &[(1, &[LocalGet(LOCALS - 1), LocalSet(0)])]);
}

/// A function whose lowering takes long, by what its body moves.
fn slow() -> Vec<u8> {
    module(
        1,
        1,
        &body(&[(40_000, &[Block(NOTHING), MANY, Br(0), End])]),
    )
}

#[test]
fn a_deadline_ends_the_making_of_a_module_that_is_lowered_at_once() {
    let limits = Limits::new().timeout(Duration::from_millis(20));
    let engine = Engine::new(Config::new().lowering(Lowering::Eager).limits(limits));
    let error = Module::new(&engine, slow()).unwrap_err();
    assert_eq!(
        error.trap().map(holdall::Trap::code),
        Some(TrapCode::DeadlineExceeded),
        "{error}"
    );
}

#[test]
fn a_deadline_ends_lowering_and_leaves_the_function_to_be_lowered_later() {
    let engine = Engine::new(Config::new().metering(true));
    let module = Module::new(&engine, slow()).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = holdall::Instance::new(&mut store, &module, &[]).unwrap();
    let func = instance.get_typed_func::<(), ()>(&store, "f").unwrap();
    let timeout = Duration::from_millis(20);
    store.limits(Limits::new().timeout(timeout)).unwrap();
    let start = Instant::now();
    let error = func.call(&mut store, ()).unwrap_err();
    let took = start.elapsed();
    assert_eq!(error.trap().unwrap().code(), TrapCode::DeadlineExceeded);
    assert!(
        error.to_string().contains("limit `deadline` of the store"),
        "{error}"
    );
    assert!(took < timeout + Duration::from_millis(500), "{took:?}");

    store.limits(Limits::new()).unwrap();
    let handle = store.interrupt_handle().unwrap();
    let other = std::thread::spawn(move || {
        std::thread::sleep(timeout);
        handle.interrupt();
    });
    let error = func.call(&mut store, ()).unwrap_err();
    assert_eq!(error.trap().unwrap().code(), TrapCode::Interrupted);
    other.join().unwrap();

    let error = func.call(&mut store, ()).unwrap_err();
    assert_eq!(error.trap().unwrap().code(), TrapCode::Unreachable);
}
