//! wasmi, with wasmi_wasi, for the comparison of engines. Its ways are those in which it compiles.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use holdall_benches::calls;
use holdall_peers_engine::{Clock, Outcome, Program, Run, clock_ms, serve};
use wasmi::{CompilationMode, Config, Engine, Func, Instance, Linker, Module, Store};
use wasmi_wasi::wasi_common::pipe::{ReadPipe, WritePipe};
use wasmi_wasi::{Dir, WasiCtx, WasiCtxBuilder, ambient_authority};

holdall_benches::guest!(wasmi);

fn main() -> Result<()> {
    serve(&holdall_peers_engine::Engine {
        kernel,
        call: Some(Guest::calls),
        wasi_call: Some(wasi_call),
        program: Some(program),
        score: Some(score),
    })
}

fn engine(way: &str) -> Result<Engine> {
    let mut config = Config::default();
    match way {
        "" => {}
        "lazy" => drop(config.compilation_mode(CompilationMode::LazyTranslation)),
        "no validation" => drop(config.compilation_mode(CompilationMode::Lazy)),
        other => bail!("wasmi has no way {other}"),
    }
    Ok(Engine::new(&config))
}

fn kernel(way: &str, path: &Path) -> Result<Run> {
    let engine = engine(way)?;
    let module = Module::new(&engine, std::fs::read(path)?)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let run = instance.get_typed_func::<i32, i64>(&store, "run")?;
    Ok(Box::new(move |n| Ok(run.call(&mut store, n)?)))
}

fn wasi_call(export: &str, dir: &Path) -> Result<Run> {
    let dir = Dir::open_ambient_dir(dir, ambient_authority())?;
    let context = WasiCtxBuilder::new()
        .stdin(Box::new(ReadPipe::from(vec![b'x'; calls::INPUT_BYTES])))
        .stdout(Box::new(WritePipe::new(std::io::sink())))
        .preopened_dir(dir, calls::DIR)?
        .build();
    let engine = Engine::default();
    let module = Module::new(&engine, calls::WASI_GUEST.as_bytes())?;
    let mut linker = Linker::new(&engine);
    wasmi_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
    let mut store = Store::new(&engine, context);
    let instance = linker.instantiate_and_start(&mut store, &module)?;
    let run = instance.get_typed_func::<i32, i32>(&store, export)?;
    Ok(Box::new(move |n| Ok(run.call(&mut store, n)?.into())))
}

fn program(way: &str, program: &Program) -> Result<Outcome> {
    let [stdout, stderr] = [(); 2].map(|()| Arc::new(RwLock::new(Vec::new())));
    let mut context = WasiCtxBuilder::new();
    context
        .args(&program.args)?
        .stdin(Box::new(ReadPipe::new(std::io::empty())))
        .stdout(Box::new(WritePipe::from_shared(Arc::clone(&stdout))))
        .stderr(Box::new(WritePipe::from_shared(Arc::clone(&stderr))));
    for (host, guest) in &program.dirs {
        let dir = Dir::open_ambient_dir(host, ambient_authority())
            .with_context(|| format!("cannot open {host}"))?;
        context.preopened_dir(dir, guest)?;
    }
    let context = context.build();

    let start = Instant::now();
    let engine = engine(way)?;
    let module = Module::new(&engine, program.wasm)?;
    let load = start.elapsed();
    let mut linker = Linker::new(&engine);
    wasmi_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
    let mut store = Store::new(&engine, context);
    let instance = linker.instantiate_and_start(&mut store, &module)?;
    let main = instance.get_typed_func::<(), ()>(&store, "_start")?;
    let result = main.call(&mut store, ());
    let total = start.elapsed();

    let exit_code = match result {
        Ok(()) => 0,
        Err(error) => error.i32_exit_status().ok_or(error)?,
    };
    let written = |stream: Arc<RwLock<Vec<u8>>>| {
        let bytes = stream.read().unwrap_or_else(PoisonError::into_inner);
        bytes.clone()
    };
    Ok(Outcome {
        load,
        run: total - load,
        exit_code,
        stdout: written(stdout),
        stderr: written(stderr),
    })
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
