//! From bytes to a module: text or binary, sections, validation of every function body, lowering.
//! Does not know what a module is used for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use holdall_core::bounds::Bounds;
use holdall_core::module::{Header, NameSection, Sections, read_code, side_by_side};

use super::code::{Code, HERE, Words};
#[cfg(feature = "native")]
use super::compile::compile;
use super::fault::Fault;
use super::inner::{ModuleInner, Start};
use super::native::{MachineCode, Native};
#[cfg(feature = "wat")]
use super::wat::parse as parse_text;
use super::weight::Weight;
use crate::engine::{Engine, Lowering};
use crate::error::Result;
use crate::ir;
use crate::limits::Clock;
use crate::store::Image;

/// Bytes 6 and 7 of a component, its layer; a core module has 0 there.
const COMPONENT_LAYER: [u8; 2] = [1, 0];

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
    let bounds = engine.bounds();
    let clock = engine.clock();
    let check = || {
        let bytes = binary(Cow::Borrowed(bytes), &bounds, &clock)?;
        Ok(Sections::validate(&bytes, &bounds, &clock)?)
    };
    check().map_err(|fault: Fault| fault.of_module(None))
}

/// Makes a module of bytes that were validated before, and of the code that was lowered from these
/// bytes then. `checksum` is the checksum of `bytes`.
///
/// # Safety
///
/// As for [`Module::precompiled_of`](super::Module::precompiled_of).
pub(super) unsafe fn precompiled(
    engine: &Engine,
    name: &str,
    bytes: &'static [u8],
    checksum: u64,
    code: &'static [u8],
    start: Option<Start>,
    native: Option<MachineCode>,
) -> Result<ModuleInner> {
    let clock = engine.clock();
    let make = || {
        let header = Header::of(engine.settings(), engine.config().proposals(), HERE, code)?;
        header.check_module(checksum)?;
        let (weight, sections, image) = match start {
            None => {
                let weight = Weight::of(&bytes.into(), engine)?;
                (weight, Sections::trusted(bytes, &clock)?, None)
            }
            Some(Start { outline, image }) => {
                let weight = Weight::known(outline.weight, engine)?;
                let sections = Sections::outlined(bytes, outline, checksum, &clock)?;
                check_image(&sections, image.as_ref())?;
                (weight, sections, image)
            }
        };
        // SAFETY: the header is that of the code, which is trusted to be of this module.
        let words = unsafe { read_code(header, code, sections.num_defined_funcs()) }?;
        let is_all_lowered = words.iter().all(|words| !words.is_empty());
        let read = native.map(|native| native.read(engine, checksum, &sections));
        let native = match read.transpose() {
            Ok(Some(native)) => {
                // SAFETY: the code is trusted to be of this module, and to lie where it can be executed.
                Some(unsafe { Native::new(native, Box::new(()), &sections) })
            }
            Ok(None) => None,
            Err(_) if is_all_lowered => None,
            Err(unfit) => return Err(unfit.into()),
        };
        let by_address = match &native {
            Some(_) => by_address(&words),
            None => BTreeMap::new(),
        };
        let code = words.into_iter().map(from_before).collect();
        let module = assemble(engine, Some(name), sections, code, weight);
        Ok(ModuleInner {
            by_address: by_address.into(),
            image,
            native,
            ..module
        })
    };
    make().map_err(|fault: Fault| fault.of_module(Some(name)))
}

/// Checks that an image is of the memory of a module.
fn check_image(sections: &Sections, image: Option<&Image>) -> Result<(), Fault> {
    let Some(image) = image else {
        return Ok(());
    };
    let defined = sections.memories.get(sections.num_imported_memories..);
    let first = defined.and_then(<[_]>::first);
    let fits = first
        .filter(|_| sections.num_imported_memories == 0)
        .is_some_and(|memory| {
            let size = memory.min.checked_mul(memory.page_size());
            size.is_some_and(|size| image.fits(size))
        });
    if fits {
        return Ok(());
    }
    Err(Fault::malformed_at(
        "the image of its memory is of another module",
        0,
    ))
}

