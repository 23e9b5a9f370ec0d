//! Cases as a test of a module has them. A test's name says what is broken when it fails.

mod expectations;
mod faults;
mod mocks;
mod sessions;
mod worlds;

use holdall_test::{Modules, Subject};

/// A WASI program of the repository.
fn program(name: &str) -> Subject {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wasm-apps/wasi");
    Modules::new().file(format!("{dir}/{name}.wasm")).unwrap()
}

fn wat(text: &str) -> Subject {
    Modules::new().wat(text).unwrap()
}

/// The text of an error or of a mismatch has each of these parts, in order.
#[track_caller]
fn says(text: &dyn std::fmt::Display, parts: &[&str]) {
    let text = text.to_string();
    let mut rest = &*text;
    for part in parts {
        let Some(at) = rest.find(part) else {
            panic!("no {part:?} in {text}");
        };
        rest = &rest[at + part.len()..];
    }
}
