//! Executables that begin with the state that initialisation left when they were packed.

use crate::parts::packs_again;
use crate::support::Folder;

/// Counts how often it was initialised, in a global, a memory and through a table; prints nothing by
/// itself. `setup` calls the host only where `asks` is set.
const COUNTER: &str = r#"(module
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $ask (param i32 i32) (result i32)))
    (import "lib" "table" (table 2 funcref))
    (import "lib" "bump" (func $bump))
    (import "lib" "count" (func $count (result i32)))
    (memory (export "memory") 1 3)
    (global $n (mut i32) (i32.const 0))
    (func $mine (result i32) (i32.const 100))
    (elem declare func $mine)
    (func $start
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (call $bump)
        (drop (memory.grow (i32.const 1)))
        (i32.store (i32.const 70000) (i32.const 7))
        (table.set (i32.const 1) (ref.func $mine)))
    (start $start)
    (func (export "setup") (global.set $n (i32.add (global.get $n) (i32.const 10))))
    (func (export "asks") (drop (call $ask (i32.const 0) (i32.const 4))))
    (func (export "told") (result i32 i32 i32 i32 i32)
        (global.get $n) (call $count) (memory.size) (i32.load (i32.const 70000))
        (call_indirect (result i32) (i32.const 1))))"#;

const LIB: &str = r#"(module
    (table (export "table") 2 funcref)
    (global $count (mut i32) (i32.const 0))
    (func (export "bump") (global.set $count (i32.add (global.get $count) (i32.const 1))))
    (func (export "count") (result i32) (global.get $count)))"#;

const PACK: &[&str] = &[
    "counter.wat",
    "-o",
    "app",
    "--module",
    "lib=lib.wat",
    "--invoke",
    "told",
];

fn counter(name: &str) -> Folder {
    Folder::new(name)
        .with("counter.wat", COUNTER)
        .with("lib.wat", LIB)
}

#[test]
fn it_begins_where_the_initialisation_ended() {
    let folder = counter("begins");
    let told = "0x1:i32,0x1:i32,0x2:i32,0x7:i32,0x64:i32\n";
    folder.pack(PACK).prints("");
    folder.app("app", &[]).prints(told);
    folder.pack(&[PACK, &["--preinit"]].concat()).prints("");
    // Each run begins there, and nothing was done twice.
    for _ in 0..2 {
        folder.app("app", &[]).prints(told);
    }
    folder
        .pack(&[PACK, &["--preinit=setup"]].concat())
        .prints("");
    folder
        .app("app", &[])
        .prints("0xb:i32,0x1:i32,0x2:i32,0x7:i32,0x64:i32\n");
    let outcome = folder.holdall(&["inspect", "app"]);
    assert!(outcome.stdout.contains("initialised: "), "{outcome:#?}");
    folder.holdall(&["unpack", "app", "out"]);
    packs_again(&folder, "app", "out");
}

#[test]
fn calls_of_the_host_are_refused_unless_they_are_allowed_by_name() {
    let folder = counter("refused");
    let asks = [PACK, &["--preinit=asks"]].concat();
    folder.pack(&asks).fails(
        1,
        &[
            "environ_sizes_get",
            "allow it with --preinit-allow environ_sizes_get",
        ],
    );
    assert_eq!(folder.names(), ["counter.wat", "lib.wat"]);
    folder
        .pack(&[&asks[..], &["--preinit-allow", "environ_sizes_get"]].concat())
        .prints("");
    folder
        .pack(&[&asks[..], &["--preinit-allow", "environ_sizes_got"]].concat())
        .fails(
            1,
            &["environ_sizes_got", "did you mean \"environ_sizes_get\"?"],
        );
    folder
        .pack(&[PACK, &["--preinit-allow", "environ_get"]].concat())
        .fails(2, &["--preinit"]);
    folder
        .pack(&[PACK, &["--preinit=nothing"]].concat())
        .fails(1, &["lookup function nothing failed"]);
    folder
        .pack(&[PACK, &["--preinit=told"]].concat())
        .fails(1, &["told"]);
}

#[test]
fn what_cannot_be_stored_is_named() {
    let folder = Folder::new("unstorable")
        .with(
            "open.wat",
            r#"(module
                (import "wasi_snapshot_preview1" "path_open" (func $open
                    (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
                (memory (export "memory") 1)
                (data (i32.const 64) "file")
                (func (export "_initialize") (drop (call $open (i32.const 3) (i32.const 1)
                    (i32.const 64) (i32.const 4) (i32.const 0) (i64.const 2) (i64.const 0)
                    (i32.const 0) (i32.const 0))))
                (func (export "f")))"#,
        )
        .with("in/file", "text");
    let pack = [
        "open.wat",
        "-o",
        "app",
        "--invoke",
        "f",
        "--embed",
        "in::/in",
        "--preinit",
    ];
    folder
        .pack(&[&pack[..], &["--preinit-allow", "path_open"]].concat())
        .fails(1, &["module \"open\": descriptor 4", "file", "is open"]);
    assert_eq!(folder.names(), ["in", "open.wat"]);
}

#[test]
fn a_trap_in_the_initialisation_is_told_and_packs_nothing() {
    let folder = Folder::new("trap").with(
        "trap.wat",
        "(module (func $start unreachable) (start $start) (func (export \"f\")))",
    );
    let pack = ["trap.wat", "-o", "app", "--invoke", "f", "--preinit"];
    folder
        .pack(&pack)
        .fails(134, &["cannot initialise", "unreachable", "trap!start"]);
    assert_eq!(folder.names(), ["trap.wat"]);
}
