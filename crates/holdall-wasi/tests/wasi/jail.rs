//! No path leads out of a directory that was granted, nor out of one that was opened in it.

use holdall_wasi::{Access, Grants};

use crate::abi::{
    CREATE, DIRECTORY, INVAL, LOOP, NO_FOLLOW, NOENT, PERM, READ, SUCCESS, TRUNCATE, WRITE, XDEV,
};
use crate::guest::{Arg, BUFFER, Guest, OUT};
use crate::place::{Folder, Place};

/// A place with something below `sub` and something beside it, and the guest that has all of it,
/// with `sub` open as 4.
pub(crate) fn jailed(place: Place) -> (Place, Guest) {
    let place = place
        .with("secret", "secret")
        .with("beside/inner", "secret")
        .with("sub/file", "file")
        .with("sub/dir/file", "inner file");
    let mut guest = Guest::new(place.grant(Access::ReadWrite));
    for (target, path) in [
        ("../secret", "sub/to_secret"),
        ("..", "sub/to_parent"),
        ("to_parent", "sub/to_link"),
        ("dir/../../secret", "sub/through_dir"),
        ("dir/../to_secret", "sub/chain"),
        ("../nowhere", "sub/dangling"),
        ("../../secret", "sub/dir/to_secret"),
        ("file", "sub/to_file"),
        ("dir/../dir/file", "sub/to_inner"),
        ("again", "sub/again"),
    ] {
        assert_eq!(
            call!(guest.path_symlink(target, 3, path)),
            SUCCESS,
            "{path}"
        );
    }
    assert_eq!(guest.open(3, "sub", DIRECTORY), Ok(4));
    (place, guest)
}

/// Every call that takes a path, with this one: as what it is about, or as what it leads to.
fn calls(path: &str, follow: bool) -> Vec<(&'static str, Vec<Arg>)> {
    macro_rules! table {
        ($($name:ident($($arg:expr),*);)*) => {
            vec![$((stringify!($name), vec![$(Arg::from($arg)),*])),*]
        };
    }
    let mut calls = table! {
        path_filestat_get(4, 1, path, BUFFER);
        path_filestat_set_times(4, 1, path, 0, 0, 10);
        path_open(4, 1, path, 0, 2, 0, 0, OUT);
        path_open(4, 1, path, 0, 0, 0, 0, OUT);
        path_open(4, 1, path, 2, 0, 0, 0, OUT);
        path_open(4, 1, path, 1, 64, 0, 0, OUT);
        path_open(4, 1, path, 8, 64, 0, 0, OUT);
        path_open(4, 1, path, 9, 66, 0, 1, OUT);
    };
    if !follow {
        calls.extend(table! {
            path_filestat_get(4, 0, path, BUFFER);
            path_filestat_set_times(4, 0, path, 0, 0, 10);
            path_open(4, 0, path, 0, 2, 0, 0, OUT);
            path_open(4, 0, path, 5, 64, 0, 0, OUT);
            path_create_directory(4, path);
            path_link(4, 0, path, 4, "new");
            path_link(4, 0, "file", 4, path);
            path_readlink(4, path, BUFFER, 99, OUT);
            path_remove_directory(4, path);
            path_rename(4, path, 4, "new");
            path_rename(4, "file", 4, path);
            path_symlink("file", 4, path);
            path_unlink_file(4, path);
        });
    }
    calls
}

/// Paths that lead out whatever is done with them.
const OUT_OF_SUB: &[&str] = &[
    "../secret",
    "../new",
    "./../secret",
    "dir/../../secret",
    "dir/./..//../secret",
    "../beside/inner",
    "../sub/file",
    "../../etc/passwd",
    "../../../../../../../../../../etc/passwd",
    "/secret",
    "/file",
    "/etc/passwd",
    "//etc/passwd",
    "/./etc/passwd",
    "to_parent/secret",
    "to_parent/new",
    "to_parent/sub/file",
    "to_link/secret",
    "dir/../to_parent/secret",
    "to_parent/../secret",
];

/// Links whose targets are outside.
const LINKS_OUT: &[&str] = &[
    "to_secret",
    "to_parent",
    "to_link",
    "through_dir",
    "chain",
    "dangling",
    "dir/to_secret",
    "dir/../to_secret",
];

