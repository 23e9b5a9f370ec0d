//! Traps: their texts, and where they happened.

use holdall::{Config, Linker, Module, Store, Val};

use crate::{same, same_of_module, tell};

#[test]
fn a_trap_in_native_code_tells_its_text_and_place() {
    let told = same_of_module(
        r#"(module
            (memory 1)
            (table 4 funcref)
            (elem (i32.const 0) $void)
            (type $void (func))
            (type $number (func (result i32)))
            (func $void)
            (func $zero (result i32) (i32.const 0))
            (func (export "unreachable") unreachable)
            (func (export "divide") (result i32) (i32.div_u (i32.const 1) (call $zero)))
            (func (export "remainder") (result i64)
                (i64.rem_s (i64.const 1) (i64.extend_i32_u (call $zero))))
            (func (export "overflow") (result i32)
                (i32.div_s (i32.const 0x80000000) (i32.sub (call $zero) (i32.const 1))))
            (func (export "remainder of the least") (result i32)
                (i32.rem_s (i32.const 0x80000000) (i32.sub (call $zero) (i32.const 1))))
            (func (export "truncation") (result i32) (i32.trunc_f32_s (f32.const 3e9)))
            (func (export "truncation of a NaN") (result i64) (i64.trunc_f64_u (f64.const nan)))
            (func (export "load") (result i32) (i32.load offset=65533 (call $zero)))
            (func (export "far load") (result i32) (i32.load offset=0xffffffff (i32.const -1)))
            (func (export "last load") (result i32) (i32.load offset=65532 (call $zero)))
            (func (export "store") (i64.store offset=65529 (call $zero) (i64.const 0)))
            (func (export "fill") (memory.fill (i32.const 65535) (i32.const 0) (i32.const 2)))
            (func (export "copy") (memory.copy (i32.const 0) (i32.const 65535) (i32.const 2)))
            (func (export "null") (call_indirect (type $void) (i32.const 1)))
            (func (export "outside") (call_indirect (type $void) (i32.const 4)))
            (func (export "other type") (drop (call_indirect (type $number) (call $zero))))
            (func (export "right type") (call_indirect (type $void) (call $zero)))
            (func (export "table") (drop (table.get (i32.const 4))))
        )"#,
    );
    assert!(told.contains("integer divide by zero") && told.contains("undefined element"));
}

#[test]
fn a_backtrace_goes_through_native_and_interpreted_frames() {
    let told = same_of_module(
        r#"(module
            (type $f (func (param i32)))
            (table funcref (elem $leaf $middle))
            (func $leaf (param i32) (if (i32.eqz (local.get 0)) (then unreachable)))
            (func $middle (param i32) (call $leaf (local.get 0)) (call $leaf (local.get 0)))
            (func $indirect (param i32) (call_indirect (type $f) (local.get 0) (i32.const 1)))
            (func $tail (param i32) (return_call $indirect (local.get 0)))
            (func $outer (param i32) (call $tail (local.get 0)) nop)
            (func (export "deep") (call $outer (i32.const 0)))
            (func (export "fine") (call $outer (i32.const 1)))
        )"#,
    );
    assert!(told.contains("leaf") && told.contains("indirect") && !told.contains("tail"));
}

#[test]
fn a_long_backtrace_ends_where_that_of_interpreted_code_ends() {
    let text = r#"(module
        (func $deep (param i32)
            (if (i32.eqz (local.get 0)) (then (unreachable)))
            (call $deep (i32.sub (local.get 0) (i32.const 1))))
        (func (export "almost") (call $deep (i32.const 61)))
        (func (export "just") (call $deep (i32.const 62)))
        (func (export "above") (call $deep (i32.const 63)))
        (func (export "far above") (call $deep (i32.const 300)))
    )"#;
    let told = same_of_module(text);
    assert_eq!(told.matches("the innermost 64 frames").count(), 3, "{told}");
}

#[test]
fn endless_recursion_exhausts_the_stack_and_the_store_goes_on() {
    let text = r#"(module
        (func $once (export "once") (call $once))
        (func $ping (export "ping") (call $pong))
        (func $pong (call $ping))
        (func $many (export "many") (result i64) (i64.add (call $many) (call $many)))
        (func (export "fine") (result i32) (i32.const 1))
    )"#;
    let told = same(&Config::new(), |engine, told| {
        let module = Module::named(engine, "m", text).unwrap();
        let mut store = Store::new(engine, ());
        let instance = Linker::new(engine)
            .instantiate(&mut store, &module)
            .unwrap();
        for name in ["once", "ping", "fine", "many", "fine"] {
            let mut all = String::new();
            tell(&mut store, instance, name, &[], &mut all);
            // How deep the calls were, and so which function was the last, is another matter.
            told.push_str(all.lines().next().unwrap_or_default());
        }
    });
    assert_eq!(told.matches("call stack exhausted").count(), 3);
}

