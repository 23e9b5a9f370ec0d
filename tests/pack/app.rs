//! What an executable does: it runs what it carries, with what it was given, and nothing beside it.

use std::fs;

use crate::support::Folder;
use crate::{ECHO, letter};

#[test]
fn an_executable_needs_no_file_and_takes_its_own_arguments() {
    let folder = Folder::new("alone")
        .with("echo.wat", ECHO)
        .with("libs/lib.wat", letter('x'));
    folder
        .pack(&["echo.wat", "-o", "app", "--module-path", "libs"])
        .prints("");
    fs::remove_file(folder.path().join("echo.wat")).unwrap();
    fs::remove_dir_all(folder.path().join("libs")).unwrap();
    fs::rename(folder.path().join("app"), folder.path().join("moved")).unwrap();
    folder
        .app("moved", &["--", "one", "--two", ""])
        .prints("moved\n--\none\n--two\n\nx\n");
}

#[test]
fn arguments_that_are_packed_stand_before_its_own() {
    let folder = Folder::new("args")
        .with("echo.wat", ECHO)
        .with("lib.wat", letter('x'));
    let pack = ["echo.wat", "-o", "app", "--module", "lib=lib.wat"];
    folder
        .pack(&[&pack[..], &["--", "first", "--second"]].concat())
        .prints("");
    folder
        .app("app", &["--third"])
        .prints("app\nfirst\n--second\n--third\nx\n");
}

#[test]
fn modules_come_by_name_alias_and_version() {
    let folder = Folder::new("names")
        .with("echo.wat", ECHO)
        .with("old.wat", letter('o'))
        .with("libs/lib@1.2.3.wat", letter('3'))
        .with("libs/lib@1.3.0.wat", letter('4'));
    let pack = ["echo.wat", "-o", "app", "--argv0", "it"];
    folder
        .pack(&[&pack[..], &["--module", "lib=old.wat"]].concat())
        .prints("");
    folder.app("app", &[]).prints("it\no\n");
    let libs = ["--module-path", "libs", "--alias"];
    folder
        .pack(&[&pack[..], &libs, &["lib=lib@1.2"]].concat())
        .prints("");
    folder.app("app", &[]).prints("it\n3\n");
    folder
        .pack(&[&pack[..], &libs, &["lib=lib@1.2", "--compatible-versions"]].concat())
        .prints("");
    folder.app("app", &[]).prints("it\n4\n");
}

#[test]
fn a_command_is_used_for_its_exports_as_when_it_was_packed() {
    let folder = Folder::new("use_exports").with("echo.wat", ECHO).with(
        "lib.wat",
        letter('c').replacen(
            "(module",
            "(module (func (export \"_start\") unreachable)",
            1,
        ),
    );
    let pack = ["echo.wat", "-o", "app", "--module", "lib=lib.wat"];
    folder
        .pack(&pack)
        .fails(1, &["can not be a sub-module", "by --use-exports \"lib\""]);
    folder
        .pack(&[&pack[..], &["--use-exports", "lib"]].concat())
        .prints("");
    folder.app("app", &[]).prints("app\nc\n");
    let shown = folder.holdall(&["inspect", "app"]);
    assert!(
        shown.stdout.contains("    --use-exports lib\n"),
        "{shown:#?}"
    );
}

#[test]
fn functions_are_called_in_place_of_a_start() {
    let folder = Folder::new("invoke").with(
        "add.wat",
        "(module (func (export \"add\") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1))))",
    );
    folder
        .pack(&["add.wat", "-o", "add", "--invoke", "add"])
        .prints("");
    folder.app("add", &["2", "-3"]).prints("0xffffffff:i32\n");
    folder.app("add", &["2"]).fails(2, &["add: "]);
    folder
        .pack(&[
            "mC", "-o", "sample", "--invoke", "call_B", "--invoke", "$mA$A",
        ])
        .prints("");
    folder.app("sample", &[]).prints("0xb:i32\n0xa:i32\n");
}

