//! `wasm_frame_t`: a call on a guest's stack.

use std::ptr::null_mut;

use super::object::Object;
use super::vec::{copied, dropped};
use crate::guard::guard;

/// `wasm_frame_t`. What is not known is 0, and no instance.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) instance: Option<Box<Object>>,
    pub(crate) func_index: u32,
    pub(crate) func_offset: usize,
    pub(crate) module_offset: usize,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_frame_delete(it: *mut Frame) {
    // SAFETY: C's duty: `it` is null or owned.
    guard((), || unsafe { dropped(it) });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_frame_copy(it: *const Frame) -> *mut Frame {
    // SAFETY: C's duty: `it` is null or exists.
    guard(null_mut(), || unsafe { copied(it) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_frame_instance(it: *const Frame) -> *const Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: `it` is null or exists.
        let instance = unsafe { it.as_ref() }.and_then(|it| it.instance.as_deref());
        instance.map_or(null_mut(), |it| (&raw const *it).cast_mut())
    })
}

/// The numbers of a frame; 0 for null.
macro_rules! numbers {
    ($($name:ident $field:ident $ty:ty;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(it: *const Frame) -> $ty {
            // SAFETY: C's duty: `it` is null or exists.
            guard(0, || unsafe { it.as_ref() }.map_or(0, |it| it.$field))
        }
    )*};
}
numbers! {
    wasm_frame_func_index func_index u32;
    wasm_frame_func_offset func_offset usize;
    wasm_frame_module_offset module_offset usize;
}
