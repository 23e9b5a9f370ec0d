//! The names of modules: which are built in, and which existing name a wrong one was meant to be.
//! Knows only strings, so that the build script can take this file by its path.

/// Names that stand for the host and never for a module of a reader, a registry or a bundle.
pub(crate) const BUILTIN: [&str; 4] = ["env", "wasi_unstable", "wasi_snapshot_preview1", ""];

/// Names longer than this get no "did you mean": the comparison is quadratic, and a guest chooses
/// its names.
const MAX_COMPARED_CHARS: usize = 64;

/// At most this many candidates are compared with a wrong name.
const MAX_CANDIDATES: usize = 4096;

/// Whether `name` stands for the host, and never for a module.
pub(crate) fn is_builtin(name: &str) -> bool {
    BUILTIN.contains(&name)
}

/// Whether `name` is one of WASI preview 0 or 1.
pub(crate) fn is_wasi(name: &str) -> bool {
    matches!(name, "wasi_unstable" | "wasi_snapshot_preview1")
}

/// The candidate that `wanted` was most likely meant to be, if one is near enough: the same but for
/// letter case, or a third of its letters or fewer away. The first of equally near ones.
pub(crate) fn nearest<'a>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let length = wanted.chars().take(MAX_COMPARED_CHARS + 1).count();
    if length == 0 || length > MAX_COMPARED_CHARS {
        return None;
    }
    let folded = wanted.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.into_iter().take(MAX_CANDIDATES) {
        if candidate == wanted
            || candidate.chars().take(MAX_COMPARED_CHARS + 1).count() > MAX_COMPARED_CHARS
        {
            continue;
        }
        let distance = if candidate.to_lowercase() == folded {
            0
        } else {
            strsim::damerau_levenshtein(wanted, candidate)
        };
        let allowed = (length / 3).max(1);
        // One letter for another is no likeness between names of one letter.
        let alike = distance == 0 || (distance <= allowed && distance < length);
        if alike && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_takes_slips_of_the_pen_and_letter_case_and_nothing_far() {
        let names = ["call_A", "memory", "B"];
        for (wanted, expected) in [
            ("call_a", Some("call_A")),
            ("cal_A", Some("call_A")),
            ("mem0ry", Some("memory")),
            ("b", Some("B")),
            ("C", None),
            ("something_else", None),
            ("", None),
        ] {
            assert_eq!(nearest(wanted, names), expected, "{wanted:?}");
        }
    }

    #[test]
    fn nearest_leaves_names_alone_that_are_too_long_to_compare() {
        let long = "x".repeat(100_000);
        let near = format!("{long}y");
        assert_eq!(nearest(&long, [near.as_str()]), None);
    }
}
