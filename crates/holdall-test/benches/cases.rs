//! What a thousand small cases take: their modules are compiled once, and each case has a store of its
//! own.
//!
//! ```text
//! cargo bench -p holdall-test --bench cases [-- CASES [THREADS]]
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use holdall_test::{Case, Expect, Fault, Mock, Modules, Subject};

const ADD: &str = r#"(module (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))"#;
const ASKS: &str = r#"(module (import "env" "rate" (func $rate (param i32) (result i32)))
    (func (export "price") (param i32) (result i32)
        (i32.mul (local.get 0) (call $rate (i32.const 7)))))"#;

/// A WASI program of the repository, compiled from C.
fn program(name: &str) -> Subject {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wasm-apps/wasi");
    let found = Modules::new().file(format!("{dir}/{name}.wasm"));
    found.unwrap_or_else(|error| panic!("{error}"))
}

fn main() {
    // cargo passes `--bench`.
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse().ok());
    let cases: usize = numbers.next().unwrap_or(1000);
    let threads: usize = numbers.next().unwrap_or(2);
    println!("{cases} cases on {threads} threads:");

    let add = Modules::new().wat(ADD).unwrap();
    let add = Case::call(&add, "add").args([2, 3]);
    run("a call", &add, &Expect::new().results([5]), cases, threads);

    let asks = Modules::new().wat(ASKS).unwrap();
    let rate = Mock::func("env", "rate")
        .expect_args([7])
        .returns([3])
        .times(1);
    let asks = Case::call(&asks, "price").arg(5).mock(rate);
    run(
        "a call with a mock",
        &asks,
        &Expect::new().results([15]),
        cases,
        threads,
    );

    let copy = program("copy");
    let copy = Case::program(&copy)
        .args(["/from", "/to"])
        .file("/from", "what is copied");
    let copied = Expect::new().exit(0).file("/to", "what is copied");
    run("a program with files", &copy, &copied, cases, threads);

    let short = copy.fault(Fault::short("fd_read", 5));
    run("a program with a fault", &short, &copied, cases, threads);
}

fn run(what: &str, case: &Case, expect: &Expect, cases: usize, threads: usize) {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < cases {
                    case.run().unwrap().assert(expect);
                }
            });
        }
    });
    let took = begun.elapsed();
    println!(
        "  {what:<24} {:8.1} ms, {:6.1} µs each and thread",
        took.as_secs_f64() * 1e3,
        took.as_secs_f64() * 1e6 * threads as f64 / cases as f64
    );
}
