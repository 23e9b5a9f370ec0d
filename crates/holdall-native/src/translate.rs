//! The translation of a function, operator by operator.

use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::types::{I32, I64};
use wasmparser::Operator;

use crate::control::operand_type;
use crate::function::{Func, Repr, Uncovered, zero};

impl Func<'_> {
    /// Translates the function.
    ///
    /// # Errors
    /// Where the function has something for which there is no native code.
    pub(crate) fn translate(&mut self) -> Result<(), Uncovered> {
        let sections = self.module.sections;
        let start = sections.body(self.index).range().start;
        let mut operators = sections.body(self.index).get_operators_reader()?;
        self.begin_operator((operators.original_position() - start) as u32);
        let slots = self.declare_locals()?;
        self.check_stack();
        self.find_budget();
        self.keep_memory();
        self.begin_again();
        // One unit pays for zeroing eight slots.
        self.enter_region(slots / 8);
        self.enter_function();
        while !operators.eof() {
            // A body has less than 2^23 bytes.
            self.begin_operator((operators.original_position() - start) as u32);
            let operator = operators.read()?;
            self.count();
            self.operator(&operator)?;
            self.check_room()?;
            if self.given_up {
                return Err(Uncovered);
            }
        }
        self.end_again();
        self.finish();
        Ok(())
    }

    pub(crate) fn operator(&mut self, operator: &Operator<'_>) -> Result<(), Uncovered> {
        let translated = self.exception(operator)
            || self.control(operator)?
            || self.variable(operator)
            || self.call_operator(operator)
            || self.cast_operator(operator)
            || self.memory(operator)
            || self.table(operator)
            || self.numeric(operator)
            || self.simd(operator)
            || self.atomic(operator)
            || self.wide(operator);
        if translated { Ok(()) } else { Err(Uncovered) }
    }

    /// Translates an operator that only moves a value. Gives whether the operator is one.
    fn variable(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::LocalGet { local_index } => {
                let index = *local_index as usize;
                let value = self.b.use_var(self.locals[index]);
                if self.exception_locals.contains(&index) {
                    self.exceptions.insert(value);
                }
                self.push(value);
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop();
                self.b.def_var(self.locals[*local_index as usize], value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.pop();
                self.b.def_var(self.locals[*local_index as usize], value);
                self.push(value);
            }
            Operator::I32Const { value } => {
                let constant = self.b.ins().iconst(I32, i64::from(value.cast_unsigned()));
                self.push_condition(constant, Some(*value != 0));
            }
            Operator::I64Const { value } => {
                let constant = self.b.ins().iconst(I64, *value);
                self.push(constant);
            }
            Operator::F32Const { value } => {
                let constant = self.b.ins().f32const(Ieee32::with_bits(value.bits()));
                self.push(constant);
            }
            Operator::F64Const { value } => {
                let constant = self.b.ins().f64const(Ieee64::with_bits(value.bits()));
                self.push(constant);
            }
            Operator::Drop => {
                self.pop();
            }
            Operator::Select | Operator::TypedSelect { .. } => {
                let (first, second, condition) = self.pop3();
                let value = self.b.ins().select(condition, first, second);
                if self.exceptions.contains(&first) || self.exceptions.contains(&second) {
                    self.exceptions.insert(value);
                }
                self.push(value);
            }
            _ => return false,
        }
        true
    }

    /// Gives the locals their first values. Gives how many slots the locals are that are no parameters.
    fn declare_locals(&mut self) -> Result<u32, Uncovered> {
        let entry = self.b.current_block();
        let entry = entry.expect("a function begins in a block");
        let first = 1 + usize::from(self.results_at.is_some());
        let params = self.b.block_params(entry).to_vec();
        for (value, ty) in params.into_iter().skip(first).zip(self.ty.params()) {
            let local = self.b.declare_var(self.b.func.dfg.value_type(value));
            self.b.def_var(local, value);
            if ty.is_exception() {
                self.exception_locals.insert(self.locals.len());
            }
            self.locals.push(local);
        }
        let mut slots = 0;
        for group in self.module.sections.body(self.index).get_locals_reader()? {
            let (count, ty) = group?;
            let Repr { ty, is_exception } = operand_type(ty);
            if count == 0 {
                continue;
            }
            slots += count * ty.bytes().div_ceil(8);
            let value = zero(&mut self.b, ty);
            for _ in 0..count {
                let local = self.b.declare_var(ty);
                self.b.def_var(local, value);
                if is_exception {
                    self.exception_locals.insert(self.locals.len());
                }
                self.locals.push(local);
            }
        }
        Ok(slots)
    }
}
