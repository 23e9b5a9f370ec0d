//! One function while it is being translated: the operand stack, the slots, and calls of the runtime.

use std::collections::{BTreeSet, HashSet};

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::types::{F32, F64, I8X16, I32, I64};
use cranelift_codegen::ir::{
    AbiParam, Block, BlockArg, Endianness, Function, InstBuilder, InstructionData, MemFlagsData,
    Opcode, Signature, StackSlot, StackSlotData, StackSlotKind, Type, Value,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use holdall_core::native::{Feature, Inlined, Runtime, ending, instance, runtime};
use holdall_core::types::{FuncType, ValType};

use crate::charge::Regions;
use crate::checks::Checks;
use crate::contents::Contents;
use crate::control::Control;
use crate::ends::Ends;
use crate::exceptions::Tries;
use crate::memory::Kept;
use crate::module::{Module, body_bytes};
use crate::sites::Sites;

/// Why a function stays interpreted: it has something for which there is no native code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uncovered;

impl From<wasmparser::BinaryReaderError> for Uncovered {
    /// Bodies were validated, and are readable.
    fn from(_: wasmparser::BinaryReaderError) -> Self {
        Self
    }
}

/// A function that is being translated.
pub(crate) struct Func<'a> {
    /// Where instructions go.
    pub(crate) b: FunctionBuilder<'a>,
    /// The function's module, and how code is to be made.
    pub(crate) module: &'a Module<'a>,
    /// The index of the defined function.
    pub(crate) index: u32,
    pub(crate) ty: &'a FuncType,
    /// The function's own instance.
    pub(crate) instance: Value,
    /// Where results go, where there are several.
    pub(crate) results_at: Option<Value>,
    pub(crate) locals: Vec<Variable>,
    pub(crate) control: Vec<Control>,
    /// Whether the operators that follow cannot be reached. Such operators are not translated.
    pub(crate) dead: bool,
    pub(crate) regions: Regions,
    /// The address of the budget, where work is metered.
    pub(crate) budget: Option<Value>,
    /// Where memory 0 lies, if there is one.
    pub(crate) kept: Option<Kept>,
    pub(crate) checks: Checks,
    pub(crate) contents: Contents,
    /// How many loops there were so far, with those that cannot be reached.
    pub(crate) loops: usize,
    /// Where a tail call of the function to itself goes, once there is one.
    pub(crate) again: Option<Block>,
    stack: Vec<Operand>,
    /// How many values branches took with them.
    carried: usize,
    /// Where the operator that is being translated lies, from the start of the body.
    pub(crate) offset: u32,
    /// Whose operator is translated, where that is another function's.
    pub(crate) inlined: Option<Inlined>,
    /// How many bytes of bodies of other functions were translated.
    pub(crate) inlined_bytes: usize,
    pub(crate) sites: Sites,
    pub(crate) ends: Ends,
    pub(crate) tries: Tries,
    /// Whether the function turned out to be one that stays interpreted.
    pub(crate) given_up: bool,
    /// The values that are references to exceptions.
    pub(crate) exceptions: HashSet<Value>,
    /// The locals that are references to exceptions.
    pub(crate) exception_locals: BTreeSet<usize>,
    /// The slots for arguments and results.
    slots: Option<StackSlot>,
    /// Where bytes of vectors are moved, where the processor cannot move them.
    pub(crate) shuffled: Option<StackSlot>,
}

/// A value on the operand stack.
#[derive(Clone, Copy, Debug)]
struct Operand {
    value: Value,
    /// What the operand is as a condition, where lowered code knows that: charges depend on what is not reached.
    known: Option<bool>,
}

/// How many values a function may have for each byte of its body, and beside that: those that people write have
/// one or two.
const VALUES_OF_BYTE: usize = 8;
const VALUES_BESIDE: usize = 100_000;
/// How many pairs of a local and a block a function may have. Each takes 4 bytes while the function is translated.
const MOST_LISTED: usize = 1 << 25;

