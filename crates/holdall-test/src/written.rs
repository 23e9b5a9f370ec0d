//! What a guest wrote.

use std::fmt::{self, Write};

/// What a guest wrote to a stream or a file: bytes, which mostly are text. Shown as text, with `\xff`
/// for a byte that is no part of one (UTF-8).
///
/// ```
/// use holdall_test::Written;
///
/// let written = Written::from(b"one\xff\n".to_vec());
/// assert_eq!(written, *b"one\xff\n");
/// assert_eq!(written.to_string(), "one\\xff\n");
/// assert_eq!(Written::from(b"text".to_vec()), "text");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Written(Vec<u8>);

impl Written {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, by value.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The text; `None` where the bytes are none.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            write!(f, "{}", chunk.valid().escape_debug())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_char('"')
    }
}

impl From<Vec<u8>> for Written {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Written {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

macro_rules! equal {
    ($($ty:ty),*) => {$(
        impl PartialEq<$ty> for Written {
            fn eq(&self, other: &$ty) -> bool {
                let other: &[u8] = other.as_ref();
                self.0 == other
            }
        }
    )*};
}
equal!(str, &str, String, [u8], &[u8], Vec<u8>);

impl<const N: usize> PartialEq<[u8; N]> for Written {
    fn eq(&self, other: &[u8; N]) -> bool {
        self.0 == other
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for Written {
    fn eq(&self, other: &&[u8; N]) -> bool {
        self.0 == *other
    }
}
