//! Zstandard, in C: text is compressed at two levels and expanded.
fn main() {
    let text = guests::text(guests::size());
    for level in [3, 9] {
        let small = zstd::bulk::compress(text.as_bytes(), level).unwrap();
        let back = zstd::bulk::decompress(&small, text.len()).unwrap();
        assert!(back == text.as_bytes());
        println!("{}", small.len());
    }
}
