//! What the host answered to the modules of a run: recordings, and how a recording is run again.
//!
//! A [`Recorder`] observes a store, and writes all that passes between its guests and their host: which functions were
//! called with what, what the host wrote to the guests' memories, how each call ended. A [`Recording`] of it is
//! [replayed](Recording::replay) anywhere, without files, clocks or grants: the same modules do the same, byte for byte
//! and to the unit of fuel; another module does so up to the call where it [leaves](Divergence) the recording.

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod divergence;
mod failure;
mod format;
mod modules;
mod player;
mod recorder;
mod recording;
mod replay;
mod settings;
mod show;
mod writer;

pub use divergence::{Divergence, DivergenceKind, OtherModule, ReplayError};
pub use recorder::{Recorded, Recorder};
pub use recording::{RecordedModule, Recording, RecordingError};
pub use replay::{Ended, GuestCall, Outcome, Replay};
