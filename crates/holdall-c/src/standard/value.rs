//! `wasm_val_t`: values as C has them.

use std::ptr::null_mut;
use std::rc::Rc;

use holdall::{AsContextMut, Error, RefKind, Result, Val, ValType};

use super::home::{Home, Kept};
use super::object::Object;
use super::types::{kind, kind_of};
use super::vec::{Element, copied, dropped, owned};
use crate::guard::guard;
use crate::room::put;

/// `wasm_val_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Value {
    pub(crate) kind: u8,
    of: Of,
}

/// Integers stand for floats, too, so that NaNs keep their bits.
#[repr(C)]
#[derive(Clone, Copy)]
union Of {
    half: u32,
    whole: u64,
    reference: *mut Object,
}

// SAFETY: zeros are the `i32` 0.
unsafe impl Element for Value {
    unsafe fn duplicate(&self) -> Self {
        // SAFETY: what the value refers to exists.
        let copy = self.reference().map(|it| unsafe { copied(it) });
        copy.map_or(*self, |it| Self::of_reference(self.kind, it))
    }

    unsafe fn delete(&mut self) {
        if let Some(it) = self.reference() {
            self.of.reference = null_mut();
            // SAFETY: the value owns what it refers to.
            unsafe { dropped(it) };
        }
    }
}

impl Value {
    /// The `i32` 0.
    pub(crate) const ZERO: Self = Self {
        kind: kind::I32,
        of: Of { whole: 0 },
    };

    pub(crate) fn of_reference(kind: u8, reference: *mut Object) -> Self {
        let mut of = Of { whole: 0 };
        of.reference = reference;
        Self { kind, of }
    }

    /// The number in a slot.
    #[inline]
    pub(crate) fn of_slot(kind: u8, slot: u64) -> Self {
        let mut of = Of { whole: 0 };
        match kind {
            kind::I32 | kind::F32 => of.half = slot as u32,
            _ => of.whole = slot,
        }
        Self { kind, of }
    }

    /// The slot of a number.
    #[inline]
    pub(crate) fn slot(&self) -> u64 {
        // SAFETY: all bits are a number.
        unsafe {
            match self.kind {
                kind::I32 | kind::F32 => self.of.half.into(),
                _ => self.of.whole,
            }
        }
    }

    /// Zero or null.
    pub(crate) fn default_of(kind: u8) -> Self {
        Self::of_slot(kind, 0)
    }

    /// The reference, where the value is one.
    pub(crate) fn reference(&self) -> Option<*mut Object> {
        if self.kind < kind::EXTERNREF {
            return None;
        }
        // SAFETY: C's duty: a value of such a kind has a reference.
        Some(unsafe { self.of.reference })
    }

    /// A value of the engine's for C to own.
    ///
    /// # Errors
    ///
    /// When C has no such values.
    pub(crate) fn of_val(home: &Rc<Home>, context: impl AsContextMut, val: Val) -> Result<Self> {
        let kind = kind_of(val.ty());
        Ok(match val {
            Val::I32(it) => Self::of_slot(kind, u64::from(it.cast_unsigned())),
            Val::I64(it) => Self::of_slot(kind, it.cast_unsigned()),
            Val::F32(it) => Self::of_slot(kind, it.into()),
            Val::F64(it) => Self::of_slot(kind, it),
            Val::FuncRef(it) => Self::of_reference(
                kind,
                it.map_or(null_mut(), |it| Object::of_extern(home, it)),
            ),
            Val::ExternRef(it) => {
                let object = it.and_then(|it| it.data(&context).downcast_ref::<Kept>());
                let object = object.map(|kept| kept.0.clone());
                Self::of_reference(kind, object.map_or(null_mut(), owned))
            }
            Val::V128(_) | Val::ExnRef(_) => {
                let ty = val.ty();
                return Err(Error::usage(format!("{ty} has no form in C")));
            }
        })
    }

    /// The value for the engine, where `expected` is wanted.
    ///
    /// # Errors
    ///
    /// When the value is of another type, or of another store.
    pub(crate) fn val(
        &self,
        home: &Rc<Home>,
        context: impl AsContextMut,
        expected: ValType,
    ) -> Result<Val> {
        if let (Some(it), ValType::Ref(_)) = (self.reference(), expected) {
            // SAFETY: C's duty: a reference is null or exists.
            return reference(home, context, unsafe { it.as_ref() }, expected);
        }
        if self.kind != kind_of(expected) {
            return Err(wrong_kind(expected, self.kind));
        }
        let slot = self.slot();
        Ok(match expected {
            ValType::I32 => Val::I32((slot as u32).cast_signed()),
            ValType::I64 => Val::I64(slot.cast_signed()),
            ValType::F32 => Val::F32(slot as u32),
            ValType::F64 => Val::F64(slot),
            _ => return Err(Error::usage(format!("{expected} has no form in C"))),
        })
    }
}

/// The error of a value of the wrong kind.
pub(crate) fn wrong_kind(expected: impl std::fmt::Display, found: u8) -> Error {
    let found = match found {
        kind::I32 => "i32",
        kind::I64 => "i64",
        kind::F32 => "f32",
        kind::F64 => "f64",
        kind::V128 => "v128",
        kind::EXTERNREF => "externref",
        kind::FUNCREF => "funcref",
        kind::EXNREF => "exnref",
        _ => {
            return Error::usage(format!(
                "expected {expected}, found the unknown kind {found}"
            ));
        }
    };
    Error::usage(format!("expected {expected}, found {found}"))
}

/// The engine's value for a reference of C's.
///
/// # Errors
///
/// When it is of another type, or of another store.
pub(crate) fn reference(
    home: &Rc<Home>,
    context: impl AsContextMut,
    object: Option<&Object>,
    expected: ValType,
) -> Result<Val> {
    let ValType::Ref(ty) = expected else {
        return Err(Error::usage(format!(
            "expected {expected}, found a reference"
        )));
    };
    match (ty.heap.kind(), object) {
        (RefKind::Exn, _) => Err(Error::usage(format!("{expected} has no form in C"))),
        (_, None) => Ok(Val::default_of(expected)),
        (_, Some(object)) if !object.is_at(home) => Err(Error::usage(format!(
            "expected {expected} of this store, found a reference to something of another"
        ))),
        (RefKind::Func, Some(object)) => match object.func() {
            Some(func) => Ok(func.into()),
            None => Err(Error::usage(format!(
                "expected {expected}, found a reference to no function"
            ))),
        },
        (RefKind::Extern, Some(object)) => Ok(home
            .extern_ref(context, &object.thing, || Kept(object.clone()))
            .into()),
    }
}

/// The reference of C's for a value of the engine's, for C to own; null for what is no reference.
pub(crate) fn object_of(home: &Rc<Home>, context: impl AsContextMut, val: Val) -> *mut Object {
    let value = Value::of_val(home, context, val).ok();
    value.and_then(|it| it.reference()).unwrap_or(null_mut())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_val_delete(it: *mut Value) {
    guard((), || {
        // SAFETY: C's duty: `it` is null or a value that owns its reference.
        unsafe {
            if let Some(it) = it.as_mut() {
                it.delete();
            }
        }
    });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_val_copy(out: *mut Value, it: *const Value) {
    guard((), || {
        // SAFETY: C's duty: `it` is null or a value, and `out` can be written.
        unsafe {
            let copy = it.as_ref().map(|it| it.duplicate());
            put(out, copy.unwrap_or(Value::default_of(kind::I32)));
        }
    });
}
