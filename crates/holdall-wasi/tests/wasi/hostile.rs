//! Guests that mean harm: each ends within its limits, and the host lives on.

use std::fs::File;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use holdall::{Config, Engine, Limits, Linker, Module, Store, TrapCode};
use holdall_wasi::{Access, Files, Grants, Input, Output, Wasi};

use crate::abi::{
    CREATE, DIRECTORY, DQUOT, MFILE, MONOTONIC, READ, SUCCESS, TRUNCATE, WRITE, Wanted,
};
use crate::guest::{Arg, BUFFER, Guest, IOVS, OUT};
use crate::place::{Folder, Place};

const YEAR_NANOS: u64 = 365 * 24 * 3600 * 1_000_000_000;
/// How long the guests may take.
const TIME: Duration = Duration::from_millis(300);
/// How much later they may end, with what is not optimized and on a busy machine.
const LATE: Duration = Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 100 });

fn metered(grants: Grants) -> Guest {
    let config = Config::new().metering(true);
    Guest::build(
        Wasi::new(grants),
        "wasi_snapshot_preview1",
        config,
        Limits::new(),
    )
}

/// That a call ends with the trap of the deadline, in time, and that the guest can be used then.
#[track_caller]
fn ends_in_time(guest: &mut Guest, name: &str, args: &[Arg]) {
    let start = Instant::now();
    guest.store.limits(Limits::new().timeout(TIME)).unwrap();
    let error = guest.try_call(name, args).unwrap_err();
    let took = start.elapsed();
    let code = error.trap().map(holdall::Trap::code);
    assert_eq!(code, Some(TrapCode::DeadlineExceeded), "{error}");
    assert!(took >= TIME && took < TIME + LATE, "{took:?}");
    // No time is left for another call, whatever it is.
    let error = guest.try_call("sched_yield", &[]).unwrap_err();
    assert_eq!(error.trap().map(holdall::Trap::code), code, "{error}");
    guest.store.limits(Limits::new()).unwrap();
    assert_eq!(call!(guest.sched_yield()), SUCCESS);
}

#[track_caller]
fn wait_ends_in_time(guest: &mut Guest, wanted: &[Wanted]) {
    let (args, _) = guest.prepare_poll(wanted);
    ends_in_time(guest, "poll_oneoff", &args);
}

#[track_caller]
fn read_ends_in_time(guest: &mut Guest) {
    guest.put_iovs(&[(BUFFER, 99)]);
    ends_in_time(
        guest,
        "fd_read",
        &[0.into(), IOVS.into(), 1.into(), OUT.into()],
    );
}

#[cfg(unix)]
fn os_pipe() -> (File, File) {
    let (reader, writer) = std::io::pipe().unwrap();
    let file = |end: std::os::fd::OwnedFd| File::from(end);
    (file(reader.into()), file(writer.into()))
}

/// A guest of this text, metered, and what its function `run` gives under these limits.
fn run(text: &str, grants: Grants, limits: Limits) -> Result<i32, holdall::Error> {
    let engine = Engine::new(Config::new().metering(true));
    let module = Module::new(&engine, text.as_bytes().to_vec()).unwrap();
    let mut linker = Linker::new(&engine);
    holdall_wasi::add_to_linker(&mut linker, Wasi::new(grants));
    let mut store = Store::new(&engine, ());
    store.limits(limits)?;
    let root = linker.instantiate(&mut store, &module)?;
    let func = root.get_typed_func::<(), i32>(&store, "run")?;
    func.call(&mut store, ())
}

#[test]
fn an_endless_loop_ends() {
    let text = "(module (func (export \"run\") (result i32) (loop (br 0)) unreachable))";
    let start = Instant::now();
    let error = run(text, Grants::new(), Limits::new().timeout(TIME)).unwrap_err();
    let code = error.trap().map(holdall::Trap::code);
    assert_eq!(code, Some(TrapCode::DeadlineExceeded), "{error}");
    assert!(start.elapsed() < TIME + LATE, "{:?}", start.elapsed());
}

#[test]
fn an_endless_loop_of_calls_ends() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (func (export "run") (result i32) (loop (drop (call $yield)) (br 0)) unreachable))"#;
    for (limits, expected) in [
        (Limits::new().timeout(TIME), TrapCode::DeadlineExceeded),
        (Limits::new().fuel(200), TrapCode::OutOfFuel),
    ] {
        let start = Instant::now();
        let error = run(text, Grants::new(), limits).unwrap_err();
        assert_eq!(
            error.trap().map(holdall::Trap::code),
            Some(expected),
            "{error}"
        );
        assert!(start.elapsed() < TIME + LATE, "{:?}", start.elapsed());
    }
}

