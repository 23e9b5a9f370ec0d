//! Times calls of functions, of WASI's too, in holdall and, by turns, in wasmi with wasmi_wasi.

#[path = "../child.rs"]
mod child;

use anyhow::Result;
use holdall_benches::calling::{self, Case, Kind};
use holdall_benches::{Options, Run};
use holdall_peers_engine::tasks;

const USAGE: &str = "\
usage: cargo run --release --manifest-path benches/peers/Cargo.toml --bin calls -- [--reps N] [--best] [NAME]...
    NAME        only the calls whose names contain one of these
    --reps N    how often each is measured in each engine (default 5)
    --best      count the fastest repetition, not the median";

fn guest(engine: &str, case: &Case) -> Result<Run> {
    let dir = env!("CARGO_MANIFEST_DIR");
    match case.kind {
        Kind::Plain => child::run(engine, &[tasks::CALL, case.does]),
        Kind::Exceptions | Kind::Wasi | Kind::WasiInMemory => {
            child::run(engine, &[tasks::WASI_CALL, case.does, dir])
        }
    }
}

fn main() -> Result<()> {
    let options = Options::from_command_line(USAGE)?;
    calling::compare(
        &options,
        &[
            ("holdall", |case| guest("holdall", case)),
            ("wasmi", |case| guest("wasmi", case)),
        ],
    )
}
