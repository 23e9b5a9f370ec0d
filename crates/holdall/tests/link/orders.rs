//! Definitions of one name, in whichever order.

use holdall::provide::{Importer, Provider, Provision, Signature, SlotFunc};
use holdall::{Extern, Func, FuncType, Linker, Store, ValType};

use crate::{Bench, gives, passes_on};

/// Ways to define `env.f` as a function that gives a number.
const WAYS: [&str; 5] = ["func_wrap", "func_new", "define", "instance", "alias"];

fn define(bench: &mut Bench, way: &str, number: i32) -> holdall::Result<()> {
    let Bench { linker, store, .. } = bench;
    let ty = FuncType::new([], [ValType::I32]);
    match way {
        "func_wrap" => linker.func_wrap("env", "f", move || number)?,
        "func_new" => linker.func_new("env", "f", ty, move |_, _, results| {
            results[0] = number.into();
            Ok(())
        })?,
        "define" => {
            let func = Func::wrap(&mut *store, move || number);
            linker.define(&*store, "env", "f", func)?
        }
        "instance" => {
            let module = holdall::Module::new(store.engine(), gives("f", number))?;
            let instance = holdall::Instance::new(&mut *store, &module, &[])?;
            linker.instance(store, "env", instance)?
        }
        _ => {
            let from = format!("f{number}");
            linker.func_wrap("other", &from, move || number)?;
            linker.alias("other", &from, "env", "f")?
        }
    };
    Ok(())
}

#[test]
fn no_definition_takes_the_place_of_another_in_any_order_unless_that_is_allowed() {
    for first in WAYS {
        for second in WAYS {
            let mut bench = Bench::without_reader();
            define(&mut bench, first, 1).unwrap();
            let error = define(&mut bench, second, 2).unwrap_err();
            assert_eq!(
                error.to_string(),
                "\"env\".\"f\" is defined already; allow shadowing to define it anew",
                "{second} after {first}"
            );
            let root = bench.root(&passes_on("env", "f")).unwrap();
            assert_eq!(bench.calls(root, &["f"]), [1], "{second} after {first}");
            bench.linker.allow_shadowing(true);
            define(&mut bench, second, 3).unwrap();
            let root = bench.root(&passes_on("env", "f")).unwrap();
            assert_eq!(bench.calls(root, &["f"]), [3], "{second} after {first}");
        }
    }
}

#[test]
fn a_definition_of_a_store_is_in_nobodys_way_elsewhere_or_when_the_store_is_gone() {
    let engine = holdall::Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    let mut stores = [Store::new(&engine, ()), Store::new(&engine, ())];
    for store in &mut stores {
        let func = Func::wrap(&mut *store, || ());
        linker.define(&*store, "env", "f", func).unwrap();
        linker.define(&*store, "env", "f", func).err().unwrap();
        assert!(matches!(
            linker.get(&mut *store, "env", "f"),
            Some(Extern::Func(_))
        ));
    }
    linker.func_wrap("env", "f", || ()).err().unwrap();
    drop(stores);
    linker.func_wrap("env", "f", || ()).unwrap();
}

/// Provides `sched_yield`, which gives this number in a slot of this type.
struct Yields(u64, ValType);

impl Provider for Yields {
    fn ty(&self, module: &str, name: &str) -> Option<FuncType> {
        let is_ours = (module, name) == ("wasi_snapshot_preview1", "sched_yield");
        is_ours.then(|| FuncType::new([], [ValType::I32]))
    }

    fn names(&self, _: &str) -> Vec<&'static str> {
        vec!["sched_yield"]
    }

    fn begin(&self) -> Box<dyn Provision> {
        Box::new(Self(self.0, self.1))
    }
}

impl Provision for Yields {
    fn func(&mut self, _: Importer<'_>, module: &str, name: &str) -> holdall::Result<SlotFunc> {
        let signature = Signature::new(&format!("{module}.{name}"), &[], None);
        let number = self.0;
        SlotFunc::new(signature, FuncType::new([], [self.1]), move |_, slots| {
            slots[0] = number;
            Ok(())
        })
    }
}

#[test]
fn what_is_defined_comes_before_what_is_provided_in_either_order() {
    let text = passes_on("wasi_snapshot_preview1", "sched_yield");
    for provider_first in [true, false] {
        let mut bench = Bench::without_reader();
        for step in [provider_first, !provider_first] {
            if step {
                bench.linker.provide(Yields(0, ValType::I32));
            } else {
                let mine = || 77_i32;
                bench
                    .linker
                    .func_wrap("wasi_snapshot_preview1", "sched_yield", mine)
                    .unwrap();
            }
        }
        let root = bench.root(&text).unwrap();
        assert_eq!(bench.calls(root, &["sched_yield"]), [77]);
    }
}

#[test]
fn where_nothing_is_defined_the_last_provider_provides() {
    let mut bench = Bench::without_reader();
    for number in [1, 2] {
        bench.linker.provide(Yields(number, ValType::I32));
    }
    let text = passes_on("wasi_snapshot_preview1", "sched_yield");
    let root = bench.root(&text).unwrap();
    assert_eq!(bench.calls(root, &["sched_yield"]), [2]);
}

#[test]
fn a_provided_function_of_another_type_than_its_provider_says_is_refused() {
    let mut bench = Bench::without_reader();
    bench.linker.provide(Yields(0, ValType::I64));
    let text = passes_on("wasi_snapshot_preview1", "sched_yield");
    let error = bench.root(&text).unwrap_err().to_string();
    assert!(
        error.contains("expected (func (result i32)), found (func (result i64))"),
        "{error}"
    );
}
