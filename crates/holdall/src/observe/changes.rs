//! What differs between the bytes of a memory before and after.

/// Two changes of a memory that are this near to each other are told as one.
const NEAR_BYTES: usize = 16;

/// Calls `tell` with each stretch of `after` that differs from `before`. A memory does not shrink.
pub(super) fn for_each_change(before: &[u8], after: &[u8], mut tell: impl FnMut(usize, &[u8])) {
    const BLOCK: usize = 4096;
    let mut pending: Option<(usize, usize)> = None;
    for (block, (old, new)) in before.chunks(BLOCK).zip(after.chunks(BLOCK)).enumerate() {
        if new.starts_with(old) {
            continue;
        }
        for (at, (old, new)) in old.iter().zip(new).enumerate() {
            if old == new {
                continue;
            }
            let at = block * BLOCK + at;
            match &mut pending {
                Some((_, end)) if at - *end < NEAR_BYTES => *end = at + 1,
                _ => {
                    if let Some((from, end)) = pending.replace((at, at + 1)) {
                        tell(from, &after[from..end]);
                    }
                }
            }
        }
    }
    if let Some((from, end)) = pending {
        tell(from, &after[from..end]);
    }
}

#[cfg(test)]
mod tests {
    use super::for_each_change;

    fn changes(before: &[u8], after: &[u8]) -> Vec<(usize, Vec<u8>)> {
        let mut told = Vec::new();
        for_each_change(before, after, |at, bytes| told.push((at, bytes.to_vec())));
        told
    }

    #[test]
    fn changes_that_are_near_are_told_as_one() {
        let before = vec![0; 10_000];
        let mut after = before.clone();
        assert_eq!(changes(&before, &after), []);
        after[0] = 1;
        after[9] = 2;
        after[4095] = 3;
        after[4096] = 4;
        after[9_999] = 5;
        let expected = [
            (0, vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 2]),
            (4095, vec![3, 4]),
            (9_999, vec![5]),
        ];
        assert_eq!(changes(&before, &after), expected);
    }
}
