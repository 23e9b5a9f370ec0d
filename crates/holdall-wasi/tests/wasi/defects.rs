//! What the library beneath gets wrong, or what is easily got wrong again: each must stay right.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use holdall::Limits;
use holdall_wasi::{Access, Files, Grants, Input, Output};

use crate::abi::{
    APPEND, BADF, CREATE, DIRECTORY, EXCLUSIVE, Errno, FD_READ, FD_WRITE, INVAL, MFILE, MONOTONIC,
    NOTCAPABLE, NOTSOCK, PATH_OPEN, READ, REALTIME, SUCCESS, TRUNCATE, WRITE, Wanted, u32_at,
    u64_at,
};
use crate::guest::{BUFFER, Guest, IOVS, OUT};
use crate::place::{Folder, Place};

/// What came, by the place of what was wanted.
fn indices(guest: &mut Guest, wanted: &[Wanted]) -> Vec<u64> {
    let came = guest.poll(wanted).unwrap();
    for event in &came {
        assert_eq!(event.errno, SUCCESS, "{event:?}");
    }
    came.iter().map(|event| event.userdata).collect()
}

fn with_files() -> Guest {
    let files = Files::new().with("file", "contents").with("dir/inner", "");
    Guest::new(Grants::new().files(files, "/", Access::ReadWrite))
}

#[test]
fn poll_reports_only_the_streams_that_are_ready() {
    let (mut writer, stdin) = Input::pipe();
    let mut guest = Guest::new(Grants::new().stdin(stdin).stdout(Output::null()));
    let wanted = [Wanted::Read(0), Wanted::Write(1)];
    assert_eq!(indices(&mut guest, &wanted), [1]);
    writer.write_all(b"hello").unwrap();
    let came = guest.poll(&wanted).unwrap();
    let came: Vec<_> = came
        .iter()
        .map(|event| (event.userdata, event.kind, event.bytes))
        .collect();
    assert_eq!(came.len(), 2, "{came:?}");
    assert!(came.contains(&(0, 1, 5)), "{came:?}");
}

#[cfg(unix)]
#[test]
fn poll_reports_only_the_pipes_of_the_host_that_are_ready() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let stdin = Input::file(File::from(std::os::fd::OwnedFd::from(reader)));
    let mut guest = Guest::new(Grants::new().stdin(stdin).stdout(Output::null()).clocks());
    assert_eq!(
        indices(&mut guest, &[Wanted::Read(0), Wanted::Write(1)]),
        [1]
    );
    // It is asked for and is not there, whatever else comes.
    let soon = Wanted::After(MONOTONIC, 1_000_000);
    assert_eq!(indices(&mut guest, &[Wanted::Read(0), soon]), [1]);
    writer.write_all(b"x").unwrap();
    let far = Wanted::After(MONOTONIC, 3_600_000_000_000);
    assert_eq!(indices(&mut guest, &[far, Wanted::Read(0)]), [1]);
    assert_eq!(guest.read(0, 9).unwrap(), b"x");
    drop(writer);
    let came = guest.poll(&[Wanted::Read(0)]).unwrap();
    assert!(came[0].hangup, "{came:?}");
}

#[cfg(unix)]
#[test]
fn poll_reports_each_subscription_to_one_pipe_of_the_host() {
    let [(reader, mut input), (output, writer)] = [(); 2].map(|()| std::io::pipe().unwrap());
    let stdin = Input::file(File::from(std::os::fd::OwnedFd::from(reader)));
    let stdout = Output::file(File::from(std::os::fd::OwnedFd::from(writer)));
    let mut guest = Guest::new(Grants::new().stdin(stdin).stdout(stdout).clocks());
    let wanted = [
        Wanted::Read(0),
        Wanted::Write(1),
        Wanted::After(MONOTONIC, 3_600_000_000_000),
        Wanted::Read(0),
        Wanted::Write(1),
    ];
    assert_eq!(indices(&mut guest, &wanted), [1, 4]);
    input.write_all(b"x").unwrap();
    assert_eq!(indices(&mut guest, &wanted), [0, 1, 3, 4]);
    drop(output);
}

