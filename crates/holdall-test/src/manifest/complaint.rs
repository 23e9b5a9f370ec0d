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
    /// Where the lines of the text begin.
    lines: Vec<usize>,
    found: Vec<(usize, String)>,
}

impl<'a> Complaints<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self {
            file,
            text,
            lines: std::iter::once(0)
                .chain(text.match_indices('\n').map(|(end, _)| end + 1))
                .collect(),
            found: Vec::new(),
        }
    }

    /// Adds what is wrong at an offset of the text.
    pub(super) fn add(&mut self, at: usize, message: impl Into<String>) {
        self.found.push((at, message.into()));
    }

    /// The line and the column of an offset, from 1; the column counts characters.
    pub(super) fn position(&self, at: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= at);
        let before = self
            .lines
            .get(line - 1)
            .and_then(|start| self.text.get(*start..at));
        (line, before.map_or(0, |text| text.chars().count()) + 1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What was found, in the order of the text.
    pub(super) fn into_list(mut self) -> Vec<Complaint> {
        let mut found = std::mem::take(&mut self.found);
        found.sort_by_key(|(at, _)| *at);
        found.dedup();
        let complaint = |(at, message)| {
            let (line, column) = self.position(at);
            Complaint {
                file: self.file.to_owned(),
                line,
                column,
                message,
            }
        };
        found.into_iter().map(complaint).collect()
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
