//! Values as an embedder sees them, and as an 8-byte slot holds them.

use crate::store::{ExternRef, Func};
use crate::types::{HeapType, RefType, ValType};

/// A WebAssembly value. Floats are held as their bits, so that NaNs keep their payload.
#[derive(Clone, Copy, Debug)]
pub enum Val {
    /// An `i32`.
    I32(i32),
    /// An `i64`.
    I64(i64),
    /// The bits of an `f32`.
    F32(u32),
    /// The bits of an `f64`.
    F64(u64),
    /// A `v128`, the first lane in the lowest bits.
    V128(u128),
    /// A `funcref`; `None` is null.
    FuncRef(Option<Func>),
    /// An `externref`; `None` is null.
    ExternRef(Option<ExternRef>),
}

impl Val {
    /// The type of the value. A reference's is the nullable one.
    #[must_use]
    pub const fn ty(&self) -> ValType {
        match self {
            Self::I32(_) => ValType::I32,
            Self::I64(_) => ValType::I64,
            Self::F32(_) => ValType::F32,
            Self::F64(_) => ValType::F64,
            Self::V128(_) => ValType::V128,
            Self::FuncRef(_) => ValType::FUNCREF,
            Self::ExternRef(_) => ValType::EXTERNREF,
        }
    }

    /// Whether the value may stand where `expected` is wanted: a null is no value of a
    /// non-nullable reference type.
    #[must_use]
    pub const fn is_a(&self, expected: ValType) -> bool {
        match (self, expected) {
            (Self::I32(_), ValType::I32)
            | (Self::I64(_), ValType::I64)
            | (Self::F32(_), ValType::F32)
            | (Self::F64(_), ValType::F64)
            | (Self::V128(_), ValType::V128) => true,
            (Self::FuncRef(value), ValType::Ref(ty)) => {
                matches!(ty.heap, HeapType::Func) && (ty.nullable || value.is_some())
            }
            (Self::ExternRef(value), ValType::Ref(ty)) => {
                matches!(ty.heap, HeapType::Extern) && (ty.nullable || value.is_some())
            }
            _ => false,
        }
    }

    /// The default value of a type: zero or null.
    #[must_use]
    pub const fn default_of(ty: ValType) -> Self {
        match ty {
            ValType::I32 => Self::I32(0),
            ValType::I64 => Self::I64(0),
            ValType::F32 => Self::F32(0),
            ValType::F64 => Self::F64(0),
            ValType::V128 => Self::V128(0),
            ValType::Ref(RefType {
                heap: HeapType::Func,
                ..
            }) => Self::FuncRef(None),
            ValType::Ref(RefType {
                heap: HeapType::Extern,
                ..
            }) => Self::ExternRef(None),
        }
    }
}

macro_rules! val_from {
    ($($from:ty => |$value:ident| $to:expr;)*) => {$(
        impl From<$from> for Val {
            fn from($value: $from) -> Self {
                $to
            }
        }
    )*};
}
val_from! {
    i32 => |value| Self::I32(value);
    u32 => |value| Self::I32(value.cast_signed());
    i64 => |value| Self::I64(value);
    u64 => |value| Self::I64(value.cast_signed());
    f32 => |value| Self::F32(value.to_bits());
    f64 => |value| Self::F64(value.to_bits());
    u128 => |value| Self::V128(value);
    Func => |value| Self::FuncRef(Some(value));
    Option<Func> => |value| Self::FuncRef(value);
    ExternRef => |value| Self::ExternRef(Some(value));
    Option<ExternRef> => |value| Self::ExternRef(value);
}

macro_rules! val_as {
    ($($(#[$doc:meta])* $name:ident -> $ty:ty: $pattern:pat => $value:expr;)*) => {
        impl Val {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(&self) -> Option<$ty> {
                match *self {
                    $pattern => Some($value),
                    _ => None,
                }
            }
        )*}
    };
}
val_as! {
    /// The value, where it is an `i32`.
    i32 -> i32: Self::I32(value) => value;
    /// The value, where it is an `i64`.
    i64 -> i64: Self::I64(value) => value;
    /// The value, where it is an `f32`.
    f32 -> f32: Self::F32(bits) => f32::from_bits(bits);
    /// The value, where it is an `f64`.
    f64 -> f64: Self::F64(bits) => f64::from_bits(bits);
    /// The value, where it is a `v128`.
    v128 -> u128: Self::V128(value) => value;
    /// The value, where it is a `funcref`.
    func_ref -> Option<Func>: Self::FuncRef(value) => value;
    /// The value, where it is an `externref`.
    extern_ref -> Option<ExternRef>: Self::ExternRef(value) => value;
}
