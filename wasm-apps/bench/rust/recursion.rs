//! Fibonacci numbers by two calls each, of which the compiler may make a loop of the second.

fn fib(n: i32) -> i32 {
    if n < 2 {
        return n;
    }
    fib(n - 1).wrapping_add(fib(n - 2))
}

#[unsafe(no_mangle)]
pub extern "C" fn run(n: i32) -> i64 {
    i64::from(fib(n))
}
