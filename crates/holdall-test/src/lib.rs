//! Tests of WebAssembly modules as they ship, offline: without network, files or luck.
//!
//! A [`Subject`] is a module with all that it needs, compiled once. A [`Case`] says what a run of the
//! subject is given: arguments, streams, files in memory, [mocks](Mock) for what nobody defines, and
//! [faults](Fault). What is not given is denied, time is virtual and randomness has a seed, so that a
//! case does the same in every run on every machine. A run ends in an [`Outcome`], which a test looks
//! at, or which is checked against what is [expected](Expect).
//!
//! ```
//! use holdall_test::{Case, Modules};
//!
//! let app = Modules::new().wat(r#"(module
//!     (func (export "add") (param i32 i32) (result i32)
//!         (i32.add (local.get 0) (local.get 1))))"#)?;
//! let outcome = Case::call(&app, "add").args([2, 3]).run()?;
//! outcome.assert_results([5]);
//! # Ok::<(), holdall_test::Error>(())
//! ```
//!
//! Cases can also be written as TOML, in files that the command `holdall test` finds and runs. [`main!`]
//! makes a directory of them into tests of `cargo test`, and [`Suite`] runs them from anywhere else.

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod case;
mod error;
mod expect;
mod fault;
mod find;
mod harness;
mod manifest;
mod mock;
mod modules;
mod outcome;
mod replayed;
mod report;
mod session;
mod snapshot;
mod suite;
mod value;
mod world;
mod written;

pub use case::Case;
pub use error::{Error, MissingImport, MissingImports, Result};
pub use expect::{Check, Expect, FileCheck, Mismatch, SnapshotFiles, Snapshots};
pub use fault::{Fault, Fired};
#[doc(hidden)]
pub use harness::__harness;
pub use manifest::{Complaint, schema};
pub use mock::{Mock, MockCaller, MockLog, MockedCall};
pub use modules::{Modules, Subject};
pub use outcome::{End, Outcome};
pub use report::{Format, Report, Summary, Tested, Verdict};
pub use session::Session;
pub use suite::{RunOptions, Suite, Test};
pub use value::{IntoValues, Value};
pub use written::Written;

pub use holdall::Val;
pub use holdall_wasi::{Access, Errno, Files, Grants, Time};
