//! Division by constants: multiplications and shifts in place of instructions that divide, after T. Granlund
//! and P. L. Montgomery, "Division by Invariant Integers using Multiplication".

use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{InstBuilder, Value};
use cranelift_frontend::FunctionBuilder;

/// The quotient of an `i32` or `i64` and a number, zero-extended to 64 bits, that is not zero.
pub(crate) fn div_u(b: &mut FunctionBuilder<'_>, value: Value, divisor: u64) -> Value {
    if divisor.is_power_of_two() {
        return match divisor.trailing_zeros() {
            0 => value,
            shift => b.ins().ushr_imm_u(value, i64::from(shift)),
        };
    }
    match b.func.dfg.value_type(value) {
        I32 => {
            let wide = b.ins().uextend(I64, value);
            let quotient = div_u_of_32(b, wide, divisor);
            b.ins().ireduce(I32, quotient)
        }
        _ => div_u_of_64(b, value, divisor),
    }
}

/// The quotient of a number below 2^32, with 64 bits, and one that is no power of two.
fn div_u_of_32(b: &mut FunctionBuilder<'_>, value: Value, divisor: u64) -> Value {
    let log2 = u64::BITS - (divisor - 1).leading_zeros();
    // With a factor of 32 bits and a small error, the product has 64 bits.
    for shift in 0..=log2 {
        let power = 1_u64 << (32 + shift.min(31));
        let factor = power.div_ceil(divisor);
        if shift < 32 && factor < 1 << 32 && factor * divisor - power <= 1 << shift {
            let product = times(b, value, factor);
            return b.ins().ushr_imm_u(product, i64::from(32 + shift));
        }
    }
    // The error of the factor is below the divisor, so below 2^32.
    let factor = b.ins().iconst(I64, (u64::MAX / divisor + 1).cast_signed());
    b.ins().umulhi(value, factor)
}

/// The quotient of an `i64` and a number that is no power of two.
fn div_u_of_64(b: &mut FunctionBuilder<'_>, value: Value, divisor: u64) -> Value {
    let log2 = u64::BITS - (divisor - 1).leading_zeros();
    let excess = (1_u128 << log2) - u128::from(divisor);
    let factor = ((excess << 64) / u128::from(divisor) + 1) as u64;
    let factor = b.ins().iconst(I64, factor.cast_signed());
    let high = b.ins().umulhi(value, factor);
    let rest = b.ins().isub(value, high);
    let half = b.ins().ushr_imm_u(rest, 1);
    let sum = b.ins().iadd(high, half);
    b.ins().ushr_imm_u(sum, i64::from(log2 - 1))
}

/// The quotient of a signed number and one, sign-extended to 64 bits, that is neither zero nor -1. `None` for
/// the least number.
pub(crate) fn div_s(b: &mut FunctionBuilder<'_>, value: Value, divisor: i64) -> Option<Value> {
    let ty = b.func.dfg.value_type(value);
    let bits = ty.bits();
    let size = divisor.unsigned_abs();
    if size >= 1 << (bits - 1) {
        return None;
    }
    let quotient = if size == 1 {
        value
    } else if size.is_power_of_two() {
        let shift = i64::from(size.trailing_zeros());
        let rounded = round_up(b, value, size);
        b.ins().sshr_imm_u(rounded, shift)
    } else if ty == I32 {
        let log2 = (u64::BITS - (size - 1).leading_zeros()) - 1;
        // The factor has 32 bits, so that the product has 64.
        let factor = (1_u64 << (32 + log2)) / size + 1;
        let wide = b.ins().sextend(I64, value);
        let product = times(b, wide, factor);
        let floor = b.ins().sshr_imm_u(product, i64::from(32 + log2));
        let floor = b.ins().ireduce(I32, floor);
        towards_zero(b, floor, value)
    } else {
        let log2 = (u64::BITS - (size - 1).leading_zeros()) - 1;
        // The factor lies between 2^63 and 2^64: without 2^64, it is negative.
        let factor = ((1_u128 << (64 + log2)) / u128::from(size) + 1) as u64;
        let factor = b.ins().iconst(I64, factor.cast_signed());
        let high = b.ins().smulhi(value, factor);
        let high = b.ins().iadd(high, value);
        let floor = b.ins().sshr_imm_u(high, i64::from(log2));
        towards_zero(b, floor, value)
    };
    Some(match divisor < 0 {
        true => b.ins().ineg(quotient),
        false => quotient,
    })
}

/// The remainder of an unsigned division; see [`div_u`].
pub(crate) fn rem_u(b: &mut FunctionBuilder<'_>, value: Value, divisor: u64) -> Value {
    if divisor.is_power_of_two() {
        return b.ins().band_imm_u(value, (divisor - 1).cast_signed());
    }
    let quotient = div_u(b, value, divisor);
    rest(b, value, quotient, divisor.cast_signed())
}

/// The remainder of a signed division; see [`div_s`].
pub(crate) fn rem_s(b: &mut FunctionBuilder<'_>, value: Value, divisor: i64) -> Option<Value> {
    let size = divisor.unsigned_abs();
    if size.is_power_of_two() && size > 1 && size < 1 << (b.func.dfg.value_type(value).bits() - 1) {
        let rounded = round_up(b, value, size);
        let whole = b.ins().band_imm_s(rounded, -size.cast_signed());
        return Some(b.ins().isub(value, whole));
    }
    let quotient = div_s(b, value, divisor)?;
    Some(rest(b, value, quotient, divisor))
}

/// A number, and one less than a power of two added where the number is negative.
fn round_up(b: &mut FunctionBuilder<'_>, value: Value, power: u64) -> Value {
    let bits = b.func.dfg.value_type(value).bits();
    let shift = power.trailing_zeros();
    let signs = b.ins().sshr_imm_u(value, i64::from(shift - 1));
    let added = b.ins().ushr_imm_u(signs, i64::from(bits - shift));
    b.ins().iadd(value, added)
}

/// The quotient that is rounded towards zero, of one of `value` that is rounded down.
fn towards_zero(b: &mut FunctionBuilder<'_>, floor: Value, value: Value) -> Value {
    let bits = b.func.dfg.value_type(value).bits();
    let is_negative = b.ins().ushr_imm_u(value, i64::from(bits - 1));
    b.ins().iadd(floor, is_negative)
}

fn times(b: &mut FunctionBuilder<'_>, value: Value, factor: u64) -> Value {
    let factor = b.ins().iconst(I64, factor.cast_signed());
    b.ins().imul(value, factor)
}

fn rest(b: &mut FunctionBuilder<'_>, value: Value, quotient: Value, divisor: i64) -> Value {
    let ty = b.func.dfg.value_type(value);
    let divisor = match ty {
        I32 => i64::from(divisor as u32),
        _ => divisor,
    };
    let divisor = b.ins().iconst(ty, divisor);
    let whole = b.ins().imul(quotient, divisor);
    b.ins().isub(value, whole)
}
