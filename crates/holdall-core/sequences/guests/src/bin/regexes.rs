//! Regular expressions over text.
fn main() {
    let text = guests::text(guests::size());
    let mut found = 0;
    for pattern in [
        r"\w+@\w+\.\w+",
        r"(\d{4})-(\d\d)-(\d\d)",
        r"(?i)\bl[a-z]+(?:er|g)\b",
        r"[aeiou]{2}",
    ] {
        let regex = regex::Regex::new(pattern).unwrap();
        found += regex
            .captures_iter(&text)
            .map(|c| c[0].len())
            .sum::<usize>();
        found += regex.replace_all(&text, "<$0>").len();
    }
    println!("{found}");
}
