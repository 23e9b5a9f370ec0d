//! Budgets across calls of the host and executions that a host function starts.

use std::time::{Duration, Instant};

use holdall::{
    Caller, Config, Engine, Error, Extern, Func, Instance, Limits, Lowering, Module, Store,
    TrapCode,
};

use crate::{LOWERINGS, assert_code, metering, trap};

/// A guest that calls the host, which calls it again.
const GUEST: &str = r#"(module
    (import "host" "again" (func $again (param i32)))
    (func (export "down") (param i32)
        (if (local.get 0) (then (call $again (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "forever") (loop (call $again (i32.const 0)) (br 0)))
    (func (export "spin") (loop (br 0))))"#;

type Again = fn(Caller<'_, Instant>, i32) -> anyhow::Result<()>;

fn guest(again: Again) -> (Store<Instant>, Instance) {
    let engine = metering(Lowering::Lazy);
    let module = Module::new(&engine, GUEST.as_bytes()).unwrap();
    let mut store = Store::new(&engine, Instant::now());
    let again: Extern = Func::wrap(&mut store, again).into();
    let instance = Instance::new(&mut store, &module, &[again]).unwrap();
    (store, instance)
}

/// Calls the guest's `down`, as deep as the number says.
fn down(mut caller: Caller<'_, Instant>, depth: i32) -> anyhow::Result<()> {
    let down = caller.get_export("down").and_then(Extern::into_func);
    let down = down
        .expect("the guest exports it")
        .typed::<i32, ()>(&caller)?;
    Ok(down.call(&mut caller, depth)?)
}

fn run(store: &mut Store<Instant>, instance: Instance, export: &str) -> Result<(), Error> {
    let func = instance.get_typed_func::<(), ()>(&*store, export).unwrap();
    func.call(store, ())
}

/// The guest's eight instructions at each of the levels, however they are nested.
#[test]
fn nested_executions_use_the_same_fuel() {
    let (mut store, instance) = guest(down);
    let func = instance.get_typed_func::<i32, ()>(&store, "down").unwrap();
    for depth in [0, 1, 5, 50] {
        store.limits(Limits::new().fuel(1_000)).unwrap();
        func.call(&mut store, depth).unwrap();
        let used = 1_000 - store.fuel().unwrap();
        assert_eq!(used, 8 * (depth as u64 + 1), "{depth}");
    }
    store.limits(Limits::new().fuel(20)).unwrap();
    let trap = trap(func.call(&mut store, 5));
    assert_code(&trap, TrapCode::OutOfFuel);
    assert_eq!(store.fuel(), Some(0));
    assert_eq!(trap.frames().len(), 3, "{trap}");
}

#[test]
fn a_host_function_that_ends_with_an_error_or_a_panic_loses_no_fuel() {
    let used = |again: Again| {
        let (mut store, instance) = guest(again);
        store.limits(Limits::new().fuel(1_000)).unwrap();
        let called = std::panic::AssertUnwindSafe(|| run(&mut store, instance, "forever"));
        let ended = std::panic::catch_unwind(called);
        assert!(!matches!(ended, Ok(Ok(()))), "it ended well");
        1_000 - store.fuel().unwrap()
    };
    // `loop`, and three instructions of its first turn.
    assert_eq!(used(|_, _| anyhow::bail!("no more")), 4);
    assert_eq!(used(|_, _| panic!("no more")), 4);
}

/// Each call of the host takes long and little of the budget.
#[test]
fn the_deadline_holds_for_a_guest_that_only_calls_the_host() {
    let (mut store, instance) = guest(|_, _| {
        std::thread::sleep(Duration::from_millis(5));
        Ok(())
    });
    let start = Instant::now();
    let timeout = Duration::from_millis(100);
    store.limits(Limits::new().timeout(timeout)).unwrap();
    let trap = trap(run(&mut store, instance, "forever"));
    assert_code(&trap, TrapCode::DeadlineExceeded);
    assert_eq!(trap.frames().len(), 1, "{trap}");
    assert!((timeout..Duration::from_secs(2)).contains(&start.elapsed()));
}

#[test]
fn an_interruption_reaches_through_a_host_function() {
    let (mut store, instance) = guest(|mut caller, _| {
        let spin = caller.get_export("spin").and_then(Extern::into_func);
        Ok(spin
            .expect("it exports it")
            .call(&mut caller, &[], &mut [])?)
    });
    let handle = store.interrupt_handle().unwrap();
    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        handle.interrupt();
    });
    let trap = trap(run(&mut store, instance, "forever"));
    other.join().unwrap();
    assert_code(&trap, TrapCode::Interrupted);
    assert_eq!(trap.frames().len(), 2, "{trap}");
}

/// The charges at functions and loops belong to the instructions that they stand before.
#[test]
fn backtraces_point_where_they_do_without_a_meter() {
    let text = r#"(module
        (func $deep (param i32) (result i32) (local i64 f32)
            (loop (block (loop (br_if 1 (local.get 0)) (br 0))))
            (loop (result i32) (i32.div_u (i32.const 1) (i32.sub (local.get 0) (local.get 0)))))
        (func $middle (local i64)
            (loop (drop (call $deep (i32.const 1))) (br 0)))
        (func (export "f") (call $middle)))"#;
    let trap = |config: Config| {
        let (mut store, instance) = crate::instance(&Engine::new(config), text);
        trap(crate::call(&mut store, instance, "f"))
    };
    let plain = trap(Config::new());
    assert_code(&plain, TrapCode::IntegerDivideByZero);
    assert_eq!(plain.frames().len(), 3, "{plain}");
    assert!(plain.frames().iter().all(|frame| frame.offset.is_some()));
    for lowering in LOWERINGS {
        let metered = trap(Config::new().metering(true).lowering(lowering));
        assert_eq!(metered, plain);
    }
}
