//! Which existing name a wrong name was most likely meant to be. Knows only strings.

/// Names longer than this get no "did you mean".
const MAX_COMPARED_CHARS: usize = 64;

/// At most this many candidates are looked at for a wrong name.
const MAX_CANDIDATES: usize = 4096;

/// At most this many pairs of letters are compared for one answer, however many names are wrong: some
/// milliseconds of work.
const MAX_PAIRS: usize = 1 << 20;

/// The candidate that `wanted` was most likely meant to be, if one is near enough: the same but for
/// letter case, or with at most a third of its letters different. Of equally near candidates, the
/// first.
#[must_use]
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    Guesses::default().nearest(wanted, candidates)
}

/// The budget of comparisons for one answer. Guests choose names and candidates, and a comparison
/// takes quadratic time: an answer about several names has one budget for all of them.
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
    /// [`nearest`], which looks at fewer candidates, or at none, where the budget is used up.
    pub fn nearest<'a>(
        &mut self,
        wanted: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        let length = length(wanted)?;
        // Two names of one letter are never near.
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
            // Each letter that one name has more is a difference.
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

/// The length of a name in letters; `None` for a name that is not compared.
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
