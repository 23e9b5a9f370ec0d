//! The same modules of wasm-smith in holdall and in wasmtime: equal results, traps, exceptions,
//! memories, globals, tables and calls of the host. NaNs are canonical in both, and relaxed
//! instructions deterministic. Ends with the first difference.
//!
//! ```text
//! cargo +nightly run --manifest-path benches/peers/differential/Cargo.toml -- minutes 30
//! cargo +nightly run --manifest-path benches/peers/differential/Cargo.toml -- from 1000000 minutes 30
//! cargo +nightly run --manifest-path benches/peers/differential/Cargo.toml -- seed 17
//! ```
//! Minutes are those of the clock, of one processor; `from` is the first seed; `seed` runs that one and
//! prints its module as text.

mod theirs;

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use holdall::Proposals;
use holdall_dev::smith::{self, seen};
use wasmtime::Engine;

/// Seconds between two reports.
const REPORT: Duration = Duration::from_secs(60);

fn main() -> anyhow::Result<()> {
    let (mut from, mut time, mut only) = (0, Duration::from_secs(60), None);
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().and_then(|value| value.parse().ok());
        match (name.as_str(), value) {
            ("from", Some(seed)) => from = seed,
            ("minutes", Some(minutes)) => time = Duration::from_secs(60 * minutes),
            ("seed", Some(seed)) => only = Some(seed),
            _ => bail!("expected `from N`, `minutes N` or `seed N`, found {name:?}"),
        }
    }
    let engine = theirs::engine()?;
    if let Some(seed) = only {
        let bytes = smith::module(seed).context("the seed makes no module")?;
        println!("{}", wasmprinter::print_bytes(&bytes)?);
        println!("needs: {}", Proposals::of(&bytes));
        compare(&engine, &bytes, seed)?;
        return Ok(());
    }
    let mut tally = Tally::default();
    let (start, mut reported) = (Instant::now(), Instant::now());
    for seed in from.. {
        if start.elapsed() >= time {
            break;
        }
        let Some(bytes) = smith::module(seed) else {
            continue;
        };
        let calls = compare(&engine, &bytes, seed).with_context(|| {
            format!("seed {seed}; `seed {seed}` as the arguments shows its module")
        })?;
        tally.count(&bytes, calls);
        if reported.elapsed() >= REPORT {
            reported = Instant::now();
            println!("{} s, seed {seed}: {tally}", start.elapsed().as_secs());
        }
    }
    println!("{} s, no difference: {tally}", start.elapsed().as_secs());
    Ok(())
}

/// How many calls agree in both machines; 0 for a module whose imports the host cannot make.
fn compare(engine: &Engine, bytes: &[u8], seed: u64) -> anyhow::Result<usize> {
    let ours = smith::run(bytes, &smith::config(seed), u64::MAX).context("holdall")?;
    let theirs = theirs::run(engine, bytes).context("wasmtime")?;
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => seen::compare(&ours, &theirs).map_err(anyhow::Error::msg),
        (None, None) => Ok(0),
        _ => bail!("only one of both has values for the imports"),
    }
}

/// What was compared.
#[derive(Default)]
struct Tally {
    modules: usize,
    calls: usize,
    /// How many modules used each proposal.
    used: std::collections::BTreeMap<holdall::Proposal, usize>,
}

impl Tally {
    fn count(&mut self, bytes: &[u8], calls: usize) {
        self.modules += 1;
        self.calls += calls;
        for proposal in Proposals::of(bytes).iter() {
            *self.used.entry(proposal).or_default() += 1;
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} modules and {} calls", self.modules, self.calls)?;
        for (proposal, count) in &self.used {
            write!(f, ", {proposal} {count}")?;
        }
        Ok(())
    }
}
