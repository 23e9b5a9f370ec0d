//! Executables that somebody made to do harm: what says what is in them is not what `holdall pack` says,
//! but every checksum is right. Looking at one, unpacking it and running it end soon, without harm.

use std::fs;

use holdall_pack::{
    Bag, Entry, Executable, Filling, Manifest, Native, PackedDir, PackedModule, PackedNative, Part,
    Policy,
};
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use crate::rng::Rng;
use crate::support::Folder;

const WASM: &[u8] = b"\0asm\x01\0\0\0";

/// A manifest of nothing.
fn manifest() -> Manifest<'static> {
    Manifest {
        holdall: "0.1.0",
        modules: Vec::new(),
        root: "m",
        invoke: Vec::new(),
        args: Vec::new(),
        aliases: Vec::new(),
        compatible_versions: false,
        policy: Policy::default(),
        dirs: Vec::new(),
        state: None,
        program: 0,
        used_exports: Vec::new(),
        native: None,
    }
}

/// An executable, as far as `inspect` and `unpack` look, of a module and what is made of a part.
fn executable(change: impl FnOnce(&mut Filling, &mut Manifest<'static>)) -> Vec<u8> {
    let mut filling = Filling::new();
    let mut manifest = manifest();
    manifest.modules.push(module(&mut filling, "m"));
    change(&mut filling, &mut manifest);
    let mut bytes = b"\x7fELF".to_vec();
    bytes.resize(16, 0);
    bytes.extend(filling.close(&manifest).unwrap());
    bytes
}

fn module(filling: &mut Filling, name: &'static str) -> PackedModule<'static> {
    PackedModule {
        name,
        module: filling.part(WASM),
        sha256: Sha256::digest(WASM).into(),
        start: None,
        native: None,
        code: filling.part(&[]),
    }
}

fn dir(guest: &'static str, entries: Vec<(&'static str, Entry<'static>)>) -> PackedDir<'static> {
    PackedDir { guest, entries }
}

#[test]
fn nothing_is_written_where_it_was_not_to_be() {
    type Entries = fn(Part) -> Vec<(&'static str, Entry<'static>)>;
    let cases: [(Entries, &str); 10] = [
        (
            |file| {
                vec![
                    ("x", Entry::Link("../../modules/m.wasm")),
                    ("x", Entry::File(file)),
                ]
            },
            "link x leads out",
        ),
        (
            |file| vec![("x", Entry::Link("y")), ("x", Entry::File(file))],
            "x is there twice",
        ),
        (
            |_| vec![("up", Entry::Link("/etc/passwd"))],
            "link up leads out",
        ),
        (
            |_| vec![("a/up", Entry::Link("b/../../.."))],
            "link a/up leads out",
        ),
        (
            |file| vec![("x", Entry::Link(".")), ("x/y", Entry::File(file))],
            "x/y is below x, which is no directory",
        ),
        (
            |file| {
                vec![
                    ("x/y/z", Entry::File(file)),
                    ("x-", Entry::Dir),
                    ("x", Entry::Link(".")),
                ]
            },
            "x/y/z is below x, which is no directory",
        ),
        (
            |file| vec![("x", Entry::File(file)), ("x/y", Entry::Dir)],
            "x/y is below x, which is no directory",
        ),
        (|file| vec![("../x", Entry::File(file))], "../x is no path"),
        (
            |file| vec![("/tmp/x", Entry::File(file))],
            "/tmp/x is no path",
        ),
        (|_| vec![("a//b", Entry::Dir)], "a//b is no path"),
    ];
    let folder = Folder::new("hostile");
    for (entries, text) in cases {
        let bytes = executable(|filling, manifest| {
            let file = filling.part(b"evil");
            manifest.dirs.push(dir("/d", entries(file)));
        });
        fs::write(folder.path().join("app"), bytes).unwrap();
        folder
            .holdall(&["unpack", "app", "out"])
            .fails(1, &["cannot unpack into out", text]);
        assert_eq!(folder.names(), ["app"]);
    }
    let bytes = executable(|filling, manifest| {
        let again = module(filling, "m");
        manifest.modules.push(again);
    });
    fs::write(folder.path().join("app"), bytes).unwrap();
    folder
        .holdall(&["unpack", "app", "out"])
        .fails(1, &["there are two modules m"]);
    // Where links lead, files are not written, and no link leads out by way of another one.
    let bytes = executable(|filling, manifest| {
        let file = filling.part(b"evil");
        let entries = vec![
            ("a", Entry::Dir),
            ("a/b", Entry::Link("..")),
            ("c", Entry::Link("a/b/../../modules")),
            ("modules", Entry::Link("a")),
            ("z", Entry::File(file)),
        ];
        manifest.dirs.push(dir("/", entries));
    });
    fs::write(folder.path().join("app"), bytes).unwrap();
    let outcome = folder.holdall(&["unpack", "app", "out"]);
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    let out = folder.path().join("out");
    assert_eq!(fs::read(out.join("modules/m.wasm")).unwrap(), WASM);
    assert!(fs::symlink_metadata(out.join("files/c")).is_err());
    let kept = fs::read_to_string(out.join("kept.jsonl")).unwrap();
    assert!(
        kept.contains(r#""path":"c","target":"a/b/../../modules""#),
        "{kept}"
    );
}

/// Which no options say: there is no command for them.
/// Machine code that the file does not have, or does not have where an executable has it.
#[test]
fn machine_code_that_is_not_there_is_damage() {
    let folder = Folder::new("no_code");
    let bytes = executable(|filling, manifest| {
        let tables = filling.part(b"tables");
        manifest.native = Some(Native {
            isa: 77,
            features: u64::MAX,
            guarded_addresses: true,
        });
        manifest.modules[0].native = Some(PackedNative {
            tables,
            text: tables,
            functions: u64::MAX,
            of: 0,
            catches: true,
        });
    });
    fs::write(folder.path().join("app"), bytes).unwrap();
    for args in [&["inspect", "app"][..], &["unpack", "app", "out"]] {
        let what = "damaged: the machine code of module \"m\" is not as it was packed";
        folder.holdall(args).fails(1, &[what]);
    }
    // Of nothing there is nothing to be damaged; what is told of it is shown.
    let bytes = executable(|_, manifest| {
        let (isa, features) = (77, u64::MAX);
        let guarded_addresses = false;
        manifest.native = Some(Native {
            isa,
            features,
            guarded_addresses,
        });
    });
    fs::write(folder.path().join("app"), bytes).unwrap();
    let shown = folder.holdall(&["inspect", "app"]);
    let told = "native code: unknown, for unknown processors\n    m  interpreted";
    assert!(shown.stdout.contains(told), "{shown:#?}");
    folder.holdall(&["unpack", "app", "out"]);
}

#[test]
fn what_no_option_says_is_refused() {
    type Change = fn(&mut Manifest<'static>);
    let changes: [Change; 4] = [
        |manifest| manifest.aliases.push(("a=b", "c")),
        |manifest| manifest.args.push("a\0b".to_owned()),
        |manifest| manifest.dirs.push(dir("a::b", Vec::new())),
        |manifest| {
            manifest.aliases.push(("a", "b"));
            manifest.aliases.push(("a", "c"));
        },
    ];
    let folder = Folder::new("unsaid");
    for (at, change) in changes.into_iter().enumerate() {
        let bytes = executable(|_, manifest| change(manifest));
        fs::write(folder.path().join("app"), bytes).unwrap();
        folder
            .holdall(&["unpack", "app", &format!("out{at}")])
            .fails(1, &["no options say how it is run"]);
    }
}

#[test]
fn a_small_executable_does_not_fill_the_disk_without_a_question() {
    let folder = Folder::new("bomb");
    let bytes = executable(|filling, manifest| {
        let file = filling.part(&vec![7; 1 << 20]);
        let entries = (0..100).map(|at| (&*at.to_string().leak(), Entry::File(file)));
        manifest.dirs.push(dir("/d", entries.collect()));
    });
    fs::write(folder.path().join("app"), bytes).unwrap();
    let outcome = folder.holdall(&["unpack", "app", "out"]);
    let size_bytes = 100 * ((1 << 20) + 512) + 8 + 512 + 512;
    let option = format!("--max-size {size_bytes}");
    outcome.fails(1, &[&format!("it would take {size_bytes} bytes"), &option]);
    assert_eq!(folder.names(), ["app"]);
    let lifted = [
        "unpack",
        "app",
        "out",
        "--max-size",
        &size_bytes.to_string(),
    ];
    folder.holdall(&lifted).prints(&format!(
        "modules: 1, directories: 1, bytes: {size_bytes}, in out\n"
    ));
    // As many names are as much.
    let bytes = executable(|_, manifest| {
        let entries = (0..200_000).map(|at| (&*at.to_string().leak(), Entry::Dir));
        manifest.dirs.push(dir("/d", entries.collect()));
    });
    fs::write(folder.path().join("app"), bytes).unwrap();
    folder
        .holdall(&["unpack", "app", "many"])
        .fails(1, &["--max-size"]);
}

/// Parts that are named again and again, with empty ones between, would be looked at each time.
#[test]
fn inspecting_takes_no_longer_than_the_file_is_long() {
    let folder = Folder::new("again");
    let bytes = executable(|filling, manifest| {
        let file = filling.part(&vec![7; 4 << 20]);
        let nothing = filling.part(&[]);
        let entries = (0..40_000).map(|at| {
            let part = if at % 2 == 0 { file } else { nothing };
            (&*at.to_string().leak(), Entry::File(part))
        });
        manifest.dirs.push(dir("/d", entries.collect()));
    });
    fs::write(folder.path().join("app"), bytes).unwrap();
    // Looked at each time it would be 80 GB, some minutes.
    let outcome = folder.run(
        "timeout",
        &["60", env!("CARGO_BIN_EXE_holdall"), "inspect", "app"],
    );
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    assert!(outcome.stdout.contains("40000 files"));
}

#[test]
#[cfg(target_os = "linux")]
fn an_executable_of_gigabytes_is_read_in_place() {
    let folder = Folder::new("gigabytes");
    let bag = executable(|_, _| {});
    let file = fs::File::create(folder.path().join("app")).unwrap();
    let at = 1_100 << 20;
    std::os::unix::fs::FileExt::write_all_at(&file, &bag[..16], 0).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &bag[16..], at).unwrap();
    // A file of holes takes no room on the disk; and of memory 256 MiB are enough.
    let script = format!(
        "ulimit -v 262144; '{0}' inspect app && '{0}' unpack app out",
        env!("CARGO_BIN_EXE_holdall")
    );
    let outcome = folder.run("bash", &["-c", &script]);
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    assert_eq!(
        fs::read(folder.path().join("out/modules/m.wasm")).unwrap(),
        WASM
    );
}

/// The manifest of a real executable, changed at random, with the checksums put right.
#[test]
fn manifests_that_were_changed_end_in_an_error_or_a_program() {
    let folder = Folder::new("mutated")
        .with(
            "app.wat",
            "(module (import \"lib\" \"f\" (func)) (memory 1) (func (export \"_start\")))",
        )
        .with("lib.wat", "(module (func (export \"f\")))")
        .with("in/a/file", "contents")
        .with("in/b", "");
    folder
        .pack(&[
            "app.wat",
            "-o",
            "app",
            "--module",
            "lib=lib.wat",
            "--embed",
            "in::/in",
            "--env",
            "A=b",
            "--alias",
            "x=lib",
            "--fuel",
            "100000",
            "--preinit",
            "--grant",
            "lib:stderr",
            "--",
            "one",
        ])
        .prints("");
    let whole = fs::read(folder.path().join("app")).unwrap();
    let magic = b"\xf7holdall";
    let start = whole.windows(8).rposition(|it| it == magic).unwrap();
    let number = |bytes: &[u8], at: usize| {
        let bytes = &bytes[8 * at..8 * at + 8];
        u64::from_le_bytes(bytes.try_into().unwrap()) as usize
    };
    let bag = &whole[start..];
    let (at, len) = (number(bag, 3), number(bag, 4));
    let mut rng = Rng::new(7);
    let rounds = if cfg!(debug_assertions) {
        3_000
    } else {
        30_000
    };
    for round in 0..rounds {
        let mut bag = bag.to_vec();
        for _ in 0..1 + rng.below(3) {
            let place = at + rng.below(len);
            bag[place] = match rng.below(4) {
                0 => 0,
                1 => 0xff,
                2 => bag[place] ^ (1 << rng.below(8)),
                _ => rng.below(256) as u8,
            };
        }
        let check = xxh3_64(&bag[at..at + len]);
        bag[40..48].copy_from_slice(&check.to_le_bytes());
        let check = xxh3_64(&bag[..48]);
        bag[48..56].copy_from_slice(&check.to_le_bytes());
        let mut executable = b"\x7fELF".to_vec();
        executable.resize(16, 0);
        executable.extend(&bag);
        if let Ok(executable) = Executable::in_memory(executable) {
            let _ = executable.check();
        }
        // What a program begins with is read from memory that stays.
        if round % 10 == 0
            && let Ok(bag) = Bag::open(bag.clone().leak())
        {
            let _ = (bag.files(), bag.state(), bag.manifest().naming());
        }
        if round % 100 == 0 {
            fs::write(folder.path().join("app"), [&whole[..start], &bag].concat()).unwrap();
            let script = format!(
                "ulimit -v 4194304; '{0}' inspect app; rm -rf out; '{0}' unpack app out; \
                 timeout 60 ./app; test $? != 124",
                env!("CARGO_BIN_EXE_holdall")
            );
            let outcome = folder.run("bash", &["-c", &script]);
            assert_eq!(outcome.code, 0, "{outcome:#?}");
        }
    }
}
