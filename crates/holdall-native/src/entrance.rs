//! The ways into native code and out of it: entrances, helpers that leave native code, and what makes the tail
//! calls of a function.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{
    AbiParam, Function, InstBuilder, Signature, StackSlotData, StackSlotKind, Value,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use holdall_core::native::{Runtime, func, instance, status};
use holdall_core::trap::TrapCode;
use holdall_core::types::FuncType;

use crate::calls::named;
use crate::ends::{raise, return_status};
use crate::function::{CONSTANT, branch_args, load_slots, store_slots};
use crate::link::Name;
use crate::module::Module;

/// Which function a helper leaves native code for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Callee {
    /// The one whose entry is the helper's last parameter, if that is not null, and of the type at this index.
    Given(u32),
    /// The defined function of this index.
    Defined(u32),
}

/// Begins a function; gives its parameters.
fn begin<'a>(
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

/// The entrance of a type: `fn(instance, code, slots) -> status`.
pub(crate) fn entrance<'a>(
    module: &Module<'_>,
    ty: &FuncType,
    function: &'a mut Function,
    context: &'a mut FunctionBuilderContext,
) -> FunctionBuilder<'a> {
    let mut signature = Signature::new(module.convention);
    signature.params.resize(3, AbiParam::new(I64));
    signature.returns.push(AbiParam::new(I32));
    let (mut b, params) = begin(function, context, signature);
    let [instance, code, slots] = params[..] else {
        unreachable!("the signature has three parameters");
    };
    let mut args = vec![instance];
    if ty.results().len() > 1 {
        args.push(slots);
    }
    args.extend(load_slots(&mut b, slots, ty.params()));
    let signature = b.import_signature(module.signature(ty));
    let call = b.ins().call_indirect(signature, code, &args);
    let returned = b.inst_results(call).to_vec();
    if let Some(result) = returned.get(1) {
        // With another status, the slots may have the arguments of a tail call by now.
        let result_there = b.create_block();
        let done = b.create_block();
        b.ins().brif(returned[0], done, &[], result_there, &[]);
        b.seal_block(result_there);
        b.switch_to_block(result_there);
        store_slots(&mut b, slots, &[*result]);
        b.ins().jump(done, &[]);
        b.seal_block(done);
        b.switch_to_block(done);
    }
    b.ins().return_(&returned[..1]);
    b
}

/// New slots on the stack.
fn new_slots(b: &mut FunctionBuilder<'_>, count: usize) -> Value {
    // A function has at most 1,000 parameters, and as many results.
    let data = StackSlotData::new(StackSlotKind::ExplicitSlot, 8 * count as u32, 3);
    let slots = b.create_sized_stack_slot(data);
    b.ins().stack_addr(I64, slots, 0)
}

/// Ends a function whose results are in slots if `number` is zero. Any other number is why the execution ended.
fn return_slots(
    b: &mut FunctionBuilder<'_>,
    module: &Module<'_>,
    ty: &FuncType,
    instance: Value,
    number: Value,
    slots: Value,
    results_at: Option<Value>,
) {
    let failed = b.create_block();
    b.set_cold_block(failed);
    let returned = b.create_block();
    b.ins().brif(number, failed, &[], returned, &[]);
    b.seal_block(failed);
    b.seal_block(returned);

    b.switch_to_block(failed);
    // At no offset: what called this has the call.
    let status = raise(b, module, instance, number, 0);
    return_status(b, ty, status);

    b.switch_to_block(returned);
    let mut values = vec![b.ins().iconst(I32, i64::from(status::RETURNED))];
    if results_at != Some(slots) {
        let results = load_slots(b, slots, ty.results());
        match results_at {
            Some(results_at) => store_slots(b, results_at, &results),
            None => values.extend(results),
        }
    }
    b.ins().return_(&values);
}

/// A native function of a type that has the runtime call another function with its arguments. Where that
/// function is given, its entry is a parameter after all others, and its type is checked.
pub(crate) fn leave<'a>(
    module: &Module<'_>,
    ty: &FuncType,
    callee: Callee,
    function: &'a mut Function,
    context: &'a mut FunctionBuilderContext,
) -> FunctionBuilder<'a> {
    let mut signature = module.signature(ty);
    if let Callee::Given(_) = callee {
        signature.params.push(AbiParam::new(I64));
    }
    let (mut b, mut params) = begin(function, context, signature);
    let instance = params[0];
    let entry = match callee {
        Callee::Given(_) => params.pop().expect("the signature has the entry"),
        Callee::Defined(index) => {
            let entries = b.ins().load(I64, CONSTANT, instance, instance::ENTRIES);
            let offset = i64::from(index) * i64::from(func::SIZE);
            b.ins().iadd_imm_s(entries, offset)
        }
    };
    let several = ty.results().len() > 1;
    let results_at = several.then(|| params[1]);
    let args = &params[1 + usize::from(several)..];
    if let Callee::Given(type_index) = callee {
        check_type(&mut b, module, ty, instance, entry, type_index);
    }
    let slots = new_slots(&mut b, ty.param_slots().max(ty.result_slots()));
    store_slots(&mut b, slots, args);
    let number = call_runtime(&mut b, module, instance, Runtime::Call, &[entry, slots]);
    return_slots(&mut b, module, ty, instance, number, slots, results_at);
    b
}

