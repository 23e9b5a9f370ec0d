//! The primes below n by the sieve of Eratosthenes, one bool a number: stores with a stride.

#[unsafe(no_mangle)]
pub extern "C" fn run(n: i32) -> i64 {
    let limit = n as usize;
    let mut composite = vec![false; limit];
    for i in (2..).take_while(|i| i * i < limit) {
        if !composite[i] {
            for k in (i * i..limit).step_by(i) {
                composite[k] = true;
            }
        }
    }
    let primes = composite
        .iter()
        .enumerate()
        .skip(2)
        .filter(|(_, composite)| !**composite);
    let (count, last) = primes.fold((0, 0), |(count, _), (prime, _)| (count + 1, prime));
    count << 32 | last as i64
}