/// What never changes while the function runs.
pub(crate) const CONSTANT: MemFlagsData = MemFlagsData::trusted().with_readonly();
/// What may change with every store and call.
pub(crate) const CHANGING: MemFlagsData = MemFlagsData::trusted();
/// What may change, and need not be aligned: slots of vectors, and linear memory.
pub(crate) const UNALIGNED: MemFlagsData = MemFlagsData::new()
    .with_notrap()
    .with_endianness(Endianness::Little);

/// How values of a type are represented.
pub(crate) fn type_of(ty: ValType) -> Type {
    match ty {
        ValType::I32 => I32,
        ValType::I64 | ValType::Ref(_) => I64,
        ValType::F32 => F32,
        ValType::F64 => F64,
        ValType::V128 => I8X16,
    }
}

/// How an operand is represented.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repr {
    pub(crate) ty: Type,
    /// Whether the operand is a reference to an exception.
    pub(crate) is_exception: bool,
}

impl Repr {
    pub(crate) const EXCEPTION: Self = Self {
        ty: I64,
        is_exception: true,
    };

    pub(crate) fn of(ty: ValType) -> Self {
        Self {
            ty: type_of(ty),
            is_exception: ty.is_exception(),
        }
    }
}

/// Values as arguments of a branch.
pub(crate) fn branch_args(values: &[Value]) -> Vec<BlockArg> {
    values.iter().copied().map(BlockArg::Value).collect()
}

impl<'a> Func<'a> {
    /// A function whose code begins in a new block, which takes what the function takes.
    pub(crate) fn new(
        module: &'a Module<'a>,
        index: u32,
        function: &'a mut Function,
        context: &'a mut FunctionBuilderContext,
    ) -> Self {
        let ty = module.sections.func_type(module.sections.func_index(index));
        let (b, params) = begin(function, context, module.signature(ty));
        let instance = params[0];
        let results_at = (ty.results().len() > 1).then(|| params[1]);
        Self {
            b,
            module,
            index,
            ty,
            instance,
            results_at,
            locals: Vec::new(),
            control: Vec::new(),
            dead: false,
            regions: Regions::default(),
            budget: None,
            kept: None,
            checks: Checks::default(),
            contents: Contents::default(),
            loops: 0,
            again: None,
            stack: Vec::new(),
            carried: 0,
            offset: 0,
            inlined: None,
            inlined_bytes: 0,
            sites: Sites::default(),
            ends: Ends::default(),
            tries: Tries::default(),
            given_up: false,
            exceptions: HashSet::new(),
            exception_locals: BTreeSet::new(),
            slots: None,
            shuffled: None,
        }
    }

    // The operand stack.

    pub(crate) fn push(&mut self, value: Value) {
        self.push_condition(value, None);
    }

    /// Pushes a value that lowered code may know to be zero or null, or to be none of these.
    pub(crate) fn push_condition(&mut self, value: Value, known: Option<bool>) {
        self.stack.push(Operand { value, known });
    }

    pub(crate) fn push_all(&mut self, values: &[Value]) {
        for value in values {
            self.push(*value);
        }
    }

    pub(crate) fn pop(&mut self) -> Value {
        self.pop_condition().0
    }

    /// Pops two values: the one pushed first, and the one on top.
    pub(crate) fn pop2(&mut self) -> (Value, Value) {
        let second = self.pop();
        (self.pop(), second)
    }

    /// Pops three values, in the order in which they were pushed.
    pub(crate) fn pop3(&mut self) -> (Value, Value, Value) {
        let third = self.pop();
        let (first, second) = self.pop2();
        (first, second, third)
    }

    /// The value on top, which stays.
    pub(crate) fn peek(&self) -> Value {
        let operand = self.stack.last();
        operand.expect("validation checked the operands").value
    }

    /// Pops a value, and whether it is true as a condition where that is known.
    pub(crate) fn pop_condition(&mut self) -> (Value, Option<bool>) {
        let operand = self.stack.pop().expect("validation checked the operands");
        (operand.value, operand.known)
    }

