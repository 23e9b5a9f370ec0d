//! `--record`: what the host answers to the modules of a run, written to a file for `holdall replay`.

use std::path::PathBuf;

use holdall::{Config, Store};
use holdall_pack::process::{Output, Recording};

/// The options that record a run.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Recording")]
pub(super) struct RecordArgs {
    /// Write what the host answers to FILE, so that `holdall replay FILE` runs the modules again
    /// without files, clocks or grants. FILE then has the arguments, the variables of --env, what was
    /// read of files, the time, and the output; only its owner may read it. NaNs are canonical meanwhile
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Write the modules to the recording too, so that it replays where they are not
    #[arg(long, requires = "record")]
    with_modules: bool,
    /// Write x in place of each byte of the values of --env. What the modules do with a value is
    /// recorded as ever, and a module that depends on one leaves the recording when it is replayed
    #[arg(long, requires = "record")]
    redact_env: bool,
}

impl RecordArgs {
    /// The configuration of the engine whose store is recorded.
    pub(super) fn configure(&self, config: Config) -> Config {
        match self.record {
            // So that the recording replays on another kind of processor.
            Some(_) => config.canonical_nans(true),
            None => config,
        }
    }

    /// Begins to record, where that is asked for.
    pub(super) fn start(
        &self,
        store: &mut Store<()>,
        output: &mut Output,
    ) -> anyhow::Result<Option<Recording>> {
        let start = |path: &PathBuf| {
            Recording::start(path, store, output, |recorder| {
                recorder
                    .with_modules(self.with_modules)
                    .redact_env(self.redact_env)
            })
        };
        self.record.as_ref().map(start).transpose()
    }
}
