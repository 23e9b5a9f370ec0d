//! Programs that run while somebody reads and writes, for no longer than they may, and the same each
//! time.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Outcome, command, holdall};
use crate::folder::Folder;

/// A program that copies its input to its output, and ends with the number of the call that failed.
const ECHO: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start") (local $errno i32)
        (loop $next
            (i32.store (i32.const 0) (i32.const 1024))
            (i32.store (i32.const 4) (i32.const 4096))
            (local.set $errno
                (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
            (if (local.get $errno) (then (call $exit (local.get $errno))))
            (if (i32.load (i32.const 4)) (then
                (local.set $errno
                    (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
                (if (local.get $errno) (then (call $exit (local.get $errno))))
                (br $next))))))"#;

/// A program that writes without end, until it is refused; the number is its exit code.
const YES: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\40\00\00\00\02\00\00\00")
    (data (i32.const 64) "y\n")
    (func (export "_start") (local $errno i32)
        (loop $next
            (local.set $errno
                (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
            (br_if $next (i32.eqz (local.get $errno))))
        (call $exit (local.get $errno))))"#;

/// A program that prints 16 random bytes, the time, and the time after a sleep of a year.
const CHANCE: &str = r#"(module
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get"
        (func $time (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff"
        (func $poll (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "random") (result i64)
        (drop (call $random (i32.const 0) (i32.const 8))) (i64.load (i32.const 0)))
    (func $now (export "time") (result i64)
        (drop (call $time (i32.const 0) (i64.const 0) (i32.const 0))) (i64.load (i32.const 0)))
    (func (export "later") (result i64)
        (i64.store (i32.const 1048) (i64.const 31536000000000000))
        (drop (call $poll
            (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 0)))
        (call $now)))"#;

fn spawn(mut command: Command) -> Child {
    command.stdin(Stdio::piped()).spawn().expect("it was built")
}

#[test]
fn a_program_reads_and_writes_while_its_input_is_open() {
    let folder = Folder::new("echo").with("echo.wat", ECHO);
    let mut child = spawn(command(&folder, &["run", "echo.wat"]));
    let mut input = child.stdin.take().unwrap();
    let output = child.stdout.as_mut().unwrap();
    for line in ["one\n", "two\n"] {
        input.write_all(line.as_bytes()).unwrap();
        let mut back = vec![0; line.len()];
        output.read_exact(&mut back).unwrap();
        assert_eq!(back, line.as_bytes());
    }
    drop(input);
    Outcome::of(child.wait_with_output().unwrap()).prints("");
}

#[test]
fn a_program_whose_reader_is_gone_is_told_so() {
    const EPIPE: i32 = 64;
    let folder = Folder::new("yes").with("yes.wat", YES);
    let mut child = spawn(command(&folder, &["run", "yes.wat"]));
    let mut output = child.stdout.take().unwrap();
    let mut start = [0; 4];
    output.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"y\ny\n");
    drop(output);
    let outcome = Outcome::of(child.wait_with_output().unwrap());
    assert_eq!((outcome.code, &*outcome.stderr), (EPIPE, ""));
}

#[test]
fn deterministic_runs_are_the_same_and_take_no_time() {
    let folder = Folder::new("chance").with("chance.wat", CHANCE);
    let run = |more: &[&str]| {
        let calls = [
            "--invoke", "random", "--invoke", "time", "--invoke", "later",
        ];
        let args = [&["run"], more, &["chance.wat"], &calls].concat();
        let outcome = holdall(&folder, &args);
        assert_eq!((outcome.code, &*outcome.stderr), (0, ""), "{more:?}");
        outcome.stdout
    };
    let lines = run(&["--deterministic"]);
    assert_eq!(lines.lines().count(), 3);
    assert_eq!(run(&["--deterministic"]), lines);
    assert_eq!(
        run(&["--deterministic", "--seed", "0"]),
        lines,
        "as the default is"
    );
    let seeded = run(&["--deterministic", "--seed", "1"]);
    assert_ne!(seeded.lines().next(), lines.lines().next());
    assert_eq!(seeded.lines().nth(1), lines.lines().nth(1));
    holdall(&folder, &["run", "--seed", "1", "chance.wat"]).fails(2, &["--deterministic"]);
}

#[test]
fn what_a_program_writes_stands_between_what_the_command_prints() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\40\00\00\00\05\00\00\00")
        (data (i32.const 64) "said\n")
        (func (export "say") (result i32)
            (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"#;
    let folder = Folder::new("order").with("say.wat", text);
    holdall(
        &folder,
        &["run", "say.wat", "--invoke", "say", "--invoke", "say"],
    )
    .prints("said\n0x0:i32\nsaid\n0x0:i32\n");
}

/// What a command comes to that is given a time, and that it took no longer than that.
#[track_caller]
fn in_time(folder: &Folder, args: &[&str]) -> Outcome {
    let time = Duration::from_millis(300);
    let late = Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 100 });
    let start = Instant::now();
    let args = [&["run", "--timeout", "300ms"], args].concat();
    let mut child = spawn(command(folder, &args));
    // Both are kept open, and nothing is written or read.
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let code = child.wait().unwrap().code();
    let took = start.elapsed();
    drop((input, output));
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert!(took >= time && took < time + late, "{took:?}: {stderr}");
    Outcome {
        code: code.unwrap_or(-1),
        stdout: String::new(),
        stderr,
    }
}

#[test]
fn a_command_ends_when_its_time_is_over() {
    let folder = Folder::new("timeout")
        .with("echo.wat", ECHO)
        .with("yes.wat", YES)
        .with("chance.wat", CHANCE)
        .with(
            "loop.wat",
            "(module (func (export \"_start\") (loop (br 0))))",
        )
        .with(
            "start.wat",
            "(module (func $f (loop (br 0))) (start $f) (func (export \"_start\")))",
        );
    for (what, args) in [
        ("an endless loop", &["loop.wat"][..]),
        ("a start function", &["start.wat"]),
        ("a read of a silent input", &["echo.wat"]),
        ("a write to a full pipe", &["yes.wat"]),
        ("a sleep", &["--invoke", "later", "chance.wat"]),
    ] {
        let outcome = in_time(&folder, args);
        assert_eq!(outcome.code, 134, "{what}: {outcome:#?}");
        assert!(
            outcome.stderr.contains("deadline exceeded"),
            "{what}: {outcome:#?}"
        );
    }
}

#[test]
fn a_command_ends_when_its_fuel_or_its_memory_is_used_up() {
    let folder = Folder::new("fuel")
        .with(
            "loop.wat",
            "(module (func (export \"_start\") (loop (br 0))))",
        )
        .with("yes.wat", YES)
        .with(
            "big.wat",
            "(module (memory 100) (func (export \"_start\")))",
        );
    holdall(&folder, &["run", "--fuel", "100000", "loop.wat"]).fails(134, &["out of fuel"]);
    let outcome = holdall(&folder, &["run", "--fuel", "100000", "yes.wat"]);
    outcome.fails(134, &["out of fuel"]);
    assert!(outcome.stdout.starts_with("y\ny\n"));
    holdall(&folder, &["run", "--max-memory", "1MiB", "big.wat"]).fails(1, &["memory_bytes"]);
}
