//! Functions with more operands than 16 bits count: everything does there what it does near the
//! bottom of the stack.

use holdall::{Config, Engine, Func, Instance, Limits, Lowering, Module, Store, TrapCode, Val};

/// Operands that the whole fits below, in steps of a thousand.
const THOUSANDS: usize = 66;

/// Code that leaves one value: its type, and the value as bits. Local 0 is 7, local 1 a float of 0.5.
const CASES: &[(&str, u64, &str)] = &[
    ("i32", 2, "local.get 0 i32.const 5 i32.sub"),
    ("i32", 800_000, "i32.const 100000 i32.const 3 i32.shl"),
    ("i32", 29, "i32.const 5 i32.clz"),
    (
        "i32",
        1,
        "i64.const 0x123456789abcdef0 i64.const 0x123456789abcdef0 i64.eq",
    ),
    ("i32", 0, "i64.const 0x123456789abcdef0 i64.eqz"),
    ("i32", 1, "i32.const 1 i32.const 2 local.get 0 select"),
    (
        "i32",
        2,
        "i32.const 1 i32.const 2 local.get 0 i32.eqz select",
    ),
    (
        "i64",
        8,
        "local.get 1 f64.const 2.5 f64.add f64.floor i64.trunc_f64_s i64.const 5 i64.add",
    ),
    (
        "f64",
        0x7ff8_0000_0000_0000,
        "f64.const 0 f64.const 0 f64.div f64.abs",
    ),
    (
        "f32",
        0x3fc0_0000,
        "local.get 1 f32.demote_f64 f32.const 1 local.get 0 i32.eqz select f32.const 0.5 f32.add",
    ),
    (
        "f64",
        0x4000_0000_0000_0000,
        "f64.const 2 global.set $float global.get $float",
    ),
    ("i32", 3, "i32.const 3 global.set $int global.get $int"),
    // A value of a local that is set while it waits.
    (
        "i32",
        (-2_i32).cast_unsigned() as u64,
        "local.get 0 i32.const 9 local.set 0 local.get 0 i32.sub",
    ),
    ("i32", 16, "local.get 0 i32.const 9 local.tee 0 i32.add"),
    // Control.
    (
        "i32",
        3,
        "local.get 0 i32.const 7 i32.eq if (result i32) i32.const 3 else i32.const 4 end",
    ),
    (
        "i32",
        4,
        "local.get 0 if (result i32) i32.const 4 else local.get 0 end",
    ),
    (
        "i32",
        1,
        "block (result i32) i32.const 9 i32.const 1 local.get 0 br_if 0 i32.add end",
    ),
    (
        "i32",
        10,
        "block (result i32 i32) i32.const 6 i32.const 4 i32.const 5 br_if 0 end i32.add",
    ),
    (
        "i32",
        28,
        "i32.const 0 loop (param i32) (result i32) local.get 0 i32.add
        local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end",
    ),
    (
        "i32",
        28,
        "i32.const 0 local.set 2 loop local.get 2 local.get 0 i32.add local.set 2
        local.get 0 i32.const 1 i32.sub local.tee 0 i32.const 0 i32.gt_s br_if 0 end local.get 2",
    ),
    (
        "i32",
        22,
        "block (result i32) block (result i32) i32.const 20 i32.const 1 br_table 0 1 0 end
        i32.const 1 i32.add br 0 end i32.const 2 i32.add",
    ),
    (
        "i32",
        23,
        "block (result i32) block (result i32) i32.const 20 i32.const 0 br_table 0 1 0 end
        i32.const 1 i32.add br 0 end i32.const 2 i32.add",
    ),
    // Calls.
    ("i32", 3, "i32.const 10 local.get 0 call $sub"),
    (
        "i32",
        3,
        "i32.const 10 local.get 0 i32.const 0 call_indirect (type $two_to_one)",
    ),
    (
        "i32",
        3,
        "i32.const 10 local.get 0 local.get 0 i32.eqz call_indirect (type $two_to_one)",
    ),
    ("i32", 17, "i32.const 10 local.get 0 call $host"),
    (
        "i32",
        17,
        "i32.const 10 local.get 0 i32.const 1 call_indirect (type $two_to_one)",
    ),
    ("i32", 5, "local.get 0 i32.const 12 call $swap i32.sub"),
    // Memory and tables.
    (
        "i32",
        77,
        "i32.const 8 i32.const 77 i32.store i32.const 4 i32.const 4 i32.add i32.load",
    ),
    (
        "i32",
        0x0606_0606,
        "i32.const 100 i32.const 6 i32.const 4 memory.fill
        i32.const 200 i32.const 100 i32.const 4 memory.copy i32.const 100 i32.load offset=100",
    ),
    (
        "f64",
        0x3fe0_0000_0000_0000,
        "i32.const 16 local.get 1 f64.store i32.const 16 f64.load",
    ),
    ("i32", 2, "memory.size i32.const 0 memory.grow i32.add"),
    (
        "i32",
        1,
        "i32.const 2 ref.null func table.set i32.const 2 table.get 0 ref.is_null",
    ),
    (
        "i32",
        6,
        "ref.null func i32.const 0 table.grow 0 table.size 0 i32.add",
    ),
];

