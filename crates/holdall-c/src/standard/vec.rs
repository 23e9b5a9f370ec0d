//! C's vectors: a size and elements, in memory of C's allocator.

use std::ffi::c_void;
use std::ptr::null_mut;

use crate::guard::guard;
use crate::room::put;

unsafe extern "C" {
    fn calloc(count: usize, size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
}

/// What vectors hold. All zero bytes are a value of each such type, which owns nothing.
///
/// # Safety
///
/// So it is.
pub(crate) unsafe trait Element: Sized {
    /// Another value like this one, which owns what it refers to.
    ///
    /// # Safety
    ///
    /// What the value refers to exists.
    unsafe fn duplicate(&self) -> Self;

    /// Ends what the value owns.
    ///
    /// # Safety
    ///
    /// The value owns what it refers to, and is not used again.
    unsafe fn delete(&mut self);
}

// SAFETY: zero is a number.
unsafe impl Element for u8 {
    unsafe fn duplicate(&self) -> Self {
        *self
    }

    unsafe fn delete(&mut self) {}
}

// SAFETY: null refers to nothing.
unsafe impl<T: Clone> Element for *mut T {
    unsafe fn duplicate(&self) -> Self {
        // SAFETY: the caller's duty.
        unsafe { copied(*self) }
    }

    unsafe fn delete(&mut self) {
        // SAFETY: the caller's duty.
        unsafe { dropped(*self) };
    }
}

/// A vector of C's, which owns its elements.
#[repr(C)]
pub(crate) struct CVec<T: Element> {
    pub(crate) size: usize,
    pub(crate) data: *mut T,
}

impl<T: Element> CVec<T> {
    pub(crate) const EMPTY: Self = Self {
        size: 0,
        data: null_mut(),
    };

    /// A vector of zeros; an empty one where there is no memory for it.
    pub(crate) fn zeroed(size: usize) -> Self {
        let bytes = size.saturating_mul(size_of::<T>());
        if bytes == 0 || isize::try_from(bytes).is_err() {
            return Self::EMPTY;
        }
        // SAFETY: `calloc` takes all sizes, and C's allocator aligns for all types of C.
        let data: *mut T = unsafe { calloc(size, size_of::<T>()) }.cast();
        if data.is_null() {
            return Self::EMPTY;
        }
        Self { size, data }
    }

    /// The elements. None where the data is null.
    pub(crate) fn as_slice(&self) -> &[T] {
        if self.data.is_null() {
            return &[];
        }
        // SAFETY: a vector has as many elements as it says; C, which may have changed both, says the same.
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }

    /// The elements, to be changed.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        if self.data.is_null() {
            return &mut [];
        }
        // SAFETY: as in `as_slice`; the vector is borrowed here alone.
        unsafe { std::slice::from_raw_parts_mut(self.data, self.size) }
    }
}

impl<T: Element> FromIterator<T> for CVec<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut elements: Vec<T> = elements.into_iter().collect();
        let vec = Self::zeroed(elements.len());
        if !vec.data.is_null() {
            // SAFETY: there is room for as many. The elements move: what stays has none.
            unsafe {
                let from = elements.as_ptr();
                vec.data.copy_from_nonoverlapping(from, elements.len());
                elements.set_len(0);
            }
        }
        vec
    }
}

impl CVec<u8> {
    /// The bytes of a text, without a zero byte at the end.
    pub(crate) fn of(text: &str) -> Self {
        text.bytes().collect()
    }

    /// The bytes of a text, and a zero byte.
    pub(crate) fn message(text: &str) -> Self {
        text.bytes().chain([0]).collect()
    }

    /// The text of a name or a message, without a zero byte that may be at its end.
    pub(crate) fn text(&self) -> String {
        let bytes = self.as_slice();
        String::from_utf8_lossy(bytes.strip_suffix(&[0]).unwrap_or(bytes)).into_owned()
    }
}

impl<T: Element> Clone for CVec<T> {
    fn clone(&self) -> Self {
        // SAFETY: a vector owns its elements, so that what they refer to exists.
        self.as_slice()
            .iter()
            .map(|it| unsafe { it.duplicate() })
            .collect()
    }
}

impl<T: Element> Drop for CVec<T> {
    fn drop(&mut self) {
        for element in self.as_mut_slice() {
            // SAFETY: a vector owns its elements.
            unsafe { element.delete() };
        }
        // SAFETY: the memory is of `calloc`, or null.
        unsafe { free(self.data.cast()) };
    }
}

