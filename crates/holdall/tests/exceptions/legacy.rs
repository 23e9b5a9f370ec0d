//! The legacy form: `try`, `catch`, `catch_all`, `rethrow`, `delegate`. The text format's reader takes these
//! without parentheses around them.

use crate::{check, gives, throws, traps};

const TAGS: &str = r#"(module $m (tag $a (export "a")) (tag $b (export "b") (param i32))
    (tag $wide (param f64 v128 i64 i32))
    (func $throws (param i32)
        (if (i32.eqz (local.get 0)) (then (throw $a)))
        (throw $b (local.get 0)))
    (func $divides (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))"#;

#[track_caller]
fn check_body(body: &str, calls: &[(i32, crate::End)]) {
    let text = format!(r#"{TAGS} (func (export "f") (param $n i32) (result i32) {body}))"#);
    let calls: Vec<_> = calls
        .iter()
        .map(|(argument, end)| ("f", *argument, end.clone()))
        .collect();
    check(&text, &calls);
}

#[test]
fn the_first_catch_that_fits_catches() {
    check_body(
        "try (result i32) (call $throws (local.get 0)) (i32.const 1) catch $a (i32.const 2) catch $b (i32.add (i32.const 100)) catch_all (i32.const 3) end",
        &[(0, gives(2)), (7, gives(107))],
    );
    check_body(
        "try (result i32) (call $throws (local.get 0)) (i32.const 1) catch_all (i32.const 3) end",
        &[(0, gives(3)), (7, gives(3))],
    );
    check_body(
        "try (result i32) (call $throws (local.get 0)) (i32.const 1) catch $a (i32.const 3) end",
        &[(0, gives(3)), (7, throws("m!b with 0x7:i32"))],
    );
}

#[test]
fn a_try_that_throws_nothing_gives_its_results() {
    check_body(
        "(local.get 0)
            try (result i32) (i32.const 1) catch $b catch_all (i32.const 5) end (i32.add)",
        &[(41, gives(42))],
    );
    check_body(
        "try  catch_all unreachable end (local.get 0)",
        &[(41, gives(41))],
    );
    check_body("try (result i32) (local.get 0) end", &[(41, gives(41))]);
}

#[test]
fn what_a_catch_throws_is_not_caught_by_its_own_try() {
    check_body(
        "try (result i32) (call $throws (local.get 0)) (i32.const 1) catch $a (throw $b (i32.const 9)) catch $b (drop) (throw $a) end",
        &[(0, throws("m!b with 0x9:i32")), (1, throws("m!a"))],
    );
}

#[test]
fn values_below_a_try_and_locals_survive() {
    check_body(
        "(local $x i32) (local.set $x (i32.const 5))
        (i32.mul (i32.const 10) (local.get 0))
        (local.get $x)
        (i32.const 1000)
        try (result i32) (local.set $x (i32.const 7)) (i32.const 77) (call $throws (i32.const 3)) (drop)
                (i32.const 1) catch $b (i32.add (local.get $x)) end
        (i32.add) (i32.add) (i32.add)",
        &[(2, gives(20 + 5 + 1000 + 3 + 7))],
    );
}

#[test]
fn rethrow_throws_what_was_caught_there() {
    // The outer exception from within the inner catch, and the inner one.
    check_body(
        "try (result i32) try (result i32) (throw $b (i32.const 1)) catch $b (drop)
                    try (result i32) (throw $b (i32.const 2)) catch $b (drop)
                            (if (local.get 0) (then (rethrow 1)))
                            (rethrow 1) end end catch $b end",
        &[(1, gives(2)), (0, gives(1))],
    );
    check_body(
        "try (result i32) (call $throws (local.get 0)) (i32.const 1) catch_all (rethrow 0) end",
        &[(0, throws("m!a")), (8, throws("m!b with 0x8:i32"))],
    );
    // Results behind a catch that keeps its exception.
    check_body(
        "(i32.const 1000) try (result i32) (call $throws (local.get 0)) (i32.const 1) catch $b (if (result i32) (i32.eq (local.get 0) (i32.const 5)) (then (rethrow 1)) (else (i32.const 4))) (i32.add) catch_all (br 0 (i32.const 30)) end (i32.add)",
        &[
            (0, gives(1030)),
            (2, gives(1006)),
            (5, throws("m!b with 0x5:i32")),
        ],
    );
}

#[test]
fn delegate_hands_over_to_the_try_that_it_names() {
    check_body(
        "try (result i32) try (result i32) try (result i32) (call $throws (local.get 0)) (i32.const 1) delegate 1 catch_all (i32.const 2) end catch $b (i32.const 3) (i32.add) catch_all (i32.const 4) end",
        &[(0, gives(4)), (10, gives(13))],
    );
    // To the caller.
    check_body(
        "try (result i32) try (result i32) (call $throws (local.get 0)) (i32.const 1) delegate 1 catch_all (i32.const 4) end",
        &[(0, throws("m!a"))],
    );
    // To a block that is no try: to the try around that block.
    check_body(
        "try (result i32) (block (result i32) try (result i32) try (result i32) (call $throws (local.get 0)) (i32.const 1) delegate 1 catch_all (i32.const 5) end) catch_all (i32.const 4) end",
        &[(0, gives(4))],
    );
    // To a try whose catch this is: its own catches are past.
    check_body(
        "try (result i32) try (result i32) (throw $a) catch_all try (result i32) (call $throws (local.get 0)) (i32.const 1) delegate 0 end catch $b catch_all (i32.const 6) end",
        &[(0, gives(6)), (3, gives(3))],
    );
    check_body(
        "try (result i32) (local.get 0) delegate 0",
        &[(5, gives(5))],
    );
}

#[test]
fn all_values_arrive_whatever_their_width() {
    check_body(
        "(local f64 i64 v128)
        try (result i32) (throw $wide (f64.const 2.5) (v128.const i64x2 3 4) (i64.const 5) (local.get 0)) catch $wide
                (local.set 0) (local.set 2) (local.set 3) (local.set 1)
                (i32.trunc_f64_s (f64.mul (local.get 1) (f64.const 2)))
                (i32.wrap_i64 (i64.add (i64x2.extract_lane 0 (local.get 3)) (i64x2.extract_lane 1 (local.get 3))))
                (i32.wrap_i64 (local.get 2))
                (local.get 0)
                (i32.add) (i32.add) (i32.add) end",
        &[(100, gives(5 + 7 + 5 + 100))],
    );
}

#[test]
fn loops_with_handlers_keep_their_counts() {
    check_body(
        "(local $i i32) (local $sum i32) (local $f f64)
        (loop $again
            (local.set $f (f64.add (local.get $f) (f64.const 1)))
            try (local.set $sum (i32.add (local.get $sum) (local.get $i)))
                    (if (i32.and (local.get $i) (i32.const 1)) (then (call $throws (local.get $i))))
                    (local.set $sum (i32.add (local.get $sum) (i32.const 1000))) catch $b (local.set $sum (i32.add (local.get $sum))) catch_all unreachable end
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (local.get 0))))
        (i32.add (local.get $sum) (i32.trunc_f64_s (local.get $f)))",
        // 0+1+...+9, five times 1,000, 1+3+5+7+9, ten turns.
        &[(10, gives(45 + 5000 + 25 + 10))],
    );
    // A handler that is the loop's own label.
    check_body(
        "(local $i i32) (local $sum i32)
        (block $out
            (loop $again
                (local.set $sum (i32.add (local.get $sum) (local.get $i)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $out (i32.gt_u (local.get $i) (local.get 0)))
                (try_table (catch_all $again) (call $throws (i32.const 0)))
                unreachable))
        (local.get $sum)",
        &[(10, gives(55))],
    );
    check_body(
        "(local $sum i32)
        (i32.const 1)
        (loop $again (param i32) (result i32)
            (local.set $sum (i32.add (local.get $sum)))
            (if (result i32) (i32.gt_u (local.get $sum) (local.get 0))
                (then (local.get $sum))
                (else (try_table (result i32) (catch $b $again) (call $throws (i32.const 3)) (i32.const 0)))))",
        &[(9, gives(10))],
    );
}

