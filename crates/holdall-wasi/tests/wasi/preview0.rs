//! What preview 0 lays out or numbers otherwise than preview 1.

use holdall_wasi::{Access, Files, Grants, Output};

use crate::abi::{
    APPEND, BADF, CREATE, DIRECTORY_TYPE, INVAL, READ, REALTIME, REGULAR_FILE, SUCCESS, WRITE,
    Wanted, u32_at, u64_at,
};
use crate::guest::{BUFFER, Guest, OUT};
use crate::place::Place;

#[test]
fn a_place_is_sought_from_the_position_the_end_and_the_beginning_in_this_order() {
    for place in Place::both("preview0_seek") {
        let place = place.with("file", "0123456789");
        let mut guest = Guest::preview0(place.grant(Access::ReadOnly));
        let file = guest.open(3, "file", READ).unwrap();
        for (offset, whence, expected) in [(4, 2, 4), (3, 0, 7), (-1, 1, 9), (0, 0, 9)] {
            let errno = call!(guest.fd_seek(file, offset, whence, OUT));
            assert_eq!(
                (errno, guest.out64()),
                (SUCCESS, expected),
                "{}",
                place.name()
            );
        }
        assert_eq!(
            call!(guest.fd_seek(file, -1, 2, OUT)),
            INVAL,
            "{}",
            place.name()
        );
        assert_eq!(
            call!(guest.fd_seek(file, 0, 3, OUT)),
            INVAL,
            "{}",
            place.name()
        );
    }
}

#[test]
fn files_are_told_of_in_56_bytes() {
    for place in Place::both("preview0_stat") {
        let place = place.with("file", "0123456789");
        let name = place.name();
        let told = Guest::new(place.grant(Access::ReadOnly))
            .stat(3, "file")
            .unwrap();
        let mut guest = Guest::preview0(place.grant(Access::ReadOnly));
        let file = guest.open(3, "file", READ).unwrap();
        for opened in [true, false] {
            guest.put(BUFFER, &[0x5A; 64]);
            let errno = if opened {
                call!(guest.fd_filestat_get(file, BUFFER))
            } else {
                call!(guest.path_filestat_get(3, 1, "file", BUFFER))
            };
            assert_eq!(errno, SUCCESS, "{name}");
            let stat = guest.get(BUFFER, 64);
            assert_eq!(
                &stat[56..],
                [0x5A; 8],
                "{name}: nothing behind it is written"
            );
            assert_eq!(
                (u64_at(&stat, 0), u64_at(&stat, 8)),
                (told.device, told.inode),
                "{name}"
            );
            assert_eq!((stat[16], u32_at(&stat, 20)), (REGULAR_FILE, 1), "{name}");
            assert_eq!(u64_at(&stat, 24), 10, "{name}");
            let modified = [32, 40, 48].map(|at| u64_at(&stat, at))[1];
            assert_eq!(modified, told.times[1], "{name}");
        }
        assert_eq!(call!(guest.path_filestat_get(3, 1, ".", BUFFER)), SUCCESS);
        assert_eq!(guest.get(BUFFER + 16, 1), [DIRECTORY_TYPE], "{name}");
    }
}

#[test]
fn a_clock_is_waited_for() {
    let mut guest = Guest::preview0(Grants::new().clocks());
    let start = std::time::Instant::now();
    let came = guest
        .poll(&[Wanted::After(REALTIME, 30_000_000), Wanted::Read(0)])
        .unwrap();
    assert_eq!(came.len(), 1, "what is wrong is told before");
    assert_eq!((came[0].userdata, came[0].errno), (1, BADF));
    let came = guest.poll(&[Wanted::After(REALTIME, 30_000_000)]).unwrap();
    assert_eq!(
        (came[0].userdata, came[0].errno, came[0].kind),
        (0, SUCCESS, 0)
    );
    assert!(start.elapsed().as_millis() >= 30);
    let later = guest.time(REALTIME).unwrap() + 30_000_000;
    guest.poll(&[Wanted::At(REALTIME, later)]).unwrap();
    assert!(guest.time(REALTIME).unwrap() >= later);
}

#[test]
fn files_are_written_and_read() {
    let files = Files::new();
    let grants = Grants::new().files(files.clone(), "/", Access::ReadWrite);
    let mut guest = Guest::preview0(grants.stdout(Output::null()));
    let file = guest.open(3, "new", WRITE | CREATE | APPEND).unwrap();
    assert_eq!(guest.write(file, b"written"), Ok(7));
    assert_eq!(guest.read_file(3, "new").unwrap(), "written");
    assert_eq!(guest.names(3), ["new"]);
    assert_eq!(call!(guest.path_rename(3, "new", 3, "other")), SUCCESS);
    assert_eq!(files.paths(), ["other"]);
}
