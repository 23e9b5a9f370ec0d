//! wasmtime, for the comparison of engines. Its ways are its interpreter Pulley and its compiler
//! Cranelift; and it runs programs that were compiled before.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use holdall_peers_engine::{Clock, Outcome, Program, Run, clock_ms, serve};
use wasmtime::{Config, Engine, Func, Instance, Linker, Module, Store, Trap};
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// The way that is wasmtime's by default.
const CRANELIFT: &str = "Cranelift";

/// The exit code after a trap, as holdall's.
const TRAPPED: i32 = 134;

/// Bytes of a program's output that are kept.
const OUTPUT_BYTES: usize = 1 << 30;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["nothing"] => Ok(()),
        ["compile", wasm, code] => {
            let bytes = engine(CRANELIFT)?.precompile_module(&std::fs::read(wasm)?)?;
            std::fs::write(code, bytes).with_context(|| format!("cannot write {code}"))
        }
        ["run-compiled", code, args @ ..] => std::process::exit(run_compiled(code, args)?),
        _ => serve(&holdall_peers_engine::Engine {
            kernel,
            call: None,
            wasi_call: None,
            program: Some(program),
            score: Some(score),
        }),
    }
}

fn engine(way: &str) -> Result<Engine> {
    match way {
        CRANELIFT => Ok(Engine::new(&Config::new())?),
        "Pulley" => Ok(Engine::new(Config::new().target("pulley64")?)?),
        other => bail!("wasmtime has no way {other}"),
    }
}

fn kernel(way: &str, path: &Path) -> Result<Run> {
    let engine = engine(way)?;
    let module = Module::new(&engine, std::fs::read(path)?)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<i32, i64>(&mut store, "run")?;
    Ok(Box::new(move |n| Ok(run.call(&mut store, n)?)))
}

fn program(way: &str, program: &Program) -> Result<Outcome> {
    let [stdout, stderr] = [(); 2].map(|()| MemoryOutputPipe::new(OUTPUT_BYTES));
    let mut context = WasiCtxBuilder::new();
    context.args(&program.args);
    context.stdout(stdout.clone()).stderr(stderr.clone());
    for (host, guest) in &program.dirs {
        context.preopened_dir(host, guest, FsPerms::ReadWrite)?;
    }
    let context = context.build_p1();

    let start = Instant::now();
    let engine = engine(way)?;
    let module = Module::new(&engine, program.wasm)?;
    let load = start.elapsed();
    let exit_code = run(&engine, &module, context)?;
    let total = start.elapsed();
    Ok(Outcome {
        load,
        run: total - load,
        exit_code: exit_code.context("it trapped")?,
        stdout: stdout.contents().to_vec(),
        stderr: stderr.contents().to_vec(),
    })
}

/// The exit code of a WASI program, or none after a trap.
fn run(engine: &Engine, module: &Module, context: WasiP1Ctx) -> Result<Option<i32>> {
    let mut linker = Linker::new(engine);
    add_to_linker_sync(&mut linker, |context: &mut WasiP1Ctx| context)?;
    let mut store = Store::new(engine, context);
    let result = linker.instantiate(&mut store, module).and_then(|instance| {
        let main = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
        main.call(&mut store, ())
    });
    let Err(error) = result else {
        return Ok(Some(0));
    };
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Ok(Some(exit.0));
    }
    if error.is::<Trap>() {
        eprintln!("{error:?}");
        return Ok(None);
    }
    Err(error.into())
}

fn run_compiled(code: &str, args: &[&str]) -> Result<i32> {
    let engine = engine(CRANELIFT)?;
    // SAFETY: the file is what `compile` has written, and nobody changes it.
    let module = unsafe { Module::deserialize_file(&engine, Path::new(code))? };
    let mut context = WasiCtxBuilder::new();
    context.args(args).inherit_stdio();
    Ok(run(&engine, &module, context.build_p1())?.unwrap_or(TRAPPED))
}

fn score(way: &str, wasm: &[u8], clock: Clock) -> Result<f32> {
    let engine = engine(way)?;
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
