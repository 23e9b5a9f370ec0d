//! From the functions of a validated WebAssembly module to machine code, for the processor that this runs on or
//! for another one. What native code is and how it is called is in [`holdall_core::native`]; the machine code
//! is made by Cranelift.
//!
//! The same module and options give the same bytes, on any machine and with any number of threads. A function
//! for which there is no native code stays interpreted: one that catches exceptions, has references to
//! exceptions or casts references, is larger than [`Options::largest_function_bytes`], or needs more stack
//! than [`holdall_core::native::MOST_FRAME_BYTES`].

mod atomics;
mod calls;
mod charge;
mod control;
mod entrance;
mod function;
mod link;
mod memory;
mod module;
mod numeric;
mod options;
mod simd;
mod tables;
mod translate;
mod wide;

use holdall_core::module::Sections;
use holdall_core::native::NativeCode;

pub use options::Options;

/// Makes native code of a module that was validated, on all processors.
#[must_use]
pub fn compile(sections: &Sections, options: &Options) -> NativeCode {
    let isa = options.target();
    let module = module::Module {
        sections,
        options,
        convention: isa
            .as_ref()
            .map_or(cranelift_codegen::isa::CallConv::SystemV, |isa| {
                isa.default_call_conv()
            }),
        seen: link::look_through(sections),
    };
    match isa {
        Some(isa) => link::native_code(&module, &*isa),
        None => link::empty(&module),
    }
}
