//! What a build script records of a bundle, and the macro that puts the record into the program. Not to
//! be used by hand.

use std::borrow::Cow;

use super::embedded::Bundle;

pub use super::embedded::BundledModule;
/// The address of a text that the build script linked into the program.
pub use crate::__native_text as native_text;

/// The bundle that the package's build script emitted with the crate `holdall-build`: an expression
/// of type [`Bundle`](crate::Bundle), for a `static`. The bundle is what the build script wrote;
/// the directory of modules is not read again.
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
    /// The modules, in the order of their names.
    pub modules: &'static [Module],
    /// The index of the root among the modules.
    pub root: Option<usize>,
    /// The aliases: names that imports say, each with the name that they are taken to say.
    pub aliases: &'static [(&'static str, &'static str)],
    /// Whether compatible versions satisfy an import ([`Versions::Compatible`](crate::Versions)).
    pub compatible_versions: bool,
    /// The commands that are used for their exports.
    pub used_exports: &'static [&'static str],
}

/// A module as a build script records it.
#[derive(Clone, Copy, Debug)]
pub struct Module {
    /// The name that imports use.
    pub name: &'static str,
    /// The module.
    pub bytes: &'static [u8],
    /// The SHA-256 of the bytes in hexadecimal.
    pub sha256: &'static str,
    /// The lowered code that was made of the bytes.
    pub code: Option<&'static [u8]>,
    /// The machine code that was made of the bytes, beside lowered code of all functions.
    pub native: Option<Native>,
}

/// The machine code of a module as a build script records it.
#[derive(Clone, Copy, Debug)]
pub struct Native {
    /// The tables.
    pub tables: &'static [u8],
    /// Gives the text, which is linked into the program. A constant cannot refer to what is linked later.
    pub text: fn() -> &'static [u8],
}

/// The function that gives the text of this size with this symbol. The symbol is of the text's content, and the
/// archive that has it was named to the linker by the build script that wrote this.
#[doc(hidden)]
#[macro_export]
macro_rules! __native_text {
    ($symbol:literal, $size:literal) => {{
        fn text() -> &'static [u8] {
            // SAFETY: `holdall-build` writes the object that has the symbol, with this size, and this
            // expression, at once.
            unsafe extern "C" {
                #[link_name = $symbol]
                static TEXT: [u8; $size];
            }
            // SAFETY: as above; nobody writes to the text of a program.
            unsafe { &TEXT }
        }
        text
    }};
}

/// Bytes at a multiple of 16, so that code words can be read where the bytes lie.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Aligned<T: ?Sized>(pub T);

/// The modules of a record, `N` of them.
///
/// # Safety
///
/// Each module's code was made of its bytes by [`Module::precompile`](crate::Module::precompile), its machine
/// code by `holdall-native`, and none of them was changed since: the code will be run. The text of machine code
/// lies where the processor can execute it.
///
/// # Panics
///
/// When the record does not have `N` modules.
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
            native,
        } = recorded[at];
        modules[at] = BundledModule {
            name,
            bytes,
            sha256: Some(sha256),
            code,
            native,
        };
        at += 1;
    }
    modules
}

/// The bundle of a record; `modules` are the record's modules.
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
