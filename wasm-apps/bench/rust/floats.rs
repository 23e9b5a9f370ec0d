//! n steps of an explicit heat equation on a row of 1,000 f32 cells: windows, clamps, conversions.

mod common;

use common::{CHECKSUM_START, Random, checksum};

const CELLS: usize = 1000;

#[unsafe(no_mangle)]
pub extern "C" fn run(n: i32) -> i64 {
    let mut random = Random(0xf10a75);
    let mut now: Vec<f32> = (0..CELLS).map(|_| (random.draw() & 1023) as f32).collect();
    // Both rows have the same first and last cell, which no step changes. The source that the
    // kernel in C sets in the middle is overwritten before it is read, so there is none here.
    let mut next = now.clone();
    for _ in 0..n {
        for (to, window) in next[1..].iter_mut().zip(now.windows(3)) {
            let flow = window[0] - 2.0 * window[1] + window[2];
            *to = (window[1] + 0.24 * flow).clamp(0.0, 1023.0);
        }
        std::mem::swap(&mut now, &mut next);
    }
    now.iter()
        .map(|cell| (cell * 4096.0) as i64 as u64)
        .fold(CHECKSUM_START, checksum) as i64
}
