//! `holdall run --record` and `holdall replay`: a run comes out of its recording where nothing of it is.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::{Folder, Outcome};

/// `copy FROM TO`, which says what it did.
const COPY: &[u8] = include_bytes!("../../wasm-apps/wasi/copy.wasm");

/// Writes the text at 64, of the length that is at 4, through its own import.
fn says(text: &str, imports: &str, code: &str) -> String {
    format!(
        r#"(module
        (import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        {imports}
        (memory (export "memory") 1)
        (data (i32.const 0) "\40\00\00\00\{:02x}\00\00\00")
        (data (i32.const 64) "{text}\n")
        (func $say (export "say") (param i32) (result i32)
            (drop (call $write (local.get 0) (i32.const 0) (i32.const 1) (i32.const 16)))
            (drop (call $random (i32.const 32) (i32.const 4)))
            (i32.load (i32.const 32)))
        {code})"#,
        text.len() + 1
    )
}

/// Three modules, of which two ask WASI; what the last prints is chance.
fn graph(test: &str) -> Folder {
    let app = says(
        "app",
        r#"(import "middle" "twice" (func $twice (param i32) (result i32)))"#,
        r#"(func (export "_start") (local i32)
            (drop (call $say (i32.const 1)))
            (local.set 0 (i32.xor (call $twice (i32.const 2)) (call $say (i32.const 1))))
            (i32.store (i32.const 64) (i32.or (i32.const 0x20202020)
                (i32.and (local.get 0) (i32.const 0x5f5f5f5f))))
            (drop (call $say (i32.const 2)))
            (i32.store (i32.div_u (local.get 0) (i32.const 0)) (i32.const 0)))"#,
    );
    let middle = r#"(module (import "lib" "say" (func $say (param i32) (result i32)))
        (func (export "twice") (param i32) (result i32)
            (i32.add (call $say (local.get 0)) (call $say (i32.const 1)))))"#;
    Folder::new(test)
        .with("app.wat", app)
        .with("lib/lib.wat", says("lib", "", ""))
        .with("lib/middle.wat", middle)
}

const GRAPH: [&str; 8] = [
    "--module-path",
    "lib",
    "--grant",
    "lib:stdio",
    "--grant",
    "lib:random",
    "--fuel",
    "1000000",
];

/// The two ended in the same way.
#[track_caller]
fn same(one: &Outcome, other: &Outcome) {
    assert_eq!(
        (one.code, &one.stdout, &one.stderr),
        (other.code, &other.stdout, &other.stderr)
    );
}

#[test]
fn a_graph_with_wasi_in_two_modules_replays_where_it_is_not() {
    let folder = graph("record_graph");
    let record = ["run", "--record", "bug.rec", "--with-modules"];
    let run = folder.holdall(&[&record[..], &GRAPH, &["app.wat"]].concat());
    run.fails(134, &["integer divide by zero", "app!"]);
    assert_eq!(run.stdout, "app\nlib\napp\n");
    assert!(run.stderr.starts_with("lib\n"), "{run:#?}");
    let elsewhere = Folder::new("record_graph_elsewhere")
        .with("bug.rec", fs::read(folder.path().join("bug.rec")).unwrap());
    same(&elsewhere.holdall(&["replay", "bug.rec"]), &run);

    let shown = elsewhere.holdall(&["replay", "bug.rec", "--show"]);
    for line in [
        "module middle: ",
        "call app!_start()",
        "#1 app -> wasi_snapshot_preview1.fd_write(fd=1, iovs=0x0, iovs_len=1, nwritten=0x10)",
        "    reads 4 bytes at 0x40: \"app\\n\"",
        "    to standard output: \"app\\n\"",
        "    = ESUCCESS, ",
        "  ended: trap: integer divide by zero, ",
    ] {
        assert!(
            shown.stdout.contains(line),
            "{line:?} is not in {}",
            shown.stdout
        );
    }

    let short = elsewhere.holdall(&["replay", "bug.rec", "--until", "1"]);
    assert_eq!((short.code, &*short.stdout), (0, "app\n"), "{short:#?}");
    assert_eq!(short.stderr, "holdall: stopped behind call 1\n");
    elsewhere
        .holdall(&["replay", "bug.rec", "--until", "3", "--out", "short.rec"])
        .prints("");
    let short = elsewhere.holdall(&["replay", "short.rec"]);
    assert_eq!((short.code, &*short.stdout), (0, "app\n"), "{short:#?}");
    assert!(
        short
            .stderr
            .ends_with("holdall: the recording ends behind call 3, before the run does\n")
    );
}

