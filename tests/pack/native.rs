//! `holdall pack --native`: the executable does what the interpreted one does, and its machine code is as safe
//! from damage and tools as the rest.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use object::Endianness;
use object::elf::{FileHeader64, PF_W, PF_X, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};

use crate::parts::packs_again;
use crate::support::{Folder, Outcome};
use crate::{ECHO, letter, other_platform};

/// Packs the same program twice, interpreted and native, as `interpreted/app` and `native/app`.
#[track_caller]
fn pack_both(folder: &Folder, pack: &[&str], native: &[&str]) {
    for (kind, options) in [("interpreted", &[][..]), ("native", native)] {
        fs::create_dir_all(folder.path().join(kind)).unwrap();
        let app = format!("{kind}/app");
        let end = pack.iter().position(|word| *word == "--");
        let (own, args) = pack.split_at(end.unwrap_or(pack.len()));
        folder
            .pack(&[own, &["-o", &app], options, args].concat())
            .prints("");
    }
    let shown = folder.holdall(&["inspect", "native/app"]);
    assert!(
        shown.stdout.contains("\nnative code: ") && shown.stdout.contains(" functions, "),
        "{shown:#?}"
    );
    let shown = folder.holdall(&["inspect", "interpreted/app"]);
    assert!(!shown.stdout.contains("native code"), "{shown:#?}");
}

/// Runs both programs. They end and print alike.
#[track_caller]
fn run_both(folder: &Folder, args: &[&str]) -> Outcome {
    let [interpreted, native] = ["interpreted/app", "native/app"].map(|app| folder.app(app, args));
    let said = |outcome: &Outcome| (outcome.code, outcome.stdout.clone(), outcome.stderr.clone());
    assert_eq!(said(&interpreted), said(&native));
    native
}

const NATIVE: &[&str] = &["--native"];

/// Processors that the programs of these tests run on.
fn cpu() -> &'static str {
    match other_platform() {
        None => "native",
        Some((target, _)) if target.starts_with("aarch64") => "armv8.1-a",
        Some(_) => "x86-64-v2",
    }
}

/// Some of everything: calls through tables and of another module, memory, an exception that is caught, floats,
/// a tail call, traps below all kinds of calls.
const ALL: &str = r#"(module $all
    (import "lib" "f" (func $f (result i32)))
    (memory (export "memory") 1 10)
    (data (i32.const 16) "\01\02\03\04\05\06\07\08")
    (type $t (func (param i32) (result i32)))
    (table 4 funcref)
    (elem (i32.const 0) $fib $sum $throws $deep)
    (tag $thrown (param i32))
    (func $fib (type $t)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
            (then (local.get 0))
            (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func $sum (type $t) (local $sum i32)
        (loop $next
            (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get 0))))
            (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get $sum))
    (func $throws (type $t) (throw $thrown (local.get 0)))
    (func $deep (type $t) (i32.load (i32.shl (local.get 0) (i32.const 16))))
    (func $catches (export "catches") (param i32) (result i32)
        (block $caught (result i32)
            (try_table (catch $thrown $caught) (return (call $indirect (i32.const 2) (local.get 0))))
            (unreachable)))
    (func $indirect (export "indirect") (param i32 i32) (result i32)
        (call_indirect (type $t) (local.get 1) (local.get 0)))
    (func $tail (export "tail") (param i32 i32) (result i32)
        (return_call_indirect (type $t) (local.get 1) (local.get 0)))
    (func (export "through") (param i32) (result i32)
        (i32.add (call $catches (local.get 0)) (call $indirect (i32.const 3) (local.get 0))))
    (func (export "of_lib") (result i32) (call $f))
    (func (export "floats") (param f64) (result f64 f32)
        (f64.div (f64.nearest (local.get 0)) (f64.const 3))
        (f32.sqrt (f32.demote_f64 (local.get 0))))
    (func (export "grows") (param i32) (result i32 i32)
        (memory.grow (local.get 0)) (i32.load (i32.const 16))))"#;

fn all(name: &str) -> Folder {
    Folder::new(name)
        .with("all.wat", ALL)
        .with("lib.wat", letter('x'))
}

const PACK: &[&str] = &["all.wat", "--module", "lib=lib.wat"];

