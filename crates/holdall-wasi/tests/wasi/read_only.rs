//! A directory that is granted read-only is read and never changed.

use holdall_wasi::{Access, Files, Grants};

use crate::abi::{
    APPEND, BADF, CREATE, DIRECTORY, EXCLUSIVE, EXIST, Errno, NOTEMPTY, Open, READ, REGULAR_FILE,
    ROFS, SUCCESS, TRUNCATE, WRITE,
};
use crate::guest::{Arg, BUFFER, Guest, IOVS, OUT};
use crate::place::Place;

/// A place with something in it that is granted read-only as 3, and with a directory in memory as
/// 4 and a part of itself that may be written as 5.
fn granted(place: Place) -> (Place, Guest) {
    let place = place
        .with("file", "contents")
        .with("dir/inner", "inner")
        // What the part that may be written has, in memory and on the host.
        .with("mine", "mine")
        .with("w/mine", "mine");
    let mut guest = Guest::new(place.grant(Access::ReadWrite));
    assert_eq!(call!(guest.path_symlink("file", 3, "link")), SUCCESS);
    assert_eq!(call!(guest.path_create_directory(3, "empty")), SUCCESS);
    let files = Files::new().with("theirs", "");
    let grants = place
        .grant(Access::ReadOnly)
        .files(files, "/other", Access::ReadWrite);
    let grants = match &place {
        Place::Host(folder) => grants
            .host_dir(folder.path().join("w"), "/w", Access::ReadWrite)
            .unwrap(),
        Place::Memory(files) => grants.files(files.clone(), "/w", Access::ReadWrite),
    };
    (place, Guest::new(grants))
}

/// Every call that would change something, with what it gives.
fn changes() -> Vec<(&'static str, Vec<Arg>, Errno)> {
    macro_rules! table {
        ($($name:ident($($arg:expr),*) = $errno:ident;)*) => {
            vec![$((stringify!($name), vec![$(Arg::from($arg)),*], $errno)),*]
        };
    }
    table! {
        path_create_directory(3, "new") = ROFS;
        path_create_directory(3, "dir/new") = ROFS;
        path_create_directory(3, "dir") = EXIST;
        path_remove_directory(3, "empty") = ROFS;
        path_remove_directory(3, "dir") = NOTEMPTY;
        path_unlink_file(3, "file") = ROFS;
        path_unlink_file(3, "link") = ROFS;
        path_symlink("file", 3, "new") = ROFS;
        path_link(3, 0, "file", 3, "new") = ROFS;
        path_link(3, 0, "file", 5, "new") = ROFS;
        path_link(3, 0, "file", 4, "new") = ROFS;
        path_link(5, 0, "mine", 3, "new") = ROFS;
        path_link(4, 0, "theirs", 3, "new") = ROFS;
        path_rename(3, "file", 3, "new") = ROFS;
        path_rename(3, "file", 3, "dir/inner") = ROFS;
        path_rename(3, "file", 5, "new") = ROFS;
        path_rename(3, "file", 4, "new") = ROFS;
        path_rename(5, "mine", 3, "new") = ROFS;
        path_rename(5, "mine", 3, "file") = ROFS;
        path_rename(4, "theirs", 3, "new") = ROFS;
        path_filestat_set_times(3, 1, "file", 0, 0, 10) = ROFS;
        path_filestat_set_times(3, 0, "link", 5, 5, 5) = ROFS;
        fd_filestat_set_times(3, 0, 0, 10) = ROFS;
    }
}

#[test]
fn everything_that_would_change_it_is_refused() {
    for place in Place::both("read_only") {
        let (place, mut guest) = granted(place);
        let before = place.everything();
        for (name, args, expected) in changes() {
            assert_eq!(
                guest.call(name, &args),
                expected,
                "{}: {name}",
                place.name()
            );
            assert_eq!(place.everything(), before, "{}: {name}", place.name());
        }
    }
}

