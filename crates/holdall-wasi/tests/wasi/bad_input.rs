//! Addresses and buffers outside of memory trap, and the host lives on.

use holdall::{Engine, Limits, Linker, Module, Store, TrapCode};
use holdall_wasi::{Access, Files, Grants, Input, Output, Wasi};

use crate::abi::{BADF, FUNCTIONS, NOENT, READ, SUCCESS, WRITE};
use crate::guest::{Arg, BUFFER, Guest, IOVS, MEMORY_BYTES, OUT, OUT2};
use crate::place::Place;

/// Where the path `file` is.
pub(crate) const PATH: u32 = 0x8000;
/// Where the path `new` is.
pub(crate) const NEW: u32 = 0x8010;

/// A guest that has everything, with a file open as 4.
pub(crate) fn having_everything(place: &Place) -> Guest {
    let grants = place
        .grant(Access::ReadWrite)
        .args(["program", "argument"])
        .env("NAME", "value")
        .stdin(Input::bytes(*b"input"))
        .stdout(Output::null())
        .clocks()
        .random();
    let mut guest = Guest::new(grants);
    assert_eq!(guest.open(3, "file", READ | WRITE), Ok(4));
    guest.put(PATH, b"file");
    guest.put(NEW, b"new");
    guest.put_iovs(&[(BUFFER, 1), (0, 0), (2, 0), (1, 0), (0, 0), (0, 0)]);
    guest
}

/// Arguments with which a function uses all of its addresses.
pub(crate) fn good_arguments(name: &str) -> Option<Vec<u64>> {
    let [out, out2, iovs, path, new] = [OUT, OUT2, IOVS, PATH, NEW].map(u64::from);
    let buffer = u64::from(BUFFER);
    Some(match name {
        "args_get" | "environ_get" => vec![out, buffer],
        "args_sizes_get" | "environ_sizes_get" => vec![out, out2],
        "clock_res_get" => vec![1, out],
        "clock_time_get" => vec![1, 0, out],
        "fd_fdstat_get" | "fd_filestat_get" | "fd_tell" => vec![4, buffer],
        "fd_prestat_get" => vec![3, out],
        "fd_prestat_dir_name" => vec![3, buffer, 1],
        "fd_pread" | "fd_pwrite" => vec![4, iovs, 1, 0, out],
        "fd_read" | "fd_write" => vec![4, iovs, 1, out],
        "fd_readdir" => vec![3, buffer, 4096, 0, out],
        "fd_seek" => vec![4, 0, 0, out],
        "path_create_directory" | "path_remove_directory" | "path_unlink_file" => vec![3, new, 3],
        "path_filestat_get" => vec![3, 0, path, 4, buffer],
        "path_filestat_set_times" => vec![3, 0, path, 4, 0, 0, 10],
        "path_link" => vec![3, 0, path, 4, 3, new, 3],
        "path_open" => vec![3, 0, path, 4, 0, 0, 0, 0, out],
        "path_readlink" => vec![3, path, 4, buffer, 9, out],
        "path_rename" => vec![3, path, 4, 3, new, 3],
        "path_symlink" => vec![path, 4, 3, new, 3],
        // The list of buffers, taken for one subscription, is to write to descriptor 1.
        "poll_oneoff" => vec![iovs + 8, buffer, 1, out],
        "random_get" => vec![buffer, 16],
        _ => return None,
    })
}

/// That the call traps, and says why.
#[track_caller]
fn traps(guest: &mut Guest, name: &str, slots: &[u64], expected: &str) {
    let args: Vec<_> = slots.iter().map(|slot| Arg::from(*slot)).collect();
    let shown = format!("{name}{slots:?}");
    match guest.try_call(name, &args) {
        Ok(errno) => panic!("{shown} gives {errno:?}"),
        Err(error) => {
            let trap = error.trap().unwrap_or_else(|| panic!("{shown}: {error}"));
            assert_eq!(
                trap.code(),
                TrapCode::OutOfBoundsMemoryAccess,
                "{shown}: {error}"
            );
            let text = error.to_string();
            assert!(
                text.contains(expected),
                "{shown}: no {expected:?} in {text}"
            );
        }
    }
}

