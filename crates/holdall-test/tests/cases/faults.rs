//! What goes wrong goes wrong where a case says so, and nowhere else.

use std::time::Duration;

use holdall_test::{Case, Check, Errno, Expect, Fault, Subject};

use crate::{program, says, wat};

const WORDS: [&str; 4] = ["one", "two", "three", "four"];

/// A C program that does not look whether it could write.
fn keep(subject: &Subject) -> Case {
    Case::program(subject)
        .arg("/notes.txt")
        .args(WORDS)
        .file("/notes.txt", "")
}

/// The file has the words of which the program says that it kept them.
fn kept() -> Expect {
    Expect::new()
        .exit(0)
        .stdout("kept 4 words\n")
        .file("/notes.txt", "one\ntwo\nthree\nfour\n")
}

#[test]
fn a_program_that_ignores_a_failed_write_is_caught_by_one_fault() {
    let subject = program("keep");
    let case = keep(&subject);
    case.run().unwrap().assert(&kept());

    let disk_full = Fault::errno("fd_write", Errno::Nospc).after(3).fd(4);
    let outcome = case.fault(disk_full).run().unwrap();
    let mismatches = kept().check(&outcome);
    assert_eq!(mismatches.len(), 1, "{mismatches:?}");
    says(
        &mismatches[0],
        &[
            "file /notes.txt: expected 19 bytes, found 14 bytes",
            "\n  -four",
        ],
    );
}

#[test]
fn a_seed_that_makes_a_case_fail_makes_it_fail_again() {
    let subject = program("keep");
    let fault = Fault::errno("fd_write", Errno::Io).chance(0.2).fd(4);
    let case = keep(&subject).fault(fault);
    let fails = |seed| {
        let outcome = case.clone().seed(seed).run().unwrap();
        !kept().check(&outcome).is_empty()
    };
    let failing: Vec<u64> = (0..12).filter(|seed| fails(*seed)).collect();
    // What follows from a seed is the same on every machine.
    assert_eq!(failing, [0, 1, 2, 3, 4, 5, 6, 8, 9]);
    assert!(failing.into_iter().all(fails));
}

#[test]
fn a_program_that_ignores_a_short_write_is_caught() {
    let case = Case::program(&program("copy"))
        .args(["/from", "/to"])
        .file("/from", "twelve bytes");
    let expect = Expect::new().exit(0).file("/to", "twelve bytes");
    case.run().unwrap().assert(&expect);
    let short = Fault::short("fd_write", 5).nth(1);
    let outcome = case.clone().fault(short).run().unwrap();
    says(
        &expect.check(&outcome)[0],
        &["file /to", "\"twelve bytes\"", "\"twelv\""],
    );
    // Reads that are short are no fault of the program's: it goes on.
    let outcome = case.fault(Fault::short("fd_read", 5)).run().unwrap();
    outcome.assert(&expect);
    assert_eq!(outcome.faults()[0].times, 4);
}

#[test]
fn a_stream_that_ends_early_gives_what_came_before() {
    let case = Case::program(&program("copy"))
        .args(["/from", "/to"])
        .file("/from", "twelve bytes")
        .fault(Fault::ends(4, 6));
    let outcome = case.run().unwrap();
    outcome.assert(&Expect::new().exit(0).file("/to", "twelve"));

    let broken_pipe = Case::program(&program("keep"))
        .args(["/notes.txt", "word"])
        .file("/notes.txt", "")
        .fault(Fault::ends(1, 4));
    assert_eq!(broken_pipe.run().unwrap().stdout(), "kept");
}

