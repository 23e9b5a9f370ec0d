//! Checks `bundle/`, records what is in it, and chooses the executor's dispatch backend. The checks
//! are the library's own files, taken by their path.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the library's files offer more than the build script uses"
)]

use std::path::{Path, PathBuf};
use std::{env, fs};

use bundle::record;
use compile::target::OPT_LEVELS_WITH_SEQUENCES;
use sha2::{Digest, Sha256};

#[path = "../holdall-core/src/types.rs"]
mod types;

#[path = "../holdall-core/src/escape.rs"]
mod escape;

#[path = "../holdall-core/src/module"]
mod module {
    pub(crate) mod convert;
}

#[path = "../holdall-core/src/lower"]
mod compile {
    pub(crate) mod target;
}

#[path = "../holdall-core/src/limits"]
mod limits {
    mod load;
    pub(crate) use load::DEFAULT_MODULES;
}

#[path = "../holdall-core/src/bundle"]
mod bundle {
    pub(crate) mod check;
    pub(crate) mod fault;
    pub(crate) mod folder;
    pub(crate) mod host;
    pub(crate) mod index;
    pub(crate) mod interface;
    pub(crate) mod names;
    pub(crate) mod naming;
    pub(crate) mod record;
    pub(crate) mod source;
    pub(crate) mod walk;
}

/// The features of the crate do not reach the checks, but a change of the checks must.
const SOURCES: [&str; 6] = [
    "build.rs",
    "../holdall-core/src/types.rs",
    "../holdall-core/src/escape.rs",
    "../holdall-core/src/module/convert.rs",
    "../holdall-core/src/limits/load.rs",
    "../holdall-core/src/bundle",
];

/// What makes and runs code words: where any of it changes, code that was made before is void.
const MEANING_OF_CODE: [&str; 4] = [
    "../holdall-core/src/ir",
    "../holdall-core/src/lower",
    "src/exec",
    "../holdall-core/src/numeric",
];

fn main() {
    for path in SOURCES.into_iter().chain(MEANING_OF_CODE) {
        println!("cargo::rerun-if-changed={path}");
    }
    choose_dispatch();
    println!(
        "cargo::rustc-env=HOLDALL_MEANING_OF_CODE={}",
        meaning_of_code()
    );
}

/// The variable that chooses another executor than the build's own, which is for tests and profiles.
const DISPATCH: &str = "HOLDALL_DISPATCH";

/// Sets `tail_dispatch` where handlers call each other, which needs sibling calls: an optimised build
/// for an architecture with enough argument registers. Sets `sequences` where sequences of
/// instructions have handlers, and `profile` where every executed instruction is counted.
fn choose_dispatch() {
    println!("cargo::rerun-if-env-changed={DISPATCH}");
    let is_one_of = |name: &str, values: &[&str]| {
        env::var(name).is_ok_and(|value| values.contains(&value.as_str()))
    };
    let (wants_loop, wants_profile) = match env::var_os(DISPATCH) {
        None => (false, false),
        Some(value) if value == "loop" => (true, false),
        Some(value) if value == "profile" => (true, true),
        Some(value) => {
            println!(
                "cargo::error={DISPATCH}: expected \"loop\" (the loop backend) or \"profile\" (the \
                 loop backend, counting what is executed), found {value:?}; unset {DISPATCH} for \
                 the build's own backend"
            );
            return;
        }
    };
    if is_one_of("OPT_LEVEL", &["2", "3"])
        && is_one_of("CARGO_CFG_TARGET_ARCH", &["x86_64", "aarch64"])
        && !wants_loop
    {
        println!("cargo::rustc-cfg=tail_dispatch");
    }
    if is_one_of("OPT_LEVEL", &OPT_LEVELS_WITH_SEQUENCES) && !wants_profile {
        println!("cargo::rustc-cfg=sequences");
    }
    if wants_profile {
        println!("cargo::rustc-cfg=profile");
    }
}

/// A digest of the sources that make and run code words, as 16 hexadecimal digits.
fn meaning_of_code() -> String {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut dirs: Vec<PathBuf> = MEANING_OF_CODE.map(PathBuf::from).into();
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).expect("the package has its sources") {
            let path = entry.expect("the package has its sources").path();
            let list = if path.is_dir() { &mut dirs } else { &mut files };
            list.push(path);
        }
    }
    files.sort_unstable();
    let mut digest = Sha256::new();
    for file in files {
        digest.update(fs::read(file).expect("the package has its sources"));
    }
    record::hexadecimal(&digest.finalize()[..8])
}
