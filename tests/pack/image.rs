//! Executables whose memory begins as pages of the file. They do what the module does when it is run.

use std::fs;

use crate::parts::packs_again;
use crate::support::Folder;

/// The data of a program, of two segments, one at a place that a global says.
const DATA_BYTES: usize = 150_000;

/// Adds up its memory, changes it and lets it grow.
fn program() -> String {
    let data: String = (0..DATA_BYTES)
        .map(|at| char::from(b'a' + (at % 23) as u8))
        .collect();
    format!(
        r#"(module $it
        (memory (export "memory") 4 600)
        (global $at i32 (i32.const 200000))
        (data (i32.const 5000) "{data}")
        (data $far (global.get $at) "far away")
        (func $sum (result i32) (local $at i32) (local $sum i32)
            (loop $next
                (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31))
                    (i32.load8_u (local.get $at))))
                (br_if $next (i32.lt_u
                    (local.tee $at (i32.add (local.get $at) (i32.const 1)))
                    (i32.const 262144))))
            (local.get $sum))
        (func (export "begins") (call $told) drop drop drop drop drop drop)
        (func $told (export "told") (result i32 i32 i32 i32 i32 i32)
            (call $sum)
            (i32.store (i32.const 6000) (i32.add (memory.size) (i32.load (i32.const 6000))))
            (memory.grow (i32.const 1))
            (call $sum)
            (memory.grow (i32.const 250))
            (call $sum)
            (i32.load (i32.const 16000000)))
        (func $inner (unreachable))
        (func (export "traps") (drop (call $sum)) (call $inner))
        (func (export "again") (memory.init $far (i32.const 0) (i32.const 0) (i32.const 1))))"#
    )
}

const APP: [&str; 3] = ["it.wat", "-o", "app"];

fn folder(name: &str) -> Folder {
    Folder::new(name).with("it.wat", program())
}

#[test]
fn a_memory_that_is_an_image_holds_what_the_segments_say() {
    let folder = folder("image");
    let calls = ["--invoke", "told", "--invoke", "told"];
    let ran = folder.holdall(&[&["run", "it.wat"], &calls[..]].concat());
    folder.pack(&[&APP[..], &calls].concat()).prints("");
    for _ in 0..2 {
        folder.app("app", &[]).prints(&ran.stdout);
    }
    let pack = [&APP[..], &calls, &["--preinit=begins"]].concat();
    folder.pack(&pack).prints("");
    let prepared = folder.app("app", &[]);
    assert_eq!(prepared.stdout.lines().next(), ran.stdout.lines().nth(1));
    folder.holdall(&["unpack", "app", "out"]);
    packs_again(&folder, "app", "out");
}

/// Names and offsets are in the part of the module that is not read when it starts.
#[test]
fn traps_are_told_as_ever() {
    let folder = folder("image_traps");
    for name in ["traps", "again"] {
        let calls = ["--invoke", name];
        let ran = folder.holdall(&[&["run", "it.wat"], &calls[..]].concat());
        folder.pack(&[&APP[..], &calls].concat()).prints("");
        let app = folder.app("app", &[]);
        let trap = |text: &str| text.split_once(": ").map(|(_, trap)| trap.to_owned());
        assert_eq!(trap(&app.stderr), trap(&ran.stderr), "{app:#?} {ran:#?}");
        assert_eq!(app.code, ran.code);
    }
}

#[test]
fn a_damaged_image_keeps_it_from_running_and_a_damaged_tail_is_found_out() {
    let folder = folder("image_damage");
    folder
        .pack(&[&APP[..], &["--invoke", "traps"]].concat())
        .prints("");
    let bytes = fs::read(folder.path().join("app")).unwrap();
    let whole = folder.app("app", &[]);
    let places = |text: &[u8]| -> Vec<usize> {
        let found = bytes.windows(text.len()).enumerate();
        found
            .filter(|(_, it)| *it == text)
            .map(|(at, _)| at)
            .collect()
    };
    // In the module, and in the image.
    let far = places(b"far away");
    let [tail, image] = far[..] else {
        panic!("{far:?}")
    };
    for (at, what) in [(tail, "module"), (image, "the memory of module")] {
        let mut broken = bytes.clone();
        broken[at] ^= 4;
        fs::write(folder.path().join("app"), &broken).unwrap();
        let what = format!("damaged: {what} \"it\" is not as it was packed");
        folder.holdall(&["inspect", "app"]).fails(1, &[&what]);
        let ran = folder.app("app", &[]);
        if at == image {
            ran.fails(1, &[&what]);
        } else {
            // It runs what was not damaged, and tells of the rest what it can.
            assert_eq!(ran.code, whole.code);
            let first = |text: &str| text.lines().next().map(str::to_owned);
            assert_eq!(first(&ran.stderr), first(&whole.stderr));
        }
    }
}
