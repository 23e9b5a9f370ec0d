//! What a trap says of where it happened: modules, functions, offsets, across modules and through
//! functions of the host.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdall::{
    AsContextMut, Caller, Config, Engine, Extern, Frame, Instance, Linker, MemoryReader, Module,
    Store, Trap, TrapCode,
};

const LEAF: &str = r#"(module $leaf_module
    (func $divide (export "divide") (param i32) (result i32)
        (i32.div_u (i32.const 1) (local.get 0))))"#;

const ROOT: &str = r#"(module $root_module
    (import "leaf" "divide" (func $divide (param i32) (result i32)))
    (import "host" "again" (func $again (param i32)))
    (func $inner (param i32) (result i32) (call $divide (local.get 0)))
    (func (export "outer") (param i32) (result i32)
        (drop (i32.const 7))
        (i32.add (call $inner (local.get 0)) (i32.const 1)))
    (func $through (export "through") (call $again (i32.const 0))))"#;

/// The trap of calling an export of the root with these arguments.
fn trap_of(export: &str, args: &[holdall::Val]) -> Trap {
    trap_in(&Engine::default(), export, args)
}

fn trap_in(engine: &Engine, export: &str, args: &[holdall::Val]) -> Trap {
    let mut linker = Linker::new(engine);
    linker.set_reader(MemoryReader::new().with("leaf", LEAF.as_bytes()));
    linker
        .func_wrap(
            "host",
            "again",
            |mut caller: Caller<'_, ()>, divisor: i32| -> anyhow::Result<()> {
                let Some(Extern::Func(outer)) = caller.get_export("outer") else {
                    anyhow::bail!("the root exports it");
                };
                let mut results = [holdall::Val::I32(0)];
                outer.call(caller.as_context_mut(), &[divisor.into()], &mut results)?;
                Ok(())
            },
        )
        .unwrap();
    let mut store = Store::new(engine, ());
    let root = Module::named(engine, "root", ROOT.as_bytes()).unwrap();
    let instance = linker.instantiate(&mut store, &root).unwrap();
    let func = instance.get_func(&store, export).unwrap();
    let mut results = vec![holdall::Val::I32(0); func.ty(&store).results().len()];
    let error = func.call(&mut store, args, &mut results).unwrap_err();
    error.trap().expect("it traps").clone()
}

/// Frames as `module!function`, with the function's index where it has no name.
fn calls(trap: &Trap) -> Vec<String> {
    let frames = trap.frames().iter().map(|frame| {
        let func = frame.func_name.as_deref().map(str::to_owned);
        let func = func.unwrap_or_else(|| frame.func_index.to_string());
        format!("{}!{func}", frame.module.as_deref().unwrap_or("?"))
    });
    frames.collect()
}

#[test]
fn a_trap_in_a_dependency_names_every_call_in_every_module() {
    let trap = trap_of("outer", &[0.into()]);
    assert_eq!(trap.code(), TrapCode::IntegerDivideByZero);
    assert_eq!(calls(&trap), ["leaf!divide", "root!inner", "root!3"]);
}

#[test]
fn a_trap_through_the_host_names_the_calls_on_both_sides_of_it() {
    let trap = trap_of("through", &[]);
    let expected = ["leaf!divide", "root!inner", "root!3", "root!through"];
    assert_eq!(calls(&trap), expected);
}

#[test]
fn offsets_are_those_of_the_instructions_in_the_module() {
    let trap = trap_of("outer", &[0.into()]);
    for (frame, (text, opcode)) in trap.frames().iter().zip([
        (LEAF, 0x6e), // i32.div_u
        (ROOT, 0x10), // call
        (ROOT, 0x10),
    ]) {
        let bytes = wat::parse_str(text).unwrap();
        let offset = usize::try_from(frame.offset.expect("known")).unwrap();
        assert_eq!(bytes[offset], opcode, "at {offset:#x} of {frame}");
    }
}

