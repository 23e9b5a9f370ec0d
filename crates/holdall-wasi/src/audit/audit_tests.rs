//! Paths, and what is needed for what was asked. What calls ask for is tested through the command.

use super::access::access;
use super::needs::Asks;
use super::place::{Place, common, holds, join};
use super::{Audit, Need, Needed};
use crate::abi::Function;
use crate::fs::host::HostDir;
use crate::grants::Access::{self, ReadOnly, ReadWrite};

#[test]
fn paths_are_joined_as_their_texts_say() {
    for (dir, path, expected) in [
        ("/w", "", "/w"),
        ("/w/", "a//./b/", "/w/a/b"),
        ("/w", "../../../etc", "/etc"),
        ("/w", "/etc", "/etc"),
        ("/", "a", "/a"),
        (".", "a", "a"),
        (".", "", "."),
        ("w", "../..", ".."),
        ("w", "../../a", "../a"),
        ("w", "a/../b", "w/b"),
    ] {
        assert_eq!(join(dir, path), expected, "{dir:?} {path:?}");
    }
}

#[test]
fn the_common_directory_ends_at_a_slash() {
    for (left, right, expected) in [
        ("a/b", "a/b", "a/b"),
        ("a/b", "a/bc", "a"),
        ("a/b/c", "a", "a"),
        ("a", "a/b/c", "a"),
        ("", "a", ""),
        ("ab", "ac", ""),
    ] {
        assert_eq!(common(left, right), expected, "{left:?} {right:?}");
    }
    assert!(holds("", "a") && holds("a", "a/b") && holds("a", "a"));
    assert!(!holds("a", "ab") && !holds("a/b", "a") && !holds("a", ""));
}

/// The path below, and the directories that have to be granted if it is a file or a directory.
fn places(path: &str, follows: bool) -> Option<(String, String, String)> {
    let name = format!("holdall-audit-{}-{follows}", path.replace(['/', '.'], "_"));
    let root = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(root.join("a/b/c")).unwrap();
    std::fs::write(root.join("a/file"), "").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("b", root.join("a/link")).unwrap();
    let dir = cap_std::fs::Dir::open_ambient_dir(&root, cap_std::ambient_authority()).unwrap();
    let place = Place::look_up(&HostDir::new(dir), path, follows);
    std::fs::remove_dir_all(&root).unwrap();
    place.map(|place| {
        (
            place.below.clone(),
            place.held_by(false).to_owned(),
            place.held_by(true).to_owned(),
        )
    })
}

#[track_caller]
fn check_place(path: &str, follows: bool, expected: Option<(&str, &str, &str)>) {
    let found = places(path, follows);
    let found = found.as_ref().map(|(a, b, c)| (&**a, &**b, &**c));
    assert_eq!(found, expected, "{path:?}, follows: {follows}");
}

#[test]
fn the_deepest_directory_that_there_is() {
    check_place("a/b/c", true, Some(("a/b/c", "a/b", "a/b/c")));
    check_place(".//a/./b", true, Some(("a/b", "a", "a/b")));
    check_place("a/file", true, Some(("a/file", "a", "a/file")));
    check_place("a/b/new", true, Some(("a/b/new", "a/b", "a/b")));
    check_place("a/new/x/y", true, Some(("a/new/x/y", "a", "a")));
    // `a/file` is no directory that could be granted.
    check_place("a/file/x", true, Some(("a/file/x", "a", "a")));
    check_place(".", true, Some(("", "", "")));
}

#[test]
fn what_leads_out_needs_nothing() {
    for path in ["..", "a/../..", "a/../../a/file", "/a", "new/../.."] {
        check_place(path, true, None);
    }
}

#[test]
fn a_path_that_turns_back_needs_where_it_does() {
    check_place("a/b/../file", true, Some(("a/file", "a", "a")));
    check_place("a/b/c/../../file", true, Some(("a/file", "a", "a")));
    check_place("a/../a/file", true, Some(("a/file", "", "")));
}

#[cfg(unix)]
#[test]
fn a_link_on_the_way_needs_the_whole_directory() {
    check_place("a/link/c", false, Some(("a/link/c", "", "")));
    check_place("a/link", true, Some(("a/link", "", "")));
    check_place("a/link/", false, Some(("a/link", "", "")));
    check_place("a/link", false, Some(("a/link", "a", "a/link")));
}

#[test]
fn through_an_opened_directory_it_is_the_opened_one_that_is_needed() {
    let place = Place::through("a/b", "a", "c/./d/../e").unwrap();
    assert_eq!(place.below, "a/b/c/e");
    assert_eq!((place.held_by(false), place.held_by(true)), ("a", "a"));
    for path in ["..", "c/../../b", "/a"] {
        assert_eq!(Place::through("a/b", "a", path), None, "{path:?}");
    }
}

/// What is needed of directories of these names. A name with a `!` was asked for by its number.
#[track_caller]
fn check_needs(
    names: &[&str],
    asked: &[(usize, &str, Access)],
    expected: &[(usize, &str, &str, Access)],
) {
    let mut asks = Asks::default();
    let granted: Vec<_> = names
        .iter()
        .map(|name| name.trim_end_matches('!').into())
        .collect();
    asks.set_granted(&granted);
    for (grant, name) in names.iter().enumerate() {
        if !name.ends_with('!') {
            asks.set_named(grant);
        }
    }
    for (grant, held_by, access) in asked {
        asks.add_dir(*grant, held_by, false, *access);
    }
    let expected = expected
        .iter()
        .map(|(grant, below, guest_path, access)| Needed::Dir {
            grant: *grant,
            below: (*below).to_owned(),
            guest_path: (*guest_path).to_owned(),
            access: *access,
        });
    assert_eq!(asks.needs(), expected.collect::<Vec<_>>());
}

