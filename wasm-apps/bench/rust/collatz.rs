//! The steps of the Collatz sequences of all numbers up to n, in u64: short unpredictable loops.

fn steps_from(start: u64) -> u64 {
    let mut value = start;
    let mut steps = 0;
    while value != 1 {
        value = if value % 2 == 1 {
            3 * value + 1
        } else {
            value / 2
        };
        steps += 1;
    }
    steps
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: i32) -> i64 {
    let (total, longest) = (1..=n as u64)
        .map(steps_from)
        .fold((0, 0), |(total, longest), steps| {
            (total + steps, steps.max(longest))
        });
    (total << 16 | longest) as i64
}
