//! The comparison of engines on single calls, in nanoseconds a call. It knows no engine.

use anyhow::{Context, Result, ensure};

use crate::{Options, Run, Table, by_turns, timed};

/// How many calls go before those that are timed.
const FIRST_CALLS: i32 = 1_000;

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// From Rust to the guest of `calls.wat`, or from a loop of the guest's, which this names.
    Plain,
    /// In a loop of the guest of `exceptions.wat`, which only holdall among the engines compared takes.
    Exceptions,
    /// From a loop of the guest of `wasi.wat`, whose directory is one of the host.
    Wasi,
    /// Likewise, with a directory in memory.
    WasiInMemory,
}

/// A function that is called over and over.
#[derive(Debug)]
pub struct Case {
    /// What the table of times calls the function.
    pub name: &'static str,
    /// Where the call goes.
    pub kind: Kind,
    /// The guest's loop, or how Rust calls.
    pub does: &'static str,
}

impl Case {
    const fn new(name: &'static str, kind: Kind, does: &'static str) -> Self {
        Self { name, kind, does }
    }

    /// How many calls one measurement makes.
    fn calls(&self) -> i32 {
        match self.kind {
            Kind::Plain => 5_000_000,
            Kind::Exceptions | Kind::Wasi | Kind::WasiInMemory => 1_000_000,
        }
    }

    /// The loop without the call, whose time does not count. Rust's own loops have none.
    fn without_call(&self) -> Option<Self> {
        let does = match self.kind {
            Kind::Plain if !self.does.starts_with("loop_") => return None,
            Kind::Plain => "loop_none",
            Kind::Exceptions if self.does == "try" => "call",
            Kind::Exceptions | Kind::Wasi | Kind::WasiInMemory => "none",
        };
        Some(Self::new("none", self.kind, does))
    }
}

const CASES: &[Case] = &[
    Case::new("Rust to guest, () -> ()", Kind::Plain, "empty"),
    Case::new("Rust to guest, (i32, i32) -> i32", Kind::Plain, "add"),
    Case::new("Rust to guest, dynamically typed", Kind::Plain, "dynamic"),
    Case::new("guest to host, i32 -> i32", Kind::Plain, "loop_host"),
    Case::new("guest, inside the module", Kind::Plain, "loop_inside"),
    Case::new("guest, to another module", Kind::Plain, "loop_across"),
    Case::new("guest, call_indirect inside", Kind::Plain, "loop_indirect"),
    Case::new(
        "guest, call_indirect to another",
        Kind::Plain,
        "loop_indirect_across",
    ),
    Case::new("guest, a try that throws nothing", Kind::Exceptions, "try"),
    Case::new(
        "guest, throw and catch ten calls deep",
        Kind::Exceptions,
        "throw",
    ),
    Case::new(
        "guest, the same caught by reference",
        Kind::Exceptions,
        "throw_ref",
    ),
    Case::new("clock_time_get, monotonic", Kind::Wasi, "clock_time_get"),
    Case::new("fd_write, a byte to a sink", Kind::Wasi, "fd_write"),
    Case::new("fd_read, a byte of many in memory", Kind::Wasi, "fd_read"),
    Case::new(
        "path_filestat_get, in memory",
        Kind::WasiInMemory,
        "path_filestat_get",
    ),
    Case::new(
        "path_filestat_get, on the host",
        Kind::Wasi,
        "path_filestat_get",
    ),
    Case::new(
        "path_filestat_get, missing there",
        Kind::Wasi,
        "path_filestat_get_missing",
    ),
];

/// An engine: its name, and how it makes the guest of a case and returns what makes the calls.
pub type Peer = (&'static str, fn(&Case) -> Result<Run>);

/// Makes the calls in all the engines by turns, and prints the times and the ratios of the first
/// engine's time to each other one's.
///
/// # Errors
/// When a call does not do what it should, or an engine cannot make it.
pub fn compare(options: &Options, peers: &[Peer]) -> Result<()> {
    let (first, _) = peers[0];
    let mut header = vec!["call".to_owned()];
    header.extend(peers.iter().map(|(name, _)| format!("{name} ns")));
    let others = peers[1..].iter();
    header.extend(others.map(|(name, _)| format!("{first} / {name}")));
    let mut table = Table::new(header);
    // Only holdall has exceptions, and directories in memory.
    let ours = |kind| matches!(kind, Kind::Exceptions | Kind::WasiInMemory);
    let able = |case: &&Case| !ours(case.kind) || peers.len() == 1;
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
    ensure!(
        !table.is_empty(),
        "no call has a name like that; there are {}",
        CASES
            .iter()
            .map(|case| case.name)
            .collect::<Vec<_>>()
            .join("; ")
    );
    table.print();
    println!(
        "\n{} of {} repetitions, without what the guest's loop alone takes",
        options.statistic(),
        options.reps,
    );
    Ok(())
}

/// The nanoseconds that one call takes in each engine and repetition.
fn measure(options: &Options, peers: &[Peer], case: &Case) -> Result<Vec<Vec<f64>>> {
    let times = by_turns(options.reps, peers.len(), |peer| {
        let (name, guest) = peers[peer];
        let time = |case: &Case| nanoseconds_a_call(guest(case)?, case).context(name);
        let without_call = match case.without_call() {
            Some(case) => time(&case)?,
            None => 0.0,
        };
        Ok(time(case)? - without_call)
    });
    times.into_iter().collect()
}

fn nanoseconds_a_call(mut run: Run, case: &Case) -> Result<f64> {
    let mut call = |count| {
        let found = run(count)?;
        ensure!(
            found == i64::from(count),
            "expected {count} calls of {} to do what they should, found {found}",
            case.does
        );
        Ok(())
    };
    call(FIRST_CALLS)?;
    let (time, result) = timed(|| call(case.calls()));
    result?;
    Ok(time.as_secs_f64() * 1e9 / f64::from(case.calls()))
}
