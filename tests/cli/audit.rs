//! `holdall run --audit`: what it writes, and that what it prints lets the run pass and nothing less
//! does.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Folder, Outcome};

/// `copy FROM TO`, which knows granted directories by their names as all programs in C do.
const COPY: &[u8] = include_bytes!("../../wasm-apps/wasi/copy.wasm");

/// What is said before the options.
const NEEDED: &str = "holdall: the least that the modules need of --dir, --env and --grant:\n  ";
const NOTHING: &str = "holdall: what the modules asked for needs no --dir, --env or --grant\n";

fn copy(test: &str) -> Folder {
    Folder::new(test)
        .with("copy.wasm", COPY)
        .with("w/in/a/x", "what is read")
        .with("w/out/old", "")
}

/// Runs the command as somebody does who pastes options into a shell.
#[track_caller]
fn pasted(folder: &Folder, options: &str, rest: &str) -> Outcome {
    let script = format!("exec \"$0\" run {options} {rest}");
    let output = Command::new("bash")
        .args(["-c", &script, env!("CARGO_BIN_EXE_holdall")])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .expect("there is a shell");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// The options that an audit printed.
#[track_caller]
fn options(outcome: &Outcome) -> String {
    let (_, options) = outcome
        .stderr
        .split_once(NEEDED)
        .unwrap_or_else(|| panic!("{outcome:#?}"));
    options.lines().next().expect("a line").to_owned()
}

/// What was written, a value for each line.
#[track_caller]
fn lines(folder: &Folder, file: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.path().join(file)).expect("it was written");
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

/// The calls of a name.
fn calls(lines: &[Value], name: &str) -> Vec<Value> {
    lines
        .iter()
        .filter(|line| line["call"] == name)
        .cloned()
        .collect()
}

/// Audits `copy FROM TO` with wide grants, which have to be narrowed to `expected`; with them the run
/// is the same and needs the same; with `less` it is not.
#[track_caller]
fn check_copy(folder: &Folder, wide: &str, paths: [&str; 2], expected: &str, less: &[&str]) {
    let rest = format!("copy.wasm {}", paths.join(" "));
    let to = folder.path().join(paths[1].trim_start_matches('/'));
    let result = |options: &str| {
        let _ = fs::remove_file(&to);
        let outcome = pasted(folder, options, &rest);
        (
            outcome.code,
            outcome.stdout.clone(),
            fs::read(&to).ok(),
            outcome,
        )
    };
    let (code, stdout, written, outcome) = result(&format!("--audit wide.jsonl {wide}"));
    assert_eq!((code, &*stdout), (0, "copied 12 bytes\n"), "{outcome:#?}");
    assert!(written.is_some());
    assert_eq!(options(&outcome), expected);
    let (code, stdout, again, outcome) = result(&format!("--audit less.jsonl {expected}"));
    assert_eq!((code, &*stdout), (0, "copied 12 bytes\n"), "{outcome:#?}");
    assert_eq!(again, written);
    assert_eq!(options(&outcome), expected);
    for less in less {
        let (code, _, again, outcome) = result(less);
        assert!(code != 0 || again != written, "{less}: {outcome:#?}");
    }
}

#[test]
fn what_is_printed_lets_the_run_pass_and_nothing_less_does() {
    check_copy(
        &copy("audit_apart"),
        "--dir w::/w --dir .::/unused --env PREFIX=so --env 'OTHER=it'\\''s'",
        ["/w/in/a/x", "/w/out/y"],
        "--dir w/in/a::/w/in/a::ro --dir w/out::/w/out --env PREFIX=so --env 'OTHER=it'\\''s'",
        &[
            "--dir w/out::/w/out --env PREFIX=so",
            "--dir w/in/a::/w/in/a::ro --env PREFIX=so",
            "--dir w/in/a::/w/in/a::ro --dir w/out::/w/out::ro --env PREFIX=so",
            "--dir w/in/a::/w/in/a::ro --dir w/out::/w/out",
        ],
    );
}

#[test]
fn a_program_that_writes_deeper_than_it_reads_needs_two_directories() {
    check_copy(
        &copy("audit_deeper").with("w/in/a/b/old", ""),
        "--dir w::/w",
        ["/w/in/a/x", "/w/in/a/b/y"],
        "--dir w/in/a::/w/in/a::ro --dir w/in/a/b::/w/in/a/b",
        &[
            "--dir w/in/a::/w/in/a::ro",
            "--dir w/in/a/b::/w/in/a/b",
            "--dir w/in/a::/w/in/a::ro --dir w/in/a/b::/w/in/a/b::ro",
            "--dir w/in/a/b::/w/in/a",
        ],
    );
}

#[test]
fn a_program_that_reads_deeper_than_it_writes_needs_one() {
    check_copy(
        &copy("audit_one"),
        "--dir .",
        ["w/in/a/x", "w/y"],
        "--dir ./w::w",
        &["--dir ./w::w::ro", "--dir w/in::w/in"],
    );
}

#[test]
fn a_path_that_turns_back_needs_one_directory() {
    check_copy(
        &copy("audit_back"),
        "--dir w::/w",
        ["/w/out/../in/a/x", "/w/out/y"],
        "--dir w::/w",
        &["--dir w::/w::ro", "--dir w::/w::ro --dir w/out::/w/out"],
    );
}

#[cfg(unix)]
#[test]
fn a_link_is_not_what_is_given() {
    let folder = copy("audit_link").with("outside/x", "what is read");
    std::os::unix::fs::symlink("../in/a", folder.path().join("w/out/link")).unwrap();
    check_copy(
        &folder,
        "--dir w::/w",
        ["/w/out/link/x", "/w/out/y"],
        "--dir w::/w",
        &["--dir w::/w::ro", "--dir w::/w::ro --dir w/out::/w/out"],
    );
    // It leads out of what was given, and must not be what is given.
    std::os::unix::fs::symlink("../outside", folder.path().join("w/escape")).unwrap();
    let outcome = pasted(
        &folder,
        "--audit a.jsonl --dir w::/w",
        "copy.wasm /w/escape/x /w/y",
    );
    outcome.fails(1, &["  --dir w::/w::ro\n"]);
    assert_eq!(outcome.stdout, "read /w/escape/x: EPERM\n");
}

#[test]
fn a_call_that_was_refused_has_its_number_and_is_needed() {
    let folder = copy("audit_refused");
    let outcome = pasted(
        &folder,
        "--audit a.jsonl --dir w::/w::ro",
        "copy.wasm /w/in/a/x /w/out/y",
    );
    assert_eq!(outcome.stdout, "write /w/out/y: EROFS\n");
    outcome.fails(1, &["--dir w/in/a::/w/in/a::ro --dir w/out::/w/out\n"]);
    let open = calls(&lines(&folder, "a.jsonl"), "path_open");
    let expected = |path: &str, access: &str, errno: Value| {
        json!({
            "module": null, "call": "path_open", "descriptors": [3], "paths": [path],
            "access": access, "errno": errno,
        })
    };
    assert_eq!(
        open,
        [
            expected("/w/in/a/x", "read", Value::Null),
            expected("/w/out/y", "write", json!("EROFS")),
        ]
    );
}

#[test]
fn what_is_not_there_needs_the_directory_that_is() {
    let folder = copy("audit_missing");
    let outcome = pasted(
        &folder,
        "--audit a.jsonl --dir w::/w",
        "copy.wasm /w/in/no/no/x /w/y",
    );
    outcome.fails(1, &["  --dir w/in::/w/in::ro\n"]);
    assert_eq!(outcome.stdout, "read /w/in/no/no/x: ENOENT\n");
    pasted(
        &folder,
        "--dir w/in::/w/in::ro",
        "copy.wasm /w/in/no/no/x /w/y",
    )
    .fails(1, &[""]);
}

#[cfg(unix)]
#[test]
fn names_with_quotes_and_control_characters() {
    let folder = copy("audit_names").with("w/it's \"a\"\n\u{1b}[2J/x", "what is read");
    let path = "$'/w/it\\'s \"a\"\\n\\033[2J/x'";
    let rest = format!("copy.wasm {path} /w/out/y");
    let outcome = pasted(&folder, "--audit a.jsonl --dir w::/w", &rest);
    outcome.fails(0, &[]);
    assert!(!outcome.stderr.contains('\u{1b}'), "{outcome:#?}");
    let open = calls(&lines(&folder, "a.jsonl"), "path_open");
    assert_eq!(open[0]["paths"], json!(["/w/it's \"a\"\n\u{1b}[2J/x"]));
    let narrow = options(&outcome);
    pasted(&folder, &narrow, &rest).prints("copied 12 bytes\n");
}

/// A module whose function `all` asks for one thing of each kind, and gives how many were refused.
const ASKING: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read"
        (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get"
        (func $clock (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "all") (result i32)
        (i32.ne (call $read (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8)) (i32.const 0))
        (i32.ne (call $write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8)) (i32.const 0))
        (i32.ne (call $write (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 8)) (i32.const 0))
        (i32.ne (call $clock (i32.const 0) (i64.const 0) (i32.const 8)) (i32.const 0))
        (i32.ne (call $random (i32.const 8) (i32.const 4)) (i32.const 0))
        (i32.ne (call $environ (i32.const 1024) (i32.const 2048)) (i32.const 0))
        (i32.ne (call $args (i32.const 1024) (i32.const 2048)) (i32.const 0))
        i32.add i32.add i32.add i32.add i32.add i32.add)
    (func (export "clocks") (result i32)
        (call $clock (i32.const 0) (i64.const 0) (i32.const 8))))"#;