    /// Pops the topmost `count` values, the lowest first.
    pub(crate) fn pop_many(&mut self, count: usize) -> Vec<Value> {
        let values = self.top(count);
        self.truncate(self.height() - count);
        values
    }

    /// The topmost `count` values, the lowest first, which stay.
    pub(crate) fn top(&mut self, count: usize) -> Vec<Value> {
        self.carried += count;
        let operands = &self.stack[self.stack.len() - count..];
        operands.iter().map(|operand| operand.value).collect()
    }

    /// All values on the stack.
    pub(crate) fn stacked(&self) -> Vec<Value> {
        self.stack.iter().map(|operand| operand.value).collect()
    }

    /// Forgets what is known of the topmost `count` values.
    pub(crate) fn forget(&mut self, count: usize) {
        let first = self.stack.len() - count;
        for operand in &mut self.stack[first..] {
            operand.known = None;
        }
    }

    pub(crate) fn height(&self) -> usize {
        self.stack.len()
    }

    pub(crate) fn truncate(&mut self, height: usize) {
        self.stack.truncate(height);
    }

    /// Checks that the function has not become much larger than its body, as a hostile one does where many locals
    /// pass through many loops, or many values go along with many branches.
    ///
    /// # Errors
    /// Where the function has to stay interpreted for that.
    pub(crate) fn check_room(&self) -> Result<(), Uncovered> {
        let bytes = body_bytes(self.module.sections, self.index) + self.inlined_bytes;
        let most = VALUES_BESIDE + VALUES_OF_BYTE * bytes;
        let values = self.b.func.dfg.num_values().max(self.carried);
        // For each local there is a list of blocks.
        let listed = self.locals.len() * self.b.func.dfg.num_blocks();
        match values <= most && listed <= MOST_LISTED {
            true => Ok(()),
            false => Err(Uncovered),
        }
    }

    // What code may assume.

    /// Whether the code may use a feature of processors.
    pub(crate) fn has(&self, feature: Feature) -> bool {
        self.module.options.has(feature)
    }

    /// Makes a computed float, or a vector of floats of type `ty`, canonical where it is a NaN and where NaNs
    /// are to be canonical.
    pub(crate) fn canonical(&mut self, value: Value) -> Value {
        if !self.module.options.settings.canonical_nans {
            return value;
        }
        self.canonical_nan(value)
    }

    // Loads.

    /// A load of 64 bits that never change.
    pub(crate) fn constant(&mut self, base: Value, offset: i32) -> Value {
        self.b.ins().load(I64, CONSTANT, base, offset)
    }

    /// A load of 64 bits that may change.
    pub(crate) fn changing(&mut self, base: Value, offset: i32) -> Value {
        self.b.ins().load(I64, CHANGING, base, offset)
    }

    /// The address in a list of the instance, where the list lies at `list` in the instance.
    pub(crate) fn listed(&mut self, list: i32, index: u32) -> Value {
        let list = self.constant(self.instance, list);
        // A module has less than 2^24 of everything.
        self.constant(list, index as i32 * 8)
    }

    pub(crate) fn i64(&mut self, number: u64) -> Value {
        self.b.ins().iconst(I64, number.cast_signed())
    }

    /// An index or a size, of 32 or 64 bits, with 64 bits.
    pub(crate) fn extended(&mut self, value: Value) -> Value {
        match (self.b.func.dfg.value_type(value), self.known_integer(value)) {
            // Cranelift loads the constant from memory to extend it.
            (I32, Some(known)) => self.i64(u64::from(known as u32)),
            (I32, None) => match self.loaded_wide(value) {
                Some(wide) => wide,
                None => self.b.ins().uextend(I64, value),
            },
            _ => value,
        }
    }

