//! Traps: why a call ended early, for C; and those that C's functions give.

use std::cell::RefCell;
use std::fmt;
use std::ptr::null_mut;
use std::rc::Rc;

use holdall::{Error, ErrorKind, Exception, Instance, Trap, TrapCode};

use super::frame::Frame;
use super::home::{Home, Kept};
use super::object::{Object, Thing, What};
use super::vec::{CVec, owned, taken};
use crate::guard::guard;
use crate::room::put;
use crate::standard::failure::fail;

/// What a trap tells.
pub(crate) struct Story {
    message: String,
    /// Innermost first. Those of a trap that C made are known once the trap has left the guest.
    frames: RefCell<Vec<Frame>>,
    /// The exit code, where the guest ended itself.
    pub(crate) exit_code: Option<i32>,
}

impl Story {
    fn new(message: String) -> Self {
        Self {
            message,
            frames: RefCell::default(),
            exit_code: None,
        }
    }
}

/// A trap that a function of C's gave, on its way through a guest.
#[derive(Debug)]
struct Thrown(Kept);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.0.story().map_or("a trap", |it| &it.message))
    }
}

/// The error that carries a trap of C's through a guest, and the guest's calls with it.
///
/// # Safety
///
/// `trap` is owned, and passes to this function.
#[cold]
pub(crate) unsafe fn thrown(trap: *mut Object) -> anyhow::Error {
    // SAFETY: the caller's duty.
    let trap = unsafe { taken(trap) };
    let Some(trap) = trap.filter(|it| it.story().is_some()) else {
        return Error::usage("expected a trap from a function of C, found another handle").into();
    };
    let thrown = Thrown(Kept(trap));
    anyhow::Error::new(Trap::new(thrown.to_string())).context(thrown)
}

/// The error of a fault of holdall's own.
#[cold]
pub(crate) fn panicked() -> Error {
    Error::usage("a fault of holdall's, which standard error tells of")
}

/// The trap for an error, for C to own.
#[cold]
pub(crate) fn trap_of(home: &Rc<Home>, error: Error) -> *mut Object {
    let frames = match (error.trap(), error.exception()) {
        (Some(trap), _) => trap.frames(),
        (None, Some(thrown)) => thrown.frames(),
        (None, None) => &[],
    };
    let frames = frames_of(home, frames);
    let thrown = match error.kind() {
        ErrorKind::Host(error) => error.downcast_ref::<Thrown>(),
        _ => None,
    };
    if let Some(Thrown(Kept(trap))) = thrown {
        if let Some(story) = trap.story() {
            // What is there already is of calls farther in, which the trap passed through before.
            let mut known = story.frames.borrow_mut();
            known.extend(frames);
            known.truncate(Trap::MAX_FRAMES);
        }
        return owned(trap.clone());
    }
    owned(Object::own(
        home,
        What::Trap(Story {
            frames: RefCell::new(frames),
            exit_code: error.exit_code(),
            ..Story::new(told(&error))
        }),
    ))
}

/// All that an error says. The calls of a trap are told apart: see `wasm_trap_trace`.
pub(crate) fn told(error: &Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = if let Some(trap) = cause.downcast_ref() {
            reason(trap)
        } else if cause.is::<Exception>() {
            // One line for what was thrown, then one for each call.
            cause.to_string().lines().take(1).collect()
        } else {
            cause.to_string()
        };
        // Many errors tell their causes themselves.
        if !text.contains(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    text
}

/// Why a trap happened.
fn reason(trap: &Trap) -> String {
    match trap.detail() {
        Some(detail) if trap.code() == TrapCode::Host => detail.to_owned(),
        Some(detail) => format!("{}: {detail}", trap.code()),
        None => trap.code().to_string(),
    }
}

/// The guest's calls, for C.
fn frames_of(home: &Rc<Home>, frames: &[holdall::Frame]) -> Vec<Frame> {
    let number = |it: Option<u64>| it.and_then(|it| usize::try_from(it).ok()).unwrap_or(0);
    let frames = frames.iter().map(|frame| {
        let instance = home.with(|context| Instance::of_frame(context, frame));
        let instance = instance.ok().flatten();
        Frame {
            instance: instance.map(|it| Box::new(Object::new(home, Thing::Instance(it)))),
            func_index: frame.func_index,
            func_offset: number(frame.func_offset),
            module_offset: number(frame.offset),
        }
    });
    frames.collect()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_trap_new(store: *mut Rc<Home>, message: *const CVec<u8>) -> *mut Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: they are null or exist.
        let (store, message) = unsafe { (store.as_ref(), message.as_ref()) };
        let Some(home) = store else {
            return fail("a trap: expected a store, found NULL", null_mut());
        };
        let message = message.map_or_else(String::new, CVec::text);
        owned(Object::own(home, What::Trap(Story::new(message))))
    })
}

/// What a trap tells.
///
/// # Safety
///
/// `it` is null or exists.
unsafe fn story<'a>(it: *const Object) -> Option<&'a Story> {
    // SAFETY: the caller's duty.
    unsafe { it.as_ref() }?.story()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_trap_message(it: *const Object, out: *mut CVec<u8>) {
    guard((), || {
        // SAFETY: C's duty: `it` is null or exists, and `out` can be written.
        unsafe {
            let message = story(it).map(|it| CVec::message(&it.message));
            put(out, message.unwrap_or(CVec::EMPTY));
        }
    });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_trap_origin(it: *const Object) -> *mut Frame {
    guard(null_mut(), || {
        // SAFETY: C's duty: `it` is null or exists.
        let frame = unsafe { story(it) }.and_then(|it| it.frames.borrow().first().cloned());
        frame.map_or(null_mut(), owned)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_trap_trace(it: *const Object, out: *mut CVec<*mut Frame>) {
    guard((), || {
        // SAFETY: C's duty: `it` is null or exists, and `out` can be written.
        unsafe {
            let frames =
                story(it).map(|it| it.frames.borrow().iter().cloned().map(owned).collect());
            put(out, frames.unwrap_or(CVec::EMPTY));
        }
    });
}
