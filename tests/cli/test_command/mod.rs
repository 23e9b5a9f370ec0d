//! `holdall test`: what it finds, runs and says.

mod reports;
mod running;
mod snapshots;
mod wrong;

use crate::support::{Folder, Outcome};

/// Adds, asks its host for the time, writes what it reads, and traps.
const MODULE: &str = r#"(module
    (import "env" "now" (func $now (result i64)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "now") (result i64) (call $now))
    (func (export "fails") unreachable)
    (func (export "odd") (result i32)
        (drop (call $random (i32.const 0) (i32.const 1)))
        (i32.and (i32.load8_u (i32.const 0)) (i32.const 1)))
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 16))
        (i32.store (i32.const 4) (i32.const 1000))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

/// A mock of all that the module imports and WASI does not define.
const NOW: &str = "[mock.env]\nnow = { results = [7] }\n";

/// A folder with the module and this manifest, which is given the mock.
fn folder(name: &str, manifest: &str) -> Folder {
    let manifest = format!("module = \"app.wat\"\n{manifest}\n{NOW}");
    Folder::new(&format!("test-{name}"))
        .with("tests/app.wat", MODULE)
        .with("tests/app.test.toml", manifest)
}

impl Outcome {
    /// The command ended with this code, and printed exactly this on standard output, but for how long it
    /// took.
    #[track_caller]
    fn tells(&self, code: i32, expected: &str) {
        let lines = self
            .stdout
            .lines()
            .map(|line| match line.split_once("; finished in ") {
                Some((line, _)) => format!("{line}\n"),
                None => format!("{line}\n"),
            });
        assert_eq!(lines.collect::<String>(), expected, "{self:#?}");
        assert_eq!(self.code, code, "{self:#?}");
    }
}
