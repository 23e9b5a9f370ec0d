//! Compiles the functions of a module, and maps their code. Does not know stores.

use holdall_core::module::{Sections, checksum};
use holdall_core::native::{Code, Isa, NativeCode, Processors, host_features};
use holdall_native::Options;

use super::fault::Fault;
use super::mapping::Mapping;
use super::native::{Native, settings};
use crate::engine::Engine;
use crate::limits::Clock;

/// Compiles the functions of a module for other processors, and gives the tables beside the code.
pub(super) fn compile_for(
    module: &Sections,
    engine: &Engine,
    processors: Processors,
    begins: &(dyn Fn(u32) + Sync),
) -> (NativeCode, Vec<u8>) {
    let include = |defined_index| {
        begins(defined_index);
        true
    };
    let options = Options {
        features: processors.features,
        settings: settings(engine),
        include: &include,
        ..Options::baseline(processors.isa)
    };
    let code = holdall_native::compile(module, &options);
    let tables = code.tables(module);
    (code, tables)
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
    let settings = settings(engine);
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
    let Some(mapping) = Mapping::executable(&code.text) else {
        return Ok(None);
    };
    let tables: Box<[u8]> = code.tables(module).into();
    // SAFETY: the bytes lie where they are for as long as the box and the mapping do, which go after
    // everything that reads them.
    let (kept_tables, text) = unsafe {
        let tables = std::slice::from_raw_parts(tables.as_ptr(), tables.len());
        let text = std::slice::from_raw_parts(mapping.start().as_ptr(), code.text.len());
        (tables, text)
    };
    let (on, checksum) = (config.proposals(), checksum(&module.bytes));
    let code = Code::read(kept_tables, text, settings, host_features(), on, checksum)?;
    // SAFETY: the code was made just now, of this module, and its text is mapped so that it can be executed.
    Ok(Some(unsafe {
        Native::new(code, Box::new((mapping, tables)), module)
    }))
}
