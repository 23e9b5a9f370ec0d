//! Globals, tables, memories and tags.

use std::ptr::null_mut;
use std::rc::Rc;

use holdall::{
    AsContextMut, Error, Extern, ExternType, Global, Memory, Mutability, Result, StoreContextMut,
    Table, Tag, Val, ValType,
};

use super::home::Home;
use super::object::{Object, Thing};
use super::types::{Externtype, kind};
use super::value::{Value, object_of, reference};
use super::vec::owned;
use crate::guard::guard;
use crate::room::put;
use crate::standard::failure::fail;

/// Makes something of a type in a store, for C to own; null, and a reason, where that cannot be.
unsafe fn make<T: Into<Extern>>(
    store: *const Rc<Home>,
    ty: *const Externtype,
    make: impl FnOnce(&Rc<Home>, StoreContextMut<'_, ()>, &ExternType) -> Result<T>,
) -> *mut Object {
    // SAFETY: C's duty: they are null or exist.
    let (Some(home), Some(ty)) = (unsafe { (store.as_ref(), ty.as_ref()) }) else {
        return fail("expected a store and a type, found NULL", null_mut());
    };
    match home.with(|context| make(home, context, &ty.ty)).flatten() {
        Ok(it) => Object::of_extern(home, it),
        Err(error) => fail(error, null_mut()),
    }
}

/// The error of a type of the wrong kind.
fn wrong_type(expected: &str, found: &ExternType) -> Error {
    let found = found.kind();
    Error::usage(format!(
        "expected the type of a {expected}, found that of a {found}"
    ))
}

/// Uses what a handle is to, which `narrow` knows; `default`, and a reason, where that cannot be.
unsafe fn using<T, R>(
    it: *const Object,
    default: R,
    narrow: impl FnOnce(Extern) -> Option<T>,
    using: impl FnOnce(&Rc<Home>, StoreContextMut<'_, ()>, T) -> Result<R>,
) -> R {
    // SAFETY: C's duty: `it` is null or exists.
    let it = unsafe { it.as_ref() }.and_then(|it| Some((&it.home, narrow(it.item()?)?)));
    let Some((home, it)) = it else {
        return fail("expected another handle than this one", default);
    };
    match home.with(|context| using(home, context, it)).flatten() {
        Ok(result) => result,
        Err(error) => fail(error, default),
    }
}

/// The functions that give the type of something, for C to own.
macro_rules! types {
    ($($name:ident $narrow:expr;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(it: *const Object) -> *mut Externtype {
            guard(null_mut(), || {
                // SAFETY: C's duty: `it` is null or exists.
                unsafe {
                    using(it, null_mut(), $narrow, |_, context, it| {
                        Ok(owned(Extern::from(it).ty(&context).into()))
                    })
                }
            })
        }
    )*};
}
types! {
    wasm_global_type Extern::into_global;
    wasm_table_type Extern::into_table;
    wasm_memory_type Extern::into_memory;
    wasm_tag_type Extern::into_tag;
    wasm_extern_type Some;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_extern_kind(it: *const Object) -> u8 {
    guard(0, || {
        // SAFETY: C's duty: `it` is null or exists.
        match unsafe { it.as_ref() }.map(|it| &it.thing) {
            Some(Thing::Extern(Extern::Global(_))) => 1,
            Some(Thing::Extern(Extern::Table(_))) => 2,
            Some(Thing::Extern(Extern::Memory(_))) => 3,
            Some(Thing::Extern(Extern::Tag(_))) => 4,
            _ => 0,
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_global_new(
    store: *mut Rc<Home>,
    ty: *const Externtype,
    value: *const Value,
) -> *mut Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: they are null or exist.
        unsafe {
            make(store, ty, |home, mut context, ty| {
                let ExternType::Global(ty) = ty else {
                    return Err(wrong_type("global", ty));
                };
                let value = match value.as_ref() {
                    Some(value) => value.val(home, &mut context, ty.content)?,
                    None => return Err(Error::usage("a global: expected a value, found NULL")),
                };
                Global::new(context, *ty, value)
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_global_get(it: *const Object, out: *mut Value) {
    guard((), || {
        // SAFETY: C's duty: `it` is null or exists, and `out` can be written.
        unsafe {
            let zero = Value::default_of(kind::I32);
            let value = using(it, zero, Extern::into_global, |home, context, it| {
                let value = it.get(&context);
                Value::of_val(home, context, value)
            });
            put(out, value);
        }
    });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_global_set(it: *mut Object, value: *const Value) {
    guard((), || {
        // SAFETY: C's duty: they are null or exist.
        unsafe {
            using(it, (), Extern::into_global, |home, mut context, it| {
                let ty = it.ty(&context);
                if ty.mutability == Mutability::Const {
                    return Err(Error::usage("the global is immutable"));
                }
                let Some(value) = value.as_ref() else {
                    return Err(Error::usage("a global: expected a value, found NULL"));
                };
                let value = value.val(home, &mut context, ty.content)?;
                it.set(context, value)
            });
        }
    });
}

/// An element for a table.
unsafe fn element(
    home: &Rc<Home>,
    context: impl AsContextMut,
    ty: &holdall::TableType,
    it: *const Object,
) -> Result<Val> {
    // SAFETY: C's duty: `it` is null or exists.
    reference(
        home,
        context,
        unsafe { it.as_ref() },
        ValType::Ref(ty.element),
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_table_new(
    store: *mut Rc<Home>,
    ty: *const Externtype,
    init: *const Object,
) -> *mut Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: they are null or exist.
        unsafe {
            make(store, ty, |home, mut context, ty| {
                let ExternType::Table(ty) = ty else {
                    return Err(wrong_type("table", ty));
                };
                let init = element(home, &mut context, ty, init)?;
                Table::new(context, *ty, init)
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_table_get(it: *const Object, index: u32) -> *mut Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: `it` is null or exists.
        unsafe {
            using(it, null_mut(), Extern::into_table, |home, context, it| {
                let value = it.get(&context, index.into());
                Ok(value.map_or(null_mut(), |value| object_of(home, context, value)))
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_table_set(it: *mut Object, index: u32, to: *const Object) -> bool {
    guard(false, || {
        // SAFETY: C's duty: they are null or exist.
        unsafe {
            using(it, false, Extern::into_table, |home, mut context, it| {
                let ty = it.ty(&context);
                let value = element(home, &mut context, &ty, to)?;
                it.set(context, index.into(), value).map(|()| true)
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_table_size(it: *const Object) -> u32 {
    guard(0, || {
        // SAFETY: C's duty: `it` is null or exists.
        unsafe {
            using(it, 0, Extern::into_table, |_, context, it| {
                Ok(shown(it.size(&context)))
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_table_grow(it: *mut Object, delta: u32, init: *const Object) -> bool {
    guard(false, || {
        // SAFETY: C's duty: they are null or exist.
        unsafe {
            using(it, false, Extern::into_table, |home, mut context, it| {
                let ty = it.ty(&context);
                let init = element(home, &mut context, &ty, init)?;
                it.grow(context, delta.into(), init).map(|_| true)
            })
        }
    })
}

/// A size as C has it.
fn shown(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_memory_new(store: *mut Rc<Home>, ty: *const Externtype) -> *mut Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: they are null or exist.
        unsafe {
            make(store, ty, |_, context, ty| match ty {
                ExternType::Memory(ty) => Memory::new(context, *ty),
                _ => Err(wrong_type("memory", ty)),
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_memory_data(it: *mut Object) -> *mut u8 {
    guard(null_mut(), || {
        // SAFETY: C's duty: `it` is null or exists.
        unsafe {
            using(it, null_mut(), Extern::into_memory, |_, mut context, it| {
                Ok(it.data_mut(&mut context).as_mut_ptr())
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_memory_data_size(it: *const Object) -> usize {
    guard(0, || {
        // SAFETY: C's duty: `it` is null or exists.
        unsafe {
            using(it, 0, Extern::into_memory, |_, context, it| {
                Ok(it.data_size(&context))
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_memory_size(it: *const Object) -> u32 {
    guard(0, || {
        // SAFETY: C's duty: `it` is null or exists.
        unsafe {
            using(it, 0, Extern::into_memory, |_, context, it| {
                Ok(shown(it.size(&context)))
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_memory_grow(it: *mut Object, delta: u32) -> bool {
    guard(false, || {
        // SAFETY: C's duty: `it` is null or exists.
        unsafe {
            using(it, false, Extern::into_memory, |_, context, it| {
                it.grow(context, delta.into()).map(|_| true)
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_tag_new(store: *mut Rc<Home>, ty: *const Externtype) -> *mut Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: they are null or exist.
        unsafe {
            make(store, ty, |_, context, ty| match ty {
                ExternType::Tag(ty) => Tag::new(context, ty),
                _ => Err(wrong_type("tag", ty)),
            })
        }
    })
}
