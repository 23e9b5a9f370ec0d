//! Traps: their texts, and where they happened.

use holdall::{Config, Linker, Module, Store};

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
