//! Fuel, deadlines and interruptions reach into native code.

use std::time::{Duration, Instant};

use holdall::{Config, Engine, Limits, Linker, Module, Store, Val};

use crate::{same, tell};

const WORK: &str = r#"(module
    (memory 1)
    (func $inner (param i32) (result i32) (local i64 i64 v128)
        (i32.add (local.get 0) (i32.const 1)))
    (func (export "work") (param i32) (result i32) (local $sum i32)
        (loop $again
            (if (i32.and (local.get 0) (i32.const 1))
                (then (local.set $sum (call $inner (local.get $sum))))
                (else (local.set $sum (i32.mul (local.get $sum) (i32.const 3)))))
            (block $c (block $b (block $a
                (br_table $a $b $c (i32.rem_u (local.get 0) (i32.const 3))))
                (local.set $sum (i32.add (local.get $sum) (i32.const 7))))
                (memory.fill (i32.const 0) (local.get $sum) (i32.const 1000)))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get $sum))
    (func (export "endless") (loop $again (br $again)))
    (func $deep (export "endless calls") (call $leaf) (return_call $deep))
    (func $leaf))"#;

#[test]
fn native_code_takes_the_same_fuel_and_ends_at_the_same_unit() {
    let config = Config::new().metering(true);
    same(&config, |engine, told| {
        let module = Module::named(engine, "m", WORK).unwrap();
        let mut store = Store::new(engine, ());
        let instance = Linker::new(engine)
            .instantiate(&mut store, &module)
            .unwrap();
        for fuel in [1_000_000, 30_000, 500, 10, 1, 0] {
            store.set_fuel(fuel).unwrap();
            let mut all = String::new();
            tell(&mut store, instance, "work", &[Val::I32(1000)], &mut all);
            // A charge is made for a whole loop: native code tells the loop, and lowered code what comes first
            // in the loop.
            let places = all.lines().map(|line| line.split(" @ ").next());
            told.extend(places.flatten());
            told.push_str(&format!("left: {:?}\n", store.fuel()));
        }
    });
}

/// Branches on constants, behind which something is reached or not reached.
const CONSTANTS: &str = r#"(module
    (func (export "never taken") (result i32)
        (block $a (br_if $a (i32.const 0)) (return (i32.const 1)))
        (drop (i32.add (i32.const 1) (i32.const 2)))
        (i32.const 3))
    (func (export "always taken") (result i32)
        (block $a (br_if $a (i32.const 7)) (return (i32.const 1)))
        (drop (i32.add (i32.const 1) (i32.const 2)))
        (i32.const 3))
    (func (export "null is not non-null") (result i32)
        (block $a (result externref) (br_on_non_null $a (ref.null extern)) (return (i32.const 1)))
        (drop (i32.add (i32.const 1) (i32.const 2)))
        (drop)
        (i32.const 3))
    (func (export "null is null") (result i32)
        (block $a
            (ref.null extern)
            (br_on_null $a)
            (block $b (param externref) (result externref)
                (br_on_non_null $b)
                (return (i32.const 1)))
            (drop)
            (drop (i32.add (i32.const 1) (i32.const 2))))
        (i32.const 3)))"#;

#[test]
fn native_code_charges_for_what_lowered_code_takes_to_be_reached() {
    same(&Config::new().metering(true), |engine, told| {
        let module = Module::named(engine, "m", CONSTANTS).unwrap();
        let mut store = Store::new(engine, ());
        let instance = Linker::new(engine)
            .instantiate(&mut store, &module)
            .unwrap();
        for export in module.exports() {
            store.set_fuel(100).unwrap();
            tell(&mut store, instance, export.name, &[], told);
            told.push_str(&format!("left: {:?}\n", store.fuel()));
        }
    });
}

fn ends_in_time(end: impl Fn(&mut Store<()>)) {
    let engine = Engine::new(Config::new().metering(true).native(true));
    let module = Module::named(&engine, "m", WORK).unwrap();
    for name in ["endless", "endless calls"] {
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap();
        let endless = instance.get_typed_func::<(), ()>(&mut store, name).unwrap();
        let begin = Instant::now();
        end(&mut store);
        let error = endless.call(&mut store, ()).unwrap_err();
        assert!(error.trap().is_some(), "{error}");
        // Far more than it takes, so that a loaded machine does not matter.
        assert!(begin.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_deadline_ends_native_loops() {
    ends_in_time(|store| {
        let limits = Limits::new().timeout(Duration::from_millis(50));
        store.limits(limits).unwrap();
    });
}

#[test]
fn an_interruption_from_another_thread_ends_native_loops() {
    ends_in_time(|store| {
        let handle = store.interrupt_handle().unwrap();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            handle.interrupt();
        });
    });
}
