//! A replay: what the host of a recording did is done again, in a store like the one that was recorded. Guests ask,
//! and get what they got; where they ask for something else, the replay ends.

use std::time::{Duration, Instant};

use holdall::provide::Stream;
use holdall::{AsContextMut, Engine, Error, Store, Trap};

use crate::divergence::{OtherModule, ReplayError};
use crate::player::{Player, Stop};
use crate::recording::{RecordedModule, Recording};
use crate::settings::{config, limits};

/// A replay of a [`Recording`]: where its modules are, and how far it goes.
///
/// Needs nothing of the host: no files, no clocks, no grants.
#[must_use = "a replay begins with `run`"]
pub struct Replay {
    recording: Recording,
    find: Option<Box<Finder>>,
    root: Option<Vec<u8>>,
    until: Option<u64>,
    timeout: Option<Duration>,
    output: Option<Box<Sink>>,
}

pub(crate) type Finder = dyn FnMut(&RecordedModule) -> Option<Vec<u8>> + Send;
pub(crate) type Sink = dyn FnMut(Stream, &[u8]) + Send;

/// What a replay came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// What the guests, and the recorded program itself, wrote to standard output, in order.
    pub stdout: Vec<u8>,
    /// What they wrote to standard error.
    pub stderr: Vec<u8>,
    /// The calls that the host made by itself, not within a function of its own, in order.
    pub calls: Vec<GuestCall>,
    /// What went wrong with the last thing that the host did: the guest's exit code, a trap, or another error.
    pub error: Option<Error>,
    /// The units of fuel that are used up; `None` where the run was not metered.
    pub fuel: Option<u64>,
    /// How many calls of functions of the host were answered.
    pub host_calls: u64,
    /// Where the replay ended.
    pub end: Ended,
    /// The module that ran in place of a recorded one.
    pub other_module: Option<OtherModule>,
}

/// A call that the host made of a guest's function.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuestCall {
    /// The name of the function among its module's exports; empty where it has none.
    pub function: String,
    /// The results, as `holdall run --invoke` prints them; `None` where the call failed.
    pub results: Option<String>,
}

/// Where a replay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// Where the run ended.
    Run,
    /// Where the recording ends, in the middle of the run.
    Recording,
    /// Behind the call that [`Replay::until`] names.
    Until,
}

impl Outcome {
    /// The results of the last call of the function that is exported by this name.
    #[must_use]
    pub fn results(&self, function: &str) -> Option<&str> {
        let mut calls = self.calls.iter().rev();
        calls
            .find(|call| call.function == function)?
            .results
            .as_deref()
    }

    /// The exit code with which the guest ended itself.
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        self.error.as_ref().and_then(Error::exit_code)
    }

    /// The trap that ended the last call.
    #[must_use]
    pub fn trap(&self) -> Option<&Trap> {
        self.error.as_ref().and_then(Error::trap)
    }
}

impl Replay {
    pub(crate) fn new(recording: Recording) -> Self {
        Self {
            recording,
            find: None,
            root: None,
            until: None,
            timeout: None,
            output: None,
        }
    }

    /// Asks `find` for the bytes of each module that the recording does not hold. What it gives is used only if it is
    /// the module that was recorded.
    pub fn modules(
        mut self,
        find: impl FnMut(&RecordedModule) -> Option<Vec<u8>> + Send + 'static,
    ) -> Self {
        self.find = Some(Box::new(find));
        self
    }

    /// Gives the bytes of a module, binary or text. If the module is none of those that were recorded, it takes the
    /// place of the [root](Recording::root): the replay then says where it leaves the recording, if it does.
    pub fn root(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.root = Some(bytes.into());
        self
    }

    /// Ends the replay behind call number `calls` of functions of the host, the first being 1.
    pub fn until(mut self, calls: u64) -> Self {
        self.until = Some(calls);
        self
    }

    /// Ends the replay after this time, in a trap, where its guests do not end by themselves: a module that is not the
    /// recorded one may run for ever.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Has `sink` get what goes to standard output and error, as it comes. [`Outcome`] has both then as well.
    pub fn output(mut self, sink: impl FnMut(Stream, &[u8]) + Send + 'static) -> Self {
        self.output = Some(Box::new(sink));
        self
    }

    /// Replays.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Diverged`] where the guests do something else than what is recorded; other errors where a module
    /// is missing or cannot be loaded, or where the recorded host did something that cannot be done again. How the
    /// guests ended is no error, but part of the [`Outcome`].
    pub fn run(self) -> Result<Outcome, ReplayError> {
        let header = self.recording.header();
        let deadline = self.timeout.and_then(|it| Instant::now().checked_add(it));
        let engine = Engine::new(config(&header.settings, deadline.is_some())?);
        let mut store = Store::try_new(&engine, ()).map_err(ReplayError::Engine)?;
        store
            .limits(limits(&header.settings.limits, deadline))
            .map_err(ReplayError::Engine)?;
        let granted = header.settings.limits.fuel;
        let player = Player::new(self.recording, self.find, self.output, self.until, deadline);
        if let Some(bytes) = self.root {
            player.take_root(&engine, &bytes)?;
        }
        let error = player.play(&mut store.as_context_mut());
        let mut state = player.lock();
        let end = match state.stop.take() {
            None => Ended::Run,
            Some(Stop::Ended) => Ended::Recording,
            Some(Stop::Until) => Ended::Until,
            Some(Stop::Error(error)) => return Err(*error),
        };
        let granted = state.granted.unwrap_or(granted);
        let fuel = match (granted, store.fuel()) {
            (Some(granted), Some(left)) => Some(granted - left.min(granted)),
            _ => None,
        };
        Ok(Outcome {
            stdout: std::mem::take(&mut state.stdout),
            stderr: std::mem::take(&mut state.stderr),
            calls: std::mem::take(&mut state.calls),
            error: match end {
                Ended::Run => error,
                _ => None,
            },
            fuel,
            host_calls: state.shower.calls(),
            end,
            other_module: state.other_module(),
        })
    }
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay")
            .field("recording", &self.recording.calls())
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
