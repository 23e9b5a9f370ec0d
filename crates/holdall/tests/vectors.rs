//! Vectors where the specification's scripts do not look: Rust types of lanes, frames with many vectors,
//! far slots, limits, canonical NaNs.

use std::fmt::Write as _;

use holdall::{Config, Engine, Func, Global, GlobalType, Instance, Linker, Lowering};
use holdall::{Module, Mutability, Result, Store, Val, ValType};

/// Engines that lower differently: near and far operands, metered code.
fn engines() -> [Engine; 3] {
    [
        Engine::new(Config::new().lowering(Lowering::Eager)),
        Engine::new(Config::new().near_operands(1)),
        Engine::new(Config::new().metering(true).canonical_nans(true)),
    ]
}

/// Calls the export `run` of a module in all engines, and gives its one result, which is the same.
fn run(text: &str, params: &[Val]) -> Val {
    let results = engines().map(|engine| {
        let mut store = Store::new(&engine, ());
        let module = Module::new(&engine, text).unwrap();
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap();
        let run = instance.get_func(&store, "run").unwrap();
        let mut results = [Val::I32(0)];
        run.call(&mut store, params, &mut results).unwrap();
        results[0]
    });
    assert!(
        results.iter().all(|result| *result == results[0]),
        "{results:x?}"
    );
    results[0]
}

/// A text so many times, with `#` replaced by the number of the time.
fn times(count: usize, text: &str) -> String {
    (0..count).fold(String::new(), |mut all, at| {
        let _ = write!(all, " {}", text.replace('#', &at.to_string()));
        all
    })
}

#[test]
fn typed_functions_take_and_give_lanes() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "twice", |lanes: [f32; 4]| {
        lanes.map(|lane| 2.0 * lane)
    })?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "host" "twice" (func $twice (param v128) (result v128)))
            (func (export "add") (param v128 v128) (result v128)
                (i32x4.add (local.get 0) (local.get 1)))
            (func (export "more") (param v128) (result v128)
                (f32x4.add (call $twice (local.get 0)) (v128.const f32x4 1 1 1 1))))"#,
    )?;
    let instance: Instance = linker.instantiate(&mut store, &module)?;
    let add = instance.get_typed_func::<([i32; 4], [u32; 4]), [i32; 4]>(&store, "add")?;
    assert_eq!(
        add.call(&mut store, ([1, 2, 3, -4], [5, 6, 7, 8]))?,
        [6, 8, 10, 4]
    );
    let add = instance.get_typed_func::<(u128, [u8; 16]), u128>(&store, "add")?;
    assert_eq!(
        add.call(&mut store, (1, [1; 16]))?,
        0x0101_0101_0101_0101_0101_0101_0101_0102
    );
    let more = instance.get_typed_func::<[f32; 4], [f32; 4]>(&store, "more")?;
    assert_eq!(
        more.call(&mut store, [0.0, 0.5, -1.0, 8.0])?,
        [1.0, 2.0, -1.0, 17.0]
    );
    Ok(())
}

#[test]
fn globals_of_vectors_are_shared_and_have_initial_values() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let ty = GlobalType::new(ValType::V128, Mutability::Const);
    let global = Global::new(&mut store, ty, Val::V128(5 << 64 | 7))?;
    linker.define(&store, "host", "g", global)?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "host" "g" (global $g v128))
            (global (export "copy") (mut v128) (global.get $g))
            (global (export "own") v128 (v128.const i64x2 1 2))
            (func (export "run") (result v128)
                (global.set 1 (i64x2.add (global.get 1) (global.get 2)))
                (i64x2.sub (global.get 1) (v128.const i64x2 1 1))))"#,
    )?;
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<(), [u64; 2]>(&store, "run")?;
    assert_eq!(run.call(&mut store, ())?, [7, 6]);
    let copy = instance.get_global(&store, "copy").unwrap();
    assert_eq!(copy.get(&store), Val::from([8_u64, 7]));
    Ok(())
}

#[test]
fn a_constant_is_the_operand_that_it_would_be_in_a_local() {
    let ints = ["5", "-512", "70000", "872415232", "-2147483648"];
    let longs = ["5", "-512", "1139111618694102046", "-9223372036854775808"];
    let floats = ["0.5", "-nan:0x200000", "1e30"];
    for (ty, operators, constants) in [
        (
            "i32",
            "i8x16.shl i16x8.shr_s i32x4.shr_u i64x2.shl",
            &ints[..],
        ),
        (
            "i32",
            "i8x16.replace_lane_3 i16x8.replace_lane_1 i32x4.replace_lane_2",
            &ints,
        ),
        ("i64", "i64x2.replace_lane_1", &longs),
        ("f32", "f32x4.replace_lane_2", &floats),
        ("f64", "f64x2.replace_lane_1", &floats),
    ] {
        for operator in operators.split(' ') {
            let operator = operator.replace("_lane_", "_lane ");
            for constant in constants {
                let text = format!(
                    "(module (func (export \"run\") (param v128) (result v128) (local {ty})
                        (local.set 1 ({ty}.const {constant}))
                        ({operator} (local.get 0) ({ty}.const {constant}))
                        ({operator} (local.get 0) (local.get 1))
                        v128.xor))"
                );
                let vector = Val::V128(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);
                assert_eq!(run(&text, &[vector]), Val::V128(0), "{operator} {constant}");
            }
        }
    }
}

