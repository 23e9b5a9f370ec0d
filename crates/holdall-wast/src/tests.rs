use super::{Report, Script};
use holdall::Config;

fn run(script: &str) -> Report {
    Script::run("t.wast", script, &Config::default())
}

/// Runs a script and asserts how many assertions hold, and what each failure says, in part.
fn check(script: &str, passed: usize, failures: &[&str]) {
    let report = run(script);
    let found: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert_eq!(report.passed, passed, "{found:#?}");
    assert_eq!(found.len(), failures.len(), "{found:#?}");
    for (found, part) in found.iter().zip(failures) {
        assert!(found.contains(part), "expected {part:?} in {found:?}");
    }
}

const MODULE: &str = r#"(module $M
    (global (export "g") i32 (i32.const 5))
    (func (export "id") (param i32) (result i32) (local.get 0))
    (func (export "nan") (result f32) (f32.const nan:0x600000))
    (func (export "extern") (param externref) (result externref) (local.get 0))
    (func (export "func") (result funcref) (ref.null func))
    (func (export "two") (result i32 f64) (i32.const 1) (f64.const -0))
    (func (export "trap") unreachable)
    (func $deep (export "deep") (call $deep)))
"#;

#[test]
fn assertions_hold() {
    let script = r#"
        (assert_return (invoke "id" (i32.const -1)) (i32.const 0xffffffff))
        (assert_return (invoke $M "id" (i32.const 1)) (either (i32.const 0) (either (i32.const 1))))
        (assert_return (get "g") (i32.const 5))
        (assert_return (invoke "nan") (f32.const nan:arithmetic))
        (assert_return (invoke "nan") (f32.const nan:0x600000))
        (assert_return (invoke "extern" (ref.extern 7)) (ref.extern 7))
        (assert_return (invoke "extern" (ref.extern 7)) (ref.extern))
        (assert_return (invoke "extern" (ref.null extern)) (ref.null extern))
        (assert_return (invoke "func") (ref.null func))
        (assert_return (invoke "func") (ref.null))
        (assert_return (invoke "two") (i32.const 1) (f64.const -0))
        (assert_trap (invoke "trap") "unreachable")
        (assert_exhaustion (invoke "deep") "call stack exhausted")
        (assert_invalid (module (func (result i32))) "type mismatch")
        (assert_malformed (module quote "(func") "unexpected end")
        (assert_malformed (module binary "") "unexpected end")
        (assert_unlinkable (module (import "a" "b" (func))) "unknown import")
        (assert_unlinkable (module (import "spectest" "print" (memory 1))) "incompatible import type")
        (assert_trap (module (func unreachable) (start 0)) "unreachable")
        (invoke "id" (i32.const 1))"#;
    check(&format!("{MODULE}{script}"), 19, &[]);
}

#[test]
fn failures_tell_what_was_expected_and_found() {
    let script = r#"
        (assert_return (invoke "id" (i32.const 1)) (i32.const 2))
        (assert_return (invoke "nan") (f32.const nan:canonical))
        (assert_return (invoke "two") (i32.const 1))
        (assert_return (invoke "two") (i32.const 1) (f64.const 0))
        (assert_return (invoke "extern" (ref.extern 7)) (ref.extern 8))
        (assert_return (invoke "func") (ref.func))
        (assert_return (invoke "trap"))
        (assert_return (invoke "none"))
        (assert_return (get "none") (i32.const 1))
        (assert_return (invoke $N "id" (i32.const 1)) (i32.const 1))
        (assert_return (invoke "id") (i32.const 1))
        (assert_return (invoke "id" (i64.const 1)) (i32.const 1))
        (assert_trap (invoke "id" (i32.const 3)) "unreachable")
        (assert_trap (invoke "trap") "integer overflow")
        (assert_exhaustion (invoke "trap") "call stack exhausted")
        (assert_invalid (module) "type mismatch")
        (assert_malformed (module quote "(func)") "unexpected end")
        (assert_unlinkable (module) "unknown import")
        (assert_unlinkable (module (import "a" "b" (func))) "incompatible import type")
        (assert_unlinkable (module (import "spectest" "print" (memory 1))) "unknown import")
        (invoke "trap")
        (module (func unreachable) (start 0))
        (assert_return (invoke "id" (i32.const 1)) (i32.const 1))"#;
    let failures = [
        "t.wast:11:10: assert_return: expected i32:2, found i32:1",
        "expected f32:nan:canonical, found f32:NaN (0x7fe00000)",
        "expected i32:1, found i32:1 f64:-0 (0x8000000000000000)",
        "expected i32:1 f64:0 (0x0), found i32:1 f64:-0",
        "expected ref.extern 8, found ref.extern 7",
        "expected ref.func, found ref.null func",
        "assert_return: unreachable",
        "no exported function \"none\"",
        "no exported global \"none\"",
        "no instance $N",
        "assert_return:",
        "assert_return:",
        "expected trap \"unreachable\", found i32:3",
        "expected trap \"integer overflow\", found: unreachable",
        "expected trap \"call stack exhausted\", found: unreachable",
        "expected a refusal, \"type mismatch\", found a valid module",
        "expected a refusal, \"unexpected end\", found a valid module",
        "the module links",
        "expected a link failure, \"incompatible import type\", found:",
        "expected a link failure, \"unknown import\", found:",
        "invoke: unreachable",
        "module: unreachable",
        "no instance before this directive",
    ];
    check(&format!("{MODULE}{script}"), 0, &failures);
}

