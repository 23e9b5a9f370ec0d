//! What the code generator makes of modules: the same everywhere, and well formed.

use std::borrow::Cow;

use holdall_core::bounds::Bounds;
use holdall_core::clock::Clock;
use holdall_core::module::Sections;
use holdall_core::native::{Isa, NativeCode, Settings};
use holdall_native::{Options, compile};

fn sections(text: &str) -> Sections {
    let bytes = wat::parse_str(text).unwrap();
    Sections::read(Cow::Owned(bytes), &Bounds::default(), &Clock::default()).unwrap()
}

/// What a module becomes for both instruction sets and all settings, each function verified.
fn compiled(text: &str) -> Vec<NativeCode> {
    let sections = sections(text);
    let mut all = Vec::new();
    for isa in [Isa::X86_64, Isa::Aarch64] {
        for bits in 0..8 {
            let options = Options {
                settings: Settings {
                    metering: bits & 1 != 0,
                    canonical_nans: bits & 2 != 0,
                    guarded_addresses: bits & 4 != 0,
                },
                verify: true,
                ..Options::baseline(isa)
            };
            let code = compile(&sections, &options);
            assert_eq!(code.text, compile(&sections, &options).text, "{options:?}");
            all.push(code);
        }
    }
    all
}

/// Which functions of a module have native code: all settings agree.
fn covered(text: &str) -> Vec<bool> {
    let all = compiled(text).into_iter();
    let mut all = all.map(|code| code.functions.iter().map(Option::is_some).collect());
    let first: Vec<bool> = all.next().unwrap();
    assert!(all.all(|other| other == first));
    first
}

#[test]
fn control_calls_memories_and_tables_are_covered() {
    let text = r#"(module
        (import "m" "f" (func $host (param i32 f64) (result i64)))
        (import "m" "g" (global $imported (mut i64)))
        (type $pair (func (param i32) (result i32 v128)))
        (memory 1) (memory i64 1)
        (table $t 10 funcref)
        (elem (table $t) (i32.const 0) func $loops $pair)
        (global $v (mut v128) (v128.const i64x2 1 2))
        (data $d "abc")
        (func $loops (param i32) (result i32) (local i64 v128 f32)
            (block $out (loop $again
                (br_if $out (local.get 0))
                (br_table $out $again $out (local.get 0))))
            (block (result i32) (br_if 0 (i32.const 1) (local.get 0)))
            (if (param i32) (result i32) (local.get 0)
                (then (drop) (i32.const 2)) (else)))
        (func $pair (type $pair) (local.get 0) (global.get $v))
        (func (param i32) (result i32 v128)
            (call_indirect $t (type $pair) (local.get 0) (local.get 0)))
        (func (param i32 i64) (result i32 i64)
            (i32.load offset=8 (local.get 0)) (drop)
            (i32.store offset=16 (local.get 0) (i32.load (local.get 0)))
            (i32.store8 1 offset=0xffffffffffff (local.get 1) (i32.const 1))
            (memory.fill (local.get 0) (i32.const 1) (local.get 0))
            (memory.copy 0 1 (local.get 0) (local.get 1) (local.get 0))
            (memory.init $d (local.get 0) (i32.const 0) (i32.const 1))
            (data.drop $d)
            (memory.grow (i32.const 1))
            (memory.size 1))
        (func (param i32) (result i64)
            (global.set $imported (i64.const 1))
            (call $host (local.get 0) (f64.load (local.get 0))))
        (func (param i32) (table.set $t (local.get 0) (table.get $t (local.get 0)))
            (drop (table.grow $t (ref.null func) (table.size $t))))
        (func $down (param i32 i64) (result i64)
            (if (local.get 0) (then (return_call $down (i32.const 0) (local.get 1))))
            (local.get 1))
        (func $even (param i32) (result i32)
            (return_call $odd (local.get 0)))
        (func $odd (param i32) (result i32)
            (return_call_indirect $t (param i32) (result i32) (local.get 0) (local.get 0)))
        (func (param i32) (result i32 v128)
            (call $pair (local.get 0)) (unreachable))
    )"#;
    assert_eq!(covered(text), [true; 10]);
}

#[test]
fn constants_of_all_types_are_covered() {
    let text = r#"(module
        (func (result i32) (i32.const -1))
        (func (result i64) (i64.const -1))
        (func (result f32) (f32.const nan:0x200001))
        (func (result f64) (f64.const -0x1.8p3))
        (func (result v128) (v128.const f32x4 1 2 3 4)))"#;
    assert_eq!(covered(text), [true; 5]);
}

/// The kernels are ordinary programs: if a function of theirs stays interpreted, many others' do.
#[test]
fn kernels_are_covered_whole() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wasm-apps/bench");
    let mut kernels = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "wasm") {
            let bytes = Cow::Owned(std::fs::read(&path).unwrap());
            let sections = Sections::read(bytes, &Bounds::default(), &Clock::default()).unwrap();
            let code = compile(&sections, &Options::baseline(Isa::X86_64));
            assert!(
                code.functions.iter().all(Option::is_some),
                "{}",
                path.display()
            );
            kernels += 1;
        }
    }
    assert!(kernels >= 13, "{dir} has {kernels} kernels");
}

/// What a body of a function without parameters becomes.
fn of_body(locals: usize, body: &str) -> NativeCode {
    let locals = "i32 ".repeat(locals);
    let sections = sections(&format!("(module (func (local {locals}) {body}))"));
    compile(&sections, &Options::baseline(Isa::X86_64))
}

#[test]
fn functions_that_would_take_minutes_stay_interpreted() {
    let changes = |count: usize| {
        let change =
            |local| format!("(local.set {local} (i32.add (local.get {local}) (local.get 0)))");
        (0..count).map(change).collect::<String>()
    };
    let nested = |depth: usize, inside: &str| {
        let end = "(br_if 0 (local.get 0)))".repeat(depth);
        format!("{}{inside}{end}", "(loop ".repeat(depth))
    };
    let branches = "(if (local.get 0) (then (local.set 1 (local.get 2))))".repeat(2000);
    let carried = "(br_if 0 (local.get 0))".repeat(2000);
    let results = "i32 ".repeat(1000);
    let values = "(local.get 0)".repeat(1000);
    let dropped = "(drop)".repeat(1000);
    for (what, locals, body) in [
        ("locals through loops", 300, nested(300, &changes(300))),
        (
            "many locals through many loops",
            3000,
            nested(3000, &changes(3000)),
        ),
        (
            "locals in many blocks",
            20_000,
            format!("{}{branches}", changes(20_000)),
        ),
        (
            "values along with branches",
            1,
            format!("(block (result {results}) {values}{carried}){dropped}"),
        ),
    ] {
        assert!(of_body(locals, &body).functions[0].is_none(), "{what}");
    }
    for (what, locals, body) in [
        (
            "some locals through some loops",
            30,
            nested(8, &changes(30)),
        ),
        ("many locals", 2000, changes(2000)),
        (
            "many traps",
            1,
            "(drop (i32.div_u (i32.const 1) (local.get 0)))".repeat(3000),
        ),
    ] {
        assert!(of_body(locals, &body).functions[0].is_some(), "{what}");
    }
}

#[test]
fn a_function_for_which_there_is_no_time_stays_interpreted() {
    let sections = sections("(module (func) (func (loop (br 0))))");
    let options = Options {
        admit: &|_| false,
        ..Options::baseline(Isa::X86_64)
    };
    assert_eq!(compile(&sections, &options).functions, [None, None]);
}
