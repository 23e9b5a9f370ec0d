//! What a module can be made of: bytes and text, borrowed or not.

use std::borrow::Cow;

/// The bytes of a module, or its text, as [`Module::new`](crate::Module::new) takes them: a reference
/// to whatever is bytes or text (`&[u8]`, `&str`, `&Vec<u8>`, `&[u8; N]`, `&String`, a reference to a
/// file that is mapped), or a `Vec<u8>`, `String`, `Box<[u8]>`, `Arc<[u8]>`, array or
/// `Cow<'static, [u8]>`.
///
/// A module keeps its bytes for as long as it lives. It takes over a `Vec<u8>`, a `Box<[u8]>` and a
/// `Cow`, and copies what it is given in another way; [`Module::from_static`](crate::Module::from_static)
/// copies nothing.
pub trait ModuleBytes: sealed::IntoBytes {}

impl<T: sealed::IntoBytes> ModuleBytes for T {}

use sealed::IntoBytes;

mod sealed {
    use super::Cow;

    /// What can be had as bytes that live for as long as a module.
    pub trait IntoBytes {
        /// The bytes.
        fn into_bytes(self) -> Cow<'static, [u8]>;
    }
}

impl<T: AsRef<[u8]> + ?Sized> IntoBytes for &T {
    fn into_bytes(self) -> Cow<'static, [u8]> {
        self.as_ref().to_vec().into()
    }
}

impl<const N: usize> IntoBytes for [u8; N] {
    fn into_bytes(self) -> Cow<'static, [u8]> {
        self.to_vec().into()
    }
}

impl IntoBytes for std::sync::Arc<[u8]> {
    fn into_bytes(self) -> Cow<'static, [u8]> {
        self.to_vec().into()
    }
}

macro_rules! taken_over {
    ($($ty:ty)*) => {$(
        impl IntoBytes for $ty {
            fn into_bytes(self) -> Cow<'static, [u8]> {
                Vec::from(self).into()
            }
        }
    )*};
}
taken_over! { Vec<u8> Box<[u8]> String }

impl IntoBytes for Cow<'static, [u8]> {
    fn into_bytes(self) -> Cow<'static, [u8]> {
        self
    }
}
