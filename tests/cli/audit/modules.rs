//! What other modules need, and all that is not a directory.

use serde_json::json;

use super::{calls, lines, options, pasted};
use crate::support::Folder;

const NOTHING: &str = "holdall: what the modules asked for needs no --dir, --env or --grant\n";

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