#[test]
fn every_way_to_open_that_could_change_it_is_refused() {
    for place in Place::both("read_only_open") {
        let (place, mut guest) = granted(place);
        let before = place.everything();
        let cases: &[(&str, Open, Errno)] = &[
            ("file", WRITE, ROFS),
            ("file", READ | WRITE, ROFS),
            ("file", TRUNCATE, ROFS),
            ("file", READ | TRUNCATE, ROFS),
            ("file", WRITE | TRUNCATE, ROFS),
            ("file", WRITE | APPEND, ROFS),
            ("file", READ | APPEND, ROFS),
            ("file", WRITE | CREATE, ROFS),
            ("file", READ | CREATE | EXCLUSIVE, EXIST),
            ("link", WRITE, ROFS),
            ("dir/inner", WRITE, ROFS),
            ("dir/../file", WRITE, ROFS),
            ("new", CREATE, ROFS),
            ("new", READ | CREATE, ROFS),
            ("new", WRITE | CREATE, ROFS),
            ("new", READ | CREATE | EXCLUSIVE, ROFS),
            ("new", WRITE | CREATE | TRUNCATE, ROFS),
            ("dir/new", CREATE, ROFS),
        ];
        for (path, how, expected) in cases {
            let what = format!("{}: {path}, {how:?}", place.name());
            assert_eq!(guest.open(3, *path, *how), Err(*expected), "{what}");
            assert_eq!(place.everything(), before, "{what}");
        }
    }
}

#[test]
fn an_open_file_of_it_is_not_changed() {
    for place in Place::both("read_only_file") {
        let (place, mut guest) = granted(place);
        let before = place.everything();
        let name = place.name();
        let file = guest.open(3, "file", READ).unwrap();
        assert_eq!(guest.write(file, b"x"), Err(BADF), "{name}");
        guest.put_iovs(&[(BUFFER, 1)]);
        assert_eq!(
            call!(guest.fd_pwrite(file, IOVS, 1, 0, OUT)),
            BADF,
            "{name}"
        );
        for size in [0u64, 8, 100] {
            assert_eq!(
                call!(guest.fd_filestat_set_size(file, size)),
                ROFS,
                "{name}"
            );
        }
        assert_eq!(call!(guest.fd_allocate(file, 0, 100)), ROFS, "{name}");
        assert_eq!(
            call!(guest.fd_filestat_set_times(file, 0, 0, 10)),
            ROFS,
            "{name}"
        );
        assert_eq!(
            call!(guest.fd_filestat_set_times(file, 7, 7, 5)),
            ROFS,
            "{name}"
        );
        // Flags are the descriptor's own, and give no way to write.
        let _ = call!(guest.fd_fdstat_set_flags(file, 1));
        assert_eq!(guest.write(file, b"x"), Err(BADF), "{name}");
        assert_eq!(call!(guest.fd_sync(file)), SUCCESS, "{name}");
        assert_eq!(call!(guest.fd_datasync(file)), SUCCESS, "{name}");
        assert_eq!(call!(guest.fd_advise(file, 0, 4, 0)), SUCCESS, "{name}");
        assert_eq!(place.everything(), before, "{name}");
    }
}

#[test]
fn what_is_opened_in_it_is_read_only_too() {
    for place in Place::both("read_only_below") {
        let (place, mut guest) = granted(place);
        let before = place.everything();
        let name = place.name();
        let dir = guest.open(3, "dir", DIRECTORY).unwrap();
        assert_eq!(guest.open(dir, "inner", WRITE), Err(ROFS), "{name}");
        assert_eq!(guest.open(dir, "new", WRITE | CREATE), Err(ROFS), "{name}");
        assert_eq!(call!(guest.path_unlink_file(dir, "inner")), ROFS, "{name}");
        assert_eq!(
            call!(guest.path_rename(dir, "inner", 5, "new")),
            ROFS,
            "{name}"
        );
        assert_eq!(
            call!(guest.path_rename(5, "mine", dir, "new")),
            ROFS,
            "{name}"
        );
        assert_eq!(
            call!(guest.path_link(5, 0, "mine", dir, "new")),
            ROFS,
            "{name}"
        );
        assert_eq!(
            call!(guest.fd_filestat_set_times(dir, 0, 0, 10)),
            ROFS,
            "{name}"
        );
        assert_eq!(place.everything(), before, "{name}");
    }
}

