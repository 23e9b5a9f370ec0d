//! Integer instructions (WebAssembly 2.0, 4.3.2).

use super::semantics;
use crate::trap::TrapCode;

/// The instructions that both integer types have: `$s` signed, `$u` unsigned.
macro_rules! integer {
    ($s:ty, $u:ty: $add:ident $sub:ident $mul:ident $div_s:ident $div_u:ident $rem_s:ident
     $rem_u:ident $and:ident $or:ident $xor:ident $shl:ident $shr_s:ident $shr_u:ident
     $rotl:ident $rotr:ident $clz:ident $ctz:ident $popcnt:ident $eq:ident $ne:ident
     $lt_s:ident $lt_u:ident $gt_s:ident $gt_u:ident $le_s:ident $le_u:ident $ge_s:ident
     $ge_u:ident $extend8:ident $extend16:ident) => {
        semantics! {
            $add(a: $u, b: $u) -> $u { a.wrapping_add(b) }
            $sub(a: $u, b: $u) -> $u { a.wrapping_sub(b) }
            $mul(a: $u, b: $u) -> $u { a.wrapping_mul(b) }
            $div_s(a: $s, b: $s) -> Result<$s, TrapCode> {
                match b {
                    0 => Err(TrapCode::IntegerDivideByZero),
                    _ => a.checked_div(b).ok_or(TrapCode::IntegerOverflow),
                }
            }
            $div_u(a: $u, b: $u) -> Result<$u, TrapCode> {
                a.checked_div(b).ok_or(TrapCode::IntegerDivideByZero)
            }
            $rem_s(a: $s, b: $s) -> Result<$s, TrapCode> {
                match b {
                    0 => Err(TrapCode::IntegerDivideByZero),
                    _ => Ok(a.wrapping_rem(b)),
                }
            }
            $rem_u(a: $u, b: $u) -> Result<$u, TrapCode> {
                a.checked_rem(b).ok_or(TrapCode::IntegerDivideByZero)
            }
            $and(a: $u, b: $u) -> $u { a & b }
            $or(a: $u, b: $u) -> $u { a | b }
            $xor(a: $u, b: $u) -> $u { a ^ b }
            $shl(a: $u, b: $u) -> $u { a.wrapping_shl(b as u32) }
            $shr_s(a: $s, b: $s) -> $s { a.wrapping_shr(b as u32) }
            $shr_u(a: $u, b: $u) -> $u { a.wrapping_shr(b as u32) }
            $rotl(a: $u, b: $u) -> $u { a.rotate_left(b as u32 % <$u>::BITS) }
            $rotr(a: $u, b: $u) -> $u { a.rotate_right(b as u32 % <$u>::BITS) }
            $clz(a: $u) -> $u { a.leading_zeros() as $u }
            $ctz(a: $u) -> $u { a.trailing_zeros() as $u }
            $popcnt(a: $u) -> $u { a.count_ones() as $u }
            $eq(a: $u, b: $u) -> u32 { (a == b).into() }
            $ne(a: $u, b: $u) -> u32 { (a != b).into() }
            $lt_s(a: $s, b: $s) -> u32 { (a < b).into() }
            $lt_u(a: $u, b: $u) -> u32 { (a < b).into() }
            $gt_s(a: $s, b: $s) -> u32 { (a > b).into() }
            $gt_u(a: $u, b: $u) -> u32 { (a > b).into() }
            $le_s(a: $s, b: $s) -> u32 { (a <= b).into() }
            $le_u(a: $u, b: $u) -> u32 { (a <= b).into() }
            $ge_s(a: $s, b: $s) -> u32 { (a >= b).into() }
            $ge_u(a: $u, b: $u) -> u32 { (a >= b).into() }
            $extend8(a: $s) -> $s { a as i8 as $s }
            $extend16(a: $s) -> $s { a as i16 as $s }
        }
    };
}

integer! { i32, u32: i32_add i32_sub i32_mul i32_div_s i32_div_u i32_rem_s i32_rem_u i32_and
i32_or i32_xor i32_shl i32_shr_s i32_shr_u i32_rotl i32_rotr i32_clz i32_ctz i32_popcnt
i32_eq i32_ne i32_lt_s i32_lt_u i32_gt_s i32_gt_u i32_le_s i32_le_u i32_ge_s i32_ge_u
i32_extend8_s i32_extend16_s }

integer! { i64, u64: i64_add i64_sub i64_mul i64_div_s i64_div_u i64_rem_s i64_rem_u i64_and
i64_or i64_xor i64_shl i64_shr_s i64_shr_u i64_rotl i64_rotr i64_clz i64_ctz i64_popcnt
i64_eq i64_ne i64_lt_s i64_lt_u i64_gt_s i64_gt_u i64_le_s i64_le_u i64_ge_s i64_ge_u
i64_extend8_s i64_extend16_s }

semantics! {
    i64_extend32_s(a: i64) -> i64 { a as i32 as i64 }
    i64_add128(a: u128, b: u128) -> u128 { a.wrapping_add(b) }
    i64_sub128(a: u128, b: u128) -> u128 { a.wrapping_sub(b) }
    i64_mul_wide_s(a: i64, b: i64) -> u128 { (i128::from(a) * i128::from(b)).cast_unsigned() }
    i64_mul_wide_u(a: u64, b: u64) -> u128 { u128::from(a) * u128::from(b) }
}
