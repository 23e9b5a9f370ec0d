//! What a mock was asked.

use holdall::Val;

use super::Count;
use crate::expect::Mismatch;

/// The most calls of a mock that are kept; more are counted only.
const MAX_KEPT: usize = 10_000;
/// The most calls with wrong arguments that are told.
const MAX_WRONG: usize = 10;

/// What a mock was asked in a run.
#[derive(Clone, Debug)]
pub struct MockLog {
    module: String,
    name: String,
    count: u64,
    calls: Vec<MockedCall>,
    wrong: Vec<Mismatch>,
    expected: Count,
    expects: bool,
}

/// A call of a mock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MockedCall {
    /// The arguments. References are of a store that is gone, and can only be compared.
    pub args: Vec<Val>,
    /// The arguments as `holdall run` prints values, as `0x5:i32`.
    pub args_text: Vec<String>,
}

impl MockLog {
    pub(super) fn new(module: &str, name: &str, expected: Count, expects: bool) -> Self {
        Self {
            module: module.to_owned(),
            name: name.to_owned(),
            count: 0,
            calls: Vec::new(),
            wrong: Vec::new(),
            expected,
            expects,
        }
    }

    /// The module name of the mock.
    #[must_use]
    pub fn module(&self) -> &str {
        &self.module
    }

    /// The name of the mock in it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How often it was called.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first 10,000 calls.
    #[must_use]
    pub fn calls(&self) -> &[MockedCall] {
        &self.calls
    }

    /// Whether the mock looks at anything.
    pub(crate) fn expects(&self) -> bool {
        self.expects
    }

    /// What is not as the mock expects.
    pub(crate) fn mismatches(&self) -> Vec<Mismatch> {
        let mut all = self.wrong.clone();
        let Count { least, most } = self.expected;
        let expected = match (least, most) {
            (Some(0), Some(0)) => "no call".to_owned(),
            (Some(least), Some(most)) if least == most => calls(least),
            (Some(least), _) if self.count < least => format!("at least {}", calls(least)),
            (_, Some(most)) => format!("at most {}", calls(most)),
            _ => return all,
        };
        let too_few = least.is_some_and(|least| self.count < least);
        if too_few || most.is_some_and(|most| self.count > most) {
            all.push(Mismatch::new(self.what(), expected, calls(self.count)));
        }
        all
    }

    /// Adds a call, and gives its number, counted from 1.
    pub(super) fn add(&mut self, call: MockedCall) -> u64 {
        self.count += 1;
        if self.calls.len() < MAX_KEPT {
            self.calls.push(call);
        }
        self.count
    }

    /// Notes that arguments of the last call are wrong.
    pub(super) fn add_wrong(&mut self, expected: String, found: String) {
        if self.wrong.len() < MAX_WRONG {
            let what = format!("{}, call {}", self.what(), self.count);
            self.wrong.push(Mismatch::new(what, expected, found));
        }
    }

    fn what(&self) -> String {
        format!("mock {}.{}", self.module, self.name)
    }
}

fn calls(count: u64) -> String {
    match count {
        1 => "1 call".to_owned(),
        _ => format!("{count} calls"),
    }
}
