//! What is granted is there, and nothing else is.

use holdall_wasi::{Access, Files, Grants, Input, Output, Wasi};

use crate::abi::{
    BADF, CREATE, DIRECTORY, DQUOT, Errno, FUNCTIONS, INVAL, MONOTONIC, NAMETOOLONG, NOTCAPABLE,
    NOTSUP, READ, SPIPE, SUCCESS, Wanted, u32_at,
};
use crate::guest::{Arg, BUFFER, BUFFER_BYTES, Guest, IOVS, OUT, OUT2};
use crate::modules::instantiate;

/// What a guest that has nothing gets for each call that touches something, with arguments that
/// would be good if it had.
fn refused_calls() -> Vec<(&'static str, Vec<Arg>, Errno)> {
    macro_rules! table {
        ($($name:ident($($arg:expr),*) = $errno:ident;)*) => {
            vec![$((stringify!($name), vec![$(Arg::from($arg)),*], $errno)),*]
        };
    }
    table! {
        args_get(OUT, OUT2) = SUCCESS;
        args_sizes_get(OUT, OUT2) = SUCCESS;
        environ_get(OUT, OUT2) = SUCCESS;
        environ_sizes_get(OUT, OUT2) = SUCCESS;
        clock_res_get(0, OUT) = NOTCAPABLE;
        clock_time_get(1, 0, OUT) = NOTCAPABLE;
        fd_advise(3, 0, 1, 0) = BADF;
        fd_allocate(3, 0, 1) = BADF;
        fd_close(0) = BADF;
        fd_datasync(1) = BADF;
        fd_fdstat_get(1, OUT) = BADF;
        fd_fdstat_set_flags(1, 0) = BADF;
        fd_fdstat_set_rights(3, 0, 0) = BADF;
        fd_filestat_get(0, OUT) = BADF;
        fd_filestat_set_size(3, 0) = BADF;
        fd_filestat_set_times(3, 0, 0, 10) = BADF;
        fd_pread(3, IOVS, 1, 0, OUT) = BADF;
        fd_prestat_get(3, OUT) = BADF;
        fd_prestat_dir_name(3, BUFFER, 1) = BADF;
        fd_pwrite(3, IOVS, 1, 0, OUT) = BADF;
        fd_read(0, IOVS, 1, OUT) = BADF;
        fd_readdir(3, BUFFER, 4096, 0, OUT) = BADF;
        fd_renumber(0, 1) = BADF;
        fd_seek(0, 0, 0, OUT) = BADF;
        fd_sync(2) = BADF;
        fd_tell(0, OUT) = BADF;
        fd_write(1, IOVS, 1, OUT) = BADF;
        path_create_directory(3, "new") = BADF;
        path_filestat_get(3, 1, "file", OUT) = BADF;
        path_filestat_set_times(3, 1, "file", 0, 0, 10) = BADF;
        path_link(3, 0, "file", 3, "new") = BADF;
        path_open(3, 1, "file", 1, 66, 0, 0, OUT) = BADF;
        path_readlink(3, "file", BUFFER, 99, OUT) = BADF;
        path_remove_directory(3, "dir") = BADF;
        path_rename(3, "file", 3, "new") = BADF;
        path_symlink("file", 3, "new") = BADF;
        path_unlink_file(3, "file") = BADF;
        poll_oneoff(IOVS, BUFFER, 1, OUT) = SUCCESS;
        proc_raise(9) = NOTSUP;
        sched_yield() = SUCCESS;
        random_get(BUFFER, 16) = NOTCAPABLE;
        sock_accept(3, 0, OUT) = BADF;
        sock_recv(3, IOVS, 1, 0, OUT, OUT2) = BADF;
        sock_send(3, IOVS, 1, 0, OUT) = BADF;
        sock_shutdown(3, 3) = BADF;
    }
}

