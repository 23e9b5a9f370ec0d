//! Which runtime an executable is made of: the one that an option names, the one beside the command, or
//! the command itself. Packing works with any of them, and says which.

use std::fs;
use std::path::Path;

use crate::support::{Folder, Outcome};

const RUNTIME: &str = env!("CARGO_BIN_EXE_holdall-runtime");
const COMMAND: &str = env!("CARGO_BIN_EXE_holdall");

/// How a mark begins.
const MARK: &[u8] = b"holdall run\0";

const SAMPLE: [&str; 5] = ["mC", "-o", "app", "--invoke", "call_B"];

/// Runs `pack` of the command at `bin/holdall`, to which `runtimes` are copied under these names.
#[track_caller]
fn pack(folder: &Folder, runtimes: &[&str], args: &[&str]) -> Outcome {
    let bin = folder.path().join("bin");
    fs::create_dir_all(&bin).unwrap();
    link(COMMAND, &bin.join("holdall"));
    for name in runtimes {
        let path = bin.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        link(RUNTIME, &path);
    }
    folder.run(bin.join("holdall"), &[&["pack"], args, &SAMPLE].concat())
}

/// The same file at another place. It is large.
fn link(from: &str, to: &Path) {
    if !to.exists() {
        fs::hard_link(from, to).unwrap();
    }
}

/// The executable was made of this runtime, which was said, and runs.
#[track_caller]
fn made_of(folder: &Folder, outcome: &Outcome, runtime: &str) {
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    let path = folder.path().join("bin").join(runtime);
    let said = format!("runtime: {}", path.display());
    let first = outcome.stderr.lines().next().unwrap_or_default();
    assert!(
        first.starts_with(&said) && first.ends_with(" MB"),
        "no {said:?} in {outcome:#?}"
    );
    folder.app("app", &[]).prints("0xb:i32\n");
    let made = fs::metadata(folder.path().join("app")).unwrap().len();
    let of = fs::metadata(path).unwrap().len();
    assert!(made > of && made - of < 1 << 20, "{made} of {of}");
}

#[test]
fn a_bare_copy_of_the_command_packs_itself() {
    let folder = Folder::new("bare");
    let outcome = pack(&folder, &[], &[]);
    made_of(&folder, &outcome, "holdall");
    assert!(
        outcome.stderr.contains("(this command itself)"),
        "{outcome:#?}"
    );
    // What it was is not what it is: it takes no words of the command.
    folder.app("app", &["--help"]).fails(2, &["app: "]);
    folder.holdall(&["inspect", "app"]).fails(0, &[]);
    folder.holdall(&["unpack", "app", "out"]).fails(0, &[]);
    // Packed once more, it is the same.
    let first = fs::read(folder.path().join("app")).unwrap();
    pack(&folder, &[], &[]);
    assert!(first == fs::read(folder.path().join("app")).unwrap());
}

#[test]
fn the_runtime_beside_the_command_is_taken_before_the_command() {
    let folder = Folder::new("beside");
    let outcome = pack(&folder, &["holdall-runtime"], &[]);
    made_of(&folder, &outcome, "holdall-runtime");
    assert_eq!(
        outcome
            .stderr
            .contains("note: it was built without optimisation"),
        cfg!(debug_assertions),
        "{outcome:#?}"
    );
}

#[test]
fn a_runtime_of_another_build_is_passed_over_or_refused() {
    let folder = Folder::new("stale");
    let mut stale = fs::read(RUNTIME).unwrap();
    let marks: Vec<usize> = memchr::memmem::find_iter(&stale, MARK).collect();
    for at in marks {
        // The first byte of what code means to it.
        stale[at + MARK.len()] ^= 1;
    }
    let folder = folder.with("bin/holdall-runtime", &stale);
    let outcome = pack(&folder, &[], &[]);
    made_of(&folder, &outcome, "holdall");
    let note = "note: the runtime beside this command is not used: cannot use ";
    for text in [note, "another build of holdall"] {
        assert!(outcome.stderr.contains(text), "no {text:?} in {outcome:#?}");
    }
    let named = pack(&folder, &[], &["--runtime", "bin/holdall-runtime"]);
    named.fails(
        1,
        &["cannot use bin/holdall-runtime", "it is of another build"],
    );
}

#[test]
fn a_runtime_for_another_platform_is_found_by_its_name() {
    let folder = Folder::new("platforms");
    let none = pack(&folder, &[], &["--target", "riscv64gc-unknown-linux-musl"]);
    let way_out =
        "cargo build --profile dist --bin holdall-runtime --target riscv64gc-unknown-linux-musl";
    none.fails(1, &["there is none for any platform", way_out]);
    let there = [
        "runtimes/b-unknown-none/holdall-runtime",
        "runtimes/a-pc-windows-msvc/holdall-runtime.exe",
    ];
    let other = pack(&folder, &there, &["--target", "c"]);
    other.fails(
        1,
        &["no runtime for c: there are those for a-pc-windows-msvc, b-unknown-none; "],
    );
    for (triple, path) in [
        ("b-unknown-none", there[0]),
        ("a-pc-windows-msvc", there[1]),
    ] {
        let outcome = pack(&folder, &[], &["--target", triple]);
        made_of(&folder, &outcome, path);
    }
    let both = ["--target", "b-unknown-none", "--runtime", RUNTIME];
    pack(&folder, &[], &both).fails(2, &["--runtime"]);
    pack(&folder, &[], &["--target", "../x"]).fails(2, &["expected a platform"]);
}

#[test]
fn a_packed_executable_is_no_runtime() {
    let folder = Folder::new("twice");
    for runtimes in [&[][..], &["holdall-runtime"]] {
        pack(&folder, runtimes, &[]);
        let again = pack(&folder, &[], &["--runtime", "app"]);
        again.fails(1, &["cannot use app", "it is a packed executable"]);
        folder.app("app", &[]).prints("0xb:i32\n");
    }
}

#[test]
fn a_runtime_that_carries_nothing_says_so() {
    let folder = Folder::new("nothing");
    folder
        .run(RUNTIME, &[])
        .fails(1, &["holdall-runtime: it carries no program"]);
}

/// Stripped, an executable is smaller and still the same program, whatever it was made of.
#[test]
#[cfg(target_os = "linux")]
fn an_executable_that_is_stripped_runs() {
    let folder = Folder::new("stripped");
    for runtimes in [&[][..], &["holdall-runtime"]] {
        pack(&folder, runtimes, &[]);
        let stripped = folder.run("strip", &["app", "-o", "stripped"]);
        assert_eq!(stripped.code, 0, "{stripped:#?}");
        folder.app("stripped", &[]).prints("0xb:i32\n");
        folder.holdall(&["inspect", "stripped"]).fails(0, &[]);
    }
}