#[test]
fn functions_do_what_interpreted_ones_do() {
    let folder = all("native_all");
    for (name, runs) in [
        (
            "indirect",
            &[&["0", "20"][..], &["1", "1000"], &["3", "0"], &["3", "1"]][..],
        ),
        ("indirect", &[&["2", "7"], &["4", "0"], &["0", "100000000"]]),
        ("tail", &[&["0", "20"], &["3", "1"], &["2", "5"]]),
        ("catches", &[&["5"], &["-1"]]),
        ("through", &[&["0"], &["1"]]),
        ("of_lib", &[&[]]),
        ("floats", &[&["2.5"], &["-1"], &["nan:0x4000000000000"]]),
        ("grows", &[&["1"], &["9"], &["10"]]),
    ] {
        pack_both(&folder, &[PACK, &["--invoke", name]].concat(), NATIVE);
        // The calls that never end are for another test.
        for args in runs.iter().filter(|args| args.last() != Some(&"100000000")) {
            run_both(&folder, args);
        }
    }
}

#[test]
fn a_program_has_its_arguments_exit_code_and_backtrace() {
    let folder = Folder::new("native_ends")
        .with("echo.wat", ECHO)
        .with("lib.wat", letter('x'))
        .with(
            "trap.wat",
            "(module (import \"lib\" \"f\" (func $f (result i32)))
                (func $deep (if (i32.eq (call $f) (i32.const 120)) (then unreachable)))
                (func (export \"_start\") (call $deep)))",
        )
        .with(
            "exit.wat",
            "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
                (memory (export \"memory\") 1) (func (export \"_start\") (call $exit (i32.const 7))))",
        );
    let lib = ["--module", "lib=lib.wat"];
    pack_both(
        &folder,
        &[&["echo.wat"], &lib[..], &["--", "first"]].concat(),
        NATIVE,
    );
    run_both(&folder, &["second"]).prints("app\nfirst\nsecond\nx\n");
    pack_both(&folder, &[&["trap.wat"], &lib[..]].concat(), NATIVE);
    run_both(&folder, &[]).fails(
        134,
        &[
            "app: trap: unreachable",
            "0: trap!deep @ ",
            "1: trap!<func 2> @ ",
        ],
    );
    pack_both(&folder, &["exit.wat"], NATIVE);
    assert_eq!(run_both(&folder, &[]).code, 7);
}

#[test]
fn limits_hold() {
    let folder = Folder::new("native_limits").with(
        "spin.wat",
        "(module (memory 1)
            (func (export \"_start\") (loop (br 0)))
            (func $down (export \"down\") (param i32) (result i32)
                (i32.add (call $down (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
            (func (export \"grow\") (result i32) (memory.grow (i32.const 10)))
            (func (export \"nan\") (param f64) (result i64)
                (i64.reinterpret_f64 (f64.add (local.get 0) (local.get 0)))))",
    );
    pack_both(&folder, &["spin.wat", "--fuel", "1000"], NATIVE);
    run_both(&folder, &[]).fails(134, &["app: trap: out of fuel"]);
    pack_both(&folder, &["spin.wat", "--timeout", "50ms"], NATIVE);
    folder.app("native/app", &[]).fails(134, &["app: trap: "]);
    pack_both(&folder, &["spin.wat", "--invoke", "down"], NATIVE);
    folder
        .app("native/app", &["0"])
        .fails(134, &["app: trap: call stack exhausted"]);
    let limits = [
        "--invoke",
        "grow",
        "--max-memory",
        "128KiB",
        "--pool",
        "1MiB",
    ];
    pack_both(&folder, &[&["spin.wat"], &limits[..]].concat(), NATIVE);
    run_both(&folder, &[]).prints("0xffffffff:i32\n");
    pack_both(
        &folder,
        &["spin.wat", "--invoke", "nan", "--deterministic"],
        NATIVE,
    );
    run_both(&folder, &["nan:0x4000000000000"]).prints("0x7ff8000000000000:i64\n");
}

#[test]
fn it_begins_with_the_state_of_its_initialisation() {
    let folder = Folder::new("native_preinit").with(
        "it.wat",
        "(module (memory (export \"memory\") 3 5) (global $n (mut i32) (i32.const 0))
            (table 1 funcref)
            (func $mine (result i32) (i32.load (i32.const 70000)))
            (elem declare func $mine)
            (func (export \"setup\") (i32.store (i32.const 70000) (i32.const 7))
                (drop (memory.grow (i32.const 1)))
                (table.set (i32.const 0) (ref.func $mine))
                (global.set $n (i32.const 5)))
            (func (export \"told\") (result i32 i32 i32)
                (global.get $n) (memory.size) (call_indirect (result i32) (i32.const 0))))",
    );
    pack_both(
        &folder,
        &["it.wat", "--invoke", "told", "--preinit=setup"],
        NATIVE,
    );
    run_both(&folder, &[]).prints("0x5:i32,0x4:i32,0x7:i32\n");
    folder.holdall(&["unpack", "native/app", "out"]);
    packs_again(&folder, "native/app", "out");
}

#[test]
fn the_same_inputs_give_the_same_bytes_and_are_given_back() {
    let folder = all("native_same");
    let pack = [PACK, &["--invoke", "of_lib"]].concat();
    for options in [
        NATIVE,
        &["--native", "--guarded-addresses", "--fuel", "1000"],
        &["--native", "--cpu", cpu()],
    ] {
        pack_both(&folder, &pack, options);
        let first = fs::read(folder.path().join("native/app")).unwrap();
        pack_both(&folder, &pack, options);
        assert!(first == fs::read(folder.path().join("native/app")).unwrap());
        run_both(&folder, &[]).prints("0x78:i32\n");
        let _ = fs::remove_dir_all(folder.path().join("out"));
        folder.holdall(&["unpack", "native/app", "out"]);
        packs_again(&folder, "native/app", "out");
    }
    folder
        .pack(&[&pack[..], &["-o", "app", "--native", "--cpu", "z80"]].concat())
        .fails(1, &["--cpu: expected baseline, ", "found \"z80\""]);
}

/// The segments of an executable: whether each is writable and executable, and where its bytes are.
fn segments(bytes: &[u8]) -> Vec<(bool, bool, std::ops::Range<usize>)> {
    let header = FileHeader64::<Endianness>::parse(bytes).unwrap();
    let endian = header.endian().unwrap();
    let headers = header.program_headers(endian, bytes).unwrap().iter();
    let loaded = headers.filter(|header| header.p_type(endian) == PT_LOAD);
    let segments = loaded.map(|header| {
        let (start, len) = header.file_range(endian);
        let has = |flag| header.p_flags(endian).contains(flag);
        (has(PF_W), has(PF_X), start as usize..(start + len) as usize)
    });
    segments.collect()
}

#[test]
fn only_machine_code_is_executable_and_nothing_is_writable_beside() {
    let folder = all("native_segments");
    pack_both(&folder, &[PACK, &["--invoke", "of_lib"]].concat(), NATIVE);
    let [interpreted, native] = ["interpreted/app", "native/app"]
        .map(|app| segments(&fs::read(folder.path().join(app)).unwrap()));
    assert_eq!(native.len(), interpreted.len() + 1);
    let end = native.len() - 2;
    let access = |at: usize| (native[at].0, native[at].1);
    assert_eq!(
        (access(end), access(end + 1)),
        ((false, false), (false, true))
    );
    assert!(
        native
            .iter()
            .all(|(writable, executable, _)| !(*writable && *executable))
    );
}

#[test]
fn a_byte_of_its_machine_code_that_was_changed_keeps_it_from_running() {
    let folder = all("native_damage");
    pack_both(&folder, &[PACK, &["--invoke", "of_lib"]].concat(), NATIVE);
    let bytes = fs::read(folder.path().join("native/app")).unwrap();
    let (.., code) = segments(&bytes).pop().unwrap();
    let path = folder.path().join("native/app");
    let put = |at: usize, byte: u8| {
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[byte], at as u64).unwrap();
    };
    let mut seen = 0;
    let step = code.len() / 5;
    for at in code.clone().step_by(step).chain([code.start, code.end - 1]) {
        put(at, bytes[at] ^ 4);
        let ran = folder.app("native/app", &[]);
        // What lies between the texts of two modules is nobody's.
        if ran.code == 0 {
            assert_eq!(bytes[at], 0, "{at}");
        } else {
            seen += 1;
            for outcome in [ran, folder.holdall(&["inspect", "native/app"])] {
                outcome.fails(1, &["damaged: the machine code of module "]);
            }
        }
        put(at, bytes[at]);
    }
    assert!(seen > 4, "{seen}");
    fs::write(folder.path().join("native/app"), &bytes[..code.start]).unwrap();
    folder.app("native/app", &[]).fails(1, &[]);
    folder.holdall(&["inspect", "native/app"]).fails(1, &[]);
}

/// Much machine code is checked in a thread of its own.
#[test]
fn a_byte_of_much_machine_code_that_was_changed_keeps_it_from_running() {
    let mut text =
        r#"(module (memory 1) (func (export "seven") (result i32) (i32.const 7))"#.to_owned();
    for number in 0..30 {
        text += "(func (param i32)";
        for at in 0..1000 {
            let value = format!("(i32.mul (local.get 0) (i32.const {}))", number + at);
            text += &format!("(i32.store offset={at} (local.get 0) {value})");
        }
        text += ")";
    }
    text += ")";
    let folder = Folder::new("native_much").with("it.wat", &text);
    let pack = ["it.wat", "--invoke", "seven", "-o", "app", "--native"];
    folder.pack(&pack).prints("");
    folder.app("app", &[]).prints("0x7:i32\n");
    let mut bytes = fs::read(folder.path().join("app")).unwrap();
    let (.., code) = segments(&bytes).pop().unwrap();
    assert!(code.len() > 512 << 10, "{} bytes", code.len());
    // Code that is never executed.
    bytes[code.end - 600] ^= 4;
    fs::write(folder.path().join("app"), &bytes).unwrap();
    let what = "damaged: the machine code of module \"it\" is not as it was packed";
    folder.app("app", &[]).fails(1, &[what]);
}

/// Commands that make an executable smaller, as far as there are tools for its platform; the names of two files
/// follow.
fn strippers() -> Vec<Vec<String>> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect();
    // Those of this system know no files of others.
    let mut tools = match other_platform() {
        None => vec![words("objcopy --strip-all"), words("objcopy --strip-debug")],
        Some(_) => Vec::new(),
    };
    let sysroot = std::process::Command::new("rustc")
        .args(["--print", "sysroot", "--print", "target-libdir"])
        .output()
        .unwrap();
    let paths = String::from_utf8(sysroot.stdout).unwrap();
    let (sysroot, libs) = paths.trim_end().split_once('\n').unwrap();
    let of_llvm = Path::new(libs).with_file_name("bin/rust-objcopy");
    if of_llvm.exists() {
        let tool = of_llvm.display();
        let with = format!("env LD_LIBRARY_PATH={sysroot}/lib {tool}");
        tools.push(words(&format!("{with} --strip-all")));
    }
    tools
}

#[test]
fn tools_that_strip_keep_the_machine_code() {
    let folder = all("native_stripped");
    pack_both(&folder, &[PACK, &["--invoke", "of_lib"]].concat(), NATIVE);
    for tool in strippers() {
        let strip = |from: &str, to: &str| {
            let mut args: Vec<&str> = tool.iter().map(String::as_str).collect();
            args.extend([from, to]);
            let outcome = folder.run(args[0], &args[1..]);
            assert_eq!(outcome.code, 0, "{tool:?}: {outcome:#?}");
        };
        // Once more changes nothing.
        for (from, to) in [("native/app", "stripped"), ("stripped", "again")] {
            strip(from, to);
            folder.app(to, &[]).prints("0x78:i32\n");
            folder.holdall(&["inspect", to]).fails(0, &[]);
        }
    }
}

/// A runtime that executes no native code of this build takes the modules as ever.
#[test]
fn a_platform_that_is_not_covered_is_told_and_packed_as_before() {
    let folder = all("native_other");
    let mut runtime = fs::read(env!("CARGO_BIN_EXE_holdall-runtime")).unwrap();
    let mark = b"\x10\0\0\0\x02\0\0\0holdall run\0";
    let at = memchr::memmem::find_iter(&runtime, mark).collect::<Vec<_>>();
    for at in at {
        runtime[at + mark.len()] ^= 1;
    }
    let folder = folder.with("runtime", runtime);
    let pack = [
        &["pack"],
        PACK,
        &["--invoke", "of_lib", "--runtime", "runtime", "-o"],
    ]
    .concat();
    let packed = folder.holdall(&[&pack[..], &["app", "--native"]].concat());
    packed.fails(0, &["note: --native: this runtime executes no native code"]);
    let app = folder.path().join("app");
    folder.run(&app, &[]).prints("0x78:i32\n");
    folder
        .holdall(&[&pack[..], &["other"]].concat())
        .fails(0, &[]);
    assert!(fs::read(app).unwrap() == fs::read(folder.path().join("other")).unwrap());
}

#[test]
fn a_processor_that_lacks_what_the_code_needs_is_told() {
    // An emulator can be an older processor.
    let emulated = other_platform().filter(|(_, runner)| runner.starts_with("qemu-aarch64"));
    let Some((_, runner)) = emulated else {
        return;
    };
    let folder = all("native_cpu");
    pack_both(
        &folder,
        &[PACK, &["--invoke", "of_lib"]].concat(),
        &["--native", "--cpu", cpu()],
    );
    run_both(&folder, &[]).prints("0x78:i32\n");
    let old = folder.run(runner, &["-cpu", "cortex-a53", "native/app"]);
    old.fails(
        1,
        &["app: it was packed for processors that have lse, which this one lacks"],
    );
}
