//! Chooses the executor's dispatch backend.

use std::env;

/// `holdall_core::lower::OPT_LEVELS_WITH_SEQUENCES`, for this script, which does not depend on
/// `holdall-core`. A test compares the two.
const OPT_LEVELS_WITH_SEQUENCES: [&str; 4] = ["2", "3", "s", "z"];

/// The variable that chooses another executor than the build's own, which is for tests and profiles.
const DISPATCH: &str = "HOLDALL_DISPATCH";

/// Sets `tail_dispatch` where handlers call each other, which needs sibling calls: an optimised build
/// for an architecture with enough argument registers. Sets `sequences` where sequences of
/// instructions have handlers, and `profile` where every executed instruction is counted.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
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
    println!(
        "cargo::rustc-env=HOLDALL_OPT_LEVELS_WITH_SEQUENCES={}",
        OPT_LEVELS_WITH_SEQUENCES.join(" ")
    );
    if is_one_of("OPT_LEVEL", &OPT_LEVELS_WITH_SEQUENCES) && !wants_profile {
        println!("cargo::rustc-cfg=sequences");
    }
    if wants_profile {
        println!("cargo::rustc-cfg=profile");
    }
}
