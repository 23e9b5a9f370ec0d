//! Calls and tail calls.
//!
//! A function of the same instance is called directly. For any other, and for one without native code, there is a
//! helper for functions of its type. Within a `try`, calls go through a guard.
//!
//! A tail call of the function itself is a jump. For any other, the function has an inner code, which notes the
//! callee and its arguments with the runtime, and returns: what called the inner code has the runtime make the
//! tail call.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{AbiParam, BlockArg, InstBuilder, Signature, Type, Value};
use holdall_core::native::{Runtime, ending, func, instance, runtime};
use holdall_core::trap::TrapCode;
use holdall_core::types::FuncType;
use wasmparser::Operator;

use crate::entrance::guarded;
use crate::function::{CHANGING, Func, branch_args, type_of, zero};
use crate::names::Name;
use crate::sites::named;

/// Native code that is called.
#[derive(Clone, Copy, Debug)]
enum Callee {
    Named(Name),
    /// The code at an address, of the type at an index.
    At(Value, u32),
}

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
        if self
            .defined(func_index)
            .is_some_and(|defined| self.inline(defined))
        {
            return;
        }
        let ty = self.module.sections.func_type(func_index);
        let (slots, args) = self.args(ty);
        let signature = self.module.signature(ty);
        let (returned, may_grow) = if let Some(defined) = self.defined(func_index) {
            let may_grow = self.module.seen[defined as usize].may_grow;
            let callee = Callee::Named(Name::Function(defined));
            (self.call_code(callee, signature, args), may_grow)
        } else {
            let entry = self.entry_of(func_index);
            let type_index = self.module.sections.funcs[func_index as usize];
            (self.leave(type_index, signature, args, entry), true)
        };
        self.after_call(&returned, slots, ty, may_grow);
    }

    /// Pops the arguments of a call, and gives them as native code takes them, with the instance first. Gives where
    /// the results go too, if there are several.
    fn args(&mut self, ty: &FuncType) -> (Option<Value>, Vec<Value>) {
        let args = self.pop_many(ty.params().len());
        let slots = (ty.results().len() > 1).then(|| self.slots(ty.result_slots()));
        let all = [self.instance].into_iter().chain(slots).chain(args);
        (slots, all.collect())
    }

    /// Calls native code. Gives what the call returns.
    fn call_code(&mut self, callee: Callee, signature: Signature, args: Vec<Value>) -> Vec<Value> {
        let held = self.hold();
        self.contents.forget();
        let returned = match self.tries.innermost {
            Some(_) => self.call_in_try(callee, signature, args),
            None => {
                let place = self.here(ending::CALLS);
                let call = match callee {
                    Callee::Named(name) => {
                        let callee = named(&mut self.b, name, signature);
                        self.sites
                            .call(&mut self.b, place, |b| b.ins().call(callee, &args))
                    }
                    Callee::At(code, _) => {
                        let signature = self.b.import_signature(signature);
                        self.sites.call(&mut self.b, place, |b| {
                            b.ins().call_indirect(signature, code, &args)
                        })
                    }
                };
                self.b.inst_results(call).to_vec()
            }
        };
        self.release(held);
        returned
    }

    /// As [`call_code`](Self::call_code), within a `try`.
    fn call_in_try(
        &mut self,
        callee: Callee,
        signature: Signature,
        mut args: Vec<Value>,
    ) -> Vec<Value> {
        let name = match callee {
            Callee::Named(name) => name.guard(),
            Callee::At(code, type_index) => {
                args.push(code);
                Name::GuardOfCode(type_index)
            }
        };
        let returns: Vec<Type> = signature.returns.iter().map(|it| it.value_type).collect();
        let guard = named(&mut self.b, name, guarded(signature, name));
        let next = self.b.create_block();
        for ty in &returns {
            self.b.append_block_param(next, *ty);
        }
        let results = (0..).take(returns.len()).map(BlockArg::TryCallRet);
        let results: Vec<BlockArg> = results.collect();
        let returned = self.b.func.dfg.block_call(next, &results);
        let landing = self.landing().expect("the call is within a try");
        let place = self.here(ending::CALLS);
        self.sites
            .try_call(&mut self.b, place, guard, &args, returned, landing);
        self.go_on_in(next);
        self.b.block_params(next).to_vec()
    }

    /// Has a helper call the function with this entry, with checks of its type.
    fn leave(
        &mut self,
        type_index: u32,
        mut signature: Signature,
        mut args: Vec<Value>,
        entry: Value,
    ) -> Vec<Value> {
        signature.params.push(AbiParam::new(I64));
        args.push(entry);
        self.call_code(Callee::Named(Name::Leave(type_index)), signature, args)
    }

    /// Goes on after a call that returned.
    fn after_call(
        &mut self,
        returned: &[Value],
        slots: Option<Value>,
        ty: &FuncType,
        may_grow: bool,
    ) {
        self.effect();
        match slots {
            Some(slots) => self.push_slots(slots, ty.results()),
            None => {
                self.note_exceptions(returned, ty.results());
                self.push_all(returned);
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

    /// Whether a function is of the type at an index. A function of a subtype is not.
    fn is_of(&mut self, entry: Value, type_index: u32) -> Value {
        let found = self.constant(entry, func::TYPE);
        let expected = self.listed(instance::TYPES, type_index);
        self.b.ins().icmp(IntCC::Equal, found, expected)
    }

    /// Checks that a function is of a type.
    fn check_type(&mut self, entry: Value, type_index: u32) {
        let is_same = self.is_of(entry, type_index);
        let (other, next) = (self.cold_block(), self.b.create_block());
        self.b.ins().brif(is_same, next, &[], other, &[]);
        self.go_on_in(other);
        let expected = self.listed(instance::TYPES, type_index);
        let number = self.runtime(Runtime::Subtype, &[entry, expected]);
        self.trap_if(number, TrapCode::IndirectCallTypeMismatch);
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

    /// Calls the function with this entry. Where that function has no native code or is of another instance, a helper
    /// calls it. An entry that is `unchecked` may be null, or that of a function of another type: the helper sees
    /// to that too.
    fn call_entry(&mut self, entry: Value, type_index: u32, ty: &FuncType, unchecked: bool) {
        let (slots, args) = self.args(ty);
        let signature = self.module.signature(ty);
        let leave = self.cold_block();
        let after = self.b.create_block();
        if let [result] = ty.results() {
            let result = type_of(*result);
            self.b.append_block_param(after, result);
        }
        let go_on_if = |func: &mut Self, goes_on: Value| {
            let next = func.b.create_block();
            func.b.ins().brif(goes_on, next, &[], leave, &[]);
            func.go_on_in(next);
        };
        if unchecked {
            go_on_if(self, entry);
            let is_same = self.is_of(entry, type_index);
            go_on_if(self, is_same);
        }
        let callee = self.constant(entry, func::INSTANCE);
        let is_own = self.b.ins().icmp(IntCC::Equal, callee, self.instance);
        go_on_if(self, is_own);
        let code = self.constant(entry, func::NATIVE);
        go_on_if(self, code);
        let returned = self.call_code(
            Callee::At(code, type_index),
            signature.clone(),
            args.clone(),
        );
        self.b.ins().jump(after, &branch_args(&returned));

        self.go_on_in(leave);
        let returned = self.leave(type_index, signature, args, entry);
        self.b.ins().jump(after, &branch_args(&returned));

        self.go_on_in(after);
        let returned = self.b.block_params(after).to_vec();
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
        self.return_nothing();
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
