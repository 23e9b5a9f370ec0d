//! Values as tests write them: as they are, or as text that a type settles.

use std::fmt;

use holdall::text;
use holdall::{Store, Val, ValType};

/// A value that a test gives or expects: as it is, or as text.
///
/// Text is what `holdall run` takes and prints, with the type or without: `5`, `0x5:i32`, `-1`,
/// `0x1.8p3`, `nan`, `lo\hi` for a `v128`, `null`. Where a value is expected, some texts stand for
/// several values:
///
/// | text | fits |
/// |---|---|
/// | `_` | every value; `_:i32` every value of a type |
/// | `nan` | every NaN, of either sign |
/// | `nan:canonical` | a NaN whose payload is only the highest bit, of either sign |
/// | `nan:arithmetic` | a NaN whose payload has the highest bit, of either sign |
/// | `3.141593:f64` | with its type, every value that is printed so |
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A value, of its own type.
    Val(Val),
    /// A text, for a value of whichever type is wanted.
    Text(String),
}

impl Value {
    /// The value, for a place of a type.
    pub(crate) fn to_val(&self, store: &mut Store<()>, ty: ValType) -> Result<Val, String> {
        match self {
            Self::Val(val) if val.is_a(&*store, ty) => Ok(*val),
            Self::Val(val) => Err(format!("expected {ty}, found {}", val.ty())),
            Self::Text(text) => {
                let number = untyped(text, ty)?;
                let parsed = text::parse_val(store, ty, number);
                parsed.map_err(|reason| format!("expected {ty}, found {text:?}: {reason}"))
            }
        }
    }

    /// Whether a value that was found, and is printed as `shown`, is one of those that this stands
    /// for.
    pub(crate) fn fits(&self, found: &Val, shown: &str) -> bool {
        let text = match self {
            Self::Val(val) => return val == found,
            Self::Text(text) => text,
        };
        let ty = found.ty();
        if text == shown || text == "_" {
            return true;
        }
        let Ok(text) = untyped(text, ty) else {
            return false;
        };
        if text == "_" {
            return true;
        }
        if let Some(nan) = Nan::of(found) {
            match text {
                "nan" => return true,
                "nan:canonical" => return nan.is_canonical(),
                "nan:arithmetic" => return nan.is_arithmetic(),
                _ => {}
            }
        }
        matches!(text::parse_number(ty, text), Some(Ok(number)) if number == *found)
    }
}

/// The text without its type, which has to be `ty`.
fn untyped(text: &str, ty: ValType) -> Result<&str, String> {
    match text.rsplit_once(':') {
        Some((number, said)) if ["i32", "i64", "f32", "f64", "v128"].contains(&said) => {
            if said == ty.to_string() {
                Ok(number)
            } else {
                Err(format!("expected {ty}, found {text:?}"))
            }
        }
        _ => Ok(text),
    }
}

/// The payload of a NaN, and the payload that only has the highest bit.
struct Nan {
    payload: u64,
    canonical: u64,
}

impl Nan {
    fn of(val: &Val) -> Option<Self> {
        let (payload, canonical) = match *val {
            Val::F32(bits) if f32::from_bits(bits).is_nan() => {
                (u64::from(bits) & 0x7f_ffff, 0x40_0000)
            }
            Val::F64(bits) if f64::from_bits(bits).is_nan() => {
                (bits & 0xf_ffff_ffff_ffff, 0x8_0000_0000_0000)
            }
            _ => return None,
        };
        Some(Self { payload, canonical })
    }

    fn is_canonical(&self) -> bool {
        self.payload == self.canonical
    }

    fn is_arithmetic(&self) -> bool {
        self.payload & self.canonical != 0
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Val(val) => f.write_str(&text::format_detached(val)),
            Self::Text(text) => f.write_str(text),
        }
    }
}

macro_rules! values {
    ($($ty:ty => $variant:ident;)*) => {$(
        impl From<$ty> for Value {
            fn from(value: $ty) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}
values! {
    Val => Val;
    i32 => Val;
    u32 => Val;
    i64 => Val;
    u64 => Val;
    f32 => Val;
    f64 => Val;
    &str => Text;
    &String => Text;
    String => Text;
}

/// Arguments of a call: `()`, a row of values as `(2, 3_i64, "4")`, or several of one type.
pub trait IntoValues {
    /// The values, in order.
    fn into_values(self) -> Vec<Value>;
}

impl IntoValues for () {
    fn into_values(self) -> Vec<Value> {
        Vec::new()
    }
}

impl<V: Into<Value>, const N: usize> IntoValues for [V; N] {
    fn into_values(self) -> Vec<Value> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<V: Into<Value>> IntoValues for Vec<V> {
    fn into_values(self) -> Vec<Value> {
        self.into_iter().map(Into::into).collect()
    }
}

macro_rules! rows {
    ($($($name:ident)*;)*) => {$(
        impl<$($name: Into<Value>),*> IntoValues for ($($name,)*) {
            #[expect(non_snake_case, reason = "values have the names of their types")]
            fn into_values(self) -> Vec<Value> {
                let ($($name,)*) = self;
                vec![$($name.into()),*]
            }
        }
    )*};
}
rows! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}
