//! Says what code words mean here, and what native code has agreed on: digests of the sources that say so.
//! Where any of these changes, code that was made before is void. Makes the table of sequences a macro.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

const MEANING_OF_CODE: [&str; 5] = [
    "sequences/table.txt",
    "src/ir",
    "src/lower",
    "src/module/proposals.rs",
    "src/numeric",
];
/// What native code and the executor agree on. Of the numbers of traps, new ones come last.
const MEANING_OF_NATIVE_CODE: [&str; 1] = ["src/native"];
const SEQUENCES: &str = MEANING_OF_CODE[0];

fn main() {
    for (name, paths) in [
        ("HOLDALL_MEANING_OF_CODE", &MEANING_OF_CODE[..]),
        ("HOLDALL_MEANING_OF_NATIVE_CODE", &MEANING_OF_NATIVE_CODE),
    ] {
        println!("cargo::rustc-env={name}={:016x}", digest(paths));
    }

    let tree = fs::read_to_string(SEQUENCES).expect("the package has its sources");
    let into = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where to write"));
    fs::write(into.join("sequences.rs"), macro_of_sequences(&tree)).expect("there is room");
}

/// A digest of the files at these paths, and below them.
fn digest(paths: &[&str]) -> u64 {
    let mut files = Vec::new();
    for path in paths {
        println!("cargo::rerun-if-changed={path}");
        collect(PathBuf::from(path), &mut files);
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
    digest
}

/// The path, or the files below it.
fn collect(path: PathBuf, files: &mut Vec<PathBuf>) {
    if !path.is_dir() {
        files.push(path);
        return;
    }
    for entry in fs::read_dir(path).expect("the package has its sources") {
        collect(entry.expect("the package has its sources").path(), files);
    }
}

/// The macro `for_each_sequence`, from the tree of sequences: each line is an instruction that goes on
/// with those of the lines above that stand further left, and with one at least makes a sequence. Each
/// sequence stands in brackets, for the compiler matches what is delimited in one go.
fn macro_of_sequences(tree: &str) -> String {
    let mut text = String::from(
        "/// Calls the macro `$then` with all sequences, each after those that it begins with.\n\
         #[macro_export]\n#[doc(hidden)]\nmacro_rules! for_each_sequence {\n($then:ident) => { $then! {\n",
    );
    let mut instructions = Vec::new();
    for line in tree.lines() {
        let instruction = line.trim_start();
        instructions.truncate(line.len() - instruction.len());
        instructions.push(instruction);
        if instructions.len() > 1 {
            let _ = writeln!(text, "[{}]", instructions.join(" "));
        }
    }
    text + "}};\n}\n"
}
