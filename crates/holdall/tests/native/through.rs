//! What passes through native code from others: memories that grow, errors and panics of the host, exceptions,
//! calls of other modules.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::anyhow;
use holdall::{Caller, Config, Engine, Extern, Linker, Module, Store, Val};

use crate::{same, tell};

#[test]
fn a_memory_that_grows_in_a_callee_is_seen_at_its_new_place() {
    same(&Config::new(), |engine, told| {
        let text = r#"(module
            (import "host" "grow" (func $grow))
            (memory (export "memory") 1)
            (func $deep (param i32) (result i32)
                (drop (memory.grow (local.get 0)))
                (i32.load (i32.const 0)))
            (func (export "run") (result i32 i32)
                (i32.store (i32.const 0) (i32.const 1))
                (drop (call $deep (i32.const 700)))
                (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
                (i32.store (i32.const 0x2000000) (i32.const 40))
                (call $grow)
                (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 0x2000000)))
                (memory.size)))"#;
        let module = Module::named(engine, "m", text).unwrap();
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        let grow = |mut caller: Caller<'_, ()>| -> anyhow::Result<()> {
            let memory = caller.get_export("memory").and_then(Extern::into_memory);
            let memory = memory.ok_or_else(|| anyhow!("no memory"))?;
            memory.grow(&mut caller, 900)?;
            Ok(())
        };
        linker.func_wrap("host", "grow", grow).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        tell(&mut store, instance, "run", &[], told);
    });
}

/// A module that calls the host, another module, and is called by the host again.
fn graph(engine: &Engine) -> (Store<u32>, holdall::Instance) {
    let library = r#"(module
        (import "host" "call" (func $call (param i32) (result i32)))
        (tag $oops (export "oops") (param i32))
        (func (export "pass") (param i32) (result i32)
            (i32.add (call $call (local.get 0)) (i32.const 1)))
        (func (export "throws") (param i32) (throw $oops (local.get 0))))"#;
    let root = r#"(module
        (import "library" "pass" (func $pass (param i32) (result i32)))
        (import "library" "throws" (func $throws (param i32)))
        (import "library" "oops" (tag $oops (param i32)))
        (func $again (export "again") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
            (i32.add (call $pass (i32.sub (local.get 0) (i32.const 1))) (i32.const 10)))
        (func $between (param i32) (call $throws (local.get 0)) unreachable)
        (func (export "catches") (result i32)
            (block $caught (result i32)
                (try_table (catch $oops $caught) (call $between (i32.const 5)))
                (i32.const 0)))
        (func (export "throws") (call $between (i32.const 6)))
        (func (export "fails") (result i32) (call $pass (i32.const -1)))
        (func (export "panics") (result i32) (call $pass (i32.const -2)))
        (func (export "traps") (result i32) (call $pass (i32.const -3)))
        (func (export "unreachable") (result i32) unreachable))"#;
    let mut linker = Linker::new(engine);
    let call = |mut caller: Caller<'_, u32>, n: i32| -> anyhow::Result<i32> {
        *caller.data_mut() += 1;
        match n {
            -1 => return Err(anyhow!("the host fails")),
            -2 => panic!("the host panics"),
            _ => {}
        }
        let name = if n == -3 { "unreachable" } else { "again" };
        let library = caller.instance().ok_or_else(|| anyhow!("no caller"))?;
        let again = library.get_func(&mut caller, &format!("$root${name}"));
        let again = again.ok_or_else(|| anyhow!("no function"))?;
        let mut results = [Val::I32(0)];
        let params: &[Val] = if n == -3 { &[] } else { &[Val::I32(n)] };
        again.call(&mut caller, params, &mut results)?;
        results[0].i32().ok_or_else(|| anyhow!("no number"))
    };
    linker.func_wrap("host", "call", call).unwrap();
    linker
        .register(
            "library",
            &Module::named(engine, "library", library).unwrap(),
        )
        .unwrap();
    let root = Module::named(engine, "root", root).unwrap();
    let mut store = Store::new(engine, 0);
    let instance = linker.instantiate(&mut store, &root).unwrap();
    (store, instance)
}

#[test]
fn errors_and_exceptions_pass_through_native_frames() {
    let told = same(&Config::new(), |engine, told| {
        let (mut store, instance) = graph(engine);
        for name in ["catches", "throws", "fails", "traps"] {
            tell(&mut store, instance, name, &[], told);
        }
        tell(&mut store, instance, "again", &[Val::I32(20)], told);
        tell(&mut store, instance, "again", &[Val::I32(1_000_000)], told);
    });
    assert!(told.contains("the host fails") && told.contains("uncaught exception"));
}

#[test]
fn a_panic_of_the_host_unwinds_through_native_code_and_the_store_goes_on() {
    same(&Config::new(), |engine, told| {
        let (mut store, instance) = graph(engine);
        for _ in 0..3 {
            let panics = instance.get_func(&mut store, "panics").unwrap();
            let call = || panics.call(&mut store, &[], &mut [Val::I32(0)]);
            let panic = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
            told.push_str(panic.downcast_ref::<&str>().unwrap());
            tell(&mut store, instance, "again", &[Val::I32(3)], told);
        }
    });
}

#[test]
fn a_tracer_is_told_of_all_calls_whenever_it_comes() {
    use std::sync::{Arc, Mutex};
    same(&Config::new(), |engine, told| {
        let (mut store, instance) = graph(engine);
        tell(&mut store, instance, "again", &[Val::I32(2)], told);
        let events = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&events);
        store.trace(move |event| seen.lock().unwrap().push_str(&format!("{event}\n")));
        tell(&mut store, instance, "again", &[Val::I32(2)], told);
        told.push_str(&events.lock().unwrap());
    });
}
