//! Mocks answer, and look at what they are asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use holdall::TrapCode;
use holdall_test::{Case, End, Error, Expect, Mock, Modules, Subject, Val};

use crate::{says, wat};

/// Asks `env.next` three times, with 1, 2 and 3, and adds up.
fn adds() -> Subject {
    wat(r#"(module
        (import "env" "next" (func $next (param i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "sum") (result i32)
            (i32.add (call $next (i32.const 1))
                (i32.add (call $next (i32.const 2)) (call $next (i32.const 3))))))"#)
}

fn sum(mock: Mock) -> Case {
    Case::call(&adds(), "sum").mock(mock)
}

fn next() -> Mock {
    Mock::func("env", "next")
}

#[test]
fn results_come_as_they_are_given() {
    let own = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&own);
    let closure = next().call(move |caller, args| {
        seen.fetch_add(caller.nth(), Ordering::Relaxed);
        let [Val::I32(n)] = args else {
            unreachable!("it has one")
        };
        Ok(vec![Val::I32(n * 10)])
    });
    let module = r#"(module
        (global $n (mut i32) (i32.const 0))
        (func (export "f") (param i32) (result i32)
            (global.set $n (i32.add (global.get $n) (local.get 0)))
            (global.get $n)))"#;
    for (mock, expected) in [
        (next().returns([7]), 21),
        (next().returns(["0x10"]), 48),
        (next().returns(["0x10:i32"]), 48),
        (next().returns_each([[1], [10], [100]]), 111),
        (closure, 60),
        (next().module(module, "f"), 10),
    ] {
        let case = sum(mock);
        for _ in 0..2 {
            case.run().unwrap().assert_results([expected]);
        }
    }
    assert_eq!(own.load(Ordering::Relaxed), 12);
}

#[test]
fn mocks_of_one_module_share_its_state() {
    let app = wat(r#"(module
        (import "env" "put" (func $put (param i32)))
        (import "env" "get" (func $get (result i32)))
        (func (export "both") (result i32) (call $put (i32.const 7)) (call $get)))"#);
    let module = r#"(module (global $kept (mut i32) (i32.const 0))
        (func (export "put") (param i32) (global.set $kept (local.get 0)))
        (func (export "get") (result i32) (global.get $kept)))"#;
    let case = Case::call(&app, "both")
        .mock(Mock::func("env", "put").module(module, "put"))
        .mock(Mock::func("env", "get").module(module, "get"));
    case.run().unwrap().assert_results([7]);
    // What is mocked is nothing that a mock's module can import.
    let circle = r#"(module (import "env" "get" (func (result i32)))
        (func (export "put") (param i32)))"#;
    let case = Case::call(&app, "both")
        .mock(Mock::func("env", "get").returns([1]))
        .mock(Mock::func("env", "put").module(circle, "put"));
    let parts = ["mock env.put: its module: import \"env\".\"get\""];
    says(&case.run().unwrap_err(), &parts);
}

#[test]
fn what_ends_in_a_mock_ends_the_case_alone() {
    for (mock, text) in [
        (next().traps("no more"), "no more"),
        (
            next().returns_each([[1], [2]]),
            "mock env.next: it has results for 2 calls",
        ),
        (
            next().call(|_, _| panic!("the mock's own fault")),
            "mock env.next: the mock's own fault",
        ),
        (
            next().call(|_, _| anyhow::bail!("out of numbers")),
            "out of numbers",
        ),
        (
            next().call(|_, _| Ok(vec![])),
            "expected 1 results of the closure, found 0",
        ),
        (
            next().call(|_, _| Ok(vec![Val::I64(1)])),
            "expected i32, found i64",
        ),
        (
            next().call(|caller, _| {
                caller.write(65_535, b"ab")?;
                Ok(vec![])
            }),
            "expected 2 bytes at 0xffff of the caller's memory, which has 65536",
        ),
    ] {
        let outcome = sum(mock).run().unwrap();
        outcome.assert_trap(text);
        assert_eq!(outcome.exit_code(), None);
    }
    let exits = next().call(|_, _| Err(holdall::I32Exit(3).into()));
    sum(exits).run().unwrap().assert_exit(3);
    let panics = sum(next().call(|_, _| panic!("no"))).run().unwrap();
    assert!(matches!(panics.end(), End::Trapped(trap) if trap.code() == TrapCode::HostPanic));
}

