//! Limits on time and on what a module may hold: that whatever a guest does ends at its limit, says
//! which, and leaves the store usable; that nothing else changes where executions are metered.

#![allow(unreachable_pub, reason = "no part of a test is reached from outside")]

mod account;
mod bounds;
mod bulk;
mod calls;
mod endless;
mod fuel;
mod loading;
mod nans;

use holdall::{Config, Engine, Error, Instance, Limits, Lowering, Module, Store, Trap, TrapCode};

/// Both ways of lowering.
const LOWERINGS: [Lowering; 2] = [Lowering::Lazy, Lowering::Eager];

/// An engine that meters.
fn metering(lowering: Lowering) -> Engine {
    Engine::new(Config::new().metering(true).lowering(lowering))
}

/// An instance of a module without imports, in a store of the engine.
fn instance(engine: &Engine, text: &str) -> (Store<()>, Instance) {
    let module = Module::new(engine, text.as_bytes().to_vec()).expect("the module is valid");
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("it has no start function");
    (store, instance)
}

/// Calls an export without parameters and results.
fn call(store: &mut Store<()>, instance: Instance, name: &str) -> Result<(), Error> {
    let func = instance.get_func(&*store, name).expect("it is exported");
    let mut results = vec![holdall::Val::I32(0); func.ty(&*store).results().len()];
    func.call(store, &[], &mut results)
}

/// The trap of an execution that must end with one.
fn trap(result: Result<(), Error>) -> Trap {
    let error = result.expect_err("a trap");
    error
        .trap()
        .unwrap_or_else(|| panic!("expected a trap, found: {error}"))
        .clone()
}

/// Asserts that the store executes as if nothing had been.
fn assert_usable(store: &mut Store<()>, instance: Instance) {
    store.limits(Limits::new()).expect("no limit at all");
    let add = instance
        .get_typed_func::<(i32, i32), i32>(&*store, "add")
        .expect("every module here has it");
    assert_eq!(add.call(store, (2, 3)).expect("no limit"), 5);
}

fn assert_code(trap: &Trap, code: TrapCode) {
    assert_eq!(trap.code(), code, "{trap}");
}
