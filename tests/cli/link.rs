//! `holdall run`: how the modules that a module needs are found, and how it is told when they are
//! not.

use crate::support::{Folder, holdall};

/// A module `app` whose `f` gives what `f` of module `needs` gives.
pub(crate) fn app(needs: &str) -> String {
    format!(
        "(module (import \"{needs}\" \"f\" (func $f (result i32)))
            (func (export \"f\") (result i32) (call $f)))"
    )
}

/// A module whose `f` gives a number.
pub(crate) fn leaf(number: i32) -> String {
    format!("(module (func (export \"f\") (result i32) i32.const {number}))")
}

#[test]
fn dependencies_come_from_directories_in_order_and_then_the_bundle() {
    let folder = Folder::new("order")
        .with("app.wat", app("lib"))
        .with("one/other.wat", leaf(1))
        .with("two/lib.wat", leaf(2))
        .with("three/lib.wat", leaf(3))
        .with(
            "bundled.wat",
            "(module (import \"mA\" \"A\" (func $a (result i32))) (export \"f\" (func $a)))",
        )
        .with(
            "four/mA.wat",
            "(module (func (export \"A\") (result i32) i32.const 4))",
        );
    let app = ["run", "app.wat", "--invoke", "f", "--module-path"];
    folder
        .holdall(&[&app[..], &["one", "--module-path", "two"]].concat())
        .prints("0x2:i32\n");
    folder
        .holdall(&[&app[..], &["three", "--module-path", "two"]].concat())
        .prints("0x3:i32\n");
    folder
        .holdall(&["run", "bundled.wat", "--invoke", "f"])
        .prints("0xa:i32\n");
    folder
        .holdall(&[
            "run",
            "bundled.wat",
            "--module-path",
            "four",
            "--invoke",
            "f",
        ])
        .prints("0x4:i32\n");
    folder
        .holdall(&["run", "--no-bundle", "bundled.wat", "--invoke", "f"])
        .fails(
            1,
            &["there is no module reader to load \"mA\" (bundled -> mA)"],
        );
}

#[test]
fn the_roots_own_directory_is_not_asked_unless_it_is_named() {
    let folder = Folder::new("own")
        .with("app.wat", app("lib"))
        .with("lib.wat", leaf(5));
    folder
        .holdall(&["run", "app.wat", "--invoke", "f"])
        .fails(1, &["no module \"lib\" (app -> lib), asked the bundle"]);
    folder
        .holdall(&["run", "app.wat", "--invoke", "f", "--module-path", "."])
        .prints("0x5:i32\n");
}

#[test]
fn preloads_come_first() {
    let folder = Folder::new("preload")
        .with("app.wat", app("lib"))
        .with("lib.wat", leaf(1))
        .with("mine.wat", leaf(6));
    folder
        .holdall(&[
            "run",
            "app.wat",
            "--preload",
            "lib=mine.wat",
            "--module-path",
            ".",
            "--invoke",
            "f",
        ])
        .prints("0x6:i32\n");
    folder
        .holdall(&[
            "run",
            "app.wat",
            "--preload",
            "lib=mine.wat",
            "--invoke",
            "$lib$f",
        ])
        .prints("0x6:i32\n");
    folder
        .holdall(&[
            "run",
            "app.wat",
            "--preload",
            "env=mine.wat",
            "--invoke",
            "f",
        ])
        .fails(
            1,
            &[
                "cannot preload env=mine.wat; say --preload NAME=mine.wat --alias env=NAME",
                "can not register as a built-in module",
            ],
        );
    folder
        .holdall(&["run", "app.wat", "--preload", "lib=no.wat", "--invoke", "f"])
        .fails(
            1,
            &["cannot preload lib=no.wat\n  caused by: cannot read no.wat\n  caused by: "],
        );
}

#[test]
fn what_is_missing_is_told_with_its_chain_and_the_nearest_name() {
    let folder = Folder::new("missing")
        .with("app.wat", app("middle"))
        .with("lib/middle.wat", app("libary"))
        .with("lib/library.wat", leaf(1));
    folder
        .holdall(&["run", "app.wat", "--module-path", "lib", "--invoke", "f"])
        .fails(
            1,
            &[
                "app -> middle -> libary",
                "directory \"lib\"",
                "did you mean \"library\"?",
            ],
        );
}

#[test]
fn a_mismatch_names_both_types() {
    let folder = Folder::new("mismatch")
        .with("app.wat", app("lib"))
        .with("lib/lib.wat", "(module (func (export \"f\") (param i64)))");
    folder
        .holdall(&["run", "app.wat", "--module-path", "lib", "--invoke", "f"])
        .fails(
            1,
            &["expected (func (result i32)), found (func (param i64))"],
        );
}

#[test]
fn a_circle_is_told_with_its_path_the_root_included() {
    let folder = Folder::new("circle")
        .with("a.wat", app("b"))
        .with("b.wat", app("c"))
        .with("c.wat", app("a"));
    folder
        .holdall(&["run", "a.wat", "--module-path", ".", "--invoke", "f"])
        .fails(1, &["a -> b -> c -> a"]);
}

#[test]
fn a_dependency_that_is_no_module_is_told() {
    let folder = Folder::new("no_module")
        .with("app.wat", app("lib"))
        .with("lib/lib.wasm", "\0asm\u{2}\0\0\0")
        .with("big/lib.wat", "(module (func (export \"f\") (result i32)))");
    folder
        .holdall(&["run", "app.wat", "--module-path", "lib", "--invoke", "f"])
        .fails(
            1,
            &[
                "module \"lib\" could not be loaded (app -> lib)",
                "malformed module \"lib\"",
            ],
        );
    folder
        .holdall(&["run", "app.wat", "--module-path", "big", "--invoke", "f"])
        .fails(
            1,
            &[
                "module \"lib\" could not be loaded (app -> lib)",
                "does not validate",
            ],
        );
}

#[test]
fn a_command_is_no_dependency() {
    let folder = Folder::new("command").with("app.wat", app("lib")).with(
        "lib/lib.wat",
        "(module (func (export \"_start\")) (func (export \"f\") (result i32) i32.const 1))",
    );
    folder
        .holdall(&["run", "app.wat", "--module-path", "lib", "--invoke", "f"])
        .fails(
            1,
            &[
                "a command (with _start function) can not be a sub-module",
                "by --use-exports \"lib\"",
            ],
        );
}

#[test]
fn a_command_is_used_for_its_exports_where_an_option_says_so() {
    let folder = Folder::new("use_exports").with("app.wat", app("lib")).with(
        "lib/lib.wat",
        "(module (func (export \"_start\") unreachable)
            (func (export \"f\") (result i32) i32.const 7))",
    );
    let options = ["app.wat", "--module-path", "lib", "--use-exports", "lib"];
    let run = [&["run"], &options[..], &["--invoke", "f"]].concat();
    folder.holdall(&run).prints("0x7:i32\n");
    let shown = folder.holdall(&[&["inspect"], &options[..]].concat());
    assert!(
        shown
            .stdout
            .contains("lib  -- a command, used for its exports\n"),
        "{shown:#?}"
    );
    let shown = folder.holdall(&["inspect", "app.wat", "--module-path", "lib"]);
    assert!(
        shown
            .stdout
            .contains("lib  -- a command; --use-exports lib uses its exports\n"),
        "{shown:#?}"
    );
}

#[test]
fn a_directory_can_not_be_left() {
    let folder = Folder::new("confined")
        .with("secret.wat", leaf(13))
        .with("lib/sub/good.wat", leaf(14))
        .with("good.wat", app("sub/good"));
    folder
        .holdall(&["run", "good.wat", "--module-path", "lib", "--invoke", "f"])
        .prints("0xe:i32\n");
    let absolute = folder.path().join("secret");
    let absolute = absolute.to_str().expect("UTF-8").replace('\\', "/");
    for name in ["../secret", "sub/../../secret", "./../secret", &absolute] {
        let folder = Folder::new("confined_app")
            .with("app.wat", app(name))
            .with("secret.wat", leaf(13))
            .with("lib/sub/x.wat", leaf(1));
        folder
            .holdall(&["run", "app.wat", "--module-path", "lib", "--invoke", "f"])
            .fails(1, &["could not be read (app -> ", "is not confined to"]);
    }
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_does_not_lead_out() {
    let folder = Folder::new("links")
        .with("secret.wat", leaf(13))
        .with("lib/inside.wat", leaf(14))
        .with("a.wat", app("out"))
        .with("b.wat", app("in"));
    let link = |target: &str, name: &str| {
        let path = folder.path().join("lib").join(name);
        std::os::unix::fs::symlink(target, path).expect("it is ours");
    };
    link("../secret.wat", "out.wat");
    link("inside.wat", "in.wat");
    folder
        .holdall(&["run", "a.wat", "--module-path", "lib", "--invoke", "f"])
        .fails(1, &["leads out through a symbolic link"]);
    folder
        .holdall(&["run", "b.wat", "--module-path", "lib", "--invoke", "f"])
        .prints("0xe:i32\n");
}

#[test]
fn a_directory_that_is_not_there_is_told() {
    holdall(&["run", "mC", "--module-path", "no/such", "--invoke", "C"])
        .fails(1, &["cannot open directory no/such\n  caused by: "]);
}
