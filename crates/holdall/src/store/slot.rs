//! Values in slots. A number takes the low bits of a slot, and the other bits are zero. A `v128`
//! takes two slots, the first lanes in the first. A `funcref` is the address of its entry, an
//! `externref` its index plus one, an `exnref` the number of its exception, and null is 0.

use std::fmt;
use std::ptr::NonNull;

use crate::canonical::Known;
use crate::error::{Error, Result};
use crate::store::{ExnRef, ExternRef, Func, FuncEntry, StoreCore, StoreId};
use crate::types::{HeapType, RefKind, RefType, ValType};
use crate::value::Val;

/// The slot of a reference to a function.
pub(crate) fn entry_slot(entry: NonNull<FuncEntry>) -> u64 {
    entry.as_ptr().expose_provenance() as u64
}

/// The function that a slot refers to, where it is not null.
pub(crate) fn entry_from_slot(slot: u64) -> Option<NonNull<FuncEntry>> {
    NonNull::new(std::ptr::with_exposed_provenance_mut(slot as usize))
}

/// The slot of a `funcref`.
pub(crate) fn func_slot(func: Option<Func>) -> u64 {
    func.map_or(0, |func| entry_slot(func.entry()))
}

/// The `funcref` in a slot of store `id`.
///
/// # Safety
///
/// The slot holds a `funcref` of that store.
pub(crate) unsafe fn func_from_slot(id: StoreId, slot: u64) -> Option<Func> {
    entry_from_slot(slot).map(|entry| Func::from_entry(id, entry))
}

/// The slot of an `externref`.
pub(crate) fn extern_slot(value: Option<ExternRef>) -> u64 {
    value.map_or(0, |value| value.slot())
}

/// The slots of a value; the second slot is 0 unless the value is a `v128`.
pub(crate) fn write_val(value: Val) -> [u64; 2] {
    let low = match value {
        Val::I32(value) => u64::from(value.cast_unsigned()),
        Val::I64(value) => value.cast_unsigned(),
        Val::F32(bits) => u64::from(bits),
        Val::F64(bits) => bits,
        Val::V128(bits) => return [bits as u64, (bits >> 64) as u64],
        Val::FuncRef(func) => func_slot(func),
        Val::ExternRef(value) => extern_slot(value),
        Val::ExnRef(exception) => exception.map_or(0, ExnRef::slot),
    };
    [low, 0]
}

/// The value of type `ty` in slots of store `id`. The second slot is only looked at for a `v128`.
///
/// # Safety
///
/// The slots hold a value of that type and store.
pub(crate) unsafe fn read_val(id: StoreId, ty: ValType, [low, high]: [u64; 2]) -> Val {
    match ty {
        ValType::I32 => Val::I32((low as u32).cast_signed()),
        ValType::I64 => Val::I64(low.cast_signed()),
        ValType::F32 => Val::F32(low as u32),
        ValType::F64 => Val::F64(low),
        ValType::V128 => Val::V128(u128::from(low) | u128::from(high) << 64),
        ValType::Ref(ty) => match ty.heap.kind() {
            // SAFETY: by its type the value is a `funcref`, of store `id`: the caller's duty.
            RefKind::Func => Val::FuncRef(unsafe { func_from_slot(id, low) }),
            RefKind::Extern => Val::ExternRef(ExternRef::from_slot(id, low)),
            RefKind::Exn => Val::ExnRef(ExnRef::from_slot(id, low)),
        },
    }
}

/// Checks that a value from outside may stand where a store wants a value of type `expected`; `what`
/// says in the error what the value was for.
pub(crate) fn check_val(
    core: &StoreCore,
    value: &Val,
    expected: ValType,
    what: impl fmt::Display,
) -> Result<()> {
    if !value.belongs_to(core.id) {
        let found = value.ty();
        return Err(Error::usage(format!(
            "{what}: expected a reference of the same store, found a {found} of another"
        )));
    }
    if !value.is_a_in(core, expected) {
        let found = describe(core, value, expected);
        return Err(Error::usage(format!(
            "{what}: expected {expected}, found {found}"
        )));
    }
    Ok(())
}

/// The type of a value for errors; of a null, that it is a null.
fn describe(core: &StoreCore, value: &Val, expected: ValType) -> String {
    match (value, expected) {
        (null, _) if null.is_null() => format!("a null {}", value.ty()),
        (
            Val::FuncRef(Some(func)),
            ValType::Ref(RefType {
                heap: HeapType::ConcreteFunc(_),
                ..
            }),
        ) => format!("a reference to a {}", *Known::in_use(func.sig(core))),
        _ => value.ty().to_string(),
    }
}

impl Val {
    /// Whether the value may be given to store `id`: a number to any store, a reference to its own
    /// only.
    pub(crate) fn belongs_to(&self, id: StoreId) -> bool {
        match self {
            Self::FuncRef(Some(func)) => func.store() == id,
            Self::ExternRef(Some(value)) => value.store() == id,
            Self::ExnRef(Some(exception)) => exception.store() == id,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_their_slots() {
        let id = StoreId(u64::MAX);
        for (value, slots) in [
            (Val::I32(-1), [0xffff_ffff, 0]),
            (Val::I64(-1), [u64::MAX, 0]),
            (Val::F32(0x7fa0_0001), [0x7fa0_0001, 0]),
            (Val::F64(0x7ff4_0000_0000_0001), [0x7ff4_0000_0000_0001, 0]),
            (Val::V128(u128::MAX - 1), [u64::MAX - 1, u64::MAX]),
            (Val::FuncRef(None), [0, 0]),
            (Val::ExternRef(None), [0, 0]),
            (Val::ExnRef(None), [0, 0]),
        ] {
            assert_eq!(write_val(value), slots);
            // SAFETY: the slots hold the value that was written to them; no reference is followed.
            let back = unsafe { read_val(id, value.ty(), slots) };
            assert_eq!(format!("{back:?}"), format!("{value:?}"));
        }
    }
}
