//! Host functions of closures, as people write them.

use std::fmt;
use std::io;

use holdall::{
    Caller, Config, Engine, Error, Extern, ExternRef, Func, FuncType, Limits, Linker, Module,
    Result, Store, Trap, TypedFunc, Val, ValType,
};

#[derive(Debug)]
enum MyError {
    Negative(i32),
}

impl fmt::Display for MyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Negative(n) = self;
        write!(f, "{n} is negative")
    }
}

impl std::error::Error for MyError {}

fn root(n: i32) -> std::result::Result<i32, MyError> {
    if n < 0 {
        return Err(MyError::Negative(n));
    }
    Ok(n.isqrt())
}

#[test]
fn closures_return_results_with_any_error() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::<()>::new(&engine);
    linker
        .func_wrap("host", "mine", |n: i32| -> Result<i32, MyError> { root(n) })?
        .func_wrap("host", "fn", root)?
        .func_wrap("host", "ours", |n: i32| -> holdall::Result<i32> {
            root(n).map_err(Error::new)
        })?
        .func_wrap("host", "anyhow", |n: i32| -> anyhow::Result<i32> {
            Ok(root(n)?)
        })?
        .func_wrap("host", "inferred", |n: i32| {
            if n < 0 {
                anyhow::bail!(MyError::Negative(n));
            }
            Ok(n.isqrt())
        })?
        .func_wrap(
            "host",
            "boxed",
            |n: i32| -> Result<i32, Box<dyn std::error::Error + Send + Sync>> { Ok(root(n)?) },
        )?
        .func_wrap("host", "io", |n: i32| -> io::Result<i32> {
            root(n).map_err(io::Error::other)
        })?
        .func_wrap("host", "trap", |n: i32| -> Result<i32, Trap> {
            root(n).map_err(|error| Trap::new(error.to_string()))
        })?;
    for name in [
        "mine", "fn", "ours", "anyhow", "inferred", "boxed", "io", "trap",
    ] {
        let func = linker.get(&mut store, "host", name).unwrap();
        let func = func.into_func().unwrap().typed::<i32, i32>(&store)?;
        assert_eq!(func.call(&mut store, 17)?, 4, "{name}");
        let error = func.call(&mut store, -1).unwrap_err();
        assert_eq!(error.to_string(), "-1 is negative", "{name}");
        let is_mine = !matches!(name, "boxed" | "io" | "trap");
        assert_eq!(error.is::<MyError>(), is_mine, "{name}");
    }
    Ok(())
}

#[test]
fn results_of_all_rows_may_fail() -> Result<()> {
    let mut store = Store::new(&Engine::default(), 1);
    Func::wrap(&mut store, || -> Result<(), MyError> { Ok(()) });
    Func::wrap(&mut store, || -> Result<(i32, f64), MyError> {
        Ok((1, 2.0))
    });
    Func::wrap(
        &mut store,
        |caller: Caller<'_, i32>| -> Result<i32, MyError> { root(*caller.data()) },
    );
    Func::wrap(&mut store, |_: Caller<'_, _>, a: i64, b: f32| a as f32 + b);
    // Literals and what is inferred.
    Func::wrap(&mut store, || 10);
    Func::wrap(&mut store, |a: i32, b: i32| a + b);
    Func::wrap(&mut store, |a: u32| {
        println!("{a}");
    });
    let ty = FuncType::new([ValType::I32], [ValType::I32]);
    let twice = Func::new(&mut store, ty, |_caller, params, results| {
        results[0] = Val::I32(params[0].unwrap_i32() * 2);
        Ok(())
    });
    let mut results = [Val::I32(0)];
    twice.call(&mut store, &[Val::I32(21)], &mut results)?;
    assert_eq!(results, [Val::I32(42)]);
    Ok(())
}

#[test]
fn bools_and_references_are_parameters_and_results() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let not = Func::wrap(&mut store, |value: bool| !value);
    let ty = FuncType::new([ValType::I32], [ValType::I32]);
    assert_eq!(not.ty(&store), ty);
    let raw = not.typed::<i32, i32>(&store)?;
    for (value, expected) in [(0, 1), (1, 0), (2, 0), (-1, 0)] {
        assert_eq!(raw.call(&mut store, value)?, expected);
    }
    assert!(not.typed::<bool, bool>(&store)?.call(&mut store, false)?);

    let apply = Func::wrap(
        &mut store,
        |mut caller: Caller<'_, ()>, func: Func, n: i32| {
            func.typed::<i32, i32>(&caller)?.call(&mut caller, n)
        },
    );
    let apply: TypedFunc<(Option<Func>, i32), i32> = apply.typed(&store)?;
    assert_eq!(apply.call(&mut store, (Some(not), 0))?, 1);
    let error = apply.call(&mut store, (None, 0)).unwrap_err();
    let expected = "expected a reference, found a null; take an `Option` to take nulls";
    assert!(error.to_string().ends_with(expected), "{error}");

    let same = Func::wrap(
        &mut store,
        |value: Option<ExternRef>, func: Option<Func>| (func, value),
    );
    let value = ExternRef::new(&mut store, "text");
    let some = same.typed::<(ExternRef, Func), (Func, ExternRef)>(&store)?;
    let (func, back) = some.call(&mut store, (value, not))?;
    assert_eq!((func, back), (not, value));
    let data = back.data(&store).downcast_ref::<&str>();
    assert_eq!(data, Some(&"text"));
    let none = same.typed::<(Option<ExternRef>, Func), (Func, ExternRef)>(&store)?;
    let error = none.call(&mut store, (None, not)).unwrap_err();
    assert!(error.to_string().contains("a result is a null"), "{error}");
    Ok(())
}

