//! What `inspect` tells of an executable, what `unpack` gives back, and that the same goes in.

use std::fs;

use crate::support::Folder;
use crate::{ECHO, letter};

fn packed(name: &str) -> Folder {
    let folder = Folder::new(name)
        .with("echo.wat", ECHO)
        .with("lib.wat", letter('x'))
        .with("in/a/text", "text")
        .with("in/b", "text")
        .with("in/empty", "");
    folder.pack(PACK).prints("");
    folder
}

const PACK: &[&str] = &[
    "echo.wat",
    "-o",
    "app",
    "--module",
    "lib=lib.wat",
    "--embed",
    "in::/in",
    "--env",
    "A=b c",
    "--dir",
    "in::/host::ro",
    "--grant",
    "lib:stderr",
    "--timeout",
    "1.5s",
    "--alias",
    "env=lib",
    "--",
    "first",
    "--second one",
];

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let folder = packed("same");
    let first = fs::read(folder.path().join("app")).unwrap();
    folder.pack(PACK).prints("");
    assert!(first == fs::read(folder.path().join("app")).unwrap());
}

#[test]
fn inspect_tells_modules_files_grants_and_limits() {
    let folder = packed("inspect");
    let outcome = folder.holdall(&["inspect", "app"]);
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (0, ""),
        "{outcome:#?}"
    );
    for text in [
        concat!("packed by holdall ", env!("CARGO_PKG_VERSION"), "\n"),
        "root: echo\n",
        "calls: _start\n",
        "arguments: first '--second one'\n",
        "    lib ",
        "  sha256 ",
        "    /in  3 files  8 bytes\n",
        "    --dir in::/host::ro\n",
        "    --env 'A=b c'\n",
        "    --grant lib:stderr\n",
        "    --timeout 1.5s\n",
        "    --alias env=lib\n",
    ] {
        assert!(outcome.stdout.contains(text), "no {text:?} in {outcome:#?}");
    }
}

#[test]
fn what_is_unpacked_packs_again_to_the_same() {
    let folder = packed("unpack");
    let first = fs::read(folder.path().join("app")).unwrap();
    folder
        .holdall(&["unpack", "app", "out/of/it"])
        .prints("modules: 2, directories: 1, in out/of/it\n");
    let out = folder.path().join("out/of/it");
    assert_eq!(fs::read(out.join("files/in/a/text")).unwrap(), b"text");
    assert_eq!(fs::read(out.join("files/in/empty")).unwrap(), b"");
    let command = fs::read_to_string(out.join("command.txt")).unwrap();
    // As a shell would, but for where the command is.
    let runtime = if cfg!(debug_assertions) {
        concat!("--runtime ", env!("CARGO_BIN_EXE_holdall-runtime"))
    } else {
        ""
    };
    let command = command.replace("holdall pack", &format!("\"$HOLDALL\" pack {runtime}"));
    let status = std::process::Command::new("bash")
        .args(["-c", &command])
        .env("HOLDALL", env!("CARGO_BIN_EXE_holdall"))
        .current_dir(&out)
        .status()
        .unwrap();
    assert!(status.success());
    assert!(first == fs::read(out.join("APP")).unwrap());
    folder
        .holdall(&["unpack", "app", "out/of/it"])
        .fails(1, &["cannot unpack into out/of/it", "not empty"]);
}

#[test]
fn what_is_no_packed_executable_is_told() {
    let folder = Folder::new("none").with("text", "text");
    let own = env!("CARGO_BIN_EXE_holdall");
    for args in [["inspect", own], ["inspect", "/bin/sh"]] {
        folder.holdall(&args).fails(1, &["it carries no program"]);
    }
    folder
        .holdall(&["unpack", "text", "out"])
        .fails(1, &["it carries no program"]);
    folder
        .holdall(&["unpack", "absent", "out"])
        .fails(1, &["absent"]);
    assert_eq!(folder.names(), ["text"]);
}
