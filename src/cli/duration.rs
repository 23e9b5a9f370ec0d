//! Durations as a command line gives them: `500ms`, `10s`, `1.5s`, `5m`, `1h`; a bare number is
//! seconds.

use std::time::Duration;

const UNITS: [(&str, f64); 5] = [
    ("ms", 0.001),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("", 1.0),
];

/// A duration.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let (number, unit_seconds) = UNITS
        .iter()
        .find_map(|(name, seconds)| Some((text.strip_suffix(name)?, seconds)))
        .expect("every text ends in nothing");
    let is_number = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: Option<f64> = number.parse().ok().filter(|_| is_number);
    let number =
        number.ok_or("expected a number with ms, s, m or h behind it, such as 500ms or 10s")?;
    Duration::try_from_secs_f64(number * unit_seconds)
        .map_err(|_| "expected at most 500,000,000,000 years".to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse;

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
            let found = parse(text).ok().map(|duration| duration.as_millis());
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
