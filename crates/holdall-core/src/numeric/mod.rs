//! Pure semantics of the numeric instructions: values to a value, or to a trap. Does not know the
//! machine. A function is named after its instruction, `i32.add` as [`i32_add`] (WebAssembly 2.0,
//! 4.3 "Numerics").
//!
//! Signed instructions take signed integers, all others unsigned ones; a comparison's result is
//! the `i32` 0 or 1.

mod convert;
mod float;
mod int;
mod simd;

pub use convert::*;
pub use float::*;
pub use int::*;
pub use simd::*;

/// Defines functions of one expression.
macro_rules! semantics {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $out:ty { $body:expr })*) => {$(
        #[doc = concat!("The instruction `", stringify!($name), "`.")]
        #[inline(always)]
        pub fn $name($($arg: $ty),*) -> $out {
            $body
        }
    )*};
}
use semantics;

#[cfg(test)]
mod tests;
