//! The kernels in holdall and in wasmi.

use anyhow::Result;

use crate::common::Run;

/// An instance in holdall.
pub(crate) fn holdall(wasm: &[u8]) -> Result<Run> {
    let engine = holdall::Engine::default();
    let module = holdall::Module::new(&engine, wasm.to_vec())?;
    let mut store = holdall::Store::new(&engine, ());
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