/// Makes every call with each path, and finds each refused because of where it leads, and nothing
/// changed anywhere.
fn refuses(place: Place, paths: &[&str], follow: bool) {
    let (place, mut guest) = jailed(place);
    let before = place.everything();
    let mut wrong = Vec::new();
    for path in paths {
        for (name, args) in calls(path, follow) {
            let errno = guest.call(name, &args);
            if errno != PERM {
                let numbers: Vec<_> = args
                    .iter()
                    .map(|arg| match arg {
                        Arg::Number(number) => number.to_string(),
                        Arg::Bytes(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
                    })
                    .collect();
                wrong.push(format!("{name}({}) = {errno:?}", numbers.join(", ")));
            }
            assert_eq!(
                place.everything(),
                before,
                "{}: {name} of {path}",
                place.name()
            );
        }
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", place.name());
}

#[test]
fn no_path_leads_out_of_a_folder() {
    let [host, _] = Place::both("paths_out");
    refuses(host, OUT_OF_SUB, false);
}

#[test]
fn no_path_leads_out_of_a_directory_in_memory() {
    let [_, memory] = Place::both("paths_out_of_memory");
    refuses(memory, OUT_OF_SUB, false);
}

#[test]
fn no_link_is_followed_out_of_a_folder() {
    let [host, _] = Place::both("links_out");
    refuses(host, LINKS_OUT, true);
}

#[test]
fn no_link_is_followed_out_of_a_directory_in_memory() {
    let [_, memory] = Place::both("links_out_of_memory");
    refuses(memory, LINKS_OUT, true);
}

#[test]
fn the_granted_directory_itself_is_not_left() {
    for place in Place::both("root_left") {
        let (place, mut guest) = jailed(place);
        for path in [
            "..",
            "../",
            "../..",
            "sub/../..",
            "sub/dir/../../../x",
            "../root_left/secret",
        ] {
            for how in [READ, DIRECTORY, WRITE | CREATE] {
                assert_eq!(
                    guest.open(3, path, how),
                    Err(PERM),
                    "{}: {path}",
                    place.name()
                );
            }
            assert_eq!(guest.stat(3, path), Err(PERM), "{}: {path}", place.name());
        }
        // Within it, `..` goes where it should.
        assert_eq!(
            guest.read_file(3, "sub/dir/../../secret").unwrap(),
            "secret"
        );
        assert_eq!(guest.read_file(3, "sub/to_secret").unwrap(), "secret");
        assert_eq!(guest.read_file(4, "dir/../file").unwrap(), "file");
        assert_eq!(guest.read_file(4, "to_inner").unwrap(), "inner file");
    }
}

#[test]
fn links_that_lead_out_can_be_looked_at_and_taken_away() {
    for place in Place::both("links_themselves") {
        let (place, mut guest) = jailed(place);
        let name = place.name();
        assert_eq!(
            call!(guest.path_readlink(4, "to_secret", BUFFER, 99, OUT)),
            SUCCESS
        );
        assert_eq!(guest.get(BUFFER, guest.out()), b"../secret", "{name}");
        assert_eq!(
            call!(guest.path_filestat_get(4, 0, "to_secret", BUFFER)),
            SUCCESS,
            "{name}"
        );
        assert_eq!(guest.get(BUFFER + 16, 1), [7], "a symbolic link");
        assert_eq!(
            guest.open(4, "to_secret", READ | NO_FOLLOW),
            Err(LOOP),
            "{name}"
        );
        assert_eq!(
            call!(guest.path_rename(4, "to_secret", 4, "renamed")),
            SUCCESS,
            "{name}"
        );
        assert_eq!(guest.open(4, "renamed", READ), Err(PERM), "{name}");
        assert_eq!(
            call!(guest.path_unlink_file(4, "renamed")),
            SUCCESS,
            "{name}"
        );
        assert_eq!(guest.read_file(3, "secret").unwrap(), "secret", "{name}");
        // One that goes in circles ends.
        assert_eq!(guest.open(4, "again", READ), Err(LOOP), "{name}");
        assert_eq!(guest.open(4, "again/x", READ), Err(LOOP), "{name}");
    }
}

#[test]
fn links_to_absolute_paths_are_not_made() {
    for place in Place::both("absolute_links") {
        let (place, mut guest) = jailed(place);
        let before = place.everything();
        for target in ["/", "/etc/passwd", "//"] {
            assert_eq!(
                call!(guest.path_symlink(target, 4, "new")),
                PERM,
                "{}",
                place.name()
            );
        }
        assert_eq!(place.everything(), before);
    }
}

#[cfg(unix)]
#[test]
fn links_that_somebody_else_made_are_not_followed_out() {
    let outside = Folder::new("foreign_outside").with("secret", "secret");
    let target = outside.path().to_str().unwrap();
    let folder = Folder::new("foreign_links")
        .with("jail/file", "")
        .with_link("jail/absolute", &format!("{target}/secret"))
        .with_link("jail/absolute_dir", target)
        .with_link("jail/relative", "../../foreign_outside/secret")
        .with_link("jail/first", "second")
        .with_link("jail/second", "absolute_dir/secret")
        .with_link("jail/root", "/")
        .with_link(
            "jail/itself",
            folder_path("foreign_links/jail/file").to_str().unwrap(),
        );
    let before = outside.everything();
    let grants = Grants::new()
        .host_dir(folder.path().join("jail"), "/", Access::ReadWrite)
        .unwrap();
    let mut guest = Guest::new(grants);
    for path in [
        "absolute",
        "absolute_dir/secret",
        "absolute_dir/new",
        "relative",
        "first",
        "root",
        "root/etc/passwd",
        "itself",
    ] {
        for how in [READ, WRITE | CREATE, WRITE | TRUNCATE, DIRECTORY] {
            assert_eq!(guest.open(3, path, how), Err(PERM), "{path}");
        }
        assert_eq!(guest.stat(3, path), Err(PERM), "{path}");
    }
    let errno = call!(guest.path_rename(3, "file", 3, "absolute_dir/stolen"));
    assert_eq!(errno, PERM);
    let errno = call!(guest.path_link(3, 0, "absolute_dir/secret", 3, "mine"));
    assert_eq!(errno, PERM);
    let errno = call!(guest.path_link(3, 1, "absolute", 3, "mine"));
    assert_ne!(errno, SUCCESS);
    assert_eq!(
        call!(guest.path_unlink_file(3, "absolute_dir/secret")),
        PERM
    );
    assert_eq!(outside.everything(), before);
}

#[cfg(unix)]
fn folder_path(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("wasi")
        .join(name)
}

#[test]
fn nothing_is_moved_from_one_place_to_another_of_another_kind() {
    let [host, memory] = Place::both("across");
    let (host, memory) = (host.with("file", "host"), memory.with("file", "memory"));
    let Place::Memory(files) = &memory else {
        panic!("it is the second");
    };
    let other = holdall_wasi::Files::new().with("file", "other");
    let grants = host
        .grant(Access::ReadWrite)
        .files(files.clone(), "/memory", Access::ReadWrite)
        .files(other.clone(), "/other", Access::ReadWrite);
    let mut guest = Guest::new(grants);
    let before = [host.everything(), memory.everything()];
    for (from, to) in [(3, 4), (4, 3), (4, 5), (5, 4), (3, 5)] {
        assert_eq!(
            call!(guest.path_rename(from, "file", to, "new")),
            XDEV,
            "{from} to {to}"
        );
        assert_eq!(
            call!(guest.path_link(from, 0, "file", to, "new")),
            XDEV,
            "{from} to {to}"
        );
    }
    assert_eq!([host.everything(), memory.everything()], before);
    assert_eq!(other.paths(), ["file"]);
}

#[test]
fn renames_and_links_go_between_directories_that_are_both_granted() {
    for place in Place::both("between") {
        let (place, mut guest) = jailed(place);
        let name = place.name();
        let beside = guest.open(3, "beside", DIRECTORY).unwrap();
        assert_eq!(
            call!(guest.path_rename(beside, "inner", 4, "moved")),
            SUCCESS,
            "{name}"
        );
        assert_eq!(guest.read_file(4, "moved").unwrap(), "secret", "{name}");
        assert_eq!(
            call!(guest.path_link(4, 0, "moved", beside, "linked")),
            SUCCESS,
            "{name}"
        );
        assert_eq!(guest.stat(beside, "linked").unwrap().links, 2, "{name}");
        // A directory is not moved into itself, from above or from its own descriptor.
        assert_eq!(
            call!(guest.path_rename(3, "sub", 4, "dir/sub")),
            INVAL,
            "{name}"
        );
        assert_eq!(guest.names(3), ["beside", "secret", "sub"], "{name}");
    }
}

#[test]
fn a_directory_that_is_moved_away_is_still_only_itself() {
    for place in Place::both("moved_away") {
        let (place, mut guest) = jailed(place);
        let name = place.name();
        let dir = guest.open(4, "dir", DIRECTORY).unwrap();
        assert_eq!(
            call!(guest.path_rename(4, "dir", 3, "beside/dir")),
            SUCCESS,
            "{name}"
        );
        assert_eq!(
            guest.read_file(dir, "file").unwrap(),
            "inner file",
            "{name}"
        );
        for path in ["..", "../inner", "../../secret"] {
            assert_eq!(guest.open(dir, path, READ), Err(PERM), "{name}: {path}");
        }
        assert_eq!(call!(guest.path_unlink_file(3, "beside/dir/file")), SUCCESS);
        assert_eq!(
            call!(guest.path_unlink_file(3, "beside/dir/to_secret")),
            SUCCESS
        );
        assert_eq!(
            call!(guest.path_remove_directory(3, "beside/dir")),
            SUCCESS,
            "{name}"
        );
        assert_eq!(guest.open(dir, "new", WRITE | CREATE), Err(NOENT), "{name}");
        assert_eq!(guest.open(dir, "../inner", READ), Err(PERM), "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn links_that_the_kernel_follows_by_itself_do_not_lead_out() {
    let proc = Grants::new().host_dir("/proc/self", "/", Access::ReadOnly);
    let mut guest = Guest::new(proc.unwrap());
    assert!(guest.open(3, "status", READ).is_ok(), "it is there");
    let paths = [
        "root",
        "root/etc/passwd",
        "cwd",
        "cwd/Cargo.toml",
        "exe",
        "fd/0",
        "ns/mnt",
    ];
    for path in paths {
        for how in [READ, DIRECTORY, READ | NO_FOLLOW] {
            let opened = guest.open(3, path, how);
            assert!(opened.is_err(), "{path}, {how:?}: {opened:?}");
        }
        assert!(guest.stat(3, path).is_err(), "{path}");
    }
}
