//! Says what code words mean here: a digest of the sources that make them. Where any of these changes,
//! code that was made before is void.

use std::fs;
use std::path::{Path, PathBuf};

const MEANING_OF_CODE: [&str; 3] = ["src/ir", "src/lower", "src/numeric"];

fn main() {
    let mut files = Vec::new();
    for dir in MEANING_OF_CODE {
        println!("cargo::rerun-if-changed={dir}");
        collect(Path::new(dir), &mut files);
    }
    files.sort_unstable();
    // FNV-1a, which finds changes and resists nobody.
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for byte in files
        .iter()
        .flat_map(|file| fs::read(file).expect("the package has its sources"))
    {
        digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    println!("cargo::rustc-env=HOLDALL_MEANING_OF_CODE={digest:016x}");
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the package has its sources") {
        let path = entry.expect("the package has its sources").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
