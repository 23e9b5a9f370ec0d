//! Calls and tail calls.
//!
//! A tail call of the function itself is a jump. For any other, the function has an inner code, which notes the
//! callee and its arguments with the runtime, and returns: what called the inner code has the runtime make the
//! tail call.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{
    AbiParam, ExtFuncData, ExternalName, FuncRef, InstBuilder, Signature, UserExternalName, Value,
};
use cranelift_frontend::FunctionBuilder;
use holdall_core::native::{Runtime, func, instance, runtime, status};
use holdall_core::trap::TrapCode;
use holdall_core::types::FuncType;
use wasmparser::Operator;

use crate::function::{CHANGING, Func, branch_args, type_of, zero};
use crate::link::Name;

impl<'a> Func<'a> {
    /// The function type at an index.
    fn func_type(&self, type_index: u32) -> &'a FuncType {
        &self.module.sections.types[type_index as usize]
    }

    /// The index of a defined function.
    fn defined(&self, func_index: u32) -> Option<u32> {
        func_index.checked_sub(self.module.sections.num_imported_funcs as u32)
    }

    /// A reference to a function of the module: the address of its entry.
    pub(crate) fn entry_of(&mut self, func_index: u32) -> Value {
        match self.defined(func_index) {
            Some(defined) => {
                let entries = self.constant(self.instance, instance::ENTRIES);
                let offset = i64::from(defined) * i64::from(func::SIZE);
                self.b.ins().iadd_imm_s(entries, offset)
            }
            None => self.listed(instance::FUNCS, func_index),
        }
    }

    /// Translates a call. Gives whether the operator is one.
    pub(crate) fn call_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::Call { function_index } => self.call(function_index),
            Operator::CallIndirect {
                type_index,
                table_index,
            } => {
                let ty = self.func_type(type_index);
                let entry = self.element_to_call(table_index);
                self.call_entry(entry, type_index, ty, true);
            }
            Operator::CallRef { type_index } => {
                let ty = self.func_type(type_index);
                let entry = self.reference_to_call();
                self.call_entry(entry, type_index, ty, false);
            }
            Operator::ReturnCall { function_index } => {
                let ty = self.module.sections.func_type(function_index);
                if self.defined(function_index) == Some(self.index) {
                    self.call_again();
                } else {
                    let entry = self.entry_of(function_index);
                    self.tail_call(entry, ty);
                }
            }
            Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } => {
                let ty = self.func_type(type_index);
                let entry = self.element_to_call(table_index);
                let is_null = self.b.ins().icmp_imm_s(IntCC::Equal, entry, 0);
                self.trap_if(is_null, TrapCode::UninitializedElement);
                self.check_type(entry, type_index);
                self.tail_call(entry, ty);
            }
            Operator::ReturnCallRef { type_index } => {
                let ty = self.func_type(type_index);
                let entry = self.reference_to_call();
                self.tail_call(entry, ty);
            }
            _ => return false,
        }
        true
    }

    fn call(&mut self, func_index: u32) {
        let ty = self.module.sections.func_type(func_index);
        let Some(defined) = self.defined(func_index) else {
            let entry = self.entry_of(func_index);
            let type_index = self.module.sections.funcs[func_index as usize];
            self.call_entry(entry, type_index, ty, false);
            return;
        };
        let args = self.pop_many(ty.params().len());
        let slots = self.result_slots(ty);
        let all: Vec<Value> = [self.instance]
            .into_iter()
            .chain(slots)
            .chain(args)
            .collect();
        let signature = self.module.signature(ty);
        let callee = named(&mut self.b, Name::Function(defined), signature);
        let held = self.hold();
        let call = self.at_call(|b| b.ins().call(callee, &all));
        let returned = self.b.inst_results(call).to_vec();
        self.release(held);
        let may_grow = self.module.seen[defined as usize].may_grow;
        self.after_call(&returned, slots, ty, may_grow);
    }

    /// Where a callee of a type puts its results, if there are several.
    fn result_slots(&mut self, ty: &FuncType) -> Option<Value> {
        (ty.results().len() > 1).then(|| self.slots(ty.result_slots()))
    }

    /// Goes on after a call that returned a status and perhaps a result.
    fn after_call(
        &mut self,
        returned: &[Value],
        slots: Option<Value>,
        ty: &FuncType,
        may_grow: bool,
    ) {
        self.effect();
        self.pass_unless_zero(returned[0]);
        match slots {
            Some(slots) => self.push_slots(slots, ty.results()),
            None => {
                self.note_exceptions(&returned[1..], ty.results());
                self.push_all(&returned[1..]);
            }
        }
        if may_grow {
            self.reload_memory();
        }
    }

    /// Pops the index of an element of a table. Gives what the element has: the address of the entry of a
    /// function, or null.
    fn element_to_call(&mut self, table: u32) -> Value {
        let index = self.pop();
        let element = self.element(table, index, TrapCode::UndefinedElement);
        self.changing(element, 0)
    }

    /// Whether a function is of another type than the one at an index; that may be a subtype.
    fn differs(&mut self, entry: Value, type_index: u32) -> Value {
        let found = self.constant(entry, func::TYPE);
        let expected = self.listed(instance::TYPES, type_index);
        self.b.ins().icmp(IntCC::NotEqual, found, expected)
    }

    /// Checks that a function is of a type.
    fn check_type(&mut self, entry: Value, type_index: u32) {
        let differs = self.differs(entry, type_index);
        let (other, next) = (self.cold_block(), self.b.create_block());
        self.b.ins().brif(differs, other, &[], next, &[]);
        self.go_on_in(other);
        let expected = self.listed(instance::TYPES, type_index);
        self.runtime_checked(Runtime::Subtype, &[entry, expected]);
        self.b.ins().jump(next, &[]);
        self.go_on_in(next);
    }

    /// Pops a reference to a function, and checks that it is not null.
    fn reference_to_call(&mut self) -> Value {
        let entry = self.pop();
        let is_null = self.b.ins().icmp_imm_s(IntCC::Equal, entry, 0);
        self.trap_if(is_null, TrapCode::NullFunctionReference);
        entry
    }

    /// Calls the function with this entry. Where that function has no native code, a helper for functions of the
    /// type leaves native code. An entry that is `unchecked` may be null, or that of a function of another
    /// type: the helper sees to that too.
    fn call_entry(&mut self, entry: Value, type_index: u32, ty: &FuncType, unchecked: bool) {
        let args = self.pop_many(ty.params().len());
        let slots = self.result_slots(ty);
        let args: Vec<Value> = slots.into_iter().chain(args).collect();

        let held = self.hold();
        let leave = self.cold_block();
        let of_module = self.b.create_block();
        let native = self.b.create_block();
        let after = self.b.create_block();
        self.b.append_block_param(after, I32);
        if let [result] = ty.results() {
            let result = type_of(*result);
            self.b.append_block_param(after, result);
        }
        if unchecked {
            let is_there = self.b.create_block();
            self.b.ins().brif(entry, is_there, &[], leave, &[]);
            self.go_on_in(is_there);
            let differs = self.differs(entry, type_index);
            let is_same = self.b.create_block();
            self.b.ins().brif(differs, leave, &[], is_same, &[]);
            self.go_on_in(is_same);
        }
        let callee = self.constant(entry, func::INSTANCE);
        self.b.ins().brif(callee, of_module, &[], leave, &[]);
        self.go_on_in(of_module);
        let code = self.constant(entry, func::NATIVE);
        self.b.ins().brif(code, native, &[], leave, &[]);

        self.go_on_in(leave);
        let mut all = vec![self.instance];
        all.extend(&args);
        all.push(entry);
        let mut signature = self.module.signature(ty);
        signature.params.push(AbiParam::new(I64));
        let helper = named(&mut self.b, Name::Leave(type_index), signature);
        let call = self.at_call(|b| b.ins().call(helper, &all));
        let returned = branch_args(self.b.inst_results(call));
        self.b.ins().jump(after, &returned);

        self.go_on_in(native);
        let mut all = vec![callee];
        all.extend(&args);
        let signature = self.module.signature(ty);
        let signature = self.b.import_signature(signature);
        let call = self.at_call(|b| b.ins().call_indirect(signature, code, &all));
        let returned = branch_args(self.b.inst_results(call));
        self.b.ins().jump(after, &returned);

        self.go_on_in(after);
        let returned = self.b.block_params(after).to_vec();
        self.release(held);
        self.after_call(&returned, slots, ty, true);
    }

    /// Leaves the function for another one.
    fn tail_call(&mut self, entry: Value, ty: &FuncType) {
        let args = self.pop_many(ty.params().len());
        let runtime = self.runtime_record();
        self.b
            .ins()
            .store(CHANGING, entry, runtime, runtime::TAIL_CALLEE);
        let slots = self.constant(runtime, runtime::TAIL_SLOTS);
        self.store_slots(slots, &args);
        let status = self.b.ins().iconst(I32, i64::from(status::TAIL));
        self.return_status(status);
        self.dead = true;
    }

    /// Makes the next instruction one that tail calls of the function to itself go to.
    pub(crate) fn begin_again(&mut self) {
        if self.module.seen[self.index as usize].calls_again {
            let block = self.b.create_block();
            self.b.ins().jump(block, &[]);
            self.b.switch_to_block(block);
            self.again = Some(block);
        }
    }

    /// Notes that no more tail calls of the function to itself follow.
    pub(crate) fn end_again(&mut self) {
        if let Some(block) = self.again {
            self.b.seal_block(block);
        }
    }

    fn call_again(&mut self) {
        let args = self.pop_many(self.ty.params().len());
        for (at, local) in self.locals.clone().into_iter().enumerate() {
            let value = match args.get(at) {
                Some(arg) => *arg,
                None => {
                    let before = self.b.use_var(local);
                    let ty = self.b.func.dfg.value_type(before);
                    zero(&mut self.b, ty)
                }
            };
            self.b.def_var(local, value);
        }
        let again = self.again.expect("made where the function begins");
        self.b.ins().jump(again, &[]);
        self.dead = true;
    }
}

/// A function of the same text.
pub(crate) fn named(b: &mut FunctionBuilder<'_>, name: Name, signature: Signature) -> FuncRef {
    let (namespace, index) = name.parts();
    let name = UserExternalName::new(namespace, index);
    let name = b.func.declare_imported_user_function(name);
    let signature = b.import_signature(signature);
    b.import_function(ExtFuncData {
        name: ExternalName::user(name),
        signature,
        colocated: true,
        patchable: false,
    })
}
