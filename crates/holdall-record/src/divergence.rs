//! Where a replay left its recording, and what else keeps one from being replayed.

use std::fmt;

use holdall::{Error, Escaped};

/// Why a replay ended before its recording did, or did not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The guests did something else than what is recorded.
    #[error(transparent)]
    Diverged(Box<Divergence>),
    /// A module is neither in the recording nor was it given.
    #[error(
        "module {} of the recording is not here (sha256 {sha256}): give it, or record with the modules", Escaped(.name)
    )]
    NoModule {
        /// The module's name.
        name: String,
        /// The SHA-256 of its bytes, in hexadecimal.
        sha256: String,
    },
    /// A module cannot be loaded.
    #[error("module {} of the recording cannot be loaded", Escaped(.name))]
    Module {
        /// The module's name.
        name: String,
        /// Why.
        #[source]
        source: Error,
    },
    /// The recorded host did something that cannot be done again.
    #[error("the recording cannot be replayed further than call {call}: there the host {}", Escaped(.what))]
    Host {
        /// How many calls of functions of the host began before.
        call: u64,
        /// What the host did.
        what: String,
    },
    /// The settings of the recording cannot be had here.
    #[error("the recording's settings cannot be had here: {0}")]
    Settings(String),
    /// The engine refuses what the recording asks for.
    #[error("what the recording's host did is refused here")]
    Engine(#[source] Error),
    /// The records do not follow one another as those of a run do.
    #[error("the recording is not one of a run: its records contradict one another; record again")]
    Malformed,
}

/// What is different where a replay left its recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DivergenceKind {
    /// The guest called another function of the host, called with other arguments, or called where it had not.
    Call,
    /// A function of the host read other bytes of the guest's.
    Data,
    /// The guest's memory is not there, or too small.
    Memory,
    /// A call into a guest ended otherwise.
    End,
    /// A call into a guest took another amount of fuel.
    Fuel,
    /// A module imports something that was not recorded.
    Import,
}

/// Where a replay left its recording, with both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Divergence {
    /// What is different.
    pub kind: DivergenceKind,
    /// The number of the call of a function of the host: the one that differs, or the first after what differs. The
    /// first call of a recording is number 1.
    pub call: u64,
    /// The function that was called, `MODULE.NAME`, where what it read or wrote differs.
    pub function: Option<String>,
    /// What was recorded.
    pub recorded: String,
    /// What the replay came to.
    pub found: String,
    /// How many calls of the recording come after it, and were not used.
    pub unused: u64,
    /// The module that ran in place of a recorded one.
    pub other_module: Option<OtherModule>,
    /// Whether the values of the environment's variables were replaced in the recording.
    pub is_redacted: bool,
}

/// A module that ran in place of a recorded one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtherModule {
    /// The name of the recorded module.
    pub name: String,
    /// The SHA-256 of the recorded module, in hexadecimal.
    pub recorded_sha256: String,
    /// The SHA-256 of the module that ran, in hexadecimal.
    pub found_sha256: String,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            DivergenceKind::Data => "reads other data",
            DivergenceKind::Memory => "has another memory",
            DivergenceKind::End => "ends otherwise",
            DivergenceKind::Fuel => "takes other fuel",
            DivergenceKind::Import => "imports something else",
            DivergenceKind::Call => "asks for something else",
        };
        let Self { call, unused, .. } = self;
        write!(f, "the guest leaves the recording at call {call}")?;
        if let Some(function) = &self.function {
            write!(f, " ({})", Escaped(function))?;
        }
        writeln!(f, ", where it {what}")?;
        writeln!(f, "  recorded: {}", Escaped(&self.recorded))?;
        writeln!(f, "  found:    {}", Escaped(&self.found))?;
        match unused {
            0 => {}
            1 => writeln!(f, "  1 call of the recording was not used")?,
            _ => writeln!(f, "  {unused} calls of the recording were not used")?,
        }
        match (&self.other_module, self.is_redacted) {
            (Some(OtherModule { name, recorded_sha256: recorded, found_sha256: found }), _) => write!(
                f,
                "  module {} is not the recorded one (sha256 {recorded}, found {found}): if it is meant to do this, \
                 record again with `holdall run --record`",
                Escaped(name)
            ),
            (None, true) => f.write_str(
                "  the values of the environment were replaced when this was recorded: if the guest depends on them, \
                 record without --redact-env",
            ),
            (None, false) => f.write_str(
                "  the modules are the recorded ones: if this holdall is another version than the one that recorded, \
                 record again; else this is a fault of holdall's",
            ),
        }
    }
}

impl std::error::Error for Divergence {}
