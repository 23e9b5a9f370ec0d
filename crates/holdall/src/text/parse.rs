//! Arguments as a command line writes them.

use std::fmt::LowerExp;
use std::str::FromStr;

use crate::store::{AsContextMut, ExternRef};
use crate::types::{RefKind, RefType, ValType};
use crate::value::Val;

/// Why a text is no value of a type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// No digit where one has to be.
    #[error("a digit is missing")]
    NoDigits,
    /// A character that is no part of a value of the type.
    #[error("{0:?} does not belong to it")]
    Rubbish(char),
    /// A number that the type does not hold.
    #[error("out of the range {0}")]
    Range(Box<str>),
    /// A NaN whose payload the type does not hold.
    #[error("the payload of a NaN is a hexadecimal number from 0x1 to {0:#x}")]
    Payload(u64),
    /// A `v128` that is not two halves.
    #[error("a v128 is written lo\\hi")]
    Halves,
    /// A reference that only a guest or the host can make.
    #[error("the only one that can be written is null")]
    NotNull,
    /// Null where the type has none.
    #[error("the type has no null")]
    Null,
}

/// Reads a value of type `ty`. The [module](crate::text) has a table of the texts of all types.
///
/// A number for an `externref` becomes a `u64` that the store holds.
///
/// # Errors
///
/// When the text is no value of the type; the error says what is wrong with the text.
pub fn parse_val(store: impl AsContextMut, ty: ValType, text: &str) -> Result<Val, ValueError> {
    match ty {
        ValType::Ref(ty) => reference(store, ty, text),
        _ => parse_number(ty, text).expect("it is no reference"),
    }
}

/// Reads a value of type `ty` where that is a number: for want of a store. `None` where `ty` is a
/// reference.
///
/// # Errors
///
/// As [`parse_val`].
pub fn parse_number(ty: ValType, text: &str) -> Option<Result<Val, ValueError>> {
    let number = || match ty {
        ValType::I32 => {
            let bits = integer(text, i32::MIN.into(), u32::MAX.into())?;
            Ok(Val::I32(bits as i32))
        }
        ValType::I64 => Ok(Val::I64(integer_64(text)?.cast_signed())),
        ValType::F32 => Ok(Val::F32(float::<f32>(text)? as u32)),
        ValType::F64 => Ok(Val::F64(float::<f64>(text)?)),
        ValType::V128 => {
            let (low, high) = text.split_once('\\').ok_or(ValueError::Halves)?;
            let (low, high) = (integer_64(low)?, integer_64(high)?);
            Ok(Val::V128(u128::from(low) | u128::from(high) << 64))
        }
        ValType::Ref(_) => Err(ValueError::NotNull),
    };
    (!matches!(ty, ValType::Ref(_))).then(number)
}

fn reference(store: impl AsContextMut, ty: RefType, text: &str) -> Result<Val, ValueError> {
    if text.eq_ignore_ascii_case("null") {
        return if ty.nullable {
            Ok(Val::default_of(ValType::Ref(ty)))
        } else {
            Err(ValueError::Null)
        };
    }
    match ty.heap.kind() {
        RefKind::Func | RefKind::Exn => Err(ValueError::NotNull),
        RefKind::Extern => {
            let number = integer_64(text)?;
            Ok(Val::ExternRef(Some(ExternRef::new(store, number))))
        }
    }
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn strip_0x(text: &str) -> Option<&str> {
    text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
}

/// The bits of an integer from -2^63 to 2^64-1.
fn integer_64(text: &str) -> Result<u64, ValueError> {
    Ok(integer(text, i64::MIN.into(), u64::MAX.into())? as u64)
}

/// An integer from `min` to `max`: a sign or none, then decimal digits, or `0x` and hexadecimal
/// digits. Leading zeros mean nothing.
fn integer(text: &str, min: i128, max: i128) -> Result<i128, ValueError> {
    let (negative, digits) = split_sign(text);
    let (radix, digits) = strip_0x(digits).map_or((10, digits), |digits| (16, digits));
    if digits.is_empty() {
        return Err(ValueError::NoDigits);
    }
    let mut magnitude: i128 = 0;
    for char in digits.chars() {
        let digit = char.to_digit(radix).ok_or(ValueError::Rubbish(char))?;
        // Saturating beyond 2^64 is enough, and 2^64 * 16 is far from the type's end.
        magnitude = (magnitude * i128::from(radix) + i128::from(digit)).min(1 << 65);
    }
    let value = if negative { -magnitude } else { magnitude };
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(ValueError::Range(format!("{min} to {max}").into()))
    }
}

/// The layout of a binary floating-point type, and the standard library's reader of its decimals.
trait Float: FromStr + LowerExp {
    const FRACTION_BITS: u32;
    const EXPONENT_BITS: u32;
    const MAX: Self;
    fn bits(self) -> u64;
}

impl Float for f32 {
    const FRACTION_BITS: u32 = Self::MANTISSA_DIGITS - 1;
    const EXPONENT_BITS: u32 = 8;
    const MAX: Self = Self::MAX;
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
}

impl Float for f64 {
    const FRACTION_BITS: u32 = Self::MANTISSA_DIGITS - 1;
    const EXPONENT_BITS: u32 = 11;
    const MAX: Self = Self::MAX;
    fn bits(self) -> u64 {
        self.to_bits()
    }
}

/// The bits of infinity.
const fn infinity<F: Float>() -> u64 {
    ((1 << F::EXPONENT_BITS) - 1) << F::FRACTION_BITS
}

