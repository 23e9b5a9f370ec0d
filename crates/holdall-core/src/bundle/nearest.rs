//! Which existing name a wrong name was most likely meant to be. Knows only strings.

/// Names longer than this get no "did you mean": they are no slips of the pen.
const MAX_COMPARED_CHARS: usize = 64;

/// At most this many candidates are looked at for a wrong name.
const MAX_CANDIDATES: usize = 4096;

/// At most this many pairs of letters are compared for one answer, however many names are wrong: some
/// milliseconds of work.
const MAX_PAIRS: usize = 1 << 20;

/// The candidate that `wanted` was most likely meant to be, if one is near enough: the same but for
/// letter case, or a third of its letters or fewer away. The first of equally near ones.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    Guesses::default().nearest(wanted, candidates)
}

/// The guesses that one answer may have. Who asks chooses names and candidates, and the comparison is
/// quadratic: whoever tells of several names at once has one of these for all of them.
#[derive(Debug)]
pub struct Guesses {
    /// How many pairs of letters may still be compared.
    pairs: usize,
}

impl Default for Guesses {
    fn default() -> Self {
        Self { pairs: MAX_PAIRS }
    }
}

impl Guesses {
    /// What [`nearest`] says; of fewer candidates, or of none, where the guesses are used up.
    pub fn nearest<'a>(
        &mut self,
        wanted: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        let length = length(wanted)?;
        // One letter for another is no likeness between names of one letter.
        let allowed = (length / 3).max(1).min(length - 1);
        let folded = wanted.to_lowercase();
        let mut best: Option<(usize, &str)> = None;
        for candidate in candidates.into_iter().take(MAX_CANDIDATES) {
            // To look at a candidate takes time too.
            let Some(pairs) = self.pairs.checked_sub(MAX_COMPARED_CHARS) else {
                break;
            };
            self.pairs = pairs;
            let Some(other) = self::length(candidate) else {
                continue;
            };
            // Letters that one of them has more are so many slips.
            if candidate == wanted || other.abs_diff(length) > (length / 3).max(1) {
                continue;
            }
            let distance = if candidate.to_lowercase() == folded {
                0
            } else {
                let Some(pairs) = self.pairs.checked_sub(length * other) else {
                    break;
                };
                self.pairs = pairs;
                strsim::damerau_levenshtein(wanted, candidate)
            };
            if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, candidate));
            }
        }
        best.map(|(_, candidate)| candidate)
    }
}

/// The letters of a name that is compared.
fn length(name: &str) -> Option<usize> {
    let length = name.chars().take(MAX_COMPARED_CHARS + 1).count();
    (1..=MAX_COMPARED_CHARS).contains(&length).then_some(length)
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
    fn guesses_end_however_many_names_are_wrong() {
        let candidates: Vec<String> = (0..4096).map(|at| format!("{at:064}")).collect();
        let mut guesses = Guesses::default();
        let mut asked = 0;
        for at in 0..10_000 {
            let wanted = format!("{at:063}x");
            let mut counted = candidates.iter().inspect(|_| asked += 1);
            guesses.nearest(&wanted, counted.by_ref().map(String::as_str));
        }
        assert!(guesses.pairs < 65 * 64, "{}", guesses.pairs);
        // All but the first few names take one look at a candidate, which is not compared.
        assert!(asked < 10_000 + MAX_PAIRS / (64 * 64) + 4096, "{asked}");
    }

    #[test]
    fn nearest_leaves_names_alone_that_are_too_long_to_compare() {
        let long = "x".repeat(100_000);
        let near = format!("{long}y");
        assert_eq!(nearest(&long, [near.as_str()]), None);
    }
}
