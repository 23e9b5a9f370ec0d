//! Modules of code that was lowered before: they run as others do, and what does not fit is refused.

use holdall::{Config, Engine, Instance, Module, Store};

/// Of every kind of instruction that keeps something beside its word: tables of branches, long
/// numbers, calls, handlers.
const PACKED: &str = r#"(module
    (memory 1)
    (func $sum (export "sum") (param i32) (result i64) (local i64)
        (loop $again
            (local.set 1 (i64.add (local.get 1) (i64.extend_i32_u (local.get 0))))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (i64.xor (local.get 1) (i64.const 0x123456789abcdef0)))
    (func (export "pick") (param i32) (result i32)
        (block (block (block (br_table 0 1 2 (local.get 0)))
            (return (i32.const 10)))
            (return (i32.const 11)))
        (i32.const 12))
    (tag $thrown (param i32))
    (func $throws (param i32) (throw $thrown (local.get 0)))
    (func (export "catches") (param i32) (result i32)
        (block $caught (result i32)
            (try_table (catch $thrown $caught) (call $throws (local.get 0))) (i32.const 0)))
    (func (export "traps") (result i64) (call $sum (i32.load (i32.const 65536)))))"#;

/// Code at an address where code can be.
fn placed(code: &[u8]) -> &'static [u8] {
    let words = vec![0_u64; code.len() / 8 + 2].leak();
    // SAFETY: all of the words' bytes, which nobody else has; a `u64` is any eight bytes.
    let bytes =
        unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast::<u8>(), 8 * words.len()) };
    bytes[..code.len()].copy_from_slice(code);
    &bytes[..code.len()]
}

#[test]
fn precompiled_code_runs_as_the_module_does_and_is_always_the_same() {
    for config in [
        Config::new(),
        Config::new().metering(true),
        Config::new().canonical_nans(true),
    ] {
        let engine = Engine::new(config);
        let bytes: &'static [u8] = wat::parse_str(PACKED).unwrap().leak();
        let made = Module::new(&engine, bytes).unwrap();
        let code = placed(&made.precompile());
        assert_eq!(made.precompile(), code);
        assert!(Module::fits(&engine, code));
        // SAFETY: the code was made of these bytes just now.
        let packed = unsafe { Module::precompiled(&engine, "packed", bytes, code) }.unwrap();
        assert_eq!(packed.precompile(), code);
        for module in [made, packed] {
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let sum = instance.get_typed_func::<i32, i64>(&store, "sum").unwrap();
            assert_eq!(sum.call(&mut store, 4).unwrap(), 10 ^ 0x1234_5678_9abc_def0);
            let pick = instance.get_typed_func::<i32, i32>(&store, "pick").unwrap();
            for (value, expected) in [(0, 10), (1, 11), (2, 12), (-1, 12)] {
                assert_eq!(pick.call(&mut store, value).unwrap(), expected);
            }
            let catches = instance.get_typed_func::<i32, i32>(&store, "catches");
            assert_eq!(catches.unwrap().call(&mut store, 7).unwrap(), 7);
            let traps = instance.get_typed_func::<(), i64>(&store, "traps").unwrap();
            let error = traps.call(&mut store, ()).unwrap_err();
            let frames = error.trap().unwrap().frames().to_vec();
            assert_eq!(frames.len(), 1);
            assert!(frames[0].offset.is_some());
        }
    }
}

#[test]
fn code_that_is_not_for_the_engine_or_the_module_is_refused() {
    let engine = Engine::default();
    let bytes: &'static [u8] = wat::parse_str(PACKED).unwrap().leak();
    let other: &'static [u8] = wat::parse_str("(module)").unwrap().leak();
    let code = Module::new(&engine, bytes).unwrap().precompile();
    let metered = Engine::new(Config::new().metering(true));
    let refused = |engine: &Engine, bytes, code| {
        // SAFETY: what is refused is never run.
        let error = unsafe { Module::precompiled(engine, "packed", bytes, code) }.unwrap_err();
        error.to_string()
    };
    let good = placed(&code);
    assert!(!Module::fits(&metered, good));
    let text = refused(&metered, bytes, good);
    assert!(
        text.contains("\"packed\"") && text.contains("same configuration"),
        "{text}"
    );
    assert!(refused(&engine, other, good).contains("another module"));
    // One that has as many functions of the same types is another one too.
    let similar = PACKED.replace("i32.const 12", "i32.const 13");
    let similar: &'static [u8] = wat::parse_str(similar).unwrap().leak();
    assert!(refused(&engine, similar, good).contains("another module"));
    let shifted = &placed(&[&[0], &code[..]].concat())[1..];
    assert!(refused(&engine, bytes, shifted).contains("not at an address"));
    for length in (0..code.len()).step_by(8) {
        assert!(!Module::fits(&engine, &good[..length]), "{length}");
    }
    // Its mark, its flags, who made it, how much there is.
    for at in [0, 8, 16, 31, 32, 36] {
        let mut broken = code.clone();
        broken[at] ^= 0x80;
        assert!(!Module::fits(&engine, placed(&broken)), "{at}");
    }
}
