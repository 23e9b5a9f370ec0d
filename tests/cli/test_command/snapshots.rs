//! Snapshots: compared, written with --bless alone, and nowhere but beside their manifest.

use std::fs;

use super::folder;

const CASE: &str =
    "[[case]]\nname = \"a\"\nstdin = \"one\\n\"\nstdout = { snapshot = \"out.txt\" }";

#[test]
fn a_snapshot_is_written_with_bless_alone_and_compared_then() {
    let folder = folder("bless", CASE);
    let path = folder.path().join("tests/snapshots/app/out.txt");

    let outcome = folder.holdall(&["test"]);
    let expected = "stdout: expected snapshot out.txt, found no such snapshot yet\n\
                    snapshot tests/snapshots/app/out.txt: if what was found is right, write it with --bless\n";
    assert!(
        outcome.code == 1 && outcome.stdout.contains(expected),
        "{outcome:#?}"
    );
    assert!(!path.exists());

    folder.holdall(&["test", "--bless"]).fails(0, &[]);
    assert_eq!(fs::read_to_string(&path).ok().as_deref(), Some("one\n"));
    folder.holdall(&["test"]).fails(0, &[]);

    fs::write(&path, "two\n").expect("it is ours");
    let outcome = folder.holdall(&["test"]);
    let expected =
        "stdout: expected \"two\\n\", found \"one\\n\"\nsnapshot tests/snapshots/app/out.txt: if";
    assert!(
        outcome.code == 1 && outcome.stdout.contains(expected),
        "{outcome:#?}"
    );
    assert_eq!(fs::read_to_string(&path).ok().as_deref(), Some("two\n"));
}

#[test]
fn a_case_that_fails_otherwise_writes_no_snapshot() {
    let folder = folder("bless-failing", &format!("{CASE}\nexit = 3"));
    let outcome = folder.holdall(&["test", "--bless"]);
    let expected = "snapshot tests/snapshots/app/out.txt is not written, since the case fails\n";
    assert!(
        outcome.code == 1 && outcome.stdout.contains(expected),
        "{outcome:#?}"
    );
    assert!(!folder.path().join("tests/snapshots").exists());
}

#[test]
fn two_cases_have_one_snapshot_only_if_they_agree() {
    let other = "[[case]]\nname = \"b\"\nstdin = \"two\\n\"\nstdout = { snapshot = \"out.txt\" }";
    let folder = folder("bless-twice", &format!("{CASE}\n{other}"));
    let outcome = folder.holdall(&["test", "--bless", "--jobs", "1"]);
    let expected = "snapshot tests/snapshots/app/out.txt cannot be written: another case has just written \
                    something else there\n";
    assert!(
        outcome.code == 1 && outcome.stdout.contains(expected),
        "{outcome:#?}"
    );
}

#[test]
fn snapshots_of_no_case_are_told_and_stay() {
    let folder = folder("stale", CASE).with("tests/snapshots/app/sub/old.txt", "old");
    let outcome = folder.holdall(&["test", "--bless"]);
    outcome.fails(
        0,
        &["no case compares with tests/snapshots/app/sub/old.txt any more; it can be removed"],
    );
    assert!(
        folder
            .path()
            .join("tests/snapshots/app/sub/old.txt")
            .exists()
    );
}

#[cfg(unix)]
#[test]
fn no_snapshot_is_written_through_a_link_out_of_the_directory() {
    let folder = folder("bless-link", CASE).with("outside/keep", "");
    let snapshots = folder.path().join("tests/snapshots");
    fs::create_dir(&snapshots).expect("it is ours");
    std::os::unix::fs::symlink("../../outside", snapshots.join("app")).expect("it is ours");
    let outcome = folder.holdall(&["test", "--bless"]);
    assert_eq!(outcome.code, 1, "{outcome:#?}");
    assert!(!folder.path().join("outside/out.txt").exists());
}