#[test]
fn the_default_grants_nothing() {
    let mut guest = Guest::new(Grants::new());
    let calls = refused_calls();
    let mut names: Vec<_> = calls
        .iter()
        .map(|(name, ..)| *name)
        .chain(["proc_exit"])
        .collect();
    names.sort_unstable();
    let mut all = FUNCTIONS.map(|(name, _)| name);
    all.sort_unstable();
    assert_eq!(names, all, "each function is called");
    for (name, args, expected) in calls {
        // Also as a subscription, this is one to descriptor 16.
        guest.put_iovs(&[(BUFFER, 16), (1, 0), (16, 0), (0, 0), (0, 0), (0, 0)]);
        guest.put(OUT, &[0x5A; 8]);
        guest.put(BUFFER, &[0x5A; 64]);
        assert_eq!(guest.call(name, &args), expected, "{name}");
        let touched = guest.get(BUFFER, 64) != [0x5A; 64];
        assert_eq!(
            touched,
            name == "poll_oneoff",
            "{name} puts nothing into memory"
        );
    }
    // For all that it could name.
    for fd in (0..64).chain([u32::MAX, 1 << 31, 1023]) {
        assert_eq!(call!(guest.fd_fdstat_get(fd, OUT)), BADF, "{fd}");
        assert_eq!(guest.open(fd, ".", DIRECTORY), Err(BADF), "{fd}");
    }
    assert_eq!(
        guest
            .try_call("proc_exit", &[3.into()])
            .unwrap_err()
            .exit_code(),
        Some(3)
    );
}

#[test]
fn nothing_comes_of_what_was_not_granted_when_it_is_polled() {
    let mut guest = Guest::new(Grants::new());
    let wanted = [
        Wanted::After(MONOTONIC, 1),
        Wanted::Read(0),
        Wanted::Write(1),
    ];
    let came = guest.poll(&wanted).unwrap();
    let errnos: Vec<_> = came.iter().map(|event| event.errno).collect();
    assert_eq!(errnos, [NOTCAPABLE, BADF, BADF]);
}

#[test]
fn each_grant_gives_nothing_but_itself() {
    let works = |grants: Grants| {
        let mut guest = Guest::new(grants);
        [
            guest.read(0, 1).is_ok(),
            guest.write(1, b"x").is_ok(),
            guest.write(2, b"x").is_ok(),
            guest.time(MONOTONIC).is_ok(),
            call!(guest.random_get(BUFFER, 8)) == SUCCESS,
            guest.open(3, ".", DIRECTORY).is_ok(),
        ]
    };
    let files = Files::new();
    for (index, grants) in [
        Grants::new().stdin(Input::null()),
        Grants::new().stdout(Output::null()),
        Grants::new().stderr(Output::null()),
        Grants::new().clocks(),
        Grants::new().random(),
        Grants::new().files(files, "/", Access::ReadOnly),
    ]
    .into_iter()
    .enumerate()
    {
        let mut expected = [false; 6];
        expected[index] = true;
        assert_eq!(works(grants), expected, "grant {index}");
    }
}

#[test]
fn streams_are_read_or_written_and_never_both() {
    let grants = Grants::new()
        .stdin(Input::null())
        .stdout(Output::null())
        .stderr(Output::null());
    let mut guest = Guest::new(grants);
    assert_eq!(guest.write(0, b"x"), Err(BADF));
    for fd in [1, 2] {
        assert_eq!(guest.read(fd, 1), Err(BADF), "{fd}");
    }
    for fd in [0, 1, 2] {
        assert_eq!(call!(guest.fd_seek(fd, 0, 0, OUT)), SPIPE, "{fd}");
        assert_eq!(call!(guest.fd_tell(fd, OUT)), SPIPE, "{fd}");
        assert_eq!(call!(guest.fd_prestat_get(fd, OUT)), BADF, "{fd}");
    }
}

