//! SHA-256 and SHA-512.
use sha2::Digest;
fn main() {
    let text = guests::text(guests::size());
    let (short, long) = (sha2::Sha256::digest(&text), sha2::Sha512::digest(&text));
    println!("{short:x} {long:x}");
}
