//! From a validated function body to code words. Does not know instances.
//!
//! One pass over the operators, with the operand stack kept at compile time: `operands` tracks
//! where each value is, `control` does blocks and branches, `calls` calls and returns, `translate` has
//! the operators, `memories` those on memories other than the first and the atomic ones, `wide` those on
//! 128 bits, `simd` those on vectors, `references` those on references, `exceptions` what throws and
//! catches. `off` refuses what validates with a proposal that is off. `locals` has what is special about
//! slots of locals, `far` what is special about slots beyond 16 bits. `fusion` makes one instruction of two, and `metering` adds the charges. `loops` has an
//! innermost loop lowered again where that keeps values in accumulators. At the end, `joining` gives
//! instructions that follow one another one handler.

mod accumulators;
mod calls;
mod control;
mod exceptions;
mod far;
mod fusion;
mod joining;
mod locals;
mod loops;
mod memories;
mod metering;
mod off;
mod operands;
mod operators;
mod references;
mod simd;
mod target;
mod translate;
mod wide;

use std::time::Duration;

use wasmparser::{
    BinaryReader, BlockType, FrameKind, FuncToValidate, FuncValidator, FuncValidatorAllocations,
    FunctionBody, Operator, ValidatorResources, WasmModuleResources,
};

pub use self::target::{OPT_LEVELS_WITH_SEQUENCES, Target};

use self::far::Scratch;
use self::locals::Locals;
use self::operands::{Class, Lowering};
use self::operators::Operators;
use crate::bounds::{Bounds, MAX_FRAME_VALUES, MAX_LOCAL_SLOTS};
use crate::ir::{Header, Row, Word};
use crate::module::from_wasmparser::{Indices, val_type};
use crate::module::{Proposal, Sections};
use crate::trap::TrapCode;
use crate::types::ValType;
use crate::watch::Watch;

/// What lowered code depends on beside the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether code charges for the work that it does.
    pub metering: bool,
    /// Whether code makes each NaN that it computes the positive canonical one.
    pub canonical_nans: bool,
    /// How many operands of a frame code words may name directly. Tests set this lower than the width of
    /// a field needs, to reach the code for operands beyond.
    pub near_operands: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            metering: false,
            canonical_nans: false,
            near_operands: u16::MAX,
        }
    }
}

/// Why a valid function could not be lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LowerError {
    /// The time for the work is up.
    #[error("{0}")]
    Ended(TrapCode),
    /// The body cannot be read; never the case for a function that was validated.
    #[error("the body is not readable")]
    Unreadable,
}

/// The form of a function's code. The default suits nearly all functions.
#[derive(Clone, Copy, Default)]
struct Form {
    /// All branches have offsets of 32 bits.
    long_branches: bool,
    /// The frame has scratch slots, so that operands may be in far slots.
    wide: bool,
    /// Legacy `catch`es keep the exception in a slot, for `rethrow`.
    rethrows: bool,
}

/// Why a lowering did not come to its end.
enum Stop {
    Error(LowerError),
    /// A branch is too far for the short form.
    LongBranches,
    /// Some operands are in far slots, and the form has no scratch slots.
    FarSlots,
    /// There is a `rethrow`, and the form keeps no exceptions for it.
    Rethrows,
}

impl From<LowerError> for Stop {
    fn from(error: LowerError) -> Self {
        Self::Error(error)
    }
}

impl From<wasmparser::BinaryReaderError> for Stop {
    fn from(_: wasmparser::BinaryReaderError) -> Self {
        Self::Error(LowerError::Unreadable)
    }
}

/// Why a body is refused when its module is made.
#[derive(Debug)]
pub enum Rejection {
    /// The body cannot be read, or does not validate.
    Invalid(wasmparser::BinaryReaderError),
    /// The body needs a proposal that is off, and is valid with that proposal.
    Off {
        /// What is off.
        message: String,
        /// Where, in bytes from the module's beginning.
        offset: u64,
    },
    /// The body exceeds a limit: the text says which, and by how much.
    Limit(String),
    /// A deadline or an interruption ended the work on the body.
    Ended(TrapCode),
}

impl From<TrapCode> for Rejection {
    fn from(code: TrapCode) -> Self {
        Self::Ended(code)
    }
}

impl From<wasmparser::BinaryReaderError> for Rejection {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self::Invalid(error)
    }
}

/// The opcode of `br_table`.
const BR_TABLE: u8 = 0x0e;

/// How long wasmparser takes at most to match one operand with one target of a `br_table`.
const TIME_OF_OPERAND: Duration = Duration::from_nanos(10);

