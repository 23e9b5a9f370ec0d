//! Each instruction on numbers, on vectors and on memory, on operands at which results turn.

use holdall::{Config, Engine, Linker, Module, Store, Val, ValType};
use holdall_dev::instructions;
use holdall_dev::rng::{INTERESTING, Rng};

use super::tell;

/// How often each instruction is executed.
const TIMES: usize = 250;

fn operand(rng: &mut Rng, ty: ValType) -> Val {
    let bits = *rng.pick(INTERESTING);
    match ty {
        ValType::I32 => Val::I32(bits as i32),
        ValType::I64 => Val::I64(bits.cast_signed()),
        ValType::F32 => Val::F32(bits as u32),
        ValType::F64 => Val::F64(bits),
        ValType::V128 => Val::V128(vector(rng)),
        ValType::Ref(_) => unreachable!("the instructions have no references"),
    }
}

/// A vector whose lanes, of a size by chance, are operands.
fn vector(rng: &mut Rng) -> u128 {
    let lane = *rng.pick(&[8, 16, 32, 64]);
    let lanes = (0..128 / lane).map(|_| u128::from(*rng.pick(INTERESTING)) & ((1 << lane) - 1));
    lanes.fold(0, |all, bits| all << lane | bits)
}

/// What each instruction makes of the same operands: its name, and the results or traps.
fn results(config: &Config) -> Vec<(String, String)> {
    let engine = Engine::new(config.clone());
    let (names, text) = instructions::module();
    let module = Module::named(&engine, "m", text).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap();
    let mut rng = Rng::new(15);
    let all = names.into_iter().map(|name| {
        let func = instance.get_func(&mut store, &name).unwrap();
        let params = func.ty(&store).params().to_vec();
        let mut told = String::new();
        for _ in 0..TIMES {
            let operands: Vec<Val> = params.iter().map(|ty| operand(&mut rng, *ty)).collect();
            told += &format!("{operands:x?} ");
            tell(&mut store, instance, &name, &operands, &mut told);
        }
        (name, told)
    });
    all.collect()
}

#[test]
fn each_instruction_gives_what_the_interpreter_gives() {
    let config = Config::new().canonical_nans(true).wasm_backtrace(false);
    let expected = results(&config);
    for features in [u64::MAX, 0] {
        let mut native = config.clone().native(true);
        native.native_features = features;
        for ((name, expected), (_, found)) in expected.iter().zip(results(&native)) {
            let differing = expected.lines().zip(found.lines()).find(|(a, b)| a != b);
            assert_eq!(differing, None, "{name}, features {features:x}");
        }
    }
}

#[test]
fn a_division_by_a_constant_gives_what_the_interpreter_gives() {
    let divisors: Vec<u64> = (1..40)
        .chain([100, 127, 255, 641, 1000, 10_000, 65_537, 1_000_000_007])
        .chain(INTERESTING.iter().copied())
        .chain((2..64).flat_map(|log2| {
            let power = 1_u64 << log2;
            [power - 1, power, power + 1]
        }))
        .flat_map(|divisor| [divisor, divisor.wrapping_neg()])
        .collect();
    let (mut text, mut names) = ("(module".to_owned(), Vec::new());
    for divisor in divisors {
        for operator in ["div_s", "div_u", "rem_s", "rem_u"] {
            let number = names.len();
            text += &format!(
                r#"(func (export "{number}") (param i32 i64) (result i32 i64)
                    (i32.{operator} (local.get 0) (i32.const {}))
                    (i64.{operator} (local.get 1) (i64.const {})))"#,
                divisor as i32 as u32 | u32::from(divisor as u32 == 0),
                divisor | u64::from(divisor == 0),
            );
            names.push(number.to_string());
        }
    }
    text.push(')');
    let results = |config: &Config| {
        let engine = Engine::new(config.clone());
        let module = Module::named(&engine, "m", &text).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap();
        let (mut rng, mut told) = (Rng::new(3), String::new());
        for name in &names {
            for _ in 0..20 {
                let number = match rng.below(3) {
                    0 => rng.next_u64(),
                    1 => rng.next_u64() >> rng.below(64),
                    _ => *rng.pick(INTERESTING),
                };
                let operands = [Val::I32(number as i32), Val::I64(number.cast_signed())];
                told += &format!("{operands:?} ");
                tell(&mut store, instance, name, &operands, &mut told);
            }
        }
        told
    };
    let config = Config::new().wasm_backtrace(false);
    let (expected, found) = (results(&config), results(&config.clone().native(true)));
    let differing = expected.lines().zip(found.lines()).find(|(a, b)| a != b);
    assert_eq!(differing, None);
}
