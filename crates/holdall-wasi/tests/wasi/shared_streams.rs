//! Streams of the host that others have too: a guest changes nothing of them but by its bytes, and
//! does not wait for them longer than it may.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use holdall::{Config, Limits, TrapCode};
use holdall_wasi::{Grants, Input, Output, Wasi};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Action, tcflow};

use crate::abi::{Errno, INVAL, NOTSUP, SPIPE, SUCCESS};
use crate::guest::{Guest, IOVS, OUT};
use crate::place::Folder;

/// How long a guest may take.
const TIME: Duration = Duration::from_millis(200);
/// How much later it may end where nothing is optimised and the machine is busy.
const LATE: Duration = Duration::from_secs(2);

const APPEND: u32 = 1;
const NONBLOCK: u32 = 4;

fn metered(grants: Grants) -> Guest {
    let (wasi, config) = (Wasi::new(grants), Config::new().metering(true));
    Guest::build(wasi, "wasi_snapshot_preview1", config, Limits::new())
}

fn pair() -> (File, File) {
    let (one, other) = UnixStream::pair().unwrap();
    (OwnedFd::from(one).into(), OwnedFd::from(other).into())
}

fn pipe() -> (File, File) {
    let (reader, writer) = std::io::pipe().unwrap();
    (OwnedFd::from(reader).into(), OwnedFd::from(writer).into())
}

/// A terminal: its master, and what programs have.
fn terminal() -> (File, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(name).unwrap();
    (master.into(), terminal)
}

/// What a description looks like to whoever shares it: its position and its flags.
fn description(file: &File) -> String {
    let path = format!("/proc/self/fdinfo/{}", file.as_raw_fd());
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().take(2).collect()
}

/// Calls on a descriptor all that could change what is behind a stream, and gives the numbers.
fn meddle(guest: &mut Guest, fd: u32) -> Vec<(&'static str, Errno)> {
    guest.put_iovs(&[(crate::guest::BUFFER, 3)]);
    vec![
        ("set_size", call!(guest.fd_filestat_set_size(fd, 0u64))),
        (
            "set_size",
            call!(guest.fd_filestat_set_size(fd, 1u64 << 40)),
        ),
        ("allocate", call!(guest.fd_allocate(fd, 0u64, 1u64 << 40))),
        (
            "set_times",
            call!(guest.fd_filestat_set_times(fd, 1u64, 1u64, 5)),
        ),
        (
            "set_times",
            call!(guest.fd_filestat_set_times(fd, 0u64, 0u64, 10)),
        ),
        ("seek", call!(guest.fd_seek(fd, 0i64, 0, OUT))),
        ("seek", call!(guest.fd_seek(fd, 5i64, 1, OUT))),
        ("seek", call!(guest.fd_seek(fd, 0i64, 2, OUT))),
        ("advise", call!(guest.fd_advise(fd, 0u64, 9u64, 4))),
        ("sync", call!(guest.fd_sync(fd))),
        ("sync", call!(guest.fd_datasync(fd))),
        ("set_flags", call!(guest.fd_fdstat_set_flags(fd, 0))),
        (
            "set_flags",
            call!(guest.fd_fdstat_set_flags(fd, APPEND | NONBLOCK)),
        ),
        ("set_flags", call!(guest.fd_fdstat_set_flags(fd, NONBLOCK))),
    ]
}

fn expected(what: &str) -> Errno {
    match what {
        "set_size" | "sync" => INVAL,
        "allocate" | "seek" | "advise" => SPIPE,
        "set_times" => NOTSUP,
        _ => SUCCESS,
    }
}

