//! Each instruction that traps, between others that do not: the text and the place are those that the interpreter
//! tells, also within a `try`, and in a callee.

use std::fmt::Write as _;

use holdall::{Config, Linker, Module, Store};

use crate::{same, tell};

const COMMON: &str = r#"
    (type $void (func))
    (type $number (func (param i32) (result i32)))
    (type $other (func (param i32) (result i64)))
    (import "library" "number" (func $foreign (type $number)))
    (import "library" "void" (func $foreign_void (type $void)))
    (import "host" "number" (func $host (type $number)))
    (memory 1)
    (memory $wide i64 1)
    (tag $oops)
    (tag $held (param i32))
    (data $data "abcd")
    (table $t 6 funcref)
    (elem (table $t) (i32.const 0) func $own $foreign $foreign_void $host $void)
    (elem $segment func $own $void)
    (table $typed 2 (ref null $number))
    (func $own (type $number) (local.get 0))
    (func $void)
    (func $zero (result i32) (i32.const 0))
    (func $none (result funcref) (ref.null func))
    (func $no_number (result (ref null $number)) (ref.null $number))
    (func $no_exception (result exnref) (ref.null exn))"#;

/// Instructions that trap, or just do not.
fn steps() -> Vec<String> {
    let mut steps = Vec::new();
    let mut add = |step: String| steps.push(step);
    for (ty, least) in [("i32", "0x80000000"), ("i64", "0x8000000000000000")] {
        for operator in ["div_s", "div_u", "rem_s", "rem_u"] {
            for divisor in ["0", "-1", "1"] {
                // The divisor is known, the dividend is known, or neither.
                let zero = match ty {
                    "i32" => "(call $zero)".to_owned(),
                    _ => "(i64.extend_i32_u (call $zero))".to_owned(),
                };
                let least = format!("({ty}.const {least})");
                let unknown = |value: &str| format!("({ty}.or {value} {zero})");
                let divisor = format!("({ty}.const {divisor})");
                for (a, b) in [
                    (least.clone(), unknown(&divisor)),
                    (unknown(&least), divisor.clone()),
                    (unknown(&least), unknown(&divisor)),
                ] {
                    add(format!("(drop ({ty}.{operator} {a} {b}))"));
                }
            }
        }
    }
    for (float, numbers) in [
        (
            "f32",
            [
                "nan",
                "inf",
                "-inf",
                "-1",
                "-0.9",
                "0x1p31",
                "0x1p32",
                "0x1p63",
                "-0x1.000002p63",
                "0x1.fffffep63",
            ],
        ),
        (
            "f64",
            [
                "nan",
                "inf",
                "-inf",
                "-1",
                "-0.9",
                "0x1p31",
                "0x1.fffffffep31",
                "-0x1.00000001p31",
                "-0x1p63",
                "0x1p64",
            ],
        ),
    ] {
        for number in numbers {
            for int in ["i32", "i64"] {
                for sign in ["s", "u"] {
                    add(format!(
                        "(drop ({int}.trunc_{float}_{sign}
                            ({float}.add ({float}.const {number}) ({float}.convert_i32_u (call $zero)))))"
                    ));
                }
            }
        }
    }
    for address in [0, 1, 2, 4, 65528, 65532, 65534, 65535, 65536, 65537] {
        for (ty, width) in [("i32", 4), ("i64", 8)] {
            let at = format!("(i32.add (call $zero) (i32.const {address}))");
            let value = format!("({ty}.const 1)");
            for offset in [0, 1, 4] {
                add(format!("(drop ({ty}.atomic.load offset={offset} {at}))"));
                add(format!("({ty}.atomic.store offset={offset} {at} {value})"));
                add(format!(
                    "(drop ({ty}.atomic.rmw.add offset={offset} {at} {value}))"
                ));
                add(format!(
                    "(drop ({ty}.atomic.rmw16.cmpxchg_u offset={offset} {at} {value} {value}))"
                ));
            }
            let bits = 8 * width;
            add(format!(
                "(drop (memory.atomic.wait{bits} {at} {value} (i64.const 0)))"
            ));
            add(format!("(drop (memory.atomic.notify {at} (i32.const 1)))"));
        }
    }
    for address in [
        "0",
        "65532",
        "65533",
        "65536",
        "-1",
        "-4",
        "-5",
        "0x7fffffffffffffff",
    ] {
        for offset in ["0", "1", "0xffffffffffffffff", "0xfffffffffffffffc"] {
            add(format!(
                "(drop (i32.load $wide offset={offset}
                    (i64.or (i64.const {address}) (i64.extend_i32_u (call $zero)))))"
            ));
        }
    }
    for index in 0..7 {
        let index = format!("(i32.add (call $zero) (i32.const {index}))");
        add(format!("(call_indirect $t (type $void) {index})"));
        add(format!(
            "(drop (call_indirect $t (type $number) (i32.const 3) {index}))"
        ));
        add(format!(
            "(drop (call_indirect $t (type $other) (i32.const 3) {index}))"
        ));
        add(format!(
            "(drop (call_indirect $typed (type $number) (i32.const 3) {index}))"
        ));
        add(format!("(drop (table.get $t {index}))"));
        add(format!("(table.set $typed {index} (ref.func $own))"));
        add(format!(
            "(table.fill $typed {index} (ref.func $own) (i32.const 1))"
        ));
        add(format!(
            "(table.init $t $segment {index} (i32.const 0) (i32.const 2))"
        ));
        add(format!(
            "(table.copy $t $t {index} (i32.const 4) (i32.const 2))"
        ));
        add(format!(
            "(memory.init $data (i32.const 65530) {index} (i32.const 2))"
        ));
    }
    for step in [
        "(drop (call_ref $number (i32.const 1) (call $no_number)))",
        "(drop (call_ref $number (i32.const 1) (ref.null $number)))",
        "(drop (ref.as_non_null (call $none)))",
        "(drop (ref.as_non_null (ref.null func)))",
        "(throw_ref (call $no_exception))",
        "(elem.drop $segment) (table.init $t $segment (i32.const 0) (i32.const 0) (i32.const 1))",
        "(data.drop $data) (memory.init $data (i32.const 0) (i32.const 0) (i32.const 1))",
        "(throw $oops)",
        "unreachable",
    ] {
        add(step.to_owned());
    }
    steps
}