/// Validates a body and checks it against `bounds`, without lowering it. Gives the allocations back for
/// the next function.
pub fn validate(
    func: FuncToValidate<ValidatorResources>,
    body: &FunctionBody<'_>,
    allocs: FuncValidatorAllocations,
    bounds: &Bounds,
    watch: &mut Watch<'_>,
) -> Result<FuncValidatorAllocations, Rejection> {
    // However short the body is, its parameters become locals and its results operands.
    watch.step(2)?;
    let mut validator = func.into_validator(allocs);
    let mut reader = body.get_binary_reader();
    let (bytes, start) = (body.as_bytes(), reader.current_position());
    validator.read_locals(&mut reader)?;
    bounds
        .check_locals(validator.len_locals() as usize)
        .map_err(Rejection::Limit)?;
    check_local_slots(body)?;
    if !bounds.proposals.contains(Proposal::Gc) {
        check_local_types(body)?;
    }
    reader.set_features(*validator.features());
    while !reader.eof() {
        watch.step(1)?;
        if bytes[reader.current_position() - start] == BR_TABLE {
            let operands = operands_of_table(&validator, reader.clone());
            let at_worst = TIME_OF_OPERAND.saturating_mul(operands.unwrap_or(0));
            watch.admit(at_worst)?;
        }
        let suspect = off::is_suspect(&bytes[reader.current_position() - start..]);
        let suspect = suspect.then(|| reader.clone());
        reader.visit_operator(&mut validator.visitor(reader.original_position()))??;
        if let Some(suspect) = suspect {
            let offset = suspect.original_position();
            if let Some(message) = off::fault_of(suspect, bounds.proposals) {
                return Err(Rejection::Off { message, offset });
            }
        }
        // One block is the function's own.
        let blocks = (validator.control_stack_height() as usize).saturating_sub(1);
        bounds.check_nesting(blocks).map_err(Rejection::Limit)?;
        let values = validator.len_locals() + validator.operand_stack_height();
        if values > MAX_FRAME_VALUES {
            return Err(Rejection::Limit(format!(
                "{MAX_FRAME_VALUES} locals and operands at once are the most, found {values}"
            )));
        }
    }
    reader.finish_expression(&validator.visitor(reader.original_position()))?;
    Ok(validator.into_allocations())
}

/// Checks that the slots of a body's locals can be named by the fields of code words.
fn check_local_slots(body: &FunctionBody<'_>) -> Result<(), Rejection> {
    let mut slots = 0;
    for group in body.get_locals_reader()? {
        let (count, ty) = group?;
        let width = if ty == wasmparser::ValType::V128 {
            2
        } else {
            1
        };
        slots += count.saturating_mul(width);
        if slots > MAX_LOCAL_SLOTS {
            return Err(Rejection::Limit(format!(
                "{MAX_LOCAL_SLOTS} slots of locals are the most, two for a v128 and one for any \
                 other, found more"
            )));
        }
    }
    Ok(())
}

/// Checks that no local needs the garbage-collected heap.
fn check_local_types(body: &FunctionBody<'_>) -> Result<(), Rejection> {
    let mut locals = body.get_locals_reader()?;
    for _ in 0..locals.get_count() {
        let offset = locals.original_position();
        if let Some(message) = off::of_type(locals.read()?.1) {
            return Err(Rejection::Off { message, offset });
        }
    }
    Ok(())
}

/// How many operands the validator will match for the `br_table` that comes next: for each target, the
/// operands that the target's label takes. `None` where the `br_table` cannot be read. Other instructions
/// need no such reckoning: they are short, or have no more operands than a type has.
fn operands_of_table(
    validator: &FuncValidator<ValidatorResources>,
    mut reader: BinaryReader<'_>,
) -> Option<u32> {
    reader.read_u8().ok()?;
    let targets = reader.read_var_u32().ok()?;
    // The validator stops at the first label that takes another number of operands than the first one.
    let first = validator.get_control_frame(reader.read_var_u32().ok()? as usize)?;
    let operands = match (first.block_type, first.kind) {
        (BlockType::Empty, _) | (BlockType::Type(_), FrameKind::Loop) => 0,
        (BlockType::Type(_), _) => 1,
        (BlockType::FuncType(ty), kind) => {
            let ty = validator.resources().sub_type_at(ty)?;
            let ty = ty.composite_type.unwrap_func();
            match kind {
                FrameKind::Loop => ty.params().len(),
                _ => ty.results().len(),
            }
        }
    };
    Some(targets.saturating_mul(operands as u32))
}

/// The lowered code of the defined function `index` (imported functions not counted) of a module that
/// was validated: a header, instructions of which the last does not fall through, and a table of handlers
/// where the function has any.
///
/// # Errors
///
/// Where the time is up.
pub fn words(
    module: &Sections,
    settings: Settings,
    index: u32,
    target: Target,
    watch: &mut Watch<'_>,
) -> Result<Vec<Word>, LowerError> {
    let mut lowering = lower_body(module, settings, index, false, watch)?;
    if target.sequences {
        joining::join(&mut lowering.code, watch).map_err(LowerError::Ended)?;
    }
    tell_tables(&mut lowering.code, &lowering.tables);
    lowering.handlers.append_to(&mut lowering.code);
    Ok(lowering.code)
}