#[test]
fn modules_that_are_not_recorded_are_found_by_their_hashes() {
    let folder = graph("record_hashes");
    let run = folder.holdall(&[&["run", "--record", "bug.rec"][..], &GRAPH, &["app.wat"]].concat());
    let missing = folder.holdall(&["replay", "bug.rec", "app.wat"]);
    missing.fails(
        1,
        &[
            "--module-path",
            "module lib of the recording is not here",
            "sha256",
        ],
    );
    let args = ["replay", "bug.rec", "--module-path", "lib", "app.wat"];
    same(&folder.holdall(&args), &run);
    // The directory has it under any name.
    fs::rename(
        folder.path().join("app.wat"),
        folder.path().join("lib/other.wat"),
    )
    .unwrap();
    same(&folder.holdall(&args[..4]), &run);
}

#[test]
fn files_environment_and_arguments_are_not_needed_any_more() {
    let folder = Folder::new("record_files")
        .with("copy.wasm", COPY)
        .with("w/from", "what is read");
    let run = folder.holdall(&[
        "run",
        "--record",
        "r",
        "--with-modules",
        "--dir",
        "w::/w",
        "--env",
        "PREFIX=so",
        "copy.wasm",
        "/w/from",
        "/w/to",
    ]);
    run.prints("copied 12 bytes\n");
    fs::remove_dir_all(folder.path().join("w")).unwrap();
    fs::remove_file(folder.path().join("copy.wasm")).unwrap();
    same(&folder.holdall(&["replay", "r"]), &run);
    assert!(!folder.path().join("w").exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.path().join("r"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "others can read what was recorded");
    }
    let holds = |text: &str| {
        let bytes = fs::read(folder.path().join("r")).unwrap();
        bytes.windows(text.len()).any(|it| it == text.as_bytes())
    };
    assert!(holds("PREFIX=so") && holds("/w/from"));
}

#[test]
fn results_and_errors_are_printed_as_the_run_printed_them() {
    let folder = Folder::new("record_invoke").with(
        "math.wat",
        r#"(module (func (export "div") (param i32 i32) (result i32)
            (i32.div_s (local.get 0) (local.get 1))))"#,
    );
    for (args, code) in [(["7", "2"], 0), (["7", "0"], 134)] {
        let run = folder.holdall(&[
            "run", "--record", "r", "math.wat", "--invoke", "div", args[0], args[1],
        ]);
        assert_eq!(run.code, code, "{run:#?}");
        same(&folder.holdall(&["replay", "r", "math.wat"]), &run);
    }
}

#[test]
fn another_module_is_followed_to_where_it_leaves_the_recording() {
    let folder = Folder::new("record_other")
        .with(
            "app.wat",
            says(
                "app",
                "",
                r#"(func (export "_start") (drop (call $say (i32.const 1))))"#,
            ),
        )
        .with(
            "same.wat",
            says(
                "app",
                "",
                r#"(func (export "_start") (nop) (drop (call $say (i32.const 1))))"#,
            ),
        )
        .with(
            "other.wat",
            says(
                "apq",
                "",
                r#"(func (export "_start") (drop (call $say (i32.const 1))))"#,
            ),
        );
    folder
        .holdall(&["run", "--record", "r", "app.wat"])
        .prints("app\n");
    let same = folder.holdall(&["replay", "r", "same.wat"]);
    assert_eq!((same.code, &*same.stdout), (0, "app\n"), "{same:#?}");
    assert_eq!(
        same.stderr,
        "holdall: module app is not the recorded one, and did all that was recorded\n"
    );
    let other = folder.holdall(&["replay", "r", "other.wat"]);
    other.fails(
        1,
        &[
            "the guest leaves the recording at call 1 (wasi_snapshot_preview1.fd_write), where it reads other data",
            "recorded: 4 bytes at 0x40: \"app\\n\"",
            "found:    4 bytes at 0x40: \"apq\\n\"",
            "module app is not the recorded one",
        ],
    );
}

