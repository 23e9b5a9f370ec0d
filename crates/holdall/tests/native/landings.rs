//! What a function still has where it catches: its locals and its operands, of all types, for callees with few
//! and many arguments and results.

use std::fmt::Write as _;

use holdall::{Config, Linker, Module, Store};

use crate::{same, tell};

/// The types of values, each with an expression that makes a value of an `i32`, and one that makes an `i64` of a value.
const TYPES: [(&str, &str, &str); 7] = [
    ("i32", "(i32.mul {} (i32.const 3))", "(i64.extend_i32_u {})"),
    ("i64", "(i64.mul (i64.extend_i32_u {}) (i64.const 5))", "{}"),
    ("f32", "(f32.convert_i32_s {})", "(i64.trunc_f32_s {})"),
    ("f64", "(f64.convert_i32_s {})", "(i64.trunc_f64_s {})"),
    (
        "v128",
        "(i32x4.splat {})",
        "(i64.add (i64x2.extract_lane 0 {}) (i64x2.extract_lane 1 {}))",
    ),
    (
        "funcref",
        "(table.get $funcs (i32.rem_u {} (i32.const 3)))",
        "(i64.extend_i32_u (call $number {}))",
    ),
    (
        "exnref",
        "(call $exception {})",
        "(i64.extend_i32_u (call $number_of {}))",
    ),
];

/// What functions of the modules call, to make references and to look at them.
const COMMON: &str = r#"
    (tag $oops (param i32))
    (tag $held (param i32))
    (tag $other)
    (type $none (func))
    (type $gives (func (result i32)))
    (func $zero (type $gives) (i32.const 10))
    (func $one (type $gives) (i32.const 11))
    (func $two (type $gives) (i32.const 12))
    (table $funcs funcref (elem $zero $one $two))
    (table $called 1 funcref)
    (func $number (param funcref) (result i32)
        (table.set $called (i32.const 0) (local.get 0))
        (call_indirect $called (type $gives) (i32.const 0)))
    (func $exception (param i32) (result exnref)
        (block $any (result exnref)
            (try_table (catch_all_ref $any) (throw $held (local.get 0)))
            unreachable))
    (func $number_of (param exnref) (result i32)
        (block $held (result i32)
            (try_table (catch $held $held) (throw_ref (local.get 0)))
            unreachable))"#;

fn made(ty: usize, of: &str) -> String {
    TYPES[ty].1.replace("{}", of)
}

fn looked_at(ty: usize, value: &str) -> String {
    TYPES[ty].2.replace("{}", value)
}

