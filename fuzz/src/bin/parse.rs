//! Modules, text, scripts, lists of what a host defines, executables, recordings and options of policies,
//! changed at random. The first line of a case says what the rest of it is.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use holdall::{
    Config, Engine, Export, Extern, HostManifest, Limits, Linker, Lowering, Module, Store, Val,
    ValType,
};
use holdall_fuzz::rng::{INTERESTING, Rng};
use holdall_fuzz::{Target, Watch};
use holdall_pack::{DirGrant, EnvGrant, Executable, Filling, Grant, Manifest, PackedModule};
use holdall_record::{Recorder, Recording};
use holdall_wast::Script;
use xxhash_rust::xxh3::xxh3_64;

/// How long guests may run.
const GUEST_TIME: Duration = Duration::from_millis(100);
/// How long all of a case may take, of at most [`CASE_BYTES`], without optimisation.
const TIME: Duration = Duration::from_millis(1_500);
/// What guests may hold, and how much more than that a case may take: what is read, validated and
/// lowered of it.
const GUEST_BYTES: usize = 8 << 20;
const MORE_BYTES: u64 = 64 << 20;
/// A case is no longer than this.
const CASE_BYTES: usize = 64 << 10;

const MODULES: [&[u8]; 10] = [
    include_bytes!("../../../bundle/mA.wasm"),
    include_bytes!("../../../bundle/mC.wasm"),
    include_bytes!("../../../wasm-apps/wasi/files.wasm"),
    include_bytes!("../../../wasm-apps/wasi/poll.wasm"),
    include_bytes!("../../../wasm-apps/wasi/stream.wasm"),
    include_bytes!("../../../wasm-apps/bench/recursion.wasm"),
    include_bytes!("../../../wasm-apps/bench/floats.wasm"),
    include_bytes!("../../../wasm-apps/bench/switch.wasm"),
    include_bytes!("../../../wasm-apps/bench/indirect.wasm"),
    include_bytes!("../../../examples/ship/bundle/app.wasm"),
];
const TEXTS: [&str; 4] = [
    include_str!("../../../benches/common/guests/calls.wat"),
    include_str!("../../../benches/common/guests/wasi.wat"),
    include_str!("../../../wasm-apps/wasi/preview0.wat"),
    include_str!("../../../examples/ship/wasm/app.wat"),
];
const SCRIPT: &str = r#"(module $m (memory (export "mem") 1) (table (export "t") 2 funcref)
    (func (export "f") (param i32 f64) (result i64) (i64.const -7))
    (func (export "trap") (unreachable)) (global (export "g") (mut i32) (i32.const 5)))
(register "m" $m)
(assert_return (invoke "f" (i32.const 1) (f64.const nan:0x4)) (i64.const -7))
(assert_return (get "g") (i32.const 5))
(assert_trap (invoke $m "trap") "unreachable")
(module (import "m" "f" (func (param i32 f64) (result i64))) (import "m" "mem" (memory 1)))
(assert_invalid (module (func (result i32))) "type mismatch")
(assert_malformed (module quote "(func (bogus))") "unknown operator")
(assert_unlinkable (module (import "m" "none" (func))) "unknown import")
(assert_exhaustion (invoke "f" (i32.const 1) (f64.const inf)) "call stack exhausted")
(invoke "f" (i32.const 0) (f64.const 1e300))
(assert_return (invoke "f" (i32.const 1) (f64.const nan:canonical)) (i64.const 0xffff))"#;
const HOST: &str = "# What the host defines.\n\"env\".\"log\" (func (param i32 i32))\n\
    \"env\".\"memory\" (memory 1 2)\n\"env\".\"g\" (global (mut i64))\n\"wasi_snapshot_preview1\"\n";
const OPTIONS: [&str; 8] = [
    "site::/site",
    "a\\::b::/c::ro",
    "NAME=value",
    "NAME",
    "lib=dir:/a::/b::ro",
    "lib=env:X=1",
    "m@1.2.3=stdio",
    "lib=clocks",
];

