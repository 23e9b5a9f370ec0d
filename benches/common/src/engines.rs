//! What is timed, in holdall.

use std::path::Path;

use anyhow::Result;
use holdall::{Config, Engine, Instance, Limits, Linker, Module, Store};
use holdall_wasi::{Grants, Wasi};

use crate::{Run, calls};

/// An instance of a kernel.
pub fn holdall(path: &Path) -> Result<Run> {
    in_engine(&Engine::default(), path)
}

/// An instance of a kernel that is metered, under limits that the kernels do not reach.
pub fn metered(path: &Path) -> Result<Run> {
    let limits = Limits::new()
        .fuel(u64::MAX)
        .timeout(std::time::Duration::from_secs(24 * 60 * 60));
    in_engine(
        &Engine::new(Config::new().metering(true).limits(limits)),
        path,
    )
}

/// The configuration of an engine that compiles functions.
#[cfg(feature = "native")]
pub fn native() -> Config {
    Config::new().native(true)
}

/// An instance of a kernel in an engine of this configuration.
pub fn in_engine_of(config: Config, path: &Path) -> Result<Run> {
    in_engine(&Engine::new(config), path)
}

fn in_engine(engine: &Engine, path: &Path) -> Result<Run> {
    let module = Module::from_file(engine, path)?;
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<i32, i64>(&mut store, "run")?;
    Ok(Box::new(move |n| Ok(run.call(&mut store, n)?)))
}

/// A loop of the guest that calls WASI.
pub fn wasi(grants: Grants, export: &str) -> Result<Run> {
    let engine = Engine::default();
    let module = Module::new(&engine, calls::WASI_GUEST)?;
    let mut linker = Linker::new(&engine);
    holdall_wasi::add_to_linker(&mut linker, Wasi::new(grants));
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<i32, i32>(&store, export)?;
    Ok(Box::new(move |n| Ok(run.call(&mut store, n)?.into())))
}

/// What the guest that calls WASI gets, besides a directory.
pub fn grants() -> Grants {
    Grants::new()
        .stdin(holdall_wasi::Input::bytes(vec![b'x'; calls::INPUT_BYTES]))
        .stdout(holdall_wasi::Output::null())
        .clocks()
}
