//! Operators on 128 bits, whose two results may go where the operands are.

use holdall::Val::I64;

use crate::check;

#[test]
fn halves_of_128_bits_are_read_before_any_is_written() {
    let text = r#"(module
        (func (export "add") (param i64 i64 i64 i64) (result i64 i64)
            (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
        (func (export "twice") (param i64 i64) (result i64 i64)
            (i64.add128 (local.get 0) (local.get 1) (local.get 0) (local.get 1))
            (i64.const 1) (i64.const 0) (i64.add128))
        (func (export "sub") (param i64 i64) (result i64 i64)
            (i64.sub128 (i64.const 0) (i64.const 0) (local.get 0) (local.get 1)))
        (func (export "square_s") (param i64) (result i64 i64)
            (i64.mul_wide_s (local.get 0) (local.get 0)))
        (func (export "square_u") (param i64) (result i64 i64)
            (i64.mul_wide_u (local.get 0) (local.get 0)))
        (func (export "computed") (param i64) (result i64)
            (i64.mul_wide_u (i64.add (local.get 0) (i64.const 1)) (i64.sub (local.get 0) (i64.const 1)))
            (i64.sub))
        (func (export "set") (param i64 i64) (result i64 i64)
            (i64.mul_wide_s (local.get 0) (local.get 1))
            (local.set 0) (local.set 1) (local.get 0) (local.get 1)))"#;
    let pair = |name, args: &[i64], results: &[i64]| {
        let [args, results] = [args, results].map(|values| values.iter().map(|value| I64(*value)));
        (name, args.collect(), Ok(results.collect()))
    };
    check(
        text,
        &[
            pair("add", &[-1, 0, 1, 0], &[0, 1]),
            pair("add", &[-1, -1, 1, 0], &[0, 0]),
            pair("add", &[1, 2, 3, 4], &[4, 6]),
            pair("twice", &[-1, 0], &[-1, 1]),
            pair("sub", &[1, 0], &[-1, -1]),
            pair("sub", &[0, 1], &[0, -1]),
            pair("square_s", &[-3], &[9, 0]),
            pair("square_u", &[-1], &[1, -2]),
            pair("square_s", &[i64::MIN], &[0, 1 << 62]),
            pair("computed", &[4], &[15]),
            pair("set", &[i64::MIN, 2], &[-1, 0]),
        ],
    );
}