#[test]
fn a_year_of_sleep_ends() {
    let mut guest = metered(Grants::new().clocks());
    wait_ends_in_time(&mut guest, &[Wanted::After(MONOTONIC, YEAR_NANOS)]);
    let later = guest.time(0).unwrap() + YEAR_NANOS;
    wait_ends_in_time(
        &mut guest,
        &[Wanted::At(0, later), Wanted::After(0, u64::MAX)],
    );
}

#[test]
fn a_wait_for_a_silent_pipe_ends() {
    let (writer, stdin) = Input::pipe();
    let mut guest = metered(Grants::new().stdin(stdin).clocks());
    wait_ends_in_time(&mut guest, &[Wanted::Read(0)]);
    let wanted = [Wanted::Read(0), Wanted::After(MONOTONIC, YEAR_NANOS)];
    wait_ends_in_time(&mut guest, &wanted);
    drop(writer);
}

#[cfg(unix)]
#[test]
fn a_wait_for_a_silent_pipe_of_the_host_ends() {
    let (reader, writer) = os_pipe();
    let mut guest = metered(Grants::new().stdin(Input::file(reader)).clocks());
    wait_ends_in_time(&mut guest, &[Wanted::Read(0)]);
    let wanted = [Wanted::Read(0), Wanted::After(MONOTONIC, YEAR_NANOS)];
    wait_ends_in_time(&mut guest, &wanted);
    drop(writer);
}

#[test]
fn a_read_of_a_silent_pipe_ends() {
    let (writer, stdin) = Input::pipe();
    read_ends_in_time(&mut metered(Grants::new().stdin(stdin)));
    drop(writer);
}

#[cfg(unix)]
#[test]
fn a_read_of_a_silent_pipe_of_the_host_ends() {
    let (reader, writer) = os_pipe();
    read_ends_in_time(&mut metered(Grants::new().stdin(Input::file(reader))));
    drop(writer);
}

#[cfg(unix)]
#[test]
fn a_write_to_a_full_pipe_that_nobody_reads_ends() {
    let (reader, writer) = os_pipe();
    let mut guest = metered(Grants::new().stdout(Output::file(writer)));
    guest.put_iovs(&[(BUFFER, 1 << 20), (BUFFER, 1 << 20)]);
    // What fits is in the pipe, whether it is told or the guest ends first.
    let args = || [1.into(), IOVS.into(), 2.into(), OUT.into()];
    ends_in_time(&mut guest, "fd_write", &args());
    ends_in_time(&mut guest, "fd_write", &args());
    wait_ends_in_time(&mut guest, &[Wanted::Write(1)]);
    drop(reader);
    guest.put_iovs(&[(BUFFER, 1), (BUFFER, 1)]);
    assert_eq!(guest.call("fd_write", &args()), crate::abi::PIPE);
}

#[cfg(unix)]
#[test]
fn a_slow_reader_gets_everything_that_is_written_under_a_deadline() {
    use std::io::Read;
    let (mut reader, writer) = os_pipe();
    let bytes: Vec<u8> = (0..1_000_000u32).map(|index| (index % 251) as u8).collect();
    let expected = bytes.clone();
    let slow = thread::spawn(move || {
        let mut read = Vec::new();
        let mut buffer = vec![0; 50_000];
        loop {
            match reader.read(&mut buffer).unwrap() {
                0 => return read,
                size => read.extend_from_slice(&buffer[..size]),
            }
            thread::sleep(Duration::from_millis(2));
        }
    });
    let mut guest = metered(Grants::new().stdout(Output::file(writer)));
    guest
        .store
        .limits(Limits::new().timeout(Duration::from_secs(60)))
        .unwrap();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let written = guest.write(1, rest).unwrap() as usize;
        rest = &rest[written..];
    }
    drop(guest);
    assert!(
        slow.join().unwrap() == expected,
        "bytes are lost or doubled"
    );
}

#[test]
fn a_wait_of_a_deterministic_guest_ends() {
    let (writer, stdin) = Input::pipe();
    let wasi = Wasi::new(Grants::new().stdin(stdin).clocks()).deterministic(0);
    let config = Config::new().metering(true);
    let mut guest = Guest::build(wasi, "wasi_snapshot_preview1", config, Limits::new());
    wait_ends_in_time(&mut guest, &[Wanted::Read(0)]);
    read_ends_in_time(&mut guest);
    // A time that never comes in the host's world comes in the guest's.
    let wanted = [Wanted::Read(0), Wanted::After(MONOTONIC, YEAR_NANOS)];
    let came = guest.poll(&wanted).unwrap();
    assert_eq!((came.len(), came[0].userdata), (1, 1));
    drop(writer);
}

