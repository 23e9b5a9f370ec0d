//! Options as a shell takes them, for people to read and to paste.

/// What a part of a shell's word may be without quotes, beside letters and digits.
const UNQUOTED: &str = "_@%+=:,./-";

/// An option as a shell takes it.
pub(super) fn option(name: &str, value: &str) -> String {
    // What begins like an option is one, unless it is a part of another.
    let separator = if value.starts_with('-') { "=" } else { " " };
    format!("{name}{separator}{}", quoted(value))
}

/// A word as a shell takes it, with nothing in it that a terminal would obey.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || UNQUOTED.contains(char);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if !word.contains(char::is_control) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut quoted = String::from("$'");
    for char in word.chars() {
        match char {
            '\'' | '\\' => quoted.extend(['\\', char]),
            // In octal, of which a shell takes three digits at most.
            char if char.is_control() => {
                let mut bytes = [0; 4];
                for byte in char.encode_utf8(&mut bytes).bytes() {
                    quoted += &format!("\\{byte:03o}");
                }
            }
            char => quoted.push(char),
        }
    }
    quoted + "'"
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_each_word_as_it_was() {
        for word in [
            "a/b::/c::ro",
            "",
            "two words",
            "it's",
            "a\"b$c`d\\e",
            "a'b\n\t\u{1b}[2J7\\é",
            "\u{9b}2J",
            "*",
            "~",
            "#a",
            "!a",
        ] {
            let quoted = quoted(word);
            assert!(!quoted.contains(char::is_control), "{quoted:?}");
            // dash, which is sh on some systems, takes no $'.
            let script = format!("printf %s {quoted}");
            let printed = Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(printed.stdout).unwrap(), word);
        }
        assert_eq!(quoted("a/b::/c::ro"), "a/b::/c::ro");
        assert_eq!(option("--dir", "-a"), "--dir=-a");
    }
}
