//! Runs WebAssembly test scripts (`.wast`), with every directive of the specification's scripts.
//! Built on the public API only: it knows nothing of the executor or of stores' insides.
//!
//! ```
//! use holdall::Config;
//! use holdall_wast::Script;
//!
//! let report = Script::run(
//!     "answer.wast",
//!     r#"
//!         (module (func (export "answer") (result i32) i32.const 42))
//!         (assert_return (invoke "answer") (i32.const 42))
//!         (assert_return (invoke "answer") (i32.const 41))
//!     "#,
//!     &Config::default(),
//! );
//! assert_eq!(report.passed, 1);
//! assert_eq!(
//!     report.failures[0].to_string(),
//!     "answer.wast:4:10: assert_return: expected i32:41, found i32:42",
//! );
//! ```

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod expect;
mod run;
mod spectest;
#[cfg(test)]
mod tests;
mod values;

use std::fmt;

use holdall::{Config, Escaped, EscapedLines, Proposals};

/// Test scripts. [`Script::run`] is the way in; there are no values of this type.
#[derive(Debug)]
pub enum Script {}

impl Script {
    /// Runs the script `text` from its first directive to its last, in an engine and a store of its
    /// own. A directive that fails is reported, and the script goes on.
    ///
    /// `name` stands in the failures. Every directive of the reference interpreter's scripts is
    /// taken; those of proposals that holdall does not have (`assert_suspension`, `thread`, `wait`)
    /// fail with a message that says so.
    #[must_use]
    pub fn run(name: &str, text: &str, config: &Config) -> Report {
        run::run(name, text, config)
    }
}

/// What came of a script.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// How many assertions held.
    pub passed: usize,
    /// The directives that failed, in the script's order.
    pub failures: Vec<Failure>,
    /// The first 10,000 lines that the script printed through the functions of the host module
    /// `spectest`.
    pub printed: Vec<String>,
}

impl Report {
    /// Whether no directive failed.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failures.is_empty()
    }
}

/// A directive that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The name of the script.
    pub script: String,
    /// The line of the directive, from 1.
    pub line: usize,
    /// The column of the directive, from 1, in bytes.
    pub column: usize,
    /// The directive's keyword; `script` where the script could not be read.
    pub directive: &'static str,
    /// What was expected, and what was found.
    pub message: String,
    /// Where the directive is about a module that is valid, but not with the engine's proposals:
    /// the proposals that the engine lacks.
    pub lacking: Option<Proposals>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            script,
            line,
            column,
            directive,
            message,
            ..
        } = self;
        let (script, message) = (Escaped(script), EscapedLines(message));
        write!(f, "{script}:{line}:{column}: {directive}: {message}")
    }
}
