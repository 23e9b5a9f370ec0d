//! An executable that is not as it was packed says so, and does not run.

use std::fs;

use crate::support::Folder;
use crate::{ECHO, letter};

fn packed(name: &str) -> (Folder, Vec<u8>) {
    let folder = Folder::new(name)
        .with("echo.wat", ECHO)
        .with("lib.wat", letter('x'))
        .with("in/file", "the contents of a file that travels");
    folder
        .pack(&[
            "echo.wat",
            "-o",
            "app",
            "--module",
            "lib=lib.wat",
            "--embed",
            "in::/in",
        ])
        .prints("");
    let bytes = fs::read(folder.path().join("app")).unwrap();
    (folder, bytes)
}

/// Where in the executable its bag begins.
fn bag(bytes: &[u8]) -> usize {
    let magic = b"\xf7holdall";
    let found = bytes.windows(magic.len()).rposition(|it| it == magic);
    found.expect("it carries one")
}

#[test]
fn a_byte_that_was_changed_keeps_it_from_running() {
    let (folder, bytes) = packed("flipped");
    let start = bag(&bytes);
    let text = bytes.windows(9).rposition(|it| it == b"that trav").unwrap();
    let end = start + 4096.min(bytes.len() - start);
    let mut places: Vec<usize> = (start..end).step_by(97).collect();
    places.extend([start, start + 8, start + 55, text]);
    for at in places {
        let mut broken = bytes.clone();
        broken[at] ^= 4;
        fs::write(folder.path().join("app"), &broken).unwrap();
        let ran = folder.app("app", &[]);
        let whole = folder.holdall(&["inspect", "app"]);
        // What lies between the parts is nobody's.
        if ran.code == 0 {
            assert_eq!(bytes[at], 0, "{at}");
            assert_eq!(ran.stdout, "app\nx\n");
            continue;
        }
        ran.fails(1, &["app: "]);
        assert!(ran.stdout.is_empty(), "{ran:#?}");
        assert!(whole.code == 1, "{at}: {whole:#?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_byte_of_its_program_that_was_changed_keeps_it_from_running() {
    let (folder, bytes) = packed("program");
    // Texts that only a trap would show.
    let text = b"integer divide by zero";
    let at = bytes.windows(text.len()).position(|it| it == text).unwrap();
    let mut broken = bytes.clone();
    broken[at] ^= 4;
    fs::write(folder.path().join("app"), &broken).unwrap();
    for outcome in [folder.app("app", &[]), folder.holdall(&["inspect", "app"])] {
        outcome.fails(1, &["damaged: its own program is not as it was packed"]);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_executable_whose_end_is_missing_does_not_run() {
    let (folder, bytes) = packed("short");
    let start = bag(&bytes);
    for end in [start + 10, start + 100, (start + bytes.len()) / 2] {
        fs::write(folder.path().join("app"), &bytes[..end]).unwrap();
        folder.app("app", &[]).fails(1, &[]);
        folder.holdall(&["inspect", "app"]).fails(1, &[]);
    }
}
