//! Reasons of failures, and ends of guests.

use std::ffi::c_char;
use std::ptr::null;

use crate::guard::guard;
use crate::room::put;
use crate::standard::failure;
use crate::standard::object::Object;

#[unsafe(no_mangle)]
extern "C" fn holdall_last_error() -> *const c_char {
    guard(null(), failure::last)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_trap_exit_code(it: *const Object, code: *mut i32) -> bool {
    guard(false, || {
        // SAFETY: C's duty: `it` is null or exists.
        let story = unsafe { it.as_ref() }.and_then(Object::story);
        let Some(exit_code) = story.and_then(|it| it.exit_code) else {
            return false;
        };
        // SAFETY: C's duty: `code` is null or can be written.
        unsafe { put(code, exit_code) };
        true
    })
}