#[test]
fn poll_waits_for_a_pipe_in_memory() {
    let (mut writer, stdin) = Input::pipe();
    let mut guest = Guest::new(Grants::new().stdin(stdin).clocks());
    let start = Instant::now();
    let late = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        writer.write_all(b"late").unwrap();
        writer
    });
    let wanted = [Wanted::After(MONOTONIC, 600_000_000_000), Wanted::Read(0)];
    assert_eq!(indices(&mut guest, &wanted), [1]);
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert_eq!(guest.read(0, 99).unwrap(), b"late");
    // An empty one, whose writer is there, is not ready when the time comes.
    let wanted = [Wanted::Read(0), Wanted::After(MONOTONIC, 20_000_000)];
    assert_eq!(indices(&mut guest, &wanted), [1]);
    drop(late.join().unwrap());
    let came = guest.poll(&[Wanted::Read(0)]).unwrap();
    assert!(came[0].hangup && came[0].bytes == 0, "{came:?}");
}

#[test]
fn poll_of_preview_0_works_on_descriptors() {
    let (mut writer, stdin) = Input::pipe();
    let mut guest = Guest::preview0(Grants::new().stdin(stdin).stdout(Output::null()).clocks());
    let wanted = [Wanted::Read(0), Wanted::Write(1)];
    assert_eq!(indices(&mut guest, &wanted), [1]);
    let wanted = [Wanted::Read(0), Wanted::After(MONOTONIC, 20_000_000)];
    assert_eq!(indices(&mut guest, &wanted), [1]);
    writer.write_all(b"x").unwrap();
    let far = Wanted::After(REALTIME, 3_600_000_000_000);
    assert_eq!(indices(&mut guest, &[far, Wanted::Read(0)]), [1]);
}

#[test]
fn poll_says_what_is_wrong_with_a_descriptor() {
    let mut guest = with_files();
    let file = guest.open(3, "file", READ).unwrap();
    let came = guest.poll(&[
        Wanted::Read(99),
        Wanted::Read(3),
        Wanted::Write(file),
        Wanted::Read(file),
    ]);
    let came: Vec<_> = came
        .unwrap()
        .iter()
        .map(|event| (event.userdata, event.errno))
        .collect();
    let expected = [(0, BADF), (1, crate::abi::ISDIR), (2, BADF), (3, SUCCESS)];
    assert_eq!(came, expected);
}

#[test]
fn a_file_of_before_1970_is_told_of() {
    let folder = Folder::new("before_1970").with("old", "x");
    let old = File::options()
        .write(true)
        .open(folder.path().join("old"))
        .unwrap();
    let time = SystemTime::UNIX_EPOCH - Duration::from_secs(300_000_000);
    old.set_modified(time).unwrap();
    let grants = Grants::new()
        .host_dir(folder.path(), "/", Access::ReadOnly)
        .unwrap();
    let mut guest = Guest::new(grants);
    let stat = guest.stat(3, "old").unwrap();
    assert_eq!((stat.times[1], stat.size), (0, 1));
    let file = guest.open(3, "old", READ).unwrap();
    assert_eq!(call!(guest.fd_filestat_get(file, BUFFER)), SUCCESS);
    assert_eq!(u64_at(&guest.get(BUFFER + 48, 8), 0), 0);
    assert_eq!(guest.names(3), ["old"]);
}