#[test]
fn the_time_of_a_run_ends_its_replay_at_the_same_place() {
    let folder = Folder::new("record_timeout").with(
        "spin.wat",
        says(
            "spins",
            "",
            r#"(func (export "_start") (drop (call $say (i32.const 1))) (loop $again (br $again)))"#,
        ),
    );
    let run = folder.holdall(&["run", "--record", "r", "--timeout", "300ms", "spin.wat"]);
    run.fails(134, &["deadline exceeded"]);
    same(&folder.holdall(&["replay", "r", "spin.wat"]), &run);
}

#[test]
fn a_run_that_was_killed_replays_up_to_there() {
    let folder = Folder::new("record_killed").with(
        "spin.wat",
        says(
            "spins",
            "",
            r#"(func (export "_start") (drop (call $say (i32.const 1))) (loop $again (br $again)))"#,
        ),
    );
    let mut child = Command::new(env!("CARGO_BIN_EXE_holdall"))
        .current_dir(folder.path())
        .args(["run", "--record", "r", "--with-modules", "spin.wat"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let show = || folder.holdall(&["replay", "r", "--show"]).stdout;
    while !show().contains("#2 ") {
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(show().starts_with("recorded by holdall") && show().contains("cut off"));
    let replay = folder.holdall(&["replay", "r", "--until", "2"]);
    assert_eq!(
        (replay.code, &*replay.stdout),
        (0, "spins\n"),
        "{replay:#?}"
    );
}

#[test]
fn what_is_wrong_is_said() {
    let folder = Folder::new("record_wrong")
        .with("app.wat", says("app", "", r#"(func (export "_start"))"#))
        .with("empty", "")
        .with("dir/x", "");
    folder
        .holdall(&["run", "--with-modules", "app.wat"])
        .fails(2, &["--record"]);
    folder
        .holdall(&["run", "--redact-env", "app.wat"])
        .fails(2, &["--record"]);
    folder
        .holdall(&["run", "--record", "dir", "app.wat"])
        .fails(1, &["cannot write the recording to dir"]);
    folder
        .holdall(&["run", "--record", "none/r", "app.wat"])
        .fails(1, &["cannot write the recording to none/r"]);
    folder.holdall(&["replay"]).fails(2, &["<RECORDING>"]);
    folder
        .holdall(&["replay", "r", "--out", "x"])
        .fails(2, &["--until"]);
    folder
        .holdall(&["replay", "none"])
        .fails(1, &["cannot replay none"]);
    for file in ["app.wat", "empty"] {
        folder.holdall(&["replay", file]).fails(
            1,
            &[
                "cannot replay",
                "expected a recording",
                "holdall run --record",
            ],
        );
    }
    folder
        .holdall(&["run", "--record", "r", "app.wat"])
        .prints("");
    let mut bytes = fs::read(folder.path().join("r")).unwrap();
    bytes[30] ^= 1;
    fs::write(folder.path().join("damaged"), bytes).unwrap();
    folder
        .holdall(&["replay", "damaged"])
        .fails(1, &["damaged at its beginning"]);
    folder
        .holdall(&["replay", "r", "dir/x"])
        .fails(1, &["cannot be loaded"]);
    folder
        .holdall(&["run", "--record", "r", "none.wat"])
        .fails(1, &["none.wat"]);
    folder.holdall(&["replay", "r"]).prints("");
}

#[test]
fn redacted_values_are_not_in_the_file() {
    let folder = Folder::new("record_redacted")
        .with("copy.wasm", COPY)
        .with("w/from", "what is read");
    folder
        .holdall(&[
            "run",
            "--record",
            "r",
            "--redact-env",
            "--dir",
            "w::/w",
            "--env",
            "TOKEN=hunter2",
            "copy.wasm",
            "/w/from",
            "/w/to",
        ])
        .prints("copied 12 bytes\n");
    let bytes = fs::read(folder.path().join("r")).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|it| it == text.as_bytes());
    assert!(holds("TOKEN=xxxxxxx") && !holds("hunter2"));
    // The program did not look at the value.
    folder
        .holdall(&["replay", "r", "copy.wasm"])
        .prints("copied 12 bytes\n");
}
