//! Checks the modules of `bundle/`, which travel in the command, and has a small runtime linked without
//! what it does not need.

use std::path::Path;
use std::{env, fs};

/// Leaves out the tables for unwinding: nobody unwinds where a panic ends the process. Those of the files
/// that begin and end every program stay, because code refers to them.
const DISCARD_UNWIND_TABLES: &str = "\
SECTIONS {
    /DISCARD/ : {
        *(EXCLUDE_FILE(*crt*.o) .eh_frame)
        *(.gcc_except_table .gcc_except_table.*)
    }
}
INSERT AFTER .comment;
";

fn main() -> holdall_build::Result {
    link_small_runtime();
    holdall_build::Bundler::new("bundle").check()
}

/// The profile `dist` is the one that is optimised for size.
fn link_small_runtime() {
    let is = |name, value| env::var(name).is_ok_and(|it| it == value);
    if !is("OPT_LEVEL", "s") || !is("CARGO_CFG_TARGET_ENV", "musl") {
        return;
    }
    let script = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("discard.ld");
    fs::write(&script, DISCARD_UNWIND_TABLES).expect("OUT_DIR is writable");
    let script = format!("-Wl,-T,{}", script.display());
    for arg in [
        "-Wl,-z,pack-relative-relocs",
        "-Wl,--no-eh-frame-hdr",
        &script,
    ] {
        println!("cargo::rustc-link-arg-bin=holdall-runtime={arg}");
    }
}
