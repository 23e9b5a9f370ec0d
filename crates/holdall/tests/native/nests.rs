//! Tries within tries, by chance: of both forms, with loops, calls of all kinds and values that change between the
//! places where something is thrown.

use std::fmt::Write as _;

use holdall::{Config, Limits, Module, Val};
use holdall_dev::rng::Rng;

use crate::catching::host;
use crate::{same, tell};

const FUNCTIONS: usize = 6;

/// What functions call: it throws for some numbers, itself or by the host, and ends a run that takes too long.
const COMMON: &str = r#"
    (type $maybe (func (param i32)))
    (type $f (func (param i32) (result i64)))
    (import "host" "throw" (func $host (type $maybe)))
    (import "host" "tag" (tag $a (param i32)))
    (tag $b (param i64 f64))
    (tag $c)
    (global $n (mut i32) (i32.const 0))
    (memory 1 40)
    (table $t funcref (elem $maybe $host))
    (elem declare func $maybe)
    (func $tail (type $maybe) (return_call $maybe (local.get 0)))
    (func $maybe (type $maybe) (local i32)
        (if (i32.gt_u (global.get $n) (i32.const 100000)) (then unreachable))
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (local.set 1 (i32.shr_u (i32.mul
            (i32.add (global.get $n) (local.get 0)) (i32.const 0x9E3779B1)) (i32.const 28)))
        (if (i32.eq (local.get 1) (i32.const 0)) (then (throw $a (local.get 0))))
        (if (i32.eq (local.get 1) (i32.const 1))
            (then (throw $b (i64.extend_i32_u (global.get $n)) (f64.const 2.5))))
        (if (i32.eq (local.get 1) (i32.const 2)) (then (throw $c)))
        (if (i32.eq (local.get 1) (i32.const 3)) (then (call $host (global.get $n))))
        (if (i32.eq (local.get 1) (i32.const 4)) (then (drop (memory.grow (i32.const 1)))))
        (if (i32.eq (local.get 1) (i32.const 5))
            (then (if (i32.eqz (i32.and (global.get $n) (i32.const 31))) (then unreachable)))))"#;

/// What is around the code that is made.
#[derive(Clone, Copy, PartialEq)]
enum Label {
    Plain,
    /// A legacy `try`, to which a `delegate` may lead.
    Try,
    /// A legacy `catch`, whose exception may be thrown again.
    Catch,
}

struct Maker {
    rng: Rng,
    text: String,
    labels: Vec<Label>,
    index: usize,
}

impl Maker {
    fn add(&mut self, text: &str) {
        self.text += text;
        self.text.push('\n');
    }

    fn statements(&mut self, depth: usize) {
        for _ in 0..1 + self.rng.below(4) {
            self.statement(depth);
        }
    }

    /// Statements within a block of a kind.
    fn within(&mut self, label: Label, depth: usize) {
        self.labels.push(label);
        self.statements(depth - 1);
        self.labels.pop();
    }

