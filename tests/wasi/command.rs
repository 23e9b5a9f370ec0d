//! Programs on the command line.

use std::io::{Read, Write};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::place::Folder;

/// What the command did.
#[derive(Debug)]
struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Outcome {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let outcome = Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!outcome.stderr.contains("panicked"), "{outcome:#?}");
        outcome
    }

    /// The program ended well, and printed exactly this.
    #[track_caller]
    fn prints(&self, expected: &str) {
        assert_eq!(
            (self.code, &*self.stdout, &*self.stderr),
            (0, expected, ""),
            "{self:#?}"
        );
    }

    /// The command ended with this code, and standard error has each of these texts.
    #[track_caller]
    fn fails(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for text in texts {
            assert!(self.stderr.contains(text), "no {text:?} in {self:#?}");
        }
    }
}

/// The command, to be run in a folder.
fn command(folder: &Folder, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdall"));
    command.current_dir(folder.path()).args(args);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[track_caller]
fn holdall(folder: &Folder, args: &[&str]) -> Outcome {
    Outcome::of(command(folder, args).output().expect("it was built"))
}

/// A program that makes one call, and ends with its number as its exit code. `data` is at 64.
fn calling(name: &str, params: &str, args: &str, data: &str) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "{name}" (func $call (param {params}) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 64) "{data}")
        (func (export "_start") (call $exit (call $call {args}))))"#
    )
}

/// A program that prints a list of strings that it has, each on a line that ends in `|`.
fn printing(list: &str) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "{list}_sizes_get"
            (func $sizes (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "{list}_get" (func $get (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 2)
        (data (i32.const 32) "|\n")
        (func $length (param $at i32) (result i32) (local $end i32)
            (local.set $end (local.get $at))
            (block $done (loop $next
                (br_if $done (i32.eqz (i32.load8_u (local.get $end))))
                (local.set $end (i32.add (local.get $end) (i32.const 1)))
                (br $next)))
            (i32.sub (local.get $end) (local.get $at)))
        (func (export "_start") (local $head i32) (local $count i32)
            (drop (call $sizes (i32.const 0) (i32.const 4)))
            (local.set $count (i32.load (i32.const 0)))
            (drop (call $get (i32.const 1024) (i32.const 65536)))
            (local.set $head (i32.const 1024))
            (block $done (loop $next
                (br_if $done (i32.eqz (local.get $count)))
                (i32.store (i32.const 0) (i32.load (local.get $head)))
                (i32.store (i32.const 4) (call $length (i32.load (local.get $head))))
                (i32.store (i32.const 8) (i32.const 32))
                (i32.store (i32.const 12) (i32.const 2))
                (drop (call $write
                    (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 16)))
                (local.set $head (i32.add (local.get $head) (i32.const 4)))
                (local.set $count (i32.sub (local.get $count) (i32.const 1)))
                (br $next)))))"#
    )
}

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

#[test]
fn exit_codes_are_the_low_8_bits_of_the_programs() {
    let mut folder = Folder::new("exit_codes");
    let codes = [
        0,
        1,
        2,
        42,
        125,
        126,
        127,
        128,
        134,
        200,
        255,
        256,
        257,
        0x1234_5678,
        -1,
    ];
    for code in codes {
        let text = format!(
            r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (func (export "_start") (call $exit (i32.const {code})) unreachable))"#
        );
        folder = folder.with(&format!("exit{code}.wat"), text);
    }
    for code in codes {
        let outcome = holdall(&folder, &["run", &format!("exit{code}.wat")]);
        assert_eq!(
            (outcome.code, &*outcome.stderr),
            (code & 0xFF, ""),
            "{code}"
        );
    }
}

#[test]
fn arguments_are_the_programs() {
    let folder = Folder::new("arguments").with("args.wat", printing("args"));
    holdall(&folder, &["run", "args.wat"]).prints("args.wat|\n");
    holdall(
        &folder,
        &[
            "run", "args.wat", "a b", "", "--dir", "-x=y", "--", "ü\"'\n",
        ],
    )
    .prints("args.wat|\na b|\n|\n--dir|\n-x=y|\n--|\nü\"'\n|\n");
    holdall(&folder, &["run", "--argv0", "me", "args.wat", "you"]).prints("me|\nyou|\n");
    holdall(&folder, &["run", "./args.wat"]).prints("args.wat|\n");
}

#[test]
fn variables_are_those_that_are_given_and_no_others() {
    let folder = Folder::new("variables").with("env.wat", printing("environ"));
    let run = |args: &[&str]| {
        let args = [&["run"], args, &["env.wat"]].concat();
        let mut command = command(&folder, &args);
        command
            .env("HAVING", "it = \"here\"")
            .env("SECRET", "hush")
            .env_remove("MISSING");
        Outcome::of(command.output().unwrap())
    };
    run(&[]).prints("");
    run(&["--env", "A=1", "--env=B=x=y=\"z\"\nw", "--env", "C="])
        .prints("A=1|\nB=x=y=\"z\"\nw|\nC=|\n");
    run(&["--env", "HAVING"]).prints("HAVING=it = \"here\"|\n");
    run(&["--env", "A=1", "--env", "A=2"]).prints("A=2|\n");
    let missing = run(&["--env", "MISSING"]);
    missing.fails(1, &["MISSING"]);
    run(&["--env", "=x"]).fails(2, &["NAME"]);
}