#[test]
fn directories_have_the_names_and_the_order_that_they_were_granted_with() {
    let grants = Grants::new()
        .files(Files::new().with("a", ""), "/first", Access::ReadOnly)
        .files(Files::new().with("b", ""), "zwölf", Access::ReadOnly)
        .files(Files::new().with("c", ""), "", Access::ReadOnly);
    let mut guest = Guest::new(grants);
    for (fd, name, file) in [(3, "/first", "a"), (4, "zwölf", "b"), (5, "", "c")] {
        assert_eq!(call!(guest.fd_prestat_get(fd, OUT)), SUCCESS);
        let size = u32::try_from(name.len()).unwrap();
        assert_eq!((guest.out(), u32_at(&guest.get(OUT + 4, 4), 0)), (0, size));
        assert_eq!(call!(guest.fd_prestat_dir_name(fd, BUFFER, size)), SUCCESS);
        assert_eq!(guest.get(BUFFER, size), name.as_bytes());
        if size > 0 {
            let errno = call!(guest.fd_prestat_dir_name(fd, BUFFER, size - 1));
            assert_eq!(errno, NAMETOOLONG);
        }
        assert_eq!(guest.names(fd), [file]);
    }
    assert_eq!(call!(guest.fd_prestat_get(6, OUT)), BADF);
    // A directory that is opened is none that was granted.
    let opened = guest.open(3, ".", DIRECTORY).unwrap();
    assert_eq!(call!(guest.fd_prestat_get(opened, OUT)), BADF);
}

/// The strings of `args_get` or `environ_get`.
fn strings(guest: &mut Guest, name: &str) -> Vec<String> {
    let sizes = format!("{name}_sizes_get");
    assert_eq!(guest.call(&sizes, &[OUT.into(), OUT2.into()]), SUCCESS);
    let (count, size) = (guest.out(), u32_at(&guest.get(OUT2, 4), 0));
    guest.put(BUFFER, &vec![0x5A; size as usize + 1]);
    let get = format!("{name}_get");
    assert_eq!(guest.call(&get, &[IOVS.into(), BUFFER.into()]), SUCCESS);
    let bytes = guest.get(BUFFER, size + 1);
    assert_eq!(bytes[size as usize], 0x5A, "no more than was said");
    let heads = guest.get(IOVS, count * 4);
    let starts = heads
        .chunks(4)
        .map(|head| (u32_at(head, 0) - BUFFER) as usize);
    let ends = starts.map(|start| {
        let rest = &bytes[start..];
        let end = rest
            .iter()
            .position(|byte| *byte == 0)
            .expect("a zero behind it");
        String::from_utf8(rest[..end].to_vec()).unwrap()
    });
    ends.collect()
}

#[test]
fn arguments_and_variables_come_as_they_were_given() {
    let args = [
        "prog",
        "",
        "two words",
        "quote\"'`",
        "line\nbreak",
        "ünï→cödé",
        "-x=y",
        "\x1b[0m",
    ];
    let grants = Grants::new()
        .args(args)
        .env("EMPTY", "")
        .env("EQUALS", "a=b==c=")
        .env("QUOTES", "\"it's\"")
        .env("LINES", "a\nb\r\n\tc")
        .env("ünï", "→")
        .env("TWICE", "first")
        .env("TWICE", "second");
    let mut guest = Guest::new(grants);
    assert_eq!(strings(&mut guest, "args"), args);
    let expected = [
        "EMPTY=",
        "EQUALS=a=b==c=",
        "QUOTES=\"it's\"",
        "LINES=a\nb\r\n\tc",
        "ünï=→",
        "TWICE=second",
    ];
    assert_eq!(strings(&mut guest, "environ"), expected);
    let mut guest = Guest::new(Grants::new());
    assert_eq!(strings(&mut guest, "args"), [""; 0]);
    assert_eq!(strings(&mut guest, "environ"), [""; 0]);
}

