//! What is thrown and caught in native functions.

use holdall::{Config, Linker, Module, Store};

use crate::{same, same_of_module, tell};

/// Catches of all kinds: through calls, tables, loops and blocks with values; what is caught is thrown again.
const CATCHES: &str = r#"(module
    (type $f (func (param i32) (result i32)))
    (tag $none)
    (tag $one (param i32))
    (tag $all (param i32 i64 f32 f64 v128 exnref funcref))
    (global $last (mut exnref) (ref.null exn))
    (table funcref (elem $maybe))
    (table $kept 4 exnref)
    (memory 1)
    (func $leaf (param i32)
        (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $one (i32.const 70))))
        (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $none)))
        (if (i32.eq (local.get 0) (i32.const 3)) (then (unreachable)))
        (if (i32.eq (local.get 0) (i32.const 4)) (then
            (throw $all (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4)
                (v128.const i64x2 5 6) (global.get $last) (ref.func $maybe)))))
    (func $deep (param i32 i32)
        (if (local.get 1)
            (then (call $deep (local.get 0) (i32.sub (local.get 1) (i32.const 1))))
            (else (call $leaf (local.get 0)))))
    (func $maybe (param i32) (result i32)
        (call $deep (local.get 0) (i32.const 5))
        (i32.const 7))
    (func $grows (param i32) (result i32)
        (drop (memory.grow (i32.const 50)))
        (i32.store (i32.const 0x200000) (i32.const 9))
        (call $maybe (local.get 0)))

    (func $caught (param i32) (result i32) (local $found i32)
        (block $outer (result i32)
            (block $any
                (block $none
                    (br $outer (i32.add (block $one (result i32)
                        (try_table (catch_all $any)
                            (try_table (result i32) (catch $one $one) (catch $none $none)
                                (local.set $found (i32.const 1000))
                                (call $maybe (local.get 0)))
                            (br $outer))
                        unreachable)
                        (local.get $found))))
                (br $outer (i32.const 2)))
            (i32.const 3)))
    (func (export "caught 0") (result i32) (call $caught (i32.const 0)))
    (func (export "caught 1") (result i32) (call $caught (i32.const 1)))
    (func (export "caught 2") (result i32) (call $caught (i32.const 2)))
    (func (export "caught 3") (result i32) (call $caught (i32.const 3)))
    (func (export "caught 4") (result i32) (call $caught (i32.const 4)))

    (func (export "to the function") (result i32)
        (try_table (catch $one 0) (drop (call_indirect (type $f) (i32.const 1) (i32.const 0))))
        (i32.const 0))
    (func (export "to a loop") (result i32) (local $turns i32)
        (loop $again (result i32)
            (local.set $turns (i32.add (local.get $turns) (i32.const 1)))
            (if (i32.gt_u (local.get $turns) (i32.const 20)) (then (return (local.get $turns))))
            (try_table (result i32) (catch $none $again)
                (drop (call $caught (i32.const 2)))
                (call $maybe (i32.const 2)))))
    (func (export "after growth") (result i32)
        (block $one (result i32)
            (try_table (catch $one $one) (drop (call $grows (i32.const 1))))
            (i32.const 1))
        (i32.add (i32.load (i32.const 0x200000))))
    (func (export "all values") (result i32 i64 f32 f64 i64 i32) (local v128 exnref)
        (block $all (result i32 i64 f32 f64 v128 exnref funcref)
            (try_table (catch $all $all) (drop (call $maybe (i32.const 4))))
            unreachable)
        drop (local.set 1) (local.set 0)
        (i64x2.extract_lane 1 (local.get 0))
        (ref.is_null (local.get 1)))
    (func $itself (export "in the function") (result i32)
        (block $one (result i32)
            (try_table (catch $one $one) (throw $one (i32.const 5)))
            (i32.const 0)))

    (func $keeps (param i32) (result exnref)
        (block $any (result exnref)
            (try_table (catch_all_ref $any) (drop (call $maybe (local.get 0))))
            (ref.null exn)))
    (func (export "again") (throw_ref (call $keeps (i32.const 1))))
    (func (export "again, caught") (result i32) (local exnref exnref)
        (local.set 0 (call $keeps (i32.const 1)))
        (local.set 1 (call $keeps (i32.const 4)))
        (table.set $kept (i32.const 2) (local.get 0))
        (global.set $last (local.get 1))
        (block $one (result i32)
            (try_table (catch $one $one)
                (try_table (catch $none 0)
                    (throw_ref (table.get $kept (i32.const 2)))))
            (i32.const 0)))
    (func (export "null") (throw_ref (ref.null exn)))
    (func (export "null, not caught")
        (block $any (try_table (catch_all $any) (throw_ref (ref.null exn)))))
    (func (export "the last") (throw_ref (global.get $last)))
    (func (export "uncaught")
        (block $none (try_table (catch $none $none) (drop (call $maybe (i32.const 1))))))
    (func (export "tail") (block $any (try_table (catch_all $any) (return_call $leaf (i32.const 1)))))
)"#;

#[test]
fn what_is_thrown_is_caught_where_the_interpreter_catches() {
    let told = same_of_module(CATCHES);
    assert!(told.contains("caught 1: [I32(1070)]"), "{told}");
    assert!(told.contains("uncaught exception"), "{told}");
}

