//! The guests whose calls are timed, and how an engine makes the calls.

/// The guest whose loops call.
pub const CALLER: &str = include_str!("../guests/calls.wat");
/// The guest that has what those loops call in another module.
pub const CALLEE: &str = include_str!("../guests/callee.wat");

/// The guest whose loops throw and catch.
pub const THROWER: &str = include_str!("../guests/exceptions.wat");

/// The guest whose loops call WASI.
pub const WASI_GUEST: &str = include_str!("../guests/wasi.wat");
/// That guest's name for the directory that it gets: one with a `Cargo.toml` and no `missing`.
pub const DIR: &str = "/dir";
/// Bytes that the guest can read: one for each call that is made.
pub const INPUT_BYTES: usize = 2_000_000;

/// Makes `Guest` for an engine: the two modules, linked. Engines that share wasmtime's vocabulary
/// share the text, so that each makes the same calls.
#[macro_export]
macro_rules! guest {
    ($engine:ident) => {
        struct Guest {
            store: $engine::Store<u64>,
            instance: $engine::Instance,
        }

        impl Guest {
            /// What makes the calls of a case, as many as it is told.
            fn calls(case: &str) -> anyhow::Result<Box<dyn FnMut(i32) -> anyhow::Result<i64>>> {
                let mut guest = Self::new()?;
                let case = case.to_owned();
                Ok(Box::new(move |count| {
                    guest.call(&case, count)?;
                    Ok(count.into())
                }))
            }

            fn new() -> anyhow::Result<Self> {
                let engine = $engine::Engine::default();
                let caller = $engine::Module::new(&engine, $crate::calls::CALLER.as_bytes())?;
                let callee = $engine::Module::new(&engine, $crate::calls::CALLEE.as_bytes())?;
                let mut store = $engine::Store::new(&engine, 0);
                let callee = $engine::Instance::new(&mut store, &callee, &[])?;
                let across = callee.get_func(&mut store, "step").expect("it is there");
                let host = $engine::Func::wrap(
                    &mut store,
                    |mut caller: $engine::Caller<'_, u64>, value: i32| -> i32 {
                        *caller.data_mut() += 1;
                        value.wrapping_add(1)
                    },
                );
                let imports = [across.into(), host.into()];
                let instance = $engine::Instance::new(&mut store, &caller, &imports)?;
                Ok(Self { store, instance })
            }

            fn call(&mut self, case: &str, count: i32) -> anyhow::Result<()> {
                let Self { store, instance } = self;
                match case {
                    "empty" => {
                        let empty = instance.get_typed_func::<(), ()>(&mut *store, "empty")?;
                        for _ in 0..count {
                            empty.call(&mut *store, ())?;
                        }
                    }
                    "add" => {
                        let add = instance.get_typed_func::<(i32, i32), i32>(&mut *store, "add")?;
                        let mut sum = 0;
                        for _ in 0..count {
                            sum = add.call(&mut *store, (sum, 1))?;
                        }
                        anyhow::ensure!(sum == count, "the sum is {sum}");
                    }
                    "dynamic" => {
                        let add = instance.get_func(&mut *store, "add").expect("it is there");
                        let arguments = [$engine::Val::I32(1), $engine::Val::I32(2)];
                        let mut results = [$engine::Val::I32(0)];
                        for _ in 0..count {
                            add.call(&mut *store, std::hint::black_box(&arguments), &mut results)?;
                        }
                        let three = matches!(results, [$engine::Val::I32(3)]);
                        anyhow::ensure!(three, "1 + 2 is not 3");
                    }
                    name => {
                        let run = instance.get_typed_func::<i32, i32>(&mut *store, name)?;
                        let value = run.call(&mut *store, count)?;
                        anyhow::ensure!(value == count, "{name} counted to {value}");
                    }
                }
                Ok(())
            }
        }
    };
}
