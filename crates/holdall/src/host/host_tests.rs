//! Tests of calls between the host and functions of the host. They execute no guest's code.

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::host::{Caller, HostDef, SlotFunc};
use crate::store::{AsContext, AsContextMut, ExternRef, Func, Memory, Store};
use crate::trace::{Param, Shown, Signature};
use crate::types::{FuncType, MemoryType, RefType, ValType};
use crate::value::Val;

fn store<T>(data: T) -> Store<T> {
    Store::new(&Engine::default(), data)
}

#[track_caller]
fn text_of<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("expected an error"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn typed_calls_carry_every_type() {
    let mut store = store(());
    let func = Func::wrap(
        &mut store,
        |a: i32, b: u32, c: i64, d: u64, e: f32, f: f64, g: u128| (g, f, e, d, c, b, a),
    );
    assert_eq!(
        func.ty(&store).to_string(),
        "(func (param i32 i32 i64 i64 f32 f64 v128) (result v128 f64 f32 i64 i64 i32 i32))"
    );
    type Params = (i32, u32, i64, u64, f32, f64, u128);
    type Results = (u128, f64, f32, u64, i64, u32, i32);
    let typed = func.typed::<Params, Results>(&store).unwrap();
    let results = typed.call(
        &mut store,
        (-1, u32::MAX, -2, u64::MAX, -0.5, 1.5, u128::MAX - 3),
    );
    let expected = (u128::MAX - 3, 1.5, -0.5, u64::MAX, -2, u32::MAX, -1);
    assert_eq!(results.unwrap(), expected);
    assert_eq!(typed.func(), func);
}

#[test]
fn nans_keep_their_payload() {
    let mut store = store(());
    let func = Func::wrap(&mut store, |a: f32, b: f64| (a, b));
    let mut results = [Val::I32(0), Val::I32(0)];
    let params = [Val::F32(0x7fa0_0001), Val::F64(0xfff4_0000_0000_0001)];
    func.call(&mut store, &params, &mut results).unwrap();
    assert!(matches!(
        results,
        [Val::F32(0x7fa0_0001), Val::F64(0xfff4_0000_0000_0001)]
    ));
}

#[test]
fn references_go_in_and_out() {
    let mut store = store(());
    let func = Func::wrap(&mut store, |a: Option<Func>, b: Option<ExternRef>| (b, a));
    let value = ExternRef::new(&mut store, 5);
    type Row = (Option<Func>, Option<ExternRef>);
    type Back = (Option<ExternRef>, Option<Func>);
    let typed = func.typed::<Row, Back>(&store).unwrap();
    let results = typed.call(&mut store, (Some(func), Some(value))).unwrap();
    assert_eq!(results, (Some(value), Some(func)));
    assert_eq!(typed.call(&mut store, (None, None)).unwrap(), (None, None));
}

#[test]
fn sixteen_parameters_and_results_fit() {
    let mut store = store(());
    let func = Func::wrap(
        &mut store,
        |a: u128,
         b: u128,
         c: u128,
         d: u128,
         e: u128,
         f: u128,
         g: u128,
         h: u128,
         i: u128,
         j: u128,
         k: u128,
         l: u128,
         m: u128,
         n: u128,
         o: u128,
         p: u128| { (p, o, n, m, l, k, j, i, h, g, f, e, d, c, b, a) },
    );
    let mut results = [Val::I32(0); 16];
    let params = std::array::from_fn::<_, 16, _>(|at| Val::V128(at as u128 + (1 << 100)));
    func.call(&mut store, &params, &mut results).unwrap();
    for (at, result) in results.iter().rev().enumerate() {
        assert_eq!(result.v128(), Some(at as u128 + (1 << 100)));
    }
}

#[test]
fn more_than_a_tuple_holds_is_called_with_vals() {
    let mut store = store(());
    let ty = FuncType::new([ValType::I64; 40], [ValType::I64; 50]);
    let func = Func::new(&mut store, ty, |_, params, results| {
        for (at, result) in results.iter_mut().enumerate() {
            *result = params[at % params.len()];
        }
        Ok(())
    });
    let params = std::array::from_fn::<_, 40, _>(|at| Val::I64(at as i64));
    let mut results = [Val::I64(-1); 50];
    func.call(&mut store, &params, &mut results).unwrap();
    assert_eq!(results[49].i64(), Some(9));
}

#[test]
fn calls_check_count_and_types() {
    let mut store = store(());
    let func = Func::wrap(&mut store, |_: i32, _: Option<ExternRef>| 1_i32);
    let one = Val::I32(1);
    let null = Val::ExternRef(None);
    let foreign = Val::from(ExternRef::new(self::store(()), ()));
    let mut call = |params: &[Val], count: usize| {
        text_of(func.call(&mut store, params, &mut [one; 3][..count]))
    };
    assert_eq!(
        call(&[one], 1),
        "invalid input argument count: expected 2, found 1"
    );
    assert_eq!(
        call(&[one, null], 0),
        "invalid result count: expected 1, found 0"
    );
    assert_eq!(
        call(&[Val::from(1.0_f64), null], 1),
        "invalid input argument 0: expected i32, found f64"
    );
    assert_eq!(
        call(&[one, one], 1),
        "invalid input argument 1: expected externref, found i32"
    );
    assert_eq!(
        call(&[one, foreign], 1),
        "invalid input argument 1: expected a reference of the same store, found a externref of \
         another"
    );
    let typed = func.typed::<(i32, Option<ExternRef>), i32>(&store).unwrap();
    let foreign = foreign.extern_ref().unwrap();
    assert!(text_of(typed.call(&mut store, (1, foreign))).contains("another store"));
    assert_eq!(
        text_of(func.typed::<i32, i64>(&store)),
        "expected (func (param i32) (result i64)), found (func (param i32 externref) (result i32))"
    );
}

#[test]
fn results_of_an_untyped_closure_are_checked() {
    let mut store = store(());
    let foreign = Func::wrap(self::store(()), || ());
    let not_null = ValType::Ref(RefType {
        nullable: false,
        ..RefType::FUNCREF
    });
    for (ty, value, expected) in [
        (ValType::I32, Some(Val::I64(0)), "expected i32, found i64"),
        (not_null, None, "expected (ref func), found a null funcref"),
        (
            ValType::FUNCREF,
            Some(Val::from(foreign)),
            "expected a reference of the same store, found a funcref of another",
        ),
    ] {
        let func = HostDef::new("env.f", FuncType::new([], [ty]), move |_, _, results| {
            results[0] = value.unwrap_or(results[0]);
            Ok(())
        });
        let error = func
            .unwrap()
            .instantiate(&mut store)
            .call(&mut store, &[], &mut [Val::I32(0)]);
        let error = error.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Usage(_)));
        let expected = format!("result 0 of host function \"env.f\": {expected}");
        assert_eq!(error.to_string(), expected);
    }
    let func = Func::wrap(&mut store, move || Some(foreign));
    assert!(text_of(func.call(&mut store, &[], &mut [Val::I32(0)])).contains("another"));
}