#[test]
fn tail_calls_take_no_stack() {
    same_of_module(
        r#"(module
            (type $f (func (param i32 i32) (result i32)))
            (table funcref (elem $odd))
            (func $even (param i32 i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
                (return_call $odd (i32.sub (local.get 0) (i32.const 1)) (local.get 1)))
            (func $odd (param i32 i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
                (return_call $even (i32.sub (local.get 0) (i32.const 1)) (local.get 1)))
            (func $indirect (param i32) (result i32)
                (return_call_indirect (type $f) (local.get 0) (i32.const 7) (i32.const 0)))
            (func $itself (param i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (return (i32.const 3))))
                (return_call $itself (i32.sub (local.get 0) (i32.const 1))))
            (func (export "direct") (result i32) (call $even (i32.const 100001) (i32.const 5)))
            (func (export "indirect") (result i32) (call $indirect (i32.const 100000)))
            (func (export "itself") (result i32) (call $itself (i32.const 1000000)))
        )"#,
    );
}

#[test]
fn what_one_way_through_a_function_has_checked_another_one_checks() {
    let accesses = |name: &str, body: &str| {
        format!(
            r#"(func ${name} (param i32 i32) (result i32) {body})
            (func (export "{name} 0") (result i32) (call ${name} (i32.const 70000) (i32.const 0)))
            (func (export "{name} 1") (result i32) (call ${name} (i32.const 70000) (i32.const 1)))
            (func (export "{name} 2") (result i32) (call ${name} (i32.const 70000) (i32.const 2)))
            (func (export "{name}, within") (result i32) (call ${name} (i32.const 100) (i32.const 0)))"#
        )
    };
    let load = "(i32.load (local.get 0))";
    let returns = format!("(if (local.get 1) (then (return {load}))) {load}");
    let branches =
        format!("(block $b (if (local.get 1) (then (br $b (drop {load})))) (nop)) {load}");
    let both = format!(
        "(if (i32.eq (local.get 1) (i32.const 1)) (then (return {load}))
            (else (if (local.get 1) (then (return (i32.const 7)))))) {load}"
    );
    let table = format!(
        "(block $c (block $b (block $a (br_table $a $b $c (local.get 1))) (return {load}))
            (return (i32.const 5))) {load}"
    );
    let looped = format!(
        "(loop $l (if (local.get 1) (then (local.set 1 (i32.const 0)) (br $l (drop {load})))))
            (i32.add (i32.load offset=4 (local.get 0)) {load})"
    );
    let text = format!(
        "(module (memory 1) {} {} {} {} {})",
        accesses("returns", &returns),
        accesses("branches", &branches),
        accesses("both", &both),
        accesses("table", &table),
        accesses("looped", &looped),
    );
    let told = same_of_module(&text);
    assert_eq!(told.matches("out of bounds").count(), 13, "{told}");
}

/// A function that keeps a window on its guest's stack, with the top of the stack anywhere: inside of the memory,
/// at its ends, and outside.
#[test]
fn a_window_on_the_guests_stack_is_checked_at_each_access() {
    let text = r#"(module
        (memory 1)
        (tag $oops (param i32))
        (global $top (mut i32) (i32.const 0))
        (func $leaf (param i32 f64) (result f64) (local i32)
            (local.set 2 (i32.sub (global.get $top) (i32.const 32)))
            (f64.store offset=16 (local.get 2) (local.get 1))
            (i32.store offset=28 (local.get 2) (local.get 0))
            (if (i32.eq (local.get 0) (i32.const 3)) (then (throw $oops (local.get 0))))
            (f64.add (f64.load offset=16 (local.get 2)) (f64.load offset=8 (local.get 2))))
        (func $outer (param i32) (result f64 i32) (local i32)
            (global.set $top (local.tee 1 (i32.sub (global.get $top) (i32.const 16))))
            (i32.store offset=12 (local.get 1) (local.get 0))
            (call $leaf (local.get 0) (f64.const 1.5))
            (i32.load offset=12 (local.get 1))
            (global.set $top (i32.add (local.get 1) (i32.const 16))))
        (func (export "run") (param i32 i32) (result f64 i32)
            (global.set $top (local.get 0))
            (call $outer (local.get 1)))
        (func (export "caught") (param i32 i32) (result i32)
            (global.set $top (local.get 0))
            (block $caught (result i32)
                (try_table (catch $oops $caught) (call $outer (local.get 1)) drop drop)
                (i32.const -1)))
        (func (export "top") (result i32) (global.get $top)))"#;
    for metering in [false, true] {
        let told = same(&Config::new().metering(metering), |engine, told| {
            let module = Module::named(engine, "m", text).unwrap();
            let mut store = Store::new(engine, ());
            if metering {
                store.set_fuel(100_000).unwrap();
            }
            let instance = Linker::new(engine)
                .instantiate(&mut store, &module)
                .unwrap();
            for top in [
                1000,
                65536,
                65537,
                65540,
                65544,
                65552,
                65580,
                65600,
                80000,
                48,
                47,
                40,
                32,
                20,
                16,
                15,
                8,
                0,
                -1,
                -16,
                -40,
                i32::MIN,
            ] {
                for (name, number) in [("run", 1), ("run", 3), ("caught", 3)] {
                    let params = [Val::I32(top), Val::I32(number)];
                    tell(&mut store, instance, name, &params, told);
                    tell(&mut store, instance, "top", &[], told);
                }
            }
            if metering {
                told.push_str(&format!("{:?}", store.fuel()));
            }
        });
        assert!(told.contains("caught: [I32(3)]") && told.contains("out of bounds"));
    }
}
