//! Executables that may be recorded are, where their environment says so; others are not.

use std::process::Command;

use crate::support::{Folder, run};
use crate::{ECHO, letter, other_platform};

#[test]
fn an_executable_is_recorded_only_where_it_was_packed_so() {
    if other_platform().is_some() {
        return;
    }
    let folder = Folder::new("pack_record")
        .with("echo.wat", ECHO)
        .with("lib.wat", letter('x'));
    let pack = ["echo.wat", "--module", "lib=lib.wat"];
    folder
        .pack(&[&pack[..], &["-o", "plain"]].concat())
        .prints("");
    folder
        .pack(&[&pack[..], &["-o", "app", "--allow-record"]].concat())
        .prints("");
    let start = |app: &str, file: &str| {
        let mut command = Command::new(folder.path().join(app));
        command
            .current_dir(folder.path())
            .env("HOLDALL_RECORD", file);
        run(&mut command, &["one"], "")
    };
    start("plain", "plain.rec").prints("plain\none\nx\n");
    assert!(!folder.path().join("plain.rec").exists());
    start("app", "").prints("app\none\nx\n");
    start("app", "app.rec").prints("app\none\nx\n");
    let replay = ["replay", "app.rec", "--module-path", "."];
    folder.holdall(&replay).prints("app\none\nx\n");
    start("app", ".").fails(1, &["app: cannot write the recording to ."]);
    // What an executable allows is shown, and comes back.
    let shown = folder.holdall(&["inspect", "app"]);
    assert!(shown.stdout.contains("--allow-record"), "{shown:#?}");
    folder
        .pack(&[&pack[..], &["-o", "no", "--allow-record", "--preinit"]].concat())
        .fails(2, &["--preinit"]);
}