/// A module whose callee takes `params` values of each of `types`, gives `results`, and throws for some numbers. Its
/// callers keep values of all types in locals and below the call's operands; they catch around a direct call, a
/// call by a table, and a call by a reference, and around the call of a caller.
fn crowded(types: &[usize], params: usize, results: usize, throws_in_legacy: bool) -> String {
    let all: Vec<usize> = types.iter().copied().cycle().take(params).collect();
    let given: Vec<usize> = types.iter().rev().copied().cycle().take(results).collect();
    let names = |types: &[usize]| -> String {
        types
            .iter()
            .map(|ty| format!(" {}", TYPES[*ty].0))
            .collect()
    };
    let ty = format!(
        "(type $callee (func (param i32{}) (result{})))",
        names(&all),
        names(&given)
    );
    let mut sum = String::new();
    for (at, ty) in all.iter().enumerate() {
        let value = looked_at(*ty, &format!("(local.get {})", at + 1));
        let _ = writeln!(
            sum,
            "(global.set $sum (i64.add (i64.mul (global.get $sum) (i64.const 3)) {value}))"
        );
    }
    let returned: String = (given.iter().zip(100..))
        .map(|(ty, at)| made(*ty, &format!("(i32.const {at})")))
        .collect();
    let args: String = (all.iter().zip(1..))
        .map(|(ty, at)| made(*ty, &format!("(i32.add (local.get $n) (i32.const {at}))")))
        .collect();
    // The locals are made before the call, and looked at where it has returned and where something was caught.
    let locals: String = TYPES
        .iter()
        .enumerate()
        .map(|(at, (ty, ..))| format!("(local $kept{at} {ty}) (local $result{at} {ty})"))
        .collect();
    let keep = |plus: usize| -> String {
        (0..TYPES.len())
            .map(|ty| {
                let value = made(
                    ty,
                    &format!("(i32.add (local.get $n) (i32.const {}))", plus + ty),
                );
                format!("(local.set $kept{ty} {value})")
            })
            .collect()
    };
    let look: String = (0..TYPES.len())
        .map(|ty| {
            let value = looked_at(ty, &format!("(local.get $kept{ty})"));
            format!("(global.set $sum (i64.add (i64.mul (global.get $sum) (i64.const 7)) {value}))")
        })
        .collect();
    let take: String = (given.iter().rev())
        .map(|ty| {
            let value = looked_at(*ty, &format!("(local.get $result{ty})"));
            format!(
                "(local.set $result{ty})
                (global.set $sum (i64.add (i64.mul (global.get $sum) (i64.const 5)) {value}))"
            )
        })
        .collect();
    let calls = [
        ("direct", "(call $callee (local.get $n) {args})"),
        (
            "table",
            "(call_indirect $callees (type $callee) (local.get $n) {args} (i32.const 0))",
        ),
        (
            "reference",
            "(call_ref $callee (local.get $n) {args} (ref.func $callee))",
        ),
        ("caller", "(call $passes (local.get $n) {args})"),
    ];
    let (open, caught) = match throws_in_legacy {
        true => ("try (result i32)", "(i32.const 0) catch $oops end"),
        false => (
            "(block $caught (result i32) (try_table (catch $other 1) (catch $oops $caught)",
            ") (i32.const 0))",
        ),
    };
    let mut callers = String::new();
    for (name, call) in calls {
        let call = call.replace("{args}", &args);
        let _ = writeln!(
            callers,
            r#"(func $in_{name} (param $n i32) (result i64 f64) {locals}
                (block $other
                {}
                (f64.convert_i32_s (local.get $n))
                {open}
                    {call} {take}
                    {}
                    {call} {take}
                {caught}
                (global.set $sum (i64.add (i64.extend_i32_s) (global.get $sum)))
                {look}
                (global.set $kept (f64.add (f64.const 0.5)))
                (return (global.get $sum) (global.get $kept)))
                unreachable)
            {}"#,
            keep(1),
            keep(20),
            (0..4)
                .map(|n| {
                    format!(
                        r#"(func (export "{name} {n}") (result i64 f64)
                            (global.set $times (i32.const 0))
                            (call $in_{name} (i32.const {n})))"#
                    )
                })
                .collect::<String>(),
        );
    }
    let forward: String = (0..=params).map(|at| format!("(local.get {at})")).collect();
    format!(
        r#"(module {COMMON}
            {ty}
            (global $sum (mut i64) (i64.const 0))
            (global $kept (mut f64) (f64.const 0))
            (global $times (mut i32) (i32.const 0))
            (table $callees funcref (elem $callee))
            (func $callee (type $callee)
                {sum}
                ;; 1 throws at the first call, 2 at the second one.
                (global.set $times (i32.add (global.get $times) (i32.const 1)))
                (if (i32.eq (local.get 0) (global.get $times)) (then (throw $oops (i32.const 9))))
                {returned})
            (func $passes (type $callee) (call $callee {forward}))
            {callers})"#
    )
}

/// Runs modules whose callees have more and more parameters and results.
fn run_crowded(types: &[usize]) {
    for (params, results) in [(0, 0), (3, 1), (9, 0), (14, 2), (23, 11)] {
        for legacy in [false, true] {
            let text = crowded(types, params, results, legacy);
            let config = Config::new().wasm_legacy_exceptions(legacy);
            let told = same(&config, |engine, told| {
                let module = Module::named(engine, "m", &*text).unwrap();
                let mut store = Store::new(engine, ());
                let linker = Linker::new(engine);
                let instance = linker.instantiate(&mut store, &module).unwrap();
                let names = module.exports().map(|export| export.name.to_owned());
                for name in names.collect::<Vec<String>>() {
                    tell(&mut store, instance, &name, &[], told);
                }
            });
            assert_eq!(told.matches("[I64(").count(), 16, "{told}");
        }
    }
}

#[test]
fn integers_in_registers_and_on_the_stack_are_kept_where_an_exception_lands() {
    run_crowded(&[0, 1]);
}

#[test]
fn floats_and_vectors_are_kept_where_an_exception_lands() {
    run_crowded(&[2, 3, 4]);
}

#[test]
fn values_of_all_types_are_kept_where_an_exception_lands() {
    run_crowded(&[0, 1, 2, 3, 4, 5, 6]);
}
