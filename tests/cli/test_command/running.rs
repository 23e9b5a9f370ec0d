//! What is found and run, and how a failure reads.

use super::{MODULE, folder};
use crate::support::Folder;

#[test]
fn cases_and_scripts_are_told_in_order_and_failures_at_the_end() {
    let folder = folder(
        "order",
        "[[case]]\nname = \"adds\"\ncall = \"add\"\nargs = [2, \"3\"]\nresults = [\"0x5:i32\"]\n\
         [[case]]\nname = \"adds otherwise\"\ncall = \"add\"\nargs = [2, 3]\nresults = [\"0x6:i32\"]\n\
         [[case]]\nname = \"echoes\"\nstdin = \"one\\ntwo\\n\"\nstdout = \"one\\n2\\n\"\n\
         [[case]]\nname = \"later\"\nskip = \"not yet\"\n\
         [[case]]\nname = \"known\"\ncall = \"fails\"\nexit = 0\nshould-fail = \"bug 1\"\n\
         [[case]]\nname = \"mended\"\ncall = \"add\"\nargs = [2, 3]\nexit = 0\nshould-fail = \"bug 2\"",
    )
    .with(
        "tests/sub/good.wast",
        "(module (func (export \"f\")))\n(assert_return (invoke \"f\"))",
    )
    .with(
        "tests/sub/bad.wast",
        "(module (func (export \"f\")))\n(assert_trap (invoke \"f\") \"unreachable\")",
    );
    folder.holdall(&["test"]).tells(
        1,
        "running 8 tests\n\
         test tests/app.test.toml::adds ... ok\n\
         test tests/app.test.toml::adds otherwise ... FAILED\n\
         test tests/app.test.toml::echoes ... FAILED\n\
         test tests/app.test.toml::later ... ignored, not yet\n\
         test tests/app.test.toml::known ... ok\n\
         test tests/app.test.toml::mended ... FAILED\n\
         test tests/sub/bad.wast ... FAILED\n\
         test tests/sub/good.wast ... ok\n\
         \n\
         failures:\n\
         \n\
         ---- tests/app.test.toml::adds otherwise ----\n\
         results: expected 0x6:i32, found 0x5:i32\n\
         \n\
         ---- tests/app.test.toml::echoes ----\n\
         stdout: expected 6 bytes, found 8 bytes\n\
         \x20 @@ -1,2 +1,2 @@\n\
         \x20  one\n\
         \x20 -2\n\
         \x20 +two\n\
         \n\
         ---- tests/app.test.toml::mended ----\n\
         expected the case to fail (bug 2), and it passed; take `should-fail` away\n\
         \n\
         ---- tests/sub/bad.wast ----\n\
         tests/sub/bad.wast:2:2: assert_trap: expected trap \"unreachable\", found no result\n\
         \n\
         failures:\n\
         \x20   tests/app.test.toml::adds otherwise\n\
         \x20   tests/app.test.toml::echoes\n\
         \x20   tests/app.test.toml::mended\n\
         \x20   tests/sub/bad.wast\n\
         \n\
         test result: FAILED. 3 passed; 4 failed; 1 ignored; 0 filtered out\n",
    );
}

#[test]
fn a_case_that_checks_nothing_fails() {
    let folder = folder("nothing", "[[case]]\nname = \"a\"\ncall = \"now\"");
    let outcome = folder.holdall(&["test"]);
    assert_eq!(outcome.code, 1, "{outcome:#?}");
    assert!(
        outcome
            .stdout
            .contains("case: expected something to be expected, found nothing"),
        "{outcome:#?}"
    );
}

