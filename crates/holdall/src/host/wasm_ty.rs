//! Rust types that are WebAssembly values, and rows of them in slots.

use crate::store::slot::{extern_slot, func_from_slot, func_slot};
use crate::store::{ExnRef, ExternRef, Func, StoreId};
use crate::types::ValType;

/// A Rust type that is a value of WebAssembly: `i32`, `u32`, `i64`, `u64`, `f32`, `f64`, `bool` (an
/// `i32`, of which everything but 0 is `true`), `u128` or an array of lanes of 16 bytes together, as
/// `[u8; 16]` or `[f32; 4]` (a `v128`, the first lane in the lowest bits), `Option<Func>` (a
/// `funcref`), `Option<ExternRef>` (an `externref`) and `Option<ExnRef>` (an `exnref`). [`Func`], [`ExternRef`]
/// and [`ExnRef`] are references that are not null: a null in their place is an error, and ends a
/// guest that passes one to the host.
pub trait WasmTy: sealed::Slots {}

/// The parameters of a function as a Rust type: one [`WasmTy`], or a tuple of up to 16.
pub trait WasmParams: sealed::Row {}

/// The results of a function as a Rust type: `()`, one [`WasmTy`], or a tuple of up to 16.
pub trait WasmResults: sealed::Row {}

impl<T: sealed::Slots> WasmTy for T {}
impl<T: sealed::Row> WasmParams for T {}
impl<T: sealed::Row> WasmResults for T {}

/// The most slots that a [`Row`] takes.
pub(super) const MAX_ROW_SLOTS: usize = 32;

pub(super) use sealed::{Row, Slots};

mod sealed {
    use super::{StoreId, ValType};

    /// How a type stands in slots.
    pub trait Slots: Copy + 'static {
        /// The WebAssembly type.
        const TY: ValType;

        /// Whether the value may be given to that store.
        #[inline]
        fn belongs_to(&self, _store: StoreId) -> bool {
            true
        }

        /// Whether the slots hold a value of the Rust type. A null is no value of a type that is
        /// never null.
        ///
        /// # Safety
        ///
        /// The slots hold a value of the WebAssembly type.
        #[inline]
        unsafe fn is_given(_slots: *const u64) -> bool {
            true
        }

        /// Writes the value to its slots.
        ///
        /// # Safety
        ///
        /// The slots of the type may be written to.
        unsafe fn write(self, slots: *mut u64);

        /// Reads the value from its slots.
        ///
        /// # Safety
        ///
        /// The slots hold a value of the type and of that store, which [is given](Self::is_given).
        unsafe fn read(store: StoreId, slots: *const u64) -> Self;
    }

    /// How a row of values stands in slots, one after the other.
    pub trait Row: Copy + 'static {
        /// The WebAssembly types.
        const TYPES: &'static [ValType];

        /// Whether all values may be given to that store.
        fn belongs_to(&self, store: StoreId) -> bool;

        /// Whether the slots hold values of the Rust types.
        ///
        /// # Safety
        ///
        /// The slots hold values of the WebAssembly types.
        unsafe fn are_given(slots: *const u64) -> bool;

        /// Writes the values to their slots.
        ///
        /// # Safety
        ///
        /// As many slots as the types take may be written to.
        unsafe fn write(self, slots: *mut u64);

        /// Reads the values from their slots.
        ///
        /// # Safety
        ///
        /// The slots hold values of the types and of that store, which
        /// [are given](Self::are_given).
        unsafe fn read(store: StoreId, slots: *const u64) -> Self;
    }
}

macro_rules! numbers {
    ($($ty:ident: $wasm:ident, |$value:ident| $to:expr, |$slot:ident| $from:expr;)*) => {$(
        impl Slots for $ty {
            const TY: ValType = ValType::$wasm;

            #[inline]
            unsafe fn write(self, slots: *mut u64) {
                let $value = self;
                // SAFETY: the caller's duty.
                unsafe { *slots = $to };
            }

            #[inline]
            unsafe fn read(_store: StoreId, slots: *const u64) -> Self {
                // SAFETY: the caller's duty.
                let $slot = unsafe { *slots };
                $from
            }
        }
    )*};
}
numbers! {
    i32: I32, |value| u64::from(value.cast_unsigned()), |slot| (slot as u32).cast_signed();
    u32: I32, |value| u64::from(value), |slot| slot as u32;
    i64: I64, |value| value.cast_unsigned(), |slot| slot.cast_signed();
    u64: I64, |value| value, |slot| slot;
    f32: F32, |value| u64::from(value.to_bits()), |slot| f32::from_bits(slot as u32);
    f64: F64, |value| value.to_bits(), |slot| f64::from_bits(slot);
    bool: I32, |value| u64::from(value), |slot| slot as u32 != 0;
}

impl Slots for u128 {
    const TY: ValType = ValType::V128;

    #[inline]
    unsafe fn write(self, slots: *mut u64) {
        // SAFETY: a `v128` has two slots; that they may be written to is the caller's duty.
        unsafe {
            slots
                .cast::<[u64; 2]>()
                .write([self as u64, (self >> 64) as u64])
        };
    }

    #[inline]
    unsafe fn read(_store: StoreId, slots: *const u64) -> Self {
        // SAFETY: a `v128` has two slots; that they hold one is the caller's duty.
        let [low, high] = unsafe { slots.cast::<[u64; 2]>().read() };
        Self::from(low) | Self::from(high) << 64
    }
}

impl Slots for Option<Func> {
    const TY: ValType = ValType::FUNCREF;

    #[inline]
    fn belongs_to(&self, store: StoreId) -> bool {
        self.is_none_or(|func| func.store() == store)
    }

    #[inline]
    unsafe fn write(self, slots: *mut u64) {
        // SAFETY: the caller's duty.
        unsafe { *slots = func_slot(self) };
    }