/// Puts the opcode of each target into the tables of the `br_table`s at `tables`, so that a `br_table`
/// knows the next handler without a look at the target.
fn tell_tables(code: &mut [Word], tables: &[usize]) {
    for pc in tables {
        let last = code[*pc].long() as usize;
        for entry in pc + 1..=pc + 1 + last {
            let target = pc.wrapping_add_signed(code[entry].long().cast_signed() as isize);
            code[entry].op = code[target].op;
        }
    }
}

/// Where in the module's bytes the instructions of a function's lowered code came from. Made by
/// lowering the function again, so that lowered code needs no such table.
#[derive(Debug)]
pub struct Offsets(Vec<(usize, u64)>);

impl Offsets {
    /// The offsets of the defined function `index`; `None` where the time is up.
    pub fn of(
        module: &Sections,
        settings: Settings,
        index: u32,
        watch: &mut Watch<'_>,
    ) -> Option<Self> {
        lower_body(module, settings, index, true, watch)
            .ok()?
            .records
            .map(Self)
    }

    /// The offset of the instruction that the word at `pc` came from.
    pub fn at(&self, pc: usize) -> Option<u64> {
        let after = self.0.partition_point(|(start, _)| *start <= pc);
        Some(self.0.get(after.checked_sub(1)?)?.1)
    }
}

fn lower_body<'m>(
    module: &'m Sections,
    settings: Settings,
    index: u32,
    record: bool,
    watch: &mut Watch<'_>,
) -> Result<Lowering<'m>, LowerError> {
    let mut form = Form::default();
    loop {
        match try_lower(module, settings, index, record, form, watch) {
            Ok(lowering) => return Ok(lowering),
            Err(Stop::Error(error)) => return Err(error),
            Err(Stop::LongBranches) => form.long_branches = true,
            Err(Stop::FarSlots) => form.wide = true,
            Err(Stop::Rethrows) => form.rethrows = true,
        }
    }
}

/// Lowers a function to code of this form, or says why the form does not suffice.
fn try_lower<'m>(
    module: &'m Sections,
    settings: Settings,
    index: u32,
    record: bool,
    form: Form,
    watch: &mut Watch<'_>,
) -> Result<Lowering<'m>, Stop> {
    let func_index = module.func_index(index);
    let ty = module.func_type(func_index);
    let link = Header::link_slot(ty.param_slots(), ty.result_slots());
    let body = module.body(index);

    let mut locals = Locals::default();
    let mut slot = 0;
    for param in ty.params() {
        let width = param.slots() as u32;
        locals.push(1, slot, width, Class::of(*param));
        slot += width;
    }
    let scratch = if form.wide { Scratch::SLOTS } else { 0 };
    let first = u32::from(link + Header::LINK + scratch);
    slot = first;
    let mut reader = body.get_locals_reader()?;
    for _ in 0..reader.get_count() {
        let (count, ty) = reader.read()?;
        let ty =
            val_type(ty, Indices::of(module.types.ids())).map_err(|_| LowerError::Unreadable)?;
        let width = ty.slots() as u32;
        locals.push(count, slot, width, Class::of(ty));
        slot += count * width;
    }
    let mut lowering = Lowering::new(module, settings, locals.finish(), slot, link, form);
    lowering.steps = ty.params().len() + reader.get_count() as usize;
    lowering
        .code
        .reserve((body.range().end - body.range().start) as usize / 2);
    lowering.records = record.then(Vec::new);
    lowering.code.push(Word::data(0));
    let mut operators = Operators::of(&body)?;
    lowering.record(operators.offset());
    // One unit pays for zeroing eight slots.
    lowering.enter_region((slot - first) / 8);
    if slot > first {
        let zeroed = Word::new(Row::Zero.op(0), first as u16, (slot - first) as u16, 0);
        lowering.emit(zeroed);
    }
    lowering.enter_function(ty);
    while !operators.eof() {
        let steps = 1 + std::mem::take(&mut lowering.steps);
        watch.step(steps).map_err(LowerError::Ended)?;
        lowering.record(operators.offset());
        let operator = operators.read()?;
        lowering.count();
        lowering.operator(&operator)?;
        match operator {
            Operator::Loop { blockty } => {
                if let Some(pc) = lowering.repeatable_loop() {
                    lowering.begin_attempt(blockty, pc, &operators);
                }
            }
            Operator::End => {
                if let Some(again) = lowering.retry() {
                    operators = again;
                }
            }
            _ => {}
        }
    }
    lowering.code[0] = Header {
        frame: lowering.frame_slots(),
        link,
    }
    .word();
    Ok(lowering)
}

impl Class {
    /// The class of a type's values.
    fn of(ty: ValType) -> Self {
        match ty {
            ValType::F32 => Self::F32,
            ValType::F64 => Self::F64,
            ValType::V128 => Self::V128,
            ValType::I32 | ValType::I64 | ValType::Ref(_) => Self::Int,
        }
    }
}