/// Opens `notes/text` in each directory that it has, from descriptor 3 on, and prints what is there.
const READER: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open" (func $open
        (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "notes/text")
    (func (export "_start") (local $dir i32) (local $errno i32)
        (local.set $dir (i32.const 3))
        (loop $next
            (local.set $errno (call $open (local.get $dir) (i32.const 1) (i32.const 64)
                (i32.const 10) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0)))
            (if (local.get $errno) (then (call $exit (local.get $errno))))
            (i32.store (i32.const 8) (i32.const 1024))
            (i32.store (i32.const 12) (i32.const 1024))
            (drop (call $read (i32.load (i32.const 0)) (i32.const 8) (i32.const 1) (i32.const 16)))
            (i32.store (i32.const 12) (i32.load (i32.const 16)))
            (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))
            (local.set $dir (i32.add (local.get $dir) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $dir) (i32.const 5))))))"#;

#[test]
fn directories_are_embedded_or_opened_where_it_runs() {
    let folder = Folder::new("files")
        .with("read.wat", READER)
        .with("in/notes/text", "embedded\n")
        .with("in/empty", "")
        .with("out/notes/text", "opened\n");
    let embed = ["read.wat", "-o", "app", "--embed", "in::/in"];
    folder
        .pack(&[&embed[..], &["--dir", "out::/out"]].concat())
        .prints("");
    fs::write(folder.path().join("in/notes/text"), "changed").unwrap();
    fs::write(folder.path().join("out/notes/text"), "changed\n").unwrap();
    folder.app("app", &[]).prints("changed\nembedded\n");
    // What is embedded is there without a directory of the host, and nothing else is.
    folder.pack(&embed).prints("");
    let outcome = folder.app("app", &[]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (54, "changed"));
    fs::remove_dir_all(folder.path().join("out")).unwrap();
    folder
        .pack(&["read.wat", "-o", "app", "--dir", "out"])
        .prints("");
    folder
        .app("app", &[])
        .fails(1, &["app: cannot open directory \"out\" to give it"]);
}

#[test]
fn limits_hold_where_it_runs() {
    let folder = Folder::new("limits").with(
        "spin.wat",
        "(module (memory 1)
            (func (export \"_start\") (loop (br 0)))
            (func (export \"grow\") (result i32) (memory.grow (i32.const 10))))",
    );
    folder
        .pack(&["spin.wat", "-o", "app", "--fuel", "1000"])
        .prints("");
    folder
        .app("app", &[])
        .fails(134, &["app: trap: out of fuel"]);
    folder
        .pack(&["spin.wat", "-o", "app", "--timeout", "50ms"])
        .prints("");
    folder.app("app", &[]).fails(134, &["app: trap: "]);
    let limits = [
        "--max-memory",
        "128KiB",
        "--pool",
        "1MiB",
        "--stack-size",
        "64KiB",
    ];
    folder
        .pack(&[&["spin.wat", "-o", "app", "--invoke", "grow"], &limits[..]].concat())
        .prints("");
    folder.app("app", &[]).prints("0xffffffff:i32\n");
}

#[test]
fn an_exit_code_and_a_trap_are_the_program_s() {
    let folder = Folder::new("ends")
        .with(
            "exit.wat",
            "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
                (memory (export \"memory\") 1) (func (export \"_start\") (call $exit (i32.const 7))))",
        )
        .with(
            "trap.wat",
            "(module (func $deep unreachable) (func (export \"_start\") (call $deep)))",
        );
    folder.pack(&["exit.wat", "-o", "app"]).prints("");
    let outcome = folder.app("app", &[]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (7, ""));
    folder.pack(&["trap.wat", "-o", "app"]).prints("");
    folder
        .app("app", &[])
        .fails(134, &["app: trap: unreachable", "0: trap!deep @ "]);
}