/// What recordings are of.
const RECORDED: &str = r#"(module
    (import "env" "log" (func $log (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "run") (param i32) (result i32)
        (i32.add (call $log (local.get 0) (i32.const 2)) (call $log (i32.const 3) (i32.const 4)))))"#;

struct Parse;

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>, pieces: &[&[u8]]) {
    for _ in 0..1 + rng.below(6) {
        let at = rng.below(bytes.len().max(1)).min(bytes.len());
        match rng.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            1 if at < bytes.len() => bytes[at] = rng.next_u64() as u8,
            2 if at < bytes.len() => bytes[at] = *rng.pick(INTERESTING) as u8,
            3 => bytes.insert(at, rng.next_u64() as u8),
            4 => drop(bytes.splice(at..(at + 1 + rng.below(20)).min(bytes.len()), [])),
            5 => drop(bytes.splice(at..at, rng.pick(pieces).iter().copied())),
            _ => {
                // A piece from elsewhere, once or very often.
                let from = rng.below(bytes.len().max(1));
                let count = rng.below(40).min(bytes.len().saturating_sub(from));
                let piece = bytes[from..from + count].to_vec();
                let times = if rng.chance(5) {
                    1 + rng.below(2000)
                } else {
                    1
                };
                bytes.splice(at..at, piece.repeat(times));
            }
        }
    }
    bytes.truncate(CASE_BYTES);
}

fn smith(rng: &mut Rng) -> Vec<u8> {
    let noise = rng.bytes(2000);
    let module = wasm_smith::Module::arbitrary(&mut Unstructured::new(&noise));
    module.map_or_else(|_| MODULES[0].to_vec(), |module| module.to_bytes())
}

/// Numbers as sections and manifests have them, and names that mean something.
const PIECES: [&[u8]; 10] = [
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\x07",
    b"\x80\x80\x04",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\0",
    b"\x0b\x0b",
    b"../../x",
    b"\xe2\x80\xae",
    b"$a$b",
];
const WORDS: [&[u8]; 16] = [
    b"(",
    b")",
    b"(block ",
    b"(func $a ",
    b"(module ",
    b"(param i32)",
    b"(type 0)",
    b"nan:0x1",
    b"0x1p-9999",
    b"\"\\ff\\00\"",
    b"(; ",
    b";;",
    b"br_table 0 ",
    b"-99999999999999999999",
    b"(memory 65537)",
    b"(rec ",
];

