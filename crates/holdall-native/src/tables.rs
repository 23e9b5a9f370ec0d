//! Tables, references and globals.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I32;
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use holdall_core::native::{Runtime, global, instance, table};
use holdall_core::trap::TrapCode;
use holdall_core::types::ValType;
use wasmparser::Operator;

use crate::function::{CHANGING, Func, type_of};

impl Func<'_> {
    /// Whether a table has 64-bit indices.
    fn is_64(&self, table: u32) -> bool {
        self.module.sections.tables[table as usize].is_64
    }

    /// The address of a table.
    fn table_record(&mut self, table: u32) -> Value {
        match table {
            0 => self.constant(self.instance, instance::FIRST_TABLE),
            _ => self.listed(instance::TABLES, table),
        }
    }

    /// The address of a global. Where there is a stack in linear memory, global 0 is most often its pointer.
    fn global_record(&mut self, index: u32) -> Value {
        match index {
            0 => self.constant(self.instance, instance::FIRST_GLOBAL),
            _ => self.listed(instance::GLOBALS, index),
        }
    }

    /// The address of an element, whose index is checked.
    pub(crate) fn element(&mut self, table: u32, index: Value, outside: TrapCode) -> Value {
        let record = self.table_record(table);
        let index = self.extended(index);
        let len = self.changing(record, table::LEN);
        let is_outside = self
            .b
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
        self.trap_if(is_outside, outside);
        let base = self.changing(record, table::BASE);
        let offset = self.b.ins().ishl_imm_u(index, 3);
        let address = self.b.ins().iadd(base, offset);
        if !self.module.options.settings.guarded_addresses {
            return address;
        }
        let nowhere = self.i64(0);
        self.b
            .ins()
            .select_spectre_guard(is_outside, nowhere, address)
    }

    /// Translates an operator on tables, references or globals. Gives whether the operator is one.
    pub(crate) fn table(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::TableGet { table } => {
                let index = self.pop();
                let at = self.element(table, index, TrapCode::OutOfBoundsTableAccess);
                let value = self.changing(at, 0);
                let element = self.module.sections.tables[table as usize].element;
                self.note_exceptions(&[value], &[ValType::Ref(element)]);
                self.push(value);
            }
            Operator::TableSet { table } => {
                let (index, value) = self.pop2();
                let at = self.element(table, index, TrapCode::OutOfBoundsTableAccess);
                self.b.ins().store(CHANGING, value, at, 0);
                self.effect();
            }
            Operator::TableSize { table } => {
                let record = self.table_record(table);
                let len = self.changing(record, table::LEN);
                self.push_index(len, self.is_64(table));
            }
            Operator::TableGrow { table } => {
                let (value, count) = self.pop2();
                let index = self.i64(table.into());
                self.runtime_checked(Runtime::TableGrow, &[index, value, count]);
                let before = self.result_of_runtime();
                self.push_index(before, self.is_64(table));
            }
            Operator::TableFill { table } => {
                let (at, value, count) = self.pop3();
                let table = self.i64(table.into());
                self.runtime_checked(Runtime::TableFill, &[table, at, value, count]);
            }
            Operator::TableCopy {
                dst_table,
                src_table,
            } => self.bulk(Runtime::TableCopy, dst_table, src_table),
            Operator::TableInit { elem_index, table } => {
                self.bulk(Runtime::TableInit, table, elem_index);
            }
            Operator::ElemDrop { elem_index } => {
                let segment = self.i64(elem_index.into());
                self.runtime_checked(Runtime::ElemDrop, &[segment]);
            }
            _ => return self.reference_or_global(operator),
        }
        true
    }

    fn reference_or_global(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::RefNull { .. } => {
                let null = self.i64(0);
                self.push_condition(null, Some(false));
            }
            Operator::RefFunc { function_index } => {
                let entry = self.entry_of(function_index);
                self.push(entry);
            }
            Operator::RefIsNull => {
                let reference = self.pop();
                let is_null = self.b.ins().icmp_imm_s(IntCC::Equal, reference, 0);
                let is_null = self.b.ins().uextend(I32, is_null);
                self.push(is_null);
            }
            Operator::RefAsNonNull => {
                let (is_null, _) = self.is_null();
                self.trap_if(is_null, TrapCode::NullReference);
            }
            Operator::GlobalGet { global_index } => {
                let value = self.contents.global(global_index).unwrap_or_else(|| {
                    let (ty, at) = self.global(global_index);
                    self.b.ins().load(ty, CHANGING, at, global::VALUE)
                });
                self.contents.learn_global(global_index, value);
                let content = self.module.sections.globals[global_index as usize].content;
                self.note_exceptions(&[value], &[content]);
                self.push(value);
            }
            Operator::GlobalSet { global_index } => {
                let value = self.pop();
                let (_, at) = self.global(global_index);
                // What is wider than the value stays zero, as a slot has it.
                self.b.ins().store(CHANGING, value, at, global::VALUE);
                if (global_index as usize) < self.module.sections.num_imported_globals {
                    // Others that are imported may be the same global.
                    self.contents.forget_globals();
                }
                self.contents.learn_global(global_index, value);
                self.effect();
            }
            _ => return false,
        }
        true
    }

    /// How a global's value is represented, and the address of the global.
    fn global(&mut self, index: u32) -> (Type, Value) {
        let content = self.module.sections.globals[index as usize].content;
        (type_of(content), self.global_record(index))
    }
}
