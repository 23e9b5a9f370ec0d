//! NaNs of an engine that makes them canonical: of every operator that computes one, from every
//! kind of NaN, wherever the result goes.

use holdall::{Config, Engine, Instance, Lowering, Module, Store, Val};

const BINARY: [&str; 6] = ["add", "sub", "mul", "div", "min", "max"];
const UNARY: [&str; 5] = ["ceil", "floor", "trunc", "nearest", "sqrt"];

/// Exports of a parameter or two that give what the operator computes, as an integer.
fn text() -> String {
    let mut funcs = String::new();
    for ty in ["f32", "f64"] {
        let bits = ty.replace('f', "i");
        let mut func = |name: &str, params: &str, body: &str| {
            funcs += &format!(
                "(func (export \"{ty}.{name}\") (param {params}) (result {bits})
                   ({bits}.reinterpret_{ty} {body}))"
            );
        };
        for op in BINARY {
            let operator = format!("({ty}.{op} (local.get 0) (local.get 1))");
            func(op, &format!("{ty} {ty}"), &operator);
        }
        for op in UNARY {
            func(op, ty, &format!("({ty}.{op} (local.get 0))"));
            // By way of a local and of the memory.
            let operator = format!("(local.set 0 ({ty}.{op} (local.get 0)))");
            let stored = format!("({ty}.store (i32.const 8) (local.get 0))");
            let body =
                format!("(block (result {ty}) {operator} {stored} ({ty}.load (i32.const 8)))");
            func(&format!("{op}.stored"), ty, &body);
        }
        for op in ["neg", "abs"] {
            func(op, ty, &format!("({ty}.{op} (local.get 0))"));
        }
        let copysign = format!("({ty}.copysign (local.get 0) ({ty}.const -1))");
        func("copysign", ty, &copysign);
    }
    funcs += r#"(func (export "demote") (param f64) (result i32)
            (i32.reinterpret_f32 (f32.demote_f64 (local.get 0))))
        (func (export "promote") (param f32) (result i64)
            (i64.reinterpret_f64 (f64.promote_f32 (local.get 0))))
        (func (export "zeros") (result i64)
            (i64.reinterpret_f64 (f64.div (f64.const 0) (f64.const 0))))"#;
    format!("(module (memory 1) {funcs})")
}

fn bits(value: Val) -> u64 {
    match value {
        Val::I32(value) => value.cast_unsigned().into(),
        Val::I64(value) => value.cast_unsigned(),
        other => panic!("found {other:?}"),
    }
}

const NANS_32: [u32; 4] = [0x7f80_0001, 0x7fc0_0001, 0xffc0_0000, 0xffff_ffff];

/// The same NaNs in 64 bits.
fn wide(nan: u32) -> u64 {
    let sign_and_exponent = if nan >> 31 == 1 { 0xfff } else { 0x7ff };
    sign_and_exponent << 52 | u64::from(nan & 0x7f_ffff) << 29
}

#[test]
fn each_operator_gives_the_canonical_one() {
    for metering in [false, true] {
        let config = Config::new().canonical_nans(true).metering(metering);
        for lowering in [Lowering::Lazy, Lowering::Eager] {
            let engine = Engine::new(config.clone().lowering(lowering));
            let module = Module::new(&engine, text().into_bytes()).unwrap();
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let mut call = |name: &str, args: &[Val]| {
                let func = instance.get_func(&store, name).expect(name);
                let mut results = [Val::I32(0)];
                func.call(&mut store, args, &mut results).unwrap();
                bits(results[0])
            };
            for nan in NANS_32 {
                for (ty, nan, one, canonical) in [
                    (
                        "f32",
                        Val::F32(nan),
                        Val::F32(1.0_f32.to_bits()),
                        0x7fc0_0000,
                    ),
                    (
                        "f64",
                        Val::F64(wide(nan)),
                        Val::F64(1.0_f64.to_bits()),
                        0x7ff8_0000_0000_0000,
                    ),
                ] {
                    for op in BINARY {
                        for args in [[nan, one], [one, nan], [nan, nan]] {
                            let name = format!("{ty}.{op}");
                            assert_eq!(call(&name, &args), canonical, "{name} {args:?}");
                        }
                    }
                    for op in UNARY {
                        for name in [format!("{ty}.{op}"), format!("{ty}.{op}.stored")] {
                            assert_eq!(call(&name, &[nan]), canonical, "{name} {nan:?}");
                        }
                    }
                }
                assert_eq!(call("demote", &[Val::F64(wide(nan))]), 0x7fc0_0000);
                assert_eq!(call("promote", &[Val::F32(nan)]), 0x7ff8_0000_0000_0000);
                // These do not compute: they change the sign and nothing else.
                let (sign, nan) = (1 << 31, Val::F32(nan));
                let Val::F32(before) = nan else {
                    unreachable!()
                };
                assert_eq!(call("f32.neg", &[nan]), u64::from(before ^ sign));
                assert_eq!(call("f32.abs", &[nan]), u64::from(before & !sign));
                assert_eq!(call("f32.copysign", &[nan]), u64::from(before | sign));
            }
            assert_eq!(call("zeros", &[]), 0x7ff8_0000_0000_0000);
            let one = |value: f64| Val::F64(value.to_bits());
            assert_eq!(call("f64.add", &[one(1.0), one(2.0)]), 3.0_f64.to_bits());
            assert_eq!(call("f64.sqrt", &[one(4.0)]), 2.0_f64.to_bits());
        }
    }
}
