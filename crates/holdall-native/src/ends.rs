//! The ways in which a function ends: it returns, it traps, or it passes on why the execution ended. Where an
//! execution ends is cold code behind all other code of the function.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{AbiParam, Block, InstBuilder, Signature, Type, Value};
use cranelift_frontend::FunctionBuilder;
use holdall_core::native::{Runtime, instance, runtime, status};
use holdall_core::trap::TrapCode;
use holdall_core::types::FuncType;

use crate::function::{CONSTANT, Func, branch_args, type_of, zero};
use crate::module::Module;

/// The blocks at which a function ends.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    /// What raises: gets a status.
    raise: Shared,
    /// What returns a callee's status.
    pass: Shared,
    /// What returns its parameters.
    returns: Option<Block>,
    /// The blocks of the traps, each with the status that it raises.
    traps: Vec<(Block, u32)>,
}

/// Blocks that do the same with a status, each for a part of those who branch to one: what it takes to find a
/// place for values that meet in one block grows with the square of their number.
#[derive(Debug, Default)]
struct Shared {
    blocks: Vec<Block>,
    /// How many branches there are, to all of them.
    branches: usize,
}

impl Shared {
    /// How many branches one block has.
    const MOST_BRANCHES: usize = 256;
}

impl Func<'_> {
    /// The block that gets a status from the next branch.
    fn shared(&mut self, which: fn(&mut Ends) -> &mut Shared) -> Block {
        let shared = which(&mut self.ends);
        let is_full = shared.branches.is_multiple_of(Shared::MOST_BRANCHES);
        shared.branches += 1;
        if let Some(block) = shared.blocks.last().filter(|_| !is_full) {
            return *block;
        }
        let block = self.cold_block();
        self.b.append_block_param(block, I32);
        which(&mut self.ends).blocks.push(block);
        block
    }

    /// The status of the operator that is being translated, with the number of a trap.
    pub(crate) fn status_here(&self, number: u32) -> u32 {
        status::at(self.offset, number)
    }

    /// A block that raises a trap at the operator that is being translated.
    pub(crate) fn trap_block(&mut self, code: TrapCode) -> Block {
        self.effect();
        let status = self.status_here(status::of(code));
        if let Some((block, other)) = self.ends.traps.last()
            && *other == status
        {
            return *block;
        }
        let block = self.cold_block();
        self.ends.traps.push((block, status));
        block
    }

    /// Traps where `condition` is not zero.
    pub(crate) fn trap_if(&mut self, condition: Value, code: TrapCode) {
        let trap = self.trap_block(code);
        let next = self.b.create_block();
        self.b.ins().brif(condition, trap, &[], next, &[]);
        self.go_on_in(next);
    }

    /// Traps. What follows cannot be reached.
    pub(crate) fn trap(&mut self, code: TrapCode) {
        let trap = self.trap_block(code);
        self.b.ins().jump(trap, &[]);
        self.dead = true;
    }

    /// A block that raises its parameter, a status. Each branch asks for the block anew.
    pub(crate) fn raise_block(&mut self) -> Block {
        self.shared(|ends| &mut ends.raise)
    }

    /// The status of the operator that is being translated, with a number that a call gave.
    pub(crate) fn failed_here(&mut self, number: Value) -> Value {
        let offset = self.status_here(0);
        self.b.ins().bor_imm_u(number, i64::from(offset))
    }

    /// Raises the number that a call of the runtime gave, if that is not zero.
    pub(crate) fn raise_unless_zero(&mut self, number: Value) {
        let failed = self.cold_block();
        let next = self.b.create_block();
        self.b.ins().brif(number, failed, &[], next, &[]);
        self.go_on_in(failed);
        let status = self.failed_here(number);
        let raise = self.raise_block();
        self.b.ins().jump(raise, &branch_args(&[status]));
        self.go_on_in(next);
    }

    /// A block that returns its parameter, a status. Each branch asks for the block anew.
    pub(crate) fn pass_block(&mut self) -> Block {
        self.shared(|ends| &mut ends.pass)
    }

    /// Goes on with the status of a callee where that is not zero: at what catches, or else at the end of the
    /// function.
    pub(crate) fn pass_unless_zero(&mut self, status: Value) {
        let pass = self.landing();
        let next = self.b.create_block();
        let passed = branch_args(&[status]);
        self.b.ins().brif(status, pass, &passed, next, &[]);
        self.go_on_in(next);
    }

    /// Raises a status of the operator that is being translated. Gives the status.
    pub(crate) fn raised(&mut self, status: Value) -> Value {
        let function = self.index.into();
        raise(&mut self.b, self.module, self.instance, status, function)
    }

    /// Returns from the function with these results.
    pub(crate) fn return_values(&mut self, values: &[Value]) {
        let mut returned = vec![self.b.ins().iconst(I32, i64::from(status::RETURNED))];
        match self.results_at {
            Some(slots) => self.store_slots(slots, values),
            None => returned.extend(values),
        }
        self.jump_to_return(&returned);
    }

    /// Returns a status other than zero, without results.
    pub(crate) fn return_status(&mut self, status: Value) {
        let mut returned = vec![status];
        if let [result] = self.ty.results() {
            returned.push(zero(&mut self.b, type_of(*result)));
        }
        self.jump_to_return(&returned);
    }

    /// Goes where the function returns from, which is one place: the end of a function takes much code.
    fn jump_to_return(&mut self, returned: &[Value]) {
        let block = match self.ends.returns {
            Some(block) => block,
            None => {
                let types = returned.iter().map(|it| self.b.func.dfg.value_type(*it));
                let types: Vec<Type> = types.collect();
                let block = self.b.create_block();
                for ty in types {
                    self.b.append_block_param(block, ty);
                }
                *self.ends.returns.insert(block)
            }
        };
        self.b.ins().jump(block, &branch_args(returned));
    }

    /// Traps where the stack has no room for the function. Its caller has to have the trap. A function that calls
    /// no others does without: there is always room for one frame.
    pub(crate) fn check_stack(&mut self) {
        if !self.module.seen[self.index as usize].calls {
            return;
        }
        let runtime = self.runtime_record();
        let limit = self.changing(runtime, runtime::STACK_LIMIT);
        let pointer = self.b.ins().get_stack_pointer(I64);
        let over = self.b.ins().icmp(IntCC::UnsignedLessThan, pointer, limit);
        // At no offset.
        let status = status::at(0, status::of(TrapCode::CallStackExhausted));
        let exhausted = self.cold_block();
        self.ends.traps.push((exhausted, status));
        let next = self.b.create_block();
        self.b.ins().brif(over, exhausted, &[], next, &[]);
        self.go_on_in(next);
    }

    /// Fills the blocks that end the execution.
    pub(crate) fn finish(&mut self) {
        self.finish_checks();
        for (block, status) in std::mem::take(&mut self.ends.traps) {
            self.go_on_in(block);
            let status = self.b.ins().iconst(I32, i64::from(status));
            let raise = self.raise_block();
            self.b.ins().jump(raise, &branch_args(&[status]));
        }
        for block in std::mem::take(&mut self.ends.raise.blocks) {
            self.go_on_in(block);
            let status = self.b.block_params(block)[0];
            // Another value, so that not all who come here move the instance to where the call has it.
            let instance = self.instance;
            self.instance = self.b.ins().iadd_imm_s(instance, 0);
            let status = self.raised(status);
            self.instance = instance;
            let pass = self.pass_block();
            self.b.ins().jump(pass, &branch_args(&[status]));
        }
        for block in std::mem::take(&mut self.ends.pass.blocks) {
            self.go_on_in(block);
            let status = self.b.block_params(block)[0];
            self.return_status(status);
        }
        if let Some(block) = self.ends.returns.take() {
            self.go_on_in(block);
            let returned = self.b.block_params(block).to_vec();
            self.b.ins().return_(&returned);
        }
    }
}

