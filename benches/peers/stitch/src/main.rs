//! stitch, for the comparison of engines.

use std::path::Path;

use anyhow::{Context, Result};
use holdall_peers_engine::{Run, serve};
use makepad_stitch::{Engine, Linker, Module, Store, Val};

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
    let mut store = Store::new(Engine::new());
    let module = Module::new(store.engine(), &std::fs::read(path)?)?;
    let instance = Linker::new().instantiate(&mut store, &module)?;
    let run = instance.exported_func("run").context("no function run")?;
    Ok(Box::new(move |n| {
        let mut results = [Val::I64(0)];
        run.call(&mut store, &[Val::I32(n)], &mut results)?;
        results[0].to_i64().context("run returns no i64")
    }))
}
