//! The sequences of instructions that share a handler, and the profiles that they were chosen from,
//! belong to the instruction table and to the lowering.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use holdall_core::bounds::Bounds;
use holdall_core::clock::Clock;
use holdall_core::ir::{instructions_of, length, spelling};
use holdall_core::lower::{self, Settings, Target};
use holdall_core::module::Sections;
use holdall_core::watch::Watch;

/// The files of a directory of this package, in the order of their names.
fn files(dir: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
    let files =
        std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort_unstable();
    paths
}

#[test]
fn every_instruction_that_table_and_profiles_spell_exists() {
    let known: HashSet<String> = (0..).map_while(spelling).collect();
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("sequences/table.txt");
    let profiles = files("sequences/known")
        .into_iter()
        .chain(files("sequences/unseen"));
    for path in profiles.chain([table]) {
        let text = std::fs::read_to_string(&path).unwrap();
        // In a profile they end at an empty line.
        for line in text.lines().take_while(|line| !line.is_empty()) {
            assert!(
                known.contains(line.trim_start()),
                "{}: {line:?} is no instruction; where the instruction table has changed, the \
                 profiles are to be made and condensed anew (sequences/README.md)",
                path.display()
            );
        }
    }
}

/// How many of a module's instructions sequences hold, and how many there are.
fn held(module: &Sections) -> (usize, usize) {
    let (mut held, mut all) = (0, 0);
    for index in 0..module.num_defined_funcs() as u32 {
        let words = |sequences| {
            let target = Target {
                sequences,
                big_endian: false,
            };
            let settings = Settings::default();
            lower::words(module, settings, index, target, &mut Watch::nothing()).unwrap()
        };
        let (single, joined) = (words(false), words(true));
        // The first word is the header.
        let (mut pc, mut in_sequence) = (1, 0);
        while let Some(word) = single.get(pc) {
            if in_sequence == 0 {
                in_sequence = instructions_of(&joined[pc].op).len();
                held += if in_sequence > 1 { in_sequence } else { 0 };
            }
            in_sequence -= 1;
            all += 1;
            pc += length(*word);
        }
    }
    (held, all)
}

#[test]
fn the_lowering_emits_what_the_sequences_were_chosen_for() {
    let mut found = String::new();
    for path in files("../../wasm-apps/bench") {
        if path
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            let bytes = std::fs::read(&path).unwrap();
            let module =
                Sections::read(bytes.into(), &Bounds::default(), &Clock::default()).unwrap();
            let (held, all) = held(&module);
            let name = path.file_stem().unwrap().display();
            let _ = writeln!(found, "{name}: {held} of {all}");
        }
    }
    let recorded = include_str!("../sequences/held.txt");
    assert!(
        found == recorded,
        "of the kernels' instructions, sequences hold\n{found}and not, as sequences/held.txt has it,\n\
         {recorded}\nWhere the lowering emits other instructions than before, profile the programs \
         anew and choose (sequences/README.md); then write the new numbers into held.txt."
    );
}
