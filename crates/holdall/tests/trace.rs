//! What a tracer is told, and that it changes nothing.

use std::sync::{Arc, Mutex};

use std::panic::{AssertUnwindSafe, catch_unwind};

use holdall::{Config, Engine, Func, Instance, Limits, Linker, MemoryReader, Module, Store};

const A: &str = r#"(module $a
    (import "env" "half" (func $half (param f64) (result f64)))
    (func (export "scale") (param i32 f64) (result f64)
        (f64.mul (f64.convert_i32_s (local.get 0)) (call $half (local.get 1))))
    (func $plain (export "swap") (param i64 i32) (result i32 i64) (local.get 1) (local.get 0)))"#;

const ROOT: &str = r#"(module $root
    (import "a" "scale" (func $scale (param i32 f64) (result f64)))
    (import "a" "swap" (func $swap (param i64 i32) (result i32 i64)))
    (import "env" "refuse" (func $refuse (param externref)))
    (func $own (result f64) (call $scale (i32.const -3) (f64.const 5)))
    (func (export "run") (result f64) (call $own))
    (func (export "tail") (result i32 i64) (return_call $swap (i64.const 7) (i32.const 8)))
    (func (export "refused") (call $refuse (ref.null extern))))"#;

fn graph() -> (Store<()>, holdall::Instance) {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap("env", "half", |value: f64| value / 2.0)
        .unwrap()
        .func_wrap("env", "refuse", |_: Option<holdall::ExternRef>| {
            anyhow::Result::<()>::Err(anyhow::anyhow!("not today"))
        })
        .unwrap();
    linker.set_reader(MemoryReader::new().with("a", A.as_bytes()));
    let root = Module::named(&engine, "root", ROOT.as_bytes()).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &root).unwrap();
    (store, instance)
}

/// The lines that are told while `run` runs.
fn told(run: impl FnOnce(&mut Store<()>, holdall::Instance)) -> Vec<String> {
    let (mut store, instance) = graph();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    store.trace(move |event| kept.lock().unwrap().push(event.to_string()));
    run(&mut store, instance);
    let told = lines.lock().unwrap();
    told.clone()
}

#[test]
fn calls_between_modules_and_of_the_host_are_told_and_calls_within_are_not() {
    let lines = told(|store, instance| {
        let run = instance.get_typed_func::<(), f64>(&*store, "run").unwrap();
        assert_eq!(run.call(store, ()).unwrap(), -7.5);
    });
    assert_eq!(
        lines,
        [
            "root -> a!scale(0xfffffffd:i32, 5:f64)",
            "a -> env.half(5:f64) = (2.5:f64)",
        ]
    );
}

#[test]
fn tail_calls_to_another_module_are_told() {
    let lines = told(|store, instance| {
        let tail = instance
            .get_typed_func::<(), (i32, i64)>(&*store, "tail")
            .unwrap();
        assert_eq!(tail.call(store, ()).unwrap(), (8, 7));
    });
    assert_eq!(lines, ["root -> a!plain(0x7:i64, 0x8:i32)"]);
}

#[test]
fn an_error_of_the_host_is_told_as_what_it_gave_back() {
    let lines = told(|store, instance| {
        let refused = instance
            .get_typed_func::<(), ()>(&*store, "refused")
            .unwrap();
        refused.call(store, ()).unwrap_err();
    });
    assert_eq!(lines, ["root -> env.refuse(null) = not today"]);
}

#[test]
fn a_tracer_that_panics_ends_itself_and_nothing_else() {
    let (mut store, instance) = graph();
    let count = Arc::new(Mutex::new(0));
    let kept = Arc::clone(&count);
    store.trace(move |_| {
        *kept.lock().unwrap() += 1;
        panic!("the tracer's own fault");
    });
    let run = instance.get_typed_func::<(), f64>(&store, "run").unwrap();
    for _ in 0..2 {
        assert_eq!(run.call(&mut store, ()).unwrap(), -7.5);
    }
    let count = *count
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    assert_eq!(count, 1);
}

/// An error that panics when it is shown, and where `1` says so when it is dropped.
#[derive(Debug)]
struct Unspeakable(bool);

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("this cannot be said")
    }
}

impl std::error::Error for Unspeakable {}

impl Drop for Unspeakable {
    fn drop(&mut self) {
        assert!(!self.0, "this cannot be let go");
    }
}

/// A tracer that panics when it is called, and when it is dropped.
struct Fragile;

impl Drop for Fragile {
    fn drop(&mut self) {
        panic!("broken")
    }
}

