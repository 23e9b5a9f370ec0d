//! Times the kernels of `wasm-apps/bench/` in holdall and, by turns, in the interpreters wasmi,
//! stitch and tinywasm, in wasmtime's interpreter Pulley, and as native code of wasmtime's compiler
//! Cranelift.

#[path = "../../common/mod.rs"]
mod common;
#[path = "../../common/engines.rs"]
mod engines;
mod isolated;
#[path = "../../common/kernels.rs"]
mod kernels;
mod targets;

use anyhow::{Context, Result};
use common::{Options, Run, Syntax};
use kernels::Peer;

const USAGE: &str = "\
usage: cargo run --release --manifest-path benches/peers/Cargo.toml -- [--reps N] [--best] [--dir DIR] [--save FILE] [--against FILE] [NAME]...
    NAME            only the kernels whose names contain one of these
    --reps N        how often each kernel is run in each engine (default 5)
    --best          count the fastest repetition, not the median
    --dir DIR       take the kernels from there (default wasm-apps/bench)
    --save FILE     write holdall's times there, a line `kernel ms` each
    --against FILE  compare them with those that another run, of another build, has saved";

/// The engines that run in a process of their own. stitch 0.1.0 uses memory after it was freed where
/// a function that was called has grown it.
const ISOLATED: &[Peer] = &[("stitch", stitch), ("tinywasm", tinywasm)];

const PEERS: &[Peer] = &[
    ("holdall", engines::holdall),
    ("wasmi", engines::wasmi),
    ("stitch", |wasm| isolated::run("stitch", wasm)),
    ("tinywasm", |wasm| isolated::run("tinywasm", wasm)),
    ("Pulley", |wasm| wasmtime(&targets::pulley()?, wasm)),
    ("Cranelift", |wasm| wasmtime(&targets::cranelift()?, wasm)),
];

fn stitch(wasm: &[u8]) -> Result<Run> {
    use makepad_stitch::{Engine, Linker, Module, Store, Val};
    let mut store = Store::new(Engine::new());
    let module = Module::new(store.engine(), wasm)?;
    let instance = Linker::new().instantiate(&mut store, &module)?;
    let run = instance.exported_func("run").context("no function run")?;
    Ok(Box::new(move |n| {
        let mut results = [Val::I64(0)];
        run.call(&mut store, &[Val::I32(n)], &mut results)?;
        results[0].to_i64().context("run returns no i64")
    }))
}

fn tinywasm(wasm: &[u8]) -> Result<Run> {
    let module = tinywasm::parse_bytes(wasm)?;
    let mut store = tinywasm::Store::default();
    let instance = tinywasm::ModuleInstance::instantiate(&mut store, &module, None)?;
    let run = instance.func::<i32, i64>(&store, "run")?;
    Ok(Box::new(move |n| Ok(run.call(&mut store, n)?)))
}

fn wasmtime(engine: &wasmtime::Engine, wasm: &[u8]) -> Result<Run> {
    let module = wasmtime::Module::new(engine, wasm)?;
    let mut store = wasmtime::Store::new(engine, ());
    let instance = wasmtime::Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<i32, i64>(&mut store, "run")?;
    Ok(Box::new(move |n| run.call(&mut store, n)))
}

fn main() -> Result<()> {
    if let Some(engine) = isolated::asked_for() {
        return isolated::serve(&engine, ISOLATED);
    }
    let options = Options::read(&Syntax {
        usage: USAGE,
        values: kernels::OPTIONS,
        ..Syntax::default()
    })?;
    kernels::compare(&options, PEERS)
}