#[test]
fn what_nobody_defines_is_told_with_the_lines_to_paste() {
    let manifest =
        "module = \"app.wat\"\n[[case]]\nname = \"a\"\ncall = \"now\"\nresults = [\"0x0:i64\"]\n";
    let outcome = Folder::new("test-paste")
        .with("app.wat", MODULE)
        .with("app.test.toml", manifest)
        .holdall(&["test", "app.test.toml"]);
    let lines = "\n[mock.env]\nnow = { results = [\"0x0:i64\"] }";
    for line in lines.trim().lines() {
        assert!(
            outcome.stdout.contains(&format!("\n    {line}")),
            "{outcome:#?}"
        );
    }
    // With these lines it passes.
    Folder::new("test-pasted")
        .with("app.wat", MODULE)
        .with("app.test.toml", format!("{manifest}{lines}"))
        .holdall(&["test", "app.test.toml"])
        .tells(
            0,
            "running 1 test\ntest app.test.toml::a ... ok\n\n\
             test result: ok. 1 passed; 0 failed; 0 ignored; 0 filtered out\n",
        );
}

#[test]
fn a_mock_that_does_not_fit_its_type_is_told_with_its_place() {
    let folder = folder(
        "misfit",
        "[[case]]\nname = \"a\"\ncall = \"now\"\nexit = 0\nmock.env.now = { results = [1, 2] }",
    );
    let outcome = folder.holdall(&["test"]);
    let expected = "tests/app.test.toml:6:10: mock env.now: expected as many results as (func (result i64)) \
                    has, found 2\n";
    assert!(outcome.stdout.contains(expected), "{outcome:#?}");
}

#[test]
fn a_case_has_what_its_file_says_unless_it_says_otherwise() {
    let folder = folder(
        "layers",
        "stdin = \"of the file\"\nstdout = \"of the file\"\nenv = { A = \"1\" }\n\
         [[case]]\nname = \"as the file\"\n\
         [[case]]\nname = \"otherwise\"\nstdin = \"of the case\"\nexpect.stdout = \"of the case\"\n\
         [[case]]\nname = \"mock of the file\"\ncall = \"now\"\nresults = [\"0x7:i64\"]\nexpect.stdout = \"\"\n\
         [[case]]\nname = \"mock of the case\"\ncall = \"now\"\nresults = [\"0x8:i64\"]\nexpect.stdout = \"\"\n\
         mock.env.now = { results = [8], times = 1 }",
    );
    folder.holdall(&["test"]).fails(0, &[]);
}

#[test]
fn tests_are_listed_and_filtered_by_their_names() {
    let folder = folder(
        "filter",
        "[[case]]\nname = \"one\"\ncall = \"now\"\nexit = 0\n[[case]]\nname = \"two\"\ncall = \"now\"\nexit = 0",
    );
    folder
        .holdall(&["test", "--list"])
        .prints("tests/app.test.toml::one\ntests/app.test.toml::two\n");
    folder.holdall(&["test", "--filter", "two"]).tells(
        0,
        "running 1 test\ntest tests/app.test.toml::two ... ok\n\n\
         test result: ok. 1 passed; 0 failed; 0 ignored; 1 filtered out\n",
    );
    let outcome = folder.holdall(&["test", "--filter", "three"]);
    outcome.fails(2, &["no test below tests has \"three\" in its name"]);
}

#[test]
fn fail_fast_tells_the_first_failure_and_no_more_whatever_ran_beside_it() {
    let case = |name: &str, result: i32| {
        format!(
            "[[case]]\nname = \"{name}\"\ncall = \"add\"\nargs = [1, 1]\nresults = [\"{result}:i32\"]\n"
        )
    };
    let folder = folder(
        "fast",
        &[case("a", 2), case("b", 3), case("c", 4), case("d", 2)].concat(),
    );
    for jobs in ["1", "4"] {
        let outcome = folder.holdall(&["test", "--fail-fast", "--jobs", jobs]);
        assert_eq!(outcome.code, 1, "{outcome:#?}");
        assert!(
            outcome
                .stdout
                .contains("1 passed; 1 failed; 0 ignored; 0 filtered out; 2 not run"),
            "{outcome:#?}"
        );
    }
}

