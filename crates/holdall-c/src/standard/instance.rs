//! Engines, stores and instances.

use std::ptr::null_mut;
use std::rc::Rc;

use holdall::{Config, Engine, Error, Extern, Instance, Limits, Module, Result, StoreContextMut};

use super::home::Home;
use super::object::{Object, Thing, What};
use super::trap::{panicked, trap_of};
use super::vec::{CVec, dropped, owned, taken};
use crate::guard::guard;
use crate::room::put;
use crate::standard::failure::fail;

/// How many instances, memories and tables a store may have, each, unless the configuration says otherwise.
/// A store of C's keeps all that were ever made in it.
const MOST_THINGS: usize = 10_000_000;

/// What engines are made with where C has not said otherwise.
fn default_config() -> Config {
    let limits = Limits::new()
        .instances(MOST_THINGS)
        .memories(MOST_THINGS)
        .tables(MOST_THINGS);
    Config::new().limits(limits)
}

#[unsafe(no_mangle)]
extern "C" fn wasm_config_new() -> *mut Config {
    guard(null_mut(), || owned(default_config()))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_config_delete(it: *mut Config) {
    // SAFETY: C's duty: `it` is null or owned.
    guard((), || unsafe { dropped(it) });
}

#[unsafe(no_mangle)]
extern "C" fn wasm_engine_new() -> *mut Engine {
    guard(null_mut(), || owned(Engine::new(default_config())))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_engine_new_with_config(config: *mut Config) -> *mut Engine {
    guard(null_mut(), || {
        // SAFETY: C's duty: `config` is null or owned, and passes to this function.
        match unsafe { taken(config) } {
            Some(config) => owned(Engine::new(config)),
            None => fail(
                "an engine: expected a configuration, found NULL",
                null_mut(),
            ),
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_engine_delete(it: *mut Engine) {
    // SAFETY: C's duty: `it` is null or owned.
    guard((), || unsafe { dropped(it) });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_store_new(engine: *mut Engine) -> *mut Rc<Home> {
    guard(null_mut(), || {
        // SAFETY: C's duty: `engine` is null or exists.
        let Some(engine) = (unsafe { engine.as_ref() }) else {
            return fail("a store: expected an engine, found NULL", null_mut());
        };
        match Home::new(engine) {
            Ok(home) => owned(home),
            Err(error) => fail(error, null_mut()),
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_store_delete(it: *mut Rc<Home>) {
    guard((), || {
        // SAFETY: C's duty: `it` is null or owned.
        if let Some(home) = unsafe { taken(it) } {
            home.end();
        }
    });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_foreign_new(store: *mut Rc<Home>) -> *mut Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: `store` is null or exists.
        match unsafe { store.as_ref() } {
            Some(home) => owned(Object::own(home, What::Foreign)),
            None => fail("a foreign object: expected a store, found NULL", null_mut()),
        }
    })
}

/// What C hands over as imports.
///
/// # Errors
///
/// When one is null, or of another store.
///
/// # Safety
///
/// `imports` is null or a vector, whose elements are null or exist.
unsafe fn imports_of(home: &Rc<Home>, imports: *const CVec<*mut Object>) -> Result<Vec<Extern>> {
    // SAFETY: the caller's duty.
    let imports = unsafe { imports.as_ref() }.map_or(&[][..], CVec::as_slice);
    let imports = imports.iter().enumerate().map(|(index, import)| {
        // SAFETY: the caller's duty.
        let import = unsafe { import.as_ref() };
        let reason = match import.map(|it| (it.item(), it.is_at(home))) {
            Some((Some(item), true)) => return Ok(item),
            Some((Some(_), false)) => "one of this store, found one of another",
            Some((None, _)) => "something to import, found another handle",
            None => "something to import, found NULL",
        };
        Err(Error::usage(format!("import {index}: expected {reason}")))
    });
    imports.collect()
}

/// Makes an instance of a module for C to own. Where there is none, `trap` tells why.
///
/// # Safety
///
/// `store` and `module` are null or exist, and `trap` is null or can be written.
pub(crate) unsafe fn instance_or_trap(
    store: *const Rc<Home>,
    module: *const Object,
    trap: *mut *mut Object,
    make: impl FnOnce(&Rc<Home>, StoreContextMut<'_, ()>, &Module) -> Result<Instance>,
) -> *mut Object {
    // C may delete the store and the module while a start function runs.
    // SAFETY: the caller's duty.
    let (home, module) = unsafe {
        let module = module.as_ref().and_then(Object::module);
        (store.as_ref().cloned(), module.cloned())
    };
    let make = || {
        let home = home
            .as_ref()
            .ok_or_else(|| Error::usage("expected a store, found NULL"))?;
        let module = module
            .ok_or_else(|| Error::usage("expected a module, found NULL or another handle"))?;
        let made = home.with(|context| make(home, context, &module))??;
        Ok(owned(Object::new(home, Thing::Instance(made))))
    };
    let made = guard(Err(None), || make().map_err(Some));
    let (instance, reason) = match made {
        Ok(instance) => (instance, null_mut()),
        Err(error) => {
            let error = error.unwrap_or_else(panicked);
            fail(&error, ());
            let wanted = !trap.is_null();
            let home = home.unwrap_or_else(Home::nowhere);
            let reason = wanted.then(|| trap_of(&home, error));
            (null_mut(), reason.unwrap_or(null_mut()))
        }
    };
    // SAFETY: the caller's duty.
    unsafe { put(trap, reason) };
    instance
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_instance_new(
    store: *mut Rc<Home>,
    module: *const Object,
    imports: *const CVec<*mut Object>,
    trap: *mut *mut Object,
) -> *mut Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: they are null or exist.
        unsafe {
            instance_or_trap(store, module, trap, |home, context, module| {
                Instance::new(context, module, &imports_of(home, imports)?)
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_instance_exports(it: *const Object, out: *mut CVec<*mut Object>) {
    guard((), || {
        // SAFETY: C's duty: `it` is null or exists.
        let it = unsafe { it.as_ref() }.and_then(|it| Some((&it.home, it.instance()?)));
        let exports = it.map(|(home, instance)| {
            home.with(|context| {
                let exports = instance.exports(&context);
                exports
                    .map(|it| Object::of_extern(home, it.into_extern()))
                    .collect()
            })
        });
        let exports = match exports {
            Some(Ok(exports)) => exports,
            Some(Err(error)) => fail(error, CVec::EMPTY),
            None => fail(
                "expected an instance, found NULL or another handle",
                CVec::EMPTY,
            ),
        };
        // SAFETY: C's duty: `out` can be written.
        unsafe { put(out, exports) };
    });
}
