//! `holdall run`: names, arguments, results, exit codes.

use std::process::{Command, Stdio};

use crate::support::{Folder, holdall};

const CALC: &str = r#"
    (module $calc
        (memory (export "memory") 1)
        (global (export "answer") i32 (i32.const 42))
        (func (export "add") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1)))
        (func $divide (export "div") (param i32 i32) (result i32)
            (i32.div_s (local.get 0) (local.get 1)))
        (func (export "half") (param f64) (result f64)
            (f64.div (local.get 0) (f64.const 2)))
        (func (export "swap") (param i32 i64) (result i64 i32)
            (local.get 1) (local.get 0))
        (func (export "same") (param externref) (result externref)
            (local.get 0))
        (func (export "grow") (param i32) (result i32)
            (memory.grow (local.get 0)))
        (func $deep (export "deep") (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
                (else (i32.const 0))))
        (func (export "me") (param funcref) (result funcref funcref)
            (ref.func $divide) (local.get 0))
        (func (export "nothing")))
"#;

fn calc(test: &str) -> Folder {
    Folder::new(test).with("calc.wat", CALC)
}

#[test]
fn the_main_job() {
    let outcome = holdall(&[
        "run",
        "mC",
        "--invoke",
        "C",
        "--invoke",
        "call_B",
        "--invoke",
        "call_A",
        "--invoke",
        "$mB$B",
        "--invoke",
        "$mB$call_A",
        "--invoke",
        "$mA$A",
    ]);
    outcome.prints("0xc:i32\n0xb:i32\n0xa:i32\n0xb:i32\n0xa:i32\n0xa:i32\n");
}

#[test]
fn native_code_gives_what_interpreted_code_gives_or_says_that_there_is_no_compiler() {
    let folder = calc("native");
    for guard in [&[][..], &["--guarded-addresses"]] {
        let run = [&["run", "--native"], guard].concat();
        let call = ["calc.wat", "--invoke", "add", "2", "3"];
        let outcome = folder.holdall(&[&run[..], &call].concat());
        if cfg!(feature = "native") {
            outcome.prints("0x5:i32\n");
        } else {
            outcome.fails(1, &["build holdall with its feature `native`"]);
        }
    }
    folder
        .holdall(&["run", "--guarded-addresses", "calc.wat"])
        .fails(2, &["--native"]);
}