#[test]
fn callers_see_and_set_fuel_and_limits() -> Result<()> {
    let engine = Engine::new(Config::new().metering(true));
    let mut store = Store::new(&engine, Vec::new());
    store.limits(Limits::new().memory_bytes(1 << 20))?;
    assert_eq!(store.current_limits().memory_bytes, Some(1 << 20));
    store.get_fuel().unwrap_err();
    store.set_fuel(10_000)?;
    assert_eq!(store.current_limits().memory_bytes, Some(1 << 20));
    assert_eq!((store.get_fuel()?, store.fuel()), (10_000, Some(10_000)));

    let mut linker = Linker::new(&engine);
    linker.func_wrap(
        "host",
        "pay",
        |mut caller: Caller<'_, Vec<u64>>, units: u64| -> Result<()> {
            let left = caller.get_fuel()?;
            let left = left
                .checked_sub(units)
                .ok_or_else(|| Trap::new("too dear"))?;
            caller.set_fuel(left)?;
            let limits = caller.current_limits().clone();
            caller.limits(limits.fuel(left).memory_bytes(0))?;
            caller.data_mut().push(left);
            Ok(())
        },
    )?;
    let text = r#"(module
        (import "host" "pay" (func $pay (param i64)))
        (func (export "run") (param i64) (call $pay (local.get 0)) (call $pay (local.get 0)))
        (memory 1) (func (export "grow") (result i32) (memory.grow (i32.const 1))))"#;
    let module = Module::new(&engine, text)?;
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<u64, ()>(&store, "run")?;
    run.call(&mut store, 3_000)?;
    let left = store.get_fuel()?;
    assert!((3_900..4_000).contains(&left), "{left}");
    assert_eq!(store.data().len(), 2);
    let grow = instance.get_typed_func::<(), i32>(&store, "grow")?;
    assert_eq!(grow.call(&mut store, ())?, -1);
    let error = run.call(&mut store, 3_000).unwrap_err();
    assert!(error.to_string().starts_with("too dear"), "{error}");

    let mut unmetered = Store::new(&Engine::default(), ());
    unmetered.set_fuel(1).unwrap_err();
    assert_eq!(unmetered.current_limits().fuel, None);
    Ok(())
}

#[test]
fn what_a_program_is_handed_can_be_printed() -> Result<()> {
    /// Not `Debug` itself.
    struct State;
    let mut store = Store::new(&Engine::default(), State);
    let shows = Func::wrap(&mut store, |caller: Caller<'_, State>| {
        let text = format!("{caller:?}");
        assert!(text.starts_with("Caller"), "{text}");
    });
    shows.call(&mut store, &[], &mut [])?;
    let chain = holdall::ChainReader::new().with(holdall::MemoryReader::new());
    assert_eq!(
        format!("{chain:?}"),
        "ChainReader([\"the modules in memory\"])"
    );
    Ok(())
}

#[test]
fn a_store_is_shared_between_threads_that_look() -> Result<()> {
    let (store, instance) =
        crate::alone(r#"(module (memory (export "memory") 1) (data (i32.const 0) "shared"))"#)?;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let memory = instance.get_memory(&store, "memory").unwrap();
                assert_eq!(&memory.data(&store)[..6], b"shared");
                assert_eq!(instance.exports(&store).len(), 1);
                let memory = instance
                    .get_export(&store, "memory")
                    .map(Extern::into_memory);
                assert!(memory.flatten().is_some());
            });
        }
    });
    Ok(())
}

#[test]
fn functions_on_slots_see_their_caller_and_may_call_back() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, 0_u64);
    let mut linker = Linker::<u64>::new(&engine);
    let ty = FuncType::new(
        [ValType::I32, ValType::V128, ValType::F64],
        [ValType::F64, ValType::I32],
    );
    // SAFETY: the slots are left with a float and an integer of 32 bits. `twice` takes an i32 and gives one.
    unsafe {
        linker.func_new_unchecked("host", "swap", ty, |mut caller, slots| {
            let Some(Extern::Func(twice)) = caller.get_export("twice") else {
                anyhow::bail!("the caller has no \"twice\"");
            };
            let mut doubled = [slots[0]];
            twice.call_unchecked(&mut caller, &mut doubled)?;
            *caller.data_mut() += slots[1] ^ slots[2];
            assert_eq!(slots.len(), 4);
            (slots[0], slots[1]) = (slots[3], doubled[0]);
            Ok(())
        })?;
    }
    let module = Module::new(
        &engine,
        r#"(module
            (import "host" "swap" (func $swap (param i32 v128 f64) (result f64 i32)))
            (func (export "twice") (param i32) (result i32)
                (i32.add (local.get 0) (local.get 0)))
            (func (export "run") (param i32) (result f64 i32)
                (call $swap (local.get 0) (v128.const i64x2 5 6) (f64.const 1.5))))"#,
    )?;
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<i32, (f64, i32)>(&store, "run")?;
    assert_eq!(run.call(&mut store, -21)?, (1.5, -42));
    assert_eq!(*store.data(), 3);
    Ok(())
}
