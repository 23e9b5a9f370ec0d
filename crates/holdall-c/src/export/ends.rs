//! How calls of a graph end that do not return: its exception, exit code and call stack.

use std::ffi::{CString, c_char};
use std::fmt::Display;
use std::ptr;

use holdall::{Error, Trap, TrapCode};

use super::graph::Entered;

impl Entered<'_> {
    /// Forgets the exception of an earlier call; false where a native function has set one, to which its guest has
    /// not come yet.
    pub(super) fn may_call(&self) -> bool {
        if self.is_nested() {
            return self.exception.borrow().is_none();
        }
        self.clear_exception();
        true
    }

    /// Notes why a call ended early. True where the guest ended itself, which is no fault.
    #[cold]
    pub(super) fn ended(&self, error: &Error) -> bool {
        if let Some(code) = error.exit_code() {
            self.exit_code.set(code.cast_unsigned());
            return true;
        }
        if let Some(trap) = error.trap() {
            let frames = trap.frames().iter().enumerate();
            let lines = frames.map(|(index, frame)| format!("#{index:02}: {frame}\n"));
            *self.call_stack.borrow_mut() = lines.collect();
        }
        if !error.is::<Raised>() || self.exception.borrow().is_none() {
            self.raise(&text(error));
        }
        false
    }

    /// Sets the exception.
    pub(super) fn raise(&self, text: &dyn Display) {
        let text = format!("Exception: {text}").replace('\0', "");
        *self.exception.borrow_mut() = CString::new(text).ok();
    }

    pub(super) fn clear_exception(&self) {
        // The cell is read first: a call that goes well has nothing to free.
        if self.exception.borrow().is_some() {
            *self.exception.borrow_mut() = None;
        }
    }

    /// The address of the exception's text; null where there is none.
    pub(super) fn exception(&self) -> *const c_char {
        let exception = self.exception.borrow();
        exception.as_ref().map_or(ptr::null(), |text| text.as_ptr())
    }

    pub(super) fn exit_code(&self) -> u32 {
        self.exit_code.get()
    }

    /// The calls that led to the last trap, a line each.
    pub(super) fn call_stack(&self) -> String {
        self.call_stack.borrow().clone()
    }
}

/// The error of a native function that set the exception of its instance, which has the text.
#[derive(Debug, thiserror::Error)]
#[error("a native function set an exception")]
pub(super) struct Raised;

/// What the exception of an error says: for traps the specification's text, which programs compare.
fn text(error: &Error) -> String {
    match error.trap().map(Trap::code) {
        None
        | Some(
            TrapCode::Host | TrapCode::HostPanic | TrapCode::MissingImport | TrapCode::OutOfMemory,
        ) => chain(error),
        Some(code) => code.message().to_owned(),
    }
}

/// An error with its causes, in a line.
pub(super) fn chain(error: &Error) -> String {
    let texts: Vec<_> = error.chain().map(ToString::to_string).collect();
    texts.join(": ")
}
