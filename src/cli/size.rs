//! Sizes as a command line gives them: `65536`, `64KiB`, `10MiB`, `1GiB`.

const UNITS: [(&str, usize); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("", 1),
];

/// A size in bytes.
pub(super) fn parse(text: &str) -> Result<usize, String> {
    let (digits, unit) = UNITS
        .iter()
        .find_map(|(name, bytes)| Some((text.strip_suffix(name)?, bytes)))
        .expect("every text ends in nothing");
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err("expected a number of bytes, or one with KiB, MiB or GiB behind it".to_owned());
    }
    digits
        .parse()
        .ok()
        .and_then(|number: usize| number.checked_mul(*unit))
        .ok_or_else(|| format!("expected at most {} bytes", usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("65536", Some(65_536)),
            ("64KiB", Some(65_536)),
            ("10MiB", Some(10 << 20)),
            ("1GiB", Some(1 << 30)),
            ("", None),
            ("KiB", None),
            ("1KB", None),
            ("1kib", None),
            ("-1", None),
            ("+1", None),
            ("1 KiB", None),
            ("1.5MiB", None),
            ("99999999999999999999", None),
            ("99999999999999GiB", None),
        ] {
            assert_eq!(parse(text).ok(), expected, "{text:?}");
        }
    }
}
