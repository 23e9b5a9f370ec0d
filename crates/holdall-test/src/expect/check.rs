//! Checks of what a guest wrote.

use std::path::PathBuf;

use regex_lite::Regex;

use super::mismatch::Mismatch;
use super::snapshots::Snapshots;
use crate::error::{Error, Result};
use crate::written::Written;

/// What is true of bytes that a guest wrote.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Check {
    /// They are these.
    Equals(Vec<u8>),
    /// This text is a part of them.
    Contains(String),
    /// A part of them matches this expression. They are text, with `\xff` for a byte that is none.
    Matches(Regex),
    /// They are those of the snapshot of this path.
    Snapshot(PathBuf),
}

impl Check {
    /// All of the bytes.
    pub fn equals(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Equals(bytes.into())
    }

    /// A text that is a part of them.
    pub fn contains(text: impl Into<String>) -> Self {
        Self::Contains(text.into())
    }

    /// An expression ([`regex_lite`](https://docs.rs/regex-lite)) that a part of them matches; `^` and
    /// `$` bind it to their ends, `(?m)` makes that the ends of lines.
    ///
    /// # Errors
    ///
    /// When it is no expression.
    pub fn matches(expression: &str) -> Result<Self> {
        let regex = Regex::new(expression)
            .map_err(|error| Error::usage(format!("expression {expression:?}: {error}")))?;
        Ok(Self::Matches(regex))
    }

    /// The bytes of a file that was written once, and is compared with from then on; see
    /// [`SnapshotFiles`](super::SnapshotFiles).
    pub fn snapshot(path: impl Into<PathBuf>) -> Self {
        Self::Snapshot(path.into())
    }

    pub(super) fn check(
        &self,
        what: &str,
        found: &Written,
        snapshots: &dyn Snapshots,
    ) -> Option<Mismatch> {
        match self {
            Self::Equals(expected) => Mismatch::unless_equal(what, expected, found.bytes()),
            Self::Contains(text) => {
                let is_there = text.is_empty() || {
                    let mut parts = found.bytes().windows(text.len());
                    parts.any(|part| part == text.as_bytes())
                };
                (!is_there).then(|| Mismatch::lacks(what, format!("text with {text:?}"), found))
            }
            Self::Matches(regex) => {
                let is_match = regex.is_match(&found.to_string());
                let expected = || format!("text that matches {:?}", regex.as_str());
                (!is_match).then(|| Mismatch::lacks(what, expected(), found))
            }
            Self::Snapshot(path) => match snapshots.expected(path, found.bytes()) {
                Ok(expected) => Mismatch::unless_equal(what, &expected, found.bytes()),
                Err(reason) => {
                    let expected = format!("snapshot {}", path.display());
                    Some(Mismatch::new(what, expected, reason))
                }
            },
        }
    }
}

impl From<&str> for Check {
    fn from(text: &str) -> Self {
        Self::equals(text)
    }
}

impl From<String> for Check {
    fn from(text: String) -> Self {
        Self::equals(text)
    }
}

impl From<Vec<u8>> for Check {
    fn from(bytes: Vec<u8>) -> Self {
        Self::equals(bytes)
    }
}

/// What is true of a file in memory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FileCheck {
    /// There is none.
    Absent,
    /// There is one, and all of this is true of what it holds.
    Holds(Vec<Check>),
}

impl FileCheck {
    pub(super) fn check(
        &self,
        path: &str,
        found: Option<Written>,
        snapshots: &dyn Snapshots,
    ) -> Vec<Mismatch> {
        let what = format!("file {path}");
        match (self, found) {
            (Self::Absent, None) => Vec::new(),
            (Self::Absent, Some(found)) => {
                let found = format!("one of {} bytes", found.bytes().len());
                vec![Mismatch::new(what, "no file", found)]
            }
            (Self::Holds(_), None) => vec![Mismatch::new(what, "a file", "none")],
            (Self::Holds(checks), Some(found)) => {
                let checks = checks.iter();
                checks
                    .filter_map(|it| it.check(&what, &found, snapshots))
                    .collect()
            }
        }
    }
}

impl<C: Into<Check>> From<C> for FileCheck {
    fn from(check: C) -> Self {
        Self::Holds(vec![check.into()])
    }
}
