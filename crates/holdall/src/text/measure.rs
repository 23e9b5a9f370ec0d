//! Sizes and durations as command lines and manifests write them.

use std::time::Duration;

const SIZE_UNITS: [(&str, usize); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("", 1),
];

const DURATION_UNITS: [(&str, f64); 5] = [
    ("ms", 0.001),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("", 1.0),
];

/// Why a text is no size or no duration: what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MeasureError(Box<str>);

/// Reads a size in bytes: `65536`, `64KiB`, `10MiB`, `1GiB`.
///
/// # Errors
///
/// When the text is no size, or more bytes than this machine addresses.
pub fn parse_size(text: &str) -> Result<usize, MeasureError> {
    let (digits, unit) = SIZE_UNITS
        .iter()
        .find_map(|(name, bytes)| Some((text.strip_suffix(name)?, bytes)))
        .expect("every text ends in nothing");
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(MeasureError(
            "expected a number of bytes, or one with KiB, MiB or GiB behind it".into(),
        ));
    }
    digits
        .parse()
        .ok()
        .and_then(|number: usize| number.checked_mul(*unit))
        .ok_or_else(|| MeasureError(format!("expected at most {} bytes", usize::MAX).into()))
}

/// Reads a duration: `500ms`, `10s`, `1.5s`, `5m`, `1h`; a bare number is seconds.
///
/// # Errors
///
/// When the text is no duration, or longer than a [`Duration`] holds.
pub fn parse_duration(text: &str) -> Result<Duration, MeasureError> {
    let (number, unit_seconds) = DURATION_UNITS
        .iter()
        .find_map(|(name, seconds)| Some((text.strip_suffix(name)?, seconds)))
        .expect("every text ends in nothing");
    let is_number = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: Option<f64> = number.parse().ok().filter(|_| is_number);
    let number = number.ok_or_else(|| {
        MeasureError("expected a number with ms, s, m or h behind it, such as 500ms or 10s".into())
    })?;
    Duration::try_from_secs_f64(number * unit_seconds)
        .map_err(|_| MeasureError("expected at most 500,000,000,000 years".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(parse_size(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn durations() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("10s", Some(10_000)),
            ("1.5s", Some(1_500)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("3", Some(3_000)),
            ("0s", Some(0)),
            ("", None),
            ("s", None),
            ("ms", None),
            (".", None),
            ("-1s", None),
            ("1e9s", None),
            ("infs", None),
            ("1 s", None),
            ("1d", None),
            ("99999999999999999999999s", None),
        ] {
            let found = parse_duration(text)
                .ok()
                .map(|duration| duration.as_millis());
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
