//! Recordings as cases: modules get the answers that a host once gave.

use std::path::PathBuf;
use std::time::Duration;

use holdall::text::parse_number;
use holdall::{Val, ValType};
use holdall_record::{Ended, RecordedModule, Recording};
use holdall_wasi::Files;

use crate::error::{Error, Result};
use crate::outcome::{End, Outcome};

/// A recording that is run again, and where its modules are.
#[derive(Clone, Debug)]
pub(crate) struct Replayed {
    pub(crate) recording: Recording,
    /// The module that runs in place of the one that was recorded; `None` for that one.
    pub(crate) module: Option<PathBuf>,
    /// Directories of modules that the recording does not hold.
    pub(crate) module_path: Vec<PathBuf>,
    /// How long the replay may take.
    pub(crate) timeout: Duration,
    /// The function whose results are looked at; the one that was called last where there is none.
    pub(crate) function: Option<String>,
}

impl Replayed {
    /// Runs the recording again.
    ///
    /// # Errors
    ///
    /// Where the modules do something else than what is recorded, or one of them is not to be had.
    pub(crate) fn run(&self) -> Result<Outcome> {
        let module_path = self.module_path.clone();
        let find = move |module: &RecordedModule| {
            let name = module.name.as_deref()?;
            let paths = module_path.iter().flat_map(|dir| {
                let path = |extension| dir.join(format!("{name}.{extension}"));
                [path("wasm"), path("wat")]
            });
            paths.into_iter().find_map(|path| std::fs::read(path).ok())
        };
        let mut replay = self.recording.replay().modules(find).timeout(self.timeout);
        if let Some(path) = &self.module {
            replay = replay.root(crate::modules::read(path)?);
        }
        let replayed = replay.run()?;
        if replayed.end == Ended::Recording {
            return Err(Error::usage(format!(
                "the recording ends in the middle of its run, after {} calls, and the replay with it; what was \
                 expected of the run cannot be told",
                replayed.host_calls
            )));
        }
        let results = match &self.function {
            Some(function) => replayed.results(function),
            None => replayed
                .calls
                .last()
                .and_then(|call| call.results.as_deref()),
        };
        let texts = results.into_iter().flat_map(|results| results.split(','));
        let texts: Vec<_> = texts
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .collect();
        Ok(Outcome {
            end: replayed.error.as_ref().map_or(End::Returned, End::of),
            results: texts.iter().map(|text| value(text)).collect(),
            results_text: texts,
            stdout: replayed.stdout.into(),
            stderr: replayed.stderr.into(),
            files: Files::new(),
            mocks: Vec::new(),
            faults: Vec::new(),
            fuel: replayed.fuel.unwrap_or_default(),
            seed: 0,
            trace: Vec::new(),
        })
    }
}

/// The value of a result that was printed. A reference is gone with its store: only its text can be compared.
fn value(text: &str) -> Val {
    let (number, ty) = text.rsplit_once(':').unwrap_or((text, ""));
    let types = [
        ValType::I32,
        ValType::I64,
        ValType::F32,
        ValType::F64,
        ValType::V128,
    ];
    let ty = types.into_iter().find(|it| it.to_string() == ty);
    let value = ty.and_then(|ty| parse_number(ty, number)?.ok());
    value.unwrap_or(Val::ExternRef(None))
}