#[test]
fn a_seed_that_makes_a_case_fail_makes_it_fail_again() {
    let folder = folder(
        "seeds",
        "[[case]]\nname = \"is even\"\ncall = \"odd\"\nresults = [\"0:i32\"]",
    );
    let outcome = folder.holdall(&["test", "--seeds", "50"]);
    assert_eq!(outcome.code, 1, "{outcome:#?}");
    let again = outcome.stdout.lines().find(|line| line.contains("--seed "));
    let again = again.expect("the command is told").trim().to_owned();
    let seed = again.rsplit(' ').next().expect("it has a seed");
    assert_eq!(
        again,
        format!("holdall test tests/app.test.toml --filter 'is even' --seed {seed}")
    );
    let outcome = folder.holdall(&[
        "test",
        "tests/app.test.toml",
        "--filter",
        "is even",
        "--seed",
        seed,
    ]);
    assert!(
        outcome
            .stdout
            .contains("results: expected 0:i32, found 0x1:i32"),
        "{outcome:#?}"
    );
}

#[test]
fn the_calls_of_a_failing_case_are_told_where_that_is_asked_for() {
    let folder = folder(
        "trace",
        "[[case]]\nname = \"a\"\nstdin = \"x\"\nstdout = \"y\"",
    );
    let calls = "calls:\n    \
                 app -> wasi_snapshot_preview1.fd_read(fd=0, iovs=0x0, iovs_len=1, nread=0x4) = ESUCCESS\n    \
                 app -> wasi_snapshot_preview1.fd_write(fd=1, iovs=0x0, iovs_len=1, nwritten=0x8) = ESUCCESS\n";
    for (args, is_told) in [(&["test"][..], false), (&["test", "--trace-failed"], true)] {
        let outcome = folder.holdall(args);
        assert_eq!(outcome.stdout.contains(calls), is_told, "{outcome:#?}");
    }
}

#[cfg(unix)]
#[test]
fn links_in_circles_are_followed_once() {
    let folder = folder("links", "[[case]]\nname = \"a\"\ncall = \"now\"\nexit = 0");
    let tests = folder.path().join("tests");
    std::os::unix::fs::symlink(".", tests.join("again")).expect("it is ours");
    std::os::unix::fs::symlink("app.test.toml", tests.join("other.test.toml")).expect("it is ours");
    std::os::unix::fs::symlink("nowhere", tests.join("lost.test.toml")).expect("it is ours");
    folder
        .holdall(&["test", "tests", "tests/app.test.toml", "--list"])
        .prints("tests/app.test.toml::a\n");
}

