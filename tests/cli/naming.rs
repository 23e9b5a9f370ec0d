//! `--alias` and `--compatible-versions`, of `holdall run` and `holdall inspect`.

use crate::link::{app, leaf};
use crate::show::{needing, tree};
use crate::support::{Folder, Outcome};

/// Runs `f` of app.wat with modules of lib/.
fn run(folder: &Folder, options: &[&str]) -> Outcome {
    let run = ["run", "app.wat", "--module-path", "lib", "--invoke", "f"];
    folder.holdall(&[&run, options].concat())
}

#[test]
fn an_alias_is_satisfied_by_another_module() {
    let folder = Folder::new("alias")
        .with("app.wat", app("env"))
        .with("lib/mylib.wat", leaf(1))
        .with("lib/mylib@1.2.3.wat", leaf(2));
    run(&folder, &["--alias", "env=mylib"]).prints("0x1:i32\n");
    run(&folder, &["--alias=env=mylib@1", "--alias=x=y"]).prints("0x2:i32\n");
    run(&folder, &["--alias", "env=mylib", "--alias", "env=mylib"]).prints("0x1:i32\n");
    run(&folder, &["--alias", "env=mylibs"]).fails(
        1,
        &[
            "import \"env\".\"f\" (alias of \"mylibs\") of module \"app\": ",
            "did you mean \"mylib\"?",
        ],
    );
}

#[test]
fn an_alias_puts_a_module_between_a_program_and_wasi() {
    let program = "(module
        (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (func (export \"_start\") (call $exit (i32.const 3))))";
    let shim = "(module
        (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
        (func (export \"proc_exit\") (param i32)
            (call $exit (i32.add (local.get 0) (i32.const 4)))))";
    let folder = Folder::new("between")
        .with("app.wat", program)
        .with("lib/shim.wat", shim);
    let alias = [
        "--module-path",
        "lib",
        "--alias",
        "wasi_snapshot_preview1=shim",
    ];
    folder.holdall(&["run", "app.wat"]).fails(3, &[]);
    folder
        .holdall(&[&["run"], &alias[..], &["app.wat", "--alias", "own"]].concat())
        .fails(7, &[]);
    let outcome = folder.holdall(&[&["inspect", "app.wat"], &alias[..]].concat());
    assert_eq!(
        tree(&outcome.stdout),
        "  app\n  └── wasi_snapshot_preview1 -> shim\n      \
         └── wasi_snapshot_preview1  -- the host's\n\
         reaches the host, as far as it is granted to\n    shim  imports from wasi_snapshot_preview1: 1\n"
    );
}

#[test]
fn versions_are_exact_unless_compatible_ones_are_asked_for() {
    let folder = Folder::new("versions")
        .with("app.wat", app("lib@1.2"))
        .with("lib/lib@1.2.3.wat", leaf(123))
        .with("lib/lib@1.3.0.wat", leaf(130))
        .with("lib/lib@2.0.0.wat", leaf(200));
    run(&folder, &[]).prints("0x7b:i32\n");
    run(&folder, &["--compatible-versions"]).prints("0x82:i32\n");
    let folder = Folder::new("no_version")
        .with("app.wat", app("lib@1.2"))
        .with("lib/lib@1.3.0.wat", leaf(130))
        .with("lib/lib@2.0.0.wat", leaf(200));
    run(&folder, &[]).fails(
        1,
        &[
            "no module \"lib@1.2\" (app -> lib@1.2)",
            "; there is \"lib@2.0.0\", \"lib@1.3.0\"\n",
        ],
    );
}

#[test]
fn inspect_shows_what_names_stand_for() {
    let folder = Folder::new("tree_names")
        .with(
            "top.wat",
            needing(&["env", "lib@1", "lib@1.2", "lib@3", "old", "wasi"]),
        )
        .with("lib/lib@1.2.3.wat", needing(&["env"]))
        .with("lib/lib@1.3.0.wat", needing(&["env"]))
        .with("lib/lib@2.0.0.wat", needing(&[]));
    let aliases = [
        "--alias=env=lib@1.3.0",
        "--alias=old=lib@2",
        "--alias=wasi=wasi_unstable",
    ];
    let inspect = ["inspect", "top.wat", "--no-bundle", "--module-path", "lib"];
    let outcome = folder.holdall(&[&inspect[..], &aliases].concat());
    assert_eq!(
        tree(&outcome.stdout),
        "  top
  ├── env -> lib@1.3.0
  │   └── env  -- the host's
  ├── lib@1 -> lib@1.3.0  -- see above
  ├── lib@1.2 -> lib@1.2.3
  │   └── env -> lib@1.3.0  -- see above
  ├── lib@3  -- missing; there is \"lib@2.0.0\", \"lib@1.3.0\", \"lib@1.2.3\"
  ├── old -> lib@2.0.0
  └── wasi -> wasi_unstable  -- the host's
reaches the host, as far as it is granted to
    top  imports from wasi: 1
"
    );
    let outcome = folder.holdall(&[&inspect[..], &["--compatible-versions"]].concat());
    let tree = tree(&outcome.stdout);
    assert!(
        tree.contains("── lib@1.2 -> lib@1.3.0  -- see above\n"),
        "{tree}"
    );
}

#[test]
fn what_is_no_alias_is_a_wrong_command_line() {
    for subcommand in ["run", "inspect"] {
        let folder = Folder::new(&format!("no_alias_{subcommand}")).with("app.wat", leaf(1));
        for alias in ["x", "=y", "x=", "=", ""] {
            let outcome = folder.holdall(&[subcommand, "--alias", alias, "app.wat"]);
            outcome.fails(2, &["--alias <FROM=TO>"]);
        }
        folder.holdall(&[subcommand, "--alias=x", "app.wat"]).fails(
            2,
            &["invalid value 'x' for '--alias <FROM=TO>': expected FROM=TO"],
        );
        folder
            .holdall(&[subcommand, "--alias=a=b", "--alias=a=c", "app.wat"])
            .fails(
                2,
                &["--alias: \"a\" is an alias of \"b\" already, and can not be one of \"c\" too"],
            );
        folder
            .holdall(&[subcommand, "--compatible-versions=yes", "app.wat"])
            .fails(2, &["--compatible-versions"]);
    }
}