#[test]
fn a_trap_is_not_caught() {
    check_body(
        "try (result i32) (call $divides (local.get 0)) catch_all (i32.const 4) end",
        &[(1, gives(1)), (0, traps("integer divide by zero"))],
    );
    check_body(
        "(block (try_table (catch_all 0) (drop (call $divides (local.get 0))))) (i32.const 6)",
        &[(1, gives(6)), (0, traps("integer divide by zero"))],
    );
    check(
        r#"(module (func $deep (export "f") (param i32) (result i32)
            try (result i32) (call $deep (local.get 0)) catch_all (i32.const 1) end))"#,
        &[("f", 0, traps("call stack exhausted"))],
    );
}

#[test]
fn a_tail_call_leaves_its_try() {
    check(
        r#"(module $m (tag $a)
            (func $throws (param i32) (result i32) (throw $a))
            (func $tail (param i32) (result i32)
                try (result i32) (return_call $throws (local.get 0)) catch_all (i32.const 1) end)
            (func (export "f") (param i32) (result i32) (call $tail (local.get 0)))
            (func (export "g") (param i32) (result i32)
                try (result i32) (call $tail (local.get 0)) catch_all (i32.const 2) end))"#,
        &[("f", 0, throws("m!a")), ("g", 0, gives(2))],
    );
}

#[test]
fn a_handler_may_be_the_functions_own_label() {
    check_body(
        "(try_table (result i32) (catch $b 0) (call $throws (local.get 0)) (i32.const 1))",
        &[(6, gives(6)), (0, throws("m!a"))],
    );
    // The caller finds the result where it finds that of any call.
    let text = format!(
        r#"{TAGS}
        (func $caught (param i32) (result i32)
            (try_table (catch $b 0) (call $throws (local.get 0))) (i32.const 1))
        (func (export "f") (param i32) (result i32)
            (i32.add (i32.const 1) (call $caught (local.get 0)))))"#
    );
    check(&text, &[("f", 6, gives(7))]);
}
