//! Calls of WASI pay for what they move, in fuel, as instructions that move as much do.

use holdall::{Config, Limits, TrapCode};
use holdall_wasi::{Access, Files, Grants, Input, Output, Wasi};

use crate::abi::{Errno, INVAL, NAMETOOLONG, NOENT, READ, SUCCESS, Wanted};
use crate::guest::{Arg, BUFFER, Guest, IOVS, OUT, OUT2};

const MB: u32 = 1 << 20;
/// What bulk instructions take for as many bytes.
const MB_UNITS: u64 = (MB / 64) as u64;
const FUEL: u64 = 1 << 40;

fn guest() -> Guest {
    let long = "x".repeat(MB as usize - 1);
    let bytes = vec![7; 3 * MB as usize];
    let grants = Grants::new()
        .arg(long.clone())
        .env("LONG", &long[..MB as usize - 6])
        .stdin(Input::bytes(bytes.clone()))
        .stdout(Output::null())
        .files(Files::new().with("file", bytes), "/", Access::ReadWrite)
        .random()
        .clocks();
    let (wasi, config) = (Wasi::new(grants), Config::new().metering(true));
    Guest::build(wasi, "wasi_snapshot_preview1", config, Limits::new())
}

/// What a call takes, which ends with this number.
#[track_caller]
fn units(guest: &mut Guest, name: &str, args: &[Arg], errno: Errno) -> u64 {
    guest.store.limits(Limits::new().fuel(FUEL)).unwrap();
    assert_eq!(guest.call(name, args), errno, "{name}");
    FUEL - guest.store.fuel().unwrap()
}

macro_rules! units {
    ($guest:ident.$name:ident($($arg:expr),*) = $errno:expr) => {
        units(&mut $guest, stringify!($name), &[$(Arg::from($arg)),*], $errno)
    };
}

#[test]
fn whatever_moves_a_megabyte_costs_what_it_costs_to_move_one() {
    let mut guest = guest();
    let file = guest.open(3, "file", READ | crate::abi::WRITE).unwrap();
    guest.put_iovs(&[(BUFFER, MB)]);
    for (what, units) in [
        ("args_get", units!(guest.args_get(OUT, BUFFER) = SUCCESS)),
        (
            "environ_get",
            units!(guest.environ_get(OUT, BUFFER) = SUCCESS),
        ),
        ("random_get", units!(guest.random_get(BUFFER, MB) = SUCCESS)),
        ("fd_read", units!(guest.fd_read(0, IOVS, 1, OUT) = SUCCESS)),
        (
            "fd_write",
            units!(guest.fd_write(1, IOVS, 1, OUT) = SUCCESS),
        ),
        (
            "fd_pread",
            units!(guest.fd_pread(file, IOVS, 1, 0u64, OUT) = SUCCESS),
        ),
        (
            "fd_pwrite",
            units!(guest.fd_pwrite(file, IOVS, 1, 0u64, OUT) = SUCCESS),
        ),
    ] {
        let expected = MB_UNITS..MB_UNITS + 100;
        assert!(expected.contains(&units), "{what}: {units} units");
    }
}

#[test]
fn a_large_buffer_costs_what_is_moved_through_it() {
    let mut guest = guest();
    let file = guest.open(3, "file", READ).unwrap();
    guest.put_iovs(&[(BUFFER, MB)]);
    let end = u64::from(3 * MB) - 1;
    let units = units!(guest.fd_pread(file, IOVS, 1, end, OUT) = SUCCESS);
    assert_eq!(guest.out(), 1);
    assert!(units < 20, "{units} units for a byte");
}

#[test]
fn many_buffers_subscriptions_and_names_cost_though_they_move_nothing() {
    let mut guest = guest();
    let file = guest.open(3, "file", READ | crate::abi::WRITE).unwrap();
    guest.put_iovs(&[(BUFFER, 0); 1024]);
    for units in [
        units!(guest.fd_write(1, IOVS, 1024, OUT) = SUCCESS),
        units!(guest.fd_read(0, IOVS, 1024, OUT) = SUCCESS),
        units!(guest.fd_pwrite(file, IOVS, 1024, 0u64, OUT) = SUCCESS),
        units!(guest.fd_pread(file, IOVS, 1024, 0u64, OUT) = SUCCESS),
    ] {
        assert!(units >= 1024, "{units} units for a thousand buffers");
    }
    let now = Wanted::After(crate::abi::MONOTONIC, 0);
    let wanted: Vec<_> = (0..500).map(|_| now).collect();
    let (args, _) = guest.prepare_poll(&wanted);
    let units = units(&mut guest, "poll_oneoff", &args, SUCCESS);
    assert!(units >= 5_000, "{units} units for 500 subscriptions");
    let deep = "a/".repeat(2000);
    let units = units!(guest.path_filestat_get(3, 0, &*deep, OUT2) = NOENT);
    assert!(units >= 4000, "{units} units for two thousand names");
    let units = units!(guest.path_filestat_get(3, 0, &*"a/".repeat(3000), OUT2) = NAMETOOLONG);
    assert!(units < 20, "{units} units for a path that nobody looks at");
    let units = units!(guest.fd_seek(file, -1i64, 0, OUT) = INVAL);
    assert!(units < 20, "{units} units for nothing");
}

#[test]
fn the_same_call_costs_the_same_each_time_and_also_when_it_fails() {
    let mut guest = guest();
    let mut path = || units!(guest.path_filestat_get(3, 0, "none", OUT2) = NOENT);
    let first = path();
    assert_eq!([path(), path()], [first; 2]);
    guest.store.limits(Limits::new().fuel(100)).unwrap();
    let args = [OUT.into(), BUFFER.into()];
    let error = guest.try_call("args_get", &args).unwrap_err();
    let code = error.trap().map(holdall::Trap::code);
    assert_eq!(code, Some(TrapCode::OutOfFuel), "{error}");
    assert_eq!(guest.store.fuel(), Some(0));
}
