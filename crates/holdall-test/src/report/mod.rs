//! How what came of tests is told: to people, and to programs. Knows neither manifests nor modules.

mod human;
mod json;
mod junit;
mod tap;

use std::io::{Result, Write};
use std::str::FromStr;
use std::time::Duration;

/// What came of one test.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tested {
    /// The test's file, as it was found.
    pub file: String,
    /// The case's name; `None` for a script, which is one test.
    pub case: Option<String>,
    /// What came of the test.
    pub verdict: Verdict,
    /// How long the test took.
    pub time: Duration,
}

/// How a test ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// All is as expected.
    Passed,
    /// Something is not as expected, and why, in lines.
    Failed(String),
    /// The test was not run, and why.
    Skipped(String),
}

/// How many tests there were of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed.
    pub failed: usize,
    /// Tests that are marked to be left out.
    pub skipped: usize,
    /// Tests that the filter left out.
    pub filtered_out: usize,
    /// Tests that were not run, since one before had failed.
    pub not_run: usize,
    /// How long all took.
    pub time: Duration,
}

impl Tested {
    /// The test's name: `FILE::CASE`, and `FILE` for a script.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.case {
            Some(case) => format!("{}::{case}", self.file),
            None => self.file.clone(),
        }
    }
}

impl Summary {
    /// Whether no test failed.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failed == 0
    }

    pub(crate) fn count(&mut self, tested: &Tested) {
        match tested.verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(_) => self.failed += 1,
            Verdict::Skipped(_) => self.skipped += 1,
        }
    }
}

/// A form in which tests are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// As `cargo test` tells them.
    #[default]
    Human,
    /// An object of JSON to a line.
    Json,
    /// The XML that JUnit made common.
    Junit,
    /// The Test Anything Protocol, version 14.
    Tap,
}

impl Format {
    /// The names of all forms.
    pub const NAMES: [&'static str; 4] = ["human", "json", "junit", "tap"];

    /// A report in this form. `colours` are for terminals, and for people alone.
    pub fn report<'a>(self, out: &'a mut dyn Write, colours: bool) -> Box<dyn Report + 'a> {
        match self {
            Self::Human => Box::new(human::Human::new(out, colours)),
            Self::Json => Box::new(json::Json(out)),
            Self::Junit => Box::new(junit::Junit::new(out)),
            Self::Tap => Box::new(tap::Tap::new(out)),
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "human" => Ok(Self::Human),
            "json" => Ok(Self::Json),
            "junit" => Ok(Self::Junit),
            "tap" => Ok(Self::Tap),
            _ => Err(format!("expected {}", Self::NAMES.join(", "))),
        }
    }
}

/// Who is told of tests, in their order.
pub trait Report {
    /// Tests begin, so many of them.
    ///
    /// # Errors
    /// Those of the stream that is written to, as for the other functions.
    fn begin(&mut self, tests: usize) -> Result<()>;

    /// A test has ended.
    ///
    /// # Errors
    /// Those of the stream.
    fn tested(&mut self, tested: &Tested) -> Result<()>;

    /// All tests have ended.
    ///
    /// # Errors
    /// Those of the stream.
    fn end(&mut self, summary: &Summary) -> Result<()>;
}

/// `1 test`, `2 tests`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
