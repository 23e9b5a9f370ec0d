//! Tail calls: of native and interpreted functions, of other instances and of the host, with results of all kinds,
//! that return, trap, fail and throw, below and within a `try`.

use anyhow::anyhow;
use holdall::{
    Caller, Config, Exception, FuncType, Linker, Module, Store, Tag, TagType, Val, ValType,
};

use crate::{same, tell};

/// What the callees of tail calls give: the types, what makes the values of the number that the function gets, and what
/// makes an `i64` of the values on the stack.
const RESULTS: [(&str, &str, &str, &str); 5] = [
    ("nothing", "", "", "(i64.const 0)"),
    (
        "one",
        "i32",
        "(i32.mul (local.get 0) (i32.const 3))",
        "(i64.extend_i32_s)",
    ),
    (
        "float",
        "f64",
        "(f64.convert_i32_s (local.get 0))",
        "(i64.trunc_f64_s)",
    ),
    (
        "vector",
        "v128",
        "(i32x4.splat (local.get 0))",
        "(i64x2.extract_lane 1)",
    ),
    (
        "several",
        "i32 f32 v128 i64",
        "(i32.add (local.get 0) (i32.const 1)) (f32.convert_i32_s (local.get 0))
            (i32x4.splat (local.get 0)) (i64.extend_i32_s (local.get 0))",
        "(local.set $i) (i64x2.extract_lane 0) (local.set $j) (i64.trunc_f32_s) (local.set $k)
            (i64.extend_i32_s) (i64.add (local.get $i)) (i64.add (local.get $j))
            (i64.add (local.get $k))",
    ),
];

/// More than registers have room for.
const MORE: &str = "i64 i64 i64 i64 i64 i64 f64 f64 f64 f64 f64 f64 f64 f64 f64 v128";
const MORE_ARGS: &str = "(i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5)
    (i64.const 6) (f64.const 1) (f64.const 2) (f64.const 3) (f64.const 4) (f64.const 5) (f64.const 6)
    (f64.const 7) (f64.const 8) (f64.const 9) (v128.const i64x2 10 11)";

/// A library whose functions return for numbers from 3 on, trap for 0, throw for 1, and divide for 2. A function of each
/// kind has few parameters, and another one has many.
fn library() -> String {
    let mut functions = String::new();
    for (name, types, made, _) in RESULTS {
        for (suffix, more) in [("", ""), (" wide", MORE)] {
            functions += &format!(
                r#"(func (export "{name}{suffix}") (param i32 {more}) (result {types})
                    (if (i32.eqz (local.get 0)) (then unreachable))
                    (if (i32.eq (local.get 0) (i32.const 1))
                        (then (throw $oops (i64.const 40))))
                    (drop (i32.div_u (i32.const 1) (i32.sub (local.get 0) (i32.const 2))))
                    {made})"#
            );
        }
    }
    format!(
        r#"(module
            (import "host" "oops" (tag $oops (param i64)))
            {functions})"#
    )
}

/// A module that makes tail calls of the library's functions and of its own, in all ways, from functions that are
/// called within a `try` and outside of any, some of them by tail calls.
fn root() -> String {
    let mut text = r#"(module
        (import "host" "oops" (tag $oops (param i64)))"#
        .to_owned();
    for (name, types, ..) in RESULTS {
        for (suffix, more) in [("", ""), (" wide", MORE)] {
            text += &format!(
                r#"(import "library" "{name}{suffix}"
                    (func $"{name}{suffix}" (param i32 {more}) (result {types})))"#
            );
        }
        text += &format!(
            r#"(import "host" "{name}" (func $"{name} host" (param i32) (result {types})))"#
        );
    }
    text += "(memory 1)";
    for (number, (name, types, made, looked_at)) in RESULTS.iter().enumerate() {
        text += &format!(
            r#"
            (type $"{name}" (func (param i32) (result {types})))
            (type $"{name} many" (func (param i32 {MORE}) (result {types})))
            (table $"{name}" funcref (elem $"{name}" $"{name} host" $"{name} own"))
            (table $"{name} many" funcref (elem $"{name} wide"))
            (func $"{name} own" (param i32) (result {types}) (local $n i32) (local $kept f64)
                (local.set $kept (f64.convert_i32_s (local.get 0)))
                (if (i32.eqz (local.get 0)) (then (drop (i32.load (i32.const -1)))))
                (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $oops (i64.const 50))))
                {made})
            (func $"{name} 0" (type $"{name}") (return_call $"{name}" (local.get 0)))
            (func $"{name} 1" (type $"{name}") (return_call $"{name} host" (local.get 0)))
            (func $"{name} 2" (type $"{name}") (return_call $"{name} own" (local.get 0)))
            (func $"{name} 3" (type $"{name}")
                (return_call $"{name} wide" (local.get 0) {MORE_ARGS}))
            (func $"{name} 4" (type $"{name}")
                (return_call_indirect $"{name}" (type $"{name}")
                    (local.get 0) (i32.rem_u (local.get 0) (i32.const 4))))
            (func $"{name} 5" (type $"{name}")
                (return_call_indirect $"{name} many" (type $"{name} many")
                    (local.get 0) {MORE_ARGS} (i32.const 0)))
            (func $"{name} 6" (type $"{name}")
                (return_call_ref $"{name}" (local.get 0) (ref.func $"{name} own")))
            (func $"{name} 7" (type $"{name}") (return_call $"{name} 3" (local.get 0)))
            ;; Out of a try, which does not catch what is thrown then.
            (func $"{name} 8" (type $"{name}")
                (block $caught (result i64)
                    (try_table (catch $oops $caught)
                        (return_call $"{name} 6" (local.get 0)))
                    unreachable)
                unreachable)
            (func $"{name} 9" (type $"{name}")
                (return_call_ref $"{name}" (local.get 0) (ref.null $"{name}")))"#
        );
        for way in 0..10 {
            text += &format!(
                r#"
                (func (export "{name} {way}") (param i32) (result i64)
                    (local $i i64) (local $j i64) (local $k i64)
                    (call $"{name} {way}" (local.get 0)) {looked_at})
                (func (export "{name} {way}, caught") (param i32) (result i64 f64)
                    (local $i i64) (local $j i64) (local $k i64) (local $kept f64)
                    (local.set $kept (f64.convert_i32_s (local.get 0)))
                    (block $caught (result i64)
                        (try_table (catch $oops $caught)
                            (i64.const {number})
                            (call $"{name} {way}" (local.get 0)) {looked_at}
                            i64.add
                            (return (f64.const 1)))
                        unreachable)
                    (local.get $kept))"#
            );
        }
    }
    text + ")"
}