#[test]
fn definitions_and_instances() {
    let script = r#"
        (module definition $D
            (global $g (mut i32) (i32.const 0))
            (func (export "up") (result i32)
                (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g)))
        (module instance $A $D)
        (module instance $B $D)
        (assert_return (invoke $A "up") (i32.const 1))
        (assert_return (invoke $A "up") (i32.const 2))
        (assert_return (invoke $B "up") (i32.const 1))
        (register "a" $A)
        (module (import "a" "up" (func $up (result i32))) (export "again" (func $up)))
        (assert_return (invoke "again") (i32.const 3))
        (register "a" $B)
        (module (import "a" "up" (func $up (result i32))) (export "again" (func $up)))
        (assert_return (invoke "again") (i32.const 2))
        (module instance $C $E)
        (register "c" $C)"#;
    check(script, 5, &["no module $E", "no instance $C"]);
}

#[test]
fn a_name_that_is_registered_again_keeps_nothing_of_its_old_module() {
    let script = r#"
        (module $A (func (export "old")) (func (export "both")))
        (module $B (func (export "both")) (func (export "new")))
        (register "m" $A)
        (register "m" $B)
        (module (import "m" "both" (func)) (import "m" "new" (func)))
        (assert_unlinkable (module (import "m" "old" (func))) "unknown import")"#;
    let report = run(script);
    assert!(report.is_success(), "{:?}", report.failures);
}

#[test]
fn the_host_module_prints() {
    let report = run(r#"(module
        (import "spectest" "print_i32" (func $i (param i32)))
        (import "spectest" "print_f64_f64" (func $f (param f64 f64)))
        (import "spectest" "memory" (memory 1 2))
        (import "spectest" "table" (table 10 20 funcref))
        (import "spectest" "global_f32" (global f32))
        (func (call $i (i32.const -3)) (call $f (f64.const 0.5) (f64.const 2)))
        (start 2))"#);
    assert!(report.is_success(), "{:?}", report.failures);
    assert_eq!(report.printed, ["-3 : i32", "0.5 : f64\n2 : f64"]);
}

#[test]
fn what_is_not_supported_is_said_plainly() {
    let script = r#"
        (module (func (export "f")))
        (assert_exception (invoke "f"))
        (assert_suspension (invoke "f") "unhandled")
        (thread $T (invoke "f"))
        (wait $T)
        (assert_return (invoke "f"))"#;
    let failures = [
        "assert_exception: expected an exception, found: no result",
        "assert_suspension: stack switching is not supported",
        "thread: threads are not supported",
        "wait: threads are not supported",
    ];
    check(script, 1, &failures);
}

#[test]
fn a_script_that_cannot_be_read() {
    check("(module) (assert_return", 0, &["t.wast:1:"]);
    check("(module)\n  (what)", 0, &["t.wast:2:"]);
    check("\"", 0, &["script: unexpected end"]);
    check("", 0, &["script: expected at least one module field"]);
    // A module alone is a script too.
    check("(func (export \"f\"))", 0, &[]);
}