/// Has the runtime note that the execution ends with a status of a defined function. Gives the status.
pub(crate) fn raise(
    b: &mut FunctionBuilder<'_>,
    module: &Module<'_>,
    instance: Value,
    status: Value,
    function: u64,
) -> Value {
    let runtime = b.ins().load(I64, CONSTANT, instance, instance::RUNTIME);
    let raise = b
        .ins()
        .load(I64, CONSTANT, runtime, Runtime::Raise.offset());
    let function = b.ins().iconst(I64, function.cast_signed());
    let frame = b.ins().get_frame_pointer(I64);
    let mut signature = Signature::new(module.convention);
    signature.params.resize(4, AbiParam::new(I64));
    signature.params[1] = AbiParam::new(I32);
    signature.returns.push(AbiParam::new(I32));
    let signature = b.import_signature(signature);
    let args = [instance, status, function, frame];
    let call = b.ins().call_indirect(signature, raise, &args);
    b.inst_results(call)[0]
}

/// Returns a status from a function of a type, with no results that anybody reads.
pub(crate) fn return_status(b: &mut FunctionBuilder<'_>, ty: &FuncType, status: Value) {
    let mut returned = vec![status];
    if let [result] = ty.results() {
        returned.push(zero(b, type_of(*result)));
    }
    b.ins().return_(&returned);
}
