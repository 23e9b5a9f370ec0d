//! Bytes that are no module, or one that is far too large: an error each, in bounded time, without
//! a panic, an abort, or a native stack that overflows.

#![allow(unreachable_pub, reason = "no part of a test is reached from outside")]

mod build;
mod fuzz;
mod huge;
mod lowering;
mod nesting;
#[path = "../support/ops.rs"]
#[allow(dead_code, reason = "not every test needs all of it")]
mod ops;
#[path = "../differential/program/mod.rs"]
mod program;
mod types;
use holdall_dev::rng;

use holdall::{Config, Engine, Error, ErrorKind, Instance, Limits, Lowering, Module, Store};

/// Both ways of lowering.
const LOWERINGS: [Lowering; 2] = [Lowering::Lazy, Lowering::Eager];

fn load(bytes: &[u8], lowering: Lowering) -> Result<Module, Error> {
    let engine = Engine::new(Config::new().lowering(lowering));
    Module::new(&engine, bytes.to_vec())
}

/// Asserts that a module is refused in both ways of lowering, with a message that has `part`.
fn refused(bytes: &[u8], part: &str) {
    for lowering in LOWERINGS {
        let error = load(bytes, lowering).expect_err(part);
        assert!(
            matches!(error.kind(), ErrorKind::Module(_)),
            "{part}: a refusal of another kind: {error}"
        );
        let text = error.to_string();
        assert!(text.contains(part), "expected {part:?}, found: {text}");
    }
}

/// Instantiates a module without imports in a store of small limits.
fn instantiate(module: &Module) -> Result<(Store<()>, Instance), Error> {
    let mut store = Store::new(module.engine(), ());
    let limits = Limits::new().memory_bytes_each(1 << 20);
    store.limits(limits.table_elements(10_000))?;
    let instance = Instance::new(&mut store, module, &[])?;
    Ok((store, instance))
}

/// Asserts that a valid module cannot be instantiated in a store of small limits.
fn no_room(bytes: &[u8], part: &str) {
    let module = load(bytes, Lowering::Lazy).expect(part);
    let error = instantiate(&module).expect_err(part);
    assert!(
        matches!(error.kind(), ErrorKind::Resource(_)),
        "{part}: an error of another kind: {error}"
    );
    let text = error.to_string();
    assert!(text.contains(part), "expected {part:?}, found: {text}");
}

/// Calls the export `f`, a function from nothing to an `i32`.
fn call(module: &Module) -> Result<i32, Error> {
    let (mut store, instance) = instantiate(module)?;
    let func = instance.get_typed_func::<(), i32>(&store, "f")?;
    func.call(&mut store, ())
}

/// Runs `test` in a thread with a native stack of 256 KiB.
fn in_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(test)
        .expect("a thread can be made")
        .join()
        .expect("the test passes");
}
