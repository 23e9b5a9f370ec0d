//! Control, calls, globals, tables and bulk operations, as text: each function counts its rounds
//! down to zero.

use holdall::{Caller, Engine, Func, FuncType, Instance, Linker, Module, Store, Val, ValType};

use crate::{QUOTA, in_small_stack, ways};

/// Runs the body of a loop until about `QUOTA` instructions are executed. The body is in a function
/// with the local `$n`, which counts down from the number of rounds; `$i $j $l $x $y` are locals of
/// type i32, i32, i64, f32 and f64.
fn run(module: &str, body: &str) {
    let size = body.matches(['(', '\n']).count().max(10);
    let rounds = (QUOTA / size + 1) as i32;
    let text = format!(
        "(module
            (import \"host\" \"typed\" (func $typed (param i32 i64 f32 f64) (result i32)))
            (import \"host\" \"untyped\" (func $untyped (param i32) (result i32)))
            (import \"host\" \"calls_back\" (func $calls_back (param i32) (result i32)))
            (import \"other\" \"next\" (func $other (param i32) (result i32)))
            (import \"other\" \"count\" (global $other_global (mut i32)))
            {module}
            (func (export \"run\") (param $n i32) (result i32)
                (local $i i32) (local $j i32) (local $l i64) (local $x f32) (local $y f64)
                (loop $rounds
                    {body}
                    (br_if $rounds (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (local.get $n)))"
    );
    for config in ways() {
        let text = text.clone();
        in_small_stack(move || {
            let engine = Engine::new(config);
            // The text is read here, on this thread, too.
            let module = Module::new(&engine, text.into_bytes()).expect("the script is valid");
            let mut store = Store::new(&engine, 0_u64);
            let linker = linker(&mut store);
            let instance = linker
                .instantiate(&mut store, &module)
                .expect("the host has it all");
            let run = instance
                .get_typed_func::<i32, i32>(&store, "run")
                .expect("it is exported");
            assert_eq!(run.call(&mut store, rounds).expect("no script traps"), 0);
        });
    }
}

fn linker(store: &mut Store<u64>) -> Linker<u64> {
    let engine = store.engine().clone();
    let mut linker = Linker::new(&engine);
    let typed = |mut caller: Caller<'_, u64>, a: i32, b: i64, c: f32, d: f64| {
        *caller.data_mut() += 1;
        a + b as i32 + c as i32 + d as i32
    };
    linker.func_wrap("host", "typed", typed).expect("it is new");
    let ty = FuncType::new([ValType::I32], [ValType::I32]);
    let untyped = |_: Caller<'_, u64>, args: &[Val], results: &mut [Val]| {
        results[0] = args[0];
        Ok(())
    };
    linker
        .func_new("host", "untyped", ty, untyped)
        .expect("it is new");
    // Calls a function of the other module, so the executor is entered anew within a host call.
    let other = r#"(module
        (global $count (export "count") (mut i32) (i32.const 0))
        (func (export "next") (param $n i32) (result i32)
            (global.set $count (i32.add (global.get $count) (i32.const 1)))
            (i32.add (local.get $n) (i32.const 1))))"#;
    let other = Module::new(&engine, other.as_bytes().to_vec()).expect("it is valid");
    let other = Instance::new(&mut *store, &other, &[]).expect("it has no imports");
    let next = other.get_func(&*store, "next").expect("it is exported");
    let calls_back = Func::wrap(&mut *store, move |mut caller: Caller<'_, u64>, n: i32| {
        let mut results = [Val::I32(0)];
        next.call(&mut caller, &[Val::I32(n)], &mut results)?;
        anyhow::Ok(results[0].i32().expect("it gives an i32"))
    });
    linker
        .define(&*store, "host", "calls_back", calls_back)
        .expect("it is new");
    linker
        .instance(&mut *store, "other", other)
        .expect("it is new");
    linker
}

#[test]
fn branches() {
    run(
        "",
        "(block $a (br_if $a (local.get $i)) (br_if $a (i32.eqz (local.get $i))))
         (block $a (br_if $a (i32.lt_u (local.get $i) (local.get $n))) (nop))
         (block $a (br_if $a (i64.lt_s (local.get $l) (i64.const 5))) (nop))
         (block $a (br_if $a (f64.lt (local.get $y) (f64.const 5))) (nop))
         (if (i32.and (local.get $n) (i32.const 1)) (then (local.set $i (local.get $n)))
             (else (local.set $j (local.get $n))))
         (local.set $i (if (result i32) (local.get $j) (then (local.get $i)) (else (i32.const 7))))
         (local.set $i (block $b (result i32)
             (drop (br_if $b (local.get $j) (i32.and (local.get $n) (i32.const 2))))
             (br $b (i32.const 3))))
         (local.get $i) (local.get $l) (local.get $x)
         (block $c (param i32 i64 f32) (result i32 i64 f32)
             (br_if $c (local.get $n)) (br $c))
         (local.set $x) (local.set $l) (local.set $i)
         (block $d (loop $e (br_if $d (local.get $n)) (br $e)))
         (local.set $j (i32.const 5))
         (loop $f (br_if $f (local.tee $j (i32.sub (local.get $j) (i32.const 1)))))
         (loop $g (br_if $g (i32.lt_s (local.tee $j (i32.add (local.get $j) (i32.const 1)))
             (i32.const 4))))",
    );
}

#[test]
fn switches() {
    run(
        "",
        "(block $out
            (block $c (block $b (block $a
                (br_table $a $b $c $out (i32.and (local.get $n) (i32.const 3))))
                (local.set $i (i32.const 1)) (br $out))
                (local.set $i (i32.const 2)) (br $out))
            (local.set $i (i32.const 3)))
         (local.set $i (block $y (result i32) (block $x (result i32)
             (br_table $x $y $x (local.get $n) (i32.and (local.get $n) (i32.const 7))))
             (i32.add (i32.const 1))))
         (local.set $l (block $z (result i64)
             (br_table $z $z (i64.extend_i32_u (local.get $n)) (local.get $i))))",
    );
}

#[test]
fn selects_and_locals() {
    run(
        "",
        "(local.set $i (select (local.get $i) (local.get $j) (local.get $n)))
         (local.set $l (select (local.get $l) (i64.const 5) (i32.lt_s (local.get $i) (local.get $j))))
         (local.set $x (select (f32.const 1) (local.get $x) (i64.eqz (local.get $l))))
         (local.set $y (select (result f64) (local.get $y) (f64.neg (local.get $y)) (local.get $i)))
         (drop (select (result funcref) (ref.null func) (ref.null func) (local.get $i)))
         (local.get $i) (local.get $j) (local.set $i) (local.set $j)
         (local.get $i) (local.set $i (local.get $n)) (local.set $j)
         (local.set $i (local.tee $j (local.get $n)))",
    );
}

#[test]
fn calls() {
    run(
        "(type $unary (func (param i32) (result i32)))
         (table funcref (elem $same $typed2 $other $untyped))
         (func $same (param i32) (result i32) (local.get 0))
         (func $typed2 (param i32) (result i32)
            (call $typed (local.get 0) (i64.const 1) (f32.const 1) (f64.const 1)))
         (func $nothing)
         (func $many (param i32 i64 f32 f64) (result f64 f32 i64 i32)
            (local.get 3) (local.get 2) (local.get 1) (local.get 0))
         (func $locals (param i32) (result i32) (local i64 i64 i64 f64) (local.get 0))",
        "(call $nothing)
         (local.set $i (call $same (local.get $n)))
         (local.set $i (call $same (call $same (i32.const 5))))
         (call $many (local.get $i) (local.get $l) (local.get $x) (local.get $y))
         (local.set $i) (local.set $l) (local.set $x) (local.set $y)
         (local.set $j (i32.add (call $locals (local.get $i)) (call $locals (local.get $n))))
         (local.set $i (call $other (local.get $i)))
         (local.set $i (call_indirect (type $unary) (local.get $n) (i32.const 0)))
         (local.set $i (call_indirect (type $unary) (local.get $n)
            (i32.and (local.get $n) (i32.const 3))))",
    );
}

#[test]
fn host_calls() {
    run(
        "",
        "(local.set $i (call $typed (local.get $n) (local.get $l) (local.get $x) (local.get $y)))
         (local.set $i (call $untyped (local.get $i)))
         (local.set $i (call $calls_back (local.get $i)))
         (drop (call $typed (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4)))",
    );
}

#[test]
fn tail_calls() {
    run(
        "(type $unary (func (param i32) (result i32)))
         (table funcref (elem $down $odd $other $untyped))
         (func $down (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
            (return_call $down (i32.sub (local.get 0) (i32.const 1))))
         (func $even (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
            (return_call_indirect (type $unary) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)))
         (func $odd (param i32) (result i32) (local i64 f64 i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
            (return_call $even (i32.sub (local.get 0) (i32.const 1))))
         (func $wider (param i32) (result i32)
            (return_call $sum (local.get 0) (i64.const 1) (i64.const 2) (i64.const 3)))
         (func $sum (param i32 i64 i64 i64) (result i32)
            (return_call $other (i32.add (local.get 0) (i32.wrap_i64
                (i64.add (local.get 1) (i64.add (local.get 2) (local.get 3)))))))
         (func $to_host (param i32) (result i32)
            (return_call $untyped (local.get 0)))
         (func $through (param i32) (result i32)
            (return_call_indirect (type $unary) (local.get 0) (i32.and (local.get 0) (i32.const 3))))",
        "(drop (call $down (i32.const 30)))
         (drop (call $even (i32.const 30)))
         (drop (call $wider (local.get $n)))
         (drop (call $to_host (local.get $n)))
         (drop (call $through (i32.and (local.get $n) (i32.const 63))))",
    );
}

/// One chain of tail calls as long as everything else together.
#[test]
fn one_long_chain_of_tail_calls() {
    let text = "(module
        (type $unary (func (param i32) (result i32)))
        (table funcref (elem $b))
        (func $a (export \"run\") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
            (return_call_indirect (type $unary) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))
        (func $b (param i32) (result i32) (local i64 i64)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
            (return_call $a (i32.sub (local.get 0) (i32.const 1)))))";
    in_small_stack(move || {
        let engine = Engine::default();
        let module = Module::new(&engine, text.as_bytes().to_vec()).expect("it is valid");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("it has no imports");
        let run = instance
            .get_typed_func::<i32, i32>(&store, "run")
            .expect("it is exported");
        assert_eq!(
            run.call(&mut store, (QUOTA / 5) as i32)
                .expect("it has an end"),
            7
        );
    });
}

#[test]
fn globals() {
    run(
        "(global $a (mut i32) (i32.const 1)) (global $b (mut i64) (i64.const 1))
         (global $c (mut f32) (f32.const 1)) (global $d (mut f64) (f64.const 1))
         (global $e (mut funcref) (ref.null func)) (global $f i32 (i32.const 9))",
        "(global.set $a (i32.add (global.get $a) (i32.const 1)))
         (global.set $b (i64.add (global.get $b) (local.get $l)))
         (global.set $c (local.get $x))
         (global.set $d (f64.add (global.get $d) (global.get $d)))
         (global.set $e (global.get $e))
         (global.set $a (i32.const 100000))
         (global.set $other_global (global.get $f))
         (local.set $i (global.get $other_global))
         (local.set $l (global.get $b)) (local.set $x (global.get $c)) (local.set $y (global.get $d))",
    );
}

#[test]
fn bulk_operations() {
    run(
        "(memory 1) (data $d \"some bytes\") (data $d2 \"dropped\")
         (table $t 20 funcref) (table $u 20 externref)
         (elem $e func $f $f $f) (elem $e2 func $f) (func $f)",
        "(memory.fill (i32.const 100) (local.get $n) (i32.const 10))
         (memory.copy (i32.const 200) (i32.const 100) (local.get $i))
         (memory.copy (i32.const 100) (i32.const 101) (i32.const 9))
         (memory.init $d (i32.const 300) (i32.const 2) (i32.const 5))
         (local.set $i (i32.and (memory.size) (i32.const 3)))
         (drop (memory.grow (i32.const 0)))
         (data.drop $d2)
         (table.set $t (i32.const 3) (ref.func $f))
         (local.set $j (ref.is_null (table.get $t (local.get $i))))
         (table.set $u (local.get $i) (ref.null extern))
         (table.fill $t (i32.const 5) (ref.null func) (i32.const 4))
         (table.copy $t $t (i32.const 1) (i32.const 3) (i32.const 5))
         (table.init $t $e (i32.const 8) (i32.const 0) (i32.const 3))
         (drop (table.size $u))
         (drop (table.grow $u (ref.null extern) (i32.const 0)))
         (elem.drop $e2)",
    );
}
