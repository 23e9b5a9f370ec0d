//! What a run came to.

use std::fmt;

use holdall::{Escaped, Trap, Val};
use holdall_wasi::Files;

use crate::expect::{Expect, Mismatch};
use crate::fault::Fired;
use crate::mock::MockLog;
use crate::value::Value;
use crate::written::Written;

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum End {
    /// The function returned: the one that was called, or a program's `_start`.
    Returned,
    /// The guest ended itself with an exit code.
    Exited(i32),
    /// The guest trapped: by itself, at a limit, or because a mock panicked.
    Trapped(Trap),
    /// The guest threw an exception that nobody caught.
    Threw(String),
    /// A mock returned this error, or a module did not start.
    Failed(String),
}

impl End {
    /// How a guest ended, by the error of the call.
    pub(crate) fn of(error: &holdall::Error) -> Self {
        if let Some(code) = error.exit_code() {
            Self::Exited(code)
        } else if let Some(trap) = error.trap() {
            Self::Trapped(trap.clone())
        } else if let Some(thrown) = error.exception() {
            Self::Threw(thrown.to_string())
        } else {
            let chain: Vec<_> = error.chain().map(ToString::to_string).collect();
            Self::Failed(chain.join(": "))
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned => f.write_str("returned"),
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Trapped(trap) => write!(f, "trap: {trap}"),
            Self::Threw(text) => f.write_str(text),
            Self::Failed(text) => write!(f, "error: {text}"),
        }
    }
}

impl std::error::Error for End {}

/// What a run came to: how it ended, what it wrote, what it asked of mocks.
///
/// The methods `assert_*` panic with a readable difference. Each of them first looks whether mocks
/// were called as they expect and faults happened at all ([`Outcome::broken`]).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    pub(crate) end: End,
    pub(crate) results: Vec<Val>,
    pub(crate) results_text: Vec<String>,
    pub(crate) stdout: Written,
    pub(crate) stderr: Written,
    pub(crate) files: Files,
    pub(crate) mocks: Vec<MockLog>,
    pub(crate) faults: Vec<Fired>,
    pub(crate) fuel: u64,
    pub(crate) seed: u64,
    pub(crate) trace: Vec<String>,
}

impl Outcome {
    /// How the run ended; in a session, how its last call did.
    #[must_use]
    pub fn end(&self) -> &End {
        &self.end
    }

    /// The exit code: 0 where the function returned. `None` where the guest trapped, or ended
    /// otherwise.
    #[must_use]
    pub fn exit_code(&self) -> Option<i32> {
        match self.end {
            End::Returned => Some(0),
            End::Exited(code) => Some(code),
            _ => None,
        }
    }

    /// The trap that ended the guest.
    #[must_use]
    pub fn trap(&self) -> Option<&Trap> {
        match &self.end {
            End::Trapped(trap) => Some(trap),
            _ => None,
        }
    }

    /// Why the guest came to no good end: the text of a trap with its backtrace, of an exception, or
    /// of a mock's error.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        match &self.end {
            End::Returned | End::Exited(_) => None,
            End::Trapped(trap) => Some(trap.to_string()),
            End::Threw(text) | End::Failed(text) => Some(text.clone()),
        }
    }

    /// The results of the call. References are of a store that is gone, and can only be compared.
    #[must_use]
    pub fn results(&self) -> &[Val] {
        &self.results
    }

    /// The results of the call as `holdall run` prints them, as `0x5:i32`.
    #[must_use]
    pub fn results_text(&self) -> &[String] {
        &self.results_text
    }

    /// What was written to the standard output.
    #[must_use]
    pub fn stdout(&self) -> &Written {
        &self.stdout
    }

    /// What was written to the standard error.
    #[must_use]
    pub fn stderr(&self) -> &Written {
        &self.stderr
    }

    /// The files in memory as the run left them. Paths in it are without the first `/`.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// What a file in memory holds, by the guest's path; `None` where there is no such file.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<Written> {
        let bytes = self.files.read(path.trim_start_matches('/'))?;
        Some(bytes.into())
    }

    /// What each mock of the case was asked, in the order of the case.
    #[must_use]
    pub fn mocks(&self) -> &[MockLog] {
        &self.mocks
    }

    /// What the mock of a function was asked.
    ///
    /// # Panics
    ///
    /// When the case has no such mock.
    #[must_use]
    pub fn mock(&self, module: &str, name: &str) -> &MockLog {
        let mut mocks = self.mocks.iter();
        match mocks.find(|mock| mock.module() == module && mock.name() == name) {
            Some(mock) => mock,
            None => panic!("the case has no mock {}.{}", Escaped(module), Escaped(name)),
        }
    }

    /// How often each fault of the case happened, in the order of the case.
    #[must_use]
    pub fn faults(&self) -> &[Fired] {
        &self.faults
    }

    /// The units of fuel that the guest used ([`Limits::fuel`](holdall::Limits#structfield.fuel)). The
    /// same run uses the same fuel on every machine.
    #[must_use]
    pub fn fuel(&self) -> u64 {
        self.fuel
    }

    /// The seed of the run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The calls that left their modules, a line each, where the case asked for them
    /// ([`Case::trace`](crate::Case::trace)).
    #[must_use]
    pub fn trace(&self) -> &[String] {
        &self.trace
    }

    /// What is not as the case itself has it: mocks that were not called as they expect, faults that
    /// never happened.
    #[must_use]
    pub fn broken(&self) -> Vec<Mismatch> {
        let mocks = self.mocks.iter().flat_map(MockLog::mismatches);
        let faults = self.faults.iter().filter_map(Fired::mismatch);
        mocks.chain(faults).collect()
    }

    /// Panics unless everything is as expected.
    ///
    /// # Panics
    ///
    /// With all differences.
    #[track_caller]
    pub fn assert(&self, expect: &Expect) {
        let mismatches = expect.check(self);
        assert!(mismatches.is_empty(), "{}", all(&mismatches));
    }

    /// Panics unless the guest ended with this exit code; a function that returned has 0.
    ///
    /// # Panics
    ///
    /// With all differences.
    #[track_caller]
    pub fn assert_exit(&self, code: i32) {
        self.assert(&Expect::new().exit(code));
    }

    /// Panics unless the guest trapped, or failed otherwise, with this text in its message.
    ///
    /// # Panics
    ///
    /// With all differences.
    #[track_caller]
    pub fn assert_trap(&self, text: &str) {
        self.assert(&Expect::new().trap(text));
    }

    /// Panics unless the call returned these results.
    ///
    /// # Panics
    ///
    /// With all differences.
    #[track_caller]
    pub fn assert_results(&self, results: impl IntoIterator<Item = impl Into<Value>>) {
        self.assert(&Expect::new().results(results));
    }
}

/// The mismatches, one below the other.
fn all(mismatches: &[Mismatch]) -> String {
    let texts: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
    texts.join("\n")
}
