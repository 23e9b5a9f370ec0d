//! `holdall run --audit`: what it writes, and that what it prints lets the run pass and nothing less
//! does.

mod modules;
mod written;

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Folder, Outcome};

/// `copy FROM TO`, which knows granted directories by their names as all programs in C do.
const COPY: &[u8] = include_bytes!("../../../wasm-apps/wasi/copy.wasm");

/// What is said before the options.
const NEEDED: &str = "holdall: the least that the modules need of --dir, --env and --grant:\n  ";

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
    let output = Command::new("sh")
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
fn names_with_quotes_are_options_that_every_shell_reads() {
    let folder = copy("audit_quotes").with("w/it's \"a\"\\ $x é/x", "what is read");
    let path = r#"'/w/it'\''s "a"'\\' $x é/x'"#;
    let rest = format!("copy.wasm {path} /w/out/y");
    let outcome = pasted(&folder, "--audit a.jsonl --dir w::/w", &rest);
    outcome.fails(0, &[]);
    let narrow = options(&outcome);
    pasted(&folder, &narrow, &rest).prints("copied 12 bytes\n");
}

#[cfg(unix)]
#[test]
fn a_name_with_control_characters_is_told_in_words_and_is_no_option() {
    let name = "it's\n\u{1b}[2J\u{202e}";
    let folder = copy("audit_names").with(&format!("w/{name}/x"), "what is read");
    let outcome = folder.holdall(&[
        "run",
        "--audit",
        "a.jsonl",
        "--dir",
        "w::/w",
        "copy.wasm",
        &format!("/w/{name}/x"),
        "/w/out/y",
    ]);
    outcome.fails(
        0,
        &["--dir with the value \"w/it's\\n\\u{1b}[2J\\u{202e}::"],
    );
    let text = fs::read_to_string(folder.path().join("a.jsonl")).unwrap();
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    let open = calls(&lines(&folder, "a.jsonl"), "path_open");
    assert_eq!(open[0]["paths"], json!([format!("/w/{name}/x")]));
}

#[test]
fn the_file_has_its_most_and_the_end_says_what_is_left_out() {
    let folder = Folder::new("audit_most").with(
        "app.wat",
        r#"(module
            (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
            (func (export "_start") (local $n i32)
                (loop
                    (drop (call $yield))
                    (local.set $n (i32.add (local.get $n) (i32.const 1)))
                    (br_if 0 (i32.lt_u (local.get $n) (i32.const 100))))))"#,
    );
    let outcome = folder.holdall(&[
        "run",
        "--audit",
        "a.jsonl",
        "--max-audit",
        "1KiB",
        "app.wat",
    ]);
    let written = lines(&folder, "a.jsonl").len();
    let left_out = 100 - written;
    assert!(written > 5 && left_out > 5, "{written}");
    outcome.fails(0, &[&format!("{left_out} more calls are not in a.jsonl")]);
}

#[test]
fn paths_of_nested_directories_take_bounded_room() {
    let folder = Folder::new("audit_nested").with(
        "app.wat",
        r#"(module
            (import "wasi_snapshot_preview1" "path_create_directory"
                (func $make (param i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_open"
                (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "_start") (local $n i32) (local $fd i32)
                (memory.fill (i32.const 0) (i32.const 97) (i32.const 200))
                (local.set $fd (i32.const 3))
                (loop
                    (drop (call $make (local.get $fd) (i32.const 0) (i32.const 200)))
                    (drop (call $open (local.get $fd) (i32.const 0) (i32.const 0) (i32.const 200)
                        (i32.const 2) (i64.const 0x1fffffbf) (i64.const 0x1fffffbf) (i32.const 0) (i32.const 400)))
                    (local.set $fd (i32.load (i32.const 400)))
                    (local.set $n (i32.add (local.get $n) (i32.const 1)))
                    (br_if 0 (i32.lt_u (local.get $n) (i32.const 60))))))"#,
    );
    fs::create_dir(folder.path().join("w")).unwrap();
    let outcome = folder.holdall(&["run", "--audit", "a.jsonl", "--dir", "w::/w", "app.wat"]);
    outcome.fails(0, &["--dir w::/w"]);
    let longest = lines(&folder, "a.jsonl");
    let longest = longest.iter().map(|line| line.to_string().len()).max();
    assert!(
        longest.is_some_and(|bytes| (1_000..6_000).contains(&bytes)),
        "{longest:?}"
    );
    // What is nested so deep is not removed by its path.
    let _ = fs::remove_dir_all(folder.path().join("w"));
}
