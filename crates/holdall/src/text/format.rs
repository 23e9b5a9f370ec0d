//! Results as WAMR prints them.

use std::fmt::Write;

use crate::store::AsContext;
use crate::value::Val;

/// Significant digits of a float, as in `%.7g`.
const SIGNIFICANT: i32 = 7;

/// The text of a value with its type, such as `0xc:i32`. The [module](crate::text) has a table of
/// the texts of all types.
///
/// An `externref` to a number that [`parse_val`](crate::text::parse_val) read is shown as the
/// number; one to anything else is `host:ref.extern`.
///
/// # Panics
///
/// Where a reference belongs to another store.
#[must_use]
pub fn format_val(store: impl AsContext, value: &Val) -> String {
    match *value {
        Val::FuncRef(None) => "func:ref.null".to_owned(),
        Val::FuncRef(Some(func)) => format!("{}:ref.func", func.index(&store)),
        Val::ExternRef(None) => "extern:ref.null".to_owned(),
        Val::ExternRef(Some(reference)) => {
            match reference.data(store.as_context()).downcast_ref::<u64>() {
                Some(number) => format!("{number:#x}:ref.extern"),
                None => "host:ref.extern".to_owned(),
            }
        }
        Val::ExnRef(None) => "exn:ref.null".to_owned(),
        Val::ExnRef(Some(_)) => "ref.exn".to_owned(),
        _ => format_number(value).expect("it is no reference"),
    }
}

/// The text of a value with its type, for want of a store: references that are not null are told apart
/// by their types alone.
#[must_use]
pub fn format_detached(value: &Val) -> String {
    format_number(value).unwrap_or_else(|| {
        match value {
            Val::FuncRef(None) => "func:ref.null",
            Val::FuncRef(Some(_)) => "ref.func",
            Val::ExternRef(None) => "extern:ref.null",
            Val::ExternRef(Some(_)) => "ref.extern",
            Val::ExnRef(None) => "exn:ref.null",
            _ => "ref.exn",
        }
        .to_owned()
    })
}

/// The text of a value with its type, where the value is a number and not a reference.
#[must_use]
pub fn format_number(value: &Val) -> Option<String> {
    Some(match *value {
        Val::I32(value) => format!("{value:#x}:i32"),
        Val::I64(value) => format!("{value:#x}:i64"),
        Val::F32(bits) => general(f32::from_bits(bits).into()) + ":f32",
        Val::F64(bits) => general(f64::from_bits(bits)) + ":f64",
        Val::V128(value) => {
            let (low, high) = (value as u64, (value >> 64) as u64);
            format!("<{low:#018x} {high:#018x}>:v128")
        }
        Val::FuncRef(_) | Val::ExternRef(_) | Val::ExnRef(_) => return None,
    })
}

/// The results of a call, each as [`format_val`] has it, joined by commas.
///
/// # Panics
///
/// Where a reference belongs to another store.
#[must_use]
pub fn format_results(store: impl AsContext, results: &[Val]) -> String {
    let texts: Vec<_> = results
        .iter()
        .map(|value| format_val(&store, value))
        .collect();
    texts.join(",")
}

/// C's `%.7g` (C17, 7.21.6.1): seven significant digits, without the zeros at their end, and an
/// exponent where the number is below 1e-4 or has more than seven digits before the point.
fn general(value: f64) -> String {
    if value.is_nan() {
        // Rust leaves the sign of a NaN out, C does not.
        let sign = if value.is_sign_negative() { "-" } else { "" };
        return format!("{sign}nan");
    }
    if value.is_infinite() {
        return value.to_string();
    }
    // This format rounds exactly, half to even, and so settles the exponent.
    let scientific = format!("{:.*e}", SIGNIFICANT as usize - 1, value);
    let (digits, exponent) = scientific.split_once('e').expect("the format has an `e`");
    let exponent: i32 = exponent.parse().expect("the format ends in an exponent");
    if (-4..SIGNIFICANT).contains(&exponent) {
        let decimals = usize::try_from(SIGNIFICANT - 1 - exponent).expect("exponent is below 7");
        return without_zeros(&format!("{value:.decimals$}")).to_owned();
    }
    let mut text = without_zeros(digits).to_owned();
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(text, "e{sign}{:02}", exponent.abs()).expect("a String takes what is written");
    text
}

/// A decimal without the zeros at its end, and without the point where nothing follows it.
fn without_zeros(decimal: &str) -> &str {
    if decimal.contains('.') {
        decimal.trim_end_matches('0').trim_end_matches('.')
    } else {
        decimal
    }
}
