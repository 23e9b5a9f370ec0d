//! Conversions between number types (WebAssembly 2.0, 4.3.4).

use super::semantics;
use crate::trap::TrapCode;

/// `trunc` traps on a NaN and out of range. The range is given by the nearest floats outside the
/// range.
macro_rules! trunc {
    ($($name:ident: $f:ty => $i:ty, above $low:expr, below $high:expr;)*) => {
        semantics! {$(
            $name(a: $f) -> Result<$i, TrapCode> {
                if a > $low && a < $high {
                    Ok(a as $i)
                } else {
                    Err(if a.is_nan() {
                        TrapCode::InvalidConversionToInteger
                    } else {
                        TrapCode::IntegerOverflow
                    })
                }
            }
        )*}
    };
}

trunc! {
    i32_trunc_f32_s: f32 => i32, above -2_147_483_904.0, below 2_147_483_648.0;
    i32_trunc_f32_u: f32 => u32, above -1.0, below 4_294_967_296.0;
    i32_trunc_f64_s: f64 => i32, above -2_147_483_649.0, below 2_147_483_648.0;
    i32_trunc_f64_u: f64 => u32, above -1.0, below 4_294_967_296.0;
    i64_trunc_f32_s: f32 => i64, above -9_223_373_136_366_403_584.0, below 9_223_372_036_854_775_808.0;
    i64_trunc_f32_u: f32 => u64, above -1.0, below 18_446_744_073_709_551_616.0;
    i64_trunc_f64_s: f64 => i64, above -9_223_372_036_854_777_856.0, below 9_223_372_036_854_775_808.0;
    i64_trunc_f64_u: f64 => u64, above -1.0, below 18_446_744_073_709_551_616.0;
}

semantics! {
    i32_trunc_sat_f32_s(a: f32) -> i32 { a as i32 }
    i32_trunc_sat_f32_u(a: f32) -> u32 { a as u32 }
    i32_trunc_sat_f64_s(a: f64) -> i32 { a as i32 }
    i32_trunc_sat_f64_u(a: f64) -> u32 { a as u32 }
    i64_trunc_sat_f32_s(a: f32) -> i64 { a as i64 }
    i64_trunc_sat_f32_u(a: f32) -> u64 { a as u64 }
    i64_trunc_sat_f64_s(a: f64) -> i64 { a as i64 }
    i64_trunc_sat_f64_u(a: f64) -> u64 { a as u64 }
    i32_wrap_i64(a: u64) -> u32 { a as u32 }
    i64_extend_i32_s(a: i32) -> i64 { a.into() }
    f32_convert_i32_s(a: i32) -> f32 { a as f32 }
    f32_convert_i32_u(a: u32) -> f32 { a as f32 }
    f32_convert_i64_s(a: i64) -> f32 { a as f32 }
    f32_convert_i64_u(a: u64) -> f32 { a as f32 }
    f64_convert_i32_s(a: i32) -> f64 { a.into() }
    f64_convert_i32_u(a: u32) -> f64 { a.into() }
    f64_convert_i64_s(a: i64) -> f64 { a as f64 }
    f64_convert_i64_u(a: u64) -> f64 { a as f64 }
    f32_demote_f64(a: f64) -> f32 { a as f32 }
    f64_promote_f32(a: f32) -> f64 { a.into() }
    i32_reinterpret_f32(a: f32) -> u32 { a.to_bits() }
    i64_reinterpret_f64(a: f64) -> u64 { a.to_bits() }
    f32_reinterpret_i32(a: u32) -> f32 { f32::from_bits(a) }
    f64_reinterpret_i64(a: u64) -> f64 { f64::from_bits(a) }
}
