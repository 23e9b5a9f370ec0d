//! The native code of a module, where the processor can execute it. Does not know stores.

use std::fmt;
use std::ptr::NonNull;

use holdall_core::module::{Sections, Unfit};
use holdall_core::native::Code;

use super::mapping::Mapping;
use crate::ir::{self, Word};
#[cfg(feature = "native")]
use {
    super::fault::Fault,
    crate::engine::Engine,
    crate::limits::Clock,
    holdall_core::module::checksum,
    holdall_core::native::{Isa, Settings, host_features},
    holdall_native::Options,
};

/// The native code of a module.
pub(crate) struct Native {
    /// The tables; its text is what `text` is a copy of, or `text` itself.
    code: Code<'static>,
    /// The machine code, of which `code` knows the size.
    text: NonNull<u8>,
    functions: Box<[Function]>,
    /// What stands for the code of each defined function that is native.
    stubs: Box<[[Word; 2]]>,
    /// What keeps the bytes, where they are not the program's. Declared last: it goes last.
    _bytes: Option<(Mapping, Box<[u8]>)>,
}

// SAFETY: the addresses lead to bytes that nobody writes to.
unsafe impl Send for Native {}
// SAFETY: as for `Send`.
unsafe impl Sync for Native {}

/// Where a defined function's machine code lies; null where it has none.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    /// What the executor calls for functions of the type.
    pub(crate) entrance: *const u8,
    /// What is called.
    pub(crate) start: *const u8,
    /// What a tail call calls.
    pub(crate) inner: *const u8,
}

impl Native {
    /// Maps the code in `bytes` to where it can be executed. `None` where that is not possible.
    ///
    /// # Errors
    /// Why the code is not for this module in this engine.
    ///
    /// # Safety
    /// Where [`Code::read`] takes the bytes, they are native code of the module as `holdall-native` makes it.
    pub(crate) unsafe fn map(
        bytes: Box<[u8]>,
        read: impl FnOnce(&'static [u8]) -> Result<Code<'static>, Unfit>,
        module: &Sections,
    ) -> Result<Option<Self>, Unfit> {
        // SAFETY: the bytes lie where they are for as long as the box does, which goes after everything that
        // reads them.
        let shown = unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) };
        let code = read(shown)?;
        let Some(mapping) = Mapping::executable(code.text()) else {
            return Ok(None);
        };
        let text = mapping.start();
        Ok(Some(Self::of_text(
            code,
            text,
            Some((mapping, bytes)),
            module,
        )))
    }

    /// The code in a part of the program that the system has mapped as executable.
    ///
    /// # Safety
    /// The text of `code` is executable, and native code of the module.
    #[allow(dead_code, reason = "packed programs come next")]
    pub(crate) unsafe fn in_program(code: Code<'static>, module: &Sections) -> Self {
        let text = NonNull::from(code.text()).cast();
        Self::of_text(code, text, None, module)
    }

    fn of_text(
        code: Code<'static>,
        text: NonNull<u8>,
        bytes: Option<(Mapping, Box<[u8]>)>,
        module: &Sections,
    ) -> Self {
        let at = |offset: u32| text.as_ptr().wrapping_add(offset as usize).cast_const();
        let defined = module.funcs[module.num_imported_funcs..].iter().zip(0..);
        let found = defined.clone().map(|(ty, index)| {
            let found = code.function(index).zip(code.entrance(*ty));
            let null = std::ptr::null();
            found.map_or(
                Function {
                    entrance: null,
                    start: null,
                    inner: null,
                },
                |(function, entrance)| Function {
                    entrance: at(entrance),
                    start: at(function.start),
                    inner: at(function.inner.unwrap_or(function.start)),
                },
            )
        });
        let functions = found.collect();
        let stubs = defined.map(|(ty, index)| {
            let ty = &module.types[*ty as usize];
            ir::native_stub(ty.param_slots(), ty.result_slots(), index)
        });
        let stubs = stubs.collect();
        Self {
            code,
            text,
            functions,
            stubs,
            _bytes: bytes,
        }
    }

    /// What stands for the code of a defined function, and its machine code; `None` where it has none.
    pub(crate) fn function(&self, defined_index: usize) -> Option<(*const Word, *const ())> {
        let start = self.functions[defined_index].start;
        (!start.is_null()).then(|| (self.stubs[defined_index].as_ptr(), start.cast()))
    }

    /// Where the machine code of a defined function lies.
    pub(crate) fn code(&self, defined_index: u32) -> Function {
        self.functions[defined_index as usize]
    }

    /// The defined function that has the instruction before a return address, and the offset in the module's
    /// bytes of what that instruction is made of; none where the instruction is the call of the inner code.
    pub(crate) fn call_at(&self, back: usize) -> Option<(u32, Option<u32>)> {
        let offset = back.checked_sub(self.text.addr().get())?.checked_sub(1)?;
        let offset = u32::try_from(offset).ok()?;
        let function = self.code.function_at(offset)?;
        let inner = self.code.function(function)?.inner;
        let calls_inner = inner.is_some_and(|inner| offset < inner);
        let place = self.code.place_at(offset).filter(|_| !calls_inner);
        Some((function, place))
    }

    /// How many functions are native, and how many bytes their code takes.
    pub(crate) fn size(&self) -> (usize, usize) {
        let native = self.functions.iter();
        let native = native.filter(|function| !function.start.is_null());
        (native.count(), self.code.text().len())
    }
}

/// Compiles the functions of a module, where native code runs and the engine wants it.
///
/// # Errors
/// The time is up.
#[cfg(feature = "native")]
pub(super) fn compile(
    module: &Sections,
    engine: &Engine,
    clock: &Clock,
) -> Result<Option<Native>, Fault> {
    let config = engine.config();
    let Some(isa) = Isa::HERE.filter(|_| config.native) else {
        return Ok(None);
    };
    let settings = Settings {
        metering: config.metering,
        canonical_nans: config.canonical_nans,
        guarded_addresses: false,
    };
    let is_wanted = |defined_index: u32| {
        let is_chosen = |seed: u64| {
            let mixed = (seed ^ u64::from(defined_index)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed >> 63 == 0
        };
        clock.check().is_ok() && config.native_seed.is_none_or(is_chosen)
    };
    let options = Options {
        features: host_features() & config.native_features,
        settings,
        include: &is_wanted,
        ..Options::baseline(isa)
    };
    let code = holdall_native::compile(module, &options);
    clock.check()?;
    let bytes = code.to_bytes(module).into();
    let read = |bytes| {
        let (on, module) = (config.proposals(), checksum(&module.bytes));
        Code::read(bytes, settings, host_features(), on, module)
    };
    // SAFETY: the code was made just now, of this module.
    Ok(unsafe { Native::map(bytes, read, module) }?)
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (functions, bytes) = self.size();
        f.debug_struct("Native")
            .field("functions", &functions)
            .field("bytes", &bytes)
            .finish()
    }
}