    fn statement(&mut self, depth: usize) {
        let number = self.rng.below(1000);
        match self.rng.below(if depth == 0 { 12 } else { 22 }) {
            0 => self.add(&format!("(local.set $x (i32.add (local.get $x) (i32.const {number})))")),
            1 => self.add("(local.set $l (i64.mul (local.get $l) (i64.const 3)))"),
            2 => self.add(&format!("(local.set $f (f64.add (local.get $f) (f64.const {number})))")),
            3 => self.add("(local.set $v (i64x2.add (local.get $v) (i64x2.splat (local.get $l))))"),
            4 => self.add("(i32.store8 offset=100 (i32.and (local.get $x) (i32.const 0xffff)) (local.get $x))"),
            5 | 6 => self.add(&format!("(call $maybe (i32.const {number}))")),
            7 => self.add(&format!("(call_indirect $t (type $maybe) (i32.const {number}) (i32.const 0))")),
            8 => self.add(&format!("(call_ref $maybe (i32.const {number}) (ref.func $maybe))")),
            9 => self.add(&format!("(call $tail (i32.const {number}))")),
            10 if self.index + 1 < FUNCTIONS => {
                let callee = self.index + 1 + self.rng.below(FUNCTIONS - self.index - 1);
                self.add(&format!(
                    "(local.set $l (i64.add (local.get $l) (call $f{callee} (local.get $x))))"
                ));
            }
            10 | 11 => self.thrown(),
            12..=14 => self.table(depth),
            15..=18 => self.legacy(depth),
            19 => {
                self.add("(if (i32.and (global.get $n) (i32.const 1)) (then");
                self.within(Label::Plain, depth);
                self.add(") (else");
                self.within(Label::Plain, depth);
                self.add("))");
            }
            20 => {
                // The counter is on the stack below the loop's body.
                self.add("(local.set $again (i32.const 3)) loop");
                self.within(Label::Plain, depth);
                self.add(
                    "(br_if 0 (i32.gt_s (local.tee $again
                        (i32.sub (local.get $again) (i32.const 1))) (i32.const 0))) end",
                );
            }
            _ => {
                self.add("(f64.convert_i32_s (local.get $x)) (block");
                self.within(Label::Plain, depth);
                self.add(") (local.set $f (f64.add (local.get $f)))");
            }
        }
    }

    /// Throws, under a condition that is not known.
    fn thrown(&mut self) {
        let catches = self.labels.iter().rev().enumerate();
        let catches = catches.filter(|(_, label)| **label == Label::Catch);
        let catches: Vec<usize> = catches.map(|(depth, _)| depth).collect();
        self.add("(if (i32.eqz (i32.and (global.get $n) (i32.const 3))) (then");
        match self.rng.below(6) {
            0 => self.add("(throw $a (local.get $x))"),
            1 => self.add("(throw $b (local.get $l) (local.get $f))"),
            2 => self.add("(throw_ref (local.get $e))"),
            3 => self.add("(br_if 0 (ref.is_null (local.get $e))) (throw_ref (local.get $e))"),
            _ if !catches.is_empty() => {
                // The `if` is a label too.
                let depth = 1 + *self.rng.pick(&catches);
                self.add(&format!("rethrow {depth}"));
            }
            _ => self.add("(throw $c)"),
        }
        self.add("))");
    }

    /// A `try_table`, with some of the clauses that there are.
    fn table(&mut self, depth: usize) {
        self.add("(i64.extend_i32_u (global.get $n))");
        self.add("block (result i32) block (result exnref) block (result i64 f64 exnref) block");
        let clauses = [
            "(catch $a 3)",
            "(catch_all_ref 2)",
            "(catch_ref $b 1)",
            "(catch_all 0)",
        ];
        let mut table = "try_table".to_owned();
        for _ in 0..self.rng.below(4) {
            let _ = write!(table, " {}", self.rng.pick(&clauses));
        }
        self.add(&table);
        self.labels.extend([Label::Plain; 4]);
        self.within(Label::Plain, depth);
        self.labels.truncate(self.labels.len() - 4);
        self.add("end (i32.const 1) br 3 end");
        self.add("(i32.const 2) br 2 end");
        self.add("(local.set $e) (local.set $f (f64.add (local.get $f)))");
        self.add("(local.set $l (i64.add (local.get $l))) (i32.const 3) br 1 end");
        self.add("(local.set $e) (i32.const 4) end");
        self.add("(local.set $x (i32.add (local.get $x))) (local.set $l (i64.add (local.get $l)))");
    }

    /// A legacy `try`, with catches, or with a `delegate`.
    fn legacy(&mut self, depth: usize) {
        self.add("(local.get $f) try");
        self.within(Label::Try, depth);
        let outside = self.labels.len();
        if self.rng.chance(25) {
            let tries = self.labels.iter().rev().enumerate();
            let tries = tries.filter(|(_, label)| **label != Label::Plain);
            let mut targets: Vec<usize> = tries.map(|(depth, _)| depth).collect();
            targets.push(outside);
            let target = *self.rng.pick(&targets);
            self.add(&format!("delegate {target}"));
        } else {
            if self.rng.chance(60) {
                self.add("catch $a (local.set $x (i32.xor (local.get $x)))");
                self.within(Label::Catch, depth);
            }
            if self.rng.chance(40) {
                self.add("catch $b (local.set $f) (local.set $l (i64.xor (local.get $l)))");
                self.within(Label::Catch, depth);
            }
            if self.rng.chance(40) {
                self.add("catch_all");
                self.within(Label::Catch, depth);
            }
            self.add("end");
        }
        self.add("(local.set $f (f64.add (local.get $f)))");
    }
}

/// A module of functions that call each other.
fn module(seed: u64) -> String {
    let mut maker = Maker {
        rng: Rng::new(seed),
        text: format!("(module {COMMON}"),
        labels: Vec::new(),
        index: 0,
    };
    while maker.index < FUNCTIONS {
        let index = maker.index;
        maker.add(&format!(
            r#"(func $f{index} (export "{index}") (param $x i32) (result i64)
                (local $l i64) (local $f f64) (local $v v128) (local $e exnref) (local $again i32)
                (local.set $l (i64.extend_i32_u (local.get $x)))"#
        ));
        maker.statements(4);
        maker.add(
            "(i64.add (local.get $l) (i64.extend_i32_u (local.get $x)))
            (i64.add (i64.trunc_sat_f64_s (local.get $f)))
            (i64.add (i64x2.extract_lane 1 (local.get $v)))
            (i64.add (i64.extend_i32_u (i32.load8_u offset=100
                (i32.and (local.get $x) (i32.const 0xffff))))))",
        );
        maker.index += 1;
    }
    maker.text + ")"
}

fn run(seeds: std::ops::Range<u64>, metering: bool) -> String {
    let mut all = String::new();
    for seed in seeds {
        let text = module(seed);
        all += &same(&Config::new().metering(metering), |engine, told| {
            let module = Module::named(engine, "m", &*text).unwrap();
            let (mut store, linker) = host(engine);
            store.limits(Limits::new()).unwrap();
            let instance = linker.instantiate(&mut store, &module).unwrap();
            for number in 0..8 {
                for export in module.exports() {
                    if metering {
                        store.set_fuel(10_000_000).unwrap();
                    }
                    let params = [Val::I32(number)];
                    tell(&mut store, instance, export.name, &params, told);
                    let _ = writeln!(told, "{:?}", store.fuel());
                }
            }
        });
    }
    all
}

#[test]
fn nested_tries_catch_what_the_interpreter_catches() {
    let told = run(0..16, false);
    for expected in [
        "[I64(",
        "uncaught exception",
        "unreachable",
        "null exception",
    ] {
        assert!(told.contains(expected), "{expected}");
    }
}

#[test]
fn nested_tries_cost_what_they_cost_in_the_interpreter() {
    run(100..105, true);
}
