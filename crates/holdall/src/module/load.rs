//! From bytes to a module: text or binary, sections, validation of every function body, lowering.
//! Does not know what a module is used for.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::fault::Fault;
use super::inner::{ExportKind, ModuleInner};
use super::names::Names;
use super::parse::Sections;
use super::precompiled::{self, Header};
use super::side_by_side::side_by_side;
#[cfg(feature = "wat")]
use super::text::parse as parse_text;
use super::validate::validate_bodies;
use super::weight::Weight;
use crate::compile::Code;
use crate::engine::{Engine, Lowering};
use crate::error::Result;
use crate::ir;
use crate::limits::{Clock, Limits};
use crate::sigs::Sigs;

/// The version and layer of a component; a core module has 1 and 0.
const COMPONENT_LAYER: [u8; 2] = [1, 0];

/// How long a letter of a name takes at most each time that the name is compared.
const TIME_OF_LETTER: Duration = Duration::from_nanos(4);

/// Makes a module.
pub(super) fn load(
    engine: &Engine,
    name: Option<&str>,
    bytes: Cow<'static, [u8]>,
) -> Result<ModuleInner> {
    module(engine, name, bytes).map_err(|fault| fault.of_module(name))
}

/// Validates a module and keeps nothing of it.
pub(super) fn validate(engine: &Engine, bytes: &[u8]) -> Result<()> {
    let limits = &engine.config().limits;
    let clock = engine.clock();
    let check = || {
        let bytes = binary(Cow::Borrowed(bytes), limits, &clock)?;
        let (_, bodies) = Sections::read(&bytes, limits, &clock)?;
        validate_bodies(bodies, limits, &clock)
    };
    check().map_err(|fault: Fault| fault.of_module(None))
}

/// Makes a module of bytes that were validated before, and of the code that was made of them then;
/// `checksum` is that of the bytes.
///
/// # Safety
///
/// As for [`Module::precompiled`](super::Module::precompiled).
pub(super) unsafe fn precompiled(
    engine: &Engine,
    name: &str,
    bytes: &'static [u8],
    checksum: u64,
    code: &'static [u8],
) -> Result<ModuleInner> {
    let clock = engine.clock();
    let make = || {
        let header = Header::of(engine, code).map_err(Fault::Unfit)?;
        header.check_module(checksum).map_err(Fault::Unfit)?;
        let own = bytes.into();
        let weight = Weight::of(&own, engine)?;
        let sections = Sections::trusted(bytes, &clock)?;
        // SAFETY: passed on from the caller.
        let code = unsafe { precompiled::read(header, code, sections.bodies.len()) }
            .map_err(Fault::Unfit)?;
        assemble(engine, Some(name), own, sections, code, weight, &clock)
    };
    make().map_err(|fault: Fault| fault.of_module(Some(name)))
}

fn module(
    engine: &Engine,
    name: Option<&str>,
    bytes: Cow<'static, [u8]>,
) -> Result<ModuleInner, Fault> {
    let (limits, clock) = (&engine.config().limits, &engine.clock());
    let mut bytes = binary(bytes, limits, clock)?;
    if let Cow::Owned(bytes) = &mut bytes {
        bytes.shrink_to_fit();
    }
    let weight = Weight::of(&bytes, engine)?;
    let (sections, bodies) = Sections::read(&bytes, limits, clock)?;
    validate_bodies(bodies, limits, clock)?;
    let code = sections.bodies.iter().map(|_| OnceLock::new()).collect();
    let module = assemble(engine, name, bytes, sections, code, weight, clock)?;
    if engine.config().lowering == Lowering::Eager {
        lower_all(&module, clock)?;
    }
    Ok(module)
}

