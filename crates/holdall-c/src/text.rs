//! Texts that C hands over, and texts for C's buffers.

use std::ffi::{CStr, c_char};
use std::fmt::{self, Display, Write};

/// The text at `text`; `None` where it is null or no UTF-8.
///
/// # Safety
///
/// `text` is null, or a string with a zero byte at its end that nobody changes for the length of `'a`.
pub(crate) unsafe fn from_c<'a>(text: *const c_char) -> Option<&'a str> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller's duty.
    unsafe { CStr::from_ptr(text) }.to_str().ok()
}

/// Writes `text` to the `size` bytes at `buffer`: as much as there is room for, whole characters only, and a
/// zero byte. Does nothing where `buffer` is null or `size` is 0.
///
/// # Safety
///
/// `buffer` is null, or `size` bytes can be written there.
pub(crate) unsafe fn to_c(text: impl Display, buffer: *mut c_char, size: usize) {
    if buffer.is_null() || size == 0 {
        return;
    }
    let mut room = Room {
        buffer: buffer.cast(),
        left: size - 1,
    };
    // A full buffer ends the writing early, which is no fault.
    let _ = write!(room, "{text}");
    // SAFETY: `Room` went on by at most `size - 1` bytes.
    unsafe { room.buffer.write(0) };
}

/// The rest of C's buffer.
struct Room {
    buffer: *mut u8,
    /// How many bytes can still be written, the zero byte at the end aside.
    left: usize,
}

impl Write for Room {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // C would take a zero byte for the text's end.
        let text = text.split('\0').next().unwrap_or_default();
        let len = text.floor_char_boundary(self.left);
        // SAFETY: `len` is at most `left`, and the caller of `to_c` gave as many bytes.
        unsafe {
            self.buffer.copy_from_nonoverlapping(text.as_ptr(), len);
            self.buffer = self.buffer.add(len);
        }
        self.left -= len;
        if len < text.len() {
            self.left = 0;
            return Err(fmt::Error);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_end_within_their_buffers() {
        for (size, expected) in [
            (0, "########"),
            (1, "\0#######"),
            (3, "ab\0#####"),
            (4, "ab\0#####"),
            (5, "abé\0####"),
            (9, "abéd\0###"),
        ] {
            let mut buffer = *b"#########";
            // SAFETY: the buffer has 9 bytes.
            unsafe { to_c("abéd", buffer.as_mut_ptr().cast(), size) };
            assert_eq!(&buffer[..8], &expected.as_bytes()[..8], "{size}");
        }
        // SAFETY: null is allowed.
        unsafe { to_c("abc", std::ptr::null_mut(), 7) };
    }

    #[test]
    fn null_and_what_is_no_text_are_told_apart_from_text() {
        // SAFETY: null, and strings that end with a zero byte.
        unsafe {
            assert_eq!(from_c(std::ptr::null()), None);
            assert_eq!(from_c(c"\xff".as_ptr()), None);
            assert_eq!(from_c(c"".as_ptr()), Some(""));
            assert_eq!(from_c(c"mA".as_ptr()), Some("mA"));
        }
    }
}
