//! Checks `bundle/`, records what is in it, and chooses the executor's dispatch backend. The checks
//! are the library's own files, taken by their path.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the library's files offer more than the build script uses"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use bundle::check::BundledFile;
use bundle::folder::Folder;
use bundle::naming::Naming;
use bundle::record;
use compile::target::OPT_LEVELS_WITH_SEQUENCES;
use sha2::{Digest, Sha256};

#[path = "crates/holdall-core/src/types.rs"]
mod types;

#[path = "crates/holdall-core/src/escape.rs"]
mod escape;

#[path = "crates/holdall-core/src/module"]
mod module {
    pub(crate) mod convert;
}

#[path = "crates/holdall-core/src/lower"]
mod compile {
    pub(crate) mod target;
}

#[path = "crates/holdall-core/src/limits"]
mod limits {
    mod load;
    pub(crate) use load::DEFAULT_MODULES;
}

#[path = "crates/holdall-core/src/bundle"]
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
    "crates/holdall-core/src/types.rs",
    "crates/holdall-core/src/escape.rs",
    "crates/holdall-core/src/module/convert.rs",
    "crates/holdall-core/src/limits/load.rs",
    "crates/holdall-core/src/bundle",
];

/// What makes and runs code words: where any of it changes, code that was made before is void.
const MEANING_OF_CODE: [&str; 4] = [
    "crates/holdall-core/src/ir",
    "crates/holdall-core/src/lower",
    "crates/holdall/src/exec",
    "crates/holdall-core/src/numeric",
];

fn main() {
    for path in SOURCES.into_iter().chain(MEANING_OF_CODE).chain(["bundle"]) {
        println!("cargo::rerun-if-changed={path}");
    }
    choose_dispatch();
    println!(
        "cargo::rustc-env=HOLDALL_MEANING_OF_CODE={}",
        meaning_of_code()
    );
    let root = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    let runtime = runtime(Path::new(&root), Path::new(&out));
    let expression = match runtime {
        Some(path) => format!("Some(include_bytes!({path:?}))"),
        None => "None".to_owned(),
    };
    fs::write(Path::new(&out).join("runtime.rs"), expression).expect("OUT_DIR is writable");
    match bundle(Path::new(&root)) {
        Ok(text) => {
            fs::write(Path::new(&out).join("hashes.rs"), text).expect("OUT_DIR is writable");
        }
        Err(faults) => {
            for fault in faults {
                println!("cargo::error={fault}");
            }
            // `cargo::error` alone fails the build, and is all that is shown.
        }
    }
}

/// The checked modules of `bundle/`, by name and SHA-256, as an expression; or everything that is wrong
/// with them.
fn bundle(root: &Path) -> Result<String, Vec<String>> {
    let folder = Folder::read(root, Path::new("bundle"), &Naming::new());
    let folder = folder.map_err(|fault| vec![fault])?;
    if !folder.faults.is_empty() {
        return Err(folder.faults);
    }
    let hash = |file: &BundledFile| (file.name.clone(), record::sha256(&file.bytes));
    let hashes: Vec<(String, String)> = folder.files.iter().map(hash).collect();
    Ok(format!("&{hashes:?}"))
}

/// Threaded dispatch needs sibling calls: an optimised build for an architecture with enough
/// argument registers.
fn choose_dispatch() {
    println!("cargo::rustc-check-cfg=cfg(tail_dispatch)");
    println!("cargo::rustc-check-cfg=cfg(sequences)");
    let is_one_of = |name: &str, values: &[&str]| {
        env::var(name).is_ok_and(|value| values.contains(&value.as_str()))
    };
    let has_feature = |name: &str| env::var_os(format!("CARGO_FEATURE_{name}")).is_some();
    if is_one_of("OPT_LEVEL", &["2", "3"])
        && is_one_of("CARGO_CFG_TARGET_ARCH", &["x86_64", "aarch64"])
        && !has_feature("LOOP_DISPATCH")
    {
        println!("cargo::rustc-cfg=tail_dispatch");
    }
    if is_one_of("OPT_LEVEL", &OPT_LEVELS_WITH_SEQUENCES) && !has_feature("PROFILE") {
        println!("cargo::rustc-cfg=sequences");
    }
}

