//! Compiles the functions of a module, or takes their code from where it is kept, and maps the code. Does not
//! know stores.

use std::sync::atomic::{AtomicBool, Ordering};

use holdall_core::module::{Sections, Unfit, checksum};
use holdall_core::native::{Isa, MEANING_OF_NATIVE_CODE, NativeCode, Processors, host_features};
use holdall_native::{MAKER, Options};
use sha2::{Digest, Sha256};

use super::cache::{Cache, Key};
use super::fault::Fault;
use super::mapping::Mapping;
use super::native::{MachineCode, Native, settings};
use crate::engine::Engine;
use crate::limits::Clock;

/// Code that is kept is this many times as large as its module at most; the greatest that was seen is 25.
const MOST_GROWTH: usize = 64;
/// What the smallest modules need beside that.
const MOST_BESIDE_BYTES: usize = 1 << 20;

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

/// Native code of the functions of a module, where native code runs and the engine wants it.
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
    // Chance would have to be a part of the key.
    let cache = config.cache.as_ref();
    let cache = cache.filter(|_| config.native_seed.is_none());
    let options = Options {
        features: host_features() & config.native_features,
        settings: settings(engine),
        ..Options::baseline(isa)
    };
    let entry = cache.map(|cache| (cache, key(module, &options)));
    if let Some((cache, key)) = &entry
        && let Some(native) = kept(cache, key, module, engine)
    {
        return Ok(Some(native));
    }
    let is_wanted = |defined_index: u32| {
        let is_chosen = |seed: u64| {
            let mixed = (seed ^ u64::from(defined_index)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed >> 63 == 0
        };
        clock.check().is_ok() && config.native_seed.is_none_or(is_chosen)
    };
    let is_cut_short = AtomicBool::new(false);
    let is_admitted = |time| {
        let has_time = clock.has_time(time);
        is_cut_short.fetch_or(!has_time, Ordering::Relaxed);
        has_time && (options.admit)(time)
    };
    let code = holdall_native::compile(
        module,
        &Options {
            include: &is_wanted,
            admit: &is_admitted,
            ..options
        },
    );
    clock.check()?;
    let tables = code.tables(module);
    if let Some((cache, key)) = &entry
        && !is_cut_short.load(Ordering::Relaxed)
    {
        let size = (tables.len() as u64).to_le_bytes();
        cache.write(key, &[&size, &tables, &code.text]);
    }
    // SAFETY: the code was made just now, of this module.
    Ok(unsafe { map(tables.into(), &code.text, module, engine) }?)
}

/// The key of the code that a module and options give.
fn key(module: &Sections, options: &Options<'_>) -> Key {
    let mut digest = Sha256::new();
    digest.update(MEANING_OF_NATIVE_CODE);
    for part in MAKER {
        digest.update(part);
        digest.update([0]);
    }
    let made_for = format!(
        "{:?} {:?} {:?}",
        options.isa, options.features, options.settings
    );
    digest.update(made_for);
    digest.update([0]);
    digest.update(&module.bytes);
    digest.finalize().into()
}

/// The code that is kept of a module, if it is whole.
fn kept(cache: &Cache, key: &Key, module: &Sections, engine: &Engine) -> Option<Native> {
    let most_bytes = module.bytes.len().saturating_mul(MOST_GROWTH);
    let kept = cache.read(key, most_bytes.saturating_add(MOST_BESIDE_BYTES))?;
    let (size, kept) = kept.split_first_chunk()?;
    let size = usize::try_from(u64::from_le_bytes(*size)).ok()?;
    let (tables, text) = kept.split_at_checked(size)?;
    // SAFETY: only this user's processes write what a cache gives, and they write there what they made of a
    // module with this key, which has the digest of the module.
    unsafe { map(tables.into(), text, module, engine) }.ok()?
}

/// Maps a text to where it can be executed. `None` where that is not possible.
///
/// # Errors
/// The code is not of this module, for this processor, or for this engine.
///
/// # Safety
/// If the tables are those of the module, `holdall-native` made them and the text.
unsafe fn map(
    tables: Box<[u8]>,
    text: &[u8],
    module: &Sections,
    engine: &Engine,
) -> Result<Option<Native>, Unfit> {
    let Some(mapping) = Mapping::executable(text) else {
        return Ok(None);
    };
    // SAFETY: the bytes lie where they are for as long as the box and the mapping do, which go after
    // everything that reads them.
    let code = unsafe {
        MachineCode {
            tables: std::slice::from_raw_parts(tables.as_ptr(), tables.len()),
            text: std::slice::from_raw_parts(mapping.start().as_ptr(), text.len()),
        }
    };
    let code = code.read(engine, checksum(&module.bytes), module)?;
    // SAFETY: the code is that of this module by the caller's promise, and its text can be executed where it is
    // mapped.
    let native = unsafe { Native::new(code, Box::new((mapping, tables)), module) };
    Ok(Some(native))
}
