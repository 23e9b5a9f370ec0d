//! Directories are listed in pieces: each entry once whatever happens in between, from any place
//! that was given, for what it costs.

use std::collections::BTreeSet;

use holdall::{Config, Limits};
use holdall_wasi::{Access, Wasi};

use crate::abi::{CREATE, DIRECTORY, Errno, INVAL, NOMEM, SUCCESS, u32_at, u64_at};
use crate::guest::{BUFFER, Guest, MEMORY_BYTES, OUT};
use crate::place::Place;

/// Places with so many files, whose names are long and have a number at their end.
fn places(name: &str, count: usize) -> [Place; 2] {
    Place::both(name).map(|place| {
        let files = 0..count;
        files.fold(place, |place, at| place.with(&file(at), ""))
    })
}

fn file(at: usize) -> String {
    format!("{}{at:05}", "n".repeat(200))
}

/// The entries that one call gives, whole: name and the place behind.
fn entries(
    guest: &mut Guest,
    fd: u32,
    size: u32,
    cookie: u64,
) -> Result<Vec<(String, u64)>, Errno> {
    let errno = call!(guest.fd_readdir(fd, BUFFER, size, cookie, OUT));
    if errno != SUCCESS {
        return Err(errno);
    }
    let bytes = guest.get(BUFFER, guest.out());
    let mut rest = &bytes[..];
    let mut entries = Vec::new();
    while rest.len() >= 24 {
        let end = 24 + u32_at(rest, 16) as usize;
        let Some(name) = rest.get(24..end) else { break };
        entries.push((String::from_utf8(name.to_vec()).unwrap(), u64_at(rest, 0)));
        rest = &rest[end..];
    }
    Ok(entries)
}

#[test]
fn entries_that_stay_come_once_while_others_come_and_go() {
    for place in places("listing_changes", 500) {
        let mut guest = Guest::new(place.grant(Access::ReadWrite));
        let mut seen = Vec::new();
        let mut cookie = 0;
        loop {
            let piece = entries(&mut guest, 3, 1000, cookie).unwrap();
            let Some((_, last)) = piece.last() else { break };
            cookie = *last;
            for (name, _) in &piece {
                seen.push(name.clone());
                if !name.starts_with('.') && !name.starts_with("new") {
                    // As who removes a whole directory does it.
                    assert_eq!(call!(guest.path_unlink_file(3, name.as_str())), SUCCESS);
                    if seen.len() < 100 {
                        let new = format!("new{}", seen.len());
                        guest.open(3, new.as_str(), CREATE).unwrap();
                    }
                }
            }
        }
        seen.retain(|name| !name.starts_with("new"));
        let once: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(seen.len(), once.len(), "{}: some came twice", place.name());
        assert_eq!(once.len(), 502, "{}: not all came", place.name());
    }
}

#[test]
fn a_listing_goes_on_from_every_place_that_was_given() {
    for deterministic in [false, true] {
        for place in places("listing_places", 150) {
            let wasi = Wasi::new(place.grant(Access::ReadWrite));
            let mut guest = Guest::of(match deterministic {
                true => wasi.deterministic(1),
                false => wasi,
            });
            let all = entries(&mut guest, 3, 1 << 16, 0).unwrap();
            assert_eq!(all.len(), 152);
            for at in (0..all.len()).rev().step_by(7) {
                let rest = entries(&mut guest, 3, 1 << 16, all[at].1).unwrap();
                assert_eq!(rest, all[at + 1..], "{} behind {at}", place.name());
            }
            for wild in [3, 1 << 31, 1 << 40, i64::MAX as u64, 1 << 63, u64::MAX] {
                if let Err(errno) = entries(&mut guest, 3, 1 << 16, wild) {
                    assert_eq!(errno, INVAL, "{} from {wild:#x}", place.name());
                }
            }
            assert_eq!(entries(&mut guest, 3, 1 << 16, 0).unwrap(), all);
        }
    }
}

#[test]
fn what_is_kept_of_directories_counts_for_the_guest() {
    for place in places("listing_counts", 2000) {
        // Beside the guest's own memory, and the constant that stands beside the limit.
        let limits = || Limits::new().memory_bytes(MEMORY_BYTES as usize + (1 << 20));
        let name = "wasi_snapshot_preview1";
        let wasi = || Wasi::new(place.grant(Access::ReadOnly));
        let mut guest = Guest::build(wasi(), name, Config::new(), limits());
        let mut open = Vec::new();
        let refused = loop {
            let Ok(fd) = guest.open(3, ".", DIRECTORY) else {
                break false;
            };
            match entries(&mut guest, fd, 64, 0) {
                Ok(_) => open.push(fd),
                Err(errno) => {
                    assert_eq!(errno, NOMEM);
                    break true;
                }
            }
        };
        assert!(open.len() > 50, "{}: {}", place.name(), open.len());
        // Whoever closes has room again.
        assert_eq!(call!(guest.fd_close(open[0])), SUCCESS);
        if refused {
            assert_eq!(guest.list(3, 4096).unwrap().len(), 2002);
        }
        // Sorted entries have to be kept all: 500 KB a listing.
        let mut guest = Guest::build(wasi().deterministic(1), name, Config::new(), limits());
        let mut listed = 0;
        let errno = loop {
            let fd = guest.open(3, ".", DIRECTORY).unwrap();
            match entries(&mut guest, fd, 64, 0) {
                Ok(_) => listed += 1,
                Err(errno) => break errno,
            }
        };
        assert_eq!(errno, NOMEM);
        assert!((1..8).contains(&listed), "{}: {listed}", place.name());
    }
}

#[test]
fn to_list_costs_fuel_for_each_entry() {
    for place in places("listing_costs", 1000) {
        let config = Config::new().metering(true);
        let wasi = Wasi::new(place.grant(Access::ReadOnly));
        let limits = Limits::new().fuel(1_000_000);
        let mut guest = Guest::build(wasi, "wasi_snapshot_preview1", config, limits);
        let before = guest.store.fuel().unwrap();
        assert_eq!(entries(&mut guest, 3, 1 << 20, 0).unwrap().len(), 1002);
        let used = before - guest.store.fuel().unwrap();
        assert!(used > 1000 * (1 + 229 / 64), "{}: {used}", place.name());
    }
}