    #[inline]
    unsafe fn read(store: StoreId, slots: *const u64) -> Self {
        // SAFETY: the caller's duty.
        unsafe { func_from_slot(store, *slots) }
    }
}

impl Slots for Option<ExternRef> {
    const TY: ValType = ValType::EXTERNREF;

    #[inline]
    fn belongs_to(&self, store: StoreId) -> bool {
        self.is_none_or(|value| value.store() == store)
    }

    #[inline]
    unsafe fn write(self, slots: *mut u64) {
        // SAFETY: the caller's duty.
        unsafe { *slots = extern_slot(self) };
    }

    #[inline]
    unsafe fn read(store: StoreId, slots: *const u64) -> Self {
        // SAFETY: the caller's duty.
        ExternRef::from_slot(store, unsafe { *slots })
    }
}

impl Slots for Option<ExnRef> {
    const TY: ValType = ValType::EXNREF;

    #[inline]
    fn belongs_to(&self, store: StoreId) -> bool {
        self.is_none_or(|exception| exception.store() == store)
    }

    #[inline]
    unsafe fn write(self, slots: *mut u64) {
        // SAFETY: the caller's duty.
        unsafe { *slots = self.map_or(0, ExnRef::slot) };
    }

    #[inline]
    unsafe fn read(store: StoreId, slots: *const u64) -> Self {
        // SAFETY: the caller's duty.
        ExnRef::from_slot(store, unsafe { *slots })
    }
}

/// References that are never null. Their slots look like those of the nullable types.
macro_rules! never_null {
    ($($ty:ident)*) => {$(
        impl Slots for $ty {
            const TY: ValType = <Option<$ty> as Slots>::TY;

            #[inline]
            fn belongs_to(&self, store: StoreId) -> bool {
                Slots::belongs_to(&Some(*self), store)
            }

            #[inline]
            unsafe fn is_given(slots: *const u64) -> bool {
                // SAFETY: the caller's duty.
                unsafe { *slots != 0 }
            }

            #[inline]
            unsafe fn write(self, slots: *mut u64) {
                // SAFETY: the caller's duty.
                unsafe { Slots::write(Some(self), slots) };
            }

            #[inline]
            unsafe fn read(store: StoreId, slots: *const u64) -> Self {
                // SAFETY: the caller's duty.
                let value = unsafe { <Option<$ty> as Slots>::read(store, slots) };
                value.expect("it is given: the caller looked")
            }
        }
    )*};
}
never_null! { Func ExternRef ExnRef }

impl<A: WasmTy> Row for A {
    const TYPES: &'static [ValType] = &[A::TY];

    #[inline]
    fn belongs_to(&self, store: StoreId) -> bool {
        Slots::belongs_to(self, store)
    }

    #[inline]
    unsafe fn are_given(slots: *const u64) -> bool {
        // SAFETY: the caller's duty.
        unsafe { A::is_given(slots) }
    }

    #[inline]
    unsafe fn write(self, slots: *mut u64) {
        // SAFETY: the caller's duty.
        unsafe { Slots::write(self, slots) };
    }

    #[inline]
    unsafe fn read(store: StoreId, slots: *const u64) -> Self {
        // SAFETY: the caller's duty.
        unsafe { Slots::read(store, slots) }
    }
}

/// Calls a macro with the type parameters of each arity.
macro_rules! for_each_arity {
    ($macro:ident) => {
        $macro!();
        $macro!(A);
        $macro!(A B);
        $macro!(A B C);
        $macro!(A B C D);
        $macro!(A B C D E);
        $macro!(A B C D E F);
        $macro!(A B C D E F G);
        $macro!(A B C D E F G H);
        $macro!(A B C D E F G H I);
        $macro!(A B C D E F G H I J);
        $macro!(A B C D E F G H I J K);
        $macro!(A B C D E F G H I J K L);
        $macro!(A B C D E F G H I J K L M);
        $macro!(A B C D E F G H I J K L M N);
        $macro!(A B C D E F G H I J K L M N O);
        $macro!(A B C D E F G H I J K L M N O P);
    };
}
pub(super) use for_each_arity;

macro_rules! tuple_row {
    ($($ty:ident)*) => {
        #[allow(non_snake_case, reason = "values are named after their type parameters")]
        #[allow(unused, clippy::unused_unit, reason = "the empty tuple has nothing to use")]
        impl<$($ty: WasmTy),*> Row for ($($ty,)*) {
            const TYPES: &'static [ValType] = &[$($ty::TY),*];

            #[inline]
            fn belongs_to(&self, store: StoreId) -> bool {
                let ($($ty,)*) = self;
                true $(&& Slots::belongs_to($ty, store))*
            }

            #[inline]
            unsafe fn are_given(mut slots: *const u64) -> bool {
                // SAFETY: as for `write`.
                unsafe {
                    $(if !$ty::is_given(slots) { return false; } slots = slots.add(<$ty as Slots>::TY.slots());)*
                }
                true
            }

            #[inline]
            unsafe fn write(self, mut slots: *mut u64) {
                let ($($ty,)*) = self;
                // SAFETY: the slots of each value follow those of the one before; that there are
                // as many as the types take is the caller's duty.
                unsafe {
                    $(Slots::write($ty, slots); slots = slots.add($ty::TY.slots());)*
                }
            }

            #[inline]
            unsafe fn read(store: StoreId, mut slots: *const u64) -> Self {
                // SAFETY: as for `write`.
                unsafe {
                    $(let $ty = <$ty as Slots>::read(store, slots); slots = slots.add(<$ty as Slots>::TY.slots());)*
                    ($($ty,)*)
                }
            }
        }
    };
}
for_each_arity!(tuple_row);
