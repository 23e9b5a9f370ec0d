//! wasmtime in a process of its own, which loads a module that was compiled to native code before, and
//! runs it as a WASI program with the process's streams. The process is this program again.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use wasi_common::sync::WasiCtxBuilder;
use wasi_common::{I32Exit, WasiCtx};
use wasmtime::{Config, Engine, Linker, Module, Store, Trap};

use crate::{TRAPPED, Until};

/// The options that make this program such a process. What follows is the file with the code, and
/// the guest's arguments, of which its own name is the first.
const RUN: &str = "--run-precompiled";
const RUN_WITHOUT_FUEL: &str = "--run-precompiled-without-fuel";

/// What such a process is to do.
pub(crate) struct Task {
    until: Until,
    code: String,
    args: Vec<String>,
}

/// What this process is to do, if it is not the one that a user has started.
pub(crate) fn asked_for() -> Option<Task> {
    let mut arguments = std::env::args().skip(1);
    let until = match arguments.next()?.as_str() {
        RUN => Until::Exit,
        RUN_WITHOUT_FUEL => Until::FirstInstruction,
        _ => return None,
    };
    Some(Task {
        until,
        code: arguments.next()?,
        args: arguments.collect(),
    })
}

/// Compiles a module into a file, and returns the command that runs it.
pub(crate) fn prepare(wasm: &[u8], code: &Path, args: &[String], until: Until) -> Result<Command> {
    let bytes = engine(until)?.precompile_module(wasm)?;
    std::fs::write(code, bytes).with_context(|| format!("cannot write {}", code.display()))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(match until {
        Until::Exit => RUN,
        Until::FirstInstruction => RUN_WITHOUT_FUEL,
    });
    command.arg(code).args(args);
    Ok(command)
}

/// Runs the guest, and returns the exit code.
pub(crate) fn run(task: &Task) -> Result<i32> {
    let engine = engine(task.until)?;
    // SAFETY: the file is what `prepare` has written, and nobody changes it.
    let module = unsafe { Module::deserialize_file(&engine, &task.code)? };
    let context = WasiCtxBuilder::new()
        .args(&task.args)?
        .inherit_stdio()
        .build();
    let mut linker = Linker::new(&engine);
    wasi_common::sync::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
    // Where fuel is consumed, a new store has none.
    let mut store = Store::new(&engine, context);
    let instance = linker.instantiate(&mut store, &module);
    let result = instance.and_then(|instance| {
        let main = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
        main.call(&mut store, ())
    });
    let Err(error) = result else {
        return Ok(0);
    };
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Ok(exit.0);
    }
    if error.is::<Trap>() {
        eprintln!("{error:?}");
        return Ok(TRAPPED);
    }
    Err(error)
}

/// Compiles and runs as wasmtime does by default, but for the fuel.
fn engine(until: Until) -> Result<Engine> {
    Engine::new(Config::new().consume_fuel(until == Until::FirstInstruction))
}
