//! The ways in which a function ends: it returns, or something ends the execution.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{Block, InstBuilder, Type, Value};
use holdall_core::native::{Place, ending, runtime};
use holdall_core::trap::TrapCode;

use crate::function::{Func, branch_args, type_of, zero};

/// The blocks at which a function ends.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    /// What returns its parameters.
    returns: Option<Block>,
    /// The blocks of traps, each with its place.
    traps: Vec<(Block, Place)>,
}

impl Func<'_> {
    /// The operator that is being translated, with what happens there.
    pub(crate) fn here(&self, ending: u8) -> Place {
        Place {
            offset: self.offset,
            ending,
            inlined: self.inlined,
        }
    }

    /// Traps where `condition` is not zero.
    pub(crate) fn trap_if(&mut self, condition: Value, code: TrapCode) {
        self.effect();
        let place = self.here(ending::of(code));
        self.sites.end_if(&mut self.b, condition, place);
    }

    /// A block that traps at the operator that is being translated.
    pub(crate) fn trap_block(&mut self, code: TrapCode) -> Block {
        self.effect();
        let block = self.cold_block();
        self.ends.traps.push((block, self.here(ending::of(code))));
        block
    }

    /// Traps. What follows cannot be reached.
    pub(crate) fn trap(&mut self, code: TrapCode) {
        let trap = self.trap_block(code);
        self.b.ins().jump(trap, &[]);
        self.dead = true;
    }

    /// Ends the function where the number that a call of the runtime gave is not zero.
    pub(crate) fn end_if_failed(&mut self, number: Value) {
        let place = self.here(ending::FAILED);
        self.sites.end_if(&mut self.b, number, place);
    }

    /// Returns from the function with these results.
    pub(crate) fn return_values(&mut self, values: &[Value]) {
        match self.results_at {
            Some(slots) => {
                self.store_slots(slots, values);
                self.jump_to_return(&[]);
            }
            None => self.jump_to_return(values),
        }
    }

    /// Returns from the function with results that nobody reads.
    pub(crate) fn return_nothing(&mut self) {
        let result = match self.ty.results() {
            [result] => Some(zero(&mut self.b, type_of(*result))),
            _ => None,
        };
        self.jump_to_return(result.as_slice());
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

    /// Traps where the stack has no room for the function. Its caller has to have the trap. Not all functions check:
    /// there is always room for two frames.
    pub(crate) fn check_stack(&mut self) {
        if !self.module.seen[self.index as usize].checks_stack {
            return;
        }
        let runtime = self.runtime_record();
        let limit = self.changing(runtime, runtime::STACK_LIMIT);
        let pointer = self.b.ins().get_stack_pointer(I64);
        let over = self.b.ins().icmp(IntCC::UnsignedLessThan, pointer, limit);
        let place = at_the_call(ending::of(TrapCode::CallStackExhausted));
        self.sites.end_if(&mut self.b, over, place);
    }

    /// Fills the blocks that end the function.
    pub(crate) fn finish(&mut self) {
        for (block, place) in std::mem::take(&mut self.ends.traps) {
            self.go_on_in(block);
            self.sites.end(&mut self.b, place);
        }
        if let Some(block) = self.ends.returns.take() {
            self.go_on_in(block);
            let returned = self.b.block_params(block).to_vec();
            self.b.ins().return_(&returned);
        }
        self.finish_checks();
    }
}

/// What happens at the call of a function, although the function is the one that ends.
pub(crate) fn at_the_call(ending: u8) -> Place {
    Place {
        offset: 0,
        ending,
        inlined: None,
    }
}
