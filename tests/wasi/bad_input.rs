//! Whatever a guest passes to WASI, it gets a number or a trap, and the host lives on.

use holdall::{
    Access, Engine, Files, Grants, Input, Limits, Linker, Module, Output, Store, TrapCode, Wasi,
};

use crate::abi::{
    BADF, DIRECTORY, Errno, FBIG, FUNCTIONS, INVAL, OVERFLOW, READ, SUCCESS, WRITE, Wanted,
};
use crate::guest::{Arg, BUFFER, Guest, IOVS, MEMORY_BYTES, OUT, OUT2};
use crate::place::Place;

/// Where the path `file` is.
const PATH: u32 = 0x8000;
/// Where the path `new` is.
const NEW: u32 = 0x8010;

/// A guest that has everything, with a file open as 4.
fn having_everything(place: &Place) -> Guest {
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
fn good_arguments(name: &str) -> Option<Vec<u64>> {
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
fn flags_and_alternatives_that_there_are_not_are_refused() {
    let place = Place::Memory(Files::new().with("file", "contents"));
    let mut guest = having_everything(&place);
    let mut wrong = Vec::new();
    let mut check = |what: &str, errno: Errno| {
        if errno != INVAL {
            wrong.push(format!("{what} = {errno:?}"));
        }
    };
    for bad in [6, 255, 256, u32::MAX] {
        check("fd_advise", call!(guest.fd_advise(4, 0, 0, bad)));
    }
    for bad in [3, 255, 256, u32::MAX] {
        check("fd_seek", call!(guest.fd_seek(4, 0, bad, OUT)));
    }
    for bad in [1 << 5, 1 << 15, 1 << 16, u32::MAX] {
        check(
            "fd_fdstat_set_flags",
            call!(guest.fd_fdstat_set_flags(4, bad)),
        );
        check(
            "path_open's flags",
            call!(guest.path_open(3, 0, "file", 0, 0, 0, bad, OUT)),
        );
        check(
            "path_open's ways",
            call!(guest.path_open(3, 0, "file", bad, 0, 0, 0, OUT)),
        );
        check(
            "fd_filestat_set_times",
            call!(guest.fd_filestat_set_times(4, 0, 0, bad)),
        );
        let times = call!(guest.path_filestat_set_times(3, 0, "file", 0, 0, bad));
        check("path_filestat_set_times", times);
    }
    for bad in [2, 1 << 16, u32::MAX] {
        check(
            "path_open",
            call!(guest.path_open(3, bad, "file", 0, 0, 0, 0, OUT)),
        );
        check(
            "path_filestat_get",
            call!(guest.path_filestat_get(3, bad, "file", BUFFER)),
        );
        check(
            "path_link",
            call!(guest.path_link(3, bad, "file", 3, "new")),
        );
    }
    for bad in [4, u32::MAX] {
        check("clock_time_get", call!(guest.clock_time_get(bad, 0, OUT)));
        check("clock_res_get", call!(guest.clock_res_get(bad, OUT)));
        check("sock_shutdown", call!(guest.sock_shutdown(1, bad)));
    }
    check("both times", call!(guest.fd_filestat_set_times(4, 0, 0, 3)));
    check(
        "both times",
        call!(guest.fd_filestat_set_times(4, 0, 0, 12)),
    );
    for ways in [3, 6, 10] {
        let open = call!(guest.path_open(3, 0, ".", ways, 0, 0, 0, OUT));
        check("path_open of a directory to create it", open);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn places_that_there_are_not_are_refused() {
    for place in Place::both("bad_places") {
        let place = place.with("file", "contents");
        let mut guest = having_everything(&place);
        let name = place.name();
        for offset in [-1i64, i64::MIN] {
            assert_eq!(call!(guest.fd_seek(4, offset, 0, OUT)), INVAL, "{name}");
            assert_eq!(call!(guest.fd_seek(4, offset, 1, OUT)), INVAL, "{name}");
            assert_eq!(
                call!(guest.fd_seek(4, offset.saturating_mul(9), 2, OUT)),
                INVAL,
                "{name}"
            );
        }
        assert_eq!(call!(guest.fd_seek(4, 1, 0, OUT)), SUCCESS);
        let errno = call!(guest.fd_seek(4, i64::MAX, 1, OUT));
        assert!([INVAL, OVERFLOW].contains(&errno), "{name}: {errno:?}");
        guest.put_iovs(&[(BUFFER, 1)]);
        for offset in [u64::MAX, 1 << 63] {
            for errno in [
                call!(guest.fd_pread(4, IOVS, 1, offset, OUT)),
                call!(guest.fd_pwrite(4, IOVS, 1, offset, OUT)),
                call!(guest.fd_filestat_set_size(4, offset)),
                call!(guest.fd_allocate(4, offset, 1u64)),
            ] {
                assert!(
                    [INVAL, FBIG, OVERFLOW].contains(&errno),
                    "{name}: {errno:?}"
                );
            }
            assert_eq!(
                call!(guest.fd_advise(4, offset, u64::MAX, 0)),
                INVAL,
                "{name}"
            );
        }
        assert_eq!(
            call!(guest.fd_allocate(4, u64::MAX, u64::MAX)),
            FBIG,
            "{name}"
        );
        assert_eq!(call!(guest.fd_allocate(4, 0, 0)), INVAL, "{name}");
        assert_eq!(guest.stat(3, "file").unwrap().size, 8, "{name}");
        for cookie in [1_000u64, u64::MAX] {
            assert_eq!(
                call!(guest.fd_readdir(3, BUFFER, 4096, cookie, OUT)),
                SUCCESS,
                "{name}"
            );
            assert_eq!(guest.out(), 0, "{name}: there is nothing behind the end");
        }
        assert_eq!(
            call!(guest.fd_readdir(3, BUFFER, 0, 0, OUT)),
            SUCCESS,
            "{name}"
        );
        assert_eq!(guest.out(), 0, "{name}");
    }
}

#[test]
fn times_that_no_file_can_have_do_not_end_the_host() {
    for place in Place::both("bad_times") {
        let place = place.with("file", "contents");
        let mut guest = having_everything(&place);
        for nanos in [0u64, 1 << 62, u64::MAX] {
            let errno = call!(guest.fd_filestat_set_times(4, nanos, nanos, 5));
            assert!(
                [SUCCESS, INVAL, OVERFLOW].contains(&errno),
                "{}: {errno:?}",
                place.name()
            );
            guest.stat(3, "file").unwrap();
        }
    }
}

#[test]
fn subscriptions_that_there_are_not_are_refused() {
    let place = Place::Memory(Files::new().with("file", ""));
    let mut guest = having_everything(&place);
    for count in [0, (1 << 16) + 1, u32::MAX] {
        assert_eq!(
            call!(guest.poll_oneoff(IOVS, BUFFER, count, OUT)),
            INVAL,
            "{count}"
        );
    }
    let good = Wanted::After(1, 0).preview1(7);
    for (at, byte) in [(8, 3), (8, 255), (16, 4), (19, 1), (40, 2), (41, 1)] {
        let mut bad = good.clone();
        bad[at] = byte;
        guest.put(IOVS, &bad);
        let errno = call!(guest.poll_oneoff(IOVS, BUFFER, 1, OUT));
        // A clock that there is not may be told as an event, too.
        if errno == SUCCESS {
            let event = crate::abi::Event::of(&guest.get(BUFFER, 32));
            assert_eq!(
                (event.userdata, event.errno),
                (7, INVAL),
                "byte {at}: {byte}"
            );
        } else {
            assert_eq!(errno, INVAL, "byte {at}: {byte}");
        }
    }
    // A time that has come long ago, and one that a clock will not have for centuries.
    let wanted = [
        Wanted::At(0, 0),
        Wanted::After(0, u64::MAX),
        Wanted::At(1, u64::MAX),
    ];
    let came = guest.poll(&wanted).unwrap();
    assert_eq!(
        came.iter().map(|event| event.userdata).collect::<Vec<_>>(),
        [0]
    );
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
    linker.wasi(Wasi::new(Grants::new().random().stdout(Output::null())));
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
    linker.wasi(Wasi::new(Grants::new().random()));
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

/// A sequence of numbers that look random and are always the same.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 8).unwrap() % end
    }

    /// An argument that might be of interest.
    fn argument(&mut self) -> u64 {
        const EDGES: [u64; 14] = [
            0,
            1,
            2,
            8,
            15,
            0xFF,
            0x100,
            0xFFFF,
            0x7FFF_FFFF,
            0x8000_0000,
            0xFFFF_FFFF,
            1 << 62,
            1 << 63,
            u64::MAX,
        ];
        match self.below(4) {
            0 => EDGES[self.below(EDGES.len())],
            1 => [OUT, OUT2, IOVS, PATH, NEW, BUFFER][self.below(6)].into(),
            2 => self.below(16) as u64,
            _ => 1 << self.below(32),
        }
    }
}

#[test]
fn no_arguments_whatever_panic_the_host() {
    for place in Place::both("any_arguments") {
        let place = match place.with("file", "contents").with("dir/inner", "") {
            Place::Memory(files) => Place::Memory(files.limit_bytes(1 << 20)),
            host => host,
        };
        let grants = place
            .grant(Access::ReadWrite)
            .args(["program"])
            .stdin(Input::bytes(*b"input"))
            .stdout(Output::null())
            .clocks()
            .random()
            .max_written_bytes(1 << 20);
        let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
        // With virtual clocks nothing is waited for.
        let mut guest = Guest::of(Wasi::new(grants).deterministic(1));
        let mut ends = [0; 3];
        for step in 0..20_000 {
            if step % 50 == 0 {
                guest.put(
                    PATH,
                    [b"file", b"dir/", b"../x", b"a/b\0"][numbers.below(4)],
                );
                guest.put(NEW, [b"new", b"dir", b"..\0", b"\xff/x"][numbers.below(4)]);
                let mut some = || (numbers.argument() & 0xFFFF_FFFF) as u32;
                let iovs: Vec<_> = (0..20).map(|_| (some(), some() & 0xFFFF)).collect();
                guest.put_iovs(&iovs);
                let _ = guest.open(3, "file", READ | WRITE);
                let _ = guest.open(3, ".", DIRECTORY);
            }
            let (name, letters) = FUNCTIONS[numbers.below(FUNCTIONS.len())];
            let good = good_arguments(name).filter(|_| numbers.below(3) > 0);
            let mut slots = good.unwrap_or_else(|| vec![0; letters.len()]);
            let changed = 1 + numbers.below(letters.len().max(1));
            for _ in 0..changed.min(letters.len()) {
                let at = numbers.below(letters.len());
                slots[at] = numbers.argument();
            }
            // The directory itself stays.
            if ["fd_close", "fd_renumber", "fd_fdstat_set_rights"].contains(&name) {
                slots[0] |= 4;
            }
            let args: Vec<_> = slots.iter().map(|slot| Arg::from(*slot)).collect();
            let end = match guest.try_call(name, &args) {
                Ok(SUCCESS) => 0,
                Ok(_) => 1,
                Err(error) => {
                    let code = error.trap().map(holdall::Trap::code);
                    let expected = Some(TrapCode::OutOfBoundsMemoryAccess);
                    let is_exit = name == "proc_exit" && error.exit_code().is_some();
                    assert!(is_exit || code == expected, "{name}{slots:?}: {error}");
                    2
                }
            };
            ends[end] += 1;
        }
        assert!(
            ends.iter().all(|count| *count > 1_000),
            "of all kinds: {ends:?}"
        );
    }
}
