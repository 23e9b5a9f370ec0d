//! What a packed executable does when it starts: it finds what it carries, and runs it. Nothing here
//! reaches the validator, lowering or the packer, so that the linker leaves them out of a runtime.

use std::ffi::OsString;
use std::panic::resume_unwind;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use anyhow::{anyhow, ensure};
use holdall::{Engine, Linker, Store};
use holdall_core::native::{Processors, host_features};

use crate::bag::{Bag, BagError};
use crate::image::Image;
use crate::manifest::Native;
use crate::process::{Output, Program, Recording, Watchdog, report};
use crate::reader::BagReader;

/// The variable of the environment that names the file which a program that was packed so is recorded to.
const RECORD: &str = "HOLDALL_RECORD";

/// Runs the program that this executable carries, with the arguments of the process, and gives its
/// exit code. Where the executable carries none, or is damaged, standard error says so. This is the
/// whole `main` of a runtime.
#[must_use]
pub fn start() -> ExitCode {
    run(&Image::own())
}

/// [`start`], where this executable carries a program; `None` where it carries none. With this at the
/// start of its `main`, a program that links this crate is a runtime beside what else it is.
#[must_use]
pub fn start_if_packed() -> Option<ExitCode> {
    let image = Image::own();
    image.is_packed().then(|| run(&image))
}

fn run(image: &Image) -> ExitCode {
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_default();
    let name = Path::new(&name).file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    let watchdog = Watchdog::new(&name);
    match run_bag(image, &name, args, &watchdog) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&name, &error),
    }
}

fn run_bag(
    image: &Image,
    name: &str,
    args: impl Iterator<Item = OsString>,
    watchdog: &Watchdog,
) -> anyhow::Result<()> {
    let bag = image.bag().ok_or(BagError::None).and_then(Bag::in_file)?;
    let bag = Arc::new(bag);
    let check = GuestCheck::begin(&bag, image.code());
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
    check_processor(manifest.native)?;
    let mut output = Output::standard();
    let policy = &manifest.policy;
    let engine = Engine::new(policy.config()?);
    let mut store = Store::try_new(&engine, ())?;
    store.limits(policy.limits()?)?;
    let path = std::env::var_os(RECORD).filter(|path| policy.allows_record && !path.is_empty());
    let recording = path.map(|path| {
        Recording::start(Path::new(&path), &mut store, &mut output, |it| {
            it.program(name)
        })
    });
    let recording = recording.transpose()?;
    let linked = link(&bag, image.code(), check, name, &args, engine, store);
    let outcome = linked.and_then(|mut it| it.run(&manifest.invoke, &args, &mut output));
    match recording {
        Some(recording) => recording.finish(outcome),
        None => outcome,
    }
}

/// Checks that this processor has what the machine code needs.
fn check_processor(native: Option<Native>) -> anyhow::Result<()> {
    let Some(needed) = native.and_then(|native| native.processors()) else {
        return Ok(());
    };
    let features = needed.features & !host_features();
    let lacking = Processors { features, ..needed }.names();
    ensure!(
        lacking.is_empty(),
        "it was packed for processors that have {lacking}, which this one lacks; pack it with --cpu \
         baseline for all processors"
    );
    Ok(())
}

/// The check of what guests alone use, which goes on in a thread of its own while the modules are loaded.
#[derive(Debug)]
enum GuestCheck {
    Done(Result<(), BagError>),
    GoesOn(JoinHandle<Result<(), BagError>>),
}

impl GuestCheck {
    /// Less than this is checked sooner than a thread begins.
    const WORTH_A_THREAD_BYTES: u64 = 512 << 10;

    fn begin(bag: &Arc<Bag<'static>>, code: &'static [u8]) -> Self {
        let thread = (bag.guest_bytes() >= Self::WORTH_A_THREAD_BYTES)
            .then(|| Arc::clone(bag))
            .and_then(|bag| Builder::new().spawn(move || bag.check_guests(code)).ok());
        match thread {
            Some(thread) => Self::GoesOn(thread),
            // So it is where the system gives no thread, too.
            None => Self::Done(bag.check_guests(code)),
        }
    }

    fn finish(self) -> Result<(), BagError> {
        match self {
            Self::Done(checked) => checked,
            Self::GoesOn(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
        }
    }
}

/// Links the bag's modules, with their machine code, under the policy that the bag holds.
fn link(
    bag: &Arc<Bag<'static>>,
    code: &'static [u8],
    check: GuestCheck,
    name: &str,
    args: &[String],
    engine: Engine,
    store: Store<()>,
) -> anyhow::Result<Program> {
    let manifest = bag.manifest();
    let policy = &manifest.policy;
    let mut linker = Linker::new(&engine);
    linker.set_naming(manifest.naming()?);
    // Arguments that are those of called functions are not the arguments of a program.
    let args = if manifest.invoke.is_empty() {
        args
    } else {
        &[]
    };
    holdall_wasi::add_to_linker(&mut linker, policy.wasi(name, args, &bag.files()?)?);
    // SAFETY: the bag travels in this executable; what `holdall pack` put there is what it makes. The check
    // ends before anything runs.
    linker.set_reader(unsafe { BagReader::new(Arc::clone(bag), code) });
    let root = linker.load(manifest.root);
    // What is damaged may be why the modules could not be loaded.
    check.finish()?;
    Program::link(store, linker, root?, bag.state()?.as_ref())
}
