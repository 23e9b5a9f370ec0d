//! Vector instructions on floats (WebAssembly 3.0, 4.3.3 and 4.3.4).

use super::super::{f32_canonical, f64_canonical, semantics};
use super::{F32x4, F64x2, I32x4, U32x4, U64x2, half, map, zip};

/// The instructions that vectors of both float types have. `$exact` is the least number from which on
/// every number is whole: added and taken away again, it rounds a lesser number to the nearest whole one.
macro_rules! float {
    ($v:ty, $mask:ty, $f:ty, $bits:ty, $exact:expr, $select:ident $whole:ident:
     $abs:ident $neg:ident $ceil:ident $floor:ident $trunc:ident $nearest:ident $sqrt:ident
     $add:ident $sub:ident $mul:ident $div:ident $min:ident $max:ident $pmin:ident $pmax:ident
     $eq:ident $ne:ident $lt:ident $le:ident $madd:ident $nmadd:ident
     $canonical:ident $canonical_lane:ident) => {
        /// The lanes of `a` where the mask is set, else those of `b`.
        #[inline(always)]
        fn $select(mask: $mask, a: $v, b: $v) -> $v {
            std::array::from_fn(|lane| {
                let (a, b) = (a[lane].to_bits(), b[lane].to_bits());
                <$f>::from_bits(a & mask[lane] | b & !mask[lane])
            })
        }

        /// The whole numbers that `adjust` makes of the lanes and of the whole numbers nearest to them. A
        /// lane that is no number becomes a quiet NaN.
        #[inline(always)]
        fn $whole(a: $v, adjust: impl Fn($v, $v) -> $v) -> $v {
            let nearest = map(a, |a| (a.abs() + $exact - $exact).copysign(a));
            let adjusted = zip(adjust(a, nearest), a, <$f>::copysign);
            let has_fraction = $lt($abs(a), map(a, |_| $exact));
            $select(has_fraction, adjusted, map(a, |a| a + 0.0))
        }

        semantics! {
            $abs(a: $v) -> $v { map(a, <$f>::abs) }
            $neg(a: $v) -> $v { map(a, |a| -a) }
            $ceil(a: $v) -> $v {
                $whole(a, |a, nearest| {
                    let above = map(nearest, |nearest| nearest + 1.0);
                    $select($lt(nearest, a), above, nearest)
                })
            }
            $floor(a: $v) -> $v {
                $whole(a, |a, nearest| {
                    let below = map(nearest, |nearest| nearest - 1.0);
                    $select($lt(a, nearest), below, nearest)
                })
            }
            $trunc(a: $v) -> $v {
                $whole(a, |a, nearest| {
                    let (a, nearest) = ($abs(a), $abs(nearest));
                    let below = map(nearest, |nearest| nearest - 1.0);
                    $select($lt(a, nearest), below, nearest)
                })
            }
            $nearest(a: $v) -> $v { $whole(a, |_, nearest| nearest) }
            $sqrt(a: $v) -> $v { map(a, <$f>::sqrt) }
            $add(a: $v, b: $v) -> $v { zip(a, b, |a, b| a + b) }
            $sub(a: $v, b: $v) -> $v { zip(a, b, |a, b| a - b) }
            $mul(a: $v, b: $v) -> $v { zip(a, b, |a, b| a * b) }
            $div(a: $v, b: $v) -> $v { zip(a, b, |a, b| a / b) }
            $min(a: $v, b: $v) -> $v {
                // Equal lanes differ in the sign of zero at most: a negative one wins.
                $select($lt(a, b), a, $select($lt(b, a), b, $select($eq(a, b), zip(a, b, |a, b| {
                    <$f>::from_bits(a.to_bits() | b.to_bits())
                }), $add(a, b))))
            }
            $max(a: $v, b: $v) -> $v {
                $select($lt(b, a), a, $select($lt(a, b), b, $select($eq(a, b), zip(a, b, |a, b| {
                    <$f>::from_bits(a.to_bits() & b.to_bits())
                }), $add(a, b))))
            }
            $pmin(a: $v, b: $v) -> $v { $select($lt(b, a), b, a) }
            $pmax(a: $v, b: $v) -> $v { $select($lt(a, b), b, a) }
            $eq(a: $v, b: $v) -> $mask { zip(a, b, |a, b| <$bits>::from(a == b).wrapping_neg()) }
            $ne(a: $v, b: $v) -> $mask { zip(a, b, |a, b| <$bits>::from(a != b).wrapping_neg()) }
            $lt(a: $v, b: $v) -> $mask { zip(a, b, |a, b| <$bits>::from(a < b).wrapping_neg()) }
            $le(a: $v, b: $v) -> $mask { zip(a, b, |a, b| <$bits>::from(a <= b).wrapping_neg()) }
            $madd(a: $v, b: $v, c: $v) -> $v { $add($mul(a, b), c) }
            $nmadd(a: $v, b: $v, c: $v) -> $v { $add($mul($neg(a), b), c) }
            $canonical(a: $v) -> $v { map(a, $canonical_lane) }
        }
    };
}
float! {
    F32x4, U32x4, f32, u32, (1u32 << 23) as f32, f32x4_select f32x4_whole:
    f32x4_abs f32x4_neg f32x4_ceil f32x4_floor f32x4_trunc f32x4_nearest f32x4_sqrt
    f32x4_add f32x4_sub f32x4_mul f32x4_div f32x4_min f32x4_max f32x4_pmin f32x4_pmax
    f32x4_eq f32x4_ne f32x4_lt f32x4_le f32x4_relaxed_madd f32x4_relaxed_nmadd
    f32x4_canonical f32_canonical
}
float! {
    F64x2, U64x2, f64, u64, (1u64 << 52) as f64, f64x2_select f64x2_whole:
    f64x2_abs f64x2_neg f64x2_ceil f64x2_floor f64x2_trunc f64x2_nearest f64x2_sqrt
    f64x2_add f64x2_sub f64x2_mul f64x2_div f64x2_min f64x2_max f64x2_pmin f64x2_pmax
    f64x2_eq f64x2_ne f64x2_lt f64x2_le f64x2_relaxed_madd f64x2_relaxed_nmadd
    f64x2_canonical f64_canonical
}

semantics! {
    i32x4_trunc_sat_f32x4_s(a: F32x4) -> I32x4 { map(a, |a| a as i32) }
    i32x4_trunc_sat_f32x4_u(a: F32x4) -> U32x4 { map(a, |a| a as u32) }
    i32x4_trunc_sat_f64x2_s_zero(a: F64x2) -> I32x4 { [a[0] as i32, a[1] as i32, 0, 0] }
    i32x4_trunc_sat_f64x2_u_zero(a: F64x2) -> U32x4 { [a[0] as u32, a[1] as u32, 0, 0] }
    f32x4_convert_i32x4_s(a: I32x4) -> F32x4 { map(a, |a| a as f32) }
    f32x4_convert_i32x4_u(a: U32x4) -> F32x4 { map(a, |a| a as f32) }
    f64x2_convert_low_i32x4_s(a: I32x4) -> F64x2 { half(a, false, f64::from) }
    f64x2_convert_low_i32x4_u(a: U32x4) -> F64x2 { half(a, false, f64::from) }
    f32x4_demote_f64x2_zero(a: F64x2) -> F32x4 { [a[0] as f32, a[1] as f32, 0.0, 0.0] }
    f64x2_promote_low_f32x4(a: F32x4) -> F64x2 { half(a, false, f64::from) }
}
