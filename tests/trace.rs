//! What a tracer is told, and that it changes nothing.

use std::sync::{Arc, Mutex};

use holdall::{Engine, Linker, MemoryReader, Module, Store};

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
