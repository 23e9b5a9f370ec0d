//! Values of a script: arguments made from their text, and results held against what the script
//! expects of them. Knows nothing of directives.

use std::fmt::Write as _;

use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};
use wast::{WastArg, WastRet};

use holdall::{AsContext, AsContextMut, ExternRef, Val};

/// The value that an argument of a script stands for.
pub(super) fn argument(ctx: impl AsContextMut, arg: &WastArg<'_>) -> Result<Val, String> {
    let WastArg::Core(arg) = arg else {
        return Err("arguments of components are not supported".to_owned());
    };
    match arg {
        WastArgCore::I32(value) => Ok(Val::I32(*value)),
        WastArgCore::I64(value) => Ok(Val::I64(*value)),
        WastArgCore::F32(value) => Ok(Val::F32(value.bits)),
        WastArgCore::F64(value) => Ok(Val::F64(value.bits)),
        WastArgCore::V128(value) => Ok(Val::V128(u128::from_le_bytes(value.to_le_bytes()))),
        WastArgCore::RefNull(heap) => null(heap)
            .ok_or_else(|| format!("null references of heap type {heap:?} are not supported")),
        WastArgCore::RefExtern(host) => Ok(Val::ExternRef(Some(ExternRef::new(ctx, *host)))),
        WastArgCore::RefHost(_) => Err("references of type anyref are not supported".to_owned()),
    }
}

/// Holds results against what the script expects; the error tells both.
pub(super) fn check(
    ctx: impl AsContext,
    found: &[Val],
    expected: &[WastRet<'_>],
) -> Result<(), String> {
    let matches = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(found, expected)| result_matches(&ctx, found, expected));
    if matches {
        return Ok(());
    }
    let mut message = "expected".to_owned();
    for result in expected {
        message.push(' ');
        write_expected(&mut message, result);
    }
    if expected.is_empty() {
        message.push_str(" no result");
    }
    message.push_str(", found ");
    message.push_str(&show(&ctx, found));
    Err(message)
}

/// Results as a failure shows them.
pub(super) fn show(ctx: &impl AsContext, found: &[Val]) -> String {
    if found.is_empty() {
        return "no result".to_owned();
    }
    let mut text = String::new();
    for (index, value) in found.iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        write_found(ctx, &mut text, value);
    }
    text
}

fn null(heap: &HeapType<'_>) -> Option<Val> {
    match heap {
        HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Func | AbstractHeapType::NoFunc,
        } => Some(Val::FuncRef(None)),
        HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Extern | AbstractHeapType::NoExtern,
        } => Some(Val::ExternRef(None)),
        HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Exn | AbstractHeapType::NoExn,
        } => Some(Val::ExnRef(None)),
        _ => None,
    }
}

fn result_matches(ctx: &impl AsContext, found: &Val, expected: &WastRet<'_>) -> bool {
    let WastRet::Core(expected) = expected else {
        return false;
    };
    // `either` nests, so the alternatives wait here instead of on the native stack.
    let mut alternatives = vec![expected];
    while let Some(expected) = alternatives.pop() {
        if let WastRetCore::Either(either) = expected {
            alternatives.extend(either);
        } else if core_matches(ctx, found, expected) {
            return true;
        }
    }
    false
}

fn core_matches(ctx: &impl AsContext, found: &Val, expected: &WastRetCore<'_>) -> bool {
    match (expected, *found) {
        (WastRetCore::I32(expected), Val::I32(found)) => *expected == found,
        (WastRetCore::I64(expected), Val::I64(found)) => *expected == found,
        (WastRetCore::F32(expected), Val::F32(found)) => f32_matches(expected, found),
        (WastRetCore::F64(expected), Val::F64(found)) => f64_matches(expected, found),
        (WastRetCore::V128(expected), Val::V128(found)) => v128_matches(expected, found),
        (WastRetCore::RefNull(None), null) => null.is_null(),
        (WastRetCore::RefNull(Some(heap)), Val::FuncRef(None)) => {
            matches!(null(heap), Some(Val::FuncRef(_)))
        }
        (WastRetCore::RefNull(Some(heap)), Val::ExternRef(None)) => {
            matches!(null(heap), Some(Val::ExternRef(_)))
        }
        (WastRetCore::RefNull(Some(heap)), Val::ExnRef(None)) => {
            matches!(null(heap), Some(Val::ExnRef(_)))
        }
        (WastRetCore::RefExtern(None), Val::ExternRef(found)) => found.is_some(),
        (WastRetCore::RefExtern(Some(expected)), Val::ExternRef(Some(found))) => {
            found.data(ctx).downcast_ref::<u32>() == Some(expected)
        }
        // A script cannot name the function meant, so that it is a function has to do.
        (WastRetCore::RefFunc(_), Val::FuncRef(found)) => found.is_some(),
        _ => false,
    }
}

fn f32_matches(expected: &NanPattern<F32>, found: u32) -> bool {
    const CANONICAL: u32 = 0x7fc0_0000;
    match expected {
        NanPattern::CanonicalNan => found & 0x7fff_ffff == CANONICAL,
        NanPattern::ArithmeticNan => found & CANONICAL == CANONICAL,
        NanPattern::Value(expected) => expected.bits == found,
    }
}

