//! Random calls of WASI, over directories of the host and in memory and over streams that nobody
//! reads or writes. A case is text: a line says which streams there are, and then each is a call, or
//! bytes that are put into memory. Every call ends by its deadline and within its memory.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use holdall::{Config, Limits, TrapCode};
use holdall_fuzz::rng::{INTERESTING, Rng};
use holdall_fuzz::{Target, Watch};
use holdall_wasi::{Access, Files, Grants, Input, Output, Wasi};

use holdall_dev::wasi::{abi, guest};

use abi::FUNCTIONS;
use guest::{Arg, BUFFER, Guest, IOVS, MEMORY_BYTES, OUT, OUT2};

/// What a call may take.
const TIME: Duration = Duration::from_millis(20);
/// How much later than that a call may end.
const LATE: Duration = Duration::from_millis(100);
/// Units of fuel of a call.
const FUEL: u64 = 50_000_000;
/// What the guest may hold.
const GUEST_BYTES: usize = 8 << 20;
/// What the host may have beside that: what a call moves, buffers, stacks of threads.
const MORE_BYTES: u64 = 32 << 20;
/// Where paths are put, and subscriptions.
const PATHS: u32 = 0x9000;
const CALLS: usize = 60;

const NAMES: [&str; 16] = [
    "file",
    "dir",
    "dir/inner",
    "new",
    "link",
    ".",
    "..",
    "../out",
    "/etc",
    "dir/",
    "file/",
    "a/b",
    "",
    "dir/../file",
    "./././file",
    "\u{202e}x",
];

struct Calls;

/// A number of this kind: of a descriptor, an address, or just a number.
fn slot(rng: &mut Rng, letter: char) -> u64 {
    match letter {
        _ if rng.chance(4) => *rng.pick(INTERESTING),
        'p' | 'w' => {
            let places = [
                OUT,
                OUT2,
                IOVS,
                PATHS,
                BUFFER,
                BUFFER + 4096,
                MEMORY_BYTES - 8,
                MEMORY_BYTES,
            ];
            u64::from(*rng.pick(&places))
        }
        'I' => match rng.below(4) {
            0 => u64::MAX,
            1 => rng.below(1 << 20) as u64,
            2 => 1 << rng.below(64),
            _ => rng.below(300) as u64,
        },
        _ => match rng.below(4) {
            0..=1 => rng.below(9) as u64,
            2 => rng.below(300) as u64,
            _ => 1 << rng.below(20),
        },
    }
}

/// Arguments with which a function may well succeed.
fn likely(rng: &mut Rng, name: &str, slots: &mut [u64]) {
    let fd = 3 + rng.below(6) as u64;
    let length = 1 + rng.below(12) as u64;
    let path = u64::from(PATHS + 256 * rng.below(NAMES.len()) as u32);
    let len = |path: u64| NAMES[(path as usize - PATHS as usize) / 256].len() as u64;
    match name {
        "fd_read" | "fd_write" => {
            slots.copy_from_slice(&[rng.below(7) as u64, IOVS.into(), length, OUT.into()])
        }
        "fd_pread" | "fd_pwrite" => {
            let at = slots[3];
            slots.copy_from_slice(&[fd, IOVS.into(), length, at, OUT.into()]);
        }
        "path_open" => {
            let rights = if rng.chance(30) { 2 } else { u64::MAX };
            let how = rng.below(16) as u64;
            let flags = rng.below(8) as u64;
            let dir = 3 + rng.below(3) as u64;
            slots.copy_from_slice(&[
                dir,
                1,
                path,
                len(path),
                how,
                rights,
                u64::MAX,
                flags,
                OUT.into(),
            ]);
        }
        "path_create_directory" | "path_remove_directory" | "path_unlink_file" => {
            slots.copy_from_slice(&[3 + rng.below(3) as u64, path, len(path)]);
        }
        "path_filestat_get" => {
            slots.copy_from_slice(&[fd, rng.below(2) as u64, path, len(path), BUFFER.into()])
        }
        "path_rename" => {
            let new = u64::from(PATHS + 256 * 3);
            slots.copy_from_slice(&[3, path, len(path), 3 + rng.below(3) as u64, new, 3]);
        }
        "path_symlink" => slots.copy_from_slice(&[path, len(path), 3, (PATHS + 256 * 4).into(), 4]),
        "fd_readdir" => {
            let (size, cookie) = (1 + rng.below(8192) as u64, rng.below(6) as u64);
            slots.copy_from_slice(&[fd, BUFFER.into(), size, cookie, OUT.into()]);
        }
        "poll_oneoff" => slots.copy_from_slice(&[IOVS.into(), BUFFER.into(), length, OUT.into()]),
        _ => {}
    }
}

impl Target for Calls {
    const NAME: &'static str = "wasi";

    fn case(rng: &mut Rng) -> Vec<u8> {
        let mut text = format!("streams {}\n", rng.below(4));
        for _ in 0..CALLS {
            if rng.chance(15) {
                // Buffers, subscriptions, or noise in the place of both.
                let noise = match rng.below(3) {
                    0 => (0..40)
                        .map(|_| (slot(rng, 'p') as u32, 1u32 << rng.below(24)))
                        .flat_map(|(at, size)| [at.to_le_bytes(), size.to_le_bytes()].concat())
                        .collect(),
                    1 => (0..8)
                        .flat_map(|_| {
                            let mut one = [0; 48];
                            one[8] = rng.below(4) as u8;
                            one[16] = rng.below(8) as u8;
                            one[24..32].copy_from_slice(&slot(rng, 'I').to_le_bytes());
                            one[40] = rng.below(3) as u8;
                            one
                        })
                        .collect(),
                    _ => rng.bytes(400),
                };
                let hex: String = noise
                    .iter()
                    .map(|byte: &u8| format!("{byte:02x}"))
                    .collect();
                text += &format!("put {IOVS} {hex}\n");
                continue;
            }
            let (name, letters) = *rng.pick(&FUNCTIONS);
            let mut slots: Vec<u64> = letters.chars().map(|letter| slot(rng, letter)).collect();
            if rng.chance(70) {
                likely(rng, name, &mut slots);
            }
            let slots: Vec<_> = slots.iter().map(u64::to_string).collect();
            text += &format!("{name} {}\n", slots.join(" "));
        }
        text.into_bytes()
    }