#[test]
fn a_file_is_truncated_and_then_appended_to() {
    for place in Place::both("truncate_append") {
        let place = place.with("file", "what was there");
        let mut guest = Guest::new(place.grant(Access::ReadWrite));
        let file = guest.open(3, "file", WRITE | TRUNCATE | APPEND).unwrap();
        let other = guest.open(3, "file", WRITE).unwrap();
        assert_eq!(guest.stat(3, "file").unwrap().size, 0, "{}", place.name());
        assert_eq!(guest.write(other, b"12345"), Ok(5));
        assert_eq!(guest.write(file, b"67"), Ok(2));
        assert_eq!(
            guest.read_file(3, "file").unwrap(),
            "1234567",
            "{}",
            place.name()
        );
        // What is there is cut even by who does not ask to write.
        let cut = guest.open(3, "file", READ | TRUNCATE).unwrap();
        assert_eq!(guest.stat(3, "file").unwrap().size, 0, "{}", place.name());
        assert_eq!(guest.write(cut, b"no"), Err(BADF));
        let new = guest
            .open(3, "new", WRITE | CREATE | EXCLUSIVE | TRUNCATE | APPEND)
            .unwrap();
        assert_eq!(guest.write(new, b"new"), Ok(3));
        assert_eq!(
            guest.read_file(3, "new").unwrap(),
            "new",
            "{}",
            place.name()
        );
    }
}

#[test]
fn what_is_no_socket_says_so() {
    for place in Place::both("no_socket") {
        let grants = place.with("file", "").grant(Access::ReadWrite);
        let mut guest = Guest::new(grants.stdout(Output::null()));
        let file = guest.open(3, "file", READ).unwrap();
        for fd in [1, 3, file] {
            assert_eq!(call!(guest.sock_shutdown(fd, 3)), NOTSOCK, "{fd}");
            assert_eq!(
                call!(guest.sock_recv(fd, IOVS, 0, 0, OUT, OUT)),
                NOTSOCK,
                "{fd}"
            );
            assert_eq!(call!(guest.sock_send(fd, IOVS, 0, 0, OUT)), NOTSOCK, "{fd}");
            assert_eq!(call!(guest.sock_accept(fd, 0, OUT)), NOTSOCK, "{fd}");
        }
        assert_eq!(call!(guest.sock_shutdown(99, 3)), BADF);
    }
}

#[test]
fn rights_are_taken_away_and_never_come_back() {
    for place in Place::both("rights") {
        let place = place.with("file", "contents");
        let mut guest = Guest::new(place.grant(Access::ReadWrite));
        let file = guest.open(3, "file", READ | WRITE).unwrap();
        let (base, inheriting) = guest.rights(file);
        assert_eq!(base & (FD_READ | FD_WRITE), FD_READ | FD_WRITE);
        let less = base & !FD_WRITE;
        assert_eq!(
            call!(guest.fd_fdstat_set_rights(file, less, inheriting)),
            SUCCESS
        );
        assert_eq!(guest.rights(file), (less, inheriting));
        assert_eq!(guest.write(file, b"x"), Err(BADF));
        assert_eq!(guest.read(file, 3).unwrap(), b"con");
        assert_eq!(
            call!(guest.fd_fdstat_set_rights(file, base, inheriting)),
            NOTCAPABLE
        );
        assert_eq!(guest.rights(file), (less, inheriting));
        // A file has rights of directories neither before nor after it is asked.
        let more = call!(guest.fd_fdstat_set_rights(file, less | PATH_OPEN, 0u64));
        assert_eq!(more, NOTCAPABLE);

        // What a directory does not pass on, nothing that is opened through it has.
        let (base, inheriting) = guest.rights(3);
        let less = inheriting & !FD_WRITE;
        assert_eq!(call!(guest.fd_fdstat_set_rights(3, base, less)), SUCCESS);
        assert_eq!(guest.open(3, "file", WRITE), Err(NOTCAPABLE));
        let again = guest.open(3, "file", READ).unwrap();
        assert_eq!(guest.rights(again).0 & FD_WRITE, 0);
        assert_eq!(
            call!(guest.fd_fdstat_set_rights(3, base, inheriting)),
            NOTCAPABLE
        );
        assert_eq!(
            call!(guest.fd_fdstat_set_rights(3, base & !PATH_OPEN, less)),
            SUCCESS
        );
        assert_eq!(guest.open(3, "file", READ), Err(NOTCAPABLE));
    }
}

