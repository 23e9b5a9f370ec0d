//! Times the kernels of `wasm-apps/bench/` in holdall and in wasmi, side by side in one process.

#[path = "common/mod.rs"]
mod common;
#[path = "common/engines.rs"]
mod engines;

const USAGE: &str = "\
usage: cargo bench --bench kernels -- [--reps N] [--best] [--metering] [--dir DIR] [NAME]...
    NAME        only the kernels whose names contain one of these
    --reps N    how often each kernel is run in each engine (default 5)
    --best      count the fastest repetition, not the median
    --metering  run holdall with metering as well, and compare that with the others
    --dir DIR   take the kernels from there (default wasm-apps/bench)";

/// Runs holdall with metering as well.
const METERING: &str = "--metering";

fn main() -> anyhow::Result<()> {
    let options = common::Options::with_flags(USAGE, &[METERING])?;
    let mut peers: Vec<common::Peer> =
        vec![("holdall", engines::holdall), ("wasmi", engines::wasmi)];
    if options.has(METERING) {
        peers.insert(0, ("metered", engines::metered));
    }
    common::compare(&options, &peers)
}
