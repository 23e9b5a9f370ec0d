//! What is expected is compared, and what differs can be read.

use holdall_test::{Case, Check, Expect, FileCheck, Outcome, Value};

use crate::{program, says, wat};

fn results(instructions: &str, types: &str) -> Outcome {
    let text = format!("(module (func (export \"f\") (result {types}) {instructions}))");
    Case::call(&wat(&text), "f").run().unwrap()
}

#[test]
fn values_are_compared_by_their_text_or_their_bits() {
    for (instructions, ty, fit, misfit) in [
        (
            "i32.const -1",
            "i32",
            &["-1", "0xffffffff:i32", "4294967295", "_", "_:i32"][..],
            &["1", "_:i64", "-1:i64", "nan", "x"][..],
        ),
        ("i64.const 5", "i64", &["5", "0x5:i64"], &["0x5:i32"]),
        (
            "f32.const 0.5",
            "f32",
            &["0.5", "0.5:f32", "0x1p-1"],
            &["0.25", "nan", "0.5:f64"],
        ),
        (
            "f64.const 3.14159265358979",
            "f64",
            &["3.141593:f64", "3.14159265358979"],
            &["3.141593"],
        ),
        (
            "f32.const nan",
            "f32",
            &["nan", "nan:canonical", "nan:arithmetic", "_"],
            &["0", "-nan"],
        ),
        (
            "f64.const -nan:0xc000000000000",
            "f64",
            &["nan", "nan:arithmetic"],
            &["nan:canonical"],
        ),
        ("f64.const -0", "f64", &["-0", "-0:f64"], &["0"]),
        (
            "v128.const i64x2 1 2",
            "v128",
            &["1\\2", "<0x0000000000000001 0x0000000000000002>:v128"],
            &["2\\1"],
        ),
        (
            "ref.null func",
            "funcref",
            &["func:ref.null", "_"],
            &["extern:ref.null"],
        ),
    ] {
        let outcome = results(instructions, ty);
        for text in fit {
            assert_eq!(
                Expect::new().results([*text]).check(&outcome),
                [],
                "{instructions}"
            );
        }
        for text in misfit {
            let found = Expect::new().results([*text]).check(&outcome);
            assert_eq!(found.len(), 1, "{text} for {instructions}");
        }
    }
    let outcome = results("i32.const 1 i64.const 2", "i32 i64");
    outcome.assert_results([Value::from(1), Value::from(2_i64)]);
    says(
        &Expect::new().results([1]).check(&outcome)[0],
        &["results: expected 0x1:i32, found 0x1:i32, 0x2:i64"],
    );
}

