//! Checks `bundle/`, records what is in it, and chooses the executor's dispatch backend. The checks
//! are the library's own files, taken by their path.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the library's files offer more than the build script uses"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use bundle::check::BundledFile;
use bundle::host::HostManifest;
use sha2::{Digest, Sha256};

#[path = "src/types.rs"]
mod types;

#[path = "src/module"]
mod module {
    pub(crate) mod convert;
}

#[path = "src/limits"]
mod limits {
    mod load;
    pub(crate) use load::DEFAULT_MODULES;
}

#[path = "src/bundle"]
mod bundle {
    pub(crate) mod check;
    pub(crate) mod fault;
    pub(crate) mod host;
    pub(crate) mod index;
    pub(crate) mod interface;
    pub(crate) mod names;
    pub(crate) mod naming;
    pub(crate) mod source;
    pub(crate) mod walk;
}

/// The features of the crate do not reach the checks, but a change of the checks must.
const SOURCES: [&str; 5] = [
    "build.rs",
    "src/types.rs",
    "src/module/convert.rs",
    "src/limits/load.rs",
    "src/bundle",
];

fn main() {
    for path in SOURCES.into_iter().chain(["bundle"]) {
        println!("cargo::rerun-if-changed={path}");
    }
    choose_dispatch();
    let root = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    match bundle_of(&Path::new(&root).join("bundle")) {
        Ok(files) => fs::write(Path::new(&out).join("manifest.rs"), manifest(&files))
            .expect("OUT_DIR is writable"),
        Err(faults) => {
            for line in faults.iter().flat_map(|fault| fault.lines()) {
                println!("cargo::error=bundle/{}", line.trim_start());
            }
            // `cargo::error` alone fails the build, and is all that is shown.
        }
    }
}

/// Threaded dispatch needs sibling calls: an optimised build for an architecture with enough
/// argument registers. Handlers of sequences are many, and of use only where they are optimised.
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
    if is_one_of("OPT_LEVEL", &["2", "3", "s", "z"]) && !has_feature("PROFILE") {
        println!("cargo::rustc-cfg=sequences");
    }
}

/// The checked modules of the bundle, in the order of their names; or everything that is wrong.
fn bundle_of(dir: &Path) -> Result<Vec<BundledFile>, Vec<String>> {
    let mut files = Vec::new();
    let mut host = HostManifest::default();
    let mut faults = Vec::new();
    let entries = fs::read_dir(dir).map_err(|error| vec![format!(": {error}")])?;
    for entry in entries {
        let path = entry.map_err(|error| vec![format!(": {error}")])?.path();
        let file = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match (path.is_dir(), file.strip_suffix(".wasm")) {
            (true, _) => faults.push(format!(
                "{file}: expected modules and host.txt, found a directory"
            )),
            (false, Some(name)) => match fs::read(&path) {
                Ok(bytes) => files.push(BundledFile {
                    name: name.to_owned(),
                    bytes,
                }),
                Err(error) => faults.push(format!("{file}: {error}")),
            },
            (false, None) if file == "host.txt" => {
                let text = fs::read_to_string(&path).map_err(|error| error.to_string());
                match text.and_then(|text| HostManifest::parse(&text).map_err(|e| e.to_string())) {
                    Ok(read) => host = read,
                    Err(error) => faults.push(format!("{file}: {error}")),
                }
            }
            (false, None) => {}
        }
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    if let Err(errors) = bundle::check::check_bundle(&files, &host) {
        faults.extend(errors.iter().map(ToString::to_string));
    }
    if faults.is_empty() {
        Ok(files)
    } else {
        Err(faults)
    }
}

/// A static table of name, size and SHA-256.
fn manifest(files: &[BundledFile]) -> String {
    let mut text = "&[\n".to_owned();
    for BundledFile { name, bytes } in files {
        let hash: String = Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        writeln!(text, "    ({name:?}, {}, {hash:?}),", bytes.len()).expect("strings take text");
    }
    text.push(']');
    text
}