fn f64_matches(expected: &NanPattern<F64>, found: u64) -> bool {
    const CANONICAL: u64 = 0x7ff8_0000_0000_0000;
    match expected {
        NanPattern::CanonicalNan => found & 0x7fff_ffff_ffff_ffff == CANONICAL,
        NanPattern::ArithmeticNan => found & CANONICAL == CANONICAL,
        NanPattern::Value(expected) => expected.bits == found,
    }
}

/// The `N` bytes of lane `index`.
fn lane<const N: usize>(vector: u128, index: usize) -> [u8; N] {
    let bytes = vector.to_le_bytes();
    let mut lane = [0; N];
    lane.copy_from_slice(&bytes[index * N..][..N]);
    lane
}

fn v128_matches(expected: &V128Pattern, found: u128) -> bool {
    let each = |count: usize, matches: &dyn Fn(usize) -> bool| (0..count).all(matches);
    match expected {
        V128Pattern::I8x16(lanes) => each(16, &|i| lanes[i] == i8::from_le_bytes(lane(found, i))),
        V128Pattern::I16x8(lanes) => each(8, &|i| lanes[i] == i16::from_le_bytes(lane(found, i))),
        V128Pattern::I32x4(lanes) => each(4, &|i| lanes[i] == i32::from_le_bytes(lane(found, i))),
        V128Pattern::I64x2(lanes) => each(2, &|i| lanes[i] == i64::from_le_bytes(lane(found, i))),
        V128Pattern::F32x4(lanes) => each(4, &|i| {
            f32_matches(&lanes[i], u32::from_le_bytes(lane(found, i)))
        }),
        V128Pattern::F64x2(lanes) => each(2, &|i| {
            f64_matches(&lanes[i], u64::from_le_bytes(lane(found, i)))
        }),
    }
}

/// Writing to a `String` cannot fail, so the results of `write!` are dropped here.
fn write_expected(out: &mut String, expected: &WastRet<'_>) {
    let WastRet::Core(expected) = expected else {
        out.push_str("a value of a component");
        return;
    };
    let _ = match expected {
        WastRetCore::I32(value) => write!(out, "i32:{value}"),
        WastRetCore::I64(value) => write!(out, "i64:{value}"),
        WastRetCore::F32(NanPattern::Value(value)) => {
            write!(
                out,
                "{}",
                float("f32", f32::from_bits(value.bits), value.bits)
            )
        }
        WastRetCore::F64(NanPattern::Value(value)) => {
            write!(
                out,
                "{}",
                float("f64", f64::from_bits(value.bits), value.bits)
            )
        }
        WastRetCore::F32(NanPattern::CanonicalNan) => write!(out, "f32:nan:canonical"),
        WastRetCore::F32(NanPattern::ArithmeticNan) => write!(out, "f32:nan:arithmetic"),
        WastRetCore::F64(NanPattern::CanonicalNan) => write!(out, "f64:nan:canonical"),
        WastRetCore::F64(NanPattern::ArithmeticNan) => write!(out, "f64:nan:arithmetic"),
        WastRetCore::V128(pattern) => write!(out, "v128:{pattern:?}"),
        WastRetCore::RefNull(None) => write!(out, "ref.null"),
        WastRetCore::RefNull(Some(heap)) => write!(out, "ref.null {heap:?}"),
        WastRetCore::RefExtern(None) => write!(out, "ref.extern"),
        WastRetCore::RefExtern(Some(host)) => write!(out, "ref.extern {host}"),
        WastRetCore::RefFunc(_) => write!(out, "ref.func"),
        other => write!(out, "{other:?}"),
    };
}

fn write_found(ctx: &impl AsContext, out: &mut String, found: &Val) {
    let _ = match *found {
        Val::I32(value) => write!(out, "i32:{value}"),
        Val::I64(value) => write!(out, "i64:{value}"),
        Val::F32(bits) => write!(out, "{}", float("f32", f32::from_bits(bits), bits)),
        Val::F64(bits) => write!(out, "{}", float("f64", f64::from_bits(bits), bits)),
        Val::V128(bits) => write!(out, "v128:{bits:#034x}"),
        Val::FuncRef(None) => write!(out, "ref.null func"),
        Val::ExternRef(None) => write!(out, "ref.null extern"),
        Val::ExnRef(None) => write!(out, "ref.null exn"),
        Val::FuncRef(Some(_)) => write!(out, "ref.func"),
        Val::ExnRef(Some(_)) => write!(out, "ref.exn"),
        Val::ExternRef(Some(found)) => match found.data(ctx).downcast_ref::<u32>() {
            Some(host) => write!(out, "ref.extern {host}"),
            None => write!(out, "ref.extern"),
        },
    };
}

/// A float with its bits, which tell NaNs and zeros apart.
fn float(ty: &str, value: impl std::fmt::Display, bits: impl std::fmt::LowerHex) -> String {
    format!("{ty}:{value} ({bits:#x})")
}
