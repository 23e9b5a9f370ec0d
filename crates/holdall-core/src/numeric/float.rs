//! Floating-point instructions (WebAssembly 2.0, 4.3.3).

use super::semantics;

/// The instructions that both float types have. `lt`, `le` and their negations are all the ordered
/// comparisons that are needed: `a > b` is `b < a`. The negation of `a < b` holds for NaNs, so it
/// is not the standard's `ge`. `canonical` is no instruction: it makes any NaN the positive
/// canonical one (4.3.3).
macro_rules! float {
    ($f:ty: $abs:ident $neg:ident $ceil:ident $floor:ident $trunc:ident $nearest:ident $sqrt:ident
     $add:ident $sub:ident $mul:ident $div:ident $min:ident $max:ident $copysign:ident
     $eq:ident $ne:ident $lt:ident $not_lt:ident $le:ident $not_le:ident
     $canonical:ident $nan:literal) => {
        semantics! {
            $abs(a: $f) -> $f { a.abs() }
            $neg(a: $f) -> $f { -a }
            $ceil(a: $f) -> $f { quiet(a, a.ceil()) }
            $floor(a: $f) -> $f { quiet(a, a.floor()) }
            $trunc(a: $f) -> $f { quiet(a, a.trunc()) }
            $nearest(a: $f) -> $f { quiet(a, a.round_ties_even()) }
            $sqrt(a: $f) -> $f { a.sqrt() }
            $add(a: $f, b: $f) -> $f { a + b }
            $sub(a: $f, b: $f) -> $f { a - b }
            $mul(a: $f, b: $f) -> $f { a * b }
            $div(a: $f, b: $f) -> $f { a / b }
            $min(a: $f, b: $f) -> $f {
                if a < b {
                    a
                } else if b < a {
                    b
                } else if a == b {
                    // Equal, so that only the sign of zero can differ: a negative one wins.
                    <$f>::from_bits(a.to_bits() | b.to_bits())
                } else {
                    a + b
                }
            }
            $max(a: $f, b: $f) -> $f {
                if a > b {
                    a
                } else if b > a {
                    b
                } else if a == b {
                    <$f>::from_bits(a.to_bits() & b.to_bits())
                } else {
                    a + b
                }
            }
            $copysign(a: $f, b: $f) -> $f { a.copysign(b) }
            $eq(a: $f, b: $f) -> u32 { (a == b).into() }
            $ne(a: $f, b: $f) -> u32 { (a != b).into() }
            $lt(a: $f, b: $f) -> u32 { (a < b).into() }
            $not_lt(a: $f, b: $f) -> u32 { 1 - $lt(a, b) }
            $le(a: $f, b: $f) -> u32 { (a <= b).into() }
            $not_le(a: $f, b: $f) -> u32 { 1 - $le(a, b) }
            $canonical(a: $f) -> $f { if a.is_nan() { <$f>::from_bits($nan) } else { a } }
        }
    };
}

/// The `rounded` value of `a`, or a quiet NaN where `a` is a NaN: a rounding function of the
/// platform may pass a signalling NaN on as it is.
#[inline(always)]
fn quiet<F: Copy + PartialEq + std::ops::Add<Output = F>>(a: F, rounded: F) -> F {
    #[expect(clippy::eq_op, reason = "only a NaN differs from itself")]
    if a != a { a + a } else { rounded }
}

float! { f32: f32_abs f32_neg f32_ceil f32_floor f32_trunc f32_nearest f32_sqrt f32_add f32_sub
f32_mul f32_div f32_min f32_max f32_copysign f32_eq f32_ne f32_lt f32_not_lt f32_le f32_not_le
f32_canonical 0x7fc0_0000 }

float! { f64: f64_abs f64_neg f64_ceil f64_floor f64_trunc f64_nearest f64_sqrt f64_add f64_sub
f64_mul f64_div f64_min f64_max f64_copysign f64_eq f64_ne f64_lt f64_not_lt f64_le f64_not_le
f64_canonical 0x7ff8_0000_0000_0000 }
