//! Instances of one module that call each other by plans: through imports, tables, references, the host and tail
//! calls, with traps, exceptions and errors at all depths. Each frame of a backtrace has to be of the right
//! instance, and each function has to keep its values.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use anyhow::anyhow;
use holdall::{
    Caller, Config, Engine, Error, Exception, Frame, Func, FuncType, Instance, Linker, Module,
    Store, Tag, TagType, Val, ValType,
};
use holdall_dev::rng::Rng;

use crate::same;

/// What a function does by each digit of a plan, where `$rest` are the digits that follow.
const STEPS: [&str; 16] = [
    "unreachable",
    "(br $done (i64.const 1))",
    // Calls through an import, a table and a reference, and of another function of the same instance.
    "(br $done (call $next (local.get $rest)))",
    "(br $done (call_indirect (type $f) (local.get $rest) (i32.const 0)))",
    "(br $done (call_ref $f (local.get $rest) (global.get $ref)))",
    "(br $done (call $own (local.get $rest)))",
    // A trap in the outer function after the inner one returned, or after an exception was caught.
    "(drop (call_indirect (type $f) (local.get $rest) (i32.const 0))) unreachable",
    "(block $any
        (try_table (catch_all $any)
            (br $done (call_indirect (type $f) (local.get $rest) (i32.const 0)))))
    unreachable",
    "(throw $tag (local.get $rest))",
    // Catches what comes through an import, or through a reference; the latter is thrown again for some plans.
    "(block $any
        (try_table (catch_all $any)
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br $done (call $next (local.get $rest)))))
    (br $done (i64.const 1000))",
    "(block $caught (result i64 exnref)
        (try_table (catch_ref $tag $caught)
            (local.set $f (f64.add (local.get $f) (f64.const 1)))
            (br $done (call_ref $f (local.get $rest) (global.get $ref))))
        unreachable)
    (local.set $exception)
    (local.set $sum (i64.add (local.get $sum)))
    (if (i64.eqz (i64.and (local.get $rest) (i64.const 16)))
        (then (br $done (call $own (i64.shr_u (local.get $rest) (i64.const 8))))))
    (throw_ref (local.get $exception))",
    // After a catch comes another call, which may throw as well.
    "(block $any
        (try_table (catch_all $any)
            (local.set $sum (call $own (local.get $rest)))
            (local.set $sum (i64.add (local.get $sum) (call $next (local.get $rest))))))
    (br $done (call_indirect (type $f)
        (i64.shr_u (local.get $rest) (i64.const 4)) (i32.const 0)))",
    // Tail calls, one of them out of a try.
    "(return_call_indirect (type $f) (local.get $rest) (i32.const 0))",
    "(try_table (catch_all 0)
        (local.set $sum (call $own (i64.const 1)))
        (return_call $next (local.get $rest)))",
    "(br $done (call $host (local.get $rest)))",
    // A call within tries that do not catch what is thrown.
    "(block $other
        (try_table (catch $other $other)
            (try_table (catch $other $other)
                (local.set $g (f32.add (local.get $g) (f32.const 1)))
                (br $done (call_indirect (type $f) (local.get $rest) (i32.const 0))))))
    (br $done (i64.const 2000))",
];

/// A module with a function that takes the lowest digit of a plan for what it does itself, and hands the others on.
/// The function keeps numbers of all types while it calls, and adds them to its result.
fn node() -> String {
    let mut steps = String::new();
    for (digit, step) in STEPS.iter().enumerate() {
        let is_digit = format!("(i32.eq (local.get $digit) (i32.const {digit}))");
        let _ = writeln!(steps, "(if {is_digit} (then {step}))");
    }
    format!(
        r#"(module
            (type $f (func (param i64) (result i64)))
            (import "env" "tag" (tag $tag (param i64)))
            (import "env" "next" (func $next (type $f)))
            (import "env" "host" (func $host (type $f)))
            (tag $other)
            (table (export "table") 1 funcref)
            (global $ref (export "ref") (mut (ref null $f)) (ref.null $f))
            (func $own (type $f)
                (call_indirect (type $f) (local.get 0) (i32.const 0)))
            (func (export "run") (type $f)
                (local $rest i64) (local $sum i64) (local $f f64) (local $g f32) (local $v v128)
                (local $n i32) (local $digit i32) (local $exception exnref)
                (local.set $rest (i64.shr_u (local.get 0) (i64.const 4)))
                (local.set $f (f64.convert_i64_u (local.get 0)))
                (local.set $g (f32.convert_i64_u (i64.and (local.get 0) (i64.const 0xffff))))
                (local.set $v (i64x2.splat (local.get 0)))
                (local.set $n (i32.wrap_i64 (local.get 0)))
                (local.set $digit (i32.and (local.get $n) (i32.const 15)))
                (block $done (result i64) {steps} unreachable)
                (i64.add (local.get $sum))
                (i64.add (i64.trunc_sat_f64_u (local.get $f)))
                (i64.add (i64.trunc_sat_f32_u (local.get $g)))
                (i64.add (i64x2.extract_lane 1 (local.get $v)))
                (i64.add (i64.extend_i32_u (local.get $n)))))"#
    )
}

/// Instances of one module, each with an import from the one before, and with a table and a reference that have
/// the function of the one behind.
#[derive(Default)]
struct Ring {
    runs: Vec<(Instance, Func)>,
    tag: Option<Tag>,
}

const INSTANCES: usize = 3;

