//! Calls with arguments that nobody would choose: none panics the host.

use holdall::TrapCode;
use holdall_wasi::{Access, Input, Output, Wasi};

use crate::abi::{DIRECTORY, FUNCTIONS, READ, SUCCESS, WRITE};
use crate::bad_input::{NEW, PATH, good_arguments};
use crate::guest::{Arg, BUFFER, Guest, IOVS, OUT, OUT2};
use crate::place::Place;

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
