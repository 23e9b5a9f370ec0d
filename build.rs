//! Checks the modules of `bundle/`, which travel in the command, and has the small runtime linked without
//! what it does not need.

use std::env;

fn main() -> holdall_build::Result {
    link_small_runtime();
    holdall_build::Bundler::new("bundle").check()
}

/// The profile `dist` alone is optimised for size. Its executable has some ten thousand handlers: their
/// relocations are packed, as musl can read them, and their tables for unwinding are left out.
fn link_small_runtime() {
    let is = |name, value| env::var(name).is_ok_and(|found| found == value);
    if is("OPT_LEVEL", "s") && is("CARGO_CFG_TARGET_ENV", "musl") {
        let script = concat!("-T,", env!("CARGO_MANIFEST_DIR"), "/src/runtime.ld");
        for arg in ["-z,pack-relative-relocs", "--no-eh-frame-hdr", script] {
            println!("cargo::rustc-link-arg-bin=holdall-runtime=-Wl,{arg}");
        }
    }
}
