//! Rights: what was taken away from a descriptor can not be done with it.

use holdall_wasi::Access;

use crate::abi::{
    APPEND, BADF, DIRECTORY, Errno, FD_READ, FD_WRITE, NOTCAPABLE, PATH_OPEN, READ, SUCCESS, WRITE,
    Wanted,
};
use crate::guest::{Arg, BUFFER, Guest, IOVS, OUT};
use crate::place::Place;

macro_rules! table {
    ($($right:literal $name:ident($($arg:expr),*);)*) => {
        vec![$((1u64 << $right, stringify!($name), vec![$(Arg::from($arg)),*])),*]
    };
}

/// The bit of each right of a file, and a call on 4 that needs it.
fn of_files() -> Vec<(u64, &'static str, Vec<Arg>)> {
    table! {
        0 fd_datasync(4);
        1 fd_read(4, IOVS, 1, OUT);
        1 fd_pread(4, IOVS, 1, 0, OUT);
        2 fd_seek(4, 1, 0, OUT);
        3 fd_fdstat_set_flags(4, 0);
        4 fd_sync(4);
        5 fd_tell(4, OUT);
        6 fd_write(4, IOVS, 1, OUT);
        6 fd_pwrite(4, IOVS, 1, 0, OUT);
        7 fd_advise(4, 0, 0, 0);
        8 fd_allocate(4, 0, 50);
        21 fd_filestat_get(4, BUFFER);
        22 fd_filestat_set_size(4, 5);
        23 fd_filestat_set_times(4, 0, 0, 5);
    }
}

/// The bit of each right of a directory, and a call on 4 that needs it.
fn of_directories() -> Vec<(u64, &'static str, Vec<Arg>)> {
    table! {
        9 path_create_directory(4, "made");
        10 path_open(4, 0, "new", 1, 64, 0, 0, OUT);
        11 path_link(4, 0, "file", 3, "linked");
        12 path_link(3, 0, "dir/file", 4, "linked");
        13 path_open(4, 0, "file", 0, 2, 0, 0, OUT);
        14 fd_readdir(4, BUFFER, 999, 0, OUT);
        15 path_readlink(4, "link", BUFFER, 99, OUT);
        16 path_rename(4, "file", 3, "moved");
        17 path_rename(3, "dir/file", 4, "moved");
        18 path_filestat_get(4, 0, "file", BUFFER);
        19 path_open(4, 0, "file", 8, 64, 0, 0, OUT);
        20 path_filestat_set_times(4, 0, "file", 0, 0, 5);
        21 fd_filestat_get(4, BUFFER);
        23 fd_filestat_set_times(4, 0, 0, 5);
        24 path_symlink("file", 4, "symbolic");
        25 path_remove_directory(4, "empty");
        26 path_unlink_file(4, "file");
    }
}

/// A guest with a directory open as 4 that has a file, a link and an empty directory.
fn with_directory(name: &str, index: usize) -> [(Place, Guest); 2] {
    Place::both(&format!("{name}_{index}")).map(|place| {
        let place = place.with("dir/file", "contents");
        let mut guest = Guest::new(place.grant(Access::ReadWrite));
        assert_eq!(call!(guest.path_symlink("file", 3, "dir/link")), SUCCESS);
        assert_eq!(call!(guest.path_create_directory(3, "dir/empty")), SUCCESS);
        guest.put_iovs(&[(BUFFER, 1)]);
        (place, guest)
    })
}

/// Makes a call without a right that it needs, and then, in a new guest, with that right alone.
fn check(name: &str, how: crate::abi::Open, path: &str, calls: Vec<(u64, &'static str, Vec<Arg>)>) {
    for (index, (right, call, args)) in calls.into_iter().enumerate() {
        for (place, mut guest) in with_directory(name, index) {
            let what = format!("{}: {call} without {right:#x}", place.name());
            assert_eq!(guest.open(3, path, how), Ok(4));
            let (base, inheriting) = guest.rights(4);
            assert_eq!(base & right, right, "{what}: it has it");
            let before = place.everything();
            assert_eq!(
                call!(guest.fd_fdstat_set_rights(4, base & !right, inheriting)),
                SUCCESS
            );
            let errno = guest.call(call, &args);
            let expected = match right {
                FD_READ | FD_WRITE => BADF,
                _ => NOTCAPABLE,
            };
            assert_eq!(errno, expected, "{what}");
            assert_eq!(place.everything(), before, "{what}");

            assert_eq!(guest.open(3, path, how), Ok(5));
            assert_eq!(call!(guest.fd_renumber(5, 4)), SUCCESS);
            let needed = match call {
                "path_open" => right | PATH_OPEN,
                _ => right,
            };
            let kept = call!(guest.fd_fdstat_set_rights(4, needed, inheriting));
            assert_eq!(kept, SUCCESS);
            assert_eq!(
                guest.call(call, &args),
                SUCCESS,
                "{}: {call} with it",
                place.name()
            );
        }
    }
}

#[test]
fn what_was_taken_away_from_a_file_is_missed() {
    check("file_rights", READ | WRITE, "dir/file", of_files());
}

#[test]
fn what_was_taken_away_from_a_directory_is_missed() {
    check("directory_rights", DIRECTORY, "dir", of_directories());
}

#[test]
fn a_file_without_the_right_to_it_is_not_polled() {
    for (place, mut guest) in with_directory("poll_rights", 0) {
        let file = guest.open(3, "dir/file", READ).unwrap();
        let errnos = |guest: &mut Guest| -> Vec<Errno> {
            let came = guest
                .poll(&[Wanted::Read(file), Wanted::Write(file)])
                .unwrap();
            came.iter().map(|event| event.errno).collect()
        };
        assert_eq!(errnos(&mut guest), [SUCCESS, BADF], "{}", place.name());
        let (base, _) = guest.rights(file);
        assert_eq!(
            call!(guest.fd_fdstat_set_rights(file, base & !FD_READ, 0u64)),
            SUCCESS
        );
        assert_eq!(errnos(&mut guest), [BADF, BADF], "{}", place.name());
    }
}

#[test]
fn what_is_opened_has_no_right_that_it_was_not_opened_with() {
    for (place, mut guest) in with_directory("opened_rights", 0) {
        for (how, read, write) in [
            (READ, true, false),
            (WRITE, false, true),
            (WRITE | APPEND, false, true),
            (READ | WRITE, true, true),
        ] {
            let file = guest.open(3, "dir/file", how).unwrap();
            let (base, inheriting) = guest.rights(file);
            let found = (base & FD_READ != 0, base & FD_WRITE != 0, inheriting);
            assert_eq!(found, (read, write, 0), "{}: {how:?}", place.name());
            assert_eq!(
                guest.read(file, 1).is_ok(),
                read,
                "{}: {how:?}",
                place.name()
            );
            assert_eq!(
                guest.write(file, b"c").is_ok(),
                write,
                "{}: {how:?}",
                place.name()
            );
        }
    }
}
