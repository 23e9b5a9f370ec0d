//! Compiles the functions of a module, and maps their code. Does not know stores.

use std::ptr::NonNull;

use holdall_core::module::{Sections, Unfit, checksum};
use holdall_core::native::{Code, Isa, Settings, host_features};
use holdall_native::Options;

use super::fault::Fault;
use super::mapping::Mapping;
use super::native::{Function, Native};
use crate::engine::Engine;
use crate::ir;
use crate::limits::Clock;

impl Native {
    /// Maps the code in `bytes` to where it can be executed. `None` where that is not possible.
    ///
    /// # Errors
    /// Why the code is not for this module in this engine.
    ///
    /// # Safety
    /// Where [`Code::read`] takes the bytes, they are native code of the module as `holdall-native` makes it.
    unsafe fn map(
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
        Ok(Some(Self::of_text(code, text, (mapping, bytes), module)))
    }

    fn of_text(
        code: Code<'static>,
        text: NonNull<u8>,
        bytes: (Mapping, Box<[u8]>),
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
            _bytes: Box::new(bytes),
        }
    }
}

/// Compiles the functions of a module, where native code runs and the engine wants it.
///
/// # Errors
/// The time is up.
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
        guarded_addresses: config.guarded_addresses,
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
