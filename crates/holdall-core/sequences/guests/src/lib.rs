//! What the guests share: their size, and data that is the same everywhere.

/// The first argument.
pub fn size() -> usize {
    let size = std::env::args().nth(1).and_then(|size| size.parse().ok());
    size.expect("the first argument is a number")
}

/// Numbers that look random.
pub struct Numbers(pub u64);

impl Iterator for Numbers {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Some((self.0 >> 11) as usize)
    }
}

/// Text of `words` words, a sentence a line.
pub fn text(words: usize) -> String {
    const WORDS: [&str; 24] = [
        "the",
        "of",
        "bag",
        "module",
        "a",
        "linker",
        "carries",
        "sand",
        "42",
        "every",
        "name",
        "is",
        "not",
        "found",
        "[here](there)",
        "*twice*",
        "in",
        "memory",
        "2026-11-29",
        "to",
        "and",
        "user@example.org",
        "`code`",
        "long",
    ];
    let mut text = String::new();
    for number in Numbers(7).take(words) {
        text.push_str(WORDS[number % WORDS.len()]);
        text.push_str(if number % 131 < 11 { ".\n" } else { " " });
    }
    text
}
