//! Standard output, and names that are safe to print. Where the reader of standard output goes away, the
//! process ends quietly, never with a panic.

use std::fmt::{self, Display};
use std::io::{self, BufWriter, Write};

use holdall::Escaped;

/// Columns are aligned up to this width, in characters. One longer cell so does not widen all rows.
const MAX_COLUMN_CHARS: usize = 48;

/// Who is told of what is written.
type Told = Box<dyn FnMut(&[u8])>;

/// Standard output, buffered. Call [`Output::flush`] before a guest runs and at the end.
pub struct Output {
    to: BufWriter<io::StdoutLock<'static>>,
    /// Is told of all that is written.
    told: Option<Told>,
}

/// Standard output takes no more.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
pub(super) struct OutputError(#[from] io::Error);

/// A name that a guest chose, for people to read: as it is, or quoted and escaped where it is empty or has
/// spaces or characters that a terminal would obey.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a>(pub &'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = format!("{:?}", self.0);
        let escaped = quoted.len() != self.0.len() + 2;
        if self.0.is_empty() || escaped || self.0.contains(char::is_whitespace) {
            f.write_str(&quoted)
        } else {
            f.write_str(self.0)
        }
    }
}

/// A text of a guest. Lines after the first are indented, so that none looks like a message of holdall's.
#[derive(Clone, Copy, Debug)]
pub struct Paragraph<'a>(pub &'a str);

impl Display for Paragraph<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.0.split('\n').enumerate() {
            match (at, line.starts_with("  ")) {
                (0, _) => {}
                (_, true) => f.write_str("\n")?,
                (_, false) => f.write_str("\n    ")?,
            }
            Escaped(line).fmt(f)?;
        }
        Ok(())
    }
}

impl OutputError {
    /// Whether the reader went away, as `head` does.
    pub(super) fn is_closed(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Output").field(&self.to).finish()
    }
}

impl Output {
    /// Standard output of this process, locked until this is dropped.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            to: BufWriter::new(io::stdout().lock()),
            told: None,
        }
    }

    /// Has `told` called with all that is written from now on.
    pub(super) fn tell(&mut self, told: impl FnMut(&[u8]) + 'static) {
        self.told = Some(Box::new(told));
    }

    fn write(&mut self, text: impl Display) -> anyhow::Result<()> {
        let text = format!("{text}\n");
        self.to.write_all(text.as_bytes()).map_err(OutputError)?;
        if let Some(told) = &mut self.told {
            told(text.as_bytes());
        }
        Ok(())
    }

    /// Writes a line.
    ///
    /// # Errors
    ///
    /// When standard output takes no more.
    pub fn line(&mut self, text: impl Display) -> anyhow::Result<()> {
        self.write(Escaped(&text.to_string()))
    }

    /// Writes a text of one line or several. Lines after the first are indented.
    ///
    /// # Errors
    ///
    /// When standard output takes no more.
    pub fn lines(&mut self, text: impl Display) -> anyhow::Result<()> {
        self.write(Paragraph(&text.to_string()))
    }

    /// Writes indented rows with aligned columns.
    ///
    /// # Errors
    ///
    /// When standard output takes no more.
    pub fn table<const N: usize>(&mut self, rows: &[[String; N]]) -> anyhow::Result<()> {
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0).min(MAX_COLUMN_CHARS)
        };
        let widths: [usize; N] = std::array::from_fn(width);
        for row in rows {
            let mut line = String::from("  ");
            for (cell, width) in row.iter().zip(widths) {
                line += &format!("  {cell:width$}");
            }
            self.line(line.trim_end())?;
        }
        Ok(())
    }

    /// Has `write` write to standard output, as it likes.
    ///
    /// # Errors
    ///
    /// Those of `write`: when standard output takes no more.
    pub fn with<R>(
        &mut self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<R>,
    ) -> anyhow::Result<R> {
        Ok(write(&mut self.to).map_err(OutputError)?)
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    ///
    /// When standard output takes no more.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.to.flush().map_err(OutputError)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Paragraph, Plain};

    #[test]
    fn lines_after_the_first_are_indented_and_a_terminal_gets_nothing_to_obey() {
        for (text, expected) in [
            ("one", "one"),
            ("two\nlines", "two\n    lines"),
            ("trap\n  0: f", "trap\n  0: f"),
            ("\u{1b}[2J\r\n\u{202e}", "\\u{1b}[2J\\r\n    \\u{202e}"),
        ] {
            assert_eq!(Paragraph(text).to_string(), expected);
        }
    }

    #[test]
    fn names_are_plain_or_quoted() {
        for (name, expected) in [
            ("call_A", "call_A"),
            ("mB$é", "mB$é"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("\u{1b}[2J", "\"\\u{1b}[2J\""),
            ("a\nb", "\"a\\nb\""),
            ("say \"x\"", "\"say \\\"x\\\"\""),
        ] {
            assert_eq!(Plain(name).to_string(), expected);
        }
    }
}