#[test]
fn addresses_outside_of_memory_trap() {
    let mut tried = 0;
    for place in Place::both("bad_addresses") {
        let place = place.with("file", "contents");
        let mut guest = having_everything(&place);
        for (name, letters) in FUNCTIONS {
            let Some(good) = good_arguments(name) else {
                continue;
            };
            for (at, letter) in letters.chars().enumerate() {
                // What a link holds is asked for only of a link.
                if !"pw".contains(letter) || (name == "path_readlink" && at > 1) {
                    continue;
                }
                for address in [MEMORY_BYTES, MEMORY_BYTES + 4, 1 << 31, u32::MAX - 3] {
                    let mut slots = good.clone();
                    slots[at] = address.into();
                    traps(&mut guest, name, &slots, "argument of a WASI function");
                    tried += 1;
                }
            }
        }
        // Half of it is outside.
        traps(
            &mut guest,
            "random_get",
            &[u64::from(MEMORY_BYTES - 4), 5],
            "argument of a WASI",
        );
        traps(
            &mut guest,
            "fd_filestat_get",
            &[4, u64::from(MEMORY_BYTES - 56)],
            "argument of",
        );
        traps(
            &mut guest,
            "path_unlink_file",
            &[3, u64::from(MEMORY_BYTES - 2), 3],
            "argument of",
        );
        assert!(
            guest.stat(3, "file").unwrap().size >= 8,
            "the guest goes on"
        );
    }
    assert!(tried > 2 * 4 * 40, "{tried} addresses were tried");
}

#[test]
fn no_bytes_may_be_at_any_address() {
    for place in Place::both("no_bytes") {
        let place = place.with("file", "contents");
        let mut guest = having_everything(&place);
        guest.put_iovs(&[(0xaaaa_aaaa, 0), (BUFFER, 2), (u32::MAX, 0)]);
        assert_eq!(call!(guest.path_symlink("file", 3, "link")), SUCCESS);
        for at in [MEMORY_BYTES, 0xaaaa_aaaa, u32::MAX] {
            assert_eq!(call!(guest.fd_seek(4, 0, 0, OUT)), SUCCESS);
            for (what, errno, found, bytes) in [
                (
                    "fd_write",
                    call!(guest.fd_write(4, IOVS, 3, OUT)),
                    guest.out(),
                    2,
                ),
                (
                    "fd_pwrite",
                    call!(guest.fd_pwrite(4, IOVS, 3, 0, OUT)),
                    guest.out(),
                    2,
                ),
                (
                    "fd_read",
                    call!(guest.fd_read(4, IOVS, 3, OUT)),
                    guest.out(),
                    2,
                ),
                (
                    "fd_pread",
                    call!(guest.fd_pread(4, IOVS, 3, 0, OUT)),
                    guest.out(),
                    2,
                ),
                (
                    "no buffers",
                    call!(guest.fd_write(4, at, 0, OUT)),
                    guest.out(),
                    0,
                ),
                (
                    "no buffers",
                    call!(guest.fd_read(4, at, 0, OUT)),
                    guest.out(),
                    0,
                ),
                (
                    "no buffers",
                    call!(guest.fd_pwrite(4, at, 0, 0, OUT)),
                    guest.out(),
                    0,
                ),
                (
                    "no buffers",
                    call!(guest.fd_pread(4, at, 0, 0, OUT)),
                    guest.out(),
                    0,
                ),
                (
                    "fd_readdir",
                    call!(guest.fd_readdir(3, at, 0, 0, OUT)),
                    guest.out(),
                    0,
                ),
                (
                    "path_readlink",
                    call!(guest.path_readlink(3, "link", at, 0, OUT)),
                    guest.out(),
                    0,
                ),
            ] {
                assert_eq!((errno, found), (SUCCESS, bytes), "{what} at {at:#x}");
            }
            assert_eq!(call!(guest.random_get(at, 0)), SUCCESS);
            for (what, errno) in [
                ("a path", call!(guest.path_unlink_file(3, at, 0))),
                ("a target", call!(guest.path_symlink(at, 0, 3, "l"))),
                (
                    "a path",
                    call!(guest.path_filestat_get(3, 0, at, 0, BUFFER)),
                ),
            ] {
                assert_eq!(errno, NOENT, "{what} at {at:#x}");
            }
        }
    }
    let mut bare = Guest::new(Grants::new());
    for at in [MEMORY_BYTES, u32::MAX - 3] {
        assert_eq!(call!(bare.args_get(at, at)), SUCCESS);
        assert_eq!(call!(bare.environ_get(at, at)), SUCCESS);
    }
}

