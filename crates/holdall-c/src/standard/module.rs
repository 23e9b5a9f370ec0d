//! Modules.

use std::ptr::null_mut;
use std::rc::Rc;

use holdall::{Error, Module, Result};

use super::home::Home;
use super::object::{Object, What};
use super::types::{Exporttype, Importtype};
use super::vec::{CVec, dropped, owned};
use crate::guard::guard;
use crate::room::put;
use crate::standard::failure::fail;

/// What stands before the bytes of a serialized module. The module's bytes follow, which are validated and
/// lowered again: code that was lowered here once is not trusted when it comes back from outside.
const MARK: &[u8] = b"holdall module 1\n";

/// The bytes of a module in the binary format.
///
/// # Errors
///
/// When there are none, or they are of another format.
///
/// # Safety
///
/// `bytes` is null or a vector.
unsafe fn binary<'a>(bytes: *const CVec<u8>) -> Result<&'a [u8]> {
    // SAFETY: the caller's duty.
    let bytes = unsafe { bytes.as_ref() }.map_or(&[][..], CVec::as_slice);
    // The engine takes text, too.
    if !bytes.starts_with(b"\0asm") {
        return Err(Error::usage(
            "a module: expected the binary format, which begins with \\0asm, found other bytes; make text \
             binary with holdall_wat2wasm",
        ));
    }
    Ok(bytes)
}

/// A module for C to own; null, and a reason, where there is none.
fn module_or_reason(home: &Rc<Home>, module: Result<Module>) -> *mut Object {
    match module {
        Ok(module) => owned(Object::own(home, What::Module(module))),
        Err(error) => fail(error, null_mut()),
    }
}

const NO_STORE: &str = "a module: expected a store, found NULL";

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_module_new(store: *mut Rc<Home>, bytes: *const CVec<u8>) -> *mut Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: they are null or exist.
        let (store, bytes) = unsafe { (store.as_ref(), binary(bytes)) };
        let Some(home) = store else {
            return fail(NO_STORE, null_mut());
        };
        module_or_reason(
            home,
            bytes.and_then(|bytes| Module::new(home.engine(), bytes)),
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_module_validate(store: *mut Rc<Home>, bytes: *const CVec<u8>) -> bool {
    guard(false, || {
        // SAFETY: C's duty: they are null or exist.
        let (store, bytes) = unsafe { (store.as_ref(), binary(bytes)) };
        let Some(home) = store else {
            return fail(NO_STORE, false);
        };
        match bytes.and_then(|bytes| Module::validate(home.engine(), bytes)) {
            Ok(()) => true,
            Err(error) => fail(error, false),
        }
    })
}

/// The module that a handle is to.
///
/// # Safety
///
/// `it` is null or exists.
unsafe fn module<'a>(it: *const Object) -> Option<&'a Module> {
    // SAFETY: the caller's duty.
    let module = unsafe { it.as_ref() }.and_then(Object::module);
    module.or_else(|| fail("expected a module, found NULL or another handle", None))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_module_imports(it: *const Object, out: *mut CVec<*mut Importtype>) {
    guard((), || {
        // SAFETY: C's duty: `it` is null or exists.
        let types = unsafe { module(it) }.map(|module| {
            let imports = module.imports();
            imports
                .map(|it| owned(Importtype::new(it.module(), it.name(), it.ty())))
                .collect()
        });
        // SAFETY: C's duty: `out` can be written.
        unsafe { put(out, types.unwrap_or(CVec::EMPTY)) };
    });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_module_exports(it: *const Object, out: *mut CVec<*mut Exporttype>) {
    guard((), || {
        // SAFETY: C's duty: `it` is null or exists.
        let types = unsafe { module(it) }.map(|module| {
            let exports = module.exports();
            exports
                .map(|it| owned(Exporttype::new(it.name(), it.ty())))
                .collect()
        });
        // SAFETY: C's duty: `out` can be written.
        unsafe { put(out, types.unwrap_or(CVec::EMPTY)) };
    });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_module_serialize(it: *const Object, out: *mut CVec<u8>) {
    guard((), || {
        // SAFETY: C's duty: `it` is null or exists.
        let bytes =
            unsafe { module(it) }.map(|it| [MARK, it.bytes()].concat().into_iter().collect());
        // SAFETY: C's duty: `out` can be written.
        unsafe { put(out, bytes.unwrap_or(CVec::EMPTY)) };
    });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_module_deserialize(
    store: *mut Rc<Home>,
    bytes: *const CVec<u8>,
) -> *mut Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: they are null or exist.
        let (store, bytes) = unsafe { (store.as_ref(), bytes.as_ref()) };
        let Some(home) = store else {
            return fail(NO_STORE, null_mut());
        };
        let Some(bytes) = bytes.and_then(|bytes| bytes.as_slice().strip_prefix(MARK)) else {
            return fail(
                "a serialized module: expected what wasm_module_serialize gave, found other bytes",
                null_mut(),
            );
        };
        module_or_reason(home, Module::new(home.engine(), bytes))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_module_share(it: *const Object) -> *mut Module {
    guard(null_mut(), || {
        // SAFETY: C's duty: `it` is null or exists.
        unsafe { module(it) }.map_or(null_mut(), |it| owned(it.clone()))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_module_obtain(store: *mut Rc<Home>, it: *const Module) -> *mut Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: they are null or exist.
        match unsafe { (store.as_ref(), it.as_ref()) } {
            (Some(home), Some(module)) => owned(Object::own(home, What::Module(module.clone()))),
            _ => fail(
                "expected a store and a shared module, found NULL",
                null_mut(),
            ),
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_shared_module_delete(it: *mut Module) {
    // SAFETY: C's duty: `it` is null or owned.
    guard((), || unsafe { dropped(it) });
}
