//! What came of a bundle, as a build script tells it to cargo.

use std::env;
use std::process::{ExitCode, Termination};

/// What a build script's `main` returns. Each fault becomes a line `cargo::error=`, with which
/// cargo fails the build. Cargo then shows these lines and nothing else.
#[derive(Debug)]
#[must_use = "cargo is told of what is wrong where `main` returns this"]
pub struct Result(std::result::Result<(), Error>);

impl From<std::result::Result<(), Error>> for Result {
    fn from(result: std::result::Result<(), Error>) -> Self {
        Self(result)
    }
}

impl Termination for Result {
    fn report(self) -> ExitCode {
        let Err(error) = self.0 else {
            return ExitCode::SUCCESS;
        };
        for fault in error.faults() {
            println!("cargo::error={fault}");
        }
        // The lines are enough for cargo to fail the build. Were the script to fail too, cargo
        // would show all that it printed.
        match env::var_os("OUT_DIR") {
            Some(_) => ExitCode::SUCCESS,
            None => ExitCode::FAILURE,
        }
    }
}

/// Why a bundle was not emitted: one fault or more.
#[derive(Debug, thiserror::Error)]
#[error("{}", .faults.join("\n"))]
pub struct Error {
    faults: Vec<String>,
}

impl Error {
    pub(super) fn of(fault: impl Into<String>) -> Self {
        vec![fault.into()].into()
    }

    /// The faults, at least one. Each is one line that names the file and, where an import cannot
    /// be satisfied, the import.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

impl From<Vec<String>> for Error {
    fn from(faults: Vec<String>) -> Self {
        Self { faults }
    }
}

impl From<String> for Error {
    fn from(fault: String) -> Self {
        Self::of(fault)
    }
}