#[test]
fn the_clocks_of_the_process_and_of_the_thread_advance() {
    let mut guest = Guest::new(Grants::new().clocks());
    for clock in [REALTIME, MONOTONIC, 2, 3] {
        let before = guest.time(clock).unwrap();
        let start = Instant::now();
        let mut after = before;
        while after <= before && start.elapsed() < Duration::from_secs(5) {
            after = guest.time(clock).unwrap();
        }
        assert!(after > before, "clock {clock}: {before}, then {after}");
        assert_eq!(call!(guest.clock_res_get(clock, OUT)), SUCCESS);
        assert!(guest.out64() > 0, "clock {clock}");
    }
    assert_eq!(guest.time(4), Err(INVAL));
}

#[test]
fn waiting_takes_no_time_of_the_process() {
    let mut guest = Guest::new(Grants::new().clocks());
    // The one that is to tell less is read within the other.
    let [passed, process] = [MONOTONIC, 2].map(|clock| guest.time(clock).unwrap());
    guest
        .poll(&[Wanted::After(MONOTONIC, 200_000_000)])
        .unwrap();
    let took = guest.time(2).unwrap() - process;
    let passed = guest.time(MONOTONIC).unwrap() - passed;
    assert!(passed >= 200_000_000, "{passed}");
    assert!(took <= passed - 200_000_000, "{took} of {passed}");
}

#[test]
fn every_exit_code_passes() {
    for code in [
        0,
        1,
        2,
        125,
        126,
        127,
        128,
        134,
        254,
        255,
        256,
        257,
        0x1234_5678,
        i32::MIN,
        -1,
    ] {
        let mut guest = Guest::new(Grants::new());
        let error = guest.try_call("proc_exit", &[code.into()]).unwrap_err();
        assert_eq!(error.exit_code(), Some(code), "{error}");
        assert!(error.trap().is_none(), "{error}");
        // The guest ended itself; what it had is still there for who calls it again.
        assert_eq!(call!(guest.sched_yield()), SUCCESS);
    }
}

/// Opens until it is refused.
fn opened(guest: &mut Guest) -> (u32, Errno) {
    for count in 0..10_000 {
        if let Err(errno) = guest.open(3, "file", READ) {
            return (count, errno);
        }
    }
    panic!("nothing refused it");
}

#[test]
fn descriptors_are_capped_by_the_grants() {
    for place in Place::both("max_descriptors") {
        let grants = place
            .with("file", "")
            .grant(Access::ReadWrite)
            .stdout(Output::null());
        // The stream and the directory are among them.
        let mut guest = Guest::new(grants.clone().max_descriptors(10));
        assert_eq!(opened(&mut guest), (8, MFILE));
        // Nothing is created for one who could not have it.
        assert_eq!(guest.open(3, "new", WRITE | CREATE), Err(MFILE));
        assert_eq!(guest.stat(3, "new"), Err(crate::abi::NOENT));
        assert_eq!(call!(guest.fd_close(5)), SUCCESS);
        assert_eq!(opened(&mut guest), (1, MFILE));
        assert_eq!(
            opened(&mut Guest::new(grants)),
            (1022, MFILE),
            "as 1024 is the default"
        );
    }
}

#[test]
fn descriptors_are_capped_by_the_store() {
    let files = Files::new().with("file", "");
    let grants = Grants::new().files(files, "/", Access::ReadOnly);
    let mut limits = Limits::new();
    limits.open_descriptors = 5;
    assert_eq!(
        opened(&mut Guest::limited(grants.clone(), limits.clone())),
        (4, MFILE)
    );
    // The lower of both counts.
    let lower = grants.max_descriptors(3);
    assert_eq!(opened(&mut Guest::limited(lower, limits)), (2, MFILE));
}

