//! What came of a bundle, as a build script tells it to cargo.

use std::env;
use std::process::{ExitCode, Termination};

/// What a build script's `main` returns. Each fault becomes a line `cargo::error=` then: with these
/// cargo fails the build, and shows them and nothing else.
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
        // A build script that fails is shown with all that it printed. Cargo takes the lines alone
        // for a failure.
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

    /// The faults, each in one line that names the file, and for an import that cannot be satisfied
    /// the import; never none.
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