#[test]
fn many_arguments_come_whole() {
    let args: Vec<_> = (0..7_000).map(|index| format!("{index:->32}")).collect();
    let mut guest = Guest::new(Grants::new().args(&args));
    assert_eq!(call!(guest.args_sizes_get(OUT, OUT2)), SUCCESS);
    assert_eq!(
        (guest.out(), u32_at(&guest.get(OUT2, 4), 0)),
        (7_000, 7_000 * 33)
    );
    let heads = BUFFER + 7_000 * 33;
    assert_eq!(call!(guest.args_get(heads, BUFFER)), SUCCESS);
    let last = u32_at(&guest.get(heads + 6_999 * 4, 4), 0);
    assert_eq!(guest.get(last, 33), format!("{}\0", args[6_999]).as_bytes());
}

#[test]
fn what_cannot_be_passed_on_is_refused_before_anything_runs() {
    let root = "(module (import \"wasi_snapshot_preview1\" \"sched_yield\" (func (result i32))))";
    for (grants, expected) in [
        (
            Grants::new().args(["a", "b\0c"]),
            &["argument 1", "zero byte"][..],
        ),
        (
            Grants::new().env("A", "b\0"),
            &["variable \"A\"", "zero byte"],
        ),
        (Grants::new().env("A\0", "b"), &["variable", "zero byte"]),
        (
            Grants::new().env("A=B", "c"),
            &["variable \"A=B\"", "\"=\""],
        ),
        (Grants::new().env("", "c"), &["variable \"\"", "not empty"]),
    ] {
        let error = instantiate(Wasi::new(grants), &[("root", root)])
            .map(|_| ())
            .unwrap_err();
        let error = error.to_string();
        for text in expected {
            assert!(error.contains(text), "no {text:?} in {error}");
        }
    }
}

#[test]
fn values_of_variables_are_not_shown() {
    let grants = Grants::new()
        .env("TOKEN", "hush")
        .stdin(Input::bytes(*b"hush"));
    let shown = format!("{:?}", Wasi::new(grants));
    assert!(
        shown.contains("TOKEN") && !shown.contains("hush"),
        "{shown}"
    );
}

#[test]
fn randomness_differs_from_one_call_to_the_next() {
    let mut guest = Guest::new(Grants::new().random());
    let mut drawn = Vec::new();
    for _ in 0..4 {
        assert_eq!(call!(guest.random_get(BUFFER, 32)), SUCCESS);
        drawn.push(guest.get(BUFFER, 32));
    }
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 4);
    assert_eq!(call!(guest.random_get(BUFFER, 0)), SUCCESS);
    assert_eq!(call!(guest.random_get(BUFFER, BUFFER_BYTES)), SUCCESS);
    let bytes = guest.get(BUFFER, BUFFER_BYTES);
    for (at, part) in bytes.chunks(4096).enumerate() {
        assert!(
            part.iter().any(|byte| *byte != 0),
            "nothing at {at} times 4096"
        );
    }
}

#[test]
fn bytes_that_may_be_written_are_counted() {
    let files = Files::new().with("file", "0123456789");
    let grants = Grants::new()
        .stdout(Output::null())
        .files(files, "/", Access::ReadWrite);
    let mut guest = Guest::new(grants.max_written_bytes(20));
    assert_eq!(guest.write(1, b"12345"), Ok(5));
    assert_eq!(guest.write(1, &[0; 16]), Err(DQUOT));
    let file = guest.open(3, "file", READ | crate::abi::WRITE).unwrap();
    assert_eq!(call!(guest.fd_filestat_set_size(file, 26u64)), DQUOT);
    assert_eq!(call!(guest.fd_allocate(file, 0u64, 26u64)), DQUOT);
    assert_eq!(call!(guest.fd_filestat_set_size(file, 15u64)), SUCCESS);
    assert_eq!(call!(guest.fd_filestat_set_size(file, 0u64)), SUCCESS);
    assert_eq!(guest.write(file, &[0; 11]), Err(DQUOT));
    assert_eq!(guest.write(file, &[0; 10]), Ok(10));
    assert_eq!(guest.write(file, b"x"), Err(DQUOT));
    assert_eq!(guest.write(1, b"x"), Err(DQUOT));
    assert_eq!(guest.write(1, b""), Ok(0));
    assert_eq!(
        call!(guest.fd_filestat_set_times(file, 0u64, 0u64, 3)),
        INVAL
    );
}