/// An executable whose manifest was changed, with the checksums that are then right.
fn executable(rng: &mut Rng) -> Vec<u8> {
    let module = if rng.chance(50) {
        smith(rng)
    } else {
        rng.pick(&MODULES).to_vec()
    };
    let mut filling = Filling::new();
    let part = filling.part(&module);
    let code = filling.part(b"code");
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(&rng.bytes(32));
    let packed = PackedModule {
        name: "m",
        module: part,
        sha256,
        code,
        start: None,
        native: Some(holdall_pack::PackedNative {
            tables: code,
            text: code,
            functions: 1,
            of: 2,
            catches: true,
        }),
    };
    let file = filling.part(b"contents");
    let dir = holdall_pack::PackedDir {
        guest: "/site",
        entries: vec![
            ("a", holdall_pack::Entry::Dir),
            ("a/b", holdall_pack::Entry::File(file)),
            ("c", holdall_pack::Entry::Link("a/b")),
        ],
    };
    let state = holdall_pack::State {
        header: code,
        bytes: file,
    };
    let closed = filling.close(&Manifest {
        holdall: "0.1.0",
        modules: vec![packed],
        root: "m",
        invoke: vec!["f".to_owned(), "$m$g".to_owned()],
        args: vec!["--verbose".to_owned()],
        aliases: vec![("env", "m")],
        compatible_versions: true,
        used_exports: vec!["m"],
        policy: holdall_pack::Policy::default(),
        dirs: vec![dir],
        state: rng.chance(50).then_some(state),
        program: 0,
        native: rng.chance(50).then_some(holdall_pack::Native {
            isa: 1,
            features: 3,
            guarded_addresses: true,
        }),
    });
    let mut bag = closed.expect("its manifest is short");
    let number = |bag: &[u8], at: usize| {
        u64::from_le_bytes(bag[8 * at..8 * at + 8].try_into().expect("eight bytes"))
    };
    let start = usize::try_from(number(&bag, 3)).expect("it is short");
    let mut manifest = bag.split_off(start);
    mutate(rng, &mut manifest, &PIECES);
    bag.extend(&manifest);
    let all = bag.len() as u64;
    for (at, value) in [
        (2, all),
        (4, manifest.len() as u64),
        (5, xxh3_64(&manifest)),
    ] {
        bag[8 * at..8 * at + 8].copy_from_slice(&value.to_le_bytes());
    }
    if rng.chance(10) {
        let at = 8 * rng.below(6);
        let value = *rng.pick(INTERESTING);
        bag[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    let own = xxh3_64(&bag[..48]);
    bag[48..56].copy_from_slice(&own.to_le_bytes());
    let mut executable = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    if rng.chance(20) {
        executable.extend(rng.bytes(64));
    }
    executable.extend(bag);
    executable
}

/// A recording whose records were changed, with the checksums that are then right.
fn recording(rng: &mut Rng) -> Vec<u8> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let recorder = Recorder::new(&mut store, Vec::new()).with_modules(rng.chance(50));
    let recorded = recorder.start().expect("the store is empty");
    let mut linker = Linker::new(&engine);
    let run = || {
        linker.func_wrap("env", "log", |at: u32, len: u32| at + len)?;
        let module = Module::new(&engine, RECORDED.as_bytes())?;
        let instance = linker.instantiate(&mut store, &module)?;
        let run = instance.get_typed_func::<i32, i32>(&store, "run")?;
        run.call(&mut store, 3)
    };
    let _: holdall::Result<i32> = { run }();
    let bytes = recorded.finish().expect("a vector takes all");
    let (magic, mut rest) = bytes.split_at(8);
    let mut changed = magic.to_vec();
    while let Some((len, chunk)) = rest.split_first_chunk() {
        let (payload, more) = chunk[8..].split_at(u32::from_le_bytes(*len) as usize);
        let mut payload = payload.to_vec();
        mutate(rng, &mut payload, &PIECES);
        changed.extend((payload.len() as u32).to_le_bytes());
        changed.extend(xxh3_64(&payload).to_le_bytes());
        changed.extend(payload);
        rest = more;
    }
    changed
}

/// Reads, shows and cuts a recording, and replays what has no modules.
fn replay(bytes: &[u8]) {
    let Ok(recording) = Recording::from_bytes(bytes.to_vec()) else {
        return;
    };
    recording.show(|_| true);
    let cut = Recording::from_bytes(recording.until(1)).expect("it is one");
    assert!(cut.calls() <= 1);
    if recording
        .modules()
        .iter()
        .all(|module| module.bytes.is_none())
    {
        drop(recording.replay().run());
    }
}

impl Target for Parse {
    const NAME: &'static str = "parse";

    fn case(rng: &mut Rng) -> Vec<u8> {
        let (kind, mut bytes) = match rng.below(11) {
            0 | 1 => ("module", smith(rng)),
            2 | 3 => ("module", rng.pick(&MODULES).to_vec()),
            4 => ("text", rng.pick(&TEXTS).as_bytes().to_vec()),
            5 => {
                let text = wasmprinter::print_bytes(smith(rng)).unwrap_or_default();
                ("text", text.into_bytes())
            }
            6 => ("script", SCRIPT.as_bytes().to_vec()),
            7 => ("host", HOST.as_bytes().to_vec()),
            8 => ("recording", recording(rng)),
            9 => ("option", rng.pick(&OPTIONS).as_bytes().to_vec()),
            _ => ("executable", executable(rng)),
        };
        bytes.truncate(CASE_BYTES);
        match kind {
            "module" => mutate(rng, &mut bytes, &PIECES),
            "executable" | "recording" => {}
            _ => mutate(rng, &mut bytes, &WORDS),
        }
        [kind.as_bytes(), b"\n", &bytes].concat()
    }

    fn run(case: &[u8], _: &Path) -> Result<(), String> {
        let end = case
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or("no first line")?;
        let (kind, bytes) = (&case[..end], &case[end + 1..]);
        let watch = Watch::begin();
        match kind {
            b"module" | b"text" => {
                for lowering in [Lowering::Eager, Lowering::Lazy] {
                    module(bytes, lowering);
                }
            }
            b"script" => {
                let text = String::from_utf8_lossy(bytes);
                let config = config(Lowering::Lazy);
                let _ = Script::run("script", &text, &config);
            }
            b"host" => {
                let text = String::from_utf8_lossy(bytes);
                let _ = HostManifest::parse(&text);
            }
            b"option" => {
                let text = String::from_utf8_lossy(bytes);
                let _ = (
                    DirGrant::parse(&text),
                    EnvGrant::parse(&text),
                    Grant::parse(&text),
                );
            }
            b"executable" => packed(bytes),
            b"recording" => replay(bytes),
            other => return Err(format!("unknown kind {:?}", String::from_utf8_lossy(other))),
        }
        let what = String::from_utf8_lossy(kind);
        watch.end(&what, TIME, GUEST_BYTES as u64 + MORE_BYTES)
    }
}

fn limits() -> Limits {
    Limits::new()
        .memory_bytes(GUEST_BYTES)
        .fuel(2_000_000)
        .timeout(GUEST_TIME)
}

fn config(lowering: Lowering) -> Config {
    Config::new()
        .lowering(lowering)
        .metering(true)
        .limits(limits())
}

/// Whether it is valid, links and runs is not the question here.
fn module(bytes: &[u8], lowering: Lowering) {
    let engine = Engine::new(config(lowering));
    let module = match Module::new(&engine, bytes.to_vec()) {
        Ok(module) => module,
        Err(error) => return drop(error.to_string()),
    };
    for import in module.imports() {
        let _ = format!("{import:?}");
    }
    let mut store = Store::new(&engine, ());
    if store.limits(limits()).is_err() {
        return;
    }
    let mut linker = Linker::new(&engine);
    holdall_wasi::add_to_linker(
        &mut linker,
        holdall_wasi::Wasi::new(holdall_wasi::Grants::new()),
    );
    let instance = match linker.instantiate(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => return drop(error.to_string()),
    };
    let exports: Vec<Extern> = instance.exports(&store).map(Export::into_extern).collect();
    for func in exports.into_iter().filter_map(Extern::into_func) {
        let ty = func.ty(&store);
        let values = |types: &[ValType]| -> Vec<Val> {
            types.iter().map(|ty| Val::default_of(*ty)).collect()
        };
        let mut results = values(ty.results());
        if let Err(error) = func.call(&mut store, &values(ty.params()), &mut results) {
            let _ = error.to_string();
        }
    }
}

/// What is looked at of an executable that comes from elsewhere; its code is run by itself alone.
fn packed(bytes: &[u8]) {
    let executable = match Executable::in_memory(bytes.to_vec()) {
        Ok(executable) => executable,
        Err(error) => return drop(error.to_string()),
    };
    let manifest = executable.manifest();
    let _ = manifest.naming().map_err(|error| error.to_string());
    let policy = &manifest.policy;
    let _ = (policy.options(), policy.limits(), policy.unpooled_config());
    let _ = executable.check().map_err(|error| error.to_string());
}

fn main() -> ExitCode {
    holdall_fuzz::main::<Parse>()
}
