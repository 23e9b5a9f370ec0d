//! Programs in C and Rust, as their compilers make them for WASI (`wasm-apps/wasi/`), run as a user
//! runs them. What is about their outputs alone is in `tests/modules/`.

use std::fs;
use std::path::Path;

use crate::support::{Folder, holdall, holdall_reading};

/// The path of a built program.
fn program(name: &str) -> String {
    let apps = Path::new(env!("CARGO_MANIFEST_DIR")).join("wasm-apps/wasi");
    apps.join(name).to_str().expect("UTF-8").to_owned()
}

#[test]
fn arguments_variables_and_exit_code_reach_a_program_and_come_back() {
    let args = program("args.wasm");
    let outcome = holdall(&[
        "run", "--env", "A=b", "--env", "C=d e", &args, "x", "y z", "--env", "exit=7",
    ]);
    assert_eq!(outcome.code, 7, "{outcome:#?}");
    let expected = "arg 0: args.wasm\narg 1: x\narg 2: y z\narg 3: --env\narg 4: exit=7\n\
                    env A=b\nenv C=d e\n";
    assert_eq!(outcome.stdout, expected);
    holdall(&["run", &args, "abort"]).fails(134, &["trap: unreachable"]);
    assert_eq!(holdall(&["run", &args, "return=3"]).code, 3);
    let named = holdall(&["run", "--argv0", "other", &args]);
    assert!(named.stdout.starts_with("arg 0: other\n"), "{named:#?}");
}

#[test]
fn a_c_program_does_with_files_what_it_does_on_a_host() {
    let folder = Folder::new("guest_files");
    let program = program("files.wasm");
    let outcome = folder.holdall(&["run", "--dir", ".::/work", &program, "/work"]);
    outcome.prints(include_str!("../data/files.txt"));
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "it removes all that it made");
}

#[cfg(unix)]
#[test]
fn a_c_program_is_refused_whatever_leads_out_of_its_directory() {
    let folder = Folder::new("guest_refused")
        .with("outside/secret", "x")
        .with("jail/file", "hello")
        .with("jail/inner/kept", "");
    std::os::unix::fs::symlink("../outside", folder.path().join("jail/out")).unwrap();
    let program = program("refused.wasm");
    for dir in ["jail::/", "jail::/::ro"] {
        let outcome = folder.holdall(&["run", "--dir", dir, &program]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
        for line in outcome.stdout.lines() {
            let (what, said) = line.rsplit_once(": ").expect(line);
            let expected = match what {
                "read file" | "read inner/../file" => "ok",
                "descriptor 4" => "EBADF",
                _ => "EPERM",
            };
            assert_eq!(said, expected, "{line} in {dir}");
        }
    }
    let outcome = folder.holdall(&["run", "--dir", "jail::/::ro", &program, "change"]);
    let changes = outcome.stdout.lines().skip(13);
    assert!(changes.clone().count() >= 10, "{outcome:#?}");
    assert!(
        changes.into_iter().all(|line| {
            // What it could not make before is not there to be removed.
            line.ends_with(if line.starts_with("rmdir") {
                ": ENOENT"
            } else {
                ": EROFS"
            })
        }),
        "{outcome:#?}"
    );
    let file = fs::read_to_string(folder.path().join("jail/file")).unwrap();
    assert_eq!(file, "hello");
}

#[test]
fn clocks_of_the_host_go_on_while_a_program_sleeps() {
    let outcome = holdall(&["run", &program("clocks.wasm"), "20"]);
    assert_eq!(outcome.stdout.matches(": yes\n").count(), 6, "{outcome:#?}");
}

#[test]
fn a_program_waits_for_what_comes_first() {
    let poll = program("poll.wasm");
    let all = holdall(&["run", &poll, "all"]).stdout;
    for line in ["standard output: ok\n", "what does not exist: EBADF\n"] {
        assert!(all.contains(line), "{all}");
    }
    let data = holdall_reading(&["run", &poll, "60000"], "x").stdout;
    assert!(data.starts_with("standard input: ok"), "{data}");
}