#[test]
fn reading_it_works() {
    for place in Place::both("read_only_reading") {
        let (place, mut guest) = granted(place);
        let name = place.name();
        assert_eq!(guest.read_file(3, "file").unwrap(), "contents", "{name}");
        assert_eq!(guest.read_file(3, "link").unwrap(), "contents", "{name}");
        assert_eq!(guest.read_file(3, "dir/inner").unwrap(), "inner", "{name}");
        let created = guest.open(3, "file", READ | CREATE).unwrap();
        assert_eq!(
            guest.read(created, 3).unwrap(),
            b"con",
            "{name}: it is there"
        );
        assert_eq!(call!(guest.fd_seek(created, 6, 0, OUT)), SUCCESS);
        assert_eq!(guest.read(created, 9).unwrap(), b"ts", "{name}");
        assert_eq!(
            guest.stat(3, "file").unwrap().filetype,
            REGULAR_FILE,
            "{name}"
        );
        assert_eq!(
            call!(guest.path_readlink(3, "link", BUFFER, 9, OUT)),
            SUCCESS,
            "{name}"
        );
        assert_eq!(
            guest.names(3),
            ["dir", "empty", "file", "link", "mine", "w"],
            "{name}"
        );
        let dir = guest.open(3, "dir", DIRECTORY).unwrap();
        assert_eq!(guest.names(dir), ["inner"], "{name}");
    }
}

#[test]
fn the_same_place_can_be_granted_both_ways() {
    for place in Place::both("both_ways") {
        let place = place.with("file", "before");
        let grants = place.grant(Access::ReadOnly);
        let grants = match &place {
            Place::Host(folder) => grants
                .host_dir(folder.path(), "/w", Access::ReadWrite)
                .unwrap(),
            Place::Memory(files) => grants.files(files.clone(), "/w", Access::ReadWrite),
        };
        let mut guest = Guest::new(grants);
        let file = guest.open(4, "file", WRITE | TRUNCATE).unwrap();
        guest.write(file, b"after").unwrap();
        assert_eq!(
            guest.read_file(3, "file").unwrap(),
            "after",
            "{}",
            place.name()
        );
        assert_eq!(
            call!(guest.path_rename(4, "file", 3, "new")),
            ROFS,
            "{}",
            place.name()
        );
    }
}

#[test]
fn directories_are_read_only_unless_said_otherwise() {
    assert_eq!(Access::default(), Access::ReadOnly);
    let files = Files::new();
    let mut guest = Guest::new(Grants::new().files(files, "/", Access::default()));
    assert_eq!(guest.open(3, "new", WRITE | CREATE), Err(ROFS));
}

/// Links have access times that nothing keeps: the system has no call for that.
#[test]
#[cfg(target_os = "linux")]
fn reading_leaves_access_times_as_they_are() {
    use std::fs::{File, FileTimes};
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use crate::place::Folder;

    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let later = long_ago + Duration::from_secs(1);
    let age = |path: &Path| {
        let times = FileTimes::new().set_accessed(long_ago).set_modified(later);
        File::open(path).unwrap().set_times(times).unwrap();
    };
    let accessed = |path: &Path| path.metadata().unwrap().accessed().unwrap();

    let folder = Folder::new("access_times").with("dir/file", "contents");
    let (root, dir) = (folder.path().to_owned(), folder.path().join("dir"));
    let file = dir.join("file");
    age(&file);
    std::fs::read(&file).unwrap();
    if accessed(&file) == long_ago {
        eprintln!("skipped: this file system keeps no access times (noatime)");
        return;
    }
    for path in [&file, &dir, &root] {
        age(path);
    }

    let grants = Grants::new().host_dir(&root, "/", Access::ReadOnly);
    let mut guest = Guest::new(grants.unwrap());
    assert_eq!(guest.read_file(3, "dir/file").unwrap(), "contents");
    // Flags that the guest sets do not take away the one that keeps the time.
    let fd = guest.open(3, "dir/file", READ).unwrap();
    assert_eq!(call!(guest.fd_fdstat_set_flags(fd, 4)), SUCCESS);
    assert_eq!(guest.read(fd, 8).unwrap(), b"contents");
    assert_eq!(guest.names(3), ["dir"]);
    let below = guest.open(3, "dir", DIRECTORY).unwrap();
    assert_eq!(guest.names(below), ["file"]);
    assert_eq!(guest.read_file(below, "file").unwrap(), "contents");
    assert_eq!(call!(guest.path_remove_directory(3, "dir")), NOTEMPTY);
    for path in [&file, &dir, &root] {
        assert_eq!(accessed(path), long_ago, "{}", path.display());
    }
}