#[test]
fn errors_of_a_closure_reach_the_embedder_with_their_kind() {
    let mut store = store(());
    let own = Func::wrap(&mut store, || -> anyhow::Result<()> {
        anyhow::bail!("no ink")
    });
    let error = own.call(&mut store, &[], &mut []).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Host(_)));
    assert_eq!(error.to_string(), "no ink");
    let ours = Func::wrap(&mut store, || -> anyhow::Result<i32> {
        Err(Error::resource("no paper").into())
    });
    let error = ours.call(&mut store, &[], &mut [Val::I32(0)]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Resource(_)));
}

#[test]
fn a_caller_gives_data_store_and_nested_calls() {
    let mut store = store(Vec::new());
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let inner = Func::wrap(
        &mut store,
        move |mut caller: Caller<'_, Vec<i32>>, n: i32| {
            memory.grow(&mut caller, 1)?;
            let (bytes, data) = memory.data_and_store_mut(&mut caller);
            data.push(n);
            bytes[0] += 1;
            anyhow::Ok(n + 1)
        },
    );
    let outer = Func::new(
        &mut store,
        FuncType::new([ValType::I32], [ValType::I32]),
        move |mut caller: Caller<'_, Vec<i32>>, params, results| {
            assert!(caller.instance().is_none() && caller.get_export("memory").is_none());
            inner.call(&mut caller, params, results)?;
            let inner = inner.typed::<i32, i32>(&caller)?;
            let first = results[0].i32().unwrap();
            results[0] = inner.call(caller.as_context_mut(), first)?.into();
            let size = memory.size(caller.as_context());
            caller.data_mut().push(size as i32);
            Ok(())
        },
    );
    let outer = outer.typed::<i32, i32>(&store).unwrap();
    assert_eq!(outer.call(&mut store, 10).unwrap(), 12);
    assert_eq!(*store.data(), [10, 11, 3]);
    assert_eq!(memory.data(&store)[0], 2);
}

#[test]
fn a_definition_serves_many_stores() {
    let def = HostDef::<i32>::wrap("env.next", |mut caller: Caller<'_, i32>| {
        *caller.data_mut() += 1;
        *caller.data()
    });
    assert_eq!(def.ty().to_string(), "(func (result i32))");
    for start in [1, 10] {
        let mut store = store(start);
        let func = def
            .clone()
            .instantiate(&mut store)
            .typed::<(), i32>(&store)
            .unwrap();
        assert_eq!(func.call(&mut store, ()).unwrap(), start + 1);
        assert_eq!(func.call(&mut store, ()).unwrap(), start + 2);
    }
}

