//! What the expression is made of that a build script emits, and the macro that puts it into the
//! program. Not to be used by hand.

use std::borrow::Cow;

use super::embedded::Bundle;

pub use super::embedded::BundledModule;

/// The bundle that the package's build script emitted with `holdall::build` (of the feature `build`):
/// an expression of type [`Bundle`](crate::Bundle), for a `static`.
///
/// ```ignore
/// // build.rs
/// fn main() -> holdall::build::Result {
///     holdall::build::Bundle::new("bundle").root("app").emit()
/// }
/// // main.rs
/// static BUNDLE: holdall::Bundle = holdall::include_bundle!();
/// ```
#[macro_export]
macro_rules! include_bundle {
    () => {{
        use $crate::__emitted as emitted;
        ::core::include!(::core::concat!(
            ::core::env!(
                "OUT_DIR",
                "`include_bundle!` needs a build script that emits a bundle: see `holdall::build`"
            ),
            "/holdall_bundle.rs"
        ))
    }};
}

/// Bytes at an address that code words can be read from where they are.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Aligned<T: ?Sized>(pub T);

/// A bundle of modules, which are in the order of their names, with the place of its root, and how
/// imports name its modules: aliases, and whether compatible versions will do.
#[must_use]
pub const fn bundle(
    modules: &'static [BundledModule],
    root: Option<usize>,
    aliases: &'static [(&'static str, &'static str)],
    compatible_versions: bool,
) -> Bundle {
    Bundle {
        modules: Cow::Borrowed(modules),
        root,
        aliases,
        compatible_versions,
    }
}

/// A module, its SHA-256, and its lowered code.
#[must_use]
pub const fn module(
    name: &'static str,
    bytes: &'static [u8],
    sha256: &'static str,
    code: Option<&'static [u8]>,
) -> BundledModule {
    BundledModule {
        name,
        bytes,
        sha256: Some(sha256),
        code,
    }
}
