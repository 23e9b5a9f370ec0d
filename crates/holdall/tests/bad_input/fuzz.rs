//! Valid modules cut short, changed at random, and bytes that are random from the start. The seeds
//! are fixed; `HOLDALL_SEEDS` asks for more of them.

use holdall::{
    Config, Engine, Export, Extern, Limits, Linker, Lowering, Module, Store, Val, ValType,
};

use crate::rng::{INTERESTING, Rng};
use crate::{LOWERINGS, load, program};

/// How many mutations of how many modules.
fn seeds() -> u64 {
    let usual = if cfg!(debug_assertions) { 400 } else { 4000 };
    std::env::var("HOLDALL_SEEDS").map_or(usual, |text| text.parse().expect("a number"))
}

/// Takes whatever comes: the test is that an answer comes at all. What is valid is linked with what
/// the programs import and instantiated, and its exports are called until their fuel is used up.
fn feed(bytes: &[u8], lowering: Lowering) {
    let config = Config::new().lowering(lowering).metering(true);
    let Ok(module) = Module::new(&Engine::new(config), bytes.to_vec()) else {
        return;
    };
    let mut store = Store::new(module.engine(), ());
    let limits = Limits::new()
        .memory_bytes(1 << 20)
        .table_elements(10_000)
        .fuel(100_000);
    store.limits(limits.clone()).expect("the engine meters");
    // Whether it could be instantiated is not the question here.
    let Ok(instance) = host(module.engine()).instantiate(&mut store, &module) else {
        return;
    };
    let exports: Vec<Extern> = instance.exports(&store).map(Export::into_extern).collect();
    for func in exports.into_iter().filter_map(Extern::into_func) {
        let fuel = limits.clone().fuel(2_000);
        store.limits(fuel).expect("the engine meters");
        let ty = func.ty(&store);
        let values = |types: &[ValType]| -> Vec<Val> {
            types.iter().map(|ty| Val::default_of(*ty)).collect()
        };
        let mut results = values(ty.results());
        // Nor is what the guest makes of it.
        drop(func.call(&mut store, &values(ty.params()), &mut results));
    }
}

/// What the programs import.
fn host(engine: &Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap("host", "mix", |_: i32, _: i64, _: f32, _: f64| 0_i64)
        .expect("it is new");
    linker
        .func_wrap("host", "pick", |index: i32| index)
        .expect("it is new");
    linker
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..1 + rng.below(4) {
        let at = rng.below(bytes.len());
        match rng.below(6) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.next_u64() as u8,
            2 => bytes[at] = *rng.pick(INTERESTING) as u8,
            3 => bytes.insert(at, rng.next_u64() as u8),
            4 if bytes.len() > 1 => {
                bytes.remove(at);
            }
            _ => {
                // A piece from elsewhere in the module, as long as some numbers are.
                let from = rng.below(bytes.len());
                let count = rng.below(12).min(bytes.len() - from);
                let piece = bytes[from..from + count].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
}

#[test]
fn modules_cut_short() {
    for seed in 0..3 {
        let bytes = program::program(seed);
        for end in (0..bytes.len()).step_by(if cfg!(debug_assertions) { 7 } else { 1 }) {
            feed(&bytes[..end], LOWERINGS[end % 2]);
        }
    }
}

#[test]
fn modules_changed_at_random() {
    for seed in 0..seeds() {
        let rng = &mut Rng::new(seed);
        let original = program::program(seed % 40);
        for round in 0..5 {
            let mut bytes = original.clone();
            mutate(rng, &mut bytes);
            feed(&bytes, LOWERINGS[round % 2]);
        }
    }
}

#[test]
fn random_bytes() {
    for seed in 0..seeds() * 5 {
        let rng = &mut Rng::new(seed);
        let count = rng.below(300);
        let mut bytes = rng.bytes(count);
        feed(&bytes, Lowering::Eager);
        bytes.splice(0..0, *b"\0asm\x01\0\0\0");
        feed(&bytes, Lowering::Eager);
        // A section whose size is right lets more of it be read.
        bytes.truncate(8 + 100);
        let size_bytes = bytes.len() - 8;
        bytes.splice(8..8, [rng.below(14) as u8, size_bytes as u8]);
        feed(&bytes, Lowering::Eager);
    }
}

#[cfg(feature = "wat")]
#[test]
fn random_text() {
    const WORDS: &[&str] = &[
        "(",
        ")",
        "(",
        ")",
        "(module",
        "(func",
        "(param",
        "(result",
        "i32",
        "i64.const",
        "\"",
        "0x",
        "\\",
        "$a",
        "(;",
        ";)",
        ";;",
        "\u{202e}",
        "(memory",
        "1",
        "-1",
        "nan:0x",
        "(data",
        "(elem",
        "br_table",
        "(type",
        "block",
        "end",
        "(@custom",
        "\0",
        "\u{10ffff}",
    ];
    for seed in 0..seeds() {
        let rng = &mut Rng::new(seed);
        let mut text = "(module ".to_owned();
        for _ in 0..rng.below(40) {
            text.push_str(rng.pick::<&str>(WORDS));
            text.push(' ');
        }
        drop(load(text.as_bytes(), Lowering::Lazy));
        text.push(')');
        drop(load(text.as_bytes(), Lowering::Lazy));
    }
}
