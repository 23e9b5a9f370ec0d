//! Words quoted for shells, for people to read and to paste: sh, dash, BusyBox, bash, zsh and fish all
//! read them alike.

use std::fmt;

use holdall::Escaped;

/// Characters that need no quotes within a word, beside letters and digits.
const UNQUOTED: &str = "_@%+=:,./-";
/// Characters that need quotes at the start of a word: zsh takes `=` for a command's path, fish `%` for a
/// process.
const UNQUOTED_WITHIN: [char; 2] = ['=', '%'];

/// A word that cannot be written on one line for every shell to read and every person to see: it has
/// control characters, line breaks or invisible characters.
#[derive(Debug)]
pub(super) struct Unsayable {
    option: Option<String>,
    word: String,
}

impl fmt::Display for Unsayable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.option {
            Some(option) => write!(f, "{option} with the value {:?}", self.word),
            None => write!(f, "the word {:?}", self.word),
        }
    }
}

/// An option with its value, quoted for a shell.
pub(super) fn option(name: &str, value: &str) -> Result<String, Unsayable> {
    // A value that begins with a dash would be taken for an option if it were a word of its own.
    let separator = if value.starts_with('-') { "=" } else { " " };
    match quoted(value) {
        Ok(value) => Ok(format!("{name}{separator}{value}")),
        Err(unsayable) => Err(Unsayable {
            option: Some(name.to_owned()),
            ..unsayable
        }),
    }
}

/// A word, quoted for a shell.
pub(super) fn quoted(word: &str) -> Result<String, Unsayable> {
    if !Escaped(word).is_plain() {
        return Err(Unsayable {
            option: None,
            word: word.to_owned(),
        });
    }
    let is_plain = |char: char| char.is_ascii_alphanumeric() || UNQUOTED.contains(char);
    if word.chars().all(is_plain) && !word.is_empty() && !word.starts_with(UNQUOTED_WITHIN) {
        return Ok(word.to_owned());
    }
    if word.is_empty() {
        return Ok("''".to_owned());
    }
    let mut quoted = String::with_capacity(word.len() + 2);
    let mut rest = word;
    while !rest.is_empty() {
        // Within quotes a backslash is special in fish, and two quotes side by side may be in zsh. So
        // quotes and backslashes stand outside of quotes, each behind a backslash.
        let end = rest.find(['\'', '\\']).unwrap_or(rest.len());
        let (text, special) = rest.split_at(end);
        if !text.is_empty() {
            quoted += &format!("'{text}'");
        }
        let end = special.find(|char| !matches!(char, '\'' | '\\'));
        let (special, after) = special.split_at(end.unwrap_or(special.len()));
        quoted.extend(special.chars().flat_map(|char| ['\\', char]));
        rest = after;
    }
    Ok(quoted)
}

/// An option with its value, quoted for a script.
pub(super) fn script_option(name: &str, value: &str) -> Result<String, Unsayable> {
    match script_word(value) {
        Ok(word) if value.starts_with('-') => Ok(format!("{name}={word}")),
        Ok(word) => Ok(format!("{name} {word}")),
        Err(unsayable) => Err(Unsayable {
            option: Some(name.to_owned()),
            ..unsayable
        }),
    }
}

/// A word, quoted for a script. Unlike a line to paste, a script can have line breaks and tabs in a word:
/// they get quotes of their own.
pub(super) fn script_word(word: &str) -> Result<String, Unsayable> {
    if word.is_empty() {
        return quoted(word);
    }
    let mut said = String::new();
    for piece in word.split_inclusive(['\n', '\t']) {
        let text = piece.trim_end_matches(['\n', '\t']);
        if !text.is_empty() {
            said += &quoted(text).map_err(|_| Unsayable {
                option: None,
                word: word.to_owned(),
            })?;
        }
        if text.len() < piece.len() {
            said += &format!("\"{}\"", &piece[text.len()..]);
        }
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::process::Command;

    use super::*;

    /// The shells to ask, as far as they are installed.
    const SHELLS: [&[&str]; 7] = [
        &["sh", "-c"],
        &["dash", "-c"],
        &["bash", "-c"],
        &["busybox", "sh", "-c"],
        &["zsh", "-c"],
        &["zsh", "-o", "rcquotes", "-o", "magicequalsubst", "-c"],
        &["fish", "-c"],
    ];

    #[test]
    fn every_shell_reads_each_word_as_it_was() {
        let words = [
            "a/b::/c::ro",
            "",
            "two words",
            "it's",
            "'",
            "''",
            "'a''b'",
            "\\",
            "a\\nb\\\\c\\'d\\",
            "a\"b$c`d\\e",
            "$(touch x)",
            "é日本",
            "*?[a]{b,c}",
            "~",
            "~root",
            "#a",
            "!a",
            "^a",
            "=ls",
            "%self",
            "a=b",
            "a;b&c|d<e>f(g)",
            "-n",
        ];
        for shell in SHELLS {
            for word in words {
                let quoted = quoted(word).unwrap();
                let script = format!("printf '[%s]' x {quoted}");
                let printed = Command::new(shell[0])
                    .args(&shell[1..])
                    .arg(script)
                    .output();
                let printed = match printed {
                    Err(error) if error.kind() == ErrorKind::NotFound => break,
                    printed => printed.unwrap(),
                };
                let printed = String::from_utf8(printed.stdout).unwrap();
                assert_eq!(printed, format!("[x][{word}]"), "{shell:?} of {quoted}");
            }
        }
    }

    #[test]
    fn a_script_says_words_of_several_lines() {
        for shell in SHELLS {
            for word in [
                "a\nb",
                "\n",
                "\n\n'\t'\n; x",
                "it's\n$(x)\\\n`y`\n",
                "=a\n=b\n%c",
                "",
            ] {
                let script = format!("printf '[%s]' x {}", script_word(word).unwrap());
                let printed = Command::new(shell[0])
                    .args(&shell[1..])
                    .arg(script)
                    .output();
                let printed = match printed {
                    Err(error) if error.kind() == ErrorKind::NotFound => break,
                    printed => printed.unwrap(),
                };
                let printed = String::from_utf8(printed.stdout).unwrap();
                assert_eq!(printed, format!("[x][{word}]"), "{shell:?}");
            }
        }
        assert_eq!(script_option("--env", "-a\nb").unwrap(), "--env=-a\"\n\"b");
        assert!(script_word("a\n\u{1b}[2J").is_err());
    }

    #[test]
    fn words_are_as_short_as_can_be() {
        for (word, expected) in [
            ("a/b::/c::ro", "a/b::/c::ro"),
            ("", "''"),
            ("it's", r"'it'\''s'"),
            (r"a\b", r"'a'\\'b'"),
            (r"\'", r"\\\'"),
            ("=ls", "'=ls'"),
        ] {
            assert_eq!(quoted(word).unwrap(), expected);
        }
        assert_eq!(option("--dir", "-a").unwrap(), "--dir=-a");
        assert_eq!(option("--dir", "a b").unwrap(), "--dir 'a b'");
    }

    #[test]
    fn a_word_that_cannot_be_seen_or_pasted_is_refused() {
        for word in ["a\nb", "\u{1b}[2J", "\t", "\u{202e}", "a\u{200b}b", "\0"] {
            assert!(quoted(word).is_err(), "{word:?}");
        }
        assert_eq!(
            option("--dir", "a\n; b").unwrap_err().to_string(),
            "--dir with the value \"a\\n; b\""
        );
    }
}
