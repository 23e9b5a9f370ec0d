//! The text of values: arguments as a command line writes them, results as WAMR prints them.
//! And the text of sizes and durations. Knows values and types; knows neither modules nor names.
//!
//! | type | result | argument |
//! |---|---|---|
//! | `i32`, `i64` | `0x2a:i32`: lowercase, unsigned, no padding | decimal or `0x`, with or without a sign |
//! | `f32`, `f64` | C's `%.7g`, then `:f64`; `nan`, `-nan`, `inf`, `-inf`, `-0` | decimal, `0x1.8p3`, `inf`, `nan`, `nan:0x200000`, with or without a sign |
//! | `v128` | `<0x… 0x…>:v128`, the low half first, sixteen digits each | `lo\hi`, each as an `i64` |
//! | `funcref` | `6:ref.func`, the index in its module; null is `func:ref.null` | `null` |
//! | `exnref` | `ref.exn`; null is `exn:ref.null` | `null` |
//! | `externref` | `0x1234:ref.extern`; null is `extern:ref.null` | `null` or a number |
//!
//! ```
//! use holdall::{Engine, Store, ValType, text};
//!
//! let mut store = Store::new(&Engine::default(), ());
//! let value = text::parse_val(&mut store, ValType::F64, "0x1.8p3")?;
//! assert_eq!(text::format_val(&store, &value), "12:f64");
//! # Ok::<(), holdall::text::ValueError>(())
//! ```

mod format;
mod measure;
mod parse;

pub use format::{format_detached, format_number, format_results, format_val};
pub use measure::{MeasureError, parse_duration, parse_size};
pub use parse::{ValueError, parse_number, parse_val};

use crate::escape::Escaped;
use crate::store::AsContextMut;
use crate::types::{FuncType, ValType};
use crate::value::Val;

/// Why the arguments of a call do not fit the function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// There are too many or too few arguments.
    #[error(
        "invalid input argument count: expected {} for {ty}, found {found}",
        ty.params().len()
    )]
    Count {
        /// The type of the function.
        ty: FuncType,
        /// How many arguments there are.
        found: usize,
    },
    /// An argument is no value of its parameter's type.
    #[error("invalid input argument {index}: {}: expected {ty}, {reason}", Escaped(.text))]
    Value {
        /// The index of the argument, from 0.
        index: usize,
        /// The argument.
        text: Box<str>,
        /// The type of the parameter.
        ty: ValType,
        /// What is wrong with the argument.
        reason: ValueError,
    },
}

/// Reads the arguments of a call of a function of type `ty`.
///
/// # Errors
///
/// When the number of arguments is not that of the parameters, or an argument is no value of its
/// parameter's type.
pub fn parse_args<S: AsRef<str>>(
    mut store: impl AsContextMut,
    ty: &FuncType,
    args: &[S],
) -> Result<Vec<Val>, ArgumentError> {
    if args.len() != ty.params().len() {
        return Err(ArgumentError::Count {
            ty: ty.clone(),
            found: args.len(),
        });
    }
    let numbered = ty.params().iter().zip(args).enumerate();
    numbered
        .map(|(index, (&ty, arg))| {
            let text = arg.as_ref();
            parse_val(&mut store, ty, text).map_err(|reason| ArgumentError::Value {
                index,
                text: text.into(),
                ty,
                reason,
            })
        })
        .collect()
}
