//! Guests that try to leave their sandbox through native code: accesses at every edge, tables and memories that
//! change under their users, recursion on a thread with hardly any stack.

use std::fmt::Write as _;

use holdall::{Config, Engine, Linker, Module, Store, Val};

use crate::{same, tell};

/// Loads and stores, with their widths in bytes and the type of their values.
const ACCESSES: &[(&str, u64, &str)] = &[
    ("i32.load8_u", 1, "i32"),
    ("i64.load16_s", 2, "i64"),
    ("i32.load", 4, "i32"),
    ("f64.load", 8, "f64"),
    ("v128.load", 16, "v128"),
    ("v128.load8x8_u", 8, "v128"),
    ("v128.load64_zero", 8, "v128"),
    ("i32.store8", 1, "i32"),
    ("i64.store16", 2, "i64"),
    ("f32.store", 4, "f32"),
    ("i64.store", 8, "i64"),
    ("v128.store", 16, "v128"),
];

const PAGE_BYTES: u64 = 65_536;

/// A module with an access at each of some static offsets, and the names of its functions.
fn accesses(index: &str) -> (String, Vec<String>) {
    let (mut functions, mut names) = (String::new(), Vec::new());
    for (instruction, width, ty) in ACCESSES {
        let offsets = [0, 1, 7, PAGE_BYTES - width, PAGE_BYTES, 0xffff_ffff];
        for offset in offsets {
            let name = format!("{instruction} {offset}");
            let body = if instruction.contains("store") {
                let zero = match *ty {
                    "v128" => "v128.const i64x2 -1 -1".to_owned(),
                    ty => format!("{ty}.const -1"),
                };
                format!("({instruction} offset={offset} (local.get 0) ({zero}))")
            } else {
                format!("(drop ({instruction} offset={offset} (local.get 0)))")
            };
            let _ = writeln!(functions, "(func (export {name:?}) (param {index}) {body})");
            names.push(name);
        }
    }
    let text = format!(
        r#"(module
            (memory (export "memory") {} 1 3)
            (func (export "grow") (result {index}) (memory.grow ({index}.const 1)))
            {functions})"#,
        if index == "i64" { "i64" } else { "" },
    );
    (text, names)
}

#[test]
fn an_access_at_any_edge_of_a_memory_is_inside_or_traps() {
    for index in ["i32", "i64"] {
        let (text, names) = accesses(index);
        same(&Config::new(), |engine, told| {
            let module = Module::named(engine, "m", &*text).unwrap();
            let mut store = Store::new(engine, ());
            let instance = Linker::new(engine)
                .instantiate(&mut store, &module)
                .unwrap();
            for pages in 1..=3 {
                let end = pages * PAGE_BYTES;
                let near = (end - 17..end + 2).chain([0, 1, PAGE_BYTES - 1, PAGE_BYTES]);
                let far = [0x7fff_ffff, 0x8000_0000, 0xffff_ffff - 15, 0xffff_ffff];
                let above = [1 << 32, u64::MAX - 15, u64::MAX];
                for at in near.chain(far).chain(above) {
                    let address = match index {
                        "i64" => Val::I64(at.cast_signed()),
                        _ => Val::I32(at as i32),
                    };
                    for name in &names {
                        tell(&mut store, instance, name, &[address], told);
                    }
                }
                let memory = instance.get_memory(&store, "memory").unwrap();
                let ones = memory.data(&store).iter().filter(|byte| **byte != 0);
                let _ = writeln!(told, "{pages}: {} bytes are written", ones.count());
                tell(&mut store, instance, "grow", &[], told);
            }
        });
    }
}

