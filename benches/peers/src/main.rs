//! Times the kernels of `wasm-apps/bench/` in holdall, interpreted and native, and by turns in the interpreters
//! wasmi, stitch and tinywasm, in wasmtime's interpreter Pulley, and as native code of wasmtime's compiler
//! Cranelift.

mod child;

use std::path::Path;

use anyhow::{Context, Result};
use holdall_benches::kernels::{self, Peer};
use holdall_benches::{Options, Run, Syntax};
use holdall_peers_engine::tasks;

const USAGE: &str = "\
usage: cargo run --release --manifest-path benches/peers/Cargo.toml -- [--reps N] [--best] [--dir DIR] [--save FILE] [--against FILE] [NAME]...
    NAME            only the kernels whose names contain one of these
    --reps N        how often each kernel is run in each engine (default 5)
    --best          count the fastest repetition, not the median
    --dir DIR       take the kernels from there (default wasm-apps/bench)
    --save FILE     write holdall's times there, a line `kernel ms` each
    --against FILE  compare them with those that another run, of another build, has saved";

const PEERS: &[Peer] = &[
    ("holdall", |path| kernel("holdall", "", path)),
    ("native", |path| kernel("holdall", "native", path)),
    ("wasmi", |path| kernel("wasmi", "", path)),
    ("stitch", |path| kernel("stitch", "", path)),
    ("tinywasm", |path| kernel("tinywasm", "", path)),
    ("Pulley", |path| kernel("wasmtime", "Pulley", path)),
    ("Cranelift", |path| kernel("wasmtime", "Cranelift", path)),
];

fn kernel(engine: &str, way: &str, path: &Path) -> Result<Run> {
    let path = path.to_str().context("the path is no text")?;
    child::run(engine, &[tasks::KERNEL, way, path])
}

fn main() -> Result<()> {
    let options = Options::read(&Syntax {
        usage: USAGE,
        values: kernels::OPTIONS,
        ..Syntax::default()
    })?;
    kernels::compare(&options, PEERS)
}
