//! Vector instructions, as functions over lanes (WebAssembly 3.0, 4.3 "Vector Operations").
//!
//! A vector is an array of lanes, the first lane first. Functions are named after their instructions,
//! `i8x16.add` as [`i8x16_add`]. Where the sign of lanes does not matter, lanes are unsigned.
//!
//! # Relaxed instructions
//!
//! The standard leaves relaxed instructions a choice. Here each of them does what the standard's
//! deterministic profile says, on every machine:
//!
//! | instruction | does |
//! |---|---|
//! | `i8x16.relaxed_swizzle` | what `i8x16.swizzle` does: an index of 16 or more gives 0 |
//! | `i32x4.relaxed_trunc_f32x4_s` and the like | what `i32x4.trunc_sat_f32x4_s` and the like do |
//! | `f32x4.relaxed_madd`, `f64x2.relaxed_madd` | multiplies, rounds, adds, rounds; `relaxed_nmadd` with the product negated |
//! | `i8x16.relaxed_laneselect` and the like | what `v128.bitselect` does |
//! | `f32x4.relaxed_min` and the like | what `f32x4.min` and the like do |
//! | `i16x8.relaxed_q15mulr_s` | what `i16x8.q15mulr_sat_s` does |
//! | `i16x8.relaxed_dot_i8x16_i7x16_s`, `i32x4.relaxed_dot_i8x16_i7x16_add_s` | takes both operands as signed; sums wrap |

mod float;
mod int;
mod lanes;

pub use float::*;
pub use int::*;
pub use lanes::*;

/// Sixteen lanes of `i8`.
pub type I8x16 = [i8; 16];
/// Sixteen lanes of `u8`.
pub type U8x16 = [u8; 16];
/// Eight lanes of `i16`.
pub type I16x8 = [i16; 8];
/// Eight lanes of `u16`.
pub type U16x8 = [u16; 8];
/// Four lanes of `i32`.
pub type I32x4 = [i32; 4];
/// Four lanes of `u32`.
pub type U32x4 = [u32; 4];
/// Two lanes of `i64`.
pub type I64x2 = [i64; 2];
/// Two lanes of `u64`.
pub type U64x2 = [u64; 2];
/// Four lanes of `f32`.
pub type F32x4 = [f32; 4];
/// Two lanes of `f64`.
pub type F64x2 = [f64; 2];

/// The function of each lane.
#[inline(always)]
fn map<T: Copy, U, const N: usize>(a: [T; N], f: impl Fn(T) -> U) -> [U; N] {
    std::array::from_fn(|lane| f(a[lane]))
}

/// The function of each pair of lanes.
#[inline(always)]
fn zip<T: Copy, U: Copy, V, const N: usize>(a: [T; N], b: [U; N], f: impl Fn(T, U) -> V) -> [V; N] {
    std::array::from_fn(|lane| f(a[lane], b[lane]))
}

/// The function of each lane of one half: the low half, or the high half.
#[inline(always)]
fn half<T: Copy, U, const N: usize, const M: usize>(
    a: [T; N],
    is_high: bool,
    f: impl Fn(T) -> U,
) -> [U; M] {
    let first = if is_high { M } else { 0 };
    std::array::from_fn(|lane| f(a[first + lane]))
}

/// The function of each pair of lanes of one half: the low half, or the high half.
#[inline(always)]
fn half_zip<T: Copy, U, const N: usize, const M: usize>(
    a: [T; N],
    b: [T; N],
    is_high: bool,
    f: impl Fn(T, T) -> U,
) -> [U; M] {
    let first = if is_high { M } else { 0 };
    std::array::from_fn(|lane| f(a[first + lane], b[first + lane]))
}

/// The function of each two neighbours.
#[inline(always)]
fn pairwise<T: Copy, U, const N: usize, const M: usize>(
    a: [T; N],
    f: impl Fn(T, T) -> U,
) -> [U; M] {
    std::array::from_fn(|lane| f(a[2 * lane], a[2 * lane + 1]))
}

/// The function of each lane, the lanes of `a` first.
#[inline(always)]
fn narrow<T: Copy, U, const N: usize, const M: usize>(
    a: [T; N],
    b: [T; N],
    f: impl Fn(T) -> U,
) -> [U; M] {
    std::array::from_fn(|lane| f(if lane < N { a[lane] } else { b[lane - N] }))
}
