//! Values as an embedder sees them, and as an 8-byte slot holds them.

use crate::error::{Error, Result};
use crate::store::{AsContext, ExnRef, ExternRef, Func, StoreCore};
use crate::types::{HeapType, RefKind, ValType};

/// A WebAssembly value. Floats are held as their bits, so that NaNs keep their payload.
///
/// Two values are equal where they have the same type and the same bits, or refer to the same
/// thing: a NaN equals itself, and `0.0` is not `-0.0`.
///
/// ```
/// use holdall::Val;
///
/// assert_eq!(Val::from(7), Val::I32(7));
/// assert_eq!(Val::from(0.5_f64).f64(), Some(0.5));
/// assert_eq!(i64::try_from(Val::I64(-1))?, -1);
/// assert_eq!(Val::I32(1).unwrap_i32(), 1);
/// let error = i32::try_from(Val::I64(1)).unwrap_err();
/// assert_eq!(error.to_string(), "expected i32, found i64");
/// # Ok::<(), holdall::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// An `exnref`; `None` is null.
    ExnRef(Option<ExnRef>),
}

impl Val {
    /// The null of `funcref`.
    #[must_use]
    pub const fn null_func_ref() -> Self {
        Self::FuncRef(None)
    }

    /// The null of `externref`.
    #[must_use]
    pub const fn null_extern_ref() -> Self {
        Self::ExternRef(None)
    }

    /// The null of `exnref`.
    #[must_use]
    pub const fn null_exn_ref() -> Self {
        Self::ExnRef(None)
    }

    /// Whether the value is a null reference.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(
            self,
            Self::FuncRef(None) | Self::ExternRef(None) | Self::ExnRef(None)
        )
    }

    /// The type of the value. A reference has the nullable type.
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
            Self::ExnRef(_) => ValType::EXNREF,
        }
    }

    /// Whether the value may stand where the store wants `expected`: a null is no value of a
    /// non-nullable reference type, a function is one of its own type and of that type's supertypes,
    /// and a reference of another store is no value of a reference type.
    #[must_use]
    pub fn is_a(&self, context: impl AsContext, expected: ValType) -> bool {
        self.is_a_in(context.as_context().core(), expected)
    }

    pub(crate) fn is_a_in(&self, core: &StoreCore, expected: ValType) -> bool {
        let ValType::Ref(expected) = expected else {
            return self.ty() == expected;
        };
        if !self.belongs_to(core.id) {
            return false;
        }
        let heap = match self {
            null if null.is_null() => match null.ty() {
                ValType::Ref(ty) if ty.heap.kind() == expected.heap.kind() => {
                    return expected.nullable;
                }
                _ => return false,
            },
            Self::FuncRef(Some(func)) => HeapType::ConcreteFunc(func.sig(core)),
            Self::ExternRef(_) => HeapType::Extern,
            Self::ExnRef(_) => HeapType::Exn,
            _ => return false,
        };
        heap.matches(expected.heap)
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
            ValType::Ref(ty) => match ty.heap.kind() {
                RefKind::Func => Self::FuncRef(None),
                RefKind::Extern => Self::ExternRef(None),
                RefKind::Exn => Self::ExnRef(None),
            },
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
    bool => |value| Self::I32(value.into());
    u128 => |value| Self::V128(value);
    Func => |value| Self::FuncRef(Some(value));
    Option<Func> => |value| Self::FuncRef(value);
    ExternRef => |value| Self::ExternRef(Some(value));
    Option<ExternRef> => |value| Self::ExternRef(value);
    ExnRef => |value| Self::ExnRef(Some(value));
    Option<ExnRef> => |value| Self::ExnRef(value);
}

macro_rules! val_as {
    ($($name:ident $unwrap:ident $what:literal -> $ty:ty: $pattern:pat => $value:expr;)*) => {
        impl Val {$(
            #[doc = concat!("The value, where it is ", $what, ".")]
            #[must_use]
            pub fn $name(&self) -> Option<$ty> {
                match *self {
                    $pattern => Some($value),
                    _ => None,
                }
            }

            #[doc = concat!("The value, which is ", $what, ".")]
            ///
            /// # Panics
            /// When it is not.
            #[must_use]
            #[track_caller]
            pub fn $unwrap(&self) -> $ty {
                match self.$name() {
                    Some(value) => value,
                    None => panic!("expected {}, found {}", $what, self.ty()),
                }
            }
        )*}
    };
}
val_as! {
    i32 unwrap_i32 "an i32" -> i32: Self::I32(value) => value;
    i64 unwrap_i64 "an i64" -> i64: Self::I64(value) => value;
    f32 unwrap_f32 "an f32" -> f32: Self::F32(bits) => f32::from_bits(bits);
    f64 unwrap_f64 "an f64" -> f64: Self::F64(bits) => f64::from_bits(bits);
    v128 unwrap_v128 "a v128" -> u128: Self::V128(value) => value;
    func_ref unwrap_func_ref "a funcref" -> Option<Func>: Self::FuncRef(value) => value;
    extern_ref unwrap_extern_ref "an externref" -> Option<ExternRef>: Self::ExternRef(value) => value;
    exn_ref unwrap_exn_ref "an exnref" -> Option<ExnRef>: Self::ExnRef(value) => value;
}

macro_rules! val_into {
    ($($ty:ty, $what:literal: |$value:ident| $to:expr;)*) => {$(
        #[doc = concat!("An error where the value is not ", $what, ".")]
        impl TryFrom<Val> for $ty {
            type Error = Error;

            fn try_from($value: Val) -> Result<Self> {
                $to.ok_or_else(|| {
                    let found = $value.ty();
                    Error::usage(format!(concat!("expected ", $what, ", found {}"), found))
                })
            }
        }
    )*};
}
val_into! {
    i32, "i32": |value| value.i32();
    u32, "i32": |value| value.i32().map(i32::cast_unsigned);
    bool, "i32": |value| value.i32().map(|value| value != 0);
    i64, "i64": |value| value.i64();
    u64, "i64": |value| value.i64().map(i64::cast_unsigned);
    f32, "f32": |value| value.f32();
    f64, "f64": |value| value.f64();
    u128, "v128": |value| value.v128();
    Option<Func>, "funcref": |value| value.func_ref();
    Option<ExternRef>, "externref": |value| value.extern_ref();
    Option<ExnRef>, "exnref": |value| value.exn_ref();
    Func, "funcref that is not null": |value| value.func_ref().flatten();
    ExternRef, "externref that is not null": |value| value.extern_ref().flatten();
    ExnRef, "exnref that is not null": |value| value.exn_ref().flatten();
}
