//! Random programs that are captured in the middle of their lives go on as they do without it.

use holdall::{Engine, Instance, Linker, Module, Snapshot, Store, Val};

use crate::program;

fn linker(engine: &Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    let mix = |a: i32, b: i64, _: f32, _: f64| i64::from(a).wrapping_mul(31).wrapping_add(b);
    linker.func_wrap("host", "mix", mix).unwrap();
    linker
        .func_wrap("host", "pick", |index: i32| index.wrapping_mul(7))
        .unwrap();
    linker
}

/// Calls some of the functions, and says what came of it.
fn calls(store: &mut Store<()>, instance: Instance, which: impl Iterator<Item = usize>) -> String {
    let mut said = String::new();
    for index in which {
        let Some(func) = instance.get_func(&*store, &format!("f{index}")) else {
            continue;
        };
        let fuel = instance.get_global(&*store, "fuel").unwrap();
        fuel.set(&mut *store, Val::I32(100)).unwrap();
        let ty = func.ty(&*store);
        let args = ty.params().iter().map(|ty| Val::default_of(*ty));
        let args: Vec<Val> = args.collect();
        let results = ty.results().iter().map(|ty| Val::default_of(*ty));
        let mut results: Vec<Val> = results.collect();
        match func.call(&mut *store, &args, &mut results) {
            Ok(()) => said += &format!("{results:?}\n"),
            Err(error) => said += &format!("{}\n", error.trap().unwrap().code()),
        }
    }
    said
}

#[test]
fn a_program_goes_on_as_it_would_have() {
    let seeds = if cfg!(debug_assertions) { 60 } else { 600 };
    for seed in 0..seeds {
        let engine = Engine::default();
        let module = Module::new(&engine, program::program(seed)).unwrap();
        let (linker, mut store) = (linker(&engine), Store::new(&engine, ()));
        let instance = linker.instantiate(&mut store, &module).unwrap();
        calls(&mut store, instance, 0..4);
        let snapshot = linker.snapshot(&store, instance).unwrap();
        let (header, bytes) = snapshot.to_parts();
        let snapshot = Snapshot::from_parts(&header, bytes.to_vec()).unwrap();

        let mut other = Store::new(&engine, ());
        let restored = linker.instantiate_from(&mut other, &module, &snapshot);
        let restored = restored.unwrap();
        let expected = calls(&mut store, instance, 0..12);
        let found = calls(&mut other, restored, 0..12);
        assert_eq!(found, expected, "seed {seed}");
        let ends = [(&store, instance), (&other, restored)].map(|(store, instance)| {
            let end = linker.snapshot(store, instance).unwrap();
            let (header, bytes) = end.to_parts();
            (header, bytes.to_vec())
        });
        assert!(
            ends[0] == ends[1],
            "seed {seed}: memories, tables and globals at the end"
        );
    }
}
