//! What cannot be packed is told, with the way out, and leaves nothing behind.

use std::fs;

use crate::support::Folder;
use crate::{ECHO, letter};

/// Packing fails with these texts, and leaves the folder as it was.
#[track_caller]
fn refused(folder: &Folder, code: i32, args: &[&str], texts: &[&str]) {
    let before = folder.names();
    folder
        .pack(&[&["-o", "app"], args].concat())
        .fails(code, texts);
    assert_eq!(folder.names(), before);
}

#[test]
fn a_graph_that_does_not_fit_is_refused_as_when_it_is_run() {
    let needs =
        |module: &str| format!("(module (import \"{module}\" \"f\" (func)) (func (export \"f\")))");
    let folder = Folder::new("graph")
        .with("echo.wat", ECHO)
        .with("lib.wat", letter('x'))
        .with(
            "other.wat",
            "(module (func (export \"f\") (result i64) i64.const 0))",
        )
        .with("a.wat", needs("b"))
        .with("circle/b.wat", needs("a"))
        .with("broken.wasm", b"\0asm\x01\0\0\0\xff")
        .with("text.txt", "text");
    refused(
        &folder,
        1,
        &["echo.wat"],
        &["\"lib\".\"f\"", "found no module \"lib\" (echo -> lib)"],
    );
    refused(
        &folder,
        1,
        &["echo.wat", "--module", "lib=other.wat"],
        &["expected (func (result i32)), found (func (result i64))"],
    );
    let circle = ["a.wat", "--invoke", "f", "--module-path", "circle"];
    refused(&folder, 1, &circle, &["a circle: a -> b -> a"]);
    refused(
        &folder,
        1,
        &["broken.wasm"],
        &["malformed module \"broken\""],
    );
    refused(
        &folder,
        1,
        &["echo.wat", "--module", "lib=broken.wasm"],
        &["\"lib\""],
    );
    refused(
        &folder,
        1,
        &["echo.wat", "--module", "env=lib.wat"],
        &["env is the host's"],
    );
    refused(&folder, 1, &["absent.wat"], &["absent.wat"]);
    refused(&folder, 1, &["lib.wat"], &["_start", "--invoke: f"]);
    refused(
        &folder,
        1,
        &["lib.wat", "--invoke", "g"],
        &["lookup function g failed"],
    );
    let unreached = ["lib.wat", "--module", "x=other.wat", "--invoke", "$x$f"];
    refused(
        &folder,
        1,
        &unreached,
        &["lookup function $x$f failed: no module x is linked"],
    );
    let twice = ["--module", "x=other.wat", "--module", "x=lib.wat"];
    refused(
        &folder,
        1,
        &[&["lib.wat", "--invoke", "f"], &twice[..]].concat(),
        &["there are two modules x"],
    );
    let unused = ["lib.wat", "--invoke", "f", "--module", "x=text.txt"];
    refused(&folder, 1, &unused, &["\"x\""]);
}