#[test]
fn more_directories_than_descriptors_are_told_before_anything_runs() {
    let grants = Grants::new()
        .files(Files::new(), "/a", Access::ReadOnly)
        .files(Files::new(), "/b", Access::ReadOnly)
        .max_descriptors(1);
    let error = crate::modules::instantiate(holdall_wasi::Wasi::new(grants), &[]).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("/b") && error.contains("max_descriptors"),
        "{error}"
    );
}

#[test]
fn numbers_of_descriptors_are_reused_from_the_lowest() {
    let mut guest = with_files();
    let opened: Vec<_> = (0..6)
        .map(|_| guest.open(3, "file", READ).unwrap())
        .collect();
    assert_eq!(opened, [4, 5, 6, 7, 8, 9]);
    for fd in [8, 5, 6] {
        assert_eq!(call!(guest.fd_close(fd)), SUCCESS);
        assert_eq!(call!(guest.fd_close(fd)), BADF);
    }
    assert_eq!(call!(guest.fd_renumber(9, 4)), SUCCESS);
    let opened: Vec<_> = (0..5)
        .map(|_| guest.open(3, "file", READ).unwrap())
        .collect();
    assert_eq!(opened, [5, 6, 8, 9, 10]);
    // The standard streams, which were not granted, stay away.
    assert_eq!(guest.write(1, b"x"), Err(BADF));
    assert_eq!(call!(guest.fd_renumber(4, 1)), BADF);
    assert_eq!(call!(guest.fd_renumber(10, 10)), SUCCESS);
    assert_eq!(guest.read(10, 3).unwrap(), b"con");
}

#[test]
fn a_big_directory_is_listed_once_through_a_small_buffer() {
    for place in Place::both("big_directory") {
        let count = 3_000;
        let place = (0..count).fold(place, |place, index| {
            place.with(&format!("file-{index}"), "")
        });
        let mut guest = Guest::new(place.grant(Access::ReadWrite));
        for buffer_bytes in [64, 250] {
            let dir = guest.open(3, ".", DIRECTORY).unwrap();
            let entries = guest.list(dir, buffer_bytes).unwrap();
            let names: BTreeSet<_> = entries.iter().map(|(name, ..)| name.as_str()).collect();
            let what = format!("{} through {buffer_bytes} bytes", place.name());
            assert_eq!(
                (entries.len(), names.len()),
                (count + 2, count + 2),
                "{what}"
            );
            assert!(names.contains("file-2999") && names.contains("."), "{what}");
            assert_eq!(call!(guest.fd_close(dir)), SUCCESS);
        }
    }
}

#[test]
fn a_listing_goes_on_while_the_directory_changes() {
    for place in Place::both("changing_directory") {
        let place = (0..100).fold(place, |place, index| place.with(&format!("{index}"), ""));
        let mut guest = Guest::new(place.grant(Access::ReadWrite));
        let mut seen = Vec::new();
        let mut cookie = 0u64;
        loop {
            assert_eq!(call!(guest.fd_readdir(3, BUFFER, 64, cookie, OUT)), SUCCESS);
            let used = guest.out();
            let bytes = guest.get(BUFFER, used);
            if bytes.len() < 24 {
                break;
            }
            let size = u32_at(&bytes, 16) as usize;
            let name = String::from_utf8(bytes[24..24 + size].to_vec()).unwrap();
            cookie = u64_at(&bytes, 0);
            if name != "." && name != ".." {
                assert_eq!(call!(guest.path_unlink_file(3, &*name)), SUCCESS);
                guest
                    .open(3, &*format!("{name}-new"), WRITE | CREATE)
                    .unwrap();
                seen.push(name);
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 100, "{}", place.name());
        assert_eq!(
            guest.names(3).len(),
            100,
            "from the beginning, what is there now"
        );
    }
}
