//! Arrays of lanes as `v128`: as values, and as parameters and results of typed functions.

use super::wasm_ty::Slots;
use crate::error::{Error, Result};
use crate::store::StoreId;
use crate::types::ValType;
use crate::value::Val;

macro_rules! lanes {
    ($($ty:ident $count:literal)*) => {$(
        impl Slots for [$ty; $count] {
            const TY: ValType = ValType::V128;

            #[inline]
            unsafe fn write(self, slots: *mut u64) {
                // SAFETY: the caller's duty.
                unsafe { bits(self.map($ty::to_le_bytes)).write(slots) };
            }

            #[inline]
            unsafe fn read(store: StoreId, slots: *const u64) -> Self {
                // SAFETY: the caller's duty.
                lanes(unsafe { u128::read(store, slots) }).map($ty::from_le_bytes)
            }
        }

        #[doc = concat!("A `v128` of ", stringify!($count), " lanes, the first one in the lowest bits.")]
        impl From<[$ty; $count]> for Val {
            fn from(lanes: [$ty; $count]) -> Self {
                Self::V128(bits(lanes.map($ty::to_le_bytes)))
            }
        }

        /// An error where the value is not a `v128`.
        impl TryFrom<Val> for [$ty; $count] {
            type Error = Error;

            fn try_from(value: Val) -> Result<Self> {
                let bits = u128::try_from(value)?;
                Ok(lanes(bits).map($ty::from_le_bytes))
            }
        }
    )*};
}
lanes! { i8 16 u8 16 i16 8 u16 8 i32 4 u32 4 i64 2 u64 2 f32 4 f64 2 }

/// The vector of these lanes. Together they have 16 bytes.
fn bits<const BYTES: usize, const COUNT: usize>(lanes: [[u8; BYTES]; COUNT]) -> u128 {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(lanes.as_flattened());
    u128::from_le_bytes(bytes)
}

/// The lanes of a vector. Together they have 16 bytes.
fn lanes<const BYTES: usize, const COUNT: usize>(bits: u128) -> [[u8; BYTES]; COUNT] {
    let mut lanes = [[0; BYTES]; COUNT];
    lanes
        .as_flattened_mut()
        .copy_from_slice(&bits.to_le_bytes());
    lanes
}