/// A copy of what C's pointer is to, as C owns it; null for null.
///
/// # Safety
///
/// `it` is null or a pointer of [`owned`] that was not given back.
pub(crate) unsafe fn copied<T: Clone>(it: *const T) -> *mut T {
    // SAFETY: the caller's duty.
    unsafe { it.as_ref() }.map_or(null_mut(), |it| owned(it.clone()))
}

/// What C is to own: it gives the pointer back to [`taken`] or [`dropped`].
pub(crate) fn owned<T>(it: T) -> *mut T {
    Box::into_raw(Box::new(it))
}

/// What C owned; `None` for null.
///
/// # Safety
///
/// `it` is null or a pointer of [`owned`], which C does not use again.
pub(crate) unsafe fn taken<T>(it: *mut T) -> Option<T> {
    // SAFETY: the caller's duty.
    (!it.is_null()).then(|| *unsafe { Box::from_raw(it) })
}

/// Ends what C owned.
///
/// # Safety
///
/// As for [`taken`].
pub(crate) unsafe fn dropped<T>(it: *mut T) {
    // SAFETY: the caller's duty.
    drop(unsafe { taken(it) });
}

/// What is in a vector that C passes on, which is empty then; an empty vector for null.
///
/// # Safety
///
/// `vec` is null or a vector.
pub(crate) unsafe fn emptied<T: Element>(vec: *mut CVec<T>) -> CVec<T> {
    // SAFETY: the caller's duty.
    unsafe { vec.as_mut() }.map_or(CVec::EMPTY, |vec| std::mem::replace(vec, CVec::EMPTY))
}

/// The functions for vectors of each type, by its name.
macro_rules! vectors {
    ($($name:literal $element:ty;)*) => {$(const _: () = {
        type Vector = CVec<$element>;

        #[unsafe(export_name = concat!("wasm_", $name, "_vec_new_empty"))]
        unsafe extern "C" fn new_empty(out: *mut Vector) {
            // SAFETY: C's duty: `out` can be written.
            guard((), || unsafe { put(out, CVec::EMPTY) });
        }

        #[unsafe(export_name = concat!("wasm_", $name, "_vec_new_uninitialized"))]
        unsafe extern "C" fn new_uninitialized(out: *mut Vector, size: usize) {
            // SAFETY: C's duty: `out` can be written.
            guard((), || unsafe { put(out, CVec::zeroed(size)) });
        }

        #[unsafe(export_name = concat!("wasm_", $name, "_vec_new"))]
        unsafe extern "C" fn new(out: *mut Vector, size: usize, elements: *const $element) {
            guard((), || {
                let vec = if elements.is_null() { Vector::EMPTY } else { Vector::zeroed(size) };
                // SAFETY: C's duty: there are `size` elements, which move, and `out` can be written.
                unsafe {
                    if vec.size > 0 {
                        vec.data.copy_from_nonoverlapping(elements, size);
                    }
                    put(out, vec);
                }
            });
        }

        #[unsafe(export_name = concat!("wasm_", $name, "_vec_copy"))]
        unsafe extern "C" fn copy(out: *mut Vector, vec: *const Vector) {
            // SAFETY: C's duty: `vec` is null or a vector, and `out` can be written.
            guard((), || unsafe { put(out, vec.as_ref().map_or(CVec::EMPTY, Clone::clone)) });
        }

        #[unsafe(export_name = concat!("wasm_", $name, "_vec_delete"))]
        unsafe extern "C" fn delete(vec: *mut Vector) {
            // SAFETY: C's duty: `vec` is null or a vector.
            guard((), || drop(unsafe { emptied(vec) }));
        }
    };)*};
}

use super::frame::Frame;
use super::object::Object;
use super::types::{Exporttype, Externtype, Importtype, Valtype};
use super::value::Value;

vectors! {
    "byte" u8;
    "valtype" *mut Valtype;
    "functype" *mut Externtype;
    "globaltype" *mut Externtype;
    "tabletype" *mut Externtype;
    "memorytype" *mut Externtype;
    "tagtype" *mut Externtype;
    "externtype" *mut Externtype;
    "importtype" *mut Importtype;
    "exporttype" *mut Exporttype;
    "val" Value;
    "frame" *mut Frame;
    "extern" *mut Object;
}