/// A module in which each step stands by itself, within a `try`, and behind others.
fn text(steps: &[String]) -> String {
    let mut text = format!("(module {COMMON}");
    for (at, step) in steps.iter().enumerate() {
        let _ = write!(
            text,
            r#"
            (func $plain{at} (export "{at}") (drop (call $zero)) {step} (drop (call $zero)))
            (func (export "{at}, tried") (result i32) (local i32)
                (local.set 0 (i32.const 3))
                (block $held (result i32)
                    (block $oops
                        (try_table (catch $held $held) (catch $oops $oops)
                            (drop (call $foreign (i32.const 1)))
                            {step}
                            (local.set 0 (i32.const 4))
                            (call $plain{at})
                            (local.set 0 (i32.const 5))
                            {step})
                        (return (local.get 0)))
                    (i32.add (local.get 0) (i32.const 100)))
                )"#
        );
    }
    text + ")"
}

#[test]
fn each_trap_is_told_with_the_text_and_at_the_place_of_the_interpreters() {
    let steps = steps();
    // Segments that are dropped stay so: the last steps have modules of their own.
    let (first, last) = steps.split_at(steps.len() - 9);
    let modules = first.chunks(100).chain(last.chunks(1));
    let mut told = String::new();
    // With all that the processor has, and with the least.
    let all_and_none = [u64::MAX, 0].into_iter();
    for (features, steps) in
        all_and_none.flat_map(|it| modules.clone().map(move |steps| (it, steps)))
    {
        let text = text(steps);
        let mut config = Config::new();
        config.native_features = features;
        told += &same(&config, |engine, told| {
            let library = r#"(module
                (func (export "number") (param i32) (result i32) (local.get 0))
                (func (export "void")))"#;
            let library = Module::named(engine, "library", library).unwrap();
            let mut linker = Linker::new(engine);
            linker.register("library", &library).unwrap();
            linker.func_wrap("host", "number", |n: i32| n + 1).unwrap();
            let module = Module::named(engine, "m", &*text).unwrap();
            let mut store = Store::new(engine, ());
            let instance = linker.instantiate(&mut store, &module).unwrap();
            for export in module.exports() {
                tell(&mut store, instance, export.name, &[], told);
            }
        });
    }
    for expected in [
        "integer divide by zero",
        "integer overflow",
        "invalid conversion to integer",
        "unaligned atomic",
        "out of bounds memory access",
        "out of bounds table access",
        "undefined element",
        "uninitialized element",
        "indirect call type mismatch",
        "null function reference",
        "null exception reference",
        "null reference",
        "uncaught exception",
    ] {
        assert!(told.contains(expected), "{expected}");
    }
}
