//! Texts that others chose, made safe for people to read: names in modules, paths, what a file or
//! an executable says of itself. A terminal obeys control characters, a line break begins a forged
//! line, and characters that have no shape or turn the direction of writing hide text. Knows only
//! strings: whatever prints a name prints it through this.

use std::fmt;

/// A text on one line, with nothing in it that a terminal would obey or that a reader would not see:
/// such characters are written as `\n`, `\t`, `\u{202e}`. All others stay as they are.
///
/// Errors, traces and backtraces of this library write the names that guests chose like this. Print
/// the names that you take from modules through it too:
///
/// ```
/// let name = "app\nholdall: all is well\u{202e}";
/// assert_eq!(
///     holdall_core::escape::Escaped(name).to_string(),
///     r"app\nholdall: all is well\u{202e}"
/// );
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

/// A text of several lines, each of them escaped as by [`Escaped`].
#[derive(Clone, Copy, Debug)]
pub struct EscapedLines<'a>(pub &'a str);

impl Escaped<'_> {
    /// Whether the text is shown as it is.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.0.contains(is_hidden)
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(is_hidden) {
            let (plain, hidden) = rest.split_at(at);
            f.write_str(plain)?;
            let mut chars = hidden.chars();
            match chars.next() {
                Some('\n') => f.write_str("\\n")?,
                Some('\r') => f.write_str("\\r")?,
                Some('\t') => f.write_str("\\t")?,
                Some(char) => write!(f, "{}", char.escape_unicode())?,
                None => {}
            }
            rest = chars.as_str();
        }
        f.write_str(rest)
    }
}

impl fmt::Display for EscapedLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.0.split('\n').enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            Escaped(line).fmt(f)?;
        }
        Ok(())
    }
}

/// Escaped names with `separator` between them.
#[must_use]
pub fn escaped_join(names: &[String], separator: &str) -> String {
    let names = names.iter().map(|name| Escaped(name).to_string());
    names.collect::<Vec<_>>().join(separator)
}

/// Whether a character has no shape of its own on a line: controls, line breaks, marks of direction,
/// characters of no width, blanks other than the space, and numbers that no character has.
fn is_hidden(char: char) -> bool {
    if char.is_ascii() {
        return char.is_ascii_control();
    }
    // Letters, symbols and variants that are drawn as nothing, which the standard library takes for
    // printable.
    let is_blank = matches!(
        char,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{1d159}'
        | '\u{e0100}'..='\u{e01ef}'
    );
    is_blank || is_escaped(char)
}

/// Whether the standard library shows a character within a text by its number.
fn is_escaped(char: char) -> bool {
    // The character is tested behind a letter, since marks that combine with a letter are shown
    // there.
    let mut text = [b'a', 0, 0, 0, 0];
    let length = char.encode_utf8(&mut text[1..]).len();
    let text = std::str::from_utf8(&text[..=length]).unwrap_or_default();
    text.escape_debug().nth(1) != Some(char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_lines() {
        assert_eq!(EscapedLines("a\r\n\tb\n").to_string(), "a\\r\n\\tb\n");
    }

    #[test]
    fn a_reader_sees_every_character_on_one_line() {
        for (text, expected) in [
            ("", ""),
            ("call_A é ├── \"x\" 'y' \\ $", "call_A é ├── \"x\" 'y' \\ $"),
            ("日本語 हिन्दी e\u{301}", "日本語 हिन्दी e\u{301}"),
            ("two\nlines\r\tx", "two\\nlines\\r\\tx"),
            ("\u{1b}[2J\u{9b}\0\u{7f}", "\\u{1b}[2J\\u{9b}\\u{0}\\u{7f}"),
            ("\u{202e}\u{2066}\u{200f}", "\\u{202e}\\u{2066}\\u{200f}"),
            ("\u{200b}\u{feff}\u{ad}", "\\u{200b}\\u{feff}\\u{ad}"),
            ("\u{2028}\u{2029}\u{85}", "\\u{2028}\\u{2029}\\u{85}"),
            ("\u{3164}\u{2800}\u{fe0f}", "\\u{3164}\\u{2800}\\u{fe0f}"),
            ("\u{a0}\u{3000}", "\\u{a0}\\u{3000}"),
            (
                "\u{e000}\u{e0041}\u{10ffff}",
                "\\u{e000}\\u{e0041}\\u{10ffff}",
            ),
        ] {
            let escaped = Escaped(text).to_string();
            assert_eq!(escaped, expected);
            assert_eq!(Escaped(text).is_plain(), text == expected, "{text:?}");
            // What is escaped already stays.
            assert_eq!(Escaped(&escaped).to_string(), escaped);
        }
    }
}
