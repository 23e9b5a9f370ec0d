//! Vector instructions that move lanes (WebAssembly 3.0, 4.3.4), and those that read memory, as functions
//! of what memory holds.
//!
//! Validation checks the numbers of lanes. A number that is too large here means another lane, not a
//! panic.

use super::super::semantics;
use super::{F32x4, F64x2, I8x16, I16x8, U8x16, U16x8, U32x4, U64x2, map};

/// The lane of a number.
#[inline(always)]
fn lane<T: Copy, const N: usize>(a: [T; N], number: u8) -> T {
    a[usize::from(number) % N]
}

/// The same lanes but for the one of a number.
#[inline(always)]
fn replaced<T, const N: usize>(mut a: [T; N], number: u8, lane: T) -> [T; N] {
    a[usize::from(number) % N] = lane;
    a
}

/// The bytes of these numbers, of those of `a` and then `b`.
#[inline(always)]
fn looked_up(a: U8x16, b: U8x16, numbers: U8x16) -> U8x16 {
    let bytes: [u8; 32] = std::array::from_fn(|at| if at < 16 { a[at] } else { b[at - 16] });
    map(numbers, |number| lane(bytes, number))
}

semantics! {
    i8x16_extract_lane_s(a: I8x16, number: u8) -> i32 { lane(a, number).into() }
    i8x16_extract_lane_u(a: U8x16, number: u8) -> u32 { lane(a, number).into() }
    i16x8_extract_lane_s(a: I16x8, number: u8) -> i32 { lane(a, number).into() }
    i16x8_extract_lane_u(a: U16x8, number: u8) -> u32 { lane(a, number).into() }
    i32x4_extract_lane(a: U32x4, number: u8) -> u32 { lane(a, number) }
    i64x2_extract_lane(a: U64x2, number: u8) -> u64 { lane(a, number) }
    f32x4_extract_lane(a: F32x4, number: u8) -> f32 { lane(a, number) }
    f64x2_extract_lane(a: F64x2, number: u8) -> f64 { lane(a, number) }
    i8x16_replace_lane(a: U8x16, number: u8, lane: u32) -> U8x16 { replaced(a, number, lane as u8) }
    i16x8_replace_lane(a: U16x8, number: u8, lane: u32) -> U16x8 { replaced(a, number, lane as u16) }
    i32x4_replace_lane(a: U32x4, number: u8, lane: u32) -> U32x4 { replaced(a, number, lane) }
    i64x2_replace_lane(a: U64x2, number: u8, lane: u64) -> U64x2 { replaced(a, number, lane) }
    f32x4_replace_lane(a: F32x4, number: u8, lane: f32) -> F32x4 { replaced(a, number, lane) }
    f64x2_replace_lane(a: F64x2, number: u8, lane: f64) -> F64x2 { replaced(a, number, lane) }
    i8x16_splat(lane: u32) -> U8x16 { [lane as u8; 16] }
    i16x8_splat(lane: u32) -> U16x8 { [lane as u16; 8] }
    i32x4_splat(lane: u32) -> U32x4 { [lane; 4] }
    i64x2_splat(lane: u64) -> U64x2 { [lane; 2] }
    f32x4_splat(lane: f32) -> F32x4 { [lane; 4] }
    f64x2_splat(lane: f64) -> F64x2 { [lane; 2] }
    i8x16_swizzle(a: U8x16, numbers: U8x16) -> U8x16 {
        looked_up(a, [0; 16], map(numbers, |number| number.min(16)))
    }
    i8x16_shuffle(a: U8x16, b: U8x16, numbers: U8x16) -> U8x16 {
        looked_up(a, b, numbers)
    }

    v128_load(memory: U8x16) -> U8x16 { memory }
    v128_load8x8_u(memory: [u8; 8]) -> U16x8 { map(memory, u16::from) }
    v128_load32_splat(memory: [u32; 1]) -> U32x4 { [memory[0]; 4] }
    v128_load64_splat(memory: [u64; 1]) -> U64x2 { [memory[0]; 2] }
}
