//! What a run is expected to come to, as data, and the comparison.

mod check;
mod mismatch;
mod snapshots;

use std::collections::BTreeMap;

pub use check::{Check, FileCheck};
pub use mismatch::Mismatch;
pub use snapshots::{SnapshotFiles, Snapshots};

use holdall::Val;

use crate::outcome::{End, Outcome};
use crate::value::Value;

/// What a run is expected to come to. What is not named is not looked at, but for the end: a guest that
/// traps, or exits with another code than 0, is as expected only where this says so.
///
/// ```
/// use holdall_test::{Case, Check, Expect, Modules};
///
/// let app = Modules::new().wat(r#"(module (func (export "_start") unreachable))"#)?;
/// let outcome = Case::program(&app).run()?;
/// outcome.assert(&Expect::new().trap("unreachable").stdout(""));
///
/// let mismatches = Expect::new().exit(3).stdout(Check::contains("done")).check(&outcome);
/// assert_eq!(mismatches.len(), 2);
/// # Ok::<(), holdall_test::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Expect {
    /// The exit code. A function that returns has 0.
    pub exit: Option<i32>,
    /// The text of a trap, of an exception that nobody catches, or of a mock's error.
    pub trap: Option<Check>,
    /// The results of the call.
    pub results: Option<Vec<Value>>,
    /// What is true of the standard output.
    pub stdout: Vec<Check>,
    /// What is true of the standard error.
    pub stderr: Vec<Check>,
    /// What is true of files in memory, by the guest's paths.
    pub files: BTreeMap<String, FileCheck>,
    /// The most fuel that the guest uses, in units.
    pub fuel_at_most: Option<u64>,
}

impl Expect {
    /// Expects nothing yet, which no outcome is right for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects an exit code; a function that returns has 0.
    pub fn exit(mut self, code: i32) -> Self {
        self.exit = Some(code);
        self
    }

    /// Expects a trap, an exception that nobody catches, or the error of a mock, with this text in its
    /// message.
    pub fn trap(mut self, text: impl Into<String>) -> Self {
        self.trap = Some(Check::contains(text));
        self
    }

    /// Expects these results.
    pub fn results(mut self, results: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        self.results = Some(results.into_iter().map(Into::into).collect());
        self
    }

    /// Expects this of the standard output, in addition to what is expected of it already. A text is
    /// all that is written.
    pub fn stdout(mut self, check: impl Into<Check>) -> Self {
        self.stdout.push(check.into());
        self
    }

    /// Expects this of the standard error, in addition to what is expected of it already. A text is
    /// all that is written.
    pub fn stderr(mut self, check: impl Into<Check>) -> Self {
        self.stderr.push(check.into());
        self
    }

    /// Expects this of a file in memory, by the guest's path. A text is all that the file holds.
    pub fn file(mut self, path: impl Into<String>, check: impl Into<FileCheck>) -> Self {
        self.files.insert(path.into(), check.into());
        self
    }

    /// Expects that there is no file of this path.
    pub fn no_file(self, path: impl Into<String>) -> Self {
        self.file(path, FileCheck::Absent)
    }

    /// Expects that the guest uses at most so many units of fuel.
    pub fn fuel_at_most(mut self, units: u64) -> Self {
        self.fuel_at_most = Some(units);
        self
    }

    /// Whether nothing is expected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self {
            exit,
            trap,
            results,
            stdout,
            stderr,
            files,
            fuel_at_most,
        } = self;
        exit.is_none()
            && trap.is_none()
            && results.is_none()
            && stdout.is_empty()
            && stderr.is_empty()
            && files.is_empty()
            && fuel_at_most.is_none()
    }

    /// What of an outcome is not as expected, with what the case itself expects of mocks and faults
    /// ([`Outcome::broken`]). Snapshots are files, relative to the present directory.
    #[must_use]
    pub fn check(&self, outcome: &Outcome) -> Vec<Mismatch> {
        self.check_with(outcome, &SnapshotFiles::new("."))
    }

    /// [`Expect::check`], with these snapshots.
    #[must_use]
    pub fn check_with(&self, outcome: &Outcome, snapshots: &dyn Snapshots) -> Vec<Mismatch> {
        let mut found = outcome.broken();
        if self.is_empty() && !outcome.mocks.iter().any(|mock| mock.expects()) {
            found.push(Mismatch::checks_nothing());
        }
        found.extend(self.check_end(outcome, snapshots));
        found.extend(self.check_results(outcome));
        for (what, checks, bytes) in [
            ("stdout", &self.stdout, &outcome.stdout),
            ("stderr", &self.stderr, &outcome.stderr),
        ] {
            let wrong = checks
                .iter()
                .filter_map(|it| it.check(what, bytes, snapshots));
            found.extend(wrong);
        }
        for (path, check) in &self.files {
            found.extend(check.check(path, outcome.file(path), snapshots));
        }
        if let Some(most) = self.fuel_at_most
            && outcome.fuel > most
        {
            let (most, used) = (format!("at most {most} units"), outcome.fuel.to_string());
            found.push(Mismatch::new("fuel", most, used));
        }
        found
    }

    fn check_end(&self, outcome: &Outcome, snapshots: &dyn Snapshots) -> Option<Mismatch> {
        if let Some(check) = &self.trap {
            return match outcome.failure() {
                Some(failure) => check.check("trap", &failure.into_bytes().into(), snapshots),
                None => Some(Mismatch::new("end", "a trap", outcome.end.to_string())),
            };
        }
        match (&outcome.end, self.exit) {
            (_, Some(code)) if outcome.exit_code() == Some(code) => None,
            (End::Returned | End::Exited(0), None) => None,
            (End::Returned, Some(code)) => Some(Mismatch::new(
                "exit code",
                code.to_string(),
                "0: it returned",
            )),
            (End::Exited(found), code) => {
                let code = code.unwrap_or(0).to_string();
                Some(Mismatch::new("exit code", code, found.to_string()))
            }
            (end, code) => {
                let expected = match code {
                    Some(code) => format!("exit code {code}"),
                    None => "no trap".to_owned(),
                };
                Some(Mismatch::new("end", expected, end.to_string()))
            }
        }
    }

    fn check_results(&self, outcome: &Outcome) -> Option<Mismatch> {
        let expected = self.results.as_ref()?;
        // What kept the guest from returning has been told.
        if !matches!(outcome.end, End::Returned) {
            return None;
        }
        let found = outcome.results.iter().zip(&outcome.results_text);
        let all_fit = expected.len() == outcome.results.len()
            && expected
                .iter()
                .zip(found)
                .all(|(it, (val, text))| it.fits(val, text));
        if all_fit {
            return None;
        }
        let listed = |texts: Vec<String>| match texts.len() {
            0 => "nothing".to_owned(),
            _ => texts.join(", "),
        };
        let expected = expected.iter().map(ToString::to_string).collect();
        let found = outcome.results.iter().zip(&outcome.results_text);
        let found = found.map(|(val, text)| with_decimals(val, text)).collect();
        Some(Mismatch::new("results", listed(expected), listed(found)))
    }
}

/// A value as it is printed, and in decimals where these are others.
fn with_decimals(val: &Val, text: &str) -> String {
    match val {
        Val::I32(0..10) | Val::I64(0..10) => text.to_owned(),
        Val::I32(number) => format!("{text} ({number})"),
        Val::I64(number) => format!("{text} ({number})"),
        _ => text.to_owned(),
    }
}