#[test]
fn a_thousand_vectors_are_parameters_and_results() {
    let params = times(1000, "v128");
    let sum = times(1000, "(local.set $sum (i64x2.add (local.get $sum)))");
    for call in [
        "(call $same)",
        "(i32.const 0) (call_indirect (type $many))",
        "(block (type $many))",
        "(block (type $many) (br 0))",
        "(block (type $many) (i32.const 1) (br_table 0 0))",
        "(loop (type $many) (local.get $again) (i32.eqz) (local.tee $again) (br_if 0))",
    ] {
        let text = format!(
            r"(module
                (type $many (func (param {params}) (result {params})))
                (table funcref (elem $same))
                (func $same (type $many) {gets})
                (func $tail (type $many) {gets} (return_call $same))
                (func $tail_indirect (type $many) {gets} (return_call_indirect (type $many) (i32.const 0)))
                (func (export {run:?}) (result v128) (local $sum v128) (local $again i32)
                    {consts} {call} (call $tail) (call $tail_indirect) {sum}
                    (local.get $sum)))",
            gets = times(1000, "(local.get #)"),
            consts = times(1000, "(v128.const i64x2 # 1)"),
            run = "run",
        );
        assert_eq!(run(&text, &[]), Val::from([499_500_u64, 1000]), "{call}");
    }
}

#[test]
fn deep_stacks_of_vectors_keep_their_values() {
    // Numbers and vectors by turns, so that vectors lie at even and at odd slots.
    let depth = 23_000;
    let text = format!(
        r#"(module (func (export "run") (param v128) (result v128) (local $last v128)
            {pushes} {pops} (local.get $last)))"#,
        pushes = times(
            depth,
            "(local.get 0) (v128.const i64x2 # 1) (i32x4.add) (i32.const #)"
        ),
        pops = times(
            depth,
            "(i32x4.splat) (i32x4.sub) (local.get $last) (i64x2.add) (local.set $last)"
        ),
    );
    let each = |lane: u64, at: u64| {
        let halves = [lane as u32, (lane >> 32) as u32].map(|half| half.wrapping_sub(at as u32));
        u64::from(halves[0]) | u64::from(halves[1]) << 32
    };
    let sums = (0..depth as u64).fold([0_u64; 2], |[low, high], at| {
        [
            low.wrapping_add(each(100 + at, at)),
            high.wrapping_add(each(201, at)),
        ]
    });
    assert_eq!(run(&text, &[Val::from([100_u64, 200])]), Val::from(sums));
}

#[test]
fn locals_of_vectors_are_as_many_as_code_can_name() {
    let engine = Engine::default();
    let module = |locals: usize| {
        let locals = " v128".repeat(locals);
        let text = format!("(module (func (local{locals}) (local.set 0 (local.get 29999))))");
        Module::new(&engine, text)
    };
    module(30_000).unwrap();
    let error = module(30_001).unwrap_err().to_string();
    assert!(
        error.contains("60000 slots of locals are the most"),
        "{error}"
    );
}

#[test]
fn a_local_that_changes_leaves_the_values_on_the_stack() {
    let text = r#"(module (func (export "run") (param v128 v128 i32) (result v128) (local v128)
        (local.get 0)
        (local.get 1)
        (local.set 0 (i32x4.mul (local.get 0) (local.get 0)))
        (local.set 1 (local.get 0))
        (local.tee 3 (i32x4.add))
        (select (local.get 3) (i32x4.add (local.get 3) (local.get 0)) (i64.eqz (i64.const 1)))
        (select (v128.const i64x2 0 0) (local.get 2))
        (i32x4.sub (local.get 1))
        (i32x4.add)))"#;
    let params = |third: i32| {
        [
            Val::from([1, 2, 3, 4]),
            Val::from([5, 6, 7, 8]),
            Val::I32(third),
        ]
    };
    assert_eq!(run(text, &params(1)), Val::from([12, 16, 20, 24]));
    assert_eq!(run(text, &params(0)), Val::from([5, 4, 1, -4]));
}