fn module(
    engine: &Engine,
    name: Option<&str>,
    bytes: Cow<'static, [u8]>,
) -> Result<ModuleInner, Fault> {
    let (bounds, clock) = (&engine.bounds(), &engine.clock());
    let mut bytes = binary(bytes, bounds, clock)?;
    if let Cow::Owned(bytes) = &mut bytes {
        bytes.shrink_to_fit();
    }
    let weight = Weight::of(&bytes, engine)?;
    let sections = Sections::read(bytes, bounds, clock)?;
    let code = (0..sections.num_defined_funcs())
        .map(|_| OnceLock::new())
        .collect();
    #[cfg(feature = "native")]
    let native = compile(&sections, engine, clock)?;
    #[cfg(not(feature = "native"))]
    let native = None;
    let module = ModuleInner {
        native,
        ..assemble(engine, name, sections, code, weight)
    };
    if let Some(native) = &module.native {
        module.weight.grow(native.size().1, "native code")?;
    }
    if engine.config().lowering == Lowering::Eager {
        lower_all(&module, clock)?;
    }
    Ok(module)
}

/// The cell of a function with its precompiled code; empty where the function has none.
fn from_before(words: &'static [ir::Word]) -> OnceLock<Code> {
    let cell = OnceLock::new();
    if !words.is_empty() {
        let words = Words::Program(words);
        let _ = cell.set(Code { words });
    }
    cell
}

/// The functions that have precompiled code, by the addresses of their words.
fn by_address(words: &[&'static [ir::Word]]) -> BTreeMap<usize, usize> {
    let all = words.iter().enumerate();
    let lowered = all.filter(|(_, words)| !words.is_empty());
    lowered
        .map(|(index, words)| (words.as_ptr().addr(), index))
        .collect()
}

/// What stands for the code of each defined function: what `stub` makes of how many slots the parameters and the
/// results take, and of the function's index.
pub(super) fn stubs(
    sections: &Sections,
    stub: impl Fn(usize, usize, u32) -> [ir::Word; 2],
) -> Box<[[ir::Word; 2]]> {
    let types = sections.types.iter();
    let slots = types.map(|ty| (ty.param_slots(), ty.result_slots()));
    let slots: Vec<(usize, usize)> = slots.collect();
    let defined = sections.funcs[sections.num_imported_funcs..].iter();
    let stubs = defined.zip(0..).map(|(ty, index)| {
        let (params, results) = slots[*ty as usize];
        stub(params, results, index)
    });
    stubs.collect()
}

/// Puts a valid module together. `code` has a cell for each defined function, empty where the
/// function is not lowered yet.
fn assemble(
    engine: &Engine,
    name: Option<&str>,
    sections: Sections,
    code: Box<[OnceLock<Code>]>,
    weight: Weight,
) -> ModuleInner {
    let stubs = stubs(&sections, ir::lazy_stub);
    ModuleInner {
        engine: engine.clone(),
        name: name.map(Arc::from),
        sections,
        code,
        by_address: Mutex::default(),
        stubs,
        native: None,
        image: None,
        names: OnceLock::<NameSection>::new(),
        weight,
    }
}

/// The binary format of a module that may be text, where the feature `wat` is on.
fn binary<'a>(
    bytes: Cow<'a, [u8]>,
    bounds: &Bounds,
    clock: &Clock,
) -> Result<Cow<'a, [u8]>, Fault> {
    bounds
        .check_module_bytes(bytes.len())
        .map_err(holdall_core::module::Fault::Limit)?;
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
        Some(module) => binary(Cow::Owned(module), bounds, clock),
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
    let indices = (0..module.num_defined_funcs() as u32).collect();
    let bytes = module.bodies_bytes();
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