#[test]
fn data_may_borrow() {
    let text = String::from("borrowed");
    let mut store = store(&*text);
    let len = Func::wrap(&mut store, |caller: Caller<'_, &str>| {
        caller.data().len() as u32
    });
    let len = len.typed::<(), u32>(&store).unwrap();
    assert_eq!(len.call(&mut store, ()).unwrap(), 8);
}

#[test]
fn functions_on_slots_get_their_slots_and_the_parts_of_the_store() {
    let mut store = store(());
    let ty = FuncType::new([ValType::I32, ValType::I64], [ValType::I64]);
    let add = SlotFunc::new(
        Signature::named("add".into()),
        ty,
        |mut caller, slots: &mut [u64]| {
            let parts = caller.parts();
            assert_eq!(parts.memory, [], "the embedder has none");
            parts.meter.spend(1)?;
            *parts.open_descriptors += parts.limits.tables.min(1);
            slots[0] += slots[1];
            Ok(())
        },
    );
    let add = add.unwrap().into_def::<()>().instantiate(&mut store);
    let add = add.typed::<(i32, i64), i64>(&store).unwrap();
    for _ in 0..2 {
        assert_eq!(add.call(&mut store, (2, 40)).unwrap(), 42);
    }
    assert_eq!(store.as_context().core().open_descriptors, 2);
}

#[test]
fn a_function_on_slots_can_leave_no_more_in_a_slot_than_its_result() {
    let mut store = store(());
    let ty = FuncType::new([], [ValType::I64, ValType::I32]);
    let full = SlotFunc::new(Signature::named("full".into()), ty, |_, slots| {
        slots.fill(u64::MAX);
        Ok(())
    });
    let full = full.unwrap().into_def::<()>().instantiate(&mut store);
    let mut slots = [0; 2];
    let entry = full.entry_in(store.as_context().core());
    let core = store.as_context_mut().core_ptr();
    // SAFETY: the function is of the store, takes nothing and gives two slots.
    unsafe { crate::exec::invoke(core, entry, slots.as_mut_ptr()) }.unwrap();
    assert_eq!(slots, [u64::MAX, u32::MAX.into()]);
}

#[test]
fn a_function_on_slots_takes_no_references_and_no_other_parameters_than_it_names() {
    static PARAMS: &[Param] = &[Param {
        name: "n",
        ty: ValType::I32,
        shown: Shown::Unsigned,
    }];
    let errno: fn(u64) -> String = |slot| slot.to_string();
    let fails = FuncType::new([ValType::I32], []);
    let error = SlotFunc::new(Signature::new("f", PARAMS, Some(errno)), fails, |_, _| {
        Ok(())
    });
    assert_eq!(
        error.unwrap_err().to_string(),
        "host function \"f\": expected a number of an error as the only result, found \
         (func (param i32))"
    );
    let signature = Signature::new("f", PARAMS, None);
    for (params, results, expected) in [
        (vec![], vec![ValType::EXTERNREF], "expected numbers"),
        (vec![ValType::FUNCREF], vec![], "expected numbers"),
        (
            vec![ValType::I64],
            vec![],
            "expected parameters of one slot each",
        ),
        (vec![], vec![], "expected parameters of one slot each"),
        (vec![ValType::I32; 1_001], vec![], "at most 1000"),
    ] {
        let ty = FuncType::new(params, results);
        let error = SlotFunc::new(signature.clone(), ty, |_, _| Ok(())).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let ty = FuncType::new([ValType::I32], []);
    SlotFunc::new(signature, ty, |_, _| Ok(())).unwrap();
}

#[test]
fn a_host_function_of_a_type_that_no_module_can_declare_is_refused() {
    let mut store = Store::new(&Engine::default(), ());
    let of = |params, results| {
        let values = |count| std::iter::repeat_n(ValType::I32, count);
        FuncType::new(values(params), values(results))
    };
    for (params, results) in [
        (1_001, 0),
        (0, 1_001),
        (65_533, 0),
        (0, 65_535),
        (65_536, 1),
    ] {
        let ty = of(params, results);
        let error = Func::try_new(&mut store, ty.clone(), |_, _, _| Ok(())).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Usage(_)), "{error}");
        let mut linker = crate::Linker::<()>::new(store.engine());
        let error = linker
            .func_new("env", "f", ty, |_, _, _| Ok(()))
            .unwrap_err();
        let found = format!(
            "host function \"env.f\": expected at most 1000 parameters and 1000 results, found \
             {params} and {results}; pass more in memory"
        );
        assert_eq!(error.to_string(), found);
    }
    let func = Func::new(&mut store, of(1_000, 1_000), |_, params, results| {
        results.copy_from_slice(params);
        Ok(())
    });
    let params: Vec<_> = (0..1_000).map(Val::I32).collect();
    let mut results = vec![Val::I32(0); 1_000];
    func.call(&mut store, &params, &mut results).unwrap();
    assert_eq!(results[999].i32(), Some(999));
}
