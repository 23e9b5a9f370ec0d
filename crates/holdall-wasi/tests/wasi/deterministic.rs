//! A deterministic graph sees the same in every run.

use std::fs;
use std::time::{Duration, Instant};

use holdall_wasi::{Access, Files, Grants, Input, Output, Wasi};

use crate::abi::{
    CREATE, DIRECTORY, MONOTONIC, NO_FOLLOW, READ, REALTIME, SUCCESS, WRITE, Wanted, u64_at,
};
use crate::guest::{BUFFER, Guest, OUT};
use crate::place::{Folder, Place};

const NAMES: [&str; 6] = ["b", "a", "dir/z", "dir/y", "c", "ä"];
const YEAR_NANOS: u64 = 365 * 24 * 3600 * 1_000_000_000;

/// All that the calls of a program that looks at everything put into memory.
fn transcript(wasi: Wasi) -> Vec<(String, Vec<u8>)> {
    let mut guest = Guest::of(wasi);
    let mut said = Vec::new();
    let mut say = |guest: &Guest, what: &str, at, size| {
        said.push((what.to_owned(), guest.get(at, size)));
    };
    for clock in 0..4 {
        assert_eq!(call!(guest.clock_time_get(clock, 0, OUT)), SUCCESS);
        say(&guest, "a clock", OUT, 8);
        assert_eq!(call!(guest.clock_res_get(clock, OUT)), SUCCESS);
        say(&guest, "its steps", OUT, 8);
    }
    assert_eq!(call!(guest.random_get(BUFFER, 1000)), SUCCESS);
    say(&guest, "randomness", BUFFER, 1000);
    for path in [".", "dir"] {
        let dir = guest.open(3, path, DIRECTORY).unwrap();
        for cookie in [0, 3] {
            assert_eq!(
                call!(guest.fd_readdir(dir, BUFFER, 4096, cookie, OUT)),
                SUCCESS
            );
            let used = guest.out();
            say(&guest, "a listing", BUFFER, used);
        }
        assert_eq!(call!(guest.fd_filestat_get(dir, BUFFER)), SUCCESS);
        say(&guest, "an open directory", BUFFER, 64);
    }
    for path in NAMES.iter().copied().chain(["dir", "."]) {
        assert_eq!(call!(guest.path_filestat_get(3, 1, path, BUFFER)), SUCCESS);
        say(&guest, path, BUFFER, 64);
    }
    let new = guest.open(3, "new", READ | WRITE | CREATE).unwrap();
    guest.write(new, b"written").unwrap();
    assert_eq!(call!(guest.fd_filestat_get(new, BUFFER)), SUCCESS);
    say(&guest, "a new file", BUFFER, 64);
    assert_eq!(call!(guest.fd_fdstat_get(new, BUFFER)), SUCCESS);
    say(&guest, "its descriptor", BUFFER, 24);
    assert_eq!(call!(guest.path_symlink("a", 3, "link")), SUCCESS);
    let _ = guest.open(3, "link", READ | NO_FOLLOW);
    assert_eq!(
        call!(guest.path_filestat_get(3, 0, "link", BUFFER)),
        SUCCESS
    );
    say(&guest, "a link", BUFFER, 64);
    guest
        .poll(&[
            Wanted::After(MONOTONIC, 1_000_000),
            Wanted::After(REALTIME, 5),
        ])
        .unwrap();
    say(&guest, "what came", BUFFER, 32);
    assert_eq!(call!(guest.clock_time_get(0, 0, OUT)), SUCCESS);
    say(&guest, "the time after", OUT, 8);
    said
}

/// A folder with the files in some order of their creation, and the grants of it.
fn world(name: &str, names: impl Iterator<Item = &'static &'static str>) -> Grants {
    let mut folder = Folder::new(name);
    for name in names {
        folder = folder.with(name, name);
    }
    // Times and modes are another's too.
    fs::File::open(folder.path().join("a"))
        .unwrap()
        .set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(name.len() as u64))
        .unwrap();
    everything(
        Grants::new()
            .host_dir(folder.path(), "/", Access::ReadWrite)
            .unwrap(),
    )
}

fn everything(grants: Grants) -> Grants {
    grants.clocks().random()
}

fn memory(names: impl Iterator<Item = &'static &'static str>) -> Grants {
    let files = names.fold(Files::new(), |files, name| files.with(name, *name));
    everything(Grants::new().files(files, "/", Access::ReadWrite))
}

#[track_caller]
fn same(one: Grants, other: Grants) {
    let one = transcript(Wasi::new(one).deterministic(7));
    // So that anything of the host's clock would show.
    std::thread::sleep(Duration::from_millis(5));
    let other = transcript(Wasi::new(other).deterministic(7));
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one, other);
    }
    assert_eq!(one.len(), other.len());
}

#[test]
fn two_runs_in_a_folder_and_its_copy_are_the_same() {
    same(
        world("deterministic", NAMES.iter()),
        world("deterministic_copy", NAMES.iter().rev()),
    );
}

#[test]
fn two_runs_in_memory_are_the_same() {
    same(memory(NAMES.iter()), memory(NAMES.iter().rev()));
}

#[test]
fn a_run_in_memory_and_one_in_a_folder_are_the_same() {
    same(
        memory(NAMES.iter()),
        world("deterministic_disk", NAMES.iter()),
    );
}