#[test]
fn directories_are_those_that_are_given() {
    let open = |fd: u32, rights: u32, oflags: u32| {
        calling(
            "path_open",
            "i32 i32 i32 i32 i32 i64 i64 i32 i32",
            &format!(
                "(i32.const {fd}) (i32.const 1) (i32.const 64) (i32.const 4) (i32.const {oflags}) \
                 (i64.const {rights}) (i64.const 0) (i32.const 0) (i32.const 8)"
            ),
            "file",
        )
    };
    let folder = Folder::new("directories")
        .with("data/file", "contents")
        .with("read.wat", open(3, 2, 0))
        .with("write.wat", open(3, 64, 0))
        .with("second.wat", open(4, 2, 0));
    for (args, expected) in [
        (&["run", "read.wat"][..], 8),
        (&["run", "--dir", "data", "read.wat"], 0),
        (&["run", "--dir", "data::/", "write.wat"], 0),
        (&["run", "--dir", "data::ro", "read.wat"], 0),
        (&["run", "--dir", "data::ro", "write.wat"], 69),
        (&["run", "--dir", "data::/guest::ro", "write.wat"], 69),
        (&["run", "--dir", "data", "second.wat"], 8),
        (&["run", "--dir", ".", "--dir", "data", "second.wat"], 0),
    ] {
        let outcome = holdall(&folder, args);
        assert_eq!((outcome.code, &*outcome.stderr), (expected, ""), "{args:?}");
    }
    holdall(&folder, &["run", "--dir", "missing", "read.wat"]).fails(1, &["missing"]);
    holdall(&folder, &["run", "--dir", "data/file", "read.wat"]).fails(1, &["data/file"]);
    holdall(&folder, &["run", "--dir", "data::/::rw", "read.wat"]).fails(2, &["HOST::GUEST::ro"]);
}

/// A program and a module that it needs, which writes a line.
fn app(name: &str) -> Folder {
    let dependency = r#"(module
        (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\40\00\00\00\06\00\00\00")
        (data (i32.const 64) "logged")
        (func (export "log") (result i32)
            (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"#;
    let app = r#"(module
        (import "logger" "log" (func $log (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (func (export "_start") (call $exit (call $log))))"#;
    Folder::new(name)
        .with("app.wat", app)
        .with("lib/logger.wat", dependency)
}

#[test]
fn a_dependency_gets_what_is_granted_by_its_name_or_shared() {
    let folder = app("granted");
    let run = |more: &[&str]| {
        let args = [&["run", "--module-path", "lib"], more, &["app.wat"]].concat();
        holdall(&folder, &args)
    };
    for (args, code, stdout) in [
        (&[][..], 8, ""),
        (&["--share-wasi"], 0, "logged"),
        (&["--grant", "logger:stdout"], 0, "logged"),
        (&["--grant", "logger:stdio"], 0, "logged"),
        (
            &["--grant=logger:env=A=1", "--grant=logger:stdout"],
            0,
            "logged",
        ),
        (&["--grant", "logger:stderr"], 8, ""),
        // What is granted something by its name does not share.
        (&["--share-wasi", "--grant", "logger:clocks"], 8, ""),
    ] {
        let outcome = run(args);
        assert_eq!(
            (outcome.code, &*outcome.stdout),
            (code, stdout),
            "{args:?}: {outcome:#?}"
        );
    }
    run(&["--grant", "loger:stdout"]).fails(1, &["loger", "logger"]);
    run(&["--grant", "logger:everything"]).fails(2, &["stdout"]);
    run(&["--grant", "logger"]).fails(2, &["NAME:"]);
    run(&["--grant", "logger:dir=missing"]).fails(1, &["missing"]);
}

#[test]
fn a_module_that_is_not_there_is_told_before_anything_runs() {
    let folder = app("granted_nobody");
    let args = [
        "run",
        "--module-path",
        "lib",
        "--share-wasi",
        "--grant",
        "nobody:stdio",
        "app.wat",
    ];
    let outcome = holdall(&folder, &args);
    outcome.fails(1, &["nobody"]);
    assert_eq!(outcome.stdout, "");
}

#[test]
fn an_exit_of_a_dependency_is_the_programs() {
    let ending = |at: &str| {
        format!(
            r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (func $end {at} (call $exit (i32.const 200)))
            (func (export "log") (result i32) (call $end) i32.const 0)
            {})"#,
            if at.is_empty() { "(start $end)" } else { "" }
        )
    };
    for (name, at) in [
        ("exit_in_start", ""),
        ("exit_in_initialize", "(export \"_initialize\")"),
        ("exit_in_call", "(export \"end\")"),
    ] {
        let folder = app(name).with("lib/logger.wat", ending(at));
        let outcome = holdall(&folder, &["run", "--module-path", "lib", "app.wat"]);
        assert_eq!((outcome.code, &*outcome.stderr), (200, ""), "{name}");
    }
}

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