#[test]
fn a_file_behind_a_stream_changes_by_what_is_written_only() {
    for append in [false, true] {
        let folder = Folder::new("file_behind_a_stream").with("log", "evidence\n");
        let mut options = File::options();
        options.read(true).write(true).append(append);
        let mut log = options.open(folder.path().join("log")).unwrap();
        log.seek(std::io::SeekFrom::Start(2)).unwrap();
        let (seen, before) = (description(&log), log.metadata().unwrap());
        let shared = || log.try_clone().unwrap();
        let grants = Grants::new()
            .stdin(Input::file(shared()))
            .stdout(Output::file(shared()));
        let mut guest = Guest::new(grants);
        for fd in [0, 1] {
            for (what, errno) in meddle(&mut guest, fd) {
                assert_eq!(errno, expected(what), "{what} of {fd}");
            }
        }
        assert_eq!(call!(guest.fd_pwrite(1, IOVS, 1, 0u64, OUT)), SPIPE);
        assert_eq!(call!(guest.fd_pread(0, IOVS, 1, 0u64, OUT)), SPIPE);
        // Where it is, and how large the file, may be read.
        assert_eq!(call!(guest.fd_tell(1, OUT)), SUCCESS);
        assert_eq!(guest.out64(), 2);
        assert_eq!(call!(guest.fd_seek(0, 0i64, 1, OUT)), SUCCESS);
        assert_eq!(guest.out64(), 2);
        assert_eq!(call!(guest.fd_filestat_get(1, OUT)), SUCCESS);
        assert_eq!(crate::abi::u64_at(&guest.get(OUT, 64), 32), 9);
        let after = log.metadata().unwrap();
        assert_eq!(description(&log), seen);
        assert_eq!(after.len(), before.len());
        assert_eq!(
            (after.mtime(), after.mtime_nsec()),
            (before.mtime(), before.mtime_nsec())
        );
        assert_eq!(
            (after.atime(), after.atime_nsec()),
            (before.atime(), before.atime_nsec())
        );
        guest.write(1, b"DENCE").unwrap();
        let text = std::fs::read_to_string(folder.path().join("log")).unwrap();
        let whole = if append {
            "evidence\nDENCE"
        } else {
            "evDENCEe\n"
        };
        assert_eq!(text, whole);
    }
}

#[test]
fn whoever_shares_a_pipe_a_socket_or_a_terminal_finds_it_unchanged() {
    let (reader, writer) = pipe();
    let (one, other) = pair();
    let (master, slave) = terminal();
    for (input, output) in [(&reader, &writer), (&one, &other), (&slave, &master)] {
        let grants = Grants::new()
            .stdin(Input::file(input.try_clone().unwrap()))
            .stdout(Output::file(output.try_clone().unwrap()));
        let seen = (description(input), description(output));
        let mut guest = metered(grants);
        for fd in [0, 1] {
            for (what, errno) in meddle(&mut guest, fd) {
                assert_eq!(errno, expected(what), "{what} of {fd}");
            }
            assert_eq!(call!(guest.fd_tell(fd, OUT)), SPIPE);
        }
        guest.store.limits(Limits::new().timeout(TIME)).unwrap();
        let _ = guest.read(0, 9);
        let _ = guest.write(1, b"x");
        assert_eq!((description(input), description(output)), seen);
    }
}

#[test]
fn a_device_that_is_no_terminal_does_not_look_like_one() {
    const SEEK_OR_TELL: u64 = 1 << 2 | 1 << 5;
    let null = File::open("/dev/null").unwrap();
    let mut guest = Guest::new(Grants::new().stdin(Input::file(null)));
    assert_ne!(guest.rights(0).0 & SEEK_OR_TELL, 0);
    let (_master, slave) = terminal();
    let mut guest = Guest::new(Grants::new().stdin(Input::file(slave)));
    assert_eq!(guest.rights(0).0 & SEEK_OR_TELL, 0);
}

/// That a call which has to wait ends with the deadline, and in time.
#[track_caller]
fn ends_in_time(guest: &mut Guest, name: &str, fd: u32, size: u32, what: &str) {
    guest.put_iovs(&[(crate::guest::BUFFER, size)]);
    guest.store.limits(Limits::new().timeout(TIME)).unwrap();
    let start = Instant::now();
    let args = [fd.into(), IOVS.into(), 1.into(), OUT.into()];
    let error = loop {
        match guest.try_call(name, &args) {
            Ok(errno) => assert_eq!(errno, SUCCESS, "{what}"),
            Err(error) => break error,
        }
    };
    let code = error.trap().map(holdall::Trap::code);
    assert_eq!(code, Some(TrapCode::DeadlineExceeded), "{what}: {error}");
    assert!(
        start.elapsed() < TIME + LATE,
        "{what}: {:?}",
        start.elapsed()
    );
    guest.store.limits(Limits::new()).unwrap();
}