#[test]
fn an_access_that_adds_its_address_itself_traps_at_the_access() {
    let text = r#"(module (memory 1)
        (func (export "f") (param i32) (result i32)
            (i32.load (i32.add (local.get 0) (local.get 0)))))"#;
    let bytes = wat::parse_str(text).unwrap();
    let load = bytes.iter().rposition(|byte| *byte == 0x28).unwrap();
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(&engine, bytes).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let f = instance
        .get_typed_func::<i32, i32>(&mut store, "f")
        .unwrap();
    let error = f.call(&mut store, i32::MAX).unwrap_err();
    assert_eq!(error.trap().unwrap().frames()[0].offset, Some(load as u64));
}

#[test]
fn a_stack_overflow_names_no_more_calls_than_a_trap_keeps() {
    let engine = Engine::default();
    let text = r#"(module (func $down (export "down") (call $down)))"#;
    let module = Module::new(&engine, text.as_bytes()).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = holdall::Instance::new(&mut store, &module, &[]).unwrap();
    let down = instance.get_typed_func::<(), ()>(&store, "down").unwrap();
    let error = down.call(&mut store, ()).unwrap_err();
    let trap = error.trap().unwrap();
    assert_eq!(trap.code(), TrapCode::CallStackExhausted);
    assert_eq!(trap.frames().len(), Trap::MAX_FRAMES);
}

#[test]
fn an_engine_without_backtraces_keeps_no_calls() {
    let engine = Engine::new(Config::new().wasm_backtrace(false));
    for (export, args) in [("outer", &[0.into()][..]), ("through", &[])] {
        let trap = trap_in(&engine, export, args);
        assert_eq!(trap.code(), TrapCode::IntegerDivideByZero);
        assert_eq!(calls(&trap), [""; 0]);
    }
}

/// The trap of an export `f` that takes whether it traps, after a call that did not.
fn second_trap(text: &str) -> (Trap, Duration) {
    let engine = Engine::default();
    let module = Module::new(&engine, text.as_bytes()).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let func = instance.get_typed_func::<i32, ()>(&store, "f").unwrap();
    func.call(&mut store, 0).unwrap();
    let start = Instant::now();
    let error = func.call(&mut store, 1).unwrap_err();
    (error.trap().unwrap().clone(), start.elapsed())
}

#[test]
fn names_in_a_backtrace_are_cut_and_shared() {
    let name = "\u{20ac}".repeat(30_000);
    let text = format!(
        r#"(module $"{name}" (func $"{name}" (export "f") (param i32)
            (if (local.get 0) (then (call 0 (local.get 0))))))"#
    );
    let (trap, _) = second_trap(&text);
    assert_eq!(trap.frames().len(), Trap::MAX_FRAMES);
    let of = |frame: &Frame| {
        (
            frame.module.clone().unwrap(),
            frame.func_name.clone().unwrap(),
        )
    };
    let first = of(&trap.frames()[0]);
    let expected = "\u{20ac}".repeat((Frame::MAX_NAME_BYTES - 3) / 3) + "\u{2026}";
    assert_eq!([&*first.0, &*first.1], [&*expected, &*expected]);
    for frame in trap.frames() {
        let other = of(frame);
        assert!(Arc::ptr_eq(&first.0, &other.0) && Arc::ptr_eq(&first.1, &other.1));
    }
    assert!(trap.to_string().len() < 2 * Trap::MAX_FRAMES * (Frame::MAX_NAME_BYTES + 16));
}

#[test]
fn a_trap_far_within_large_functions_does_not_wait_for_their_offsets() {
    let work = "i32.const 1 drop ".repeat(10_000);
    let mut text = String::from(
        r#"(module (func $last (param i32) (if (local.get 0) (then unreachable)))
        (export "f" (func 63))"#,
    );
    for func in 1..Trap::MAX_FRAMES {
        let callee = func - 1;
        let _ = write!(
            text,
            "(func (param i32) {work} (call {callee} (local.get 0)))"
        );
    }
    let (trap, took) = second_trap(&(text + ")"));
    assert_eq!(trap.frames().len(), Trap::MAX_FRAMES);
    assert!(trap.frames()[0].offset.is_some());
    assert!(took < Duration::from_millis(500), "{took:?}");
}
