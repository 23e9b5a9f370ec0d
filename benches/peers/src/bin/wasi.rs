//! Times calls of WASI functions from a guest's loop in holdall and, by turns in one process, in
//! wasmi with wasmi_wasi.

#[path = "../../../common/mod.rs"]
mod common;
#[path = "../../../common/wasi.rs"]
mod wasi;

use anyhow::Result;
use wasi::Case;
use wasmi_wasi::wasi_common::pipe::{ReadPipe, WritePipe};
use wasmi_wasi::{Dir, WasiCtx, WasiCtxBuilder, ambient_authority};

const USAGE: &str = "\
usage: cargo run --release --manifest-path benches/peers/Cargo.toml --bin wasi -- [--reps N] [--best] [NAME]...
    NAME        only the calls whose names contain one of these
    --reps N    how often each is measured in each engine (default 5)
    --best      count the fastest repetition, not the median";

fn wasmi(case: &Case) -> Result<common::Run> {
    let dir = Dir::open_ambient_dir(wasi::host_dir(), ambient_authority())?;
    let context = WasiCtxBuilder::new()
        .stdin(Box::new(ReadPipe::from(vec![b'x'; wasi::INPUT_BYTES])))
        .stdout(Box::new(WritePipe::new(std::io::sink())))
        .preopened_dir(dir, wasi::DIR)?
        .build();
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, wasi::GUEST.as_bytes())?;
    let mut linker = wasmi::Linker::new(&engine);
    wasmi_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
    let mut store = wasmi::Store::new(&engine, context);
    let instance = linker.instantiate_and_start(&mut store, &module)?;
    let run = instance.get_typed_func::<i32, i32>(&store, case.export)?;
    Ok(Box::new(move |n| Ok(run.call(&mut store, n)?.into())))
}

fn main() -> Result<()> {
    let options = common::Options::from_command_line(USAGE)?;
    wasi::compare(&options, &[wasi::HOLDALL, ("wasmi", false, wasmi)])
}
