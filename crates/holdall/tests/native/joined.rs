//! Several accesses by one address: the trap is at the first of them that is out of bounds, and what comes before
//! that access has happened, and nothing else.

use std::fmt::Write as _;

use holdall::{Caller, Config, Engine, Instance, Linker, Module, Store, Val};
use holdall_dev::rng::Rng;

use crate::{same, tell};

/// Accesses by the address in local 0, with `@` for the offset.
const ACCESSES: [&str; 14] = [
    "(local.set $n (i32.add (local.get $n) (i32.load offset=@ (local.get 0))))",
    "(local.set $n (i32.xor (local.get $n) (i32.load8_s offset=@ (local.get 0))))",
    "(local.set $l (i64.add (local.get $l) (i64.load offset=@ (local.get 0))))",
    "(local.set $l (i64.xor (local.get $l) (i64.load16_u offset=@ (local.get 0))))",
    "(local.set $f (f64.load offset=@ (local.get 0)))",
    "(local.set $v (v128.load offset=@ (local.get 0)))",
    "(local.set $v (v128.load32_lane offset=@ 1 (local.get 0) (local.get $v)))",
    "(i32.store offset=@ (local.get 0) (i32.const 0x01020304))",
    "(i32.store8 offset=@ (local.get 0) (local.get $n))",
    "(i64.store offset=@ (local.get 0) (i64.const 0x1112131415161718))",
    "(f32.store offset=@ (local.get 0) (f32.const 1.5))",
    "(v128.store offset=@ (local.get 0) (v128.const i64x2 77 78))",
    "(v128.store16_lane offset=@ 3 (local.get 0) (local.get $v))",
    // An access that is not used.
    "(drop (i32.load16_u offset=@ (local.get 0)))",
];

/// What comes between two accesses. What others see of it has to have happened if the second access traps, and
/// otherwise not; where it ends the function, the second access does not trap.
const BETWEEN: [&str; 36] = [
    "",
    "nop",
    "(local.set $n (i32.mul (local.get $n) (i32.const 3)))",
    "(local.set $l (select (local.get $l) (i64.const 3) (local.get $n)))",
    "(global.set $g (i64.add (global.get $g) (i64.const 1)))",
    "(local.set $l (i64.add (local.get $l) (global.get $g)))",
    "(i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))",
    "(i32.store8 (i32.sub (i32.const 65535) (local.get 0)) (i32.const 3))",
    "(i32.store $other (i32.const 8) (i32.const 9))",
    "(drop (i32.load $other (local.get 0)))",
    "(table.set $t (i32.const 1) (ref.func $own))",
    "(table.set $t (i32.const 1) (ref.null func))",
    "(drop (table.get $t (i32.and (local.get 0) (i32.const 3))))",
    "(table.fill $t (i32.const 0) (ref.func $own) (i32.const 2))",
    "(drop (table.grow $t (ref.null func) (i32.const 0)))",
    "(memory.fill (i32.const 16) (i32.const 5) (i32.const 8))",
    "(memory.fill (local.get 0) (i32.const 5) (i32.const 9))",
    "(memory.copy (i32.const 24) (i32.const 16) (i32.const 8))",
    "(memory.init $data (i32.const 32) (i32.const 0) (i32.const 3))",
    "(drop (memory.grow (i32.const 0)))",
    "(local.set $n (i32.add (local.get $n) (memory.size)))",
    "(call $own)",
    "(call $pure)",
    "(call $host)",
    "(call_indirect (type $void) (i32.const 0))",
    "(call_ref $void (ref.func $own))",
    "(local.set $n (i32.div_u (i32.const 100) (i32.and (local.get 0) (i32.const 7))))",
    "(local.set $n (i32.rem_s (i32.const 100) (i32.and (local.get 0) (i32.const 3))))",
    "(local.set $n (i32.trunc_f64_s (local.get $f)))",
    "(if (i32.eq (i32.and (local.get 0) (i32.const 15)) (i32.const 9)) (then unreachable))",
    "(if (i32.and (local.get 0) (i32.const 1)) (then (return)))",
    "(block (br_if 0 (i32.and (local.get 0) (i32.const 1))) (call $own))",
    "(loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 3))))",
    "(block $caught (try_table (catch $oops $caught) (call $throws (local.get 0))))",
    "(if (i32.eq (i32.and (local.get 0) (i32.const 7)) (i32.const 5)) (then (throw $oops)))",
    "(i32.atomic.store (i32.const 40) (i32.const 6))",
];

const COMMON: &str = r#"
    (type $void (func))
    (import "host" "count" (func $host))
    (memory 1 3)
    (memory $other 2)
    (tag $oops)
    (data $data "abc")
    (global $g (mut i64) (i64.const 0))
    (table $t 3 10 funcref)
    (table $called funcref (elem $own))
    (elem declare func $own)
    (func $own (global.set $g (i64.add (i64.mul (global.get $g) (i64.const 3)) (i64.const 1))))
    (func $pure)
    (func $throws (param i32) (if (i32.and (local.get 0) (i32.const 1)) (then (throw $oops))))
    ;; What others see, in one number; and all as at first.
    (func (export "state") (result i64) (local $at i32) (local $sum i64)
        (local.set $sum (global.get $g))
        (loop $next
            (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31))
                (i64.load8_u (local.get $at))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (if (i32.eq (local.get $at) (i32.const 80)) (then (local.set $at (i32.const 65400))))
            (br_if $next (i32.lt_u (local.get $at) (i32.const 65536))))
        (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31))
            (i64.extend_i32_u (i32.load $other (i32.const 8)))))
        (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 2))
            (i64.extend_i32_u (ref.is_null (table.get $t (i32.const 1))))))
        (global.set $g (i64.const 0))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 80))
        (memory.fill (i32.const 65400) (i32.const 0) (i32.const 136))
        (i32.store $other (i32.const 8) (i32.const 0))
        (table.set $t (i32.const 1) (ref.null func))
        (local.get $sum))"#;