#[test]
fn a_descriptor_that_is_used_again_is_another_stream() {
    // Opens the file "f" in the directory 3, reads 8 bytes of it, and closes it.
    let reads = wat(r#"(module
        (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "f\00\00\00\40\00\00\00\08\00\00\00")
        (func (export "size") (result i32)
            (drop (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0)
                (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
            (drop (call $read (i32.load (i32.const 16)) (i32.const 4) (i32.const 1) (i32.const 20)))
            (drop (call $close (i32.load (i32.const 16))))
            (i32.load (i32.const 20))))"#);
    let case = Case::call(&reads, "size")
        .file("/f", "12345678")
        .fault(Fault::ends(4, 5));
    let mut session = case.start().unwrap();
    for _ in 0..2 {
        assert_eq!(session.call("size", ()).unwrap(), [5.into()]);
    }
}

#[test]
fn the_clock_jumps_when_it_is_asked() {
    let clocks = wat(r#"(module
        (import "wasi_snapshot_preview1" "clock_time_get"
            (func $time (param i32 i64 i32) (result i32)))
        (memory (export "memory") 1)
        (func $now (param i32) (result i64)
            (drop (call $time (local.get 0) (i64.const 0) (i32.const 0)))
            (i64.load (i32.const 0)))
        (func (export "twice") (param i32) (result i64)
            (local i64)
            (local.set 1 (call $now (local.get 0)))
            (i64.sub (call $now (local.get 0)) (local.get 1))))"#);
    let hour = Duration::from_secs(3600);
    let nanos = 3_600_000_000_000_i64;
    for (fault, clock, expected) in [
        (Fault::jump(hour).nth(2), 0, nanos + 1000),
        (Fault::jump(hour).nth(2), 1, nanos + 1000),
        (Fault::jump_back(hour).nth(2), 0, -nanos + 1000),
        (Fault::jump_back(hour).nth(2), 1, 1000),
    ] {
        let case = Case::call(&clocks, "twice").arg(clock).fault(fault);
        case.run().unwrap().assert_results([expected]);
    }
}

#[test]
fn memory_does_not_grow_at_the_call_that_is_named() {
    let grows = wat(r#"(module (memory 1)
        (func (export "grow") (param i32) (result i32 i32 i32)
            (memory.grow (local.get 0)) (memory.grow (local.get 0)) (memory.grow (local.get 0))))"#);
    for (fault, expected) in [
        (Fault::no_growth(), [-1, -1, -1]),
        (Fault::no_growth().nth(2), [1, -1, 2]),
        (Fault::no_growth().after(1), [1, -1, -1]),
        (Fault::no_growth_beyond(3), [1, 2, -1]),
    ] {
        let case = Case::call(&grows, "grow").arg(1).fault(fault);
        case.run().unwrap().assert_results(expected);
    }
    // To ask for the size is no growth.
    let outcome = Case::call(&grows, "grow")
        .arg(0)
        .fault(Fault::no_growth())
        .run()
        .unwrap();
    says(
        &outcome.broken()[0],
        &["memory does not grow: expected at least once, found never"],
    );
}

#[test]
fn a_fault_that_never_happens_is_told() {
    let subject = program("keep");
    for (fault, parts) in [
        (
            Fault::errno("fd_write", Errno::Nospc).nth(9),
            [
                "fd_write gives ENOSPC at call 9",
                "found never: there were 5 such calls",
            ],
        ),
        (
            Fault::errno("path_rename", Errno::Io),
            [
                "path_rename gives EIO",
                "found never: there was no such call",
            ],
        ),
    ] {
        let outcome = keep(&subject).fault(fault).run().unwrap();
        let mismatches = kept().check(&outcome);
        assert_eq!(mismatches.len(), 1, "{mismatches:?}");
        says(&mismatches[0], &parts);
    }
    // What is left to chance may not happen.
    let outcome = keep(&subject).fault(Fault::errno("fd_write", Errno::Io).chance(0.0));
    outcome.run().unwrap().assert(&kept());
}

#[test]
fn faults_that_cannot_happen_are_refused() {
    let subject = program("keep");
    for (fault, parts) in [
        (
            Fault::errno("fd_wirte", Errno::Io),
            &["WASI has no function \"fd_wirte\"", "fd_write"][..],
        ),
        (
            Fault::errno("proc_exit", Errno::Io),
            &["gives no error number"],
        ),
        (Fault::short("path_open", 1), &["expected fd_read"]),
        (Fault::no_growth().nth(0), &["counted from 1"]),
        (Fault::no_growth().chance(1.5), &["from 0 to 1"]),
        (Fault::no_growth().chance(f64::NAN), &["from 0 to 1"]),
        (Fault::ends(0, 1).nth(1), &["not at a call"]),
    ] {
        says(&keep(&subject).fault(fault).run().unwrap_err(), parts);
    }
}

#[test]
fn several_faults_happen_at_one_call() {
    let outcome = keep(&program("keep"))
        .fault(Fault::short("fd_write", 2).fd(4).nth(1))
        .fault(Fault::short("fd_write", 1).fd(4).nth(1))
        .fault(Fault::errno("fd_write", Errno::Io).fd(4).nth(2))
        .run()
        .unwrap();
    let expect = Expect::new().file("/notes.txt", Check::equals("othree\nfour\n"));
    outcome.assert(&expect);
    assert!(outcome.faults().iter().all(|fired| fired.times == 1));
}