#[test]
fn files_directories_mocks_that_write_and_modules_as_mocks() {
    // Opens a path and copies the file to the standard output.
    let cat = r#"(module
        (import "env" "path" (func $path (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_open" (func $open
            (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (if (call $open (i32.const 3) (i32.const 0) (i32.const 64) (call $path (i32.const 64))
                    (i32.const 0) (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 12))
                (then unreachable))
            (i32.store (i32.const 0) (i32.const 256))
            (i32.store (i32.const 4) (i32.const 1000))
            (drop (call $read (i32.load (i32.const 12)) (i32.const 0) (i32.const 1) (i32.const 4)))
            (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;
    let length = r#"(module (func (export "len") (param i32) (result i32) (i32.const 3)))"#;
    Folder::new("test-files")
        .with("cat.wat", cat)
        .with("length.wat", length)
        .with("fixtures/sub/b", "from the disk")
        .with(
            "cat.test.toml",
            "module = \"cat.wat\"\n\
             [[case]]\nname = \"a file\"\nfiles = { \"/a\" = { base64 = \"aGk=\" } }\nstdout = \"hi\"\n\
             mock.env.path = { results = [1], writes = [{ arg = 0, text = \"a\" }], args = [64], times = 1 }\n\
             [[case]]\nname = \"a copy\"\ndirs = { \"/d\" = \"fixtures/sub\" }\nstdout = { contains = [\"from\", \"disk\"] }\n\
             expect.files = { \"/d/b\" = true, \"d/c\" = false }\n\
             mock.env.path = { results = [3], writes = [{ arg = 0, hex = \"64 2f 62\" }] }\n\
             [[case]]\nname = \"none\"\nfiles = {}\ntrap = \"unreachable\"\n\
             mock.env.path = { wat = \"length.wat\", func = \"len\" }\n",
        )
        .holdall(&["test", "cat.test.toml"])
        .tells(
            0,
            "running 3 tests\n\
             test cat.test.toml::a file ... ok\n\
             test cat.test.toml::a copy ... ok\n\
             test cat.test.toml::none ... ok\n\n\
             test result: ok. 3 passed; 0 failed; 0 ignored; 0 filtered out\n",
        );
}

#[test]
fn other_modules_reach_what_the_case_grants_them() {
    // Writes a line, and creates a file in descriptor 3.
    let logger = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_create_directory" (func $mkdir (param i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\40\00\00\00\06\00\00\00")
        (data (i32.const 64) "logged")
        (func (export "log") (result i32) (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (func (export "make") (result i32) (call $mkdir (i32.const 3) (i32.const 64) (i32.const 6))))"#;
    let app = r#"(module
        (import "logger" "log" (func $log (result i32)))
        (import "logger" "make" (func $make (result i32)))
        (func (export "log") (result i32) (call $log))
        (func (export "make") (result i32) (call $make)))"#;
    Folder::new("test-grants")
        .with("app.wat", app)
        .with("lib/logger.wat", logger)
        .with(
            "app.test.toml",
            "module = \"app.wat\"\nmodule-path = \"lib\"\nfiles = {}\n\
             [[case]]\nname = \"nothing\"\ncall = \"log\"\nresults = [\"8:i32\"]\nstdout = \"\"\n\
             [[case]]\nname = \"output\"\ncall = \"log\"\nresults = [\"0:i32\"]\nstdout = \"logged\"\n\
             grants.logger = { output = true }\n\
             [[case]]\nname = \"no files\"\ncall = \"make\"\nresults = [\"8:i32\"]\n\
             grants.logger = { output = true }\n\
             [[case]]\nname = \"files\"\ncall = \"make\"\nresults = [\"0:i32\"]\n\
             grants.logger = { files = true }\n\
             [[case]]\nname = \"shared\"\ncall = \"make\"\nresults = [\"0:i32\"]\nshare-wasi = true\n",
        )
        .holdall(&["test", "app.test.toml"])
        .fails(0, &[]);
}

/// The manifest with which the guide of this command began.
#[test]
fn a_manifest_of_everything_at_once_passes() {
    let app = r#"(module
        (import "env" "now" (func $now (result i64)))
        (import "env" "fetch" (func $fetch (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_open" (func $open
            (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 64) "usage\n")
        (data (i32.const 128) "data/out.txt")
        (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
        (func $times
            (drop (call $now)) (drop (call $now))
            (if (i64.ne (call $now) (i64.const 1700000000)) (then unreachable))
            (if (i32.ne (call $fetch (i32.const 20)) (i32.const 21)) (then unreachable)))
        ;; Writes a byte of its text to a descriptor until it is refused, and traps then.
        (func $keep (param $fd i32)
            (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 1))
            (loop $next
                (if (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
                (br $next)))
        (func (export "_start")
            (call $times)
            (drop (call $args (i32.const 0) (i32.const 4)))
            (if (i32.gt_u (i32.load (i32.const 0)) (i32.const 1)) (then
                (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 6))
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
                return))
            (drop (call $open (i32.const 3) (i32.const 0) (i32.const 128) (i32.const 12)
                (i32.const 1) (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 12)))
            (call $keep (i32.load (i32.const 12)))))"#;
    let manifest = r#"
module = "app.wasm"
[[case]]
name = "prints its help"
args = ["--help"]
exit = 0
stdout = { snapshot = "help.txt" }
[[case]]
name = "adds"
call = "add"
args = ["2", "3"]
results = ["0x5:i32"]
mock.env.now = { times = 0 }
[[case]]
name = "keeps what it was told when the disk is full"
files = { "/data/in.txt" = "..." }
faults = [{ call = "fd_write", after = 3, errno = "NOSPC" }]
stdin = "..."
expect.files = { "/data/out.txt" = { contains = "uuu" } }
expect.trap = "unreachable"
[mock.env]
now = { results = [1700000000], times = 3 }
fetch = { wat = "mocks/fetch.wat" }
"#;
    let fetch = r#"(module (func (export "fetch") (param i32) (result i32)
        (i32.add (local.get 0) (i32.const 1))))"#;
    let folder = Folder::new("test-everything")
        .with("tests/app.wasm", wat::parse_str(app).expect("a module"))
        .with("tests/mocks/fetch.wat", fetch)
        .with("tests/app.test.toml", manifest);
    folder.holdall(&["test", "--bless"]).fails(0, &[]);
    folder.holdall(&["test", "--seeds", "3"]).fails(0, &[]);
}

#[test]
fn a_recording_is_a_case_and_another_module_is_told_where_it_leaves_it() {
    // Writes what it reads, `times` times.
    let app = |times: u32| {
        let write = "(drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))";
        let writes = write.repeat(times as usize);
        MODULE
            .replace("(module", "(module $app")
            .replace(write, &writes)
    };
    let case = |name: &str, more: &str| {
        format!("[[case]]\nname = \"{name}\"\nreplay = \"bug.rec\"\n{more}\n")
    };
    let folder = Folder::new("test-replay")
        .with("app.wat", app(1))
        .with("twice.wat", app(2))
        .with(
            "loop.wat",
            "(module (func (export \"_start\") (loop (br 0))))",
        )
        .with(
            "clock.wat",
            "(module (func (export \"now\") (result i64) (i64.const 7)))",
        )
        .with(
            "tests/wrong.test.toml",
            case("a", "stdin = \"x\"\nexpect.files = { x = true }"),
        )
        .with(
            "tests/app.test.toml",
            [
                case("as recorded", "stdout = \"abc\""),
                case(
                    "its module",
                    "module = \"../app.wat\"\nstdout = \"abc\"\nexit = 0",
                ),
                case("another", "module = \"../twice.wat\"\nstdout = \"abc\""),
                case(
                    "endless",
                    "module = \"../loop.wat\"\nexit = 0\ntimeout = \"100ms\"",
                ),
            ]
            .concat(),
        );
    let record = [
        "run",
        "--record",
        "tests/bug.rec",
        "--with-modules",
        "--preload",
        "clock=clock.wat",
        "--alias",
        "env=clock",
        "app.wat",
    ];
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_holdall"));
    crate::support::run(command.current_dir(folder.path()), &record, "abc").fails(0, &[]);
    let outcome = folder.holdall(&["test", "tests/app.test.toml"]);
    assert_eq!(outcome.code, 1, "{outcome:#?}");
    for expected in [
        "test tests/app.test.toml::as recorded ... ok\n",
        "test tests/app.test.toml::its module ... ok\n",
        "---- tests/app.test.toml::another ----\nthe guest leaves the recording at call 3",
        "---- tests/app.test.toml::endless ----\nthe guest leaves the recording at call 1",
        "deadline exceeded",
    ] {
        assert!(
            outcome.stdout.contains(expected),
            "{expected}\n{outcome:#?}"
        );
    }
    let outcome = folder.holdall(&["test", "tests/wrong.test.toml"]);
    assert_eq!(
        outcome.stderr,
        "holdall: tests/wrong.test.toml:3:10: `replay`: a recording has no files that `expect.files` could look at\n\
         holdall: tests/wrong.test.toml:4:1: `stdin` has no place beside `replay`: the recording has what the module \
         was given\n"
    );
}