/// Goes on if there is a function, and it is of the type at an index, or of a subtype. Otherwise the call traps that
/// led here.
fn check_type(
    b: &mut FunctionBuilder<'_>,
    module: &Module<'_>,
    ty: &FuncType,
    instance: Value,
    entry: Value,
    type_index: u32,
) {
    let [is_there, other, failed, is_of_type] = std::array::from_fn(|_| b.create_block());
    b.append_block_param(failed, I32);
    b.set_cold_block(other);
    b.set_cold_block(failed);
    let null = status::of(TrapCode::UninitializedElement);
    let null = b.ins().iconst(I32, i64::from(null));
    let null = branch_args(&[null]);
    b.ins().brif(entry, is_there, &[], failed, &null);
    b.seal_block(is_there);

    b.switch_to_block(is_there);
    let types = b.ins().load(I64, CONSTANT, instance, instance::TYPES);
    let expected = b.ins().load(I64, CONSTANT, types, type_index as i32 * 8);
    let found = b.ins().load(I64, CONSTANT, entry, func::TYPE);
    let differs = b.ins().icmp(IntCC::NotEqual, found, expected);
    b.ins().brif(differs, other, &[], is_of_type, &[]);
    b.seal_block(other);

    b.switch_to_block(other);
    let args = [entry, expected];
    let number = call_runtime(b, module, instance, Runtime::Subtype, &args);
    let failing = branch_args(&[number]);
    b.ins().brif(number, failed, &failing, is_of_type, &[]);
    b.seal_block(failed);
    b.seal_block(is_of_type);

    b.switch_to_block(failed);
    let number = b.block_params(failed)[0];
    let status = raise(b, module, instance, number, 0);
    return_status(b, ty, status);

    b.switch_to_block(is_of_type);
}

/// What is called of a function that makes tail calls: calls the inner code, and has the runtime make the tail
/// call if the inner code leaves for another function.
pub(crate) fn outer<'a>(
    module: &Module<'_>,
    index: u32,
    function: &'a mut Function,
    context: &'a mut FunctionBuilderContext,
) -> FunctionBuilder<'a> {
    let ty = module.sections.func_type(module.sections.func_index(index));
    let (mut b, params) = begin(function, context, module.signature(ty));
    let instance = params[0];
    let results_at = (ty.results().len() > 1).then(|| params[1]);
    let inner = named(&mut b, Name::Inner(index), module.signature(ty));
    let call = b.ins().call(inner, &params);
    let returned = b.inst_results(call).to_vec();
    let left = b
        .ins()
        .icmp_imm_u(IntCC::Equal, returned[0], i64::from(status::TAIL));
    let tail = b.create_block();
    let done = b.create_block();
    b.ins().brif(left, tail, &[], done, &[]);
    b.seal_block(tail);
    b.seal_block(done);

    b.switch_to_block(done);
    b.ins().return_(&returned);

    b.switch_to_block(tail);
    let slots = match results_at {
        Some(slots) => slots,
        None => new_slots(&mut b, ty.result_slots()),
    };
    let number = call_runtime(&mut b, module, instance, Runtime::Tail, &[slots]);
    return_slots(&mut b, module, ty, instance, number, slots, results_at);
    b
}

/// Calls the runtime. Gives the number that the call returns.
fn call_runtime(
    b: &mut FunctionBuilder<'_>,
    module: &Module<'_>,
    instance: Value,
    call: Runtime,
    args: &[Value],
) -> Value {
    let runtime = b.ins().load(I64, CONSTANT, instance, instance::RUNTIME);
    let function = b.ins().load(I64, CONSTANT, runtime, call.offset());
    let all: Vec<Value> = [instance].into_iter().chain(args.iter().copied()).collect();
    let mut signature = Signature::new(module.convention);
    signature.params.resize(all.len(), AbiParam::new(I64));
    signature.returns.push(AbiParam::new(I32));
    let signature = b.import_signature(signature);
    let call = b.ins().call_indirect(signature, function, &all);
    b.inst_results(call)[0]
}
