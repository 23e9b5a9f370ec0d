//! What the command line gives to programs: arguments, variables, directories, streams.

use super::{Outcome, command, holdall};
use crate::folder::Folder;

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
    run(&["--env", "MISSING"]).prints("");
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
fn a_module_that_is_registered_by_hand_is_granted_by_that_name() {
    let folder = app("granted_by_hand");
    let args = ["--preload", "logger=lib/logger.wat", "app.wat"];
    for (more, code, stdout) in [
        (&["--grant", "logger:stdout"][..], 0, "logged"),
        (&["--share-wasi"], 0, "logged"),
        (&[], 8, ""),
    ] {
        let outcome = holdall(&folder, &[&["run"], more, &args].concat());
        let found = (outcome.code, &*outcome.stdout);
        assert_eq!(found, (code, stdout), "{more:?}: {outcome:#?}");
    }
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