#[test]
fn arguments_and_counts_are_looked_at() {
    for (mock, parts) in [
        (next().times(3), &[][..]),
        (next().at_least(2).at_most(3), &[]),
        (next().expect_args(["_"]), &[]),
        (next().expect(|args| args != [Val::I32(9)]), &[]),
        (
            next().times(2),
            &["mock env.next: expected 2 calls, found 3 calls"],
        ),
        (
            next().never(),
            &["mock env.next: expected no call, found 3 calls"],
        ),
        (
            next().at_least(4),
            &["expected at least 4 calls, found 3 calls"],
        ),
        (
            next().at_most(1),
            &["expected at most 1 call, found 3 calls"],
        ),
        (
            next().expect_args([1]),
            &["mock env.next, call", "expected (0x1:i32), found (0x2:i32)"],
        ),
        (
            next().expect_arg(0, "0x1:i32"),
            &["expected 0x1:i32 as argument 0, found 0x2:i32"],
        ),
        (
            next().expect(|args| args == [Val::I32(1)]),
            &["condition", "(0x2:i32)"],
        ),
        (next().expect(|_| panic!("no")), &["condition", "(0x1:i32)"]),
    ] {
        let outcome = sum(mock.returns([0])).run().unwrap();
        let broken = outcome.broken();
        assert_eq!(broken.is_empty(), parts.is_empty(), "{broken:?}");
        if let Some(first) = broken.first() {
            says(first, parts);
            assert!(!Expect::new().results([0]).check(&outcome).is_empty());
        }
        let calls = outcome.mock("env", "next").calls();
        let args: Vec<_> = calls.iter().map(|call| &*call.args_text[0]).collect();
        assert_eq!(args, ["0x1:i32", "0x2:i32", "0x3:i32"]);
    }
}

