//! The ways into native code and out of it: entrances, helpers that leave the instance or native code, and what
//! makes the tail calls of a function.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{
    AbiParam, Function, InstBuilder, Signature, StackSlotData, StackSlotKind, Value,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use holdall_core::native::{Runtime, crossing, ending, func, instance, runtime};
use holdall_core::trap::TrapCode;
use holdall_core::types::FuncType;

use crate::ends::at_the_call;
use crate::function::{CHANGING, CONSTANT, begin, load_slots, runtime_function, store_slots};
use crate::module::Module;
use crate::names::Name;
use crate::sites::{Sites, named};

/// Which function a helper calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Callee {
    /// The one whose entry is the helper's last parameter, if that is not null, and of the type at this index.
    Given(u32),
    /// The defined function of this index, which is interpreted.
    Defined(u32),
}

/// A helper while it is being made.
pub(crate) struct Helper<'a> {
    b: FunctionBuilder<'a>,
    sites: Sites,
    module: &'a Module<'a>,
    params: Vec<Value>,
}

impl<'a> Helper<'a> {
    /// Begins a helper.
    fn new(
        module: &'a Module<'a>,
        function: &'a mut Function,
        context: &'a mut FunctionBuilderContext,
        signature: Signature,
    ) -> Self {
        let (b, params) = begin(function, context, signature);
        Self {
            b,
            sites: Sites::default(),
            module,
            params,
        }
    }

    /// The entrance of a type: `fn(instance, code, arguments, results)`.
    pub(crate) fn entrance(
        module: &'a Module<'a>,
        ty: &FuncType,
        function: &'a mut Function,
        context: &'a mut FunctionBuilderContext,
    ) -> Self {
        let mut signature = Signature::new(module.convention);
        signature.params.resize(4, AbiParam::new(I64));
        let mut helper = Self::new(module, function, context, signature);
        let [instance, code, arguments, results] = helper.params[..] else {
            unreachable!("the signature has four parameters");
        };
        let mut args = vec![instance];
        if ty.results().len() > 1 {
            args.push(results);
        }
        args.extend(load_slots(&mut helper.b, arguments, ty.params()));
        let returned = helper.call_code(code, module.signature(ty), &args);
        store_slots(&mut helper.b, results, &returned);
        helper.b.ins().return_(&[]);
        helper
    }

    /// A native function of a type that calls another function with its arguments: one of another instance, or one
    /// that the runtime has to call. Where that function is given, its entry is a parameter after all others, and its
    /// type is checked.
    pub(crate) fn leave(
        module: &'a Module<'a>,
        ty: &FuncType,
        callee: Callee,
        function: &'a mut Function,
        context: &'a mut FunctionBuilderContext,
    ) -> Self {
        let mut signature = module.signature(ty);
        if let Callee::Given(_) = callee {
            signature.params.push(AbiParam::new(I64));
        }
        let mut helper = Self::new(module, function, context, signature);
        let entry = match callee {
            Callee::Given(type_index) => {
                let entry = helper.params.pop().expect("the signature has the entry");
                helper.check_type(entry, type_index);
                helper.cross(ty, entry);
                entry
            }
            Callee::Defined(index) => {
                let entries = helper.constant(helper.params[0], instance::ENTRIES);
                let offset = i64::from(index) * i64::from(func::SIZE);
                helper.b.ins().iadd_imm_s(entries, offset)
            }
        };
        let several = ty.results().len() > 1;
        let results_at = several.then(|| helper.params[1]);
        let args = helper.params[1 + usize::from(several)..].to_vec();
        let slots = helper.new_slots(ty.param_slots().max(ty.result_slots()));
        store_slots(&mut helper.b, slots, &args);
        let number = helper.call_runtime(Runtime::Call, &[entry, slots]);
        helper.return_slots(ty, number, slots, results_at);
        helper
    }