/// What a guest calls that calls a function of the host which returns an error.
fn caller_of_unspeakable(drops: bool) -> (Store<()>, holdall::TypedFunc<(), ()>) {
    let engine = Engine::new(Config::new().metering(true));
    let mut store = Store::new(&engine, ());
    store.limits(Limits::new().fuel(1_000)).unwrap();
    let func = Func::wrap(&mut store, move |n: i32| match n {
        0 => Ok(()),
        _ => Err(Unspeakable(drops)),
    });
    let text = r#"(module (import "" "" (func $f (param i32)))
        (func (export "run") (call $f (i32.const 0)) (call $f (i32.const 1))))"#;
    let module = Module::new(&engine, text.as_bytes()).unwrap();
    let instance = Instance::new(&mut store, &module, &[func.into()]).unwrap();
    let run = instance.get_typed_func(&store, "run").unwrap();
    (store, run)
}

#[test]
fn a_panic_in_the_text_of_a_traced_error_reaches_the_embedder_and_takes_no_fuel_along() {
    for drops in [false, true] {
        let (mut store, run) = caller_of_unspeakable(drops);
        store.trace(|_| ());
        let panic = catch_unwind(AssertUnwindSafe(|| run.call(&mut store, ()).map_err(drop)));
        let panic = panic.expect_err("the panic goes on");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"this cannot be said"));
        let fuel = store.fuel().unwrap();
        assert!((900..1_000).contains(&fuel), "{fuel}");
    }
}

#[test]
fn a_tracer_that_panics_and_panics_when_it_is_dropped_is_let_go() {
    let (mut store, run) = caller_of_unspeakable(false);
    let fragile = Fragile;
    store.trace(move |_| {
        let _ = &fragile;
        panic!("at the first call");
    });
    let error = run.call(&mut store, ()).unwrap_err();
    assert!(error.downcast_ref::<Unspeakable>().is_some());
    assert!(store.fuel().unwrap() > 900);
}

#[test]
fn functions_of_a_module_of_many_exports_are_named_without_looking_at_all_of_them() {
    let exports: String = (0..20_000)
        .map(|n| format!("(export \"e{n}\" (func 0))"))
        .collect();
    let text = format!("(module (func) (func (export \"f\")) {exports})");
    let engine = Engine::default();
    let callee = Module::named(&engine, "callee", text.into_bytes()).unwrap();
    let mut store = Store::new(&engine, ());
    let callee = Instance::new(&mut store, &callee, &[]).unwrap();
    let text = r#"(module (import "" "" (func $f))
        (func (export "run") (local $n i32) (loop $again
            (call $f)
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 20000))))))"#;
    let caller = Module::named(&engine, "caller", text.as_bytes()).unwrap();
    let f = callee.get_export(&store, "f").unwrap();
    let caller = Instance::new(&mut store, &caller, &[f]).unwrap();
    let told = Arc::new(Mutex::new((0, String::new())));
    let kept = Arc::clone(&told);
    store.trace(move |event| {
        let mut told = kept.lock().unwrap();
        *told = (told.0 + 1, event.callee.clone());
    });
    let run = caller.get_typed_func::<(), ()>(&store, "run").unwrap();
    let begun = std::time::Instant::now();
    run.call(&mut store, ()).unwrap();
    let took = begun.elapsed();
    assert_eq!(*told.lock().unwrap(), (20_000, "callee!f".to_owned()));
    assert!(took.as_secs() < 5, "{took:?}");
}

#[test]
fn a_deadline_ends_a_guest_that_is_slow_because_its_calls_are_told() {
    let engine = Engine::new(Config::new().metering(true));
    let mut store = Store::new(&engine, ());
    let callee = Module::new(&engine, r#"(module (func (export "f")))"#).unwrap();
    let callee = Instance::new(&mut store, &callee, &[]).unwrap();
    let text = r#"(module (import "" "" (func $f)) (func (export "run") (loop (call $f) (br 0))))"#;
    let f = callee.get_export(&store, "f").unwrap();
    let caller = Module::new(&engine, text).unwrap();
    let caller = Instance::new(&mut store, &caller, &[f]).unwrap();
    let run = caller.get_typed_func::<(), ()>(&store, "run").unwrap();
    store.trace(|_| std::thread::sleep(std::time::Duration::from_millis(5)));
    let begun = std::time::Instant::now();
    let timeout = std::time::Duration::from_millis(50);
    store.limits(Limits::new().timeout(timeout)).unwrap();
    let error = run.call(&mut store, ()).unwrap_err();
    let code = error.trap().map(|trap| trap.code());
    assert_eq!(code, Some(holdall::TrapCode::DeadlineExceeded));
    assert!(begun.elapsed().as_secs() < 5);
}