fn asking(test: &str) -> Folder {
    Folder::new(test).with("lib/asking.wat", ASKING).with(
        "app.wat",
        r#"(module
            (import "asking" "all" (func $all (result i32)))
            (import "asking" "clocks" (func $clocks (result i32)))
            (func (export "all") (result i32) (call $all))
            (func (export "clocks") (result i32) (call $clocks)))"#,
    )
}

#[test]
fn another_module_needs_each_thing_that_it_asked_for() {
    let folder = asking("audit_modules");
    let rest = "--module-path lib app.wat --invoke all";
    let outcome = pasted(&folder, "--audit a.jsonl", rest);
    assert_eq!(outcome.stdout, "0x5:i32\n");
    let needed = "--grant asking:stdin --grant asking:stdout --grant asking:stderr \
                  --grant asking:clocks --grant asking:random";
    assert_eq!(options(&outcome), needed);
    let lines = lines(&folder, "a.jsonl");
    let found: Vec<_> = lines
        .iter()
        .map(|line| (&line["call"], &line["errno"]))
        .collect();
    let expected = [
        ("fd_read", json!("EBADF")),
        ("fd_write", json!("EBADF")),
        ("fd_write", json!("EBADF")),
        ("clock_time_get", json!("ENOTCAPABLE")),
        ("random_get", json!("ENOTCAPABLE")),
        ("environ_get", json!(null)),
        ("args_get", json!(null)),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(call, errno)| (json!(call), errno))
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(call, errno)| (call, *errno))
        .collect();
    assert_eq!(found, expected);
    assert!(
        lines.iter().all(|line| line["module"] == "asking"),
        "{lines:#?}"
    );
    // Each of them counts, and variables and arguments are needed where there are some.
    let mut all = needed.replace("--grant asking:clocks", "--grant asking:arg=-x");
    all = format!("{all} --grant 'asking:env=A=b c' --grant asking:clocks");
    let outcome = pasted(&folder, &format!("--audit b.jsonl {all}"), rest);
    assert_eq!(outcome.stdout, "0x0:i32\n");
    assert_eq!(
        options(&outcome),
        format!("--grant asking:arg=-x --grant 'asking:env=A=b c' {needed}")
    );
    pasted(&folder, &options(&outcome), rest).prints("0x0:i32\n");
}

