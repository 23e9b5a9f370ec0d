//! Vector instructions on integers (WebAssembly 3.0, 4.3.2 and 4.3.4).

use super::super::semantics;
use super::{
    I8x16, I16x8, I32x4, I64x2, U8x16, U16x8, U32x4, U64x2, half, half_zip, map, narrow, pairwise,
    zip,
};

/// All bits where the condition holds, else none.
macro_rules! mask {
    ($ty:ty, $holds:expr) => {
        if $holds { <$ty>::MAX } else { 0 }
    };
}

semantics! {
    v128_not(a: U64x2) -> U64x2 { map(a, |a| !a) }
    v128_and(a: U64x2, b: U64x2) -> U64x2 { zip(a, b, |a, b| a & b) }
    v128_andnot(a: U64x2, b: U64x2) -> U64x2 { zip(a, b, |a, b| a & !b) }
    v128_or(a: U64x2, b: U64x2) -> U64x2 { zip(a, b, |a, b| a | b) }
    v128_xor(a: U64x2, b: U64x2) -> U64x2 { zip(a, b, |a, b| a ^ b) }
    v128_bitselect(a: U64x2, b: U64x2, mask: U64x2) -> U64x2 {
        zip(zip(a, mask, |a, mask| a & mask), zip(b, mask, |b, mask| b & !mask), |a, b| a | b)
    }
    v128_any_true(a: U64x2) -> u32 { (a[0] | a[1] != 0).into() }

    i8x16_eq(a: U8x16, b: U8x16) -> U8x16 { zip(a, b, |a, b| mask!(u8, a == b)) }
    i8x16_ne(a: U8x16, b: U8x16) -> U8x16 { zip(a, b, |a, b| mask!(u8, a != b)) }
    i8x16_lt_s(a: I8x16, b: I8x16) -> U8x16 { zip(a, b, |a, b| mask!(u8, a < b)) }
    i8x16_lt_u(a: U8x16, b: U8x16) -> U8x16 { zip(a, b, |a, b| mask!(u8, a < b)) }
    i8x16_le_s(a: I8x16, b: I8x16) -> U8x16 { zip(a, b, |a, b| mask!(u8, a <= b)) }
    i8x16_le_u(a: U8x16, b: U8x16) -> U8x16 { zip(a, b, |a, b| mask!(u8, a <= b)) }
    i16x8_eq(a: U16x8, b: U16x8) -> U16x8 { zip(a, b, |a, b| mask!(u16, a == b)) }
    i16x8_ne(a: U16x8, b: U16x8) -> U16x8 { zip(a, b, |a, b| mask!(u16, a != b)) }
    i16x8_lt_s(a: I16x8, b: I16x8) -> U16x8 { zip(a, b, |a, b| mask!(u16, a < b)) }
    i16x8_lt_u(a: U16x8, b: U16x8) -> U16x8 { zip(a, b, |a, b| mask!(u16, a < b)) }
    i16x8_le_s(a: I16x8, b: I16x8) -> U16x8 { zip(a, b, |a, b| mask!(u16, a <= b)) }
    i16x8_le_u(a: U16x8, b: U16x8) -> U16x8 { zip(a, b, |a, b| mask!(u16, a <= b)) }
    i32x4_eq(a: U32x4, b: U32x4) -> U32x4 { zip(a, b, |a, b| mask!(u32, a == b)) }
    i32x4_ne(a: U32x4, b: U32x4) -> U32x4 { zip(a, b, |a, b| mask!(u32, a != b)) }
    i32x4_lt_s(a: I32x4, b: I32x4) -> U32x4 { zip(a, b, |a, b| mask!(u32, a < b)) }
    i32x4_lt_u(a: U32x4, b: U32x4) -> U32x4 { zip(a, b, |a, b| mask!(u32, a < b)) }
    i32x4_le_s(a: I32x4, b: I32x4) -> U32x4 { zip(a, b, |a, b| mask!(u32, a <= b)) }
    i32x4_le_u(a: U32x4, b: U32x4) -> U32x4 { zip(a, b, |a, b| mask!(u32, a <= b)) }
    i64x2_eq(a: U64x2, b: U64x2) -> U64x2 { zip(a, b, |a, b| mask!(u64, a == b)) }
    i64x2_ne(a: U64x2, b: U64x2) -> U64x2 { zip(a, b, |a, b| mask!(u64, a != b)) }
    i64x2_lt_s(a: I64x2, b: I64x2) -> U64x2 { zip(a, b, |a, b| mask!(u64, a < b)) }
    i64x2_le_s(a: I64x2, b: I64x2) -> U64x2 { zip(a, b, |a, b| mask!(u64, a <= b)) }

    i8x16_abs(a: I8x16) -> I8x16 { map(a, i8::wrapping_abs) }
    i8x16_neg(a: I8x16) -> I8x16 { map(a, i8::wrapping_neg) }
    i8x16_popcnt(a: U8x16) -> U8x16 { map(a, |a| a.count_ones() as u8) }
    i8x16_all_true(a: U8x16) -> u32 { a.iter().all(|a| *a != 0).into() }
    i8x16_bitmask(halves: U64x2) -> u32 { byte_signs(halves[0]) | byte_signs(halves[1]) << 8 }
    i8x16_narrow_i16x8_s(a: I16x8, b: I16x8) -> I8x16 {
        narrow(a, b, |a| a.clamp(i8::MIN.into(), i8::MAX.into()) as i8)
    }
    i8x16_narrow_i16x8_u(a: I16x8, b: I16x8) -> U8x16 {
        narrow(a, b, |a| a.clamp(0, u8::MAX.into()) as u8)
    }
    i8x16_shl(a: U8x16, by: u32) -> U8x16 { map(a, |a| a.wrapping_shl(by)) }
    i8x16_shr_s(a: I8x16, by: u32) -> I8x16 { map(a, |a| a.wrapping_shr(by)) }
    i8x16_shr_u(a: U8x16, by: u32) -> U8x16 { map(a, |a| a.wrapping_shr(by)) }
    i8x16_add(a: U8x16, b: U8x16) -> U8x16 { zip(a, b, u8::wrapping_add) }
    i8x16_add_sat_s(a: I8x16, b: I8x16) -> I8x16 { zip(a, b, i8::saturating_add) }
    i8x16_add_sat_u(a: U8x16, b: U8x16) -> U8x16 { zip(a, b, u8::saturating_add) }
    i8x16_sub(a: U8x16, b: U8x16) -> U8x16 { zip(a, b, u8::wrapping_sub) }
    i8x16_sub_sat_s(a: I8x16, b: I8x16) -> I8x16 { zip(a, b, i8::saturating_sub) }
    i8x16_sub_sat_u(a: U8x16, b: U8x16) -> U8x16 { zip(a, b, u8::saturating_sub) }
    i8x16_min_s(a: I8x16, b: I8x16) -> I8x16 { zip(a, b, i8::min) }
    i8x16_min_u(a: U8x16, b: U8x16) -> U8x16 { zip(a, b, u8::min) }
    i8x16_max_s(a: I8x16, b: I8x16) -> I8x16 { zip(a, b, i8::max) }
    i8x16_max_u(a: U8x16, b: U8x16) -> U8x16 { zip(a, b, u8::max) }
    i8x16_avgr_u(a: U8x16, b: U8x16) -> U8x16 {
        zip(a, b, |a, b| ((u16::from(a) + u16::from(b) + 1) >> 1) as u8)
    }

    i16x8_extadd_pairwise_i8x16_s(a: I8x16) -> I16x8 {
        pairwise(a, |a, b| i16::from(a) + i16::from(b))
    }
    i16x8_extadd_pairwise_i8x16_u(a: U8x16) -> U16x8 {
        pairwise(a, |a, b| u16::from(a) + u16::from(b))
    }
    i16x8_abs(a: I16x8) -> I16x8 { map(a, i16::wrapping_abs) }
    i16x8_neg(a: I16x8) -> I16x8 { map(a, i16::wrapping_neg) }
    i16x8_q15mulr_sat_s(a: I16x8, b: I16x8) -> I16x8 {
        zip(a, b, |a, b| {
            let rounded = (i32::from(a) * i32::from(b) + 0x4000) >> 15;
            rounded.min(i16::MAX.into()) as i16
        })
    }
    i16x8_all_true(a: U16x8) -> u32 { a.iter().all(|a| *a != 0).into() }
    i16x8_bitmask(halves: U64x2) -> u32 { short_signs(halves[0]) | short_signs(halves[1]) << 4 }
    i16x8_narrow_i32x4_s(a: I32x4, b: I32x4) -> I16x8 {
        narrow(a, b, |a| a.clamp(i16::MIN.into(), i16::MAX.into()) as i16)
    }
    i16x8_narrow_i32x4_u(a: I32x4, b: I32x4) -> U16x8 {
        narrow(a, b, |a| a.clamp(0, u16::MAX.into()) as u16)
    }
    i16x8_extend_low_i8x16_s(a: I8x16) -> I16x8 { half(a, false, i16::from) }
    i16x8_extend_high_i8x16_s(a: I8x16) -> I16x8 { half(a, true, i16::from) }
    i16x8_extend_low_i8x16_u(a: U8x16) -> U16x8 { half(a, false, u16::from) }
    i16x8_extend_high_i8x16_u(a: U8x16) -> U16x8 { half(a, true, u16::from) }
    i16x8_shl(a: U16x8, by: u32) -> U16x8 { map(a, |a| a.wrapping_shl(by)) }
    i16x8_shr_s(a: I16x8, by: u32) -> I16x8 { map(a, |a| a.wrapping_shr(by)) }
    i16x8_shr_u(a: U16x8, by: u32) -> U16x8 { map(a, |a| a.wrapping_shr(by)) }
    i16x8_add(a: U16x8, b: U16x8) -> U16x8 { zip(a, b, u16::wrapping_add) }
    i16x8_add_sat_s(a: I16x8, b: I16x8) -> I16x8 { zip(a, b, i16::saturating_add) }
    i16x8_add_sat_u(a: U16x8, b: U16x8) -> U16x8 { zip(a, b, u16::saturating_add) }
    i16x8_sub(a: U16x8, b: U16x8) -> U16x8 { zip(a, b, u16::wrapping_sub) }
    i16x8_sub_sat_s(a: I16x8, b: I16x8) -> I16x8 { zip(a, b, i16::saturating_sub) }
    i16x8_sub_sat_u(a: U16x8, b: U16x8) -> U16x8 { zip(a, b, u16::saturating_sub) }
    i16x8_mul(a: U16x8, b: U16x8) -> U16x8 { zip(a, b, u16::wrapping_mul) }
    i16x8_min_s(a: I16x8, b: I16x8) -> I16x8 { zip(a, b, i16::min) }
    i16x8_min_u(a: U16x8, b: U16x8) -> U16x8 { zip(a, b, u16::min) }
    i16x8_max_s(a: I16x8, b: I16x8) -> I16x8 { zip(a, b, i16::max) }
    i16x8_max_u(a: U16x8, b: U16x8) -> U16x8 { zip(a, b, u16::max) }
    i16x8_avgr_u(a: U16x8, b: U16x8) -> U16x8 {
        zip(a, b, |a, b| ((u32::from(a) + u32::from(b) + 1) >> 1) as u16)
    }
    i16x8_extmul_low_i8x16_s(a: I8x16, b: I8x16) -> I16x8 {
        half_zip(a, b, false, |a, b| i16::from(a) * i16::from(b))
    }
    i16x8_extmul_high_i8x16_s(a: I8x16, b: I8x16) -> I16x8 {
        half_zip(a, b, true, |a, b| i16::from(a) * i16::from(b))
    }
    i16x8_extmul_low_i8x16_u(a: U8x16, b: U8x16) -> U16x8 {
        half_zip(a, b, false, |a, b| u16::from(a) * u16::from(b))
    }
    i16x8_extmul_high_i8x16_u(a: U8x16, b: U8x16) -> U16x8 {
        half_zip(a, b, true, |a, b| u16::from(a) * u16::from(b))
    }
    i16x8_relaxed_dot_i8x16_i7x16_s(a: I8x16, b: I8x16) -> I16x8 {
        pairwise(zip(a, b, |a, b| i16::from(a) * i16::from(b)), i16::wrapping_add)
    }

    i32x4_extadd_pairwise_i16x8_s(a: I16x8) -> I32x4 {
        pairwise(a, |a, b| i32::from(a) + i32::from(b))
    }
    i32x4_extadd_pairwise_i16x8_u(a: U16x8) -> U32x4 {
        pairwise(a, |a, b| u32::from(a) + u32::from(b))
    }
    i32x4_abs(a: I32x4) -> I32x4 { map(a, i32::wrapping_abs) }
    i32x4_neg(a: I32x4) -> I32x4 { map(a, i32::wrapping_neg) }
    i32x4_all_true(a: U32x4) -> u32 { a.iter().all(|a| *a != 0).into() }
    i32x4_bitmask(halves: U64x2) -> u32 { long_signs(halves[0]) | long_signs(halves[1]) << 2 }
    i32x4_extend_low_i16x8_s(a: I16x8) -> I32x4 { half(a, false, i32::from) }
    i32x4_extend_high_i16x8_s(a: I16x8) -> I32x4 { half(a, true, i32::from) }
    i32x4_extend_low_i16x8_u(a: U16x8) -> U32x4 { half(a, false, u32::from) }
    i32x4_extend_high_i16x8_u(a: U16x8) -> U32x4 { half(a, true, u32::from) }
    i32x4_shl(a: U32x4, by: u32) -> U32x4 { map(a, |a| a.wrapping_shl(by)) }
    i32x4_shr_s(a: I32x4, by: u32) -> I32x4 { map(a, |a| a.wrapping_shr(by)) }
    i32x4_shr_u(a: U32x4, by: u32) -> U32x4 { map(a, |a| a.wrapping_shr(by)) }
    i32x4_add(a: U32x4, b: U32x4) -> U32x4 { zip(a, b, u32::wrapping_add) }
    i32x4_sub(a: U32x4, b: U32x4) -> U32x4 { zip(a, b, u32::wrapping_sub) }
    i32x4_mul(a: U32x4, b: U32x4) -> U32x4 { zip(a, b, u32::wrapping_mul) }
    i32x4_min_s(a: I32x4, b: I32x4) -> I32x4 { zip(a, b, i32::min) }
    i32x4_min_u(a: U32x4, b: U32x4) -> U32x4 { zip(a, b, u32::min) }
    i32x4_max_s(a: I32x4, b: I32x4) -> I32x4 { zip(a, b, i32::max) }
    i32x4_max_u(a: U32x4, b: U32x4) -> U32x4 { zip(a, b, u32::max) }
    i32x4_dot_i16x8_s(a: I16x8, b: I16x8) -> I32x4 {
        pairwise(zip(a, b, |a, b| i32::from(a) * i32::from(b)), i32::wrapping_add)
    }
    i32x4_extmul_low_i16x8_s(a: I16x8, b: I16x8) -> I32x4 {
        half_zip(a, b, false, |a, b| i32::from(a) * i32::from(b))
    }
    i32x4_extmul_high_i16x8_s(a: I16x8, b: I16x8) -> I32x4 {
        half_zip(a, b, true, |a, b| i32::from(a) * i32::from(b))
    }
    i32x4_extmul_low_i16x8_u(a: U16x8, b: U16x8) -> U32x4 {
        half_zip(a, b, false, |a, b| u32::from(a) * u32::from(b))
    }
    i32x4_extmul_high_i16x8_u(a: U16x8, b: U16x8) -> U32x4 {
        half_zip(a, b, true, |a, b| u32::from(a) * u32::from(b))
    }
    i32x4_relaxed_dot_i8x16_i7x16_add_s(a: I8x16, b: I8x16, c: I32x4) -> I32x4 {
        zip(
            i32x4_extadd_pairwise_i16x8_s(i16x8_relaxed_dot_i8x16_i7x16_s(a, b)),
            c,
            i32::wrapping_add,
        )
    }

    i64x2_abs(a: I64x2) -> I64x2 { map(a, i64::wrapping_abs) }
    i64x2_neg(a: I64x2) -> I64x2 { map(a, i64::wrapping_neg) }
    i64x2_all_true(a: U64x2) -> u32 { (a[0] != 0 && a[1] != 0).into() }
    i64x2_bitmask(a: I64x2) -> u32 { u32::from(a[0] < 0) | u32::from(a[1] < 0) << 1 }
    i64x2_extend_low_i32x4_s(a: I32x4) -> I64x2 { half(a, false, i64::from) }
    i64x2_extend_high_i32x4_s(a: I32x4) -> I64x2 { half(a, true, i64::from) }
    i64x2_extend_low_i32x4_u(a: U32x4) -> U64x2 { half(a, false, u64::from) }
    i64x2_extend_high_i32x4_u(a: U32x4) -> U64x2 { half(a, true, u64::from) }
    i64x2_shl(a: U64x2, by: u32) -> U64x2 { map(a, |a| a.wrapping_shl(by)) }
    i64x2_shr_s(a: I64x2, by: u32) -> I64x2 { map(a, |a| a.wrapping_shr(by)) }
    i64x2_shr_u(a: U64x2, by: u32) -> U64x2 { map(a, |a| a.wrapping_shr(by)) }
    i64x2_add(a: U64x2, b: U64x2) -> U64x2 { zip(a, b, u64::wrapping_add) }
    i64x2_sub(a: U64x2, b: U64x2) -> U64x2 { zip(a, b, u64::wrapping_sub) }
    i64x2_mul(a: U64x2, b: U64x2) -> U64x2 { zip(a, b, u64::wrapping_mul) }
    i64x2_extmul_low_i32x4_s(a: I32x4, b: I32x4) -> I64x2 {
        half_zip(a, b, false, |a, b| i64::from(a) * i64::from(b))
    }
    i64x2_extmul_high_i32x4_s(a: I32x4, b: I32x4) -> I64x2 {
        half_zip(a, b, true, |a, b| i64::from(a) * i64::from(b))
    }
    i64x2_extmul_low_i32x4_u(a: U32x4, b: U32x4) -> U64x2 {
        half_zip(a, b, false, |a, b| u64::from(a) * u64::from(b))
    }
    i64x2_extmul_high_i32x4_u(a: U32x4, b: U32x4) -> U64x2 {
        half_zip(a, b, true, |a, b| u64::from(a) * u64::from(b))
    }
}

/// A bit for each byte whose highest bit is set, the first byte's the lowest.
#[inline(always)]
fn byte_signs(half: u64) -> u32 {
    // The product brings the highest bit of each byte to its place in the highest byte.
    ((half & 0x8080_8080_8080_8080).wrapping_mul(0x0002_0408_1020_4081) >> 56) as u32
}

/// A bit for each 16 bits of which the highest is set, the first one's the lowest.
#[inline(always)]
fn short_signs(half: u64) -> u32 {
    ((half & 0x8000_8000_8000_8000).wrapping_mul(0x0000_2000_4000_8001) >> 60) as u32
}

/// A bit for each 32 bits of which the highest is set, the first one's the lowest.
#[inline(always)]
fn long_signs(half: u64) -> u32 {
    (half >> 31 & 1 | half >> 62 & 2) as u32
}
