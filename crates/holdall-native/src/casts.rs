//! Casts of references. A null is 0; a reference to a function is the address of its entry.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I32;
use cranelift_codegen::ir::{InstBuilder, Value};
use holdall_core::native::{Runtime, func, instance};
use holdall_core::trap::TrapCode;
use wasmparser::{AbstractHeapType, HeapType, Operator, RefType};

use crate::function::{Func, branch_args};

impl Func<'_> {
    /// Whether a reference passes a cast: the `i32` 0 or 1.
    fn passes(&mut self, reference: Value, to: HeapType, nullable: bool) -> Value {
        let passes_null = i64::from(nullable);
        if let HeapType::Concrete(index) = to {
            let index = index.as_module_index();
            let index = index.expect("a function has indices of its module's types");
            return self.passes_type(reference, index, passes_null);
        }
        // Validation lets through casts within one hierarchy only.
        let is_top = matches!(
            to,
            HeapType::Abstract {
                ty: AbstractHeapType::Func | AbstractHeapType::Extern | AbstractHeapType::Exn,
                ..
            }
        );
        match (is_top, nullable) {
            (true, true) => self.b.ins().iconst(I32, 1),
            (false, false) => self.b.ins().iconst(I32, 0),
            (is_top, _) => {
                let condition = if is_top {
                    IntCC::NotEqual
                } else {
                    IntCC::Equal
                };
                let passes = self.b.ins().icmp_imm_s(condition, reference, 0);
                self.b.ins().uextend(I32, passes)
            }
        }
    }

    /// Whether a reference to a function is to one of a type of the module.
    fn passes_type(&mut self, reference: Value, index: u32, passes_null: i64) -> Value {
        self.effect();
        let (there, other) = (self.b.create_block(), self.cold_block());
        let after = self.b.create_block();
        self.b.append_block_param(after, I32);
        let null = self.b.ins().iconst(I32, passes_null);
        let null = branch_args(&[null]);
        self.b.ins().brif(reference, there, &[], after, &null);

        self.go_on_in(there);
        let found = self.constant(reference, func::TYPE);
        let expected = self.listed(instance::TYPES, index);
        let is_same = self.b.ins().icmp(IntCC::Equal, found, expected);
        let yes = self.b.ins().iconst(I32, 1);
        let yes = branch_args(&[yes]);
        self.b.ins().brif(is_same, after, &yes, other, &[]);

        self.go_on_in(other);
        let number = self.runtime(Runtime::Subtype, &[reference, expected]);
        let is_subtype = self.b.ins().icmp_imm_u(IntCC::Equal, number, 0);
        let is_subtype = self.b.ins().uextend(I32, is_subtype);
        self.b.ins().jump(after, &branch_args(&[is_subtype]));

        self.go_on_in(after);
        self.b.block_params(after)[0]
    }

    fn test(&mut self, to: HeapType, nullable: bool) {
        let reference = self.pop();
        let passes = self.passes(reference, to, nullable);
        self.push(passes);
    }

    /// Traps where the reference on top of the stack does not pass a cast.
    fn cast(&mut self, to: HeapType, nullable: bool) {
        let reference = self.top(1)[0];
        let passes = self.passes(reference, to, nullable);
        let fails = self.b.ins().icmp_imm_u(IntCC::Equal, passes, 0);
        self.trap_if(fails, TrapCode::CastFailure);
    }

    /// Branches where the reference on top of the stack passes a cast, or, with `fails`, where it does not.
    fn br_on_cast(&mut self, to: RefType, fails: bool, depth: u32) {
        let reference = self.top(1)[0];
        let passes = self.passes(reference, to.heap_type(), to.is_nullable());
        self.br_where((passes, None), fails, depth);
    }

    /// Translates a cast. Gives whether the operator is one.
    pub(crate) fn cast_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::RefTestNonNull { hty } => self.test(hty, false),
            Operator::RefTestNullable { hty } => self.test(hty, true),
            Operator::RefCastNonNull { hty } => self.cast(hty, false),
            Operator::RefCastNullable { hty } => self.cast(hty, true),
            Operator::BrOnCast {
                relative_depth,
                to_ref_type,
                ..
            } => self.br_on_cast(to_ref_type, false, relative_depth),
            Operator::BrOnCastFail {
                relative_depth,
                to_ref_type,
                ..
            } => self.br_on_cast(to_ref_type, true, relative_depth),
            _ => return false,
        }
        true
    }
}