#[test]
fn every_difference_is_told() {
    let outcome = Case::program(&program("copy"))
        .args(["/from", "/to"])
        .file("/from", "1\n2\n3\n4\n5\n6\n7\n8\n9\n")
        .run()
        .unwrap();
    let right = Expect::new()
        .exit(0)
        .stdout(Check::contains("copied"))
        .stdout(Check::matches(r"^copied \d+ bytes\n$").unwrap())
        .stderr("")
        .file("/to", Check::contains("3\n4"))
        .no_file("/other")
        .fuel_at_most(1_000_000);
    outcome.assert(&right);
    for (expect, parts) in [
        (
            Expect::new().exit(3),
            &["exit code: expected 3, found 0: it returned"][..],
        ),
        (
            Expect::new().trap("x"),
            &["end: expected a trap, found returned"],
        ),
        (
            Expect::new().stdout("copied"),
            &["stdout: expected \"copied\", found \"copied 18 bytes\\n\""],
        ),
        (
            Expect::new().stdout(Check::contains("x")),
            &["stdout: expected text with \"x\", found"],
        ),
        (
            Expect::new().stdout(Check::matches("^$").unwrap()),
            &["expected text that matches \"^$\""],
        ),
        (
            Expect::new().stderr("x"),
            &["stderr: expected \"x\", found \"\""],
        ),
        (
            Expect::new().no_file("/to"),
            &["file /to: expected no file, found one of 18 bytes"],
        ),
        (
            Expect::new().file("/no", ""),
            &["file /no: expected a file, found none"],
        ),
        (
            Expect::new().file("/to", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
            &[
                "file /to: expected 21 bytes, found 18 bytes",
                "\n   4\n",
                "-five\n",
                "+5\n",
            ],
        ),
        (
            Expect::new().file("/to", Check::contains("10")),
            &["expected text with \"10\", found none in:\n", "1\n", "9"],
        ),
        (
            Expect::new().fuel_at_most(10),
            &["fuel: expected at most 10 units, found"],
        ),
        (
            Expect::new().stdout(Check::snapshot("no/such.txt")),
            &["snapshot no/such.txt", "no such file"],
        ),
        (
            Expect::new().file("/to", FileCheck::Holds(vec!["a".into(), "b".into()])),
            &["file /to"],
        ),
    ] {
        let found = expect.check(&outcome);
        assert!(!found.is_empty(), "{expect:?}");
        says(&found[0], parts);
    }
}

#[test]
fn a_bad_end_is_a_mismatch_unless_it_is_expected() {
    let ends = wat(r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (tag $oops (param i32))
        (func (export "exit") (param i32) (call $exit (local.get 0)))
        (func (export "trap") unreachable)
        (func (export "throw") (throw $oops (i32.const 7))))"#);
    let run = |name: &str, args: &[i32]| {
        Case::call(&ends, name)
            .args(args.iter().copied())
            .run()
            .unwrap()
    };
    let quiet = Expect::new().stdout("");
    run("exit", &[0]).assert(&quiet);
    run("exit", &[7]).assert_exit(7);
    run("trap", &[]).assert_trap("unreachable");
    run("throw", &[]).assert_trap("uncaught exception");
    for (outcome, expect, parts) in [
        (
            run("exit", &[7]),
            quiet.clone(),
            ["exit code: expected 0, found 7", ""],
        ),
        (
            run("trap", &[]),
            quiet.clone(),
            ["end: expected no trap, found trap: unreachable", "0: app!"],
        ),
        (
            run("throw", &[]),
            quiet,
            ["end: expected no trap, found uncaught exception", ""],
        ),
        (
            run("trap", &[]),
            Expect::new().exit(0),
            ["end: expected exit code 0, found trap", ""],
        ),
        (
            run("trap", &[]),
            Expect::new().trap("divide"),
            ["trap: expected text with \"divide\"", ""],
        ),
        (
            run("exit", &[7]),
            Expect::new().trap("x"),
            ["end: expected a trap, found exit code 7", ""],
        ),
    ] {
        let found = expect.check(&outcome);
        assert_eq!(found.len(), 1, "{found:?}");
        says(&found[0], &parts);
    }
}

#[test]
fn a_test_that_checks_nothing_says_so() {
    let outcome = results("i32.const 1", "i32");
    let found = Expect::new().check(&outcome);
    assert_eq!(found.len(), 1);
    says(
        &found[0],
        &["case: expected something to be expected, found nothing; say"],
    );
}

#[test]
fn what_is_no_text_is_shown_without_loss() {
    let writes = wat(r#"(module
        (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\08\00\00\00\04\00\00\00a\ff\1b\0a")
        (func (export "_start") (drop (call $write
            (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#);
    let outcome = Case::program(&writes).run().unwrap();
    assert_eq!(outcome.stdout(), b"a\xff\x1b\n");
    assert_eq!(outcome.stdout().text(), None);
    let found = Expect::new().stdout("b\n").check(&outcome);
    // A terminal gets nothing to obey.
    assert_eq!(
        found[0].to_string(),
        "stdout: expected \"b\\n\", found \"a\\xff\\u{1b}\\n\""
    );
    outcome.assert(&Expect::new().stdout(Check::matches(r"^a\\xff").unwrap()));
}

#[test]
fn large_texts_are_compared_in_time() {
    let half = "a line\n".repeat(100_000);
    let case = Case::program(&program("copy")).args(["/from", "/to"]);
    let outcome = case
        .file("/from", format!("{half}x\n{half}"))
        .run()
        .unwrap();
    let found = Expect::new()
        .file("/to", format!("{half}y\n{half}"))
        .check(&outcome);
    says(&found[0], &["@@ line 100001 @@", "-y", "+x"]);
}
