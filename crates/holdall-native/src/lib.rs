//! From the functions of a validated WebAssembly module to machine code, for the processor that this runs on or
//! for another one. What native code is and how it is called is in [`holdall_core::native`]; the machine code
//! is made by Cranelift.
//!
//! The same module and options give the same bytes, on any machine and with any number of threads. A function
//! for which there is no native code stays interpreted: one that is larger than
//! [`Options::largest_function_bytes`], would take Cranelift too long ([`Options::admit`]), needs more stack than
//! [`holdall_core::native::MOST_FRAME_BYTES`], or holds more than a hundred references to exceptions while it
//! calls. Every instruction that holdall has is covered.

#![forbid(unsafe_code)]

mod atomics;
mod calls;
mod casts;
mod charge;
mod checks;
mod code;
mod contents;
mod control;
mod division;
mod ends;
mod entrance;
mod exceptions;
mod function;
mod inline;
mod link;
mod memory;
mod module;
mod names;
mod numeric;
mod options;
mod ranges;
mod simd;
mod sites;
#[cfg(test)]
mod suite;
mod sweep;
mod tables;
mod translate;
mod weigh;
mod wide;

use holdall_core::module::Sections;
use holdall_core::native::NativeCode;

use self::module::Module;

pub use options::Options;

/// The name of the threads that make code. A panic of theirs is a fault of the compiler's: it is caught, and the
/// function stays interpreted. The process's panic hook hears of the panic nevertheless, and can know by the
/// name that nothing is lost. Where panics abort, the panic ends the process.
pub const THREAD: &str = "holdall-native";

/// What makes the code: a digest of this crate's sources, and the version of Cranelift. Where both are the same,
/// the same module and options give the same code.
pub const MAKER: [&str; 2] = [
    env!("HOLDALL_MAKER_OF_NATIVE_CODE"),
    cranelift_codegen::VERSION,
];

/// Makes native code of a module that was validated, on all processors.
#[must_use]
pub fn compile(sections: &Sections, options: &Options<'_>) -> NativeCode {
    match options.target() {
        Some(target) => {
            let module = Module::new(sections, options, &*target);
            link::native_code(&module, &*target, link::threads())
        }
        None => link::empty(sections, options),
    }
}