#[test]
fn an_interruption_ends_a_sleep() {
    let (writer, stdin) = Input::pipe();
    let mut guest = metered(Grants::new().stdin(stdin).clocks());
    for wanted in [Wanted::After(MONOTONIC, YEAR_NANOS), Wanted::Read(0)] {
        let handle = guest.store.interrupt_handle().unwrap();
        let other = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            handle.interrupt();
            Instant::now()
        });
        let (args, _) = guest.prepare_poll(&[wanted]);
        let error = guest.try_call("poll_oneoff", &args).unwrap_err();
        let code = error.trap().map(holdall::Trap::code);
        assert_eq!(code, Some(TrapCode::Interrupted), "{error}");
        let late = other.join().unwrap().elapsed();
        assert!(late < LATE, "{late:?}");
        assert_eq!(call!(guest.sched_yield()), SUCCESS, "the trap used it up");
    }
    drop(writer);
}

#[test]
fn an_interruption_ends_a_read() {
    let (writer, stdin) = Input::pipe();
    let mut guest = metered(Grants::new().stdin(stdin));
    let handle = guest.store.interrupt_handle().unwrap();
    let other = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        handle.interrupt();
    });
    guest.put_iovs(&[(BUFFER, 9)]);
    let args = [0.into(), IOVS.into(), 1.into(), OUT.into()];
    let start = Instant::now();
    let error = guest.try_call("fd_read", &args).unwrap_err();
    let code = error.trap().map(holdall::Trap::code);
    assert_eq!(code, Some(TrapCode::Interrupted), "{error}");
    assert!(start.elapsed() < Duration::from_millis(100) + LATE);
    other.join().unwrap();
    drop(writer);
}

/// A module that calls `path_open` of `file` a million times, and gives the last number.
const OPENS: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "file")
    (func (export "run") (result i32) (local $left i32) (local $errno i32)
        (local.set $left (i32.const 1000000))
        (loop $next
            (local.set $errno (call $open
                (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 0)
                (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if $next (local.get $left)))
        (local.get $errno)))"#;

#[test]
fn a_million_opens_are_refused() {
    for place in Place::both("million_opens") {
        let grants = place
            .with("file", "")
            .grant(Access::ReadWrite)
            .max_descriptors(100);
        let errno = run(OPENS, grants, Limits::new()).unwrap();
        assert_eq!(errno, MFILE.0.cast_signed());
    }
}

/// A module that writes 4,096 bytes to `file` until it is refused, and gives that number.
const WRITES: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\00\04\00\00\00\10\00\00")
    (data (i32.const 64) "file")
    (func (export "run") (result i32) (local $errno i32)
        (if (call $open
                (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 1)
                (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 8))
            (then (return (i32.const -1))))
        (loop $next
            (local.set $errno (call $write
                (i32.load (i32.const 8)) (i32.const 0) (i32.const 1) (i32.const 12)))
            (br_if $next (i32.eqz (local.get $errno))))
        (local.get $errno)))"#;

#[test]
fn endless_writing_to_a_file_is_refused() {
    for place in Place::both("endless_writing") {
        let grants = place.grant(Access::ReadWrite).max_written_bytes(10_000_000);
        let errno = run(WRITES, grants.clone(), Limits::new()).unwrap();
        assert_eq!(errno, DQUOT.0.cast_signed(), "{}", place.name());
        let size = Guest::new(grants).stat(3, "file").unwrap().size;
        assert_eq!(size, 10_000_000 / 4096 * 4096, "{}", place.name());
    }
}

#[test]
fn endless_writing_in_memory_is_refused_by_the_size_of_the_tree() {
    let files = Files::new().limit_bytes(1_000_000);
    let grants = Grants::new().files(files.clone(), "/", Access::ReadWrite);
    let errno = run(WRITES, grants, Limits::new()).unwrap();
    assert_eq!(errno, crate::abi::NOSPC.0.cast_signed());
    assert_eq!(files.read("file").unwrap().len(), 1_000_000);
}

#[test]
fn endless_writing_ends_with_the_deadline() {
    let place = Place::Host(Folder::new("endless_writing_in_time"));
    let grants = place.grant(Access::ReadWrite).max_written_bytes(1 << 30);
    let start = Instant::now();
    let error = run(WRITES, grants, Limits::new().timeout(TIME)).unwrap_err();
    let code = error.trap().map(holdall::Trap::code);
    assert_eq!(code, Some(TrapCode::DeadlineExceeded), "{error}");
    assert!(start.elapsed() < TIME + LATE, "{:?}", start.elapsed());
}

