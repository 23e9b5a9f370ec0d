//! What an initialisation may ask of the host, and what it must not leave open, when its outcome is
//! captured.

use holdall::{
    Engine, ErrorKind, HostCallDenied, LinkError, Linker, MemoryReader, Module, SnapshotError,
    Store,
};
use holdall_wasi::{Access, Files, Grants, Input, Output, Wasi};

use crate::abi::{BADF, CREATE, DIRECTORY, Errno, FD_READ, READ, SUCCESS, WRITE};
use crate::guest::{Arg, BUFFER, Guest, OUT};

/// All streams, and a directory that is called `/data`.
fn grants() -> Grants {
    let files = Files::new().with("x", "of a file").with("dir/y", "");
    Grants::new()
        .stdin(Input::bytes(*b"input"))
        .stdout(Output::capture().1)
        .stderr(Output::capture().1)
        .files(files, "/data", Access::ReadWrite)
        .clocks()
        .random()
}

/// What a snapshot of a guest now says of it; nothing where it can be captured.
#[track_caller]
fn unstorable(guest: &Guest) -> Option<String> {
    let error = guest.linker.snapshot(&guest.store, guest.instance).err()?;
    let ErrorKind::Link(LinkError::Snapshot(SnapshotError::Unstorable { what, .. })) = error.kind()
    else {
        panic!("an error of another kind: {error:?}");
    };
    Some(what.clone())
}

#[track_caller]
fn check(guest: &Guest, expected: &str) {
    assert_eq!(unstorable(guest).as_deref(), Some(expected));
}

#[test]
fn a_file_or_directory_that_is_open_is_named_by_its_path() {
    let mut guest = Guest::new(grants());
    assert_eq!(unstorable(&guest), None);
    let file = guest.open(3, "dir/../x", READ).unwrap();
    check(&guest, "descriptor 4 (\"/data/x\") is open");
    let dir = guest.open(3, "dir", DIRECTORY).unwrap();
    let inner = guest.open(dir, "./y", READ).unwrap();
    assert_eq!(call!(guest.fd_close(file)), SUCCESS);
    check(&guest, "descriptor 5 (\"/data/dir\") is open");
    assert_eq!(call!(guest.fd_close(dir)), SUCCESS);
    check(&guest, "descriptor 6 (\"/data/dir/y\") is open");
    assert_eq!(call!(guest.fd_close(inner)), SUCCESS);
    assert_eq!(unstorable(&guest), None);
    assert_eq!(guest.open(3, "none", READ), Err(crate::abi::NOENT));
    assert_eq!(unstorable(&guest), None);
}

#[test]
fn a_granted_descriptor_that_was_closed_moved_or_changed_is_named() {
    let after = |calls: &dyn Fn(&mut Guest), expected: &str| {
        let mut guest = Guest::new(grants());
        calls(&mut guest);
        check(&guest, expected);
    };
    after(
        &|guest| assert_eq!(call!(guest.fd_close(3)), SUCCESS),
        "descriptor 3 (\"/data\") was closed",
    );
    after(
        &|guest| assert_eq!(call!(guest.fd_close(1)), SUCCESS),
        "descriptor 1 (standard output) was closed",
    );
    after(
        &|guest| assert_eq!(call!(guest.fd_renumber(2, 0)), SUCCESS),
        "descriptor 2 (standard error) was closed",
    );
    // The directory moves away, and comes back as what the guest opened.
    after(
        &|guest| {
            let opened = guest.open(3, ".", DIRECTORY).unwrap();
            assert_eq!(call!(guest.fd_renumber(opened, 3)), SUCCESS);
        },
        "descriptor 3 (\"/data\") was changed",
    );
    after(
        &|guest| {
            let opened = guest.open(3, "x", READ).unwrap();
            assert_eq!(call!(guest.fd_renumber(opened, 3)), SUCCESS);
        },
        "descriptor 3 (\"/data/x\") is open",
    );
    after(
        &|guest| {
            let (base, inheriting) = guest.rights(3);
            let fewer = inheriting & !FD_READ;
            assert_eq!(call!(guest.fd_fdstat_set_rights(3, base, fewer)), SUCCESS);
        },
        "descriptor 3 (\"/data\") was changed",
    );
    after(
        &|guest| assert_eq!(call!(guest.fd_fdstat_set_flags(0, 4)), SUCCESS),
        "descriptor 0 (standard input) was changed",
    );
}

#[test]
fn what_leaves_descriptors_as_they_were_leaves_nothing() {
    let mut guest = Guest::new(grants());
    assert_eq!(guest.write(1, b"text"), Ok(4));
    assert_eq!(guest.read(0, 3).unwrap(), b"inp");
    let (base, inheriting) = guest.rights(3);
    assert_eq!(
        call!(guest.fd_fdstat_set_rights(3, base, inheriting)),
        SUCCESS
    );
    assert_eq!(call!(guest.fd_renumber(3, 3)), SUCCESS);
    assert_eq!(call!(guest.fd_close(9)), BADF);
    assert_eq!(call!(guest.fd_prestat_get(3, OUT)), SUCCESS);
    assert_eq!(call!(guest.fd_readdir(3, BUFFER, 999, 0, OUT)), SUCCESS);
    assert_eq!(call!(guest.random_get(BUFFER, 8)), SUCCESS);
    guest.time(0).unwrap();
    let new = guest.open(3, "new", WRITE | CREATE).unwrap();
    assert_eq!(call!(guest.fd_close(new)), SUCCESS);
    assert_eq!(unstorable(&guest), None);
    // A stream that was not granted is not missed.
    let mut guest = Guest::new(Grants::new());
    assert_eq!(guest.write(1, b"text"), Err(BADF));
    assert_eq!(unstorable(&guest), None);
}

