//! What a guest gets for paths is what Linux itself gives: the same operations in two folders of the
//! same contents, in one through WASI and in the other by calls of the system, end with the same
//! numbers and leave the same behind; in memory they end with the same numbers. No path leads out of
//! the folder here: those that do are refused on purpose (`jail.rs`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use holdall_wasi::{Access, Files, Grants};
use rustix::fs::{
    AtFlags, Mode, OFlags, Timespec, Timestamps, linkat, mkdirat, openat, readlinkat, renameat,
    statat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno as System;

use crate::abi::{
    BUSY, CREATE, DIRECTORY, EXIST, Errno, FD_READ, FD_WRITE, INVAL, ISDIR, LOOP, NAMETOOLONG,
    NOENT, NOTDIR, NOTEMPTY, Open, PERM, ROFS, SUCCESS, WRITE,
};
use crate::guest::{BUFFER, Guest, OUT};
use crate::place::Folder;

/// Names in the folders: files, directories with something in them and empty ones, nothing, and
/// links to each, one of them to itself.
const NAMES: [&str; 13] = [
    "file",
    "dir",
    "empty",
    "none",
    "to_file",
    "to_dir",
    "to_empty",
    "to_none",
    "loop",
    "to_file_slash",
    "to_dir_slash",
    "to_none_slash",
    "to_below_none",
];

const LINKS: [(&str, &str); 9] = [
    ("to_file", "file"),
    ("to_dir", "dir"),
    ("to_empty", "empty"),
    ("to_none", "none"),
    ("loop", "loop"),
    ("to_file_slash", "file/"),
    ("to_dir_slash", "dir/"),
    ("to_none_slash", "none/"),
    ("to_below_none", "none/inner"),
];

/// What comes behind a name.
const ENDS: [&str; 7] = ["", "/", "/.", "/..", "/inner", "//", "/inner/"];

/// After as many operations the folders are compared, even where all of them failed.
const LOOK: usize = 64;

/// The time that files are given, in seconds after 1970.
const THEN: u64 = 1_000_000_000;

/// Every path that an operation is tried on.
fn paths() -> Vec<String> {
    let mut paths: Vec<String> = NAMES
        .iter()
        .flat_map(|name| ENDS.map(|end| format!("{name}{end}")))
        .collect();
    let others = [
        "",
        ".",
        "./",
        "./file",
        "dir//inner",
        "dir/none",
        "dir/inner/x",
    ];
    paths.extend(others.map(str::to_owned));
    paths.extend(["n".repeat(255), "n".repeat(256), "n".repeat(256) + "/x"]);
    paths
}

/// One operation.
#[derive(Debug)]
enum Operation {
    Open(Open),
    Stat {
        follow: bool,
    },
    SetTimes {
        follow: bool,
    },
    CreateDir,
    RemoveDir,
    Unlink,
    ReadLink,
    /// Makes a link that leads to this.
    Symlink(&'static str),
    /// Gives what is at the path this other name.
    Link(String),
    Rename(String),
}
use Operation::{CreateDir, Link, ReadLink, RemoveDir, Rename, SetTimes, Stat, Symlink, Unlink};

/// What the guest gets.
fn by_guest(guest: &mut Guest, fd: u32, path: &str, operation: &Operation) -> Errno {
    match operation {
        Operation::Open(how) => match guest.open(fd, path, *how) {
            Ok(opened) => call!(guest.fd_close(opened)),
            Err(errno) => errno,
        },
        Stat { follow } => call!(guest.path_filestat_get(fd, u32::from(*follow), path, BUFFER)),
        SetTimes { follow } => {
            let (follow, nanos) = (u32::from(*follow), THEN * 1_000_000_000);
            call!(guest.path_filestat_set_times(fd, follow, path, nanos, nanos, 5))
        }
        CreateDir => call!(guest.path_create_directory(fd, path)),
        RemoveDir => call!(guest.path_remove_directory(fd, path)),
        Unlink => call!(guest.path_unlink_file(fd, path)),
        ReadLink => call!(guest.path_readlink(fd, path, BUFFER, 99, OUT)),
        Symlink(target) => call!(guest.path_symlink(*target, fd, path)),
        Link(to) => call!(guest.path_link(fd, 0, path, fd, &**to)),
        Rename(to) => call!(guest.path_rename(fd, path, fd, &**to)),
    }
}

/// What the system gives.
fn by_system(dir: &OwnedFd, path: &str, operation: &Operation) -> Errno {
    let at = |follow: &bool| match follow {
        true => AtFlags::empty(),
        false => AtFlags::SYMLINK_NOFOLLOW,
    };
    let time = || Timespec {
        tv_sec: THEN.cast_signed(),
        tv_nsec: 0,
    };
    let result = match operation {
        Operation::Open(how) => {
            let mut flags = match how.rights {
                FD_READ => OFlags::RDONLY,
                FD_WRITE => OFlags::WRONLY,
                _ => OFlags::RDWR,
            };
            for (bit, flag) in [
                (1, OFlags::CREATE),
                (2, OFlags::DIRECTORY),
                (4, OFlags::EXCL),
                (8, OFlags::TRUNC),
            ] {
                flags.set(flag, how.oflags & bit != 0);
            }
            flags.set(OFlags::NOFOLLOW, how.no_follow);
            // As Linux has it from 6.5 on.
            if flags.contains(OFlags::CREATE | OFlags::DIRECTORY) {
                return INVAL;
            }
            openat(dir, path, flags, Mode::from_raw_mode(0o666)).map(drop)
        }
        Stat { follow } => statat(dir, path, at(follow)).map(drop),
        SetTimes { follow } => {
            let times = Timestamps {
                last_access: time(),
                last_modification: time(),
            };
            utimensat(dir, path, &times, at(follow))
        }
        CreateDir => mkdirat(dir, path, Mode::from_raw_mode(0o777)),
        RemoveDir => unlinkat(dir, path, AtFlags::REMOVEDIR),
        Unlink => unlinkat(dir, path, AtFlags::empty()),
        ReadLink => readlinkat(dir, path, Vec::new()).map(drop),
        Symlink(target) => symlinkat(*target, dir, path),
        Link(to) => linkat(dir, path, dir, &**to, AtFlags::empty()),
        Rename(to) => renameat(dir, path, dir, &**to),
    };
    match result {
        Ok(()) => SUCCESS,
        Err(System::BUSY) => BUSY,
        Err(System::EXIST) => EXIST,
        Err(System::INVAL) => INVAL,
        Err(System::ISDIR) => ISDIR,
        Err(System::LOOP) => LOOP,
        Err(System::NAMETOOLONG) => NAMETOOLONG,
        Err(System::NOENT) => NOENT,
        Err(System::NOTDIR) => NOTDIR,
        Err(System::NOTEMPTY) => NOTEMPTY,
        Err(System::PERM) => PERM,
        Err(other) => panic!("{path:?} {operation:?}: {other:?} is new here"),
    }
}

/// Empties a folder and puts the same as ever into it.
fn restore(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => fs::remove_dir_all(entry.path()).unwrap(),
            false => fs::remove_file(entry.path()).unwrap(),
        }
    }
    fs::write(folder.join("file"), "contents").unwrap();
    fs::create_dir(folder.join("dir")).unwrap();
    fs::write(folder.join("dir/inner"), "inner").unwrap();
    fs::create_dir(folder.join("empty")).unwrap();
    for (path, target) in LINKS {
        symlink(target, folder.join(path)).unwrap();
    }
}