const LOCALS: &str = "(local $n i32) (local $l i64) (local $f f64) (local $v v128)";

/// The highest offset of an access.
const FAR: usize = 40;

fn access(rng: &mut Rng) -> String {
    let offset = rng.below(FAR + 1).to_string();
    rng.pick(&ACCESSES).replace('@', &offset)
}

fn start(engine: &Engine, module: &Module) -> (Store<u32>, Instance) {
    let mut store = Store::new(engine, 0);
    let mut linker = Linker::new(engine);
    let count = |mut caller: Caller<'_, u32>| *caller.data_mut() += 1;
    linker.func_wrap("host", "count", count).unwrap();
    let instance = linker.instantiate(&mut store, module).unwrap();
    (store, instance)
}

/// Calls functions with all addresses around the memory's end, and tells what came of each call.
fn at_the_edge(config: &Config, functions: &[String]) -> String {
    let stories = functions
        .chunks(8)
        .map(|functions| of_one_module(config, functions));
    stories.collect()
}

fn of_one_module(config: &Config, functions: &[String]) -> String {
    let mut text = format!("(module {COMMON}");
    for (at, body) in functions.iter().enumerate() {
        let _ = write!(
            text,
            r#"(func (export "{at}") (param i32) {LOCALS} {body})"#
        );
    }
    text.push(')');
    same(config, |engine, told| {
        let module = Module::named(engine, "m", &*text).unwrap();
        let (mut store, instance) = start(engine, &module);
        let is_metered = store.set_fuel(10_000).is_ok();
        for at in 0..functions.len() {
            let edge = 65536 - FAR as i32 - 17..65538;
            for address in edge.chain([0, 1, 2, -1, -40, i32::MIN]) {
                if is_metered {
                    store.set_fuel(10_000).unwrap();
                }
                let _ = write!(told, "{address} ");
                let name = at.to_string();
                tell(&mut store, instance, &name, &[Val::I32(address)], told);
                let _ = writeln!(told, "{} {:?}", store.data(), store.fuel());
                tell(&mut store, instance, "state", &[], told);
            }
        }
    })
}

#[test]
fn a_trap_is_at_the_first_access_out_of_bounds_and_what_came_before_it_has_happened() {
    let mut rng = Rng::new(5);
    let mut functions = Vec::new();
    for between in BETWEEN {
        let near = rng.pick(&ACCESSES).replace('@', "0");
        let far = rng.pick(&ACCESSES).replace('@', "24");
        functions.push(format!("{near} {between} {far}"));
        functions.push(format!("{far} {between} {near}"));
    }
    let told = at_the_edge(&Config::new(), &functions);
    assert!(told.contains("integer divide by zero") && told.contains("out of bounds"));
}

#[test]
fn accesses_by_chance_trap_where_the_interpreter_traps() {
    let mut rng = Rng::new(6);
    let mut functions = Vec::new();
    for _ in 0..32 {
        let mut body = String::new();
        for _ in 0..2 + rng.below(7) {
            body += &access(&mut rng);
            if rng.chance(40) {
                body += rng.pick::<&str>(&BETWEEN);
            }
            if rng.chance(10) {
                let step = rng.below(5);
                let _ = write!(
                    body,
                    "(local.set 0 (i32.add (local.get 0) (i32.const {step})))"
                );
            }
        }
        functions.push(body);
    }
    at_the_edge(&Config::new(), &functions);
    at_the_edge(&Config::new().metering(true), &functions[..8]);
    at_the_edge(&Config::new().guarded_addresses(true), &functions[8..16]);
}

#[test]
fn a_memory_that_grows_between_two_accesses_has_room_for_the_second() {
    let grows = [
        "(drop (memory.grow (i32.const 1)))",
        "(call $grows)",
        "(call_indirect $growing (type $void) (i32.const 0))",
        "(call_ref $void (ref.func $grows))",
        "(block $caught (try_table (catch $oops $caught) (call $grows_and_throws)))",
    ];
    let mut text = format!(
        "(module {COMMON}
            (func $grows (drop (memory.grow (i32.const 1))))
            (func $grows_and_throws (call $grows) (throw $oops))
            (table $growing funcref (elem $grows))",
    );
    for (at, grows) in grows.iter().enumerate() {
        let _ = write!(
            text,
            r#"(func (export "{at}") (param i32) (result i64) {LOCALS}
                (i32.store (local.get 0) (i32.const 7))
                {grows}
                (i64.store offset=24 (local.get 0) (i64.const 8))
                (i64.store offset=65536 (local.get 0) (i64.const 9))
                (i64.add (i64.load offset=24 (local.get 0)) (i64.load32_u (local.get 0))))"#
        );
    }
    text.push(')');
    let told = same(&Config::new(), |engine, told| {
        let module = Module::named(engine, "m", &*text).unwrap();
        for at in 0..grows.len() {
            for address in [65500, 65505, 65528, 65529, 65532, 65533, 65536] {
                let (mut store, instance) = start(engine, &module);
                let _ = write!(told, "{address} ");
                let name = at.to_string();
                tell(&mut store, instance, &name, &[Val::I32(address)], told);
                tell(&mut store, instance, "state", &[], told);
            }
        }
    });
    assert!(told.contains("65528 0: [I64(15)]"), "{told}");
}
