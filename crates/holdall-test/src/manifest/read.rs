//! What values of a manifest stand for: files of the manifest's directory, bytes, sizes, values.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use holdall::text::{MeasureError, parse_duration, parse_size};

use super::complaint::Complaints;
use super::syntax::{Node, Table, Value as Toml};
use crate::value::Value;

/// The largest file that a manifest may name: the largest module that the library takes.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// Reads values, and keeps what is wrong with them.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    /// The manifest's directory.
    pub(super) dir: &'a Path,
    pub(super) complaints: Complaints<'a>,
}

impl Reader<'_> {
    /// The path that a value names.
    pub(super) fn path(&self, node: &Node) -> Option<PathBuf> {
        Some(self.dir.join(node.text()?))
    }

    /// The contents of the file that a value names.
    pub(super) fn file(&mut self, key: &str, node: &Node) -> Option<Vec<u8>> {
        let path = self.path(node)?;
        match read_file(&path) {
            Ok(bytes) => Some(bytes),
            Err(reason) => {
                let path = path.display();
                self.complaints
                    .add(node.at, format!("`{key}`: {path}: {reason}"));
                None
            }
        }
    }

    /// Bytes: a text, or a table with one of the keys `file`, `hex`, `base64`.
    pub(super) fn bytes(&mut self, key: &str, node: &Node) -> Option<Vec<u8>> {
        if let Some(text) = node.text() {
            return Some(text.into());
        }
        let table = node.table()?;
        let mut entries = table.iter();
        let (Some(entry), None) = (entries.next(), entries.next()) else {
            let what = format!("`{key}`: expected one of the keys `file`, `hex` and `base64`");
            self.complaints.add(node.at, what);
            return None;
        };
        self.encoded(&entry.key, &entry.node)
    }

    /// The bytes that a key `file`, `hex` or `base64` says; `None` for another key too.
    pub(super) fn encoded(&mut self, key: &str, node: &Node) -> Option<Vec<u8>> {
        let expected = match key {
            "file" => return self.file(key, node),
            "hex" => "pairs of hexadecimal digits",
            "base64" => "letters, digits, + and /, in fours, with = at the end",
            _ => return None,
        };
        let text = node.text()?;
        let bytes = if key == "hex" {
            from_hex(text)
        } else {
            from_base64(text)
        };
        if bytes.is_none() {
            self.complaints
                .add(node.at, format!("`{key}`: expected {expected}"));
        }
        bytes
    }

    pub(super) fn size(&mut self, key: &str, node: &Node) -> Option<usize> {
        match node.text() {
            Some(text) => self.measured(key, node, parse_size(text)),
            None => usize::try_from(node.count()?).ok(),
        }
    }

    pub(super) fn duration(&mut self, key: &str, node: &Node) -> Option<Duration> {
        self.measured(key, node, parse_duration(node.text()?))
    }

    fn measured<T>(&mut self, key: &str, node: &Node, read: Result<T, MeasureError>) -> Option<T> {
        read.map_err(|error| self.complaints.add(node.at, format!("`{key}`: {error}")))
            .ok()
    }

    /// A value that a function takes or returns, for a place whose type the function says.
    pub(super) fn value(node: &Node) -> Option<Value> {
        Some(match &node.value {
            Toml::Text(text) => Value::from(text),
            Toml::Integer(number) => Value::from(number.to_string()),
            // The shortest decimals that stand for the number.
            Toml::Float(number) => Value::from(format!("{number:?}").replace("NaN", "nan")),
            _ => return None,
        })
    }

    /// The texts of a list, or the only one.
    pub(super) fn texts(node: &Node) -> impl Iterator<Item = &str> {
        node.each().iter().filter_map(Node::text)
    }
}

/// The texts of a table, by their keys.
pub(super) fn named(table: &Table) -> impl Iterator<Item = (&str, &Node)> {
    table.iter().map(|entry| (entry.key.as_str(), &entry.node))
}

/// The contents of a file; a pipe or a device is none.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let read = || {
        let what = fs::metadata(path)?;
        if !what.is_file() {
            let kind = if what.is_dir() {
                "a directory"
            } else {
                "no file"
            };
            return Err(std::io::Error::other(format!(
                "expected a file, found {kind}"
            )));
        }
        let mut bytes = Vec::new();
        fs::File::open(path)?
            .take(MAX_FILE_BYTES + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            let message = format!("expected at most {MAX_FILE_BYTES} bytes, found more");
            return Err(std::io::Error::other(message));
        }
        Ok(bytes)
    };
    read().map_err(|error| match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.chars().filter(|char| !char.is_whitespace());
    let digits: Vec<_> = digits
        .map(|char| char.to_digit(16))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| Some((*pair.first()? << 4 | *pair.get(1)?) as u8))
        .collect()
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let chars: Vec<_> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let padding = chars.iter().rev().take_while(|byte| **byte == b'=').count();
    if !chars.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for char in &chars[..chars.len() - padding] {
        let digit = match char {
            b'A'..=b'Z' => char - b'A',
            b'a'..=b'z' => char - b'a' + 26,
            b'0'..=b'9' => char - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    // Bits that are no byte are zeros.
    (bits == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_hexadecimal_and_in_base64() {
        for (text, expected) in [
            ("", Some(&b""[..])),
            ("00 ff\n7A", Some(b"\x00\xffz")),
            ("0", None),
            ("0g", None),
        ] {
            assert_eq!(from_hex(text).as_deref(), expected, "{text:?}");
        }
        for (text, expected) in [
            ("", Some(&b""[..])),
            ("aGk=", Some(b"hi")),
            ("aA==", Some(b"h")),
            ("aGkh", Some(b"hi!")),
            ("/+8=", Some(b"\xff\xef")),
            ("aGk", None),
            ("aGl=", None),
            ("a===", None),
            ("a=k=", None),
        ] {
            assert_eq!(from_base64(text).as_deref(), expected, "{text:?}");
        }
    }
}