#[test]
fn a_deadline_ends_reads_and_writes_of_whatever_is_a_stream() {
    let folder = Folder::new("streams_to_wait_for");
    let fifo = folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo")
        .arg(&fifo)
        .status()
        .unwrap();
    assert!(made.success());
    let fifo = File::options().read(true).write(true).open(fifo).unwrap();
    let (reader, writer) = pipe();
    let (one, other) = pair();
    let (master, slave) = terminal();
    let (stopped_master, stopped) = terminal();
    tcflow(&stopped, Action::OOff).unwrap();
    for (what, file, feeds) in [
        ("pipe", &reader, Some(&writer)),
        ("fifo", &fifo, Some(&fifo)),
        ("socket", &one, Some(&other)),
        ("terminal", &slave, Some(&master)),
        ("master of a terminal", &stopped_master, None),
    ] {
        let stdin = Input::file(file.try_clone().unwrap());
        let mut guest = metered(Grants::new().stdin(stdin));
        ends_in_time(&mut guest, "fd_read", 0, 99, what);
        // The guest goes on, and gets what comes then.
        if let Some(mut feeds) = feeds {
            feeds.write_all(b"late\n").unwrap();
            assert_eq!(guest.read(0, 99).unwrap(), b"late\n", "{what}");
        }
    }
    for (what, file) in [
        ("pipe", &writer),
        ("fifo", &fifo),
        ("socket", &other),
        ("terminal that nobody reads", &slave),
        ("terminal that was stopped", &stopped),
        ("master of a terminal", &master),
    ] {
        for size in [7, 5000, 100_000] {
            let stdout = Output::file(file.try_clone().unwrap());
            let mut guest = metered(Grants::new().stdout(stdout));
            ends_in_time(&mut guest, "fd_write", 1, size, what);
        }
    }
}

#[test]
fn readers_of_one_pipe_end_in_time_and_lose_nothing() {
    let (mut reader, mut writer) = pipe();
    let readers: Vec<_> = (0..6)
        .map(|_| {
            let stdin = Input::file(reader.try_clone().unwrap());
            thread::spawn(move || {
                let mut guest = metered(Grants::new().stdin(stdin));
                guest.put_iovs(&[(crate::guest::BUFFER, 3)]);
                guest.store.limits(Limits::new().timeout(TIME * 2)).unwrap();
                let start = Instant::now();
                let mut got = Vec::new();
                let args = [0.into(), IOVS.into(), 1.into(), OUT.into()];
                while guest.try_call("fd_read", &args).is_ok() {
                    got.extend(guest.get(crate::guest::BUFFER, guest.out()));
                }
                (got, start.elapsed())
            })
        })
        .collect();
    let sent: Vec<u8> = (0..100).collect();
    for byte in &sent {
        writer.write_all(&[*byte]).unwrap();
        thread::sleep(Duration::from_millis(3));
    }
    let mut got = Vec::new();
    for reader in readers {
        let (bytes, took) = reader.join().unwrap();
        assert!(took < TIME * 2 + LATE, "{took:?}");
        got.extend(bytes);
    }
    drop(writer);
    reader.read_to_end(&mut got).unwrap();
    got.sort_unstable();
    assert_eq!(got, sent);
}

#[test]
fn writers_of_one_pipe_end_in_time() {
    let (mut reader, writer) = pipe();
    let writers: Vec<_> = [100, 4096, 4097, 9000, 70_000, 200_000]
        .map(|size| {
            let stdout = Output::file(writer.try_clone().unwrap());
            thread::spawn(move || {
                let mut guest = metered(Grants::new().stdout(stdout));
                ends_in_time(
                    &mut guest,
                    "fd_write",
                    1,
                    size,
                    "a pipe that others write to",
                );
            })
        })
        .into_iter()
        .collect();
    let start = Instant::now();
    while start.elapsed() < TIME / 2 {
        assert!(reader.read(&mut [0; 5000]).unwrap() > 0);
        thread::sleep(Duration::from_millis(2));
    }
    for writer in writers {
        writer.join().unwrap();
    }
}