#[test]
fn vectors_stay_in_accumulators_across_the_turns_of_a_loop() {
    let text = r#"(module (func (export "run") (param i32) (result v128) (local v128 v128)
        (local.set 2 (v128.const i32x4 1 2 3 4))
        (loop
            (local.set 1 (i32x4.add (local.get 1) (local.get 2)))
            (local.set 2 (i32x4.add (local.get 2) (v128.const i32x4 1 1 1 1)))
            (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (i32x4.sub (local.get 1) (local.get 2))))"#;
    let sums = [1, 2, 3, 4].map(|first| (first..first + 10).sum::<i32>() - first - 10);
    assert_eq!(run(text, &[Val::I32(10)]), Val::from(sums));
}

#[test]
fn nans_are_canonical_in_every_lane_where_that_is_asked_for() {
    let engine = Engine::new(Config::new().canonical_nans(true));
    let floats = ["add", "sub", "mul", "div", "min", "max"];
    let relaxed = ["relaxed_min", "relaxed_max"];
    let rounding = ["sqrt", "ceil", "floor", "trunc", "nearest"];
    let fused = ["relaxed_madd", "relaxed_nmadd"];
    for (shape, nan, canonical) in [
        (
            "f32x4",
            u128::from_le_bytes([[0x12, 0x34, 0xb5, 0xff]; 4].concat().try_into().unwrap()),
            u128::MAX / 0xffff_ffff * 0x7fc0_0000,
        ),
        (
            "f64x2",
            u128::MAX / u128::from(u64::MAX) * 0xfff4_0000_0000_1234,
            u128::MAX / u128::from(u64::MAX) * 0x7ff8_0000_0000_0000,
        ),
    ] {
        let operators = (floats.iter().chain(&relaxed).map(|name| (name, 2)))
            .chain(rounding.iter().map(|name| (name, 1)))
            .chain(fused.iter().map(|name| (name, 3)));
        for (name, operands) in operators {
            let gets = "(local.get 0) ".repeat(operands);
            let text = format!(
                "(module (func (export \"run\") (param v128) (result v128) {gets} {shape}.{name}))"
            );
            let mut store = Store::new(&engine, ());
            let module = Module::new(&engine, text).unwrap();
            let instance = Linker::new(&engine)
                .instantiate(&mut store, &module)
                .unwrap();
            let run = instance
                .get_typed_func::<u128, u128>(&store, "run")
                .unwrap();
            let found = run.call(&mut store, nan).unwrap();
            assert_eq!(found, canonical, "{shape}.{name}: {found:x}");
        }
    }
}

#[test]
fn vectors_pass_through_hosts_among_other_values() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let ty = holdall::FuncType::new(
        [ValType::I32, ValType::V128, ValType::F64, ValType::V128],
        [ValType::V128, ValType::I32, ValType::V128],
    );
    let func = Func::new(&mut store, ty, |_, params, results| {
        (results[0], results[1], results[2]) = (params[3], params[0], params[1]);
        Ok(())
    });
    let mut linker = Linker::new(&engine);
    linker.define(&store, "host", "turn", func).unwrap();
    let text = r#"(module
        (import "host" "turn" (func $turn (param i32 v128 f64 v128) (result v128 i32 v128)))
        (func (export "run") (param v128 v128) (result v128) (local v128)
            (call $turn (i32.const 3) (local.get 0) (f64.const 1) (local.get 1))
            (local.set 2)
            (i32x4.splat)
            (i32x4.add)
            (i32x4.sub (local.get 2))))"#;
    let module = Module::new(&engine, text).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance
        .get_typed_func::<([i32; 4], [i32; 4]), [i32; 4]>(&store, "run")
        .unwrap();
    assert_eq!(
        run.call(&mut store, ([1, 2, 3, 4], [10, 20, 30, 40]))
            .unwrap(),
        [12, 21, 30, 39]
    );
}

#[test]
fn exceptions_carry_vectors() {
    let text = r#"(module
        (tag $tag (param i32 v128 i64 v128))
        (func $throw (param v128)
            (throw $tag (i32.const 1) (local.get 0) (i64.const 2)
                (i64x2.add (local.get 0) (local.get 0))))
        (func (export "run") (param v128) (result v128) (local v128 v128 i64 i32)
            (local.set 2 (v128.const i64x2 7 9))
            (block $caught (result i32 v128 i64 v128)
                (try_table (catch $tag $caught) (call $throw (local.get 0)))
                (unreachable))
            (local.set 1)
            (local.set 3)
            (i64x2.add (local.get 1))
            (local.set 1)
            (local.set 4)
            (i64x2.add (i64x2.add (local.get 1) (local.get 2)) (i64x2.splat (local.get 3)))))"#;
    assert_eq!(
        run(text, &[Val::from([10_u64, 20])]),
        Val::from([39_u64, 71])
    );
}