#[test]
fn another_seed_gives_other_randomness_and_the_same_of_all_else() {
    let run = |seed| transcript(Wasi::new(memory(NAMES.iter())).deterministic(seed));
    let (one, other) = (run(1), run(2));
    let differing: Vec<_> = one
        .iter()
        .zip(&other)
        .filter(|(one, other)| one != other)
        .map(|((what, _), _)| what.as_str())
        .collect();
    assert_eq!(differing, ["randomness"]);
}

#[test]
fn a_year_of_sleep_takes_no_time() {
    let grants = Grants::new().clocks();
    let mut guest = Guest::of(Wasi::new(grants).deterministic(0));
    let start = Instant::now();
    let before = [REALTIME, MONOTONIC].map(|clock| guest.time(clock).unwrap());
    let came = guest.poll(&[Wanted::After(MONOTONIC, YEAR_NANOS)]).unwrap();
    assert_eq!((came.len(), came[0].errno, came[0].kind), (1, SUCCESS, 0));
    let wanted = [
        Wanted::After(REALTIME, 2 * YEAR_NANOS),
        Wanted::After(REALTIME, YEAR_NANOS),
    ];
    let came = guest.poll(&wanted).unwrap();
    assert_eq!(
        came.iter().map(|event| event.userdata).collect::<Vec<_>>(),
        [1]
    );
    let later = before[0] + 3 * YEAR_NANOS;
    let came = guest.poll(&[Wanted::At(REALTIME, later)]).unwrap();
    assert_eq!(came.len(), 1);
    for (clock, before) in [(REALTIME, before[0]), (MONOTONIC, before[1])] {
        let passed = guest.time(clock).unwrap() - before;
        assert!(passed >= 2 * YEAR_NANOS, "{clock}: {passed}");
        assert!(passed < 4 * YEAR_NANOS, "{clock}: {passed}");
    }
    assert!(guest.time(REALTIME).unwrap() >= later);
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn virtual_time_starts_in_2000_and_goes_on_when_it_is_read() {
    let mut guest = Guest::of(Wasi::new(Grants::new().clocks()).deterministic(0));
    let times = [(); 3].map(|()| guest.time(REALTIME).unwrap());
    let start = 946_684_800_000_000_000;
    assert!(
        (start..start + 1_000_000_000).contains(&times[0]),
        "{times:?}"
    );
    assert!(times[0] < times[1] && times[1] < times[2], "{times:?}");
}

#[test]
fn what_is_not_granted_is_not_virtual_either() {
    let mut guest = Guest::of(Wasi::new(Grants::new()).deterministic(0));
    assert!(guest.time(REALTIME).is_err());
    assert_ne!(call!(guest.random_get(BUFFER, 8)), SUCCESS);
}

#[test]
fn modules_draw_from_randomness_of_their_own() {
    // What one takes changes nothing for the other.
    let draw = |first: u32| {
        let wasi = Wasi::new(Grants::new().random()).deterministic(3);
        let mut guest = Guest::of(wasi);
        assert_eq!(call!(guest.random_get(BUFFER, first)), SUCCESS);
        assert_eq!(call!(guest.random_get(BUFFER, 64)), SUCCESS);
        guest.get(BUFFER, 64)
    };
    assert_eq!(draw(32), draw(32));
    assert_ne!(draw(32), draw(64), "a stream goes on");
}

#[test]
fn a_file_is_one_by_its_number_however_it_is_reached() {
    for place in Place::both("deterministic_inodes") {
        let place = place.with("file", "").with("dir/other", "");
        let mut guest = Guest::of(Wasi::new(place.grant(Access::ReadWrite)).deterministic(0));
        let inode = guest.stat(3, "file").unwrap().inode;
        assert_eq!(
            call!(guest.path_link(3, 0, "file", 3, "dir/again")),
            SUCCESS
        );
        let file = guest.open(3, "dir/again", READ).unwrap();
        assert_eq!(call!(guest.fd_filestat_get(file, BUFFER)), SUCCESS);
        assert_eq!(
            u64_at(&guest.get(BUFFER + 8, 8), 0),
            inode,
            "{}",
            place.name()
        );
        let dir = guest.open(3, "dir", DIRECTORY).unwrap();
        let entries = guest.list(dir, 4096).unwrap();
        let found = entries.iter().find(|(name, ..)| name == "again").unwrap();
        assert_eq!(found.1, inode, "{}", place.name());
        assert_ne!(
            guest.stat(3, "dir/other").unwrap().inode,
            inode,
            "{}",
            place.name()
        );
    }
}

#[test]
fn streams_tell_nothing_of_the_host() {
    let folder = Folder::new("deterministic_streams")
        .with("one", "text")
        .with("other", "text");
    let told = |name: &str| {
        let path = folder.path().join(name);
        let time = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(name.len() as u64);
        let file = fs::File::options()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        file.set_modified(time).unwrap();
        let grants = Grants::new()
            .stdin(Input::file(file.try_clone().unwrap()))
            .stdout(Output::file(file));
        let mut guest = Guest::of(Wasi::new(grants).deterministic(0));
        [0, 1].map(|fd| {
            assert_eq!(call!(guest.fd_filestat_get(fd, BUFFER)), SUCCESS);
            guest.get(BUFFER, 64)
        })
    };
    assert_eq!(told("one"), told("other"));
}
