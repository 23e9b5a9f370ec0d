//! Writes the machine code of a module's functions, and prints where the functions lie: to be disassembled.
//!
//! `cargo run -p holdall-native --example text -- MODULE.wasm TEXT`, then
//! `objdump -D -b binary -m i386:x86-64 TEXT`.

use std::borrow::Cow;
use std::time::Instant;

use holdall_core::bounds::Bounds;
use holdall_core::clock::Clock;
use holdall_core::module::Sections;
use holdall_native::{Options, compile};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, module, to] = &args[..] else {
        panic!("usage: text MODULE.wasm TEXT");
    };
    let bytes = wat::parse_file(module).expect("the module is readable");
    let bounds = Bounds::default();
    let sections = Sections::read(Cow::Owned(bytes), &bounds, &Clock::default());
    let sections = sections.expect("the module is valid");
    let options = Options::host().expect("native code runs here");
    let begin = Instant::now();
    let code = compile(&sections, &options);
    let took = begin.elapsed();
    let mut native = 0;
    for (index, function) in (0..).zip(&code.functions) {
        let body = sections.body(index).range();
        let size = body.end - body.start;
        match function {
            Some(function) => {
                native += 1;
                println!(
                    "{:8x} {:6} function {}, of {size}",
                    function.start,
                    function.end - function.start,
                    sections.func_index(index)
                );
            }
            None => println!(
                "{:8} function {}, of {size}",
                "interpreted",
                sections.func_index(index)
            ),
        }
    }
    let bodies: u64 = (0..sections.num_defined_funcs() as u32)
        .map(|index| sections.body(index).range())
        .map(|body| body.end - body.start)
        .sum();
    println!(
        "{native} of {} functions, {bodies} bytes of bodies, {} of text, {} places, {took:?}",
        code.functions.len(),
        code.text.len(),
        code.places.len()
    );
    std::fs::write(to, &code.text).expect("the text can be written");
}