/// Puts the same into a new directory in memory, which is called by a number and left open.
fn fill(guest: &mut Guest, number: usize) -> u32 {
    let root = format!("{number}");
    assert_eq!(call!(guest.path_create_directory(3, &*root)), SUCCESS);
    let fd = guest.open(3, &*root, DIRECTORY).unwrap();
    for dir in ["dir", "empty"] {
        assert_eq!(call!(guest.path_create_directory(fd, dir)), SUCCESS);
    }
    for (path, contents) in [("file", "contents"), ("dir/inner", "inner")] {
        let file = guest.open(fd, path, WRITE | CREATE).unwrap();
        guest.write(file, contents.as_bytes()).unwrap();
        assert_eq!(call!(guest.fd_close(file)), SUCCESS);
    }
    for (path, target) in LINKS {
        assert_eq!(call!(guest.path_symlink(target, fd, path)), SUCCESS);
    }
    fd
}

/// All that is in a folder, in words that are the same for both.
fn everything(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![String::new()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(folder.join(&dir)).unwrap() {
            let path = dir.clone() + entry.unwrap().file_name().to_str().unwrap();
            let full = folder.join(&path);
            let metadata = full.symlink_metadata().unwrap();
            let mut what = if metadata.is_symlink() {
                format!("-> {:?}", fs::read_link(&full).unwrap())
            } else if metadata.is_dir() {
                dirs.push(path.clone() + "/");
                "a directory".to_owned()
            } else {
                format!("{} bytes, {} names", metadata.len(), metadata.nlink())
            };
            if metadata.mtime() == THEN.cast_signed() {
                write!(what, ", of then").unwrap();
            }
            found.insert(path, what);
        }
    }
    found
}