#[test]
fn what_was_stored_before_a_trap_is_stored_and_nothing_else() {
    // Accesses by the same address, whose checks may be made at once.
    let text = r#"(module
        (memory (export "memory") 1)
        (func (export "up") (param i32)
            (i32.store (local.get 0) (i32.const 0x01010101))
            (i32.store offset=4 (local.get 0) (i32.const 0x02020202))
            (i32.store offset=8 (local.get 0) (i32.const 0x03030303))
            (i32.store offset=100 (local.get 0) (i32.const 0x04040404)))
        (func (export "down") (param i32)
            (i32.store offset=100 (local.get 0) (i32.const 0x05050505))
            (i32.store offset=8 (local.get 0) (i32.const 0x06060606))
            (i32.store (local.get 0) (i32.const 0x07070707)))
        (func (export "loop") (param i32) (local i32)
            (loop $again
                (i32.store8 (local.get 0) (i32.const 8))
                (i32.store16 offset=3 (local.get 0) (i32.const 0x0909))
                (local.set 0 (i32.add (local.get 0) (i32.const 5)))
                (br_if $again (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1)))
                    (i32.const 1000)))))
        (func (export "before a loop") (param i32) (local i32)
            (drop (i32.load offset=40 (local.get 0)))
            (loop $again
                (i32.store (local.get 0) (local.get 1))
                (local.set 0 (i32.add (local.get 0) (i32.const 16)))
                (br_if $again (i32.lt_u (local.tee 1 (i32.add (local.get 1) (i32.const 1)))
                    (i32.const 100))))))"#;
    same(&Config::new(), |engine, told| {
        let module = Module::named(engine, "m", text).unwrap();
        for name in ["up", "down", "loop", "before a loop"] {
            for from_end in (0..120).chain([1000, 4000]) {
                let mut store = Store::new(engine, ());
                let instance = Linker::new(engine)
                    .instantiate(&mut store, &module)
                    .unwrap();
                let at = [Val::I32(PAGE_BYTES as i32 - from_end)];
                tell(&mut store, instance, name, &at, told);
                let memory = instance.get_memory(&store, "memory").unwrap();
                let written: Vec<_> = (0_u64..)
                    .zip(memory.data(&store))
                    .filter(|(_, byte)| **byte != 0)
                    .collect();
                let _ = writeln!(told, "{written:?}");
            }
        }
    });
}

#[test]
fn a_table_that_changes_in_a_callee_is_seen_as_it_is() {
    let text = r#"(module
        (type $f (func (result i32)))
        (table $t 1 10000 funcref)
        (elem (i32.const 0) $one)
        (elem declare func $two)
        (func $one (result i32) (i32.const 1))
        (func $two (result i32) (i32.const 2))
        (func $grow (drop (table.grow (ref.func $two) (i32.const 5000))))
        (func $clear (table.fill (i32.const 0) (ref.null func) (table.size)))
        (func $last (result i32) (call_indirect (type $f) (i32.sub (table.size) (i32.const 1))))
        (func (export "run") (result i32 i32 i32)
            (call_indirect (type $f) (i32.const 0))
            (call $grow)
            (call $last)
            (call_indirect (type $f) (i32.const 0)))
        (func (export "clear") (result i32)
            (drop (call $last))
            (call $clear)
            (call $last))
        (func (export "above") (result i32) (call_indirect (type $f) (table.size)))
        (func (export "negative") (result i32) (call_indirect (type $f) (i32.const -1))))"#;
    let told = crate::same_of_module(text);
    assert!(told.contains("uninitialized element"), "{told}");
}

#[test]
fn a_thread_with_hardly_any_stack_gets_the_trap() {
    let text = r#"(module
        (import "host" "again" (func $again))
        (func $deep (export "deep") (call $deep) nop)
        (func (export "through the host") (call $again) nop)
        (func $wide (param i64 i64 i64 i64 f64 f64 v128 v128 i64) (result i64 v128)
            (local v128 v128 v128)
            (call $wide (local.get 1) (local.get 0) (local.get 3) (local.get 2) (local.get 5)
                (local.get 4) (local.get 7) (local.get 6) (local.get 8)))
        (func (export "wide")
            (drop (drop (call $wide (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)
                (f64.const 0) (f64.const 0) (v128.const i64x2 0 0) (v128.const i64x2 0 0)
                (i64.const 0))))))"#;
    for stack_bytes in [400 << 10, 600 << 10, 2 << 20] {
        let run = move || {
            let engine = Engine::new(Config::new().native(true).stack_size_bytes(8 << 20));
            let module = Module::named(&engine, "m", text).unwrap();
            let mut store = Store::new(&engine, ());
            let mut linker = Linker::new(&engine);
            let again = |mut caller: holdall::Caller<'_, ()>| -> anyhow::Result<()> {
                let deep = caller
                    .get_export("deep")
                    .and_then(holdall::Extern::into_func);
                deep.expect("exported").call(&mut caller, &[], &mut [])?;
                Ok(())
            };
            linker.func_wrap("host", "again", again).unwrap();
            let instance = linker.instantiate(&mut store, &module).unwrap();
            for name in ["deep", "through the host", "wide", "deep"] {
                let mut told = String::new();
                tell(&mut store, instance, name, &[], &mut told);
                assert!(told.contains("call stack exhausted"), "{told}");
            }
        };
        let thread = std::thread::Builder::new().stack_size(stack_bytes);
        thread.spawn(run).unwrap().join().unwrap();
    }
}