#[test]
fn bytes_are_put_into_the_callers_memory() {
    let reads = wat(r#"(module
        (import "env" "fetch" (func $fetch (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "get") (param i32) (result i32)
            (drop (call $fetch (i32.const 7) (local.get 0)))
            (i32.load (local.get 0))))"#);
    let fetch = || Mock::func("env", "fetch").returns([0]);
    let case = |mock| Case::call(&reads, "get").arg(0x100).mock(mock);
    case(fetch().writes(1, b"\x01\x02"))
        .run()
        .unwrap()
        .assert_results([0x201]);
    let closure = Mock::func("env", "fetch").call(|caller, args| {
        let at = args[1].unwrap_i32().cast_unsigned();
        caller.write(at, b"\x05")?;
        assert_eq!(caller.read(at, 2)?, b"\x05\0");
        Ok(vec![Val::I32(0)])
    });
    case(closure).run().unwrap().assert_results([5]);
    let outside = Case::call(&reads, "get")
        .arg(-1)
        .mock(fetch().writes(1, b"ab"));
    outside
        .run()
        .unwrap()
        .assert_trap("expected 2 bytes at 0xffffffff");
}

#[test]
fn a_mock_takes_the_place_of_wasi_and_of_a_module() {
    let app = Modules::new()
        .preload(
            "dep",
            r#"(module (func (export "f") (result i32) (i32.const 1)))"#,
        )
        .wat(
            r#"(module
            (import "dep" "f" (func $f (result i32)))
            (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
            (func (export "both") (result i32 i32) (call $f) (call $yield)))"#,
        )
        .unwrap();
    let case = Case::call(&app, "both");
    case.run().unwrap().assert_results([1, 0]);
    let case = case
        .mock(Mock::func("dep", "f").returns([2]))
        .mock(Mock::func("wasi_snapshot_preview1", "sched_yield").returns([28]));
    case.run().unwrap().assert_results([2, 28]);
}

#[test]
fn a_mock_moves_the_time_that_programs_see() {
    let waits = wat(r#"(module
        (import "env" "wait" (func $wait))
        (import "wasi_snapshot_preview1" "clock_time_get"
            (func $time (param i32 i64 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "after") (result i64)
            (call $wait)
            (drop (call $time (i32.const 1) (i64.const 0) (i32.const 0)))
            (i64.load (i32.const 0))))"#);
    let wait = Mock::func("env", "wait").call(|caller, _| {
        caller.time().advance(Duration::from_secs(5));
        Ok(vec![])
    });
    let outcome = Case::call(&waits, "after").mock(wait).run().unwrap();
    outcome.assert_results([5_000_000_000_i64]);
}

#[test]
fn all_that_nobody_defines_is_named_with_the_lines_to_paste() {
    let app = Modules::new()
        .preload(
            "dep",
            r#"(module (import "net" "send" (func (param f64) (result i32 f32)))
            (import "env" "now" (func (result i64))) (func (export "f")))"#,
        )
        .wat(
            r#"(module (import "dep" "f" (func)) (import "env" "now" (func (result i64)))
            (import "env" "log" (func (param i32 i32))) (func (export "_start")))"#,
        )
        .unwrap();
    let error = Case::program(&app).run().unwrap_err();
    says(
        &error,
        &[
            "the 3 functions that modules import",
            "env.log: (func (param i32 i32)), for app",
            ".mock(Mock::func(\"env\", \"log\"))",
            "env.now: (func (result i64)), for dep, app",
            ".mock(Mock::func(\"env\", \"now\").returns([Val::I64(0)]))",
            "net.send: (func (param f64) (result i32 f32)), for dep",
            ".returns([Val::I32(0), Val::F32(0)]))",
        ],
    );
    let refers = wat(r#"(module (import "env" "it" (func (result externref v128))))"#);
    let line = r#".mock(Mock::func("env", "it").returns(["null", "0\\0"]))"#;
    says(&Case::call(&refers, "f").run().unwrap_err(), &[line]);
    let Error::Missing(missing) = error else {
        panic!("{error}")
    };
    assert_eq!(missing.imports().len(), 3);
    let case = Case::program(&app)
        .mock(Mock::func("env", "log"))
        .mock(Mock::func("env", "now").returns([0_i64]))
        .mock(Mock::func("net", "send").returns(["0", "0"]));
    case.run().unwrap().assert_exit(0);
}

#[test]
fn mocks_that_do_not_fit_are_refused() {
    for (mock, parts) in [
        (
            Mock::func("env", "nxet"),
            &["mock env.nxet: no module", "did you mean \"env.next\"?"][..],
        ),
        (
            next(),
            &["mock env.next: expected as many results", "found 0"],
        ),
        (
            next().returns([1_i64]),
            &["result 0: expected i32, found i64"],
        ),
        (
            next().returns(["1.5"]),
            &["result 0: expected i32, found \"1.5\""],
        ),
        (
            next().returns(["1:i64"]),
            &["result 0: expected i32, found \"1:i64\""],
        ),
        (
            next().returns([1]).expect_args([1, 2]),
            &["expected as many arguments", "found 2"],
        ),
        (
            next().returns([1]).expect_arg(1, 2),
            &["expected an argument below 1"],
        ),
        (
            next().returns([1]).writes(1, b"a"),
            &["expected an address (i32) as argument 1"],
        ),
        (
            next().module("(module)", "f"),
            &["exports no function \"f\""],
        ),
        (
            next().module(r#"(module (func (export "f")))"#, "f"),
            &["expected (func (param i32) (result i32))", "found (func)"],
        ),
        (next().module("(module", "f"), &["text"]),
    ] {
        says(&sum(mock).run().unwrap_err(), parts);
    }
    let twice = sum(next().returns([1])).mock(next().returns([2]));
    says(&twice.run().unwrap_err(), &["two mocks"]);
}