/// The bits of the float that is nearest to a text. A finite number that is nearest to infinity is
/// out of range.
fn float<F: Float>(text: &str) -> Result<u64, ValueError> {
    let (negative, magnitude) = split_sign(text);
    let sign = u64::from(negative) << (F::FRACTION_BITS + F::EXPONENT_BITS);
    let is = |word: &str| magnitude.eq_ignore_ascii_case(word);
    if is("inf") || is("infinity") {
        return Ok(sign | infinity::<F>());
    }
    if is("nan") {
        return Ok(sign | infinity::<F>() | 1 << (F::FRACTION_BITS - 1));
    }
    let bits = if let Some(payload) = magnitude.strip_prefix("nan:") {
        return Ok(sign | infinity::<F>() | nan_payload::<F>(payload)?);
    } else if let Some(digits) = strip_0x(magnitude) {
        hex_float::<F>(digits)?
    } else {
        decimal_float::<F>(magnitude)?
    };
    if bits < infinity::<F>() {
        Ok(sign | bits)
    } else {
        let max = F::MAX;
        Err(ValueError::Range(format!("-{max:e} to {max:e}").into()))
    }
}

fn nan_payload<F: Float>(text: &str) -> Result<u64, ValueError> {
    let max = (1 << F::FRACTION_BITS) - 1;
    let payload = strip_0x(text)
        .filter(|digits| !digits.starts_with(['+', '-']))
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .filter(|payload| (1..=max).contains(payload));
    payload.ok_or(ValueError::Payload(max))
}

/// The bits of an unsigned decimal, or those of infinity where the number is too great.
fn decimal_float<F: Float>(text: &str) -> Result<u64, ValueError> {
    // The standard library also reads words such as `inf` and signs in front, but no character
    // besides these.
    let foreign = text.find(|char: char| !matches!(char, '0'..='9' | '.' | 'e' | 'E' | '+' | '-'));
    if let Some(at) = foreign {
        return Err(ValueError::Rubbish(char_at(text, at)));
    }
    if !text.starts_with(|char: char| char.is_ascii_digit() || char == '.') {
        return Err(ValueError::NoDigits);
    }
    match text.parse::<F>() {
        Ok(value) => Ok(value.bits()),
        Err(_) => Err(ValueError::NoDigits),
    }
}

fn char_at(text: &str, at: usize) -> char {
    text[at..].chars().next().expect("`at` is within the text")
}

/// The bits of an unsigned hexadecimal float after its `0x` (`1.8p3`), rounded half to even, or
/// those of infinity where the number is too great. The standard library reads no hexadecimal
/// floats.
fn hex_float<F: Float>(text: &str) -> Result<u64, ValueError> {
    let (digits, exponent) = match text.split_once(['p', 'P']) {
        Some((digits, exponent)) => (digits, binary_exponent(exponent)?),
        None => (text, 0),
    };
    let mut significand: u64 = 0;
    // Whether a digit that did not fit into `significand` is not zero.
    let mut sticky = false;
    let mut scale = exponent;
    let (mut seen, mut after_point) = (false, false);
    for char in digits.chars() {
        if char == '.' && !after_point {
            after_point = true;
            continue;
        }
        let digit = char.to_digit(16).ok_or(ValueError::Rubbish(char))?;
        seen = true;
        if significand >> 60 == 0 {
            significand = significand << 4 | u64::from(digit);
            scale -= if after_point { 4 } else { 0 };
        } else {
            sticky |= digit != 0;
            scale += if after_point { 0 } else { 4 };
        }
    }
    if seen {
        Ok(round::<F>(significand, sticky, scale))
    } else {
        Err(ValueError::NoDigits)
    }
}

/// The exponent of two, in decimal, at the end of a hexadecimal float. Exponents that no float can
/// hold, however many digits stand before them, saturate.
fn binary_exponent(text: &str) -> Result<i64, ValueError> {
    /// Far above the exponents of floats, and far below overflow with a text's length added.
    const SATURATED: i64 = 1 << 48;
    let (negative, digits) = split_sign(text);
    if digits.is_empty() {
        return Err(ValueError::NoDigits);
    }
    let mut magnitude: i64 = 0;
    for char in digits.chars() {
        let digit = char.to_digit(10).ok_or(ValueError::Rubbish(char))?;
        magnitude = (magnitude * 10 + i64::from(digit)).min(SATURATED);
    }
    Ok(if negative { -magnitude } else { magnitude })
}

/// The bits of `significand * 2^scale`, and a little more where `sticky`, rounded half to even.
fn round<F: Float>(significand: u64, sticky: bool, scale: i64) -> u64 {
    if significand == 0 {
        return 0;
    }
    let zeros = significand.leading_zeros();
    let significand = u128::from(significand << zeros);
    // The value is 1.x * 2^exponent, the 1 at bit 63 of the significand.
    let exponent = scale - i64::from(zeros) + 63;
    let bias = (1 << (F::EXPONENT_BITS - 1)) - 1;
    if exponent > bias {
        return infinity::<F>();
    }
    // A subnormal number gives up one more bit for each power of two below the least normal one.
    let below_normal = (1 - bias - exponent).max(0);
    let dropped = i64::from(63 - F::FRACTION_BITS) + below_normal;
    let Ok(dropped @ ..=64) = u32::try_from(dropped) else {
        return 0;
    };
    let kept = significand >> dropped;
    let rest = significand & ((1 << dropped) - 1);
    let half = 1 << (dropped - 1);
    let up = rest > half || rest == half && (sticky || kept & 1 == 1);
    // The implicit bit of a normal number adds the last 1 to the biased exponent; so does a
    // carry out of the fraction, up to infinity.
    let biased = (exponent + bias - 1).max(0);
    ((biased as u64) << F::FRACTION_BITS) + (kept as u64) + u64::from(up)
}
