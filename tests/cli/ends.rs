//! That nothing which the command line names makes the command wait without an end.
#![cfg(unix)]

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::Folder;

/// Writes its arguments behind the first, a line each.
const ARGS: &[u8] = include_bytes!("../../wasm-apps/wasi/args.wasm");

/// More time than any of these takes, and much less than for ever.
const ENOUGH: Duration = Duration::from_secs(20);

fn fifo(folder: &Folder, name: &str) {
    let status = Command::new("mkfifo")
        .arg(folder.path().join(name))
        .status();
    assert!(status.expect("there is mkfifo").success());
}

/// Runs a command whose standard error nobody reads.
fn unread(folder: &Folder, args: &[&str]) -> (Option<i32>, Duration) {
    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_holdall"))
        .current_dir(folder.path())
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    loop {
        if let Some(status) = child.try_wait().expect("it is a child") {
            return (status.code(), begun.elapsed());
        }
        if begun.elapsed() > ENOUGH {
            child.kill().expect("it is a child");
            panic!("{args:?} does not end");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_module_from_a_pipe_is_read_once_and_the_words_behind_it_are_the_programs() {
    let folder = Folder::new("pipe").with("args.wasm", ARGS);
    fifo(&folder, "fifo");
    let path = folder.path().join("fifo");
    let writer = thread::spawn(move || {
        let mut fifo = File::options().write(true).open(path).expect("it is there");
        fifo.write_all(ARGS).expect("it is read");
    });
    folder
        .holdall(&["run", "./fifo", "--dir", "x"])
        .prints("arg 0: fifo\narg 1: --dir\narg 2: x\n");
    writer.join().expect("all was read");
}

#[test]
fn the_words_behind_a_program_are_its_own_wherever_dashes_stand() {
    let folder = Folder::new("dashes").with("args.wasm", ARGS);
    for (args, expected) in [
        (&["--", "args.wasm", "--dir", "x"][..], "--dir x"),
        (&["--", "args.wasm", "--", "x"], "-- x"),
        (&["args.wasm", "--", "x"], "-- x"),
        (&["args.wasm", "--", "--trace"], "-- --trace"),
        (&["args.wasm", "x", "--", "--trace"], "x -- --trace"),
        (&["args.wasm", "--trace", "--"], "--trace --"),
        (&["--env", "A=b", "--", "args.wasm", "-h"], "-h"),
    ] {
        let outcome = folder.holdall(&[&["run"], args].concat());
        let printed = outcome
            .stdout
            .lines()
            .filter(|line| line.starts_with("arg "));
        let printed: Vec<_> = printed
            .filter_map(|line| Some(line.split_once(": ")?.1))
            .collect();
        assert_eq!(printed[1..].join(" "), expected, "{args:?} {outcome:#?}");
    }
}

#[test]
fn a_pipe_where_a_file_is_expected_is_told_and_not_waited_for() {
    let folder = Folder::new("fifos").with("m.wat", "(module (func (export \"_start\")))");
    fifo(&folder, "fifo");
    for (args, text) in [
        (&["run", "--preload", "x=fifo", "m.wat"][..], "named pipe"),
        (
            &["run", "--audit", "fifo", "m.wat"],
            "nobody reads the pipe",
        ),
    ] {
        folder.holdall(args).fails(1, &[text]);
    }
    folder
        .holdall(&["run", "."])
        .fails(1, &["expected a file, found a directory"]);
}

#[test]
fn a_timeout_ends_what_waits_in_the_system() {
    let folder = Folder::new("watchdog").with(
        "spin.wat",
        r#"(module
            (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
            (func (export "_start") (loop (drop (call $yield)) (br 0))))"#,
    );
    fifo(&folder, "fifo");
    // A pipe for MODULE that nobody writes to, and a trace that nobody reads.
    for args in [
        &["run", "--timeout", "300ms", "./fifo"][..],
        &["run", "--timeout", "300ms", "./fifo", "--help"],
        &["run", "--timeout", "300ms", "--trace", "spin.wat"],
    ] {
        let (code, took) = unread(&folder, args);
        assert_eq!(code, Some(134), "{args:?}");
        assert!(took >= Duration::from_millis(300), "{args:?}: {took:?}");
    }
    let outcome = folder.holdall(&["run", "--timeout", "300ms", "./fifo"]);
    assert_eq!(outcome.stderr, "holdall: trap: deadline exceeded\n");
}

#[test]
fn a_timeout_that_does_not_come_changes_nothing() {
    let folder = Folder::new("watchdog_idle").with("m.wat", "(module (func (export \"_start\")))");
    for timeout in ["20s", "400000000000h"] {
        folder
            .holdall(&["run", "--timeout", timeout, "m.wat"])
            .prints("");
    }
}
