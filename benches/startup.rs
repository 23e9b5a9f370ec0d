//! Times the way from bytes to a module, eagerly and lazily lowered, and counts the memory that the
//! module then holds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use holdall_benches::{Options, Table, milliseconds, timed};

const USAGE: &str = "\
usage: cargo bench --bench startup -- [--reps N] [--best] [PATH]...
    PATH        a .wasm file to take; without one, a module is made up
    --reps N    how often each is measured (default 5)
    --best      count the fastest repetition, not the median";

/// The size of the module that is made up, in functions.
const FUNCTIONS: u32 = 50_000;

/// Counts the bytes that are allocated.
struct Counting;

static HELD_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all work is handed to the system's allocator, with the arguments that came in.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        HELD_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc_zeroed`'s contract, which is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        HELD_BYTES.fetch_add(new_size, Ordering::Relaxed);
        HELD_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `realloc`'s contract, which is the same.
        unsafe { System.realloc(pointer, layout, new_size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `dealloc`'s contract, which is the same.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Something that is made of a module's bytes. What it returns is kept while memory is counted.
type Way = (&'static str, fn(&'static [u8]) -> Result<Box<dyn Any>>);

fn keep<T: 'static, E: Into<anyhow::Error>>(made: Result<T, E>) -> Result<Box<dyn Any>> {
    Ok(Box::new(made.map_err(Into::into)?))
}

fn module(wasm: &'static [u8], lowering: holdall::Lowering) -> Result<Box<dyn Any>> {
    let engine = holdall::Engine::new(holdall::Config::new().lowering(lowering));
    keep(holdall::Module::from_static(&engine, wasm))
}

const WAYS: &[Way] = &[
    ("wasmparser, validation alone", |wasm| {
        keep(wasmparser::validate(wasm))
    }),
    ("lazy lowering", |wasm| {
        module(wasm, holdall::Lowering::Lazy)
    }),
    ("eager lowering", |wasm| {
        module(wasm, holdall::Lowering::Eager)
    }),
];

fn main() -> Result<()> {
    let options = Options::from_command_line(USAGE)?;
    if options.words.is_empty() {
        return compare(&options, "a module that is made up", made_up(FUNCTIONS));
    }
    for path in &options.words {
        let wasm = std::fs::read(path).with_context(|| format!("cannot read {path}"))?;
        compare(&options, path, wasm)?;
    }
    Ok(())
}

/// Prints the table for one module.
fn compare(options: &Options, title: &str, wasm: Vec<u8>) -> Result<()> {
    // Leaked, so that a module may keep it without a copy.
    let wasm: &'static [u8] = wasm.leak();
    let code_bytes = code_section_bytes(wasm)?;
    println!(
        "{title}: {:.1} MB, of which {:.1} MB are code\n",
        wasm.len() as f64 / 1e6,
        code_bytes as f64 / 1e6
    );
    let mut times = vec![Vec::new(); WAYS.len()];
    let mut held = vec![0; WAYS.len()];
    for _ in 0..options.reps {
        for (way, (name, make)) in WAYS.iter().enumerate() {
            let before = HELD_BYTES.load(Ordering::Relaxed);
            let (time, made) = timed(|| make(wasm));
            let made = made.with_context(|| format!("{name} does not take the module"))?;
            held[way] = HELD_BYTES.load(Ordering::Relaxed) - before;
            drop(made);
            times[way].push(milliseconds(time));
        }
    }
    let mut table = Table::new(["way", "ms", "MB/s", "held MB", "held / code"]);
    for ((times, held), (name, _)) in times.into_iter().zip(held).zip(WAYS) {
        let time = options.pick(&times);
        table.row([
            (*name).to_owned(),
            format!("{time:.1}"),
            format!("{:.0}", wasm.len() as f64 / 1e3 / time),
            format!("{:.1}", held as f64 / 1e6),
            format!("{:.2}", held as f64 / code_bytes as f64),
        ]);
    }
    table.print();
    println!(
        "\n{} of {} repetitions, ways by turns",
        options.statistic(),
        options.reps
    );
    Ok(())
}

fn code_section_bytes(wasm: &[u8]) -> Result<usize> {
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        if let wasmparser::Payload::CodeSectionStart { size, .. } = payload? {
            return Ok(size as usize);
        }
    }
    Ok(0)
}

/// A valid module of so many functions. Each has a loop with arithmetic, memory and a branch, and
/// calls the one before it.
fn made_up(functions: u32) -> Vec<u8> {
    use wasm_encoder::{
        CodeSection, FunctionSection, MemorySection, MemoryType, Module, TypeSection, ValType,
    };
    let mut types = TypeSection::new();
    types
        .ty()
        .function([ValType::I32, ValType::I32], [ValType::I32]);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 16,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut declared = FunctionSection::new();
    let mut code = CodeSection::new();
    for function in 0..functions {
        declared.function(0);
        code.function(&body(function));
    }
    let mut module = Module::new();
    module
        .section(&types)
        .section(&declared)
        .section(&memories)
        .section(&code);
    module.finish()
}

/// The body of one function, whose constants, offsets and callee differ from its neighbours'.
fn body(function: u32) -> wasm_encoder::Function {
    use wasm_encoder::{BlockType, Function, MemArg, MemArgTarget, ValType};
    let (x, count, value) = (0, 1, 2);
    let at = MemArg {
        offset: u64::from(function & 0xffff),
        align: 2,
        target: MemArgTarget::Memory(0),
        ordering: None,
    };
    let mut body = Function::new([(1, ValType::I32)]);
    body.instructions()
        .loop_(BlockType::Empty)
        // value = x * constant + count
        .local_get(x)
        .i32_const((function & 0xfff) as i32)
        .i32_mul()
        .local_get(count)
        .i32_add()
        .local_set(value)
        // memory[(value & 63) + offset] = value
        .local_get(value)
        .i32_const(63)
        .i32_and()
        .local_get(value)
        .i32_store(at)
        // x = x < memory[(count & 63) + offset] ? x ^ value : x >> 1
        .local_get(x)
        .local_get(count)
        .i32_const(63)
        .i32_and()
        .i32_load(at)
        .i32_lt_s()
        .if_(BlockType::Empty)
        .local_get(x)
        .local_get(value)
        .i32_xor()
        .local_set(x)
        .else_()
        .local_get(x)
        .i32_const(1)
        .i32_shr_u()
        .local_set(x)
        .end()
        // Around again, count times.
        .local_get(count)
        .i32_const(1)
        .i32_sub()
        .local_tee(count)
        .br_if(0)
        .end()
        .local_get(x)
        .local_get(value)
        .call(function.saturating_sub(1))
        .end();
    body
}
