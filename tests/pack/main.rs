//! `holdall pack` and the executables that it makes, as a user runs them.

mod app;
mod damage;
mod failures;
mod folder {
    holdall_dev::folder!();
}
mod hostile;
mod image;
#[cfg(all(feature = "native", target_os = "linux"))]
mod native;
mod output;
mod parts;
mod preinit;
mod record;
use holdall_dev::rng;
mod runtimes;
#[path = "../support/command.rs"]
#[allow(dead_code, reason = "shared with the tests of the command")]
mod support;

use crate::support::{Folder, Outcome};

/// Prints its arguments, each on a line, then what a function `f` of module `lib` gives as a letter.
const ECHO: &str = r#"(module
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "lib" "f" (func $f (result i32)))
    (memory (export "memory") 1)
    (func (export "_start") (local i32)
        (drop (call $sizes (i32.const 0) (i32.const 4)))
        (drop (call $args (i32.const 1024) (i32.const 4096)))
        ;; Ends become ends of lines.
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get 0) (i32.load (i32.const 4))))
            (if (i32.eqz (i32.load8_u (i32.add (local.get 0) (i32.const 4096))))
                (then (i32.store8 (i32.add (local.get 0) (i32.const 4096)) (i32.const 10))))
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (br $next)))
        (i32.store8 (i32.add (local.get 0) (i32.const 4096)) (call $f))
        (i32.store8 (i32.add (local.get 0) (i32.const 4097)) (i32.const 10))
        (i32.store (i32.const 8) (i32.const 4096))
        (i32.store (i32.const 12) (i32.add (local.get 0) (i32.const 2)))
        (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))"#;

/// A module whose `f` gives a letter.
fn letter(letter: char) -> String {
    format!(
        "(module (func (export \"f\") (result i32) i32.const {}))",
        u32::from(letter)
    )
}

/// The platform that executables are packed for, and the program that runs them here; `None` where they run by
/// themselves. Its runtime lies where `--target` finds it.
fn other_platform() -> Option<(&'static str, &'static str)> {
    let named = |name| std::env::var(name).ok().map(|text| &*text.leak());
    named("HOLDALL_TEST_TARGET").zip(named("HOLDALL_TEST_RUNNER"))
}

impl Folder {
    /// Runs `holdall pack` in the folder. What it says of the runtime is left out.
    #[track_caller]
    fn pack(&self, args: &[&str]) -> Outcome {
        let target = other_platform().map(|(target, _)| format!("--target={target}"));
        let target: Vec<&str> = target.iter().map(String::as_str).collect();
        let mut outcome = self.holdall(&[&["pack"], &target[..], args].concat());
        let is_of_runtime =
            |line: &&str| line.starts_with("runtime: ") || line.starts_with("note: ");
        let lines = outcome.stderr.split_inclusive('\n');
        outcome.stderr = lines.skip_while(is_of_runtime).collect();
        outcome
    }

    /// Runs an executable that is in the folder.
    #[track_caller]
    fn app(&self, name: &str, args: &[&str]) -> Outcome {
        let path = self.path().join(name);
        match other_platform() {
            None => self.run(path, args),
            Some((_, runner)) => {
                let path = path.to_str().expect("a path of ours");
                self.run(runner, &[&[path], args].concat())
            }
        }
    }

    /// The names of what is in the folder.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("it is ours");
        let names = entries.map(|entry| entry.expect("it is ours").file_name());
        let mut names: Vec<_> = names
            .map(|name| name.into_string().expect("a text"))
            .collect();
        names.sort_unstable();
        names
    }
}
