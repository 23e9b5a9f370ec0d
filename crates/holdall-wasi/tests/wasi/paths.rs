//! Texts that are paths, and texts that are none.

use holdall_wasi::{Access, Grants};

use crate::abi::{
    BADF, CREATE, DIRECTORY, DIRECTORY_TYPE, EXCLUSIVE, EXIST, Errno, ILSEQ, INVAL, ISDIR,
    NAMETOOLONG, NOENT, NOTDIR, READ, REGULAR_FILE, SUCCESS, Stat, TXTBSY, WRITE,
};
use crate::guest::{BUFFER, Guest, OUT};
use crate::jail::jailed;
#[cfg(unix)]
use crate::place::Folder;
use crate::place::Place;

#[test]
fn a_slash_at_the_end_asks_for_a_directory() {
    for place in Place::both("trailing_slashes") {
        let (place, mut guest) = jailed(place);
        let name = place.name();
        for path in ["dir/", "dir//", "./dir/.", "dir/.//"] {
            assert_eq!(
                guest.stat(4, path).unwrap().filetype,
                DIRECTORY_TYPE,
                "{name}: {path}"
            );
            assert!(guest.open(4, path, DIRECTORY).is_ok(), "{name}: {path}");
        }
        for path in ["file/", "file//", "to_file/", "file/."] {
            assert_eq!(guest.stat(4, path), Err(NOTDIR), "{name}: {path}");
            assert_eq!(guest.open(4, path, READ), Err(NOTDIR), "{name}: {path}");
        }
        assert_eq!(call!(guest.path_unlink_file(4, "file/")), NOTDIR, "{name}");
        assert_eq!(
            call!(guest.path_remove_directory(4, "file/")),
            NOTDIR,
            "{name}"
        );
        assert_eq!(call!(guest.path_unlink_file(4, "dir/")), ISDIR, "{name}");
        let errno = guest.open(4, "new/", WRITE | CREATE).unwrap_err();
        assert!([ISDIR, NOENT, INVAL].contains(&errno), "{name}: {errno:?}");
        assert_eq!(
            call!(guest.path_create_directory(4, "made/")),
            SUCCESS,
            "{name}"
        );
        assert_eq!(
            call!(guest.path_rename(4, "made/", 4, "other/")),
            SUCCESS,
            "{name}"
        );
        assert_eq!(
            call!(guest.path_remove_directory(4, "other/")),
            SUCCESS,
            "{name}"
        );
        assert_eq!(guest.read_file(4, "file").unwrap(), "file", "{name}");
    }
}

/// What each call that takes a path gives for one that is no path.
fn errnos(guest: &mut Guest, path: &[u8]) -> Vec<(&'static str, Errno)> {
    vec![
        ("open", guest.open(3, path, READ).unwrap_err()),
        ("create", guest.open(3, path, WRITE | CREATE).unwrap_err()),
        ("stat", call!(guest.path_filestat_get(3, 1, path, BUFFER))),
        ("lstat", call!(guest.path_filestat_get(3, 0, path, BUFFER))),
        (
            "utimes",
            call!(guest.path_filestat_set_times(3, 1, path, 0, 0, 10)),
        ),
        ("mkdir", call!(guest.path_create_directory(3, path))),
        ("rmdir", call!(guest.path_remove_directory(3, path))),
        ("unlink", call!(guest.path_unlink_file(3, path))),
        (
            "readlink",
            call!(guest.path_readlink(3, path, BUFFER, 99, OUT)),
        ),
        ("rename from", call!(guest.path_rename(3, path, 3, "new"))),
        ("rename to", call!(guest.path_rename(3, "secret", 3, path))),
        ("link from", call!(guest.path_link(3, 0, path, 3, "new"))),
        ("link to", call!(guest.path_link(3, 0, "secret", 3, path))),
        ("symlink at", call!(guest.path_symlink("secret", 3, path))),
        ("symlink to", call!(guest.path_symlink(path, 3, "new"))),
    ]
}

