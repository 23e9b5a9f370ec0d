//! Why the last function of this thread failed.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::fmt::Arguments;

use holdall::Error;

use super::trap::told;

thread_local! {
    static LAST: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// Why something failed.
pub(crate) trait Reason {
    /// All of the reason, as text.
    fn tell(&self) -> String;
}

impl Reason for Error {
    fn tell(&self) -> String {
        told(self)
    }
}

impl Reason for &Error {
    fn tell(&self) -> String {
        told(self)
    }
}

impl Reason for &str {
    fn tell(&self) -> String {
        (*self).to_owned()
    }
}

impl Reason for Arguments<'_> {
    fn tell(&self) -> String {
        self.to_string()
    }
}

/// Keeps the reason of a failure for `holdall_last_error`, and gives the answer for failures.
#[cold]
pub(crate) fn fail<R>(reason: impl Reason, answer: R) -> R {
    // C would take a zero byte for the text's end.
    let text: String = reason.tell().replace('\0', "\\0");
    LAST.with(|last| *last.borrow_mut() = CString::new(text).ok());
    answer
}

/// The last reason of this thread; null where there is none. The text stays until the next failure.
pub(crate) fn last() -> *const c_char {
    LAST.with(|last| {
        let last = last.borrow();
        last.as_ref()
            .map_or(std::ptr::null(), |reason| reason.as_ptr())
    })
}
