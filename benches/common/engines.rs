//! The kernels in holdall and in wasmi.

use anyhow::Result;

use crate::common::Run;

/// An instance in holdall.
pub(crate) fn holdall(wasm: &[u8]) -> Result<Run> {
    in_engine(&holdall::Engine::default(), wasm)
}

/// An instance in holdall that meters, under limits that the kernels do not reach.
#[allow(dead_code, reason = "not every program compares it")]
pub(crate) fn metered(wasm: &[u8]) -> Result<Run> {
    let limits = holdall::Limits::new()
        .fuel(u64::MAX)
        .timeout(std::time::Duration::from_secs(24 * 60 * 60));
    let config = holdall::Config::new().metering(true).limits(limits);
    in_engine(&holdall::Engine::new(config), wasm)
}

fn in_engine(engine: &holdall::Engine, wasm: &[u8]) -> Result<Run> {
    let module = holdall::Module::new(engine, wasm.to_vec())?;
    let mut store = holdall::Store::new(engine, ());
    let instance = holdall::Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<i32, i64>(&mut store, "run")?;
    Ok(Box::new(move |n| Ok(run.call(&mut store, n)?)))
}

/// An instance in wasmi.
pub(crate) fn wasmi(wasm: &[u8]) -> Result<Run> {
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, wasm)?;
    let mut store = wasmi::Store::new(&engine, ());
    let instance = wasmi::Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<i32, i64>(&store, "run")?;
    Ok(Box::new(move |n| Ok(run.call(&mut store, n)?)))
}
