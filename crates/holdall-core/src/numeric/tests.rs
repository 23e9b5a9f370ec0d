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