/// The program that `holdall pack` makes executables of, built now, or the one that the variable
/// `HOLDALL_RUNTIME` names. `None` where the library does not make such executables, or is not built
/// to be fast.
fn runtime(root: &Path, out: &Path) -> Option<PathBuf> {
    env::var_os("CARGO_FEATURE_PACKER")?;
    println!("cargo::rerun-if-env-changed=HOLDALL_RUNTIME");
    if let Some(path) = env::var_os("HOLDALL_RUNTIME") {
        println!("cargo::rerun-if-changed={}", path.display());
        return (!path.is_empty()).then(|| path.into());
    }
    if env::var("PROFILE").is_ok_and(|profile| profile != "release") {
        return None;
    }
    for path in ["src", "crates", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let script = out.join("discard.ld");
    fs::write(&script, DISCARD_UNWIND_TABLES).expect("OUT_DIR is writable");
    let platform = Platform::of_target(&script);
    // Beside what this build makes; all its configurations share it.
    let folder = out
        .ancestors()
        .nth(3)
        .expect("cargo's own layout")
        .join("runtime");
    let mut cargo = Command::new(env::var_os("CARGO").expect("cargo sets it"));
    // What this build was asked to be is not what the other one is to be, whose build script gets
    // whatever is not taken away here.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PROFILE_", "CARGO_FEATURE_", "CARGO_CFG_"]
            .iter()
            .any(|start| text.starts_with(start))
            || [
                "RUSTFLAGS",
                "RUSTC_WORKSPACE_WRAPPER",
                "CARGO_BUILD_RUSTFLAGS",
            ]
            .contains(&&*text)
        {
            cargo.env_remove(name);
        }
    }
    let status = cargo
        .current_dir(root)
        .args(["build", "--release", "--bin", "holdall-runtime"])
        .args(["--no-default-features", "--features", platform.features])
        .args(["--target", &platform.target])
        .arg("--target-dir")
        .arg(&folder)
        .env("HOLDALL_RUNTIME", "")
        .env("CARGO_ENCODED_RUSTFLAGS", platform.flags.join("\x1f"))
        .args(
            RUNTIME_PROFILE
                .iter()
                .flat_map(|setting| ["--config", setting]),
        )
        .status();
    if !status.is_ok_and(|status| status.success()) {
        println!(
            "cargo::error=the runtime of packed executables could not be built: what is printed \
             above says why; HOLDALL_RUNTIME may name one that was built before, or be empty to do \
             without"
        );
        return None;
    }
    let file = format!("holdall-runtime{}", env::consts::EXE_SUFFIX);
    Some(folder.join(platform.target).join("release").join(file))
}

/// What runs the modules is built to be fast, as always; the rest is built to be small. A panic, which
/// is a fault of ours, ends a packed executable: nothing in it catches one.
const RUNTIME_PROFILE: [&str; 4] = [
    "profile.release.panic=\"abort\"",
    "profile.release.strip=true",
    "profile.release.debug=false",
    "profile.release.package.\"*\".opt-level=\"s\"",
];

/// What the linker leaves out beside: nobody unwinds where a panic ends the process, and the tables for
/// it, which the standard library and musl bring along, take 140 KB. (Those of the files that begin and
/// end every program are referred to by code.)
const DISCARD_UNWIND_TABLES: &str = "\
SECTIONS {
    /DISCARD/ : {
        *(EXCLUDE_FILE(*crt*.o) .eh_frame)
        *(.gcc_except_table .gcc_except_table.*)
    }
}
INSERT AFTER .comment;
";

/// For what the runtime is built, and with which features and flags.
struct Platform {
    target: String,
    features: &'static str,
    flags: Vec<String>,
}

impl Platform {
    /// The one on which what is built now will run. On Linux nothing but the kernel is asked for:
    /// the C library is in it, musl where the toolchain has that, else the system's own where that
    /// can be linked to.
    fn of_target(script: &Path) -> Self {
        let target = env::var("TARGET").expect("cargo sets it");
        let is_elf = !target.contains("-windows-") && !target.contains("-apple-");
        let mut flags = vec!["-Cforce-unwind-tables=no".to_owned()];
        let mut platform = |target: String, more: &[&str]| {
            flags.extend(more.iter().map(ToString::to_string));
            Self {
                target,
                features: if is_elf { "runtime" } else { "runtime,libsui" },
                flags: flags.clone(),
            }
        };
        let small = "-Clink-arg=-Wl,-z,pack-relative-relocs";
        if let Some(system) = target
            .strip_suffix("-gnu")
            .filter(|it| it.ends_with("linux"))
        {
            let musl = format!("{system}-musl");
            if has_target(&musl) {
                let script = format!("-Clink-arg={}", script.display());
                let no_index = "-Clink-arg=-Wl,--no-eh-frame-hdr";
                return platform(musl, &[small, no_index, "-Clink-arg=-T", &script]);
            }
            if env::var("HOST").is_ok_and(|host| host == target) && has_static_libc() {
                return platform(target, &["-Ctarget-feature=+crt-static", small]);
            }
            println!(
                "cargo::warning=executables of `holdall pack` will need this system's C library; \
                 `rustup target add {musl}` makes them run everywhere"
            );
        }
        let is_msvc = target.ends_with("-msvc");
        platform(
            target,
            if is_msvc {
                &["-Ctarget-feature=+crt-static"]
            } else {
                &[]
            },
        )
    }
}

/// Whether the toolchain has the standard library for a target.
fn has_target(target: &str) -> bool {
    let rustc = Command::new(env::var_os("RUSTC").expect("cargo sets it"))
        .args(["--print", "target-libdir", "--target", target])
        .output();
    let folder = rustc
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    folder.is_some_and(|folder| Path::new(folder.trim()).is_dir())
}

/// Whether the C compiler has a C library to link to once and for all.
fn has_static_libc() -> bool {
    let cc = Command::new("cc").arg("-print-file-name=libc.a").output();
    let path = cc
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    path.is_some_and(|path| Path::new(path.trim()).is_absolute())
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
