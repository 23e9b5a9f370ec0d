//! The program that packed executables are made of: it finds what it carries, and runs it. Like the
//! `holdall` command it stands on the library's public interface, and it shares with it how a
//! program is run and how an end is told.

#[path = "../crates/holdall-pack/src/image.rs"]
mod image;
use holdall_core::bundle as names;
#[path = "../crates/holdall-pack/src/output.rs"]
#[allow(dead_code, reason = "shared with the command, which prints more")]
mod output;
#[path = "../crates/holdall-pack/src/program.rs"]
#[allow(dead_code, reason = "shared with the command, which asks more")]
mod program;
#[path = "../crates/holdall-pack/src/report.rs"]
mod report;
#[path = "../crates/holdall-pack/src/watchdog.rs"]
mod watchdog;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::anyhow;
use holdall::pack::{Bag, BagError, BagReader, Mark};
use holdall::{Engine, Linker, Store};

use image::Image;
use output::Output;
use program::Program;
use watchdog::Watchdog;

/// By this an executable is known to be this program, and of which build.
#[used]
#[cfg_attr(
    not(any(windows, target_vendor = "apple")),
    unsafe(link_section = ".note.holdall")
)]
static MARK: Mark = Mark::HERE;

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_default();
    let name = Path::new(&name).file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    let watchdog = Watchdog::new(&name);
    match run(&name, args, &watchdog) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::report(&name, &error),
    }
}

fn run(
    name: &str,
    args: impl Iterator<Item = OsString>,
    watchdog: &Watchdog,
) -> anyhow::Result<()> {
    let image = Image::own();
    let bag = image.bag().ok_or(BagError::None).and_then(Bag::open)?;
    let manifest = bag.manifest();
    watchdog.limit(manifest.policy.timeout)?;
    if manifest.program != 0 && manifest.program != image.checksum() {
        return Err(BagError::Damaged("its own program".to_owned()).into());
    }
    let own = args.map(|arg| {
        let text = arg.into_string();
        text.map_err(|arg| anyhow!("the argument {arg:?} is no text (UTF-8)"))
    });
    let args = manifest.args.iter().cloned().map(Ok).chain(own);
    let args = args.collect::<anyhow::Result<Vec<_>>>()?;
    let mut program = link(&bag, name, &args)?;
    program.run(&manifest.invoke, &args, &mut Output::standard())
}

/// Brings what the bag holds to life, under the policy that it holds.
fn link(bag: &Bag<'static>, name: &str, args: &[String]) -> anyhow::Result<Program> {
    let manifest = bag.manifest();
    let policy = &manifest.policy;
    let engine = Engine::new(policy.config()?);
    let mut store = Store::try_new(&engine, ())?;
    store.limits(policy.limits()?)?;
    let mut linker = Linker::new(&engine);
    linker.set_naming(manifest.naming()?);
    // Arguments of functions that are called are no program's.
    let args = if manifest.invoke.is_empty() {
        args
    } else {
        &[]
    };
    linker.wasi(policy.wasi(name, args, &bag.files()?)?);
    // SAFETY: the bag travels in this executable; what `holdall pack` put there is what it makes.
    linker.set_reader(unsafe { BagReader::new(bag.clone()) });
    let root = linker.load(manifest.root)?;
    Program::link(store, linker, root, bag.state()?.as_ref())
}