#[test]
fn a_gibibyte_of_randomness_ends_with_the_limits() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "random_get"
            (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 16384)
        (func (export "run") (result i32)
            (loop (br_if 0 (i32.eqz (call $random (i32.const 0) (i32.const 0x40000000)))))
            unreachable))"#;
    for (limits, expected) in [
        (Limits::new().timeout(TIME), TrapCode::DeadlineExceeded),
        (Limits::new().fuel(100_000), TrapCode::OutOfFuel),
    ] {
        let start = Instant::now();
        let error = run(text, Grants::new().random(), limits).unwrap_err();
        assert_eq!(
            error.trap().map(holdall::Trap::code),
            Some(expected),
            "{error}"
        );
        assert!(start.elapsed() < TIME + LATE, "{:?}", start.elapsed());
    }
}

/// Does this in a thread of its own, and fails when it hangs.
#[track_caller]
pub(crate) fn does_not_hang<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || sender.send(what()));
    done.recv_timeout(Duration::from_secs(20))
        .expect("it hangs")
}

#[cfg(unix)]
#[test]
fn opening_a_pipe_that_has_a_name_does_not_hang() {
    let folder = Folder::new("named_pipe").with_link("link", "pipe");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    // The path of a socket must be short, which that of the folder need not be.
    #[cfg(target_os = "linux")]
    let _socket = {
        use std::os::fd::AsRawFd;
        let dir = File::open(folder.path()).unwrap();
        let path = format!("/proc/self/fd/{}/socket", dir.as_raw_fd());
        std::os::unix::net::UnixListener::bind(path).unwrap()
    };
    for access in [Access::ReadOnly, Access::ReadWrite] {
        let grants = Grants::new().host_dir(folder.path(), "/", access).unwrap();
        for path in ["pipe", "./pipe", "link", "socket"] {
            for how in [
                READ,
                WRITE,
                READ | WRITE,
                WRITE | TRUNCATE,
                READ | CREATE,
                DIRECTORY,
            ] {
                let grants = grants.clone();
                let opened = does_not_hang(move || {
                    let mut guest = metered(grants);
                    guest
                        .store
                        .limits(Limits::new().timeout(Duration::from_secs(5)))
                        .unwrap();
                    guest.open(3, path, how)
                });
                assert!(opened.is_err(), "{path}, {how:?}: {opened:?}");
            }
        }
        let mut guest = Guest::new(grants);
        assert!(
            guest
                .names(3)
                .starts_with(&["link".to_owned(), "pipe".to_owned()])
        );
        assert_eq!(
            guest.stat(3, "pipe").unwrap().filetype,
            0,
            "WASI has no name for it"
        );
    }
}

/// How many descriptors this process has open below a path.
#[cfg(target_os = "linux")]
fn open_below(path: &std::path::Path) -> usize {
    let all = std::fs::read_dir("/proc/self/fd").unwrap();
    let paths = all.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    paths.filter(|open| open.starts_with(path)).count()
}

#[cfg(target_os = "linux")]
#[test]
fn descriptors_of_the_host_go_with_the_guest() {
    let folder = Folder::new("host_descriptors").with("dir/file", "");
    let grants = Grants::new()
        .host_dir(folder.path(), "/", Access::ReadWrite)
        .unwrap();
    let before = open_below(folder.path());
    let mut guest = Guest::new(grants.max_descriptors(60));
    for _ in 0..100 {
        let _ = guest.open(3, "dir/file", READ);
        let _ = guest.open(3, "dir", DIRECTORY);
    }
    let most = open_below(folder.path());
    assert!(
        (50..=62).contains(&(most - before)),
        "{before}, then {most}"
    );
    for fd in 4..30 {
        assert_eq!(call!(guest.fd_close(fd)), SUCCESS);
    }
    assert_eq!(open_below(folder.path()), most - 26);
    drop(guest);
    // The directory is the grants', which are gone too.
    assert!(open_below(folder.path()) <= before);
}

#[cfg(unix)]
#[test]
fn as_many_subscriptions_as_there_may_be_are_waited_for() {
    let (reader, writer) = os_pipe();
    let grants = Grants::new()
        .stdin(Input::file(reader))
        .stdout(Output::null())
        .clocks();
    let mut guest = metered(grants);
    const COUNT: u32 = 1 << 16;
    let subscriptions: Vec<u8> = (0..COUNT)
        .flat_map(|index| Wanted::Read(0).preview1(index.into()))
        .collect();
    let events = BUFFER + COUNT * 48;
    guest.memory.grow(&mut guest.store, 64).unwrap();
    guest.put(BUFFER, &subscriptions);
    let args = || [BUFFER.into(), events.into(), COUNT.into(), OUT.into()];
    ends_in_time(&mut guest, "poll_oneoff", &args());
    drop(writer);
    assert_eq!(guest.call("poll_oneoff", &args()), SUCCESS);
    assert_eq!(guest.out(), COUNT);
}
