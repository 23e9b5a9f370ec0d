//! Something that is not as expected, for people to read.

use std::fmt;

use holdall::{Escaped, EscapedLines};
use similar::TextDiff;

use crate::written::Written;

/// The most lines of a difference, or of a text, that are shown.
const MAX_LINES: usize = 100;
/// The most bytes of a text that is compared line by line. Of larger ones only the first line that
/// differs is shown.
const MAX_DIFF_BYTES: usize = 1 << 18;
/// Unchanged lines around those that differ.
const CONTEXT_LINES: usize = 3;

/// Something that is not as expected.
///
/// Shown as `stdout: expected "2\n", found "3\n"`, or with the lines that differ below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    what: String,
    expected: String,
    found: String,
    lines: Vec<String>,
}

impl Mismatch {
    /// Something, what was expected of it, and what was found.
    pub(crate) fn new(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            expected: expected.into(),
            found: found.into(),
            lines: Vec::new(),
        }
    }

    pub(super) fn checks_nothing() -> Self {
        Self::new(
            "case",
            "something to be expected",
            "nothing; say an exit code, a trap, results, output, files, or how often mocks are called",
        )
    }

    pub(super) fn unless_equal(what: &str, expected: &[u8], found: &[u8]) -> Option<Self> {
        if expected == found {
            return None;
        }
        let (expected, found) = (
            Written::from(expected.to_vec()),
            Written::from(found.to_vec()),
        );
        let is_line = |text: &Written| text.bytes().iter().filter(|it| **it == b'\n').count() <= 1;
        if is_line(&expected) && is_line(&found) {
            return Some(Self::new(
                what,
                format!("{expected:?}"),
                format!("{found:?}"),
            ));
        }
        let lines = difference(&expected.to_string(), &found.to_string());
        let text = |it: &Written| format!("{} bytes", it.bytes().len());
        let mut mismatch = Self::new(what, text(&expected), text(&found));
        mismatch.lines = lines;
        Some(mismatch)
    }

    /// A text that is not at all as expected.
    pub(super) fn lacks(what: &str, expected: String, found: &Written) -> Self {
        let text = found.to_string();
        if text.lines().count() <= 1 {
            return Self::new(what, expected, format!("{found:?}"));
        }
        let mut mismatch = Self::new(what, expected, "none in:");
        mismatch.lines = shown(text.lines().map(|line| format!("  {line}")));
        mismatch
    }

    /// What it is about: `stdout`, `exit code`, `file /data/out.txt`, `mock env.now`.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What was expected.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What was found.
    #[must_use]
    pub fn found(&self) -> &str {
        &self.found
    }

    /// The lines that differ, with some around them: `-` is expected and was not found, `+` was found
    /// and is not expected. Empty where there is no more to say than what was expected and found.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (expected, found) = (EscapedLines(&self.expected), EscapedLines(&self.found));
        write!(
            f,
            "{}: expected {expected}, found {found}",
            Escaped(&self.what)
        )?;
        for line in &self.lines {
            write!(f, "\n  {}", Escaped(line))?;
        }
        Ok(())
    }
}

/// The lines that differ.
fn difference(expected: &str, found: &str) -> Vec<String> {
    if expected.len().max(found.len()) > MAX_DIFF_BYTES {
        return first_difference(expected, found);
    }
    let diff = TextDiff::from_lines(expected, found);
    let mut unified = diff.unified_diff();
    let text = unified.context_radius(CONTEXT_LINES).to_string();
    shown(text.lines().map(ToOwned::to_owned))
}

/// The first line that differs, of texts that are too long to be compared as a whole.
fn first_difference(expected: &str, found: &str) -> Vec<String> {
    let (mut expected, mut found) = (expected.split('\n'), found.split('\n'));
    let mut line = 1;
    loop {
        let pair = (expected.next(), found.next());
        if pair.0 != pair.1 || pair.0.is_none() {
            let mut lines = vec![format!("@@ line {line} @@")];
            lines.extend(pair.0.map(|text| format!("-{text}")));
            lines.extend(pair.1.map(|text| format!("+{text}")));
            return lines;
        }
        line += 1;
    }
}

fn shown(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines = lines;
    let mut shown: Vec<_> = lines.by_ref().take(MAX_LINES).collect();
    let more = lines.count();
    if more > 0 {
        shown.push(format!("... {more} more lines"));
    }
    shown
}
