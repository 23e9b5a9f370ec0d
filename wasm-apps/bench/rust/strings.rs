//! n KiB of text are scanned: words counted, letters folded to lower case and counted, and a few
//! needles looked for. Iterators over bytes, and comparisons of slices.

mod common;

use common::{CHECKSUM_START, Random, checksum};

const NEEDLES: [&str; 5] = ["holdall", "the bag", "memory", "no such thing", "zz"];

const VOCABULARY: [&str; 16] = [
    "The", "bag", "holdall", "memory", "module", "of", "A", "imports", "table", "Linker", "and",
    "zigzag", "is", "jazz", "trap", "function",
];

fn text_of_size(size: usize) -> Vec<u8> {
    let mut random = Random(0xc0ffee);
    let mut text = Vec::new();
    while text.len() < size {
        let random = random.draw();
        text.extend_from_slice(VOCABULARY[(random & 15) as usize].as_bytes());
        text.push(if random >> 28 == 0 { b'\n' } else { b' ' });
    }
    text.truncate(size);
    text
}

fn count_words(text: &[u8]) -> usize {
    text.split(|byte| matches!(byte, b' ' | b'\n' | b'\t'))
        .filter(|word| !word.is_empty())
        .count()
}

fn fold_and_count(text: &mut [u8]) -> u64 {
    let mut counts = [0; 256];
    for byte in text {
        byte.make_ascii_lowercase();
        counts[usize::from(*byte)] += 1;
    }
    counts.into_iter().fold(CHECKSUM_START, checksum)
}

fn occurrences(text: &[u8], needle: &str) -> usize {
    let needle = needle.as_bytes();
    text.windows(needle.len())
        .filter(|window| *window == needle)
        .count()
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: i32) -> i64 {
    let mut text = text_of_size(n as usize * 1024);
    let mut sum = checksum(CHECKSUM_START, count_words(&text) as u64);
    sum = checksum(sum, fold_and_count(&mut text));
    for needle in NEEDLES {
        sum = checksum(sum, occurrences(&text, needle) as u64);
    }
    sum as i64
}