#[test]
fn what_is_no_path_is_refused() {
    let long_name = "n".repeat(256);
    let long = format!("{}/", "a".repeat(200)).repeat(20) + &"b".repeat(76);
    assert_eq!(long.len(), 4096);
    let longer = long.clone() + "c";
    let cases: [(&str, &[u8], &[Errno]); 9] = [
        ("a zero byte", b"secret\0", &[INVAL, ILSEQ, NOENT]),
        ("a zero byte in it", b"sub\0/file", &[INVAL, ILSEQ, NOENT]),
        ("a zero byte alone", b"\0", &[INVAL, ILSEQ, NOENT]),
        ("no UTF-8", b"secret\xff", &[ILSEQ]),
        ("half a letter", b"sub/\xc3", &[ILSEQ]),
        ("a surrogate", b"\xed\xa0\x80", &[ILSEQ]),
        ("nothing", b"", &[NOENT, INVAL]),
        ("4,096 bytes", long.as_bytes(), &[NAMETOOLONG]),
        ("4,097 bytes", longer.as_bytes(), &[NAMETOOLONG]),
    ];
    for place in Place::both("no_paths") {
        let (place, mut guest) = jailed(place);
        let before = place.everything();
        let mut wrong = Vec::new();
        for (what, path, expected) in cases {
            for (call, errno) in errnos(&mut guest, path) {
                if !expected.contains(&errno) {
                    wrong.push(format!(
                        "{what}: {call} = {errno:?}, not one of {expected:?}"
                    ));
                }
            }
        }
        for (call, errno) in errnos(&mut guest, long_name.as_bytes()) {
            // What a link leads to need not be a name that there could be.
            if errno != NAMETOOLONG && call != "symlink to" {
                wrong.push(format!("a name of 256 bytes: {call} = {errno:?}"));
            }
        }
        let _ = call!(guest.path_unlink_file(3, "new"));
        assert!(wrong.is_empty(), "{}: {wrong:#?}", place.name());
        let names = |map: std::collections::BTreeMap<_, _>| map.into_keys().collect::<Vec<_>>();
        assert_eq!(names(place.everything()), names(before), "{}", place.name());
    }
}

#[test]
fn a_name_of_255_bytes_is_one() {
    for place in Place::both("long_name") {
        let mut guest = Guest::new(place.grant(Access::ReadWrite));
        let name = "n".repeat(255);
        guest.open(3, &*name, WRITE | CREATE).unwrap();
        assert_eq!(guest.stat(3, &name).unwrap().filetype, REGULAR_FILE);
        assert_eq!(guest.names(3), [&*name]);
        assert_eq!(call!(guest.path_create_directory(3, &*name)), EXIST);
    }
}

#[cfg(unix)]
#[test]
fn names_that_are_no_utf_8_hide_no_others() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new("no_utf_8").with("good", "");
    let name = std::ffi::OsStr::from_bytes(b"bad\xff");
    std::fs::write(folder.path().join(name), "").unwrap();
    let grants = Grants::new()
        .host_dir(folder.path(), "/", Access::ReadOnly)
        .unwrap();
    assert_eq!(Guest::new(grants).names(3), ["good"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_is_there_is_not_opened_to_be_written_because_it_might_have_been_created() {
    let folder = Folder::new("create_to_read");
    let program = folder.path().join("program");
    std::fs::copy("/bin/sleep", &program).unwrap();
    let mut running = std::process::Command::new(&program)
        .arg("60")
        .spawn()
        .unwrap();
    let grants = Grants::new().host_dir(folder.path(), "/", Access::ReadWrite);
    let mut guest = Guest::new(grants.unwrap());
    // The system lets nobody write a program that runs.
    let opened = guest.open(3, "program", READ | CREATE);
    let written = guest.open(3, "program", WRITE | CREATE);
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(opened.is_ok(), "{opened:?}");
    assert_eq!(written, Err(TXTBSY));
    // What is not there is created, and can be read and not written.
    let new = guest.open(3, "new", READ | CREATE).unwrap();
    assert_eq!(guest.read(new, 1).unwrap(), b"");
    assert_eq!(guest.write(new, b"x"), Err(BADF));
    assert_eq!(guest.open(3, "new", READ | CREATE | EXCLUSIVE), Err(EXIST));
}

#[test]
fn the_time_of_the_last_change_is_of_names_too() {
    for place in Place::both("change_times") {
        let place = place.with("file", "contents").with("dir/other", "");
        let mut guest = Guest::new(place.grant(Access::ReadWrite).clocks());
        let file = guest.open(3, "file", READ).unwrap();
        let of_fd = |guest: &mut Guest, fd: u32| {
            assert_eq!(call!(guest.fd_filestat_get(fd, BUFFER)), SUCCESS);
            Stat::of(&guest.get(BUFFER, Stat::SIZE as u32)).times
        };
        for what in ["file", "dir"] {
            let before = guest.stat(3, what).unwrap().times;
            std::thread::sleep(std::time::Duration::from_millis(30));
            match what {
                "file" => assert_eq!(call!(guest.path_link(3, 0, "file", 3, "link")), SUCCESS),
                _ => assert_eq!(call!(guest.path_rename(3, "dir", 3, "moved")), SUCCESS),
            }
            let name = if what == "dir" { "moved" } else { what };
            let after = guest.stat(3, name).unwrap().times;
            assert_eq!(
                before[1],
                after[1],
                "{}: {what}: its bytes stay",
                place.name()
            );
            assert!(before[2] < after[2], "{}: {what}", place.name());
            let fd = match what {
                "file" => file,
                _ => guest.open(3, name, DIRECTORY).unwrap(),
            };
            assert_eq!(of_fd(&mut guest, fd), after, "{}: {what}", place.name());
        }
    }
}
