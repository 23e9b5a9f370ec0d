//! Times the kernels of `wasm-apps/bench/` in holdall and in wasmi, side by side in one process.

#[path = "common/mod.rs"]
mod common;
#[path = "common/engines.rs"]
mod engines;

const USAGE: &str = "\
usage: cargo bench --bench kernels -- [--reps N] [--best] [--dir DIR] [NAME]...
    NAME        only the kernels whose names contain one of these
    --reps N    how often each kernel is run in each engine (default 5)
    --best      count the fastest repetition, not the median
    --dir DIR   take the kernels from there (default wasm-apps/bench)";

fn main() -> anyhow::Result<()> {
    let options = common::Options::from_command_line(USAGE)?;
    common::compare(
        &options,
        &[("holdall", engines::holdall), ("wasmi", engines::wasmi)],
    )
}