#[test]
fn addresses_that_are_not_aligned_trap() {
    let place = Place::Memory(Files::new().with("file", "contents"));
    let mut guest = having_everything(&place);
    let mut tried = 0;
    for (name, letters) in FUNCTIONS {
        let Some(good) = good_arguments(name) else {
            continue;
        };
        for (at, letter) in letters.chars().enumerate() {
            if letter != 'w' || name == "path_readlink" {
                continue;
            }
            for more in [1, 2] {
                let mut slots = good.clone();
                slots[at] += more;
                traps(&mut guest, name, &slots, "align");
                tried += 1;
            }
        }
    }
    assert!(tried > 2 * 25, "{tried} addresses were tried");
}

#[test]
fn buffers_outside_of_memory_trap() {
    let place = Place::Memory(Files::new().with("file", "contents"));
    let mut guest = having_everything(&place);
    for (at, size) in [
        (0, MEMORY_BYTES + 1),
        (1, u32::MAX),
        (u32::MAX, u32::MAX),
        (u32::MAX, 1),
        (MEMORY_BYTES, 1),
        (MEMORY_BYTES - 1, 2),
        (1 << 31, 1 << 31),
    ] {
        for (name, more) in [
            ("fd_read", &[][..]),
            ("fd_write", &[]),
            ("fd_pread", &[0]),
            ("fd_pwrite", &[0]),
        ] {
            // Whichever of the first four it is.
            for first in 0..4 {
                let mut iovs = [(BUFFER, 1); 4];
                iovs[first] = (at, size);
                guest.put_iovs(&iovs);
                let mut slots = vec![4, IOVS.into(), 4];
                slots.extend(more);
                slots.push(OUT.into());
                assert_eq!(call!(guest.fd_seek(4, 0, 0, OUT)), SUCCESS);
                traps(&mut guest, name, &slots, "argument of a WASI function");
            }
        }
    }
}

#[test]
fn a_huge_count_of_buffers_is_cut() {
    let place = Place::Memory(Files::new().with("file", "contents"));
    let mut guest = having_everything(&place);
    let iovs: Vec<_> = (0..1_100).map(|_| (BUFFER, 1)).collect();
    guest.put_iovs(&iovs);
    for count in [1_100, 1 << 29, u32::MAX] {
        assert_eq!(
            call!(guest.fd_write(1, IOVS, count, OUT)),
            SUCCESS,
            "{count}"
        );
        assert_eq!(guest.out(), 1024, "{count}");
        assert_eq!(
            call!(guest.fd_pread(4, IOVS, count, 0, OUT)),
            SUCCESS,
            "{count}"
        );
        assert_eq!(guest.out(), 8, "{count}: as long as the file is");
    }
    // The list itself is cut before it leaves memory, or traps.
    let end = u64::from(MEMORY_BYTES - 8);
    guest.put(MEMORY_BYTES - 8, &[0; 8]);
    assert_eq!(
        guest.call("fd_write", &[1.into(), end.into(), 1.into(), OUT.into()]),
        SUCCESS
    );
    traps(
        &mut guest,
        "fd_write",
        &[1, end, 2, OUT.into()],
        "argument of a WASI function",
    );
    traps(
        &mut guest,
        "fd_write",
        &[1, end, u32::MAX.into(), OUT.into()],
        "argument of a WASI",
    );
}

