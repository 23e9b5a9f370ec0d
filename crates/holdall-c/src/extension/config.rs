//! Configurations, the time of stores, and text.

use std::ffi::c_void;
use std::ptr::{NonNull, null_mut};
use std::rc::Rc;
use std::time::{Duration, Instant};

use holdall::{AsContextMut, Config, InterruptHandle, Pool, Result, StoreContextMut};

use crate::guard::guard;
use crate::room::put;
use crate::standard::failure::fail;
use crate::standard::home::Home;
use crate::standard::vec::{CVec, dropped, owned};

/// Changes C's configuration; does nothing for null.
///
/// # Safety
///
/// `config` is null or exists.
unsafe fn set(config: *mut Config, set: impl FnOnce(&mut Config)) {
    // SAFETY: the caller's duty.
    if let Some(config) = unsafe { config.as_mut() } {
        set(config);
    }
}

/// The functions that set a field of a configuration.
macro_rules! setters {
    ($($name:ident($value:ident: $ty:ty) |$config:ident| $set:expr;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(config: *mut Config, $value: $ty) {
            // SAFETY: C's duty: `config` is null or exists.
            guard((), || unsafe { set(config, |$config| $set) });
        }
    )*};
}
setters! {
    holdall_config_metering_set(on: bool) |config| config.metering = on;
    holdall_config_fuel_set(units: u64) |config| {
        config.metering = true;
        config.limits.fuel = Some(units);
    };
    holdall_config_memory_limit_set(bytes: usize) |config| config.limits.memory_bytes = Some(bytes);
    holdall_config_stack_size_set(bytes: usize) |config| config.stack_size_bytes = bytes;
    holdall_config_canonical_nans_set(on: bool) |config| config.canonical_nans = on;
}

/// The smallest pool that anything can be made in, in bytes.
const LEAST_POOL_BYTES: usize = 1024;

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_config_pool_set(
    config: *mut Config,
    buffer: *mut c_void,
    size: usize,
) -> bool {
    guard(false, || {
        // SAFETY: C's duty: `config` is null or exists.
        let (Some(config), Some(buffer)) = (unsafe { config.as_mut() }, NonNull::new(buffer))
        else {
            return fail(
                "a pool: expected a configuration and a buffer, found NULL",
                false,
            );
        };
        if size < LEAST_POOL_BYTES {
            return fail("a pool: expected at least 1024 bytes, found fewer", false);
        }
        // SAFETY: C's duty: the buffer has as many bytes, is the pool's alone, and outlives the engine.
        config.pool = Some(unsafe { Pool::from_raw_parts(buffer.cast(), size) });
        true
    })
}

/// Uses a store; false, and a reason, where that cannot be.
///
/// # Safety
///
/// `store` is null or exists.
unsafe fn using(
    store: *const Rc<Home>,
    using: impl FnOnce(StoreContextMut<'_, ()>) -> Result<()>,
) -> bool {
    // SAFETY: the caller's duty.
    let Some(home) = (unsafe { store.as_ref() }) else {
        return fail("expected a store, found NULL", false);
    };
    match home.with(using).flatten() {
        Ok(()) => true,
        Err(error) => fail(error, false),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_store_fuel_get(store: *const Rc<Home>, units: *mut u64) -> bool {
    guard(false, || {
        // SAFETY: C's duty: `store` is null or exists, and `units` can be written.
        unsafe {
            using(store, |context| {
                let fuel = context.get_fuel()?;
                put(units, fuel);
                Ok(())
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_store_fuel_set(store: *mut Rc<Home>, units: u64) -> bool {
    guard(false, || {
        // SAFETY: C's duty: `store` is null or exists.
        unsafe { using(store, |mut context| context.set_fuel(units)) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_store_timeout_set(store: *mut Rc<Home>, milliseconds: u64) -> bool {
    guard(false, || {
        // SAFETY: C's duty: `store` is null or exists.
        unsafe {
            using(store, |mut context| {
                let mut limits = context.current_limits().clone();
                // The limits have the fuel that was granted, not what is left.
                limits.fuel = context.fuel();
                limits.deadline = Instant::now().checked_add(Duration::from_millis(milliseconds));
                context.as_context_mut().limits(limits)
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_interrupt_new(store: *const Rc<Home>) -> *mut InterruptHandle {
    guard(null_mut(), || {
        let mut handle = null_mut();
        // SAFETY: C's duty: `store` is null or exists.
        unsafe {
            using(store, |context| {
                handle = owned(context.interrupt_handle()?);
                Ok(())
            });
        }
        handle
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_interrupt(handle: *const InterruptHandle) {
    guard((), || {
        // SAFETY: C's duty: `handle` is null or exists.
        if let Some(handle) = unsafe { handle.as_ref() } {
            handle.interrupt();
        }
    });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_interrupt_delete(handle: *mut InterruptHandle) {
    // SAFETY: C's duty: `handle` is null or owned.
    guard((), || unsafe { dropped(handle) });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_wat2wasm(text: *const u8, size: usize, out: *mut CVec<u8>) -> bool {
    guard(false, || {
        let text = if text.is_null() {
            &[]
        } else {
            // SAFETY: C's duty: there are `size` bytes.
            unsafe { std::slice::from_raw_parts(text, size) }
        };
        // A module is binary already.
        let read = match text.starts_with(b"\0asm") {
            true => Err("expected the text format, found the binary format".to_owned()),
            false => wat::parse_bytes(text).map_err(|error| error.to_string()),
        };
        let (bytes, is_module) = match read {
            Ok(bytes) => (bytes.iter().copied().collect(), true),
            Err(error) => (CVec::EMPTY, fail(format_args!("text: {error}"), false)),
        };
        // SAFETY: C's duty: `out` can be written.
        unsafe { put(out, bytes) };
        is_module
    })
}
