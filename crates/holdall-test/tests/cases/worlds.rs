//! What a case gives is there, and nothing else; and it is the same in every run.

use std::time::{Duration, Instant};

use holdall::{Limits, TrapCode};
use holdall_test::{Case, Grants, Modules};

use crate::{program, says, wat};

#[test]
fn arguments_streams_and_variables() {
    let outcome = Case::program(&program("copy")).run().unwrap();
    outcome.assert_exit(2);
    assert_eq!(outcome.stderr(), "usage: copy FROM TO\n");
    let outcome = Case::program(&program("copy"))
        .args(["/a/from", "/to"])
        .env("PREFIX", "before ")
        .file("/a/from", "what was there")
        .run()
        .unwrap();
    outcome.assert_exit(0);
    assert_eq!(outcome.stdout(), "copied 14 bytes\n");
    assert_eq!(outcome.file("/to").unwrap(), "before what was there");
    assert_eq!(outcome.files().paths(), ["a/from", "to"]);
}

#[test]
fn what_is_not_given_is_denied() {
    let copy = program("copy");
    let case = Case::program(&copy).args(["/from", "/to"]);
    let outcome = case.run().unwrap();
    outcome.assert_exit(1);
    assert!(outcome.file("/to").is_none());
    let outcome = case.clone().file("/from", "x").read_only().run().unwrap();
    outcome.assert_exit(1);
    assert_eq!(outcome.stdout(), "write /to: EROFS\n");
    // The host's files are somewhere else.
    let here = env!("CARGO_MANIFEST_DIR");
    let case = Case::program(&copy)
        .args([&*format!("{here}/Cargo.toml"), "/to"])
        .dir("/");
    case.run().unwrap().assert_exit(1);
}

#[test]
fn runs_are_the_same_by_their_seed() {
    let random = program("random");
    let of = |seed| {
        let outcome = Case::program(&random).arg("16").seed(seed).run().unwrap();
        outcome.assert_exit(0);
        (outcome.stdout().to_string(), outcome.fuel())
    };
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn waiting_takes_no_time() {
    let begun = Instant::now();
    let outcome = Case::program(&program("clocks"))
        .args(["3600000", "exact"])
        .run()
        .unwrap();
    outcome.assert_exit(0);
    says(
        outcome.stdout(),
        &[
            "slept: yes",
            "so did the time of day: yes",
            "time of day: 9466848",
        ],
    );
    assert!(begun.elapsed() < Duration::from_secs(600));
}

#[test]
fn limits_end_a_case_and_not_the_tests() {
    let spins = wat(r#"(module (func (export "spin") (loop br 0))
        (memory 1)
        (func (export "grow") (result i32) (memory.grow (i32.const 100))))"#);
    let spin = Case::call(&spins, "spin");
    for (case, code) in [
        (spin.clone().fuel(1000), TrapCode::OutOfFuel),
        (
            spin.clone().timeout(Duration::from_millis(20)),
            TrapCode::DeadlineExceeded,
        ),
        (spin.limits(Limits::new().fuel(1000)), TrapCode::OutOfFuel),
    ] {
        let outcome = case.run().unwrap();
        assert_eq!(outcome.trap().map(|trap| trap.code()), Some(code));
    }
    let grow = Case::call(&spins, "grow");
    grow.run().unwrap().assert_results([1]);
    grow.max_memory(1 << 20).run().unwrap().assert_results([-1]);
}

#[test]
fn modules_of_a_graph_have_what_they_are_given() {
    let says_hello = r#"(module
        (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
        (func (export "hello") (result i32) (call $write
            (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))))"#;
    let app = Modules::new()
        .preload("greeter", says_hello)
        .alias("hi", "greeter")
        .wat(
            r#"(module (import "hi" "hello" (func $hello (result i32)))
            (func (export "run") (result i32) (call $hello)))"#,
        )
        .unwrap();
    let case = Case::call(&app, "run");
    // EBADF: it has no streams of its own.
    case.run().unwrap().assert_results([8]);
    let outcome = case.clone().share_wasi().run().unwrap();
    outcome.assert_results([0]);
    assert_eq!(outcome.stdout(), "hello\n");
    let (capture, stdout) = holdall_wasi::Output::capture();
    let own = case
        .grant("greeter", Grants::new().stdout(stdout))
        .run()
        .unwrap();
    own.assert_results([0]);
    assert_eq!(
        (capture.text().as_str(), own.stdout().bytes()),
        ("hello\n", &b""[..])
    );
    let direct = Case::call(&app, "$greeter$hello").run().unwrap();
    direct.assert_results([8]);
}

#[test]
fn a_trace_is_kept_where_it_is_asked_for() {
    let case = Case::program(&program("random")).arg("1");
    assert!(case.run().unwrap().trace().is_empty());
    let outcome = case.trace(true).run().unwrap();
    assert!(
        outcome
            .trace()
            .iter()
            .any(|line| line.contains("random_get("))
    );
}

#[test]
fn cases_run_side_by_side() {
    let case = Case::program(&program("random")).arg("16");
    let expected = case.run().unwrap().stdout().to_string();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..8).map(|_| case.run().unwrap()).collect::<Vec<_>>()))
            .collect();
        for run in runs {
            for outcome in run.join().unwrap() {
                assert_eq!(outcome.stdout(), &*expected);
            }
        }
    });
}

#[test]
fn what_cannot_be_run_is_an_error() {
    let app = wat(r#"(module (func (export "add") (param i32 i32)))"#);
    for (case, parts) in [
        (Case::program(&app), &["no function \"_start\""][..]),
        (Case::call(&app, "sub"), &["no function \"sub\""]),
        (
            Case::call(&app, "add").arg(1),
            &["expected 2 arguments", "found 1"],
        ),
        (
            Case::call(&app, "add").args([1, 2]).file("..", ""),
            &["a way out of the tree"],
        ),
        (
            Case::call(&app, "add").host_dir("/no/such/dir", "/", holdall_test::Access::ReadOnly),
            &["/no/such/dir could not be read"],
        ),
        (
            Case::program(&app).arg(1),
            &["expected text, found a value"],
        ),
    ] {
        says(&case.run().unwrap_err(), parts);
    }
    says(
        &Modules::new().file("/no/such.wasm").unwrap_err(),
        &["/no/such.wasm could not be read"],
    );
    says(
        &Modules::new().wat("(module").unwrap_err(),
        &["not readable as text"],
    );
}