#[test]
fn a_directory_that_was_never_asked_is_not_needed() {
    let asked = [(1, "x", ReadOnly)];
    check_needs(&["/a", "/b", "/c"], &asked, &[(1, "x", "/b/x", ReadOnly)]);
}

#[test]
fn what_was_changed_and_what_was_read() {
    let check = |asked: &[(&str, Access)], expected: &[(&str, &str, Access)]| {
        let asked: Vec<_> = asked
            .iter()
            .map(|(below, access)| (0, *below, *access))
            .collect();
        let expected = expected
            .iter()
            .map(|(below, guest, access)| (0, *below, *guest, *access));
        check_needs(&["/w/"], &asked, &expected.collect::<Vec<_>>());
    };
    // All in one.
    check(&[("", ReadOnly)], &[("", "/w/", ReadOnly)]);
    check(
        &[("a/x", ReadOnly), ("a/y", ReadOnly), ("a", ReadWrite)],
        &[("a", "/w/a", ReadWrite)],
    );
    check(&[("a", ReadWrite)], &[("a", "/w/a", ReadWrite)]);
    // What was changed lies deeper.
    check(
        &[("a", ReadOnly), ("a/y/1", ReadWrite), ("a/y/2", ReadWrite)],
        &[("a", "/w/a", ReadOnly), ("a/y", "/w/a/y", ReadWrite)],
    );
    // And elsewhere.
    check(
        &[("a", ReadOnly), ("b", ReadWrite)],
        &[("a", "/w/a", ReadOnly), ("b", "/w/b", ReadWrite)],
    );
}

#[test]
fn a_directory_known_by_its_number_needs_all_before_it() {
    check_needs(
        &["/a", "/b!", "/c"],
        &[(0, "x", ReadWrite), (1, "y", ReadOnly), (2, "z", ReadOnly)],
        &[
            (0, "", "/a", ReadWrite),
            (1, "", "/b", ReadOnly),
            (2, "z", "/c/z", ReadOnly),
        ],
    );
    check_needs(
        &["/a", "/b!"],
        &[(0, "x", ReadOnly)],
        &[(0, "x", "/a/x", ReadOnly)],
    );
}

#[test]
fn where_a_path_turned_there_is_one_directory() {
    let mut asks = Asks::default();
    asks.set_granted(&["/w".into()]);
    asks.set_named(0);
    asks.add_dir(0, "a/b/c", false, ReadWrite);
    asks.add_dir(0, "a/b", true, ReadOnly);
    let expected = Needed::Dir {
        grant: 0,
        below: "a/b".to_owned(),
        guest_path: "/w/a/b".to_owned(),
        access: ReadWrite,
    };
    assert_eq!(asks.needs(), [expected]);
}

#[test]
fn needs_stand_by_module_the_roots_first_and_once_each() {
    let audit = Audit::new(|_| {});
    let module = "m".into();
    for _ in 0..2 {
        audit.note(Some(&module), |asks| asks.add(Needed::Clocks));
        audit.note(None, |asks| asks.add(Needed::Random));
        audit.note(None, |asks| asks.add(Needed::Env));
    }
    let need = |module: Option<&str>, what| Need {
        module: module.map(Into::into),
        what,
    };
    let expected = [
        need(None, Needed::Env),
        need(None, Needed::Random),
        need(Some("m"), Needed::Clocks),
    ];
    assert_eq!(audit.needs(), expected);
}

#[test]
fn every_function_is_told_apart() {
    // Those that do not ask for a directory or a stream. A new function has to be put somewhere.
    let asks_for_none = [
        "args_get",
        "args_sizes_get",
        "clock_res_get",
        "clock_time_get",
        "environ_get",
        "environ_sizes_get",
        "fd_close",
        "fd_fdstat_get",
        "fd_fdstat_set_rights",
        "fd_prestat_dir_name",
        "fd_prestat_get",
        "fd_renumber",
        "poll_oneoff",
        "proc_exit",
        "proc_raise",
        "random_get",
        "sched_yield",
    ];
    for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
        let mut found: Vec<_> = Function::all(module)
            .filter(|function| {
                let slots = vec![0; function.params.len()];
                access(function, &slots).is_none()
            })
            .map(|function| function.name)
            .collect();
        found.sort_unstable();
        assert_eq!(found, asks_for_none, "{module}");
    }
}

#[test]
fn a_file_that_is_opened_to_be_changed() {
    let function = Function::find("wasi_snapshot_preview1", "path_open").unwrap();
    let found = |name: &str, slot: u64| {
        let params = function.params.iter();
        let slots: Vec<_> = params
            .map(|param| if param.name == name { slot } else { 0 })
            .collect();
        access(function, &slots)
    };
    for (name, slot, expected) in [
        ("fs_rights_base", 1 << 1, ReadOnly),
        ("fs_rights_base", 1 << 6, ReadWrite),
        ("fs_rights_inheriting", 1 << 6, ReadOnly),
        ("oflags", 1, ReadWrite),
        ("oflags", 2, ReadOnly),
        ("oflags", 4, ReadOnly),
        ("oflags", 8, ReadWrite),
        ("fdflags", 1, ReadWrite),
        ("fdflags", 4, ReadOnly),
    ] {
        assert_eq!(found(name, slot), Some(expected), "{name} {slot:#x}");
    }
}
