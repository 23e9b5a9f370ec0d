//! holdall, for the comparison of engines.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use holdall::{Config, Engine, Func, Instance, Linker, Module, Store};
use holdall_benches::{calls, engines};
use holdall_peers_engine::{Clock, Outcome, Program, Run, clock_ms, serve};
use holdall_wasi::{Access, Grants, Input, Output, Wasi};

holdall_benches::guest!(holdall);

/// The way of executing in which functions are compiled.
const NATIVE: &str = "native";

fn main() -> Result<()> {
    serve(&holdall_peers_engine::Engine {
        kernel: |way, path| engines::in_engine_of(config(way), path),
        call: Some(Guest::calls),
        wasi_call: Some(wasi_call),
        program: Some(program),
        score: Some(score),
    })
}

/// The configuration for a way of executing: the interpreter's, or that of native code.
fn config(way: &str) -> Config {
    match way {
        NATIVE => engines::native(),
        _ => Config::new(),
    }
}

fn wasi_call(export: &str, dir: &Path) -> Result<Run> {
    let grants = engines::grants().host_dir(dir, calls::DIR, Access::ReadWrite)?;
    engines::wasi(grants, export)
}

fn program(way: &str, program: &Program) -> Result<Outcome> {
    let (stdout_capture, stdout) = Output::capture();
    let (stderr_capture, stderr) = Output::capture();
    let mut grants = Grants::new()
        .args(&program.args)
        .stdin(Input::null())
        .stdout(stdout)
        .stderr(stderr)
        .clocks()
        .random();
    for (host, guest) in &program.dirs {
        grants = grants
            .host_dir(host, guest, Access::ReadWrite)
            .with_context(|| format!("cannot open {host}"))?;
    }

    let start = Instant::now();
    let engine = Engine::new(config(way));
    let module = Module::from_static(&engine, program.wasm)?;
    let load = start.elapsed();
    let mut linker = Linker::new(&engine);
    holdall_wasi::add_to_linker(&mut linker, Wasi::new(grants));
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let main = instance.get_typed_func::<(), ()>(&store, "_start")?;
    let result = main.call(&mut store, ());
    let total = start.elapsed();

    let exit_code = match result {
        Ok(()) => 0,
        Err(error) => error.exit_code().ok_or(error)?,
    };
    Ok(Outcome {
        load,
        run: total - load,
        exit_code,
        stdout: stdout_capture.bytes(),
        stderr: stderr_capture.bytes(),
    })
}

fn score(way: &str, wasm: &[u8], clock: Clock) -> Result<f32> {
    let engine = Engine::new(config(way));
    let module = Module::new(&engine, wasm)?;
    let mut store = Store::new(&engine, ());
    let clock = match clock {
        Clock::I32 => Func::wrap(&mut store, || clock_ms() as i32),
        Clock::I64 => Func::wrap(&mut store, clock_ms),
    };
    let instance = Instance::new(&mut store, &module, &[clock.into()])?;
    let run = instance.get_typed_func::<(), f32>(&mut store, "run")?;
    Ok(run.call(&mut store, ())?)
}
