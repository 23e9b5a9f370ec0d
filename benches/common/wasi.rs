//! Calls of WASI functions from a guest's loop, in nanoseconds a call: what is called, the
//! comparison of engines, and holdall's side of it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use holdall::{Access, Engine, Files, Grants, Input, Linker, Module, Output, Store, Wasi};

use crate::common::{Options, Run, Table, by_turns, timed};

/// The guest.
pub(crate) const GUEST: &str = include_str!("../wasi.wat");

/// The guest's name for the directory that it gets.
pub(crate) const DIR: &str = "/dir";

/// How many calls one measurement makes.
const CALLS: i32 = 1_000_000;
/// How many go before, to warm up.
const FIRST_CALLS: i32 = 1_000;
/// What the guest can read: a byte for each call.
pub(crate) const INPUT_BYTES: usize = (CALLS + FIRST_CALLS) as usize;

/// A function that is called over and over.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The guest's loop.
    pub(crate) export: &'static str,
    /// Whether the guest's directory is one in memory, and not one of the host.
    pub(crate) in_memory: bool,
}

impl Case {
    const fn new(name: &'static str, export: &'static str, in_memory: bool) -> Self {
        Self {
            name,
            export,
            in_memory,
        }
    }
}

const CASES: &[Case] = &[
    Case::new("clock_time_get, monotonic", "clock_time_get", false),
    Case::new("fd_write, a byte to a sink", "fd_write", false),
    Case::new("fd_read, a byte of many in memory", "fd_read", false),
    Case::new("path_filestat_get, in memory", "path_filestat_get", true),
    Case::new("path_filestat_get, on the host", "path_filestat_get", false),
    Case::new(
        "path_filestat_get, missing there",
        "path_filestat_get_missing",
        false,
    ),
];

/// The loop without a call.
const NONE: Case = Case::new("none", "none", false);

/// An engine: its name, whether it has directories in memory, and how it makes a new instance of
/// the guest for a case.
pub(crate) type Peer = (&'static str, bool, fn(&Case) -> Result<Run>);

/// The host's directory that the guest gets: it has a `Cargo.toml` and no `missing`.
pub(crate) fn host_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// holdall.
pub(crate) const HOLDALL: Peer = ("holdall", true, holdall);

fn holdall(case: &Case) -> Result<Run> {
    let grants = Grants::new()
        .stdin(Input::bytes(vec![b'x'; INPUT_BYTES]))
        .stdout(Output::null())
        .clocks();
    let grants = if case.in_memory {
        let files = Files::new().with("Cargo.toml", "[package]");
        grants.files(files, DIR, Access::ReadWrite)
    } else {
        grants.host_dir(host_dir(), DIR, Access::ReadWrite)?
    };
    let engine = Engine::default();
    let module = Module::new(&engine, GUEST.as_bytes())?;
    let mut linker = Linker::new(&engine);
    linker.wasi(Wasi::new(grants));
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<i32, i32>(&store, case.export)?;
    Ok(Box::new(move |n| Ok(run.call(&mut store, n)?.into())))
}

/// Makes the calls in all the engines by turns, and prints the times and the ratios of the first
/// engine's time to each other one's.
pub(crate) fn compare(options: &Options, peers: &[Peer]) -> Result<()> {
    let (first, ..) = peers[0];
    let mut header = vec!["WASI call".to_owned()];
    header.extend(peers.iter().map(|(name, ..)| format!("{name} ns")));
    let others = peers[1..].iter();
    header.extend(others.map(|(name, ..)| format!("{first} / {name}")));
    let mut table = Table::new(header);
    let able = |case: &&Case| !case.in_memory || peers.iter().all(|&(_, in_memory, _)| in_memory);
    for case in CASES.iter().filter(able) {
        if !options.wants(case.name) {
            continue;
        }
        let times = measure(options, peers, case).with_context(|| case.name)?;
        let mut row = vec![case.name.to_owned()];
        row.extend(
            times
                .iter()
                .map(|times| format!("{:.1}", options.pick(times))),
        );
        row.extend(
            times[1..]
                .iter()
                .map(|theirs| format!("{:.2}", options.ratio(&times[0], theirs))),
        );
        table.row(row);
    }
    if table.is_empty() {
        return Ok(());
    }
    table.print();
    println!(
        "\n{} of {} repetitions of {CALLS} calls, without what the guest's loop alone takes",
        options.statistic(),
        options.reps,
    );
    Ok(())
}

/// The nanoseconds that one call takes in each engine and repetition.
fn measure(options: &Options, peers: &[Peer], case: &Case) -> Result<Vec<Vec<f64>>> {
    let times = by_turns(options.reps, peers.len(), |peer| {
        let (name, _, instantiate) = peers[peer];
        let time = |case| nanoseconds_a_call(instantiate(case)?, case).context(name);
        Ok(time(case)? - time(&NONE)?)
    });
    times.into_iter().collect()
}

fn nanoseconds_a_call(mut run: Run, case: &Case) -> Result<f64> {
    let mut call = |count| {
        let found = run(count)?;
        ensure!(
            found == i64::from(count),
            "expected {count} calls of {} to do what they should, found {found}",
            case.export
        );
        Ok(())
    };
    call(FIRST_CALLS)?;
    let (time, result) = timed(|| call(CALLS));
    result?;
    Ok(time.as_secs_f64() * 1e9 / f64::from(CALLS))
}
