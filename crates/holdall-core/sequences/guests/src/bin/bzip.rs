//! bzip2, in C: text is compressed and expanded.
use std::io::Read;
fn main() {
    let text = guests::text(guests::size());
    let mut small = Vec::new();
    bzip2::read::BzEncoder::new(text.as_bytes(), bzip2::Compression::new(6))
        .read_to_end(&mut small)
        .unwrap();
    let mut back = Vec::new();
    bzip2::read::BzDecoder::new(&*small)
        .read_to_end(&mut back)
        .unwrap();
    assert!(back == text.as_bytes());
    println!("{}", small.len());
}