    /// A value of 32 bits with 64 bits, where it comes from memory: it is loaded so.
    fn loaded_wide(&mut self, value: Value) -> Option<Value> {
        let dfg = &self.b.func.dfg;
        let inst = dfg.value_def(dfg.resolve_aliases(value)).inst()?;
        let unsigned = [Opcode::Uload8, Opcode::Uload16, Opcode::Uload32];
        match dfg.insts[inst] {
            InstructionData::Load {
                opcode,
                arg,
                offset,
                ..
            } if opcode == Opcode::Load || unsigned.contains(&opcode) => {
                let flags = dfg.insts[inst].memflags_data(dfg)?;
                let mut at = FuncCursor::new(self.b.func).at_inst(inst);
                let wide = match opcode {
                    Opcode::Uload8 => at.ins().uload8(I64, flags, arg, offset),
                    Opcode::Uload16 => at.ins().uload16(I64, flags, arg, offset),
                    _ => at.ins().uload32(flags, arg, offset),
                };
                self.b.func.dfg.insts[inst] = InstructionData::Unary {
                    opcode: Opcode::Ireduce,
                    arg: wide,
                };
                Some(wide)
            }
            InstructionData::Unary {
                opcode: Opcode::Ireduce,
                arg,
            } => {
                let loads = dfg.value_def(arg).inst()?;
                unsigned.contains(&dfg.insts[loads].opcode()).then_some(arg)
            }
            _ => None,
        }
    }

    // Slots.

    /// The address of the function's slots, of which there are at least `count`. What they hold is gone when
    /// the slots are next asked for.
    pub(crate) fn slots(&mut self, count: usize) -> Value {
        // A function has at most 1,000 parameters, and as many results.
        let bytes = 8 * count as u32;
        let slots = match self.slots {
            Some(slots) => slots,
            None => {
                let data = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3);
                *self.slots.insert(self.b.create_sized_stack_slot(data))
            }
        };
        let size = &mut self.b.func.sized_stack_slots[slots].size;
        *size = bytes.max(*size);
        self.b.ins().stack_addr(I64, slots, 0)
    }

    /// Notes which of values of these types are references to exceptions.
    pub(crate) fn note_exceptions(&mut self, values: &[Value], types: &[ValType]) {
        let values = values.iter().zip(types);
        let exceptions = values.filter(|(_, ty)| ty.is_exception());
        self.exceptions.extend(exceptions.map(|(value, _)| value));
    }

    /// Stores values to the slots at an address, as they lie on the value stack.
    pub(crate) fn store_slots(&mut self, slots: Value, values: &[Value]) {
        store_slots(&mut self.b, slots, values);
    }

    /// Pushes values of these types from the slots at an address.
    pub(crate) fn push_slots(&mut self, slots: Value, types: &[ValType]) {
        let values = load_slots(&mut self.b, slots, types);
        self.note_exceptions(&values, types);
        self.push_all(&values);
    }

    // Where the translation stands.

    /// Notes that something happens that others see, or that may end the execution.
    pub(crate) fn effect(&mut self) {
        self.checks.effect();
    }

    /// Knows only what was known at a mark ([`Checks::mark`]): control arrives in several ways.
    pub(crate) fn roll_back(&mut self, mark: usize) {
        self.checks.roll_back(mark);
        self.contents.forget();
    }

    /// Goes on in a new block, reached only from the current one.
    pub(crate) fn go_on_in(&mut self, block: Block) {
        self.b.seal_block(block);
        self.b.switch_to_block(block);
    }

    pub(crate) fn cold_block(&mut self) -> Block {
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        block
    }

    /// Notes which operator is translated next, by its offset in the body.
    pub(crate) fn begin_operator(&mut self, offset: u32) {
        self.offset = offset;
    }

    // Calls.

    /// The address of the record that the store keeps for native code.
    pub(crate) fn runtime_record(&mut self) -> Value {
        self.constant(self.instance, instance::RUNTIME)
    }

    /// Calls the runtime, with the instance first. Gives what the call gives, unchecked.
    pub(crate) fn runtime(&mut self, call: Runtime, args: &[Value]) -> Value {
        self.effect();
        self.contents.forget();
        let function = runtime_function(&mut self.b, self.instance, call);
        let mut all = vec![self.instance];
        for arg in args {
            let arg = self.extended(*arg);
            all.push(arg);
        }
        let signature = self.module.runtime_signature(all.len());
        let signature = self.b.import_signature(signature);
        let place = self.here(ending::CALLS);
        let inst = self.sites.call(&mut self.b, place, |b| {
            b.ins().call_indirect(signature, function, &all)
        });
        self.b.inst_results(inst)[0]
    }

    /// Calls the runtime, and ends the function where the call fails.
    pub(crate) fn runtime_checked(&mut self, call: Runtime, args: &[Value]) {
        let number = self.runtime(call, args);
        self.end_if_failed(number);
    }

    /// Rounds a float by a call of the runtime.
    pub(crate) fn rounded_by_runtime(&mut self, call: Runtime, value: Value) -> Value {
        let function = runtime_function(&mut self.b, self.instance, call);
        let ty = AbiParam::new(self.b.func.dfg.value_type(value));
        let mut signature = Signature::new(self.module.convention);
        signature.params.push(ty);
        signature.returns.push(ty);
        let signature = self.b.import_signature(signature);
        let inst = self.b.ins().call_indirect(signature, function, &[value]);
        self.b.inst_results(inst)[0]
    }

    /// The result of the call of the runtime just made.
    pub(crate) fn result_of_runtime(&mut self) -> Value {
        let runtime = self.runtime_record();
        self.changing(runtime, runtime::RESULT)
    }
}