#[test]
fn paths_through_ever_deeper_directories_are_cut_and_not_kept_whole() {
    let name = "d".repeat(200);
    let grants = Grants::new().files(Files::new(), "/", Access::ReadWrite);
    let mut guest = Guest::new(grants);
    let mut dir = 3;
    for _ in 0..25 {
        assert_eq!(call!(guest.path_create_directory(dir, &*name)), SUCCESS);
        dir = guest.open(dir, &*name, DIRECTORY).unwrap();
    }
    for fd in 4..dir {
        assert_eq!(call!(guest.fd_close(fd)), SUCCESS);
    }
    // The names of twenty would be a path; they are told from the next one on.
    let end = [&*name; 5].join("/");
    check(&guest, &format!("descriptor 28 (\"{end}\") is open"));
}

/// A graph whose dependency, `dep`, opens a file when it starts.
const OPENS: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open"
        (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "x")
    (table (export "t") 1 funcref) (elem (i32.const 0) func $path_open)
    (func $open (export "open") (result i32)
        (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 0)
            (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)))
    (func (export "indirect") (result i32)
        (call_indirect (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)
            (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 0)
            (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8) (i32.const 0)))
    START)"#;

const ROOT: &str = r#"(module (import "dep" "open" (func (result i32))))"#;

struct Graph {
    linker: Linker<()>,
    store: Store<()>,
    root: Module,
}

fn graph(wasi: Wasi, start: &str) -> Graph {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    holdall_wasi::add_to_linker(&mut linker, wasi);
    let dep = OPENS.replace("START", start).into_bytes();
    linker.set_reader(MemoryReader::new().with("dep", dep));
    let root = Module::named(&engine, "root", ROOT.as_bytes()).unwrap();
    let store = Store::new(&engine, ());
    Graph {
        linker,
        store,
        root,
    }
}

const STARTS: &str = r#"(func $start (drop (call $open))) (start $start)"#;

#[test]
fn the_module_that_left_it_open_is_named() {
    let wasi = Wasi::new(Grants::new()).grant("dep", grants());
    let Graph {
        linker,
        mut store,
        root,
    } = graph(wasi, STARTS);
    let instance = linker.instantiate(&mut store, &root).unwrap();
    let error = linker.snapshot(&store, instance).unwrap_err();
    assert_eq!(
        error.to_string(),
        "module \"dep\": descriptor 4 (\"/data/x\") is open; a snapshot cannot hold that"
    );
}

#[test]
fn functions_of_wasi_in_tables_come_back_with_the_new_grants() {
    let wasi = Wasi::new(Grants::new()).grant("dep", grants());
    let Graph {
        linker,
        mut store,
        root,
    } = graph(wasi.clone(), "");
    let instance = linker.instantiate(&mut store, &root).unwrap();
    let snapshot = linker.snapshot(&store, instance).unwrap();
    for (wasi, expected) in [(wasi, SUCCESS), (Wasi::new(Grants::new()), BADF)] {
        let Graph {
            linker,
            mut store,
            root,
        } = graph(wasi, "");
        // Modules are of the engine of their linker, snapshots of none.
        let restored = linker.instantiate_from(&mut store, &root, &snapshot);
        let restored = restored.unwrap();
        for name in ["$dep$open", "$dep$indirect"] {
            let func = restored.get_typed_func::<(), i32>(&store, name).unwrap();
            let errno = func.call(&mut store, ()).unwrap();
            assert_eq!(Errno(errno.cast_unsigned()), expected, "{name}");
        }
    }
}

#[test]
fn only_calls_that_are_allowed_by_their_names_reach_the_host() {
    let wasi = Wasi::new(grants()).allow_only(["clock_time_get", "fd_close"]);
    let mut guest = Guest::of(wasi.unwrap());
    guest.time(0).unwrap();
    assert_eq!(call!(guest.fd_close(9)), BADF);
    let path: [Arg; 2] = [BUFFER.into(), 8.into()];
    let error = guest.try_call("random_get", &path).unwrap_err();
    let denied = HostCallDenied {
        module: "wasi_snapshot_preview1".to_owned(),
        function: "random_get".to_owned(),
    };
    assert_eq!(error.denied(), Some(&denied));
    assert_eq!(
        error.to_string(),
        "host call wasi_snapshot_preview1.random_get is not allowed; allow it by its name, \
         random_get"
    );
    // It ended that call, and the guest can be called again.
    guest.time(0).unwrap();
    assert_eq!(unstorable(&guest), None);
}

#[test]
fn a_call_that_is_not_allowed_is_told_of_a_dependency_too() {
    let nothing: [&str; 0] = [];
    let wasi = Wasi::new(grants()).allow_only(nothing).unwrap();
    let Graph {
        linker,
        mut store,
        root,
    } = graph(wasi, STARTS);
    let error = linker.instantiate(&mut store, &root).unwrap_err();
    let denied = error.denied().expect("a call that was not allowed");
    assert_eq!(denied.function, "path_open");
    assert!(
        error
            .to_string()
            .starts_with("module \"dep\" did not start")
    );
}

#[test]
fn a_name_that_wasi_does_not_have_is_refused() {
    let wasi = |name: &str| Wasi::new(Grants::new()).allow_only([name]);
    let error = wasi("fd_wrte").unwrap_err().to_string();
    assert_eq!(
        error,
        "WASI has no function \"fd_wrte\"; did you mean \"fd_write\"?"
    );
    let _: Wasi = wasi("sock_accept").unwrap();
    wasi("").unwrap_err();
    wasi("wasi_snapshot_preview1.fd_write").unwrap_err();
}
