//! Times the kernels of `wasm-apps/bench/` in holdall and, by turns in one process, in wasmi, in
//! wasmtime's interpreter Pulley, and as native code of wasmtime's compiler Cranelift.

#[path = "../../common/mod.rs"]
mod common;
#[path = "../../common/engines.rs"]
mod engines;

use anyhow::Result;

const USAGE: &str = "\
usage: cargo run --release --manifest-path benches/peers/Cargo.toml -- [--reps N] [--best] [NAME]...
    NAME        only the kernels whose names contain one of these
    --reps N    how often each kernel is run in each engine (default 5)
    --best      count the fastest repetition, not the median
    --dir DIR   take the kernels from there (default wasm-apps/bench)";

fn pulley(wasm: &[u8]) -> Result<common::Run> {
    let mut config = wasmtime::Config::new();
    config.target("pulley64")?;
    wasmtime(&config, wasm)
}

fn cranelift(wasm: &[u8]) -> Result<common::Run> {
    wasmtime(&wasmtime::Config::new(), wasm)
}

fn wasmtime(config: &wasmtime::Config, wasm: &[u8]) -> Result<common::Run> {
    let engine = wasmtime::Engine::new(config)?;
    let module = wasmtime::Module::new(&engine, wasm)?;
    let mut store = wasmtime::Store::new(&engine, ());
    let instance = wasmtime::Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<i32, i64>(&mut store, "run")?;
    Ok(Box::new(move |n| run.call(&mut store, n)))
}

fn main() -> Result<()> {
    let options = common::Options::from_command_line(USAGE)?;
    common::compare(
        &options,
        &[
            ("holdall", engines::holdall),
            ("wasmi", engines::wasmi),
            ("Pulley", pulley),
            ("Cranelift", cranelift),
        ],
    )
}
