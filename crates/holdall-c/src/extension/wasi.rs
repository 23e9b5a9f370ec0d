//! What modules may reach of the host.

use std::ffi::c_char;
use std::ptr::null_mut;

use holdall_wasi::{Access, Capture, Grants, Input, Output};

use crate::guard::guard;
use crate::room::put;
use crate::standard::failure::fail;
use crate::standard::vec::{CVec, dropped, owned};
use crate::text::from_c;

#[unsafe(no_mangle)]
extern "C" fn holdall_wasi_new() -> *mut Grants {
    guard(null_mut(), || owned(Grants::new()))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_wasi_delete(it: *mut Grants) {
    // SAFETY: C's duty: `it` is null or owned.
    guard((), || unsafe { dropped(it) });
}

/// Changes C's grants; false for null.
///
/// # Safety
///
/// `it` is null or exists.
unsafe fn grant(it: *mut Grants, grant: impl FnOnce(Grants) -> Grants) -> bool {
    // SAFETY: the caller's duty.
    match unsafe { it.as_mut() } {
        Some(it) => *it = grant(std::mem::take(it)),
        None => return fail("expected grants, found NULL", false),
    }
    true
}

const NO_TEXT: &str = "expected a string of UTF-8, found NULL or other bytes";

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_wasi_arg(it: *mut Grants, arg: *const c_char) -> bool {
    guard(false, || {
        // SAFETY: C's duty: they are null or exist, the string with a zero byte at its end.
        unsafe {
            match from_c(arg) {
                Some(arg) => grant(it, |grants| grants.arg(arg)),
                None => fail(NO_TEXT, false),
            }
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_wasi_env(
    it: *mut Grants,
    name: *const c_char,
    value: *const c_char,
) -> bool {
    guard(false, || {
        // SAFETY: C's duty: they are null or exist, the strings with a zero byte at their end.
        unsafe {
            match from_c(name).zip(from_c(value)) {
                Some((name, value)) => grant(it, |grants| grants.env(name, value)),
                None => fail(NO_TEXT, false),
            }
        }
    })
}

/// The functions that grant one thing.
macro_rules! grants {
    ($($name:ident $method:ident;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(it: *mut Grants) {
            // SAFETY: C's duty: `it` is null or exists.
            guard((), || _ = unsafe { grant(it, Grants::$method) });
        }
    )*};
}
grants! {
    holdall_wasi_inherit_stdio inherit_stdio;
    holdall_wasi_clocks clocks;
    holdall_wasi_random random;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_wasi_stdin_bytes(it: *mut Grants, bytes: *const CVec<u8>) {
    guard((), || {
        // SAFETY: C's duty: they are null or exist.
        unsafe {
            let bytes = bytes.as_ref().map_or(&[][..], CVec::as_slice);
            grant(it, |grants| grants.stdin(Input::bytes(bytes)));
        }
    });
}

/// The functions that keep what is written.
macro_rules! captures {
    ($($name:ident $method:ident;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(it: *mut Grants) -> *mut Capture {
            guard(null_mut(), || {
                let (capture, output) = Output::capture();
                // SAFETY: C's duty: `it` is null or exists.
                match unsafe { grant(it, |grants| grants.$method(output)) } {
                    true => owned(capture),
                    false => null_mut(),
                }
            })
        }
    )*};
}
captures! {
    holdall_wasi_capture_stdout stdout;
    holdall_wasi_capture_stderr stderr;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_capture_bytes(it: *const Capture, out: *mut CVec<u8>) {
    guard((), || {
        // SAFETY: C's duty: `it` is null or exists, and `out` can be written.
        unsafe {
            let bytes = it.as_ref().map(|it| it.bytes().into_iter().collect());
            put(out, bytes.unwrap_or(CVec::EMPTY));
        }
    });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_capture_delete(it: *mut Capture) {
    // SAFETY: C's duty: `it` is null or owned.
    guard((), || unsafe { dropped(it) });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn holdall_wasi_dir(
    it: *mut Grants,
    host: *const c_char,
    guest: *const c_char,
    read_only: bool,
) -> bool {
    guard(false, || {
        // SAFETY: C's duty: they are null or exist, the strings with a zero byte at their end.
        let (it, paths) = unsafe { (it.as_mut(), from_c(host).zip(from_c(guest))) };
        let (Some(it), Some((host, guest))) = (it, paths) else {
            return fail(NO_TEXT, false);
        };
        let access = match read_only {
            true => Access::ReadOnly,
            false => Access::ReadWrite,
        };
        match it.clone().host_dir(host, guest, access) {
            Ok(grants) => *it = grants,
            Err(error) => return fail(format_args!("directory {host:?}: {error}"), false),
        }
        true
    })
}
