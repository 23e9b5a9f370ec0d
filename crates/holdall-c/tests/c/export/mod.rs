//! Programs over `wasm_export.h`.

mod convention;

use std::path::PathBuf;

use crate::support::{Language, Library, Program, modules, package};

/// A directory with the document's modules.
fn document() -> PathBuf {
    package().join("../../bundle")
}

/// A directory with the modules of the tests' programs.
fn folder() -> PathBuf {
    let of_document = ["mA", "mB", "mC"].map(|name| {
        let bytes = std::fs::read(document().join(name).with_extension("wasm")).unwrap();
        (name, bytes)
    });
    let folder = modules(
        "export",
        &[
            ("missing", r#"(module (import "nowhere" "f" (func)))"#),
            (
                "circle",
                r#"(module (import "circle2" "f" (func)) (func (export "g")))"#,
            ),
            (
                "circle2",
                r#"(module (import "circle2" "f" (func)) (func (export "f")))"#,
            ),
            ("sums", SUMS),
            ("natives", NATIVES),
            ("main", MAIN),
            ("counter", COUNTER),
            (
                "left",
                r#"(module (import "counter" "next" (func (result i32))) (export "next" (func 0)))"#,
            ),
            (
                "right",
                r#"(module (import "counter" "next" (func (result i32))) (export "next" (func 0)))"#,
            ),
            ("diamond", DIAMOND),
            ("wasi", WASI),
            ("traps", r#"(module (func $f unreachable) (start $f))"#),
            (
                "big",
                r#"(module (memory (export "memory") 200 1000) (func (export "grow") (param i32) (result i32)
                (memory.grow (local.get 0))))"#,
            ),
        ],
    );
    for (name, bytes) in of_document {
        std::fs::write(folder.join(name).with_extension("wasm"), bytes).unwrap();
    }
    folder
}

const SUMS: &str = r#"(module
    (memory (export "memory") 1)
    (data (i32.const 65530) "\01\01\01\01\01\01")
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "wide") (param i64 f32 f64 i32) (result f64 i64)
        (f64.add (f64.promote_f32 (local.get 1)) (local.get 2))
        (i64.add (local.get 0) (i64.extend_i32_u (local.get 3))))
    (func (export "trap") unreachable)
    (func (export "divide") (result i32) (i32.div_u (i32.const 1) (i32.const 0)))
    (func (export "outside") (result i32) (i32.load (i32.const 65536)))
    (func $endless (export "endless") (call $endless)))"#;

const NATIVES: &str = r#"(module
    (import "env" "sum" (func $sum (param i32 i32 i32) (result i32)))
    (import "env" "again" (func $again (param i32) (result i32)))
    (import "env" "refuse" (func $refuse))
    (import "env" "destroy" (func $destroy (result i32)))
    (import "env" "room" (func $room (param i32) (result i32)))
    (import "env" "half" (func $half (param f32) (result f32)))
    (import "raw" "raw_mul" (func $mul (param i32 i64 i32) (result i64)))
    (memory (export "memory") 1)
    (data (i32.const 16) "\01\02\03")
    (data (i32.const 32) "hello\00")
    (data (i32.const 65530) "\01\01\01\01\01\01")
    (table 3 funcref)
    (elem (i32.const 1) $call_again)
    (export "native_half" (func $half))
    (func (export "sum") (param i32 i32 i32) (result i32)
        (call $sum (local.get 0) (local.get 1) (local.get 2)))
    (func $call_again (export "again") (param i32) (result i32) (call $again (local.get 0)))
    (func (export "refuse") (call $refuse))
    (func (export "destroy") (result i32) (i32.add (call $destroy) (i32.const 1)))
    (func (export "room") (param i32) (result i32) (call $room (local.get 0)))
    (func (export "half") (param f32) (result f32) (call $half (local.get 0)))
    (func (export "mul") (param i32 i64 i32) (result i64)
        (call $mul (local.get 0) (local.get 1) (local.get 2))))"#;

/// Sums the lengths of its arguments, with an allocator of its own.
const MAIN: &str = r#"(module
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (global $freed (export "freed") (mut i32) (i32.const 0))
    (func (export "malloc") (param i32) (result i32)
        (global.get $next)
        (global.set $next (i32.add (global.get $next) (local.get 0))))
    (func (export "free") (param i32) (global.set $freed (i32.add (global.get $freed) (i32.const 1))))
    (func (export "count") (result i32) (global.get $freed))
    (func (export "main") (param $argc i32) (param $argv i32) (result i32)
        (local $sum i32) (local $at i32)
        (block $done
            (loop $next_arg
                (br_if $done (i32.eqz (local.get $argc)))
                (local.set $at (i32.load (local.get $argv)))
                (block $end
                    (loop $next_byte
                        (br_if $end (i32.eqz (i32.load8_u (local.get $at))))
                        (local.set $at (i32.add (local.get $at) (i32.const 1)))
                        (local.set $sum (i32.add (local.get $sum) (i32.const 1)))
                        (br $next_byte)))
                (local.set $argv (i32.add (local.get $argv) (i32.const 4)))
                (local.set $argc (i32.sub (local.get $argc) (i32.const 1)))
                (br $next_arg)))
        (local.get $sum)))"#;