    /// What is called of a function that makes tail calls: calls the inner code, and has the runtime make the tail
    /// call if the inner code leaves for another function.
    pub(crate) fn outer(
        module: &'a Module<'a>,
        index: u32,
        function: &'a mut Function,
        context: &'a mut FunctionBuilderContext,
    ) -> Self {
        let ty = module.sections.func_type(module.sections.func_index(index));
        let mut helper = Self::new(module, function, context, module.signature(ty));
        let results_at = (ty.results().len() > 1).then(|| helper.params[1]);
        let inner = named(&mut helper.b, Name::Inner(index), module.signature(ty));
        let args = helper.params.clone();
        let call = helper
            .sites
            .call(&mut helper.b, at_the_call(ending::CALLS), |b| {
                b.ins().call(inner, &args)
            });
        let returned = helper.b.inst_results(call).to_vec();
        let runtime = helper.runtime_record();
        let left = helper.changing(runtime, runtime::TAIL_CALLEE);
        let tail = helper.b.create_block();
        let done = helper.b.create_block();
        helper.b.ins().brif(left, tail, &[], done, &[]);
        helper.b.seal_block(tail);
        helper.b.seal_block(done);

        helper.b.switch_to_block(done);
        helper.b.ins().return_(&returned);

        helper.b.switch_to_block(tail);
        let slots = match results_at {
            Some(slots) => slots,
            None => helper.new_slots(ty.result_slots()),
        };
        let number = helper.call_runtime(Runtime::Tail, &[slots]);
        helper.return_slots(ty, number, slots, results_at);
        helper
    }

    /// What calls another function of a type from within a `try`: the named one, or the code at the last parameter.
    pub(crate) fn guard(
        module: &'a Module<'a>,
        name: Name,
        ty: &FuncType,
        function: &'a mut Function,
        context: &'a mut FunctionBuilderContext,
    ) -> Self {
        let mut signature = module.signature(ty);
        if let Name::GuardOfLeave(_) = name {
            signature.params.push(AbiParam::new(I64));
        }
        let guarded = guarded(signature.clone(), name);
        let mut helper = Self::new(module, function, context, guarded);
        let mut args = helper.params.clone();
        let returned = match name.guarded() {
            Some(callee) => {
                let callee = named(&mut helper.b, callee, signature);
                let call = helper.b.ins().call(callee, &args);
                helper.b.inst_results(call).to_vec()
            }
            None => {
                let code = args.pop().expect("the signature has the code");
                helper.call_code(code, signature, &args)
            }
        };
        helper.b.ins().return_(&returned);
        helper
    }

    /// The helper, made.
    pub(crate) fn made(self) -> (FunctionBuilder<'a>, Sites) {
        (self.b, self.sites)
    }

    fn constant(&mut self, base: Value, offset: i32) -> Value {
        self.b.ins().load(I64, CONSTANT, base, offset)
    }

    fn changing(&mut self, base: Value, offset: i32) -> Value {
        self.b.ins().load(I64, CHANGING, base, offset)
    }

    fn runtime_record(&mut self) -> Value {
        self.constant(self.params[0], instance::RUNTIME)
    }

    fn call_code(&mut self, code: Value, signature: Signature, args: &[Value]) -> Vec<Value> {
        let signature = self.b.import_signature(signature);
        let call = self.b.ins().call_indirect(signature, code, args);
        self.b.inst_results(call).to_vec()
    }

    /// Calls the runtime. Gives the number that the call returns.
    fn call_runtime(&mut self, call: Runtime, args: &[Value]) -> Value {
        let function = runtime_function(&mut self.b, self.params[0], call);
        let args = args.iter().copied();
        let all: Vec<Value> = [self.params[0]].into_iter().chain(args).collect();
        let signature = self.module.runtime_signature(all.len());
        self.call_code(function, signature, &all)[0]
    }

