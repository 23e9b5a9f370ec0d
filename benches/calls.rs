//! Times calls in holdall and in wasmi: from Rust into a guest, from a guest to the host, inside a
//! module, and from one module to another; and in holdall from a guest to WASI. In nanoseconds a
//! call.

#[path = "common/mod.rs"]
mod common;
#[path = "common/wasi.rs"]
mod wasi;

use std::hint::black_box;

use anyhow::{Result, ensure};
use common::{Options, Table, timed};

const USAGE: &str = "\
usage: cargo bench --bench calls -- [--reps N] [--best] [NAME]...
    NAME        only the calls whose names contain one of these
    --reps N    how often each is measured (default 5)
    --best      count the fastest repetition, not the median";

const CALLER: &str = include_str!("calls.wat");
const CALLEE: &str = include_str!("callee.wat");

/// How many calls one measurement makes.
const CALLS: u32 = 5_000_000;

/// What is measured: a name, and either how Rust calls, or the guest's loop that does.
const CASES: &[(&str, Case)] = &[
    ("Rust to guest, () -> ()", Case::Empty),
    ("Rust to guest, (i32, i32) -> i32", Case::Add),
    ("Rust to guest, dynamically typed", Case::Dynamic),
    ("guest to host, i32 -> i32", Case::Loop("loop_host")),
    ("guest, inside the module", Case::Loop("loop_inside")),
    ("guest, to another module", Case::Loop("loop_across")),
    ("guest, call_indirect inside", Case::Loop("loop_indirect")),
    (
        "guest, call_indirect to another",
        Case::Loop("loop_indirect_across"),
    ),
];

#[derive(Clone, Copy)]
enum Case {
    Empty,
    Add,
    Dynamic,
    Loop(&'static str),
}

/// The two modules, linked in one engine.
trait Guest {
    /// Makes the calls of this case.
    fn calls(&mut self, case: Case, count: u32) -> Result<()>;
}

/// holdall and wasmi share this vocabulary, so that one text makes the same calls in both.
macro_rules! guest {
    ($name:ident, $engine:ident) => {
        struct $name {
            store: $engine::Store<u64>,
            instance: $engine::Instance,
        }

        impl $name {
            fn new() -> Result<Self> {
                let engine = $engine::Engine::default();
                let caller = $engine::Module::new(&engine, CALLER.as_bytes())?;
                let callee = $engine::Module::new(&engine, CALLEE.as_bytes())?;
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
        }

        impl Guest for $name {
            fn calls(&mut self, case: Case, count: u32) -> Result<()> {
                let Self { store, instance } = self;
                match case {
                    Case::Empty => {
                        let empty = instance.get_typed_func::<(), ()>(&mut *store, "empty")?;
                        for _ in 0..count {
                            empty.call(&mut *store, ())?;
                        }
                    }
                    Case::Add => {
                        let add = instance.get_typed_func::<(i32, i32), i32>(&mut *store, "add")?;
                        let mut sum = 0;
                        for _ in 0..count {
                            sum = add.call(&mut *store, (sum, 1))?;
                        }
                        ensure!(sum as u32 == count, "the sum is {sum}");
                    }
                    Case::Dynamic => {
                        let add = instance.get_func(&mut *store, "add").expect("it is there");
                        let arguments = [$engine::Val::I32(1), $engine::Val::I32(2)];
                        let mut results = [$engine::Val::I32(0)];
                        for _ in 0..count {
                            add.call(&mut *store, black_box(&arguments), &mut results)?;
                        }
                        ensure!(matches!(results, [$engine::Val::I32(3)]), "1 + 2 is not 3");
                    }
                    Case::Loop(name) => {
                        let run = instance.get_typed_func::<i32, i32>(&mut *store, name)?;
                        let value = run.call(&mut *store, count as i32)?;
                        ensure!(value as u32 == count, "{name} counted to {value}");
                    }
                }
                Ok(())
            }
        }
    };
}

guest!(Holdall, holdall);
guest!(Wasmi, wasmi);

fn main() -> Result<()> {
    let options = Options::from_command_line(USAGE)?;
    let guests: &mut [Box<dyn Guest>] = &mut [Box::new(Holdall::new()?), Box::new(Wasmi::new()?)];
    let mut table = Table::new(["call", "holdall ns", "wasmi ns", "holdall / wasmi"]);

    for &(name, case) in CASES.iter().filter(|(name, _)| options.wants(name)) {
        let times = measure(&options, guests, case)?;
        let mut row = vec![name.to_owned()];
        row.extend(
            times
                .iter()
                .map(|times| format!("{:.1}", options.pick(times))),
        );
        row.push(format!("{:.2}", options.ratio(&times[0], &times[1])));
        table.row(row);
    }
    if !table.is_empty() {
        table.print();
        println!(
            "\n{} of {} repetitions of {CALLS} calls, engines by turns; the guest's loops without \
             what the loop alone takes\n",
            options.statistic(),
            options.reps,
        );
    }
    wasi::compare(&options, &[wasi::HOLDALL])
}

/// The nanoseconds that one call takes in each engine and repetition.
fn measure(options: &Options, guests: &mut [Box<dyn Guest>], case: Case) -> Result<Vec<Vec<f64>>> {
    let mut times = vec![Vec::new(); guests.len()];
    for guest in guests.iter_mut() {
        guest.calls(case, 1000)?;
    }
    for _ in 0..options.reps {
        for (guest, times) in guests.iter_mut().zip(&mut times) {
            let mut time = nanoseconds_a_call(guest.as_mut(), case)?;
            if let Case::Loop(_) = case {
                time -= nanoseconds_a_call(guest.as_mut(), Case::Loop("loop_none"))?;
            }
            times.push(time);
        }
    }
    Ok(times)
}

fn nanoseconds_a_call(guest: &mut dyn Guest, case: Case) -> Result<f64> {
    let (time, result) = timed(|| guest.calls(case, CALLS));
    result?;
    Ok(time.as_secs_f64() * 1e9 / f64::from(CALLS))
}
