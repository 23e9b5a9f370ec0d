//! What is written, by programs that know directories by their numbers, and when: whatever ends the
//! run, and where the file takes no more.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{copy, lines, options, pasted};
use crate::support::Folder;

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
    let folder = Folder::new("audit_ends")
        .with("app.wat", PROGRAM)
        .with("y", "");
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

#[test]
fn a_directory_that_is_there_already_was_not_to_be_made() {
    let folder = copy("audit_made").with(
        "app.wat",
        r#"(module
            (import "wasi_snapshot_preview1" "path_create_directory"
                (func $make (param i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "in") (data (i32.const 16) "in/new")
            (func (export "old") (drop (call $make (i32.const 3) (i32.const 0) (i32.const 2))))
            (func (export "new") (drop (call $make (i32.const 3) (i32.const 16) (i32.const 6)))))"#,
    );
    for (export, access, errno, needed) in [
        ("old", "read", json!("EEXIST"), "--dir w::/w::ro"),
        ("new", "write", json!(null), "--dir w::/w"),
    ] {
        let rest = format!("app.wat --invoke {export}");
        let outcome = pasted(&folder, "--audit a.jsonl --dir w::/w", &rest);
        assert_eq!(options(&outcome), needed);
        let line = &lines(&folder, "a.jsonl")[0];
        assert_eq!((&line["access"], &line["errno"]), (&json!(access), &errno));
    }
}

#[test]
fn a_program_gets_to_see_the_same_when_it_is_audited() {
    // The number of a file, which a deterministic run gives in the order of the questions.
    let folder = copy("audit_unseen").with(
        "app.wat",
        r#"(module
            (import "wasi_snapshot_preview1" "path_filestat_get"
                (func $stat (param i32 i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "w/in/a/x")
            (func (export "number") (result i64)
                (drop (call $stat (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 8)
                    (i32.const 64)))
                (i64.load (i32.const 72))))"#,
    );
    let rest = "--dir . app.wat --invoke number";
    let alone = pasted(&folder, "--deterministic", rest);
    alone.fails(0, &[]);
    let audited = pasted(&folder, "--deterministic --audit a.jsonl", rest);
    assert_eq!(audited.stdout, alone.stdout);
}