    /// Goes on if there is a function, and it is of the type at an index, or of a subtype. Otherwise the call traps
    /// that led here.
    fn check_type(&mut self, entry: Value, type_index: u32) {
        let is_null = self.b.ins().icmp_imm_s(IntCC::Equal, entry, 0);
        let null = at_the_call(ending::of(TrapCode::UninitializedElement));
        self.sites.end_if(&mut self.b, is_null, null);
        let types = self.constant(self.params[0], instance::TYPES);
        let expected = self.constant(types, type_index as i32 * 8);
        let found = self.constant(entry, func::TYPE);
        let differs = self.b.ins().icmp(IntCC::NotEqual, found, expected);
        let [other, is_of_type] = [(); 2].map(|()| self.b.create_block());
        self.b.set_cold_block(other);
        self.b.ins().brif(differs, other, &[], is_of_type, &[]);
        self.b.seal_block(other);

        self.b.switch_to_block(other);
        let number = self.call_runtime(Runtime::Subtype, &[entry, expected]);
        let mismatch = at_the_call(ending::of(TrapCode::IndirectCallTypeMismatch));
        self.sites.end_if(&mut self.b, number, mismatch);
        self.b.ins().jump(is_of_type, &[]);
        self.b.seal_block(is_of_type);
        self.b.switch_to_block(is_of_type);
    }

    /// Calls the function with this entry, and returns what it returns, if the function is native.
    fn cross(&mut self, ty: &FuncType, entry: Value) {
        let [of_module, native, other] = [(); 3].map(|()| self.b.create_block());
        let callee = self.constant(entry, func::INSTANCE);
        self.b.ins().brif(callee, of_module, &[], other, &[]);
        self.b.seal_block(of_module);

        self.b.switch_to_block(of_module);
        let code = self.constant(entry, func::NATIVE);
        self.b.ins().brif(code, native, &[], other, &[]);
        self.b.seal_block(native);
        self.b.seal_block(other);

        self.b.switch_to_block(native);
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, crossing::SIZE, 3);
        let record = self.b.create_sized_stack_slot(data);
        let record = self.b.ins().stack_addr(I64, record, 0);
        let runtime = self.runtime_record();
        let outer = self.changing(runtime, runtime::CROSSINGS);
        for (value, base, offset) in [
            (outer, record, crossing::OUTER),
            (callee, record, crossing::INSTANCE),
            (record, runtime, runtime::CROSSINGS),
        ] {
            self.b.ins().store(CHANGING, value, base, offset);
        }
        let mut args = self.params.clone();
        args[0] = callee;
        let returned = self.call_code(code, self.module.signature(ty), &args);
        let crossings = runtime::CROSSINGS;
        self.b.ins().store(CHANGING, outer, runtime, crossings);
        self.b.ins().return_(&returned);

        self.b.switch_to_block(other);
    }

    /// New slots on the stack.
    fn new_slots(&mut self, count: usize) -> Value {
        // A function has at most 1,000 parameters, and as many results.
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, 8 * count as u32, 3);
        let slots = self.b.create_sized_stack_slot(data);
        self.b.ins().stack_addr(I64, slots, 0)
    }

    /// Ends a function whose results are in slots if the call of the runtime that gave `number` did not fail. If
    /// the call failed, so did the call that led here.
    fn return_slots(
        &mut self,
        ty: &FuncType,
        number: Value,
        slots: Value,
        results_at: Option<Value>,
    ) {
        let [failed, done] = [(); 2].map(|()| self.b.create_block());
        self.b.set_cold_block(failed);
        self.b.ins().brif(number, failed, &[], done, &[]);
        self.b.seal_block(failed);
        self.b.seal_block(done);

        self.b.switch_to_block(failed);
        let (instance, place) = (self.params[0], at_the_call(ending::FAILED));
        self.sites
            .end_by_runtime(&mut self.b, instance, place, None);

        self.b.switch_to_block(done);
        let mut values = Vec::new();
        if results_at != Some(slots) {
            let results = load_slots(&mut self.b, slots, ty.results());
            match results_at {
                Some(results_at) => store_slots(&mut self.b, results_at, &results),
                None => values = results,
            }
        }
        self.b.ins().return_(&values);
    }
}

/// The signature of what guards calls of functions of a signature within a `try`. Its convention has no registers
/// that a callee restores: so nothing has to be restored where something was thrown.
pub(crate) fn guarded(mut signature: Signature, name: Name) -> Signature {
    signature.call_conv = CallConv::Tail;
    if let Name::GuardOfCode(_) = name {
        signature.params.push(AbiParam::new(I64));
    }
    signature
}
