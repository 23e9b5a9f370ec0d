//! `holdall replay`: runs a recording again.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use holdall::provide::Stream;
use holdall_pack::process::{Output, Paragraph, Plain, Watchdog, report};
use holdall_record::{Ended, OtherModule, RecordedModule, Recording, Replay, ReplayError};
use sha2::{Digest, Sha256};

use super::source::{self, Sources};

/// Run again what `holdall run --record` recorded, without its files, clocks and grants
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  holdall run --record bug.rec --with-modules app.wasm one --two
  holdall replay bug.rec                       the same output, exit code and fuel
  holdall replay bug.rec --show                what it holds, a line for each call of the host
  holdall replay bug.rec fixed.wasm            does another module ask for the same?
  holdall replay bug.rec --until 100           stop behind the hundredth call of the host
  holdall replay bug.rec --until 100 --out short.rec

Modules that are not in the recording are looked for by their SHA-256: MODULE, then the files of
--module-path, then what travels in this binary. A MODULE that was not recorded takes the place
of the one that ran: standard error then says whether it did all that was recorded, or the call
at which it asked for something else, with both sides.

A recording whose process was ended replays up to there. A run that a timeout ended is replayed
up to the same unit of fuel.

Exit codes: the recorded run's; 0 where the recording ends before the run does; 1 when the replay
leaves the recording, or cannot be made; 2 for a wrong command line.")]
pub(super) struct Args {
    /// What `holdall run --record` wrote
    recording: PathBuf,
    /// A .wasm or .wat path, or the name of a bundled module: one of the recorded modules, or another to
    /// run in place of the one that ran
    module: Option<PathBuf>,
    #[command(flatten)]
    sources: Sources,
    /// Print what is recorded and run nothing
    #[arg(long)]
    show: bool,
    /// Stop behind call number N of the host's functions, as --show counts them
    #[arg(long, value_name = "N")]
    until: Option<u64>,
    /// Write a recording that ends there to FILE, and run nothing
    #[arg(long, value_name = "FILE", requires = "until", conflicts_with = "show")]
    out: Option<PathBuf>,
    /// End the replay after so long: 10s, 250ms, 5m
    #[arg(long, value_name = "DURATION", value_parser = holdall::text::parse_duration)]
    timeout: Option<std::time::Duration>,
}

pub(super) fn run(
    args: &Args,
    watchdog: &Watchdog,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let label = args.recording.to_string_lossy();
    let read = || {
        let bytes = source::read(&args.recording, source::MAX_FILE_BYTES)?;
        anyhow::Ok(Recording::from_bytes(bytes)?)
    };
    let mut recording = read().with_context(|| format!("cannot replay {}", Plain(&label)))?;
    if let Some(until) = args.until
        && (args.show || args.out.is_some())
    {
        let bytes = recording.until(until);
        if let Some(path) = &args.out {
            let written = source::create(path).and_then(|mut file| Ok(file.write_all(&bytes)?));
            let path = path.to_string_lossy();
            written.with_context(|| format!("cannot write {}", Plain(&path)))?;
            return Ok(ExitCode::SUCCESS);
        }
        recording = Recording::from_bytes(bytes)?;
    }
    if args.show {
        let mut outcome = Ok(());
        recording.show(|line| {
            outcome = output.line(line);
            outcome.is_ok()
        });
        outcome?;
        return Ok(ExitCode::SUCCESS);
    }
    watchdog.limit(args.timeout)?;
    play(args, &recording, output)
}

/// Replays, and prints what the run printed.
fn play(args: &Args, recording: &Recording, output: &mut Output) -> anyhow::Result<ExitCode> {
    output.flush()?;
    let mut replay = recording.replay().output(|stream, bytes| {
        // What a stream does not take is lost.
        let _ = match stream {
            Stream::Stdout => io::stdout().write_all(bytes),
            Stream::Stderr => io::stderr().write_all(bytes),
        };
    });
    if let Some(until) = args.until {
        replay = replay.until(until);
    }
    if let Some(path) = &args.module {
        let root = args.sources.root(path, source::MAX_FILE_BYTES)?;
        replay = replay.root(root.bytes.into_owned());
    }
    let outcome = find_modules(replay, &args.sources)
        .run()
        .map_err(with_way_out)?;
    io::stdout().flush()?;
    if let Some(OtherModule { name, .. }) = &outcome.other_module {
        say(&format!(
            "module {} is not the recorded one, and did all that was recorded",
            Plain(name)
        ));
    }
    let calls = outcome.host_calls;
    match (outcome.end, outcome.error) {
        (Ended::Recording, _) => say(&format!(
            "the recording ends behind call {calls}, before the run does"
        )),
        (Ended::Until, _) => say(&format!("stopped behind call {calls}")),
        (_, Some(error)) => return Ok(report(recording.program(), &error.into())),
        (_, None) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Has a replay look for modules where the options say, by their hashes.
fn find_modules(replay: Replay, sources: &Sources) -> Replay {
    let dirs = sources.module_path().to_vec();
    let bundled = sources.bundled_modules();
    replay.modules(move |module| {
        let in_bundle = bundled.iter().find(|bytes| is_it(bytes, module));
        let found = || dirs.iter().find_map(|dir| find_in(dir, module));
        in_bundle.map(|bytes| bytes.to_vec()).or_else(found)
    })
}

/// The bytes of a module's file in a directory.
fn find_in(dir: &Path, module: &RecordedModule) -> Option<Vec<u8>> {
    let files = fs::read_dir(dir).ok()?.filter_map(Result::ok);
    let mut files: Vec<_> = files.map(|file| file.path()).collect();
    files.sort();
    files.into_iter().find_map(|path| {
        let is_text = path.extension().is_some_and(|it| it == "wat");
        let len = fs::metadata(&path).ok()?.len();
        if !is_text && len != module.size_bytes {
            return None;
        }
        let bytes = source::read(&path, source::MAX_FILE_BYTES).ok()?;
        if !is_text {
            return is_it(&bytes, module).then_some(bytes);
        }
        let bytes = holdall::Module::new(&holdall::Engine::default(), bytes).ok()?;
        let bytes = holdall::provide::record::module_bytes(&bytes);
        is_it(bytes, module).then(|| bytes.to_vec())
    })
}

fn is_it(bytes: &[u8], module: &RecordedModule) -> bool {
    bytes.len() as u64 == module.size_bytes && Sha256::digest(bytes)[..] == module.sha256
}

/// The error, with what to type.
fn with_way_out(error: ReplayError) -> anyhow::Error {
    let is_missing = matches!(error, ReplayError::NoModule { .. });
    let error = anyhow::Error::new(error);
    match is_missing {
        true => error.context(
            "cannot replay: name the module behind the recording, or its directory with --module-path, or record \
             with --with-modules",
        ),
        false => error,
    }
}

/// Says something on standard error, which may lose it.
fn say(text: &str) {
    let text = format!("holdall: {text}");
    let _ = writeln!(io::stderr().lock(), "{}", Paragraph(&text));
}
