//! n calls through a table of eight functions, chosen by a pseudo-random number.

mod common;

use common::Random;

type Step = fn(value: u32, random: u32) -> u32;

static STEPS: [Step; 8] = [
    |value, random| value.wrapping_add(random),
    |value, random| value.wrapping_sub(random),
    |value, random| value ^ random,
    |value, random| value.wrapping_mul(random | 1),
    |value, random| value.rotate_left(7).wrapping_add(random & 7),
    |value, random| value & (random | 0xffff),
    |value, random| value | (random & 0xff00),
    |value, random| (!value).wrapping_add(random >> 16),
];

#[unsafe(no_mangle)]
pub extern "C" fn run(n: i32) -> i64 {
    let mut random = Random(0x5eed_5eed);
    let value = (0..n).fold(0, |value, _| {
        let random = random.draw();
        STEPS[(random >> 29) as usize](value, random)
    });
    i64::from(value)
}