#[test]
fn what_was_not_asked_for_is_not_needed() {
    let folder = asking("audit_unasked");
    let outcome = pasted(
        &folder,
        "--audit a.jsonl --dir . --env A=b --grant asking:stdio --grant asking:clocks \
         --grant asking:dir=. --grant asking:env=A=b",
        "--module-path lib app.wat --invoke clocks",
    );
    assert_eq!(outcome.stdout, "0x0:i32\n");
    assert_eq!(options(&outcome), "--grant asking:clocks");
}

#[test]
fn the_roots_streams_clocks_and_randomness_need_no_option() {
    let folder = Folder::new("audit_root").with("app.wat", ASKING);
    let outcome = pasted(&folder, "--audit a.jsonl", "app.wat --invoke all");
    assert_eq!((outcome.code, &*outcome.stdout), (0, "0x0:i32\n"));
    assert_eq!(outcome.stderr, NOTHING);
    assert_eq!(lines(&folder, "a.jsonl").len(), 7);
}

#[test]
fn what_is_waited_for_is_needed() {
    // Of a subscription: the kind at 8, the clock or the descriptor at 16; 48 bytes each.
    let folder = Folder::new("audit_poll").with(
        "lib/waiting.wat",
        r#"(module
            (import "wasi_snapshot_preview1" "poll_oneoff"
                (func $poll (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 56) "\01") (data (i32.const 64) "\00")
            (data (i32.const 104) "\02") (data (i32.const 112) "\02")
            (func (export "wait") (result i32)
                (call $poll (i32.const 0) (i32.const 1024) (i32.const 3) (i32.const 2048))))"#,
    );
    let folder = folder.with(
        "app.wat",
        "(module (import \"waiting\" \"wait\" (func $wait (result i32)))
            (func (export \"wait\") (result i32) (call $wait)))",
    );
    let rest = "--module-path lib app.wat --invoke wait";
    let outcome = pasted(&folder, "--audit a.jsonl", rest);
    assert_eq!(
        options(&outcome),
        "--grant waiting:stdin --grant waiting:stderr --grant waiting:clocks"
    );
    let poll = calls(&lines(&folder, "a.jsonl"), "poll_oneoff");
    assert_eq!(poll[0]["descriptors"], json!([0, 2]));
}

/// Directories that are known by their numbers, and what is opened, moved and closed.
const NUMBERS: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_rename"
        (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_symlink"
        (func $symlink (param i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_renumber" (func $renumber (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_tell" (func $tell (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "in/./a")
    (data (i32.const 16) "../a/x")
    (data (i32.const 32) "x")
    (data (i32.const 48) "../../up")
    (func (export "_start")
        ;; 5: the directory
        (drop (call $open (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 6)
            (i32.const 2) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 64)))
        ;; out of it, which is refused
        (drop (call $open (i32.const 5) (i32.const 0) (i32.const 16) (i32.const 6)
            (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64)))
        ;; 6: the file
        (drop (call $open (i32.const 5) (i32.const 0) (i32.const 32) (i32.const 1)
            (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64)))
        ;; out of what was granted
        (drop (call $open (i32.const 4) (i32.const 0) (i32.const 48) (i32.const 8)
            (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64)))
        (drop (call $renumber (i32.const 6) (i32.const 5)))
        (drop (call $tell (i32.const 5) (i32.const 64)))
        (drop (call $tell (i32.const 6) (i32.const 64)))
        (drop (call $close (i32.const 5)))
        (drop (call $tell (i32.const 5) (i32.const 64)))
        (drop (call $rename (i32.const 4) (i32.const 32) (i32.const 1)
            (i32.const 4) (i32.const 0) (i32.const 6)))
        (drop (call $symlink (i32.const 48) (i32.const 8)
            (i32.const 4) (i32.const 32) (i32.const 1)))))"#;

#[test]
fn descriptors_have_the_paths_that_they_were_opened_by() {
    let folder = copy("audit_numbers").with("app.wat", NUMBERS);
    let outcome = pasted(
        &folder,
        "--audit a.jsonl --dir .::/unused --dir w::/w",
        "app.wat",
    );
    // Numbers stay what they are only with all before them, whole.
    assert_eq!(options(&outcome), "--dir .::/unused::ro --dir w::/w");
    let found = lines(&folder, "a.jsonl");
    let found = found
        .iter()
        .map(|line| (&line["call"], &line["paths"], &line["errno"]));
    let found: Vec<_> = found
        .map(|(call, paths, errno)| json!([call, paths, errno]))
        .collect();
    let expected = [
        json!(["path_open", ["/w/in/a"], null]),
        json!(["path_open", ["/w/in/a/x"], "EPERM"]),
        json!(["path_open", ["/w/in/a/x"], null]),
        json!(["path_open", ["/up"], "EPERM"]),
        json!(["fd_renumber", ["/w/in/a/x"], null]),
        json!(["fd_tell", ["/w/in/a/x"], null]),
        json!(["fd_tell", [], "EBADF"]),
        json!(["fd_close", ["/w/in/a/x"], null]),
        json!(["fd_tell", [], "EBADF"]),
        json!(["path_rename", ["/w/x", "/w/in/a"], "ENOENT"]),
        json!(["path_symlink", ["/w/x"], null]),
    ];
    assert_eq!(found, expected);
}

const PROGRAM: &str = r#"(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "wasi_snapshot_preview1" "path_unlink_file"
        (func $unlink (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "y")
    (func $ask (drop (call $unlink (i32.const 3) (i32.const 0) (i32.const 1))))
    (func (export "exit") (call $ask) (call $exit (i32.const 2)))
    (func (export "trap") (call $ask) unreachable)
    (func (export "twice") (result i32) (call $ask) (call $ask) (i32.const 1))
    (func (export "forever") (loop $again (call $ask) (br $again))))"#;

#[test]
fn a_run_that_traps_or_exits_is_audited_as_well() {
    let folder = Folder::new("audit_ends").with("app.wat", PROGRAM);
    for (export, code, count) in [("exit", 2, 2), ("trap", 134, 1)] {
        let rest = format!("app.wat --invoke {export}");
        let outcome = pasted(&folder, "--audit a.jsonl --dir .::/::ro", &rest);
        outcome.fails(code, &[]);
        assert_eq!(options(&outcome), "--dir .::/");
        let lines = lines(&folder, "a.jsonl");
        assert_eq!(lines.len(), count, "{lines:#?}");
        assert_eq!(
            (&lines[0]["paths"], &lines[0]["errno"]),
            (&json!(["/y"]), &json!("EROFS"))
        );
    }
}

#[test]
fn a_file_that_cannot_be_made_is_told_before_anything_runs() {
    let folder = Folder::new("audit_no_file").with("app.wat", PROGRAM);
    let outcome = pasted(&folder, "--audit no/a.jsonl", "app.wat --invoke twice");
    outcome.fails(1, &["holdall: cannot write the audit to no/a.jsonl\n"]);
    assert_eq!(outcome.stdout, "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_takes_no_more_does_not_stop_the_guest() {
    let folder = Folder::new("audit_full").with("app.wat", PROGRAM);
    let said = "cannot write the audit to /dev/full";
    for (export, code, stdout) in [
        ("twice", 1, "0x1:i32\n"),
        ("exit", 1, ""),
        ("trap", 134, ""),
    ] {
        let rest = format!("app.wat --invoke {export}");
        let outcome = pasted(&folder, "--audit /dev/full --dir .::/", &rest);
        outcome.fails(code, &[said, "--dir .::/\n"]);
        assert_eq!(outcome.stdout, stdout);
        assert_eq!(outcome.stderr.matches(said).count(), 1, "{outcome:#?}");
    }
}

#[test]
fn a_run_that_is_killed_leaves_whole_lines() {
    let folder = Folder::new("audit_killed").with("app.wat", PROGRAM);
    let mut child = Command::new(env!("CARGO_BIN_EXE_holdall"))
        .args([
            "run", "--audit", "a.jsonl", "--dir", ".::/", "app.wat", "--invoke", "forever",
        ])
        .current_dir(folder.path())
        .stderr(Stdio::null())
        .spawn()
        .expect("the command was built");
    let start = Instant::now();
    let size = || fs::metadata(folder.path().join("a.jsonl")).map_or(0, |data| data.len());
    while size() < 4096 && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("it runs forever");
    child.wait().expect("it ends");
    assert!(lines(&folder, "a.jsonl").len() > 10);
}
