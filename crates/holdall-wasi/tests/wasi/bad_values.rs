//! Flags, alternatives, places and times that there are not.

use holdall_wasi::Files;

use crate::abi::{Errno, FBIG, INVAL, OVERFLOW, SUCCESS, Wanted};
use crate::bad_input::having_everything;
use crate::guest::{BUFFER, IOVS, OUT};
use crate::place::Place;

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
    for ways in [3, 7, 11] {
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
            let errno = call!(guest.fd_readdir(3, BUFFER, 4096, cookie, OUT));
            match place {
                // What a place means that nobody gave is the file system's to say.
                Place::Host(_) => assert!([SUCCESS, INVAL].contains(&errno), "{errno:?}"),
                Place::Memory(_) => assert_eq!((errno, guest.out()), (SUCCESS, 0)),
            }
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