#[test]
fn a_file_does_not_grow_beyond_what_may_be_written_by_a_gap() {
    for place in crate::place::Place::both("growth_by_a_gap") {
        let place = place.with("file", "");
        let grants = place.grant(Access::ReadWrite);
        let mut guest = Guest::new(grants.max_written_bytes(100));
        let file = guest.open(3, "file", crate::abi::WRITE).unwrap();
        let size = |guest: &mut Guest| guest.stat(3, "file").unwrap().size;
        guest.put_iovs(&[(BUFFER, 1)]);
        // Of the file's growth, a byte is written and the rest is not.
        let errno = call!(guest.fd_pwrite(file, IOVS, 1, 1 << 20, OUT));
        assert_eq!((errno, size(&mut guest)), (DQUOT, 0), "{}", place.name());
        assert_eq!(call!(guest.fd_seek(file, 100, 0, OUT)), SUCCESS);
        assert_eq!(guest.write(file, b"x"), Err(DQUOT), "{}", place.name());
        assert_eq!(size(&mut guest), 0, "{}", place.name());
        assert_eq!(call!(guest.fd_seek(file, 60, 0, OUT)), SUCCESS);
        assert_eq!(guest.write(file, b"0123456789"), Ok(10), "{}", place.name());
        assert_eq!(guest.write(file, &[0; 31]), Err(DQUOT), "{}", place.name());
        // What is there already is written over, and counts as written.
        guest.put_iovs(&[(BUFFER, 1)]);
        assert_eq!(
            call!(guest.fd_pwrite(file, IOVS, 1, 3, OUT)),
            SUCCESS,
            "{}",
            place.name()
        );
        assert_eq!(guest.write(file, &[0; 30]), Err(DQUOT), "{}", place.name());
        assert_eq!(guest.write(file, &[0; 29]), Ok(29), "{}", place.name());
        assert_eq!(size(&mut guest), 99, "{}", place.name());
    }
}

#[test]
fn a_place_that_there_is_not_is_invalid_with_a_limit_and_without() {
    for place in crate::place::Place::both("places_and_limits") {
        let place = place.with("file", "0123456789");
        for limit in [None, Some(100)] {
            let grants = place.grant(Access::ReadWrite);
            let mut guest = Guest::new(match limit {
                Some(limit) => grants.max_written_bytes(limit),
                None => grants,
            });
            let file = guest.open(3, "file", crate::abi::WRITE).unwrap();
            for at in [u64::MAX, 1 << 63] {
                guest.put_iovs(&[(BUFFER, 1)]);
                let before = call!(guest.fd_pwrite(file, IOVS, 1, at, OUT));
                assert_eq!(guest.write(file, b"x"), Ok(1));
                guest.put_iovs(&[(BUFFER, 1)]);
                let after = call!(guest.fd_pwrite(file, IOVS, 1, at, OUT));
                assert_eq!(
                    (before, after),
                    (INVAL, INVAL),
                    "{} {limit:?}",
                    place.name()
                );
            }
        }
    }
}

#[test]
fn the_times_of_files_in_memory_are_no_clock_for_who_has_none() {
    let made = |grants: Grants| {
        let mut guest = Guest::new(grants.files(Files::new(), "/", Access::ReadWrite));
        guest.open(3, "made", CREATE).unwrap();
        guest.stat(3, "made").unwrap().times
    };
    assert_eq!(made(Grants::new()), [0; 3]);
    assert!(made(Grants::new().clocks()).iter().all(|time| *time > 0));
}
