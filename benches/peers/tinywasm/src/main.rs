//! tinywasm, for the comparison of engines.

use std::path::Path;

use anyhow::Result;
use holdall_peers_engine::{Run, serve};

fn main() -> Result<()> {
    serve(&holdall_peers_engine::Engine {
        kernel,
        call: None,
        wasi_call: None,
        program: None,
        score: None,
    })
}

fn kernel(_: &str, path: &Path) -> Result<Run> {
    let module = tinywasm::parse_bytes(&std::fs::read(path)?)?;
    let mut store = tinywasm::Store::default();
    let instance = tinywasm::ModuleInstance::instantiate(&mut store, &module, None)?;
    let run = instance.func::<i32, i64>(&store, "run")?;
    Ok(Box::new(move |n| Ok(run.call(&mut store, n)?)))
}
