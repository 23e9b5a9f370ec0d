//! A WASI program from its bytes to its exit, in holdall, in wasmi with wasmi_wasi, and in wasmtime
//! with wasi-common. Each run has an engine of its own, as it is with a process for each.

#![allow(dead_code, reason = "each program uses a part of it")]

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use anyhow::{Context, Result};
use wasi_common::pipe::{ReadPipe, WritePipe};
use wasi_common::sync::{Dir, WasiCtxBuilder, ambient_authority};
use wasi_common::{I32Exit, WasiCtx};
use wasmi::CompilationMode;

use crate::common::milliseconds;

/// A program, and what it is given: besides these an empty input, clocks and randomness.
pub(crate) struct Program {
    /// Leaked, so that the engines may keep it without a copy.
    pub(crate) wasm: &'static [u8],
    /// Its own name is the first.
    pub(crate) args: Vec<String>,
    /// Directories of the host, which the program may change, and the program's names for them.
    pub(crate) dirs: Vec<(String, String)>,
}

/// One run of a program.
pub(crate) struct Outcome {
    /// From the bytes to the module, in milliseconds.
    pub(crate) load: f64,
    /// From the module to the exit, in milliseconds.
    pub(crate) run: f64,
    pub(crate) exit_code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    /// Reads a program from its file. The directories are written HOST or HOST::GUEST.
    pub(crate) fn read<'a>(
        path: &str,
        args: &[String],
        dirs: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self> {
        let wasm = std::fs::read(path).with_context(|| format!("cannot read {path}"))?;
        let name = Path::new(path).file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        let dirs = dirs.into_iter().map(|dir| {
            let (host, guest) = dir.split_once("::").unwrap_or((dir, dir));
            (host.to_owned(), guest.to_owned())
        });
        Ok(Self {
            wasm: wasm.leak(),
            args: [&[name], args].concat(),
            dirs: dirs.collect(),
        })
    }
}

/// In holdall.
pub(crate) fn holdall(program: &Program) -> Result<Outcome> {
    let (stdout_capture, stdout) = holdall::Output::capture();
    let (stderr_capture, stderr) = holdall::Output::capture();
    let mut grants = holdall::Grants::new()
        .args(&program.args)
        .stdin(holdall::Input::null())
        .stdout(stdout)
        .stderr(stderr)
        .clocks()
        .random();
    for (host, guest) in &program.dirs {
        grants = grants
            .host_dir(host, guest, holdall::Access::ReadWrite)
            .with_context(|| format!("cannot open {host}"))?;
    }

    let start = Instant::now();
    let engine = holdall::Engine::default();
    let module = holdall::Module::from_static(&engine, program.wasm)?;
    let load = start.elapsed();
    let mut linker = holdall::Linker::new(&engine);
    linker.wasi(holdall::Wasi::new(grants));
    let mut store = holdall::Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let main = instance.get_typed_func::<(), ()>(&store, "_start")?;
    let result = main.call(&mut store, ());
    let total = start.elapsed();

    let exit_code = match result {
        Ok(()) => 0,
        Err(error) => error.exit_code().ok_or(error)?,
    };
    Ok(Outcome {
        load: milliseconds(load),
        run: milliseconds(total - load),
        exit_code,
        stdout: stdout_capture.text(),
        stderr: stderr_capture.text(),
    })
}

/// In wasmi.
pub(crate) fn wasmi(program: &Program, mode: CompilationMode) -> Result<Outcome> {
    let streams = Streams::default();
    let context = streams.context(program)?;

    let start = Instant::now();
    let mut config = wasmi::Config::default();
    config.compilation_mode(mode);
    let engine = wasmi::Engine::new(&config);
    let module = wasmi::Module::new(&engine, program.wasm)?;
    let load = start.elapsed();
    let mut linker = wasmi::Linker::new(&engine);
    wasmi_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
    let mut store = wasmi::Store::new(&engine, context);
    let instance = linker.instantiate_and_start(&mut store, &module)?;
    let main = instance.get_typed_func::<(), ()>(&store, "_start")?;
    let result = main.call(&mut store, ());
    let total = start.elapsed();

    let exit_code = match result {
        Ok(()) => 0,
        Err(error) => error.i32_exit_status().ok_or(error)?,
    };
    Ok(Outcome {
        load: milliseconds(load),
        run: milliseconds(total - load),
        exit_code,
        stdout: text(&streams.stdout),
        stderr: text(&streams.stderr),
    })
}

/// In wasmtime.
pub(crate) fn wasmtime(
    program: &Program,
    engine: fn() -> Result<wasmtime::Engine>,
) -> Result<Outcome> {
    let streams = Streams::default();
    let context = streams.context(program)?;

    let start = Instant::now();
    let engine = engine()?;
    let module = wasmtime::Module::new(&engine, program.wasm)?;
    let load = start.elapsed();
    let mut linker = wasmtime::Linker::new(&engine);
    wasi_common::sync::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
    let mut store = wasmtime::Store::new(&engine, context);
    let instance = linker.instantiate(&mut store, &module)?;
    let main = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    let result = main.call(&mut store, ());
    let total = start.elapsed();

    let exit_code = match result {
        Ok(()) => 0,
        Err(error) => error.downcast::<I32Exit>()?.0,
    };
    Ok(Outcome {
        load: milliseconds(load),
        run: milliseconds(total - load),
        exit_code,
        stdout: text(&streams.stdout),
        stderr: text(&streams.stderr),
    })
}

type Written = Arc<RwLock<Vec<u8>>>;

/// What a program writes under wasi-common.
#[derive(Default)]
struct Streams {
    stdout: Written,
    stderr: Written,
}

impl Streams {
    /// What wasi-common gives the program.
    fn context(&self, program: &Program) -> Result<WasiCtx> {
        let mut context = WasiCtxBuilder::new();
        context
            .args(&program.args)?
            .stdin(Box::new(ReadPipe::new(std::io::empty())))
            .stdout(Box::new(WritePipe::from_shared(Arc::clone(&self.stdout))))
            .stderr(Box::new(WritePipe::from_shared(Arc::clone(&self.stderr))));
        for (host, guest) in &program.dirs {
            let dir = Dir::open_ambient_dir(host, ambient_authority())
                .with_context(|| format!("cannot open {host}"))?;
            context.preopened_dir(dir, guest)?;
        }
        Ok(context.build())
    }
}

fn text(written: &Written) -> String {
    let bytes = written.read().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).into_owned()
}
