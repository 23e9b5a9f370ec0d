//! Types of parameters: how each is taken out of a slot, and how a trace shows it.

use wasi_common::snapshots::preview_0::types as preview0;
use wasi_common::snapshots::preview_1::types;

use super::super::fault::{Errno, Result};
use holdall::ValType;
use holdall::provide::Shown;

/// A type of parameters.
pub(crate) trait Arg: Sized {
    const TYPE: ValType;
    const SHOWN: Shown;

    /// The argument in a slot.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a flag or an alternative that there is not.
    fn of_slot(slot: u64) -> Result<Self>;
}

/// An address in the caller's memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ptr(pub(crate) u32);

impl Arg for Ptr {
    const TYPE: ValType = ValType::I32;
    const SHOWN: Shown = Shown::Hex;

    fn of_slot(slot: u64) -> Result<Self> {
        u32::of_slot(slot).map(Self)
    }
}

macro_rules! numbers {
    ($($ty:ty: $val:ident, $shown:ident;)*) => {$(
        impl Arg for $ty {
            const TYPE: ValType = ValType::$val;
            const SHOWN: Shown = Shown::$shown;

            // An `i32` stands in a slot's low half.
            fn of_slot(slot: u64) -> Result<Self> {
                Ok(slot as $ty)
            }
        }
    )*};
}
numbers! {
    u32: I32, Unsigned;
    u64: I64, Unsigned;
    i64: I64, Signed;
}

macro_rules! checked {
    ($($ty:ty: $val:ident as $repr:ty, $shown:ident;)*) => {$(
        impl Arg for $ty {
            const TYPE: ValType = ValType::$val;
            const SHOWN: Shown = Shown::$shown;

            fn of_slot(slot: u64) -> Result<Self> {
                let bits = <$repr>::try_from(slot).map_err(|_| Errno::Inval)?;
                Ok(Self::try_from(bits)?)
            }
        }
    )*};
}
checked! {
    types::Advice: I32 as u8, Unsigned;
    types::Clockid: I32 as u32, Unsigned;
    types::Whence: I32 as u8, Unsigned;
    preview0::Whence: I32 as u8, Unsigned;
    types::Fdflags: I32 as u16, Hex;
    types::Fstflags: I32 as u16, Hex;
    types::Lookupflags: I32 as u32, Hex;
    types::Oflags: I32 as u16, Hex;
    types::Riflags: I32 as u16, Hex;
    types::Sdflags: I32 as u8, Hex;
}

/// Rights that there are not yet are none that anybody could have.
impl Arg for types::Rights {
    const TYPE: ValType = ValType::I64;
    const SHOWN: Shown = Shown::Hex;

    fn of_slot(slot: u64) -> Result<Self> {
        Ok(Self::from_bits_truncate(slot))
    }
}