/// A module of the cases, each with and without what stands below it, and of ways out of a function.
fn module() -> String {
    let below = "call $thousand ".repeat(THOUSANDS);
    let mut text = format!(
        r#"(module
        (import "host" "add" (func $host (param i32 i32) (result i32)))
        (type $two_to_one (func (param i32 i32) (result i32)))
        (memory 1) (table 3 funcref) (elem (i32.const 0) $sub $host)
        (global $int (mut i32) (i32.const 0)) (global $float (mut f64) (f64.const 0))
        (func $thousand (result {}) {})
        (func $sub (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1)))
        (func $swap (param i32 i32) (result i32 i32) local.get 1 local.get 0)
        (func (export "locals") (result i32) (local {}) {below} {below}
            call $thousand {} local.set 49999 local.get 49999 return)
        (func (export "results") (result i32 f64) {below} i32.const 1 f64.const 2 return)
        (func (export "tail") (result i32)
            {below} i32.const 30 i32.const 4 return_call $sub)
        (func (export "tail_indirect") (result i32)
            {below} i32.const 30 i32.const 4 i32.const 0 return_call_indirect (type $two_to_one))
        (func (export "tail_host") (result i32)
            {below} i32.const 30 i32.const 4 return_call $host)
        (func $down (export "down") (param i32) (result i32)
            local.get 0 i32.eqz if i32.const 0 return end
            {below} local.get 0 i32.const 1 i32.sub call $down i32.const 1 i32.add return)
        (func (export "divide") (param i32) (result i32)
            {below} i32.const 1 local.get 0 i32.div_u return)
        "#,
        "i32 ".repeat(1000),
        "i32.const 3 ".repeat(1000),
        "i32 ".repeat(50_000),
        "i32.add ".repeat(999 + 2 * THOUSANDS * 1000),
    );
    for (index, (ty, _, code)) in CASES.iter().enumerate() {
        for (kind, below) in [("near", ""), ("far", below.as_str())] {
            text += &format!(
                "(func (export \"{kind}{index}\") (param i32 f64) (result {ty}) (local i32)
                    block (result {ty}) {below} {code} br 0 end)\n"
            );
        }
    }
    text + ")"
}

fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(value) => value.cast_unsigned().into(),
        Val::I64(value) => value.cast_unsigned(),
        Val::F32(bits) => (*bits).into(),
        Val::F64(bits) => *bits,
        other => panic!("{other:?}"),
    }
}

/// Calls an export of one or two results.
fn call(store: &mut Store<()>, instance: Instance, name: &str, args: &[Val]) -> Vec<u64> {
    let func = instance.get_func(&*store, name).expect(name);
    let mut results = vec![Val::I32(0); func.ty(&*store).results().len()];
    if let Err(error) = func.call(store, args, &mut results) {
        panic!("{name}: {error}");
    }
    results.iter().map(bits).collect()
}

fn instance(engine: &Engine, module: &Module) -> (Store<()>, Instance) {
    let mut store = Store::new(engine, ());
    let add = Func::wrap(&mut store, |one: i32, other: i32| one + other);
    let instance = Instance::new(&mut store, module, &[add.into()]).expect("it links");
    (store, instance)
}