/// Runs operations on every path, in a folder through WASI, in one by the system, in memory, and in
/// one that is read-only, where what would succeed may be refused.
fn check(name: &str, operations: impl Fn(&[String]) -> Vec<Operation>) {
    let all = Folder::new(name);
    let [wasi, linux, kept] = ["wasi", "linux", "kept"].map(|name| all.path().join(name));
    for folder in [&wasi, &linux, &kept] {
        fs::create_dir(folder).unwrap();
        restore(folder);
    }
    let grants = Grants::new().host_dir(&wasi, "/", Access::ReadWrite);
    let mut guest = Guest::new(grants.unwrap());
    let system: OwnedFd = File::open(&linux).unwrap().into();
    let start = everything(&wasi);
    let read_only = Grants::new().host_dir(&kept, "/", Access::ReadOnly);
    let mut read_only = Guest::new(read_only.unwrap());
    let in_memory = Grants::new().files(Files::new(), "/", Access::ReadWrite);
    let mut in_memory = Guest::new(in_memory);
    let mut root = fill(&mut in_memory, 0);

    let paths = paths();
    let operations = operations(&paths);
    let cases = paths
        .iter()
        .flat_map(|path| operations.iter().map(move |operation| (path, operation)));
    let mut wrong = Vec::new();
    for (index, (path, operation)) in cases.enumerate() {
        let on_host = by_guest(&mut guest, 3, path, operation);
        let on_memory = by_guest(&mut in_memory, root, path, operation);
        let by_system = by_system(&system, path, operation);
        let on_read_only = by_guest(&mut read_only, 3, path, operation);
        let mut same = on_host == by_system && on_memory == by_system;
        same &= on_read_only == by_system || by_system == SUCCESS && on_read_only == ROFS;
        if on_memory == SUCCESS {
            assert_eq!(call!(in_memory.fd_close(root)), SUCCESS);
            root = fill(&mut in_memory, index + 1);
        }
        // What fails changes nothing, which is looked at now and then.
        if [on_host, by_system].contains(&SUCCESS) || index % LOOK == 0 {
            let after = [&wasi, &linux].map(|folder| everything(folder));
            same &= after[0] == after[1] && (on_read_only == ROFS || after[1] == start);
            for (folder, after) in [&wasi, &linux].into_iter().zip(&after) {
                if *after != start {
                    restore(folder);
                }
            }
        }
        if !same {
            wrong.push(format!(
                "{path:?} {operation:?}: Linux {by_system:?}, host {on_host:?}, read-only \
                 {on_read_only:?}, memory {on_memory:?}"
            ));
        }
    }
    assert_eq!(everything(&kept), start, "what is read-only stays");
    let count = wrong.len();
    assert!(wrong.is_empty(), "{count} of them: {wrong:#?}");
}

#[test]
fn files_are_opened_as_linux_opens_them() {
    check("against_linux_open", |_| {
        let mut all = Vec::new();
        for (oflags, no_follow) in (0..16).flat_map(|oflags| [(oflags, false), (oflags, true)]) {
            for rights in [FD_READ, FD_WRITE, FD_READ | FD_WRITE] {
                all.push(Operation::Open(Open {
                    oflags,
                    rights,
                    fdflags: 0,
                    no_follow,
                }));
            }
        }
        all
    });
}

#[test]
fn what_is_done_to_one_path_ends_as_on_linux() {
    check("against_linux_one", |_| {
        let mut all = vec![CreateDir, RemoveDir, Unlink, ReadLink];
        all.extend(["file", "dir/", "none", ""].map(Symlink));
        for follow in [false, true] {
            all.extend([Stat { follow }, SetTimes { follow }]);
        }
        all
    });
}

#[test]
fn names_are_given_as_linux_gives_them() {
    check("against_linux_link", |paths| {
        paths.iter().cloned().map(Link).collect()
    });
}

#[test]
fn names_are_changed_as_linux_changes_them() {
    check("against_linux_rename", |paths| {
        paths.iter().cloned().map(Rename).collect()
    });
}
