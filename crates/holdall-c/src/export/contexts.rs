//! Data of the program's own for each instance, by key.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, PoisonError};

use super::graph::{ModuleInst, OfGraph};
use super::handles::Handle;
use crate::guard::guard;

type Destructor = unsafe extern "C" fn(Handle<ModuleInst>, *mut c_void);

struct Keys {
    next: usize,
    living: BTreeMap<usize, Option<Destructor>>,
}

static KEYS: Mutex<Keys> = Mutex::new(Keys {
    next: 1,
    living: BTreeMap::new(),
});

/// Gives what an instance has for each key to the key's destructor. The instance's handle is still good.
pub(super) fn end(inst: NonNull<ModuleInst>) {
    // SAFETY: the graph, which is being destroyed, has it still.
    let inst = unsafe { inst.as_ref() };
    for (key, context) in inst.contexts.take() {
        let keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
        let destructor = keys.living.get(&key).copied().flatten();
        drop(keys);
        if let Some(destructor) = destructor
            && !context.is_null()
        {
            // SAFETY: the program gave the function for this.
            unsafe { destructor(inst.handle, context) };
        }
    }
}

/// Makes a key. `destructor`, which may be null, gets what an instance has for it when the instance goes.
#[unsafe(no_mangle)]
extern "C" fn wasm_runtime_create_context_key(destructor: Option<Destructor>) -> *mut c_void {
    guard(ptr::null_mut(), || {
        let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
        let key = keys.next;
        keys.next += 1;
        keys.living.insert(key, destructor);
        ptr::without_provenance_mut(key)
    })
}

/// Takes a key back. What instances have for it is forgotten, and not destroyed.
#[unsafe(no_mangle)]
extern "C" fn wasm_runtime_destroy_context_key(key: *mut c_void) {
    guard((), || {
        let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
        keys.living.remove(&key.addr());
    });
}

/// Sets what an instance has for a key.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_set_context(
    inst: Handle<ModuleInst>,
    key: *mut c_void,
    context: *mut c_void,
) {
    guard((), || {
        // SAFETY: the rule of handles.
        if let Some(inst) = unsafe { inst.get() }
            && let Some(_entered) = inst.enter()
        {
            inst.contexts.borrow_mut().insert(key.addr(), context);
        }
    });
}

/// As `wasm_runtime_set_context`: an instance has one thread.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_set_context_spread(
    inst: Handle<ModuleInst>,
    key: *mut c_void,
    context: *mut c_void,
) {
    // SAFETY: the caller's duty.
    guard((), || unsafe {
        wasm_runtime_set_context(inst, key, context)
    });
}

/// What an instance has for a key; null where it has nothing.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_context(
    inst: Handle<ModuleInst>,
    key: *mut c_void,
) -> *mut c_void {
    guard(ptr::null_mut(), || {
        // SAFETY: the rule of handles.
        let inst = unsafe { inst.get() };
        let found = inst.and_then(|inst| {
            let _entered = inst.enter()?;
            inst.contexts.borrow().get(&key.addr()).copied()
        });
        found.unwrap_or(ptr::null_mut())
    })
}
