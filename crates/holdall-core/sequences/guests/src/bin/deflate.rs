//! Deflate, in Rust: text is compressed and expanded.
use miniz_oxide::{deflate, inflate};
fn main() {
    let text = guests::text(guests::size());
    let small = deflate::compress_to_vec(text.as_bytes(), 6);
    let back = inflate::decompress_to_vec(&small).unwrap();
    assert!(back == text.as_bytes());
    println!("{}", small.len());
}