/// What the host gives, as the library's functions do.
fn host(
    tag: Tag,
    caller: &Caller<'_, ()>,
    params: &[Val],
    results: &mut [Val],
) -> anyhow::Result<()> {
    let number = params[0].i32().unwrap_or_default();
    match number {
        0 => return Err(anyhow!("the host fails")),
        1 => return Err(Exception::new(caller, &tag, &[Val::I64(60)])?.into()),
        _ => {}
    }
    for result in results {
        *result = match result {
            Val::I32(_) => Val::I32(number * 7),
            Val::I64(_) => Val::I64(i64::from(number) * 9),
            Val::F32(_) => Val::F32((number as f32).to_bits()),
            Val::F64(_) => Val::F64(f64::from(number * 2).to_bits()),
            _ => Val::V128(u128::from(number.unsigned_abs())),
        };
    }
    Ok(())
}

#[test]
fn tail_calls_return_trap_fail_and_throw_as_in_the_interpreter() {
    let (library, root) = (library(), root());
    let told = same(&Config::new(), |engine, told| {
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        let tag = TagType::new(FuncType::new([ValType::I64], []));
        let tag = Tag::new(&mut store, &tag).unwrap();
        linker.define(&store, "host", "oops", tag).unwrap();
        for (name, types, ..) in RESULTS {
            let types = types.split_whitespace().map(|ty| match ty {
                "i32" => ValType::I32,
                "i64" => ValType::I64,
                "f32" => ValType::F32,
                "f64" => ValType::F64,
                _ => ValType::V128,
            });
            let ty = FuncType::new([ValType::I32], types);
            let func = move |caller: Caller<'_, ()>, params: &[Val], results: &mut [Val]| {
                host(tag, &caller, params, results)
            };
            linker.func_new("host", name, ty, func).unwrap();
        }
        let library = Module::named(engine, "library", &*library).unwrap();
        linker.register("library", &library).unwrap();
        let root = Module::named(engine, "root", &*root).unwrap();
        let instance = linker.instantiate(&mut store, &root).unwrap();
        for export in root.exports() {
            for number in 0..5 {
                tell(&mut store, instance, export.name, &[Val::I32(number)], told);
            }
        }
    });
    for expected in [
        "the host fails",
        "null function reference",
        "uncaught exception",
        "undefined element",
        "[I64(40), F64",
        "[I64(50), F64",
        "[I64(60), F64",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[test]
fn a_million_tail_calls_between_instances_and_kinds_take_no_stack() {
    const TIMES: i32 = if cfg!(debug_assertions) {
        30_000
    } else {
        1_000_000
    };
    // Two instances of one module take turns, and throw at last.
    let text = r#"(module
        (type $f (func (param i32 i64) (result i64 f64)))
        (import "host" "oops" (tag $oops (param i64)))
        (table (export "table") 1 funcref)
        (func $b (type $f)
            (return_call_indirect (type $f) (local.get 0)
                (i64.add (local.get 1) (i64.const 1)) (i32.const 0)))
        (func $a (export "run") (type $f)
            (if (i32.eqz (local.get 0)) (then (throw $oops (local.get 1))))
            (return_call $b (i32.sub (local.get 0) (i32.const 1)) (local.get 1)))
        (func (export "caught") (param i32) (result i64)
            (block $caught (result i64)
                (try_table (catch $oops $caught) (call $a (local.get 0) (i64.const 0)) drop drop)
                (i64.const -1))))"#;
    let told = same(&Config::new(), |engine, told| {
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        let tag = TagType::new(FuncType::new([ValType::I64], []));
        let tag = Tag::new(&mut store, &tag).unwrap();
        linker.define(&store, "host", "oops", tag).unwrap();
        let module = Module::named(engine, "m", text).unwrap();
        let twins = [(); 2].map(|()| linker.instantiate(&mut store, &module).unwrap());
        for (one, other) in [(twins[0], twins[1]), (twins[1], twins[0])] {
            let run = other.get_func(&store, "run");
            let table = one.get_table(&store, "table").unwrap();
            table.set(&mut store, 0, Val::FuncRef(run)).unwrap();
        }
        tell(&mut store, twins[0], "caught", &[Val::I32(TIMES)], told);
        let params = [Val::I32(TIMES), Val::I64(0)];
        tell(&mut store, twins[1], "run", &params, told);
    });
    assert!(
        told.starts_with(&format!("caught: [I64({TIMES})]")),
        "{told}"
    );
}