/// Begins a function of a signature in a new block; gives the function's parameters.
pub(crate) fn begin<'a>(
    function: &'a mut Function,
    context: &'a mut FunctionBuilderContext,
    signature: Signature,
) -> (FunctionBuilder<'a>, Vec<Value>) {
    function.signature = signature;
    let mut b = FunctionBuilder::new(function, context);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    b.switch_to_block(entry);
    b.seal_block(entry);
    let params = b.block_params(entry).to_vec();
    (b, params)
}

/// The address of a function of the runtime.
pub(crate) fn runtime_function(
    b: &mut FunctionBuilder<'_>,
    instance: Value,
    call: Runtime,
) -> Value {
    let runtime = b.ins().load(I64, CONSTANT, instance, instance::RUNTIME);
    b.ins().load(I64, CONSTANT, runtime, call.offset())
}

/// The value that locals begin with.
pub(crate) fn zero(b: &mut FunctionBuilder<'_>, ty: Type) -> Value {
    match ty {
        F32 => b.ins().f32const(0.0),
        F64 => b.ins().f64const(0.0),
        I8X16 => {
            let zero = b.func.dfg.constants.insert([0; 16].as_slice().into());
            b.ins().vconst(I8X16, zero)
        }
        _ => b.ins().iconst(ty, 0),
    }
}

/// Stores values to the slots at an address, as they lie on the value stack.
pub(crate) fn store_slots(b: &mut FunctionBuilder<'_>, slots: Value, values: &[Value]) {
    let mut at = 0;
    for value in values {
        let ty = b.func.dfg.value_type(*value);
        let stored = match ty {
            I32 => b.ins().uextend(I64, *value),
            F32 => {
                let bits = b.ins().bitcast(I32, MemFlagsData::new(), *value);
                b.ins().uextend(I64, bits)
            }
            _ => *value,
        };
        b.ins().store(UNALIGNED, stored, slots, at);
        at += ty.bytes().cast_signed().max(8);
    }
}

/// The values of these types in the slots at an address.
pub(crate) fn load_slots(
    b: &mut FunctionBuilder<'_>,
    slots: Value,
    types: &[ValType],
) -> Vec<Value> {
    let mut at = 0;
    let mut values = Vec::with_capacity(types.len());
    for ty in types {
        values.push(b.ins().load(type_of(*ty), UNALIGNED, slots, at));
        at += 8 * ty.slots() as i32;
    }
    values
}