#[test]
fn what_is_thrown_costs_what_it_costs_in_the_interpreter() {
    let config = Config::new().metering(true);
    same(&config, |engine, told| {
        let module = Module::named(engine, "m", CATCHES).unwrap();
        let names = module.exports().map(|export| export.name.to_owned());
        let names: Vec<String> = names.collect();
        for fuel in [100_000, 100, 60, 40, 30] {
            let mut store = Store::new(engine, ());
            let instance = Linker::new(engine)
                .instantiate(&mut store, &module)
                .unwrap();
            for name in &names {
                store.set_fuel(fuel).unwrap();
                let mut all = String::new();
                tell(&mut store, instance, name, &[], &mut all);
                // Charges are made for whole functions and loops, so that the place is another one.
                told.push_str(all.split(" @ ").next().unwrap_or_default());
                told.push_str(&format!("left: {:?}\n", store.fuel()));
            }
        }
    });
}

#[test]
fn references_that_native_functions_hold_live() {
    let told = same_of_module(
        r#"(module
            (tag $number (param i32))
            (tag $chain (param exnref))
            (func $thrown (param i32) (result exnref)
                (block $any (result exnref)
                    (try_table (catch_all_ref $any) (throw $number (local.get 0)))
                    unreachable))
            (func $linked (param exnref) (result exnref)
                (block $any (result exnref)
                    (try_table (catch_all_ref $any) (throw $chain (local.get 0)))
                    unreachable))
            (func $busy (param i32)
                (loop $again
                    (drop (call $thrown (i32.const 1)))
                    (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
            (func $number (param exnref) (result i32)
                (block $one (result i32)
                    (try_table (catch $number $one) (throw_ref (local.get 0)))
                    (i32.const -1)))
            (func (export "a local") (result i32) (local exnref)
                (local.set 0 (call $thrown (i32.const 5)))
                (call $busy (i32.const 5000))
                (call $number (local.get 0)))
            (func (export "the stack") (result i32) (local i32)
                (call $thrown (i32.const 6))
                (call $thrown (i32.const 7))
                (call $busy (i32.const 5000))
                (local.set 0 (call $number))
                (i32.add (call $number) (local.get 0)))
            (func (export "chain") (result i32) (local exnref i32)
                (local.set 0 (call $thrown (i32.const 8)))
                (local.set 1 (i32.const 10))
                (loop $again
                    (local.set 0 (call $linked (local.get 0)))
                    (call $busy (i32.const 500))
                    (br_if $again (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
                (loop $again (result i32)
                    (block $inner (result exnref)
                        (return (block $one (result i32)
                            (try_table (catch $number $one) (catch $chain $inner)
                                (throw_ref (local.get 0)))
                            unreachable)))
                    (local.set 0)
                    (br $again)))
            (func (export "a loop") (result i32) (local i32)
                (local.set 0 (i32.const 3))
                (call $thrown (i32.const 1))
                (loop $again (param exnref) (result i32)
                    (call $busy (i32.const 2000))
                    drop
                    (call $thrown (i32.add (local.get 0) (i32.const 20)))
                    (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))
                    (call $busy (i32.const 2000))
                    (call $number)))
        )"#,
    );
    assert_eq!(
        told,
        "a local: [I32(5)]\nthe stack: [I32(13)]\nchain: [I32(8)]\na loop: [I32(21)]\n"
    );
}

#[test]
fn legacy_tries_catch_as_in_the_interpreter() {
    let text = r#"(module
        (tag $none)
        (tag $one (param i32))
        (func $throws (param i32)
            (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $one (i32.const 70))))
            (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $none))))
        (func $caught (param i32) (result i32) (local i32)
            try (result i32)
                (local.set 1 (i32.const 100))
                (call $throws (local.get 0))
                (i32.const 1)
            catch $one
                (i32.add (local.get 1))
            catch_all
                (i32.add (local.get 1) (i32.const 3))
            end)
        (func (export "caught 0") (result i32) (call $caught (i32.const 0)))
        (func (export "caught 1") (result i32) (call $caught (i32.const 1)))
        (func (export "caught 2") (result i32) (call $caught (i32.const 2)))
        (func $again (param i32) (result i32)
            try $outer (result i32)
                try (result i32)
                    (call $throws (local.get 0))
                    (i32.const 1)
                catch $one
                    drop
                    (call $throws (i32.const 0))
                    rethrow 0
                catch_all
                    try
                        (call $throws (i32.const 1))
                    delegate $outer
                    (i32.const 5)
                end
            catch $one
                (i32.add (i32.const 1000))
            end)
        (func (export "again 0") (result i32) (call $again (i32.const 0)))
        (func (export "again 1") (result i32) (call $again (i32.const 1)))
        (func (export "again 2") (result i32) (call $again (i32.const 2)))
        (func (export "uncaught") (result i32)
            try (result i32)
                (call $throws (i32.const 1))
                (i32.const 1)
            catch $none
                (i32.const 2)
            end)
        (func (export "rethrown")
            try
                (call $throws (i32.const 1))
            catch_all
                rethrow 0
            end)
        (func (export "delegated")
            try
                (call $throws (i32.const 1))
            delegate 0))"#;
    let config = Config::new().wasm_legacy_exceptions(true);
    let told = same(&config, |engine, told| {
        let module = Module::named(engine, "m", text).unwrap();
        let mut store = Store::new(engine, ());
        let instance = Linker::new(engine)
            .instantiate(&mut store, &module)
            .unwrap();
        let names = module.exports().map(|export| export.name.to_owned());
        for name in names.collect::<Vec<String>>() {
            tell(&mut store, instance, &name, &[], told);
        }
    });
    assert!(told.contains("again 2: [I32(1070)]"), "{told}");
}