/// Puts a module together, now that it is known to be valid. `code` is that of its functions, as far
/// as there is.
fn assemble(
    engine: &Engine,
    name: Option<&str>,
    bytes: Cow<'static, [u8]>,
    sections: Sections,
    code: Box<[OnceLock<Code>]>,
    weight: Weight,
    clock: &Clock,
) -> Result<ModuleInner, Fault> {
    let Sections {
        types,
        imports,
        funcs,
        num_imported_funcs,
        tables,
        num_imported_tables,
        memories,
        num_imported_memories,
        globals,
        num_imported_globals,
        table_inits,
        global_inits,
        exports,
        start,
        elems,
        data,
        name_section,
        bodies,
    } = sections;

    let mut watch = clock.watch();
    let mut sigs = Sigs::new(engine.canonical());
    for ty in &types {
        watch.step(1)?;
        sigs.add(ty);
    }
    let stubs = funcs[num_imported_funcs..]
        .iter()
        .zip(0..)
        .map(|(ty, defined_index)| {
            let ty = &types[*ty as usize];
            ir::lazy_stub(ty.param_slots(), ty.result_slots(), defined_index)
        })
        .collect();
    // Names that begin alike are compared to their ends, once for each halving.
    let names: usize = exports.iter().map(|(name, _)| name.len() + 1).sum();
    let halvings = usize::BITS - exports.len().leading_zeros();
    clock.admit(
        TIME_OF_LETTER
            .saturating_mul(halvings)
            .saturating_mul(names as u32),
    )?;
    let mut exports_by_name: Box<[u32]> = (0..).take(exports.len()).collect();
    exports_by_name.sort_unstable_by_key(|at| &exports[*at as usize].0);

    let main_memory = exports.iter().find_map(|(name, export)| match export {
        ExportKind::Memory(index) if **name == *"memory" => Some(*index),
        _ => None,
    });

    Ok(ModuleInner {
        engine: engine.clone(),
        name: name.map(Arc::from),
        bytes,
        types,
        sigs,
        imports,
        funcs,
        num_imported_funcs,
        tables,
        num_imported_tables,
        memories,
        num_imported_memories,
        globals,
        num_imported_globals,
        table_inits,
        global_inits,
        exports,
        exports_by_name,
        exported_funcs: OnceLock::new(),
        main_memory: main_memory.unwrap_or(0),
        start,
        elems,
        data,
        code,
        by_address: Mutex::default(),
        bodies,
        stubs,
        name_section,
        names: OnceLock::<Names>::new(),
        weight,
    })
}

/// The binary format of a module that may be text, where the feature `wat` is on.
fn binary<'a>(
    bytes: Cow<'a, [u8]>,
    limits: &Limits,
    clock: &Clock,
) -> Result<Cow<'a, [u8]>, Fault> {
    limits
        .check_module_bytes(bytes.len())
        .map_err(Fault::Limit)?;
    if bytes.starts_with(b"\0asm") {
        if bytes.get(6..8) == Some(&COMPONENT_LAYER) {
            return Err(Fault::malformed_at(
                "this is a component; holdall runs core modules",
                4,
            ));
        }
        return Ok(bytes);
    }
    match parse_text(&bytes, clock)? {
        Some(module) => binary(Cow::Owned(module), limits, clock),
        None => {
            let start = &bytes[..bytes.len().min(4)];
            Err(Fault::malformed_at(
                format!(
                    "magic header not detected: expected \"\\0asm\", found \"{}\"",
                    start.escape_ascii()
                ),
                0,
            ))
        }
    }
}

/// Refuses what looks like text; the rest is for the parser to refuse.
#[cfg(not(feature = "wat"))]
fn parse_text(bytes: &[u8], _: &Clock) -> Result<Option<Vec<u8>>, Fault> {
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"(") || text.starts_with(b";;") {
        return Err(Fault::malformed_at(
            "this looks like the text format; holdall reads it with its feature `wat` only",
            0,
        ));
    }
    Ok(None)
}

fn lower_all(module: &ModuleInner, clock: &Clock) -> Result<(), Fault> {
    let indices = (0..module.bodies.len() as u32).collect();
    let bytes = module.bodies.iter().map(Range::len).sum();
    side_by_side(
        indices,
        bytes,
        || clock.watch(),
        |watch, defined_index| {
            let Err(error) = module.code(defined_index, watch) else {
                return Ok(());
            };
            let index = module.func_index(defined_index);
            let fault = match module.func_name(index) {
                Some(name) => Fault::not_lowered(format_args!("{index} {name:?}"), error),
                None => Fault::not_lowered(index, error),
            };
            Err((index, fault))
        },
    )
}