#[test]
fn four_gibibytes_through_overlapping_buffers_are_cut() {
    for place in Place::both("overlapping") {
        let place = place.with("file", "");
        let grants = place.grant(Access::ReadWrite);
        let (capture, stdout) = Output::capture();
        let mut limits = Limits::new();
        limits.bytes_per_call = 1 << 20;
        let mut guest = Guest::limited(grants.stdout(stdout), limits);
        let file = guest.open(3, "file", READ | WRITE).unwrap();
        guest.put_iovs(&[(0, MEMORY_BYTES); 1024]);
        for fd in [1, file] {
            assert_eq!(call!(guest.fd_write(fd, IOVS, 1024, OUT)), SUCCESS);
            assert_eq!(guest.out(), 1 << 20, "{}: {fd}", place.name());
        }
        assert_eq!(capture.bytes().len(), 1 << 20);
        assert_eq!(
            call!(guest.fd_pwrite(file, IOVS, 1024, 1 << 20, OUT)),
            SUCCESS
        );
        assert_eq!(guest.out(), 1 << 20);
        assert_eq!(guest.stat(3, "file").unwrap().size, 2 << 20);
        // What is read would overwrite the list: it is read before that.
        guest.put_iovs(&[(BUFFER, MEMORY_BYTES - BUFFER); 1024]);
        assert_eq!(call!(guest.fd_pread(file, IOVS, 1024, 0, OUT)), SUCCESS);
        assert_eq!(guest.out(), 1 << 20);
    }
}

#[test]
fn one_call_writes_no_more_than_16_mebibytes_unless_more_is_allowed() {
    let mut guest = Guest::new(Grants::new().stdout(Output::null()));
    guest.put_iovs(&[(0, MEMORY_BYTES); 1024]);
    assert_eq!(call!(guest.fd_write(1, IOVS, 1024, OUT)), SUCCESS);
    assert_eq!(guest.out(), 16 << 20);
}

#[test]
fn a_module_without_memory_traps_where_it_would_need_one() {
    let engine = Engine::default();
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get"
            (func $random_get (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write"
            (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (func (export "close") (result i32) (call $fd_close (i32.const 7)))
        (func (export "random") (result i32) (call $random_get (i32.const 0) (i32.const 1)))
        (func (export "write") (result i32)
            (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"#;
    let module = Module::new(&engine, text.as_bytes()).unwrap();
    let mut linker = Linker::new(&engine);
    holdall_wasi::add_to_linker(
        &mut linker,
        Wasi::new(Grants::new().random().stdout(Output::null())),
    );
    let mut store = Store::new(&engine, ());
    let root = linker.instantiate(&mut store, &module).unwrap();
    let mut call = |name| {
        let func = root.get_typed_func::<(), i32>(&store, name).unwrap();
        func.call(&mut store, ())
    };
    assert_eq!(call("close").unwrap(), BADF.0.cast_signed());
    for name in ["random", "write"] {
        let error = call(name).unwrap_err();
        let code = error.trap().map(holdall::Trap::code);
        assert_eq!(code, Some(TrapCode::OutOfBoundsMemoryAccess), "{error}");
        assert!(error.to_string().contains("WASI"), "{error}");
    }
}

#[test]
fn a_function_that_the_embedder_calls_itself_has_no_memory() {
    let engine = Engine::default();
    let text = r#"(module
        (func (export "random") (import "wasi_snapshot_preview1" "random_get")
            (param i32 i32) (result i32))
        (func (export "close") (import "wasi_snapshot_preview1" "fd_close")
            (param i32) (result i32))
        (memory (export "memory") 1))"#;
    let module = Module::new(&engine, text.as_bytes()).unwrap();
    let mut linker = Linker::new(&engine);
    holdall_wasi::add_to_linker(&mut linker, Wasi::new(Grants::new().random()));
    let mut store = Store::new(&engine, ());
    let root = linker.instantiate(&mut store, &module).unwrap();
    let random = root
        .get_typed_func::<(i32, i32), i32>(&store, "random")
        .unwrap();
    let error = random.call(&mut store, (0, 8)).unwrap_err();
    assert!(error.trap().is_some(), "{error}");
    let close = root.get_typed_func::<i32, i32>(&store, "close").unwrap();
    assert_eq!(close.call(&mut store, 3).unwrap(), BADF.0.cast_signed());
}

#[test]
fn memory_that_grew_is_seen() {
    let mut guest = Guest::new(Grants::new().random());
    let slots = [u64::from(MEMORY_BYTES), 8];
    traps(
        &mut guest,
        "random_get",
        &slots,
        "argument of a WASI function",
    );
    guest.memory.grow(&mut guest.store, 1).unwrap();
    assert_eq!(call!(guest.random_get(MEMORY_BYTES, 65_536)), SUCCESS);
    traps(
        &mut guest,
        "random_get",
        &[u64::from(MEMORY_BYTES), 65_537],
        "argument of",
    );
}