/// By the lowest digit of a plan, the host fails, panics, throws, returns, or calls an instance, of whose end it makes
/// a number where the digit is a high one.
fn host(mut caller: Caller<'_, Ring>, plan: i64) -> anyhow::Result<i64> {
    let rest = Val::I64(plan >> 4);
    let run = match (plan & 15, caller.data().tag) {
        (0, _) => return Err(anyhow!("the host fails")),
        (1, _) => return Ok(5),
        (4, _) => panic!("the host panics"),
        (2 | 3, Some(tag)) => return Err(Exception::new(&caller, &tag, &[rest])?.into()),
        (digit, _) => caller.data().runs[digit as usize % INSTANCES].1,
    };
    let mut results = [Val::I64(0)];
    let call = || run.call(&mut caller, &[rest], &mut results);
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(called) if plan & 8 == 0 => called?,
        Err(panic) if plan & 8 == 0 => resume_unwind(panic),
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.trap().is_some() => return Ok(1),
        Ok(Err(_)) => return Ok(2),
        Err(_) => return Ok(3),
    }
    results[0].i64().ok_or_else(|| anyhow!("no number"))
}

fn ring(engine: &Engine) -> Store<Ring> {
    let module = Module::named(engine, "m", node()).unwrap();
    let mut store = Store::new(engine, Ring::default());
    let tag = TagType::new(FuncType::new([ValType::I64], []));
    let tag = Tag::new(&mut store, &tag).unwrap();
    store.data_mut().tag = Some(tag);
    let mut next = Func::wrap(&mut store, host);
    for _ in 0..INSTANCES {
        let mut linker = Linker::new(engine);
        linker.func_wrap("env", "host", host).unwrap();
        linker.define(&store, "env", "tag", tag).unwrap();
        linker.define(&store, "env", "next", next).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        next = instance.get_func(&store, "run").unwrap();
        store.data_mut().runs.push((instance, next));
    }
    for at in 0..INSTANCES {
        let (instance, _) = store.data().runs[at];
        let (_, run) = store.data().runs[(at + 1) % INSTANCES];
        let run = Val::FuncRef(Some(run));
        let table = instance.get_table(&store, "table").unwrap();
        table.set(&mut store, 0, run).unwrap();
        let global = instance.get_global(&store, "ref").unwrap();
        global.set(&mut store, run).unwrap();
    }
    store
}

/// The calls that led to an error, each with its instance's place in the ring.
fn frames(store: &Store<Ring>, error: &Error) -> String {
    let trap = error.trap().map(|trap| trap.frames());
    let exception = error.exception().map(Exception::frames);
    let frames = trap.or(exception).unwrap_or_default();
    let whose = |frame: &Frame| {
        let of = Instance::of_frame(store, frame);
        let runs = &store.data().runs;
        let at = runs.iter().position(|(instance, _)| Some(*instance) == of);
        format!("  {at:?}: {} {:?}\n", frame.func_index, frame.func_offset)
    };
    frames.iter().map(whose).collect()
}

/// Tells what comes of plans, many in one store, each with so much fuel, if that is limited.
fn run_plans(plans: &[u64], fuel: Option<u64>) -> String {
    let stories = plans.chunks(300).map(|plans| run_in_one_store(plans, fuel));
    stories.collect()
}

fn run_in_one_store(plans: &[u64], fuel: Option<u64>) -> String {
    same(&Config::new().metering(fuel.is_some()), |engine, told| {
        let mut store = ring(engine);
        for (at, plan) in plans.iter().enumerate() {
            if let Some(fuel) = fuel {
                store.set_fuel(fuel).unwrap();
            }
            let (_, run) = store.data().runs[at % INSTANCES];
            let mut results = [Val::I64(0)];
            let params = [Val::I64(plan.cast_signed())];
            let call = || run.call(&mut store, &params, &mut results);
            let Ok(ended) = catch_unwind(AssertUnwindSafe(call)) else {
                let _ = writeln!(told, "{plan:x}: a panic, {:?}", store.fuel());
                continue;
            };
            let _ = match ended {
                Ok(()) => writeln!(told, "{plan:x}: {results:?}"),
                // Charges are made for whole functions and loops, so that the place is another one.
                Err(error) if error.to_string().contains("fuel") => {
                    writeln!(told, "{plan:x}: no fuel")
                }
                Err(error) => {
                    let frames = frames(&store, &error);
                    writeln!(told, "{plan:x}: {error}\n{frames}")
                }
            };
            let _ = writeln!(told, "{:?}", store.fuel());
        }
    })
}

/// All plans of up to three digits, and longer ones by chance.
fn plans() -> Vec<u64> {
    let mut plans: Vec<u64> = (0..1 << 8).chain((1 << 8..1 << 12).step_by(3)).collect();
    let mut rng = Rng::new(21);
    plans.extend((0..1200).map(|_| rng.next_u64() >> (4 * rng.below(12))));
    plans
}

#[test]
fn functions_of_a_ring_of_instances_return_trap_and_catch_as_in_the_interpreter() {
    let told = run_plans(&plans(), None);
    for expected in [
        "the host fails",
        "uncaught exception",
        "a panic",
        "[I64(",
        "Some(2):",
    ] {
        assert!(told.contains(expected));
    }
}

#[test]
fn fuel_ends_a_ring_of_instances_where_the_interpreter_ends_it() {
    let plans: Vec<u64> = plans().into_iter().skip(1536).step_by(2).collect();
    for fuel in [100_000, 130, 70] {
        let told = run_plans(&plans, Some(fuel));
        assert_eq!(told.contains("no fuel"), fuel < 1000);
    }
}