#[test]
fn more_operands_than_16_bits_count_do_what_few_do() {
    let config = || Config::new().stack_size_bytes(8 << 20);
    let bytes: &'static [u8] = wat::parse_str(module()).unwrap().leak();
    for config in [
        config(),
        config().lowering(Lowering::Eager),
        config().metering(true).canonical_nans(true),
        config().near_operands(0),
    ] {
        let engine = Engine::new(config);
        let module = Module::new(&engine, bytes).unwrap();
        let code = words_of(&module.precompile());
        // SAFETY: the code was made of these bytes just now.
        let packed = unsafe { Module::precompiled(&engine, "packed", bytes, code) }.unwrap();
        for module in [module, packed] {
            let (mut store, instance) = instance(&engine, &module);
            for (index, (_, expected, code)) in CASES.iter().enumerate() {
                for kind in ["near", "far"] {
                    let args = [Val::I32(7), Val::F64(0.5_f64.to_bits())];
                    let name = format!("{kind}{index}");
                    let seen = call(&mut store, instance, &name, &args);
                    assert_eq!(seen, [*expected], "{kind}: {code}");
                }
            }
            let mut call = |name: &str, args: &[Val]| call(&mut store, instance, name, args);
            assert_eq!(call("locals", &[]), [3 * (2 * THOUSANDS as u64 + 1) * 1000]);
            assert_eq!(call("results", &[]), [1, 2.0_f64.to_bits()]);
            assert_eq!(call("tail", &[]), [26]);
            assert_eq!(call("tail_indirect", &[]), [26]);
            assert_eq!(call("tail_host", &[]), [34]);
            assert_eq!(call("down", &[Val::I32(9)]), [9]);
        }
    }
}

/// Code at an address where code can be.
fn words_of(code: &[u8]) -> &'static [u8] {
    let words = code.chunks(8).map(|word| {
        let mut bytes = [0; 8];
        bytes[..word.len()].copy_from_slice(word);
        u64::from_ne_bytes(bytes)
    });
    let words = words.collect::<Vec<_>>().leak();
    // SAFETY: some of the words' bytes; any eight bytes are a `u64`.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), code.len()) }
}

#[test]
fn a_trap_above_many_operands_is_where_it_happened() {
    let engine = Engine::default();
    let bytes = wat::parse_str(module()).unwrap();
    let module = Module::new(&engine, bytes.clone()).unwrap();
    let (mut store, instance) = instance(&engine, &module);
    let divide = instance
        .get_typed_func::<i32, i32>(&store, "divide")
        .unwrap();
    assert_eq!(divide.call(&mut store, 1).unwrap(), 1);
    let error = divide.call(&mut store, 0).unwrap_err();
    let trap = error.trap().unwrap();
    assert_eq!(trap.code(), TrapCode::IntegerDivideByZero);
    let offset = trap.frames()[0].offset.expect("known") as usize;
    assert_eq!(bytes[offset], 0x6e);
}

/// A function that adds up `operands` operands.
fn sum(operands: usize) -> Vec<u8> {
    let body = format!(
        "(module (func (export \"sum\") (result i32) {} {}))",
        "i32.const 1 ".repeat(operands),
        "i32.add ".repeat(operands - 1)
    );
    wat::parse_str(body).unwrap()
}

#[test]
fn the_value_stack_is_the_bound_of_a_frame() {
    let bytes = sum(150_000);
    for lowering in crate::LOWERINGS {
        for (stack_size_bytes, expected) in [(2 << 20, Some(150_000)), (1 << 20, None)] {
            let config = Config::new().lowering(lowering);
            let engine = Engine::new(config.stack_size_bytes(stack_size_bytes));
            let module = Module::new(&engine, bytes.clone()).unwrap();
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let sum = instance.get_typed_func::<(), i32>(&store, "sum").unwrap();
            let seen = sum.call(&mut store, ());
            let code = seen.as_ref().map_err(|error| error.trap().unwrap().code());
            let expected = expected.as_ref().ok_or(TrapCode::CallStackExhausted);
            assert_eq!(code, expected, "{lowering:?}");
        }
    }
}

#[test]
fn a_function_that_no_stack_holds_is_refused_when_its_module_is_made() {
    let many = |thousands: usize| {
        let text = format!(
            "(module (func $many (result {}) unreachable) (func (export \"f\") {} unreachable))",
            "i32 ".repeat(1000),
            "call $many ".repeat(thousands)
        );
        wat::parse_str(text).unwrap()
    };
    for lowering in crate::LOWERINGS {
        let engine = Engine::new(Config::new().lowering(lowering).limits(Limits::new()));
        Module::new(&engine, many(4194)).unwrap();
        let error = Module::new(&engine, many(4195)).unwrap_err().to_string();
        let expected =
            "function 1: 4194304 locals and operands at once are the most, found 4195000";
        assert!(error.contains(expected), "{error}");
    }
}