/// What cannot be called when it runs is told when it is packed, in the same words.
#[test]
fn functions_that_cannot_be_said_are_refused_when_they_are_typed() {
    let folder = Folder::new("unsayable")
        .with(
            "app.wat",
            "(module (import \"lib\" \"\" (func)) (import \"a$b\" \"f\" (func (result i32)))
                (func (export \"$own$\")) (func (export \"\")))",
        )
        .with("lib.wat", "(module (func (export \"\")))")
        .with("libs/a$b.wat", letter('x'));
    let libs = ["--module", "lib=lib.wat", "--module-path", "libs"];
    let app = [&["app.wat"], &libs[..]].concat();
    for (name, text) in [
        ("$lib$", "expected $MODULE$FUNCTION"),
        ("$$f", "expected $MODULE$FUNCTION"),
        ("$", "expected $MODULE$FUNCTION"),
        ("$lib", "expected $MODULE$FUNCTION"),
        ("$a$b$f", "the name of module a$b has a $"),
        ("$lib$f", "lookup function $lib$f failed"),
    ] {
        refused(
            &folder,
            1,
            &[&app[..], &["--invoke", name]].concat(),
            &[text],
        );
        refused(
            &folder,
            1,
            &[
                &app[..],
                &[&*format!("--preinit={name}")],
                &["--invoke", ""],
            ]
            .concat(),
            &[text],
        );
        let run = [
            "run",
            "app.wat",
            "--preload",
            "lib=lib.wat",
            "--module-path",
            "libs",
            "--invoke",
        ];
        folder
            .holdall(&[&run[..], &[name]].concat())
            .fails(1, &[text]);
    }
    // Exports of these very names come first, and the way out that the help names is one.
    let renamed = ["--module", "ab=libs/a$b.wat", "--alias", "a$b=ab"];
    let invoked = ["--invoke", "$own$", "--invoke", "", "--invoke", "$ab$f"];
    folder
        .pack(&[&["-o", "app"], &app[..3], &renamed, &invoked].concat())
        .prints("");
    folder.app("app", &[]).prints("\n\n0x78:i32\n");
}

#[test]
fn wrong_options_are_refused() {
    let folder = Folder::new("options")
        .with("lib.wat", letter('x'))
        .with("in/file", "text");
    let lib = ["lib.wat", "--invoke", "f"];
    let with = |more: &[&'static str]| [&lib[..], more].concat();
    refused(
        &folder,
        2,
        &with(&["--embed", "in"]),
        &["expected HOST_DIR::GUEST_DIR"],
    );
    refused(
        &folder,
        1,
        &with(&["--embed", "absent::/in"]),
        &["cannot embed directory absent"],
    );
    refused(
        &folder,
        1,
        &with(&["--embed", "in/file::/in"]),
        &["cannot embed directory in/file"],
    );
    refused(
        &folder,
        2,
        &with(&["--module", "lib.wat"]),
        &["expected NAME=PATH"],
    );
    refused(
        &folder,
        1,
        &with(&["--grant", "lob:stdout"]),
        &["--grant: no module lob", "\"lib\""],
    );
    refused(
        &folder,
        2,
        &with(&["--grant", "lib:stdout"]),
        &["lib is MODULE itself"],
    );
    refused(&folder, 2, &with(&["--audit", "x"]), &["--audit"]);
    let runtime = ["pack", "--runtime", "lib.wat", "-o", "app"];
    folder
        .holdall(&[&runtime[..], &lib].concat())
        .fails(1, &["it is not holdall's runtime"]);
    folder
        .holdall(&["pack", "lib.wat"])
        .fails(2, &["--output <APP>"]);
}

#[test]
#[cfg(unix)]
fn what_cannot_be_embedded_is_named() {
    use std::os::unix::fs::symlink;

    let folder = Folder::new("embed")
        .with("lib.wat", letter('x'))
        .with("links/a/file", "text");
    let links = folder.path().join("links");
    symlink("a/file", links.join("inside")).unwrap();
    symlink("../a/file", links.join("a/also")).unwrap();
    let embed = ["lib.wat", "--invoke", "f", "--embed", "links::/in"];
    folder
        .pack(&[&["-o", "good"], &embed[..]].concat())
        .prints("");
    folder.app("good", &[]).prints("0x78:i32\n");
    for target in ["/etc/passwd", "../..", "a/../../x"] {
        symlink(target, links.join("a/out")).unwrap();
        let leads_out = if target == "a/../../x" {
            // It leads to links/x, which would be in there.
            continue;
        } else {
            "leads out of the directory"
        };
        refused(&folder, 1, &embed, &["\"a/out\"", leads_out]);
        fs::remove_file(links.join("a/out")).unwrap();
    }
}

#[test]
#[cfg(unix)]
fn an_output_that_cannot_be_written_is_told_and_nothing_is_left() {
    let folder = Folder::new("output")
        .with("lib.wat", letter('x'))
        .with("dir/file", "text");
    let lib = ["lib.wat", "--invoke", "f", "-o"];
    for (output, text) in [
        ("absent/app", "cannot write absent/app"),
        ("dir", "no file"),
        ("lib.wat/app", "cannot write lib.wat/app"),
        ("/dev/full", "no file"),
        ("..", "no file"),
    ] {
        let before = folder.names();
        folder
            .pack(&[&lib[..], &[output]].concat())
            .fails(1, &[text]);
        assert_eq!(folder.names(), before, "{output}");
    }
    // A file that is there stays until the new one is whole.
    fs::write(folder.path().join("app"), "old").unwrap();
    refused(&folder, 1, &["lib.wat"], &["_start"]);
    assert_eq!(fs::read(folder.path().join("app")).unwrap(), b"old");
    folder.pack(&[&lib[..], &["app"]].concat()).prints("");
    folder.app("app", &[]).prints("0x78:i32\n");
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_leaves_nothing() {
    let folder = Folder::new("full").with("lib.wat", letter('x'));
    // So much may be written to one file; more is refused as a full disk is.
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; exec '{}' pack lib.wat --invoke f -o app",
        env!("CARGO_BIN_EXE_holdall"),
    );
    folder
        .run("bash", &["-c", &script])
        .fails(1, &["cannot write app"]);
    assert_eq!(folder.names(), ["lib.wat"]);
}

#[test]
fn native_code_without_a_compiler_names_the_feature() {
    if cfg!(feature = "native") {
        return;
    }
    let folder = Folder::new("no_compiler");
    folder
        .pack(&["mC", "-o", "app", "--native"])
        .fails(1, &["build holdall with its feature `native`"]);
    folder
        .pack(&["mC", "-o", "app", "--cpu", "native"])
        .fails(2, &["--native"]);
    assert_eq!(folder.names(), <[&str; 0]>::default());
}