#[test]
#[cfg(all(unix, feature = "native"))]
fn native_code_is_kept_in_a_directory_and_where_that_cannot_be_the_run_says_so_once_and_goes_on() {
    use std::os::unix::fs::PermissionsExt;

    let folder = calc("cache")
        .with(
            "user.wat",
            r#"(module (import "calc" "add" (func $add (param i32 i32) (result i32)))
            (func (export "twice") (param i32) (result i32)
                (call $add (local.get 0) (local.get 0))))"#,
        )
        .with("shared/empty", "");
    let run = ["run", "--native", "--cache"];
    let call = [
        "--preload",
        "calc=calc.wat",
        "user.wat",
        "--invoke",
        "twice",
        "4",
    ];
    let words = |cache: &'static str| [&run[..], &[cache], &call].concat();
    for _ in 0..2 {
        folder.holdall(&words("kept")).prints("0x8:i32\n");
    }
    let kept = std::fs::read_dir(folder.path().join("kept")).unwrap();
    assert_eq!(kept.count(), 2);

    let shared = folder.path().join("shared");
    std::fs::set_permissions(&shared, PermissionsExt::from_mode(0o777)).unwrap();
    folder
        .holdall(&words("shared"))
        .fails(1, &["cache directory shared", "chmod go-w shared"]);
    folder
        .holdall(&["run", "--cache", "kept", "calc.wat"])
        .fails(2, &["--native"]);

    // A process that may write no file has no room on any disk.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]);
    shell.arg(env!("CARGO_BIN_EXE_holdall")).args(words("full"));
    let ran = shell.current_dir(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "0x8:i32\n");
    let told = String::from_utf8_lossy(&ran.stderr);
    let expected = "holdall: cache directory full: native code could not be kept: ";
    assert!(told.starts_with(expected), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn options_may_stand_on_either_side_of_the_module() {
    holdall(&["run", "--invoke", "C", "mC", "--invoke=call_B"]).prints("0xc:i32\n0xb:i32\n");
}

#[test]
fn the_root_can_be_named_too() {
    holdall(&["run", "mC", "--invoke", "$mC$C"]).prints("0xc:i32\n");
    calc("root_name")
        .holdall(&["run", "calc.wat", "--invoke", "$calc$add", "1", "2"])
        .prints("0x3:i32\n");
}

#[test]
fn arguments_and_results() {
    let folder = calc("arguments");
    for (args, expected) in [
        (&["add", "2", "-3"][..], "0xffffffff:i32"),
        (&["add", "-2", "-0x3"], "0xfffffffb:i32"),
        (&["add", "--", "-2", "3"], "0x1:i32"),
        (&["half", "-1"], "-0.5:f64"),
        (&["half", "1e-300"], "5e-301:f64"),
        (&["half", "-inf"], "-inf:f64"),
        (&["half", "0x1p-1"], "0.25:f64"),
        (&["swap", "1", "-1"], "0xffffffffffffffff:i64,0x1:i32"),
        (&["same", "0x1234"], "0x1234:ref.extern"),
        (&["same", "null"], "extern:ref.null"),
        (&["me", "null"], "1:ref.func,func:ref.null"),
        (&["nothing"], ""),
    ] {
        let args = [&["run", "calc.wat", "--invoke"], args].concat();
        folder.holdall(&args).prints(&format!("{expected}\n"));
    }
}

#[test]
fn wrong_arguments_are_a_wrong_command_line() {
    let folder = calc("wrong_arguments");
    for (args, text) in [
        (
            &["add", "1", "2x"][..],
            "holdall: invalid input argument 1: 2x: expected i32, 'x' does not belong to it\n",
        ),
        (
            &["add", "1", "4294967296"],
            "invalid input argument 1: 4294967296: expected i32, out of the range -2147483648 to",
        ),
        (
            &["add", "1"],
            "invalid input argument count: expected 2 for (func (param i32 i32) (result i32)), \
             found 1",
        ),
        (&["add"], "invalid input argument count"),
        (
            &["nothing", "1"],
            "invalid input argument count: expected 0 for (func), found 1",
        ),
    ] {
        let args = [&["run", "calc.wat", "--invoke"], args].concat();
        let outcome = folder.holdall(&args);
        outcome.fails(2, &[text]);
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn wrong_command_lines() {
    for (args, text) in [
        (
            &["run", "mC", "--invoke", "C", "--invoke", "call_A", "7"][..],
            "found the arguments `7` and --invoke 2 times",
        ),
        (&["run"], "<MODULE>"),
        (&["walk"], "unrecognized subcommand 'walk'"),
        (&["run", "mC", "--preload", "x"], "expected NAME=PATH"),
        (&["run", "mC", "--stack-size", "1KB"], "KiB, MiB or GiB"),
        (&["run", "--no-such", "mC"], "--no-such"),
    ] {
        holdall(args).fails(2, &[text]);
    }
}

#[test]
fn a_name_that_is_no_functions_is_told_before_anything_runs() {
    let folder = calc("lookup");
    for (name, text) in [
        (
            "ad",
            "holdall: lookup function ad failed; did you mean add?\n",
        ),
        (
            "memory",
            "lookup function memory failed: the export is (memory 1)",
        ),
        (
            "answer",
            "lookup function answer failed: the export is (global i32)",
        ),
        (
            "$nobody$add",
            "lookup function $nobody$add failed: no module nobody is linked",
        ),
        (
            "$calc$ad",
            "lookup function $calc$ad failed; did you mean $calc$add?",
        ),
        ("zzz", "lookup function zzz failed\n"),
    ] {
        let outcome = folder.holdall(&["run", "calc.wat", "--invoke", "nothing", "--invoke", name]);
        outcome.fails(1, &[text]);
        assert_eq!(outcome.stdout, "");
    }
    holdall(&["run", "mC", "--invoke", "$mB$call_B"]).fails(
        1,
        &["lookup function $mB$call_B failed; did you mean $mB$call_A?"],
    );
}

#[test]
fn a_trap_has_its_own_exit_code_and_a_backtrace() {
    let folder = calc("trap");
    let outcome = folder.holdall(&["run", "calc.wat", "--invoke", "div", "1", "0"]);
    outcome.fails(
        134,
        &["holdall: trap: integer divide by zero\n  0: calc!divide @ 0x"],
    );
    assert_eq!(outcome.stdout, "");
    // What was printed before stays printed, and names are not obeyed by a terminal.
    let folder = folder.with(
        "twice.wat",
        r#"(module
            (func (export "good") (result i32) i32.const 1)
            (func $"a\1b[2Jb" (export "bad") unreachable))"#,
    );
    let outcome = folder.holdall(&["run", "twice.wat", "--invoke", "good", "--invoke", "bad"]);
    outcome.fails(134, &["trap: unreachable\n  0: twice!a\\u{1b}[2Jb @ 0x"]);
    assert_eq!(outcome.stdout, "0x1:i32\n");
}

#[test]
fn an_exception_that_nobody_catches_ends_as_a_trap_does_and_tells_its_tag_and_values() {
    let folder = Folder::new("uncaught").with(
        "app.wat",
        r#"(module (tag $"o\1b[2J" (param i32 f64))
            (func $inner (param i32) (throw 0 (local.get 0) (f64.const 1.5)))
            (func (export "f") (param i32) (call $inner (local.get 0))))"#,
    );
    let outcome = folder.holdall(&["run", "app.wat", "--invoke", "f", "42"]);
    outcome.fails(
        134,
        &["holdall: uncaught exception app!o\\u{1b}[2J with 0x2a:i32, 1.5:f64\n  0: app!inner @ 0x"],
    );
}

#[test]
fn a_trap_of_a_start_function_is_a_trap() {
    let folder = Folder::new("start_trap")
        .with(
            "lib.wat",
            "(module (func $init unreachable) (start $init) (func (export \"f\")))",
        )
        .with(
            "app.wat",
            "(module (import \"lib\" \"f\" (func)) (func (export \"g\")))",
        );
    let outcome = folder.holdall(&["run", "app.wat", "--module-path", ".", "--invoke", "g"]);
    outcome.fails(134, &["module \"lib\" did not start", "trap: unreachable"]);
}

#[test]
fn a_deep_recursion_ends_at_the_stack_size() {
    let folder = calc("stack");
    folder
        .holdall(&["run", "calc.wat", "--invoke", "deep", "1000"])
        .prints("0x3e8:i32\n");
    let deep = ["run", "calc.wat", "--invoke", "deep", "1000000"];
    folder
        .holdall(&deep)
        .fails(134, &["trap: call stack exhausted"]);
    folder
        .holdall(&[&deep[..1], &["--stack-size", "512MiB"], &deep[1..]].concat())
        .prints("0xf4240:i32\n");
    folder
        .holdall(&[
            "run",
            "--stack-size",
            "4KiB",
            "calc.wat",
            "--invoke",
            "deep",
            "1000",
        ])
        .fails(134, &["trap: call stack exhausted"]);
}

#[test]
fn memory_ends_at_the_limit() {
    let folder = calc("memory");
    folder
        .holdall(&["run", "calc.wat", "--invoke", "grow", "1"])
        .prints("0x1:i32\n");
    let limited = [
        "run",
        "--max-memory",
        "64KiB",
        "calc.wat",
        "--invoke",
        "grow",
        "1",
    ];
    folder.holdall(&limited).prints("0xffffffff:i32\n");
    folder
        .holdall(&[
            "run",
            "--max-memory",
            "1KiB",
            "calc.wat",
            "--invoke",
            "nothing",
        ])
        .fails(1, &["limit", "1024"]);
}

#[test]
fn without_invoke_start_runs_or_the_functions_are_named() {
    let folder = calc("start").with(
        "command.wat",
        "(module (memory 1) (func (export \"_start\")) (func (export \"other\")))",
    );
    folder.holdall(&["run", "command.wat"]).prints("");
    folder
        .holdall(&["run", "command.wat", "--invoke", "_start"])
        .prints("\n");
    let expected = "lookup function _start failed; name a function with --invoke: \
        add, div, half, swap, same, grow, deep, me, nothing\n";
    folder.holdall(&["run", "calc.wat"]).fails(1, &[expected]);
    let folder = folder.with("none.wat", "(module)");
    folder
        .holdall(&["run", "none.wat"])
        .fails(1, &["the module exports none"]);
}

#[test]
fn a_module_is_a_path_or_a_bundled_name() {
    let folder = calc("module_names")
        .with(
            "mC",
            "(module (func (export \"C\") (result i32) i32.const 99))",
        )
        .with(
            "plain",
            "(module (func (export \"f\") (result i32) i32.const 7))",
        )
        .with("broken.wasm", "\0asm\u{1}\0\0\0\u{ff}")
        .with("text.wasm", "this is not a module");
    folder
        .holdall(&["run", "mC", "--invoke", "C"])
        .prints("0xc:i32\n");
    folder
        .holdall(&["run", "./mC", "--invoke", "C"])
        .prints("0x63:i32\n");
    folder
        .holdall(&["run", "--no-bundle", "mC", "--invoke", "C"])
        .prints("0x63:i32\n");
    folder
        .holdall(&["run", "plain", "--invoke", "f"])
        .prints("0x7:i32\n");
    for (module, texts) in [
        (
            "mc",
            &["no module mc: it is neither bundled nor a file; did you mean \"mC\"?"][..],
        ),
        (
            "nothing_like_it",
            &["neither bundled nor a file; `holdall list` shows"],
        ),
        (
            "mC.wasm",
            &[
                "no file mC.wasm; did you mean the bundled module \"mC\"?",
                "cannot read",
            ],
        ),
        (
            "no.wasm",
            &["holdall: cannot read no.wasm\n  caused by: ", "os error 2"],
        ),
        ("./", &["cannot read ./"]),
        ("broken.wasm", &["malformed module \"broken\""]),
        ("text.wasm", &["module \"text\""]),
    ] {
        folder
            .holdall(&["run", module, "--invoke", "f"])
            .fails(1, texts);
    }
    folder
        .holdall(&["run", "--no-bundle", "mA", "--invoke", "A"])
        .fails(1, &["no module mA: there is no such file"]);
}

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    for args in [
        &["list"][..],
        &["inspect", "mC"],
        &["run", "mC", "--invoke", "C"],
        &["--help"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_holdall"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command was built");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it runs");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("Linux has it");
    let output = Command::new(env!("CARGO_BIN_EXE_holdall"))
        .args(["run", "mC", "--invoke", "C"])
        .stdout(full)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.starts_with("holdall: cannot write to standard output\n"),
        "{stderr}"
    );
}
