//! What the spec scripts don't reach directly: the edges of truncation and NaN handling.

use super::*;
use crate::trap::TrapCode;

#[test]
fn truncation_accepts_the_last_value_inside_and_refuses_the_first_outside() {
    assert_eq!(i32_trunc_f64_s(-2_147_483_648.9), Ok(i32::MIN));
    assert_eq!(
        i32_trunc_f64_s(-2_147_483_649.0),
        Err(TrapCode::IntegerOverflow)
    );
    assert_eq!(i32_trunc_f32_s(-2_147_483_648.0), Ok(i32::MIN));
    assert_eq!(i64_trunc_f32_s(-9_223_372_036_854_775_808.0), Ok(i64::MIN));
    assert_eq!(i64_trunc_f64_s(-9_223_372_036_854_775_808.0), Ok(i64::MIN));
    assert_eq!(i32_trunc_f32_u(-0.99), Ok(0));
    assert_eq!(i32_trunc_f32_u(-1.0), Err(TrapCode::IntegerOverflow));
    assert_eq!(
        i64_trunc_f64_u(f64::NAN),
        Err(TrapCode::InvalidConversionToInteger)
    );
}

#[test]
fn division_of_the_least_integer_by_minus_one_overflows_and_its_remainder_is_zero() {
    assert_eq!(i32_div_s(i32::MIN, -1), Err(TrapCode::IntegerOverflow));
    assert_eq!(i32_rem_s(i32::MIN, -1), Ok(0));
    assert_eq!(i64_div_s(i64::MIN, -1), Err(TrapCode::IntegerOverflow));
    assert_eq!(i64_rem_u(1, 0), Err(TrapCode::IntegerDivideByZero));
}

#[test]
fn negative_zero_is_less_than_positive_zero_for_min_and_max() {
    assert_eq!(f32_min(0.0, -0.0).to_bits(), (-0.0_f32).to_bits());
    assert_eq!(f64_max(-0.0, 0.0).to_bits(), 0.0_f64.to_bits());
    assert!(f64_min(f64::NAN, 1.0).is_nan() && f32_max(1.0, f32::NAN).is_nan());
}

#[test]
fn rounding_quiets_a_signalling_nan() {
    let signalling = f64::from_bits(0x7ff0_0000_0000_0001);
    for round in [f64_ceil, f64_floor, f64_trunc, f64_nearest] {
        assert_eq!(round(signalling).to_bits(), 0x7ff8_0000_0000_0001);
    }
}

#[test]
fn every_nan_and_nothing_else_becomes_the_canonical_one() {
    for bits in [0x7f80_0001, 0x7fc0_0000, 0xffc0_0000, 0xffff_ffff] {
        assert_eq!(f32_canonical(f32::from_bits(bits)).to_bits(), 0x7fc0_0000);
    }
    for bits in [0x7ff0_0000_0000_0001, 0xfff8_0000_0000_0000, u64::MAX] {
        let canonical = f64_canonical(f64::from_bits(bits));
        assert_eq!(canonical.to_bits(), 0x7ff8_0000_0000_0000);
    }
    for value in [0.0, -0.0, 1.5, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(f32_canonical(value).to_bits(), value.to_bits());
        let value = f64::from(value);
        assert_eq!(f64_canonical(value).to_bits(), value.to_bits());
    }
}

/// Numbers at which roundings and comparisons turn, and NaNs that are quiet.
fn turning_points() -> impl Iterator<Item = f64> + Clone {
    let sizes = [
        0.0,
        0.25,
        0.5,
        0.75,
        1.0,
        1.5,
        2.5,
        3.5,
        1e-40,
        1e-310,
        8_388_607.5,
        8_388_608.0,
    ];
    let large = [
        8_388_609.0,
        4_503_599_627_370_495.5,
        4_503_599_627_370_497.0,
        1e38,
        1e300,
    ];
    let others = [f64::INFINITY, f64::NAN];
    let all = sizes.into_iter().chain(large).chain(others);
    all.flat_map(|number| [number, -number, number.next_down(), -number.next_up()])
}

#[test]
fn lanes_of_floats_are_rounded_and_compared_as_floats_are() {
    macro_rules! check {
        ($ty:ident $count:literal: $($vector:ident $scalar:ident)* ; $($pair:ident $scalars:ident)*) => {
            for a in turning_points() {
                let a = a as $ty;
                $(
                    let (found, expected) = ($vector([a; $count])[$count - 1], $scalar(a));
                    assert_eq!(found.to_bits(), expected.to_bits(), "{}({a})", stringify!($scalar));
                )*
                for b in turning_points() {
                    let b = b as $ty;
                    $(
                        let (found, expected) = ($pair([a; $count], [b; $count])[0], $scalars(a, b));
                        assert!(
                            found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
                            "{}({a}, {b}): {found}", stringify!($scalars)
                        );
                    )*
                }
            }
        };
    }
    check! { f32 4: f32x4_ceil f32_ceil f32x4_floor f32_floor f32x4_trunc f32_trunc
    f32x4_nearest f32_nearest f32x4_canonical f32_canonical;
    f32x4_min f32_min f32x4_max f32_max f32x4_add f32_add }
    check! { f64 2: f64x2_ceil f64_ceil f64x2_floor f64_floor f64x2_trunc f64_trunc
    f64x2_nearest f64_nearest f64x2_canonical f64_canonical;
    f64x2_min f64_min f64x2_max f64_max f64x2_add f64_add }
}

#[test]
fn a_bitmask_has_the_sign_of_each_lane() {
    for mask in (0..=u16::MAX).step_by(7).map(u32::from) {
        let halves = |bits: u32| {
            let lane = 128 / bits;
            let signs = (0..lane).filter(|at| mask >> at & 1 != 0);
            // The bits below each sign must not matter.
            let all = signs.fold(u128::MAX / 3, |all, at| all | 1 << (at * bits + bits - 1));
            let clear = (0..lane).filter(|at| mask >> at & 1 == 0);
            let all = clear.fold(all, |all, at| all & !(1 << (at * bits + bits - 1)));
            [all as u64, (all >> 64) as u64]
        };
        assert_eq!(i8x16_bitmask(halves(8)), mask);
        assert_eq!(i16x8_bitmask(halves(16)), mask & 0xff);
        assert_eq!(i32x4_bitmask(halves(32)), mask & 0xf);
        let [low, high] = halves(64).map(u64::cast_signed);
        assert_eq!(i64x2_bitmask([low, high]), mask & 3);
    }
}
