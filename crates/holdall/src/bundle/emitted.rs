//! What a build script records of a bundle, and the macro that puts the record into the program. Not to
//! be used by hand.

use std::borrow::Cow;

use super::embedded::Bundle;

pub use super::embedded::BundledModule;

/// The bundle that the package's build script emitted with the crate `holdall-build`:
/// an expression of type [`Bundle`](crate::Bundle), for a `static`. All of it comes from where the
/// build script wrote it; the directory of modules is not looked at again.
///
/// ```ignore
/// // build.rs
/// fn main() -> holdall_build::Result {
///     holdall_build::Bundler::new("bundle").root("app").emit()
/// }
/// // main.rs
/// static BUNDLE: holdall::Bundle = holdall::include_bundle!();
/// ```
#[macro_export]
macro_rules! include_bundle {
    () => {{
        // What the build script recorded is plain data.
        const RECORD: $crate::__emitted::Record = {
            use $crate::__emitted as emitted;
            ::core::include!(::core::concat!(
                ::core::env!(
                    "OUT_DIR",
                    "`include_bundle!` needs a build script that emits a bundle: see the crate `holdall-build`"
                ),
                "/holdall_bundle.rs"
            ))
        };
        const MODULES: [$crate::__emitted::BundledModule; RECORD.modules.len()] =
            // SAFETY: `holdall-build` writes the record, and beside it the bytes of each module with
            // the code that it made of them, all at once; OUT_DIR is the build script's alone. This
            // block is the macro's own, so that packages that forbid unsafe code can use the macro.
            unsafe { $crate::__emitted::modules(RECORD.modules) };
        $crate::__emitted::bundle(&MODULES, &RECORD)
    }};
}

/// A bundle as a build script records it.
#[derive(Debug)]
pub struct Record {
    /// In the order of their names.
    pub modules: &'static [Module],
    /// The place of the root among the modules.
    pub root: Option<usize>,
    /// How imports name the modules: aliases, and whether compatible versions will do.
    pub aliases: &'static [(&'static str, &'static str)],
    /// Whether compatible versions will do.
    pub compatible_versions: bool,
    /// The commands that are used for their exports.
    pub used_exports: &'static [&'static str],
}

/// A module as a build script records it.
#[derive(Clone, Copy, Debug)]
pub struct Module {
    /// Its name.
    pub name: &'static str,
    /// The module.
    pub bytes: &'static [u8],
    /// The SHA-256 of the bytes in hexadecimal.
    pub sha256: &'static str,
    /// The lowered code that was made of the bytes.
    pub code: Option<&'static [u8]>,
}

/// Bytes at an address that code words can be read from where they are.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Aligned<T: ?Sized>(pub T);

/// The modules of a record, `N` of them.
///
/// # Safety
///
/// Each module's code was made of its bytes by [`Module::precompile`](crate::Module::precompile), and
/// neither was changed since: the code will be run.
///
/// # Panics
///
/// When the record has not `N` modules.
#[must_use]
pub const unsafe fn modules<const N: usize>(recorded: &[Module]) -> [BundledModule; N] {
    assert!(recorded.len() == N);
    let mut modules = [BundledModule::EMPTY; N];
    let mut at = 0;
    while at < N {
        let Module {
            name,
            bytes,
            sha256,
            code,
        } = recorded[at];
        modules[at] = BundledModule {
            name,
            bytes,
            sha256: Some(sha256),
            code,
        };
        at += 1;
    }
    modules
}

/// The bundle of a record, of which these are the modules.
#[must_use]
pub const fn bundle(modules: &'static [BundledModule], record: &Record) -> Bundle {
    Bundle {
        modules: Cow::Borrowed(modules),
        root: record.root,
        aliases: record.aliases,
        compatible_versions: record.compatible_versions,
        used_exports: record.used_exports,
    }
}
