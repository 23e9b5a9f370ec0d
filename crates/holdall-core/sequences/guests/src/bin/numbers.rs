//! Long integers: a factorial, powers and their digits.
use num_bigint::BigUint;
fn main() {
    let mut product = BigUint::from(1u8);
    for n in 1..=guests::size() {
        product *= n;
    }
    let modulus = (BigUint::from(1u8) << 521) - 1u8;
    let power = BigUint::from(3u8).modpow(&(product.clone() >> 5000), &modulus);
    println!("{} {}", product.to_string().len(), power.to_string().len());
}
