//! What is wrong with manifests: where, and what.

use std::fmt;
use std::path::Path;

use holdall::{Escaped, EscapedLines};

/// Something that is wrong with a manifest. Shown as `FILE:LINE:COLUMN: MESSAGE`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Complaint {
    /// The manifest's path.
    pub file: String,
    /// The line, from 1; 0 where the file could not be read.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong, what was expected, and the way out.
    pub message: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Escaped(&self.file))?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", EscapedLines(&self.message))
    }
}

impl std::error::Error for Complaint {}

/// All that is wrong with one manifest, as it is found.
#[derive(Debug)]
pub(super) struct Complaints<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<(usize, String)>,
}

impl<'a> Complaints<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self {
            file,
            text,
            found: Vec::new(),
        }
    }

    /// Adds what is wrong at an offset of the text.
    pub(super) fn add(&mut self, at: usize, message: impl Into<String>) {
        self.found.push((at, message.into()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What was found, in the order of the text.
    pub(super) fn into_list(mut self) -> Vec<Complaint> {
        self.found.sort_by_key(|(at, _)| *at);
        self.found.dedup();
        let place = |(at, message)| {
            let (line, column) = position(self.text, at);
            Complaint {
                file: self.file.to_owned(),
                line,
                column,
                message,
            }
        };
        self.found.into_iter().map(place).collect()
    }
}

impl Complaint {
    /// A file that could not be read.
    pub(crate) fn of_file(path: &Path, message: impl Into<String>) -> Self {
        Self {
            file: path.display().to_string(),
            line: 0,
            column: 0,
            message: message.into(),
        }
    }
}

/// The line and the column of an offset, from 1; the column counts characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}