const COUNTER: &str = r#"(module
    (global $n (mut i32) (i32.const 0))
    (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (global.get $n)))"#;

const DIAMOND: &str = r#"(module
    (import "left" "next" (func $left (result i32)))
    (import "right" "next" (func $right (result i32)))
    (func (export "count") (result i32)
        (i32.add (i32.mul (call $left) (i32.const 100)) (call $right))))"#;

/// Writes its first argument, and ends itself with 7.
const WASI: &str = r#"(module
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (drop (call $sizes (i32.const 0) (i32.const 4)))
        (drop (call $args (i32.const 16) (i32.const 256)))
        (i32.store (i32.const 100) (i32.const 256))
        (i32.store (i32.const 104) (i32.load (i32.const 4)))
        (drop (call $write (i32.const 1) (i32.const 100) (i32.const 1) (i32.const 8)))
        (call $exit (i32.const 7))))"#;

/// The output that the document shows.
const SIX_LINES: &str = "\
call \"C\", it will return 0xc:i32, ===> 0xc:i32
call \"call_B\", it will return 0xb:i32, ===> 0xb:i32
call \"call_A\", it will return 0xa:i32, ===>0xa:i32
call \"mB.B\", it will return 0xb:i32, ===>0xb:i32
call \"mB.call_A\", it will return 0xa:i32, ===>0xa:i32
call \"mA.A\", it will return 0xa:i32, ===>0xa:i32
";

#[test]
fn the_document_s_program_prints_its_six_lines() {
    for language in [Language::C99, Language::Cxx17] {
        let program = Program::new("export/document.c")
            .language(language)
            .current_dir(&document());
        program.prints(SIX_LINES);
        program.clone().plain().prints(SIX_LINES);
        program.clone().library(Library::Static).prints(SIX_LINES);
        program.flag("-DHOLDALL_READER_BY_KIND").prints(SIX_LINES);
    }
    let clang = Program::new("export/document.c")
        .compiler("clang")
        .current_dir(&document());
    clang.prints(SIX_LINES);
}

#[test]
fn the_header_stands_alone_and_both_libraries_link() {
    for library in [Library::Shared, Library::Static] {
        for language in [Language::C99, Language::Cxx17] {
            let program = Program::new("export/empty.c").library(library);
            program.language(language).plain().prints("");
        }
    }
}

#[test]
fn what_is_destroyed_in_any_order_is_freed_once() {
    let program = Program::new("export/orders.c").current_dir(&folder());
    program.prints("all orders\n");
    program.language(Language::Cxx17).prints("all orders\n");
}

#[test]
fn wrong_use_is_answered_and_does_not_crash() {
    let expected = "\
Exception: unreachable
Exception: integer divide by zero
Exception: out of bounds memory access
Exception: call stack exhausted
Exception: lookup function nothing failed
Exception: lookup function failed: its name is null or no UTF-8
Exception: invalid input argument count: expected 2 for (func (param i32 i32) (result i32)), found 1
Exception: invalid input argument count
Exception: invalid input argument 0
Exception: invalid input argument 0: 12abc: expected i32, 'a' does not belong to it
0x20:i32
";
    let program = Program::new("export/misuse.c").current_dir(&folder());
    program.prints(expected);
    program.language(Language::Cxx17).prints(expected);
}

#[test]
fn native_functions_are_called_and_end_their_guests() {
    let program = Program::new("export/natives.c").current_dir(&folder());
    program.prints("natives\n");
    program.language(Language::Cxx17).prints("natives\n");
}

#[test]
fn readers_of_both_types_are_asked_and_small_pools_are_refused() {
    let expected = "Exception: integer divide by zero\n".repeat(2);
    for language in [Language::C99, Language::Cxx17] {
        let program = Program::new("export/readers.c")
            .language(language)
            .current_dir(&folder());
        program.prints(&expected);
        program.flag("-DHOLDALL_READER_BY_KIND").prints(&expected);
    }
}

#[test]
fn programs_link_modules_as_the_standard_has_it() {
    let expected = "0x66:i32\n0x4:i32\nhello from wasi\0";
    Program::new("export/programs.c")
        .current_dir(&folder())
        .prints(expected);
}
