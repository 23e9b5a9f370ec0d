//! LZ4, in Rust: text is compressed and expanded.
fn main() {
    let text = guests::text(guests::size());
    let small = lz4_flex::compress_prepend_size(text.as_bytes());
    let back = lz4_flex::decompress_size_prepended(&small).unwrap();
    assert!(back == text.as_bytes());
    println!("{}", small.len());
}