    fn run(case: &[u8], folder: &Path) -> Result<(), String> {
        let text = std::str::from_utf8(case).map_err(|error| error.to_string())?;
        let mut lines = text.lines();
        let streams = lines
            .next()
            .and_then(|line| line.strip_prefix("streams "))
            .ok_or("no first line")?;
        // What others would have of the streams stays open, and does nothing.
        let (grants, _others) = granted(streams, folder);
        let config = Config::new().metering(true);
        let limits = Limits::new().memory_bytes(GUEST_BYTES);
        let mut guest = Guest::build(
            Wasi::new(grants),
            "wasi_snapshot_preview1",
            config,
            limits.clone(),
        );
        for (index, name) in NAMES.iter().enumerate() {
            guest.put(PATHS + 256 * index as u32, name.as_bytes());
        }
        for line in lines {
            let mut words = line.split(' ');
            let name = words.next().unwrap_or_default();
            if name == "put" {
                let bad = || format!("{line}: expected an address and bytes");
                let at = words
                    .next()
                    .and_then(|at| at.parse().ok())
                    .ok_or_else(bad)?;
                let hex = words.next().ok_or_else(bad)?.as_bytes();
                let byte =
                    |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
                let bytes: Option<Vec<u8>> = hex.chunks(2).map(byte).collect();
                guest.put(at, &bytes.ok_or_else(bad)?);
                continue;
            }
            let slots: Result<Vec<u64>, _> = words
                .filter(|word| !word.is_empty())
                .map(str::parse)
                .collect();
            let args: Vec<Arg> = slots
                .map_err(|error| format!("{line}: {error}"))?
                .into_iter()
                .map(Arg::Number)
                .collect();
            let limits = limits.clone().fuel(FUEL).timeout(TIME);
            guest
                .store
                .limits(limits)
                .map_err(|error| error.to_string())?;
            let watch = Watch::begin();
            let outcome = guest.try_call(name, &args);
            watch.end(line, TIME + LATE, GUEST_BYTES as u64 + MORE_BYTES)?;
            let Err(error) = outcome else { continue };
            let code = error.trap().map(holdall::Trap::code);
            let is_promised = matches!(
                code,
                Some(
                    TrapCode::OutOfBoundsMemoryAccess
                        | TrapCode::DeadlineExceeded
                        | TrapCode::OutOfFuel
                )
            );
            if !is_promised && error.exit_code().is_none() {
                return Err(format!("{line}: {error}"));
            }
        }
        Ok(())
    }
}

fn pipe() -> (File, File) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    (OwnedFd::from(reader).into(), OwnedFd::from(writer).into())
}

/// What a guest gets: directories of the host, read-only and in memory, streams of a kind.
fn granted(streams: &str, folder: &Path) -> (Grants, Vec<File>) {
    let at = folder.join("granted");
    for dir in ["dir/inner", "many"] {
        std::fs::create_dir_all(at.join(dir)).expect("a folder of our own");
    }
    std::fs::write(at.join("file"), vec![b'x'; 100_000]).expect("a folder of our own");
    for index in 0..50 {
        std::fs::write(at.join(format!("many/{index}")), "").expect("a folder of our own");
    }
    let files = Files::new()
        .with("file", "contents")
        .with("dir/inner", "")
        .limit_bytes(1 << 20);
    let grants = Grants::new()
        .arg("program")
        .arg("x".repeat(10_000))
        .env("NAME", "value")
        .host_dir(&at, "/", Access::ReadWrite)
        .and_then(|grants| grants.host_dir(&at, "/only", Access::ReadOnly))
        .expect("it is there")
        .files(files, "/memory", Access::ReadWrite)
        .clocks()
        .random()
        .max_written_bytes(4 << 20);
    match streams {
        "0" => {
            let ((reader, feeds), (reads, writer)) = (pipe(), pipe());
            let grants = grants
                .stdin(Input::file(reader))
                .stdout(Output::file(writer));
            (grants, vec![feeds, reads])
        }
        "1" => {
            let options = || {
                let mut options = File::options();
                options.read(true).write(true).clone()
            };
            let file = options().open(at.join("file")).expect("it is there");
            let other = file.try_clone().expect("a file");
            (
                grants.stdin(Input::file(file)).stdout(Output::file(other)),
                Vec::new(),
            )
        }
        "2" => {
            let (_, stdout) = Output::capture();
            (
                grants.stdin(Input::bytes(vec![7; 5000])).stdout(stdout),
                Vec::new(),
            )
        }
        _ => {
            let (one, other) = std::os::unix::net::UnixStream::pair().expect("sockets");
            let grants = grants
                .stdin(Input::file(OwnedFd::from(one).into()))
                .stdout(Output::null());
            (grants, vec![OwnedFd::from(other).into()])
        }
    }
}

fn main() -> ExitCode {
    holdall_fuzz::main::<Calls>()
}
