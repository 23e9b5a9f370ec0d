//! What the translation of a function needs to know of the function's module.

use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{AbiParam, Signature};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use holdall_core::module::Sections;
use holdall_core::types::{FuncType, ValType};
use wasmparser::Operator;

use crate::Options;
use crate::function::type_of;
use crate::inline::{MOST_BYTES, MOST_LOCALS, is_plain};
use crate::link::look_through;

/// A module, and how its code is to be made.
pub(crate) struct Module<'a> {
    pub(crate) sections: &'a Sections,
    pub(crate) options: &'a Options<'a>,
    pub(crate) convention: CallConv,
    /// What was seen in the defined functions, by their indices.
    pub(crate) seen: Vec<Seen>,
}

/// How long the body of a defined function is, in bytes.
pub(crate) fn body_bytes(sections: &Sections, index: u32) -> usize {
    let range = sections.body(index).range();
    (range.end - range.start) as usize
}

/// What is seen of a function before functions are translated.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Whether a call of the function may move memory 0.
    pub(crate) may_grow: bool,
    /// Whether the function has to look whether the stack has room for it.
    pub(crate) checks_stack: bool,
    /// Whether the function calls others, and not only the runtime. A tail call of itself is a jump.
    calls: bool,
    /// Whether it is not known which functions the function calls, or some of the calls are tail calls.
    calls_unknown: bool,
    /// Whether the function makes tail calls of other functions.
    pub(crate) tail_calls: bool,
    /// Whether the function makes tail calls of itself.
    pub(crate) calls_again: bool,
    /// Whether the function is inlined where it is called.
    pub(crate) is_small: bool,
    /// Whether the function throws again what a legacy `catch` caught.
    pub(crate) rethrows: bool,
    /// The loops, in their order.
    pub(crate) loops: Vec<Loop>,
    /// The defined functions that the function calls by their indices, each with the innermost loop around the call.
    callees: Vec<(u32, Option<usize>)>,
}

/// A loop of a function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loop {
    /// Whether nothing in the loop may move memory 0.
    pub(crate) is_calm: bool,
    /// The loop around this one.
    outer: Option<usize>,
}

impl Seen {
    /// Looks through a function.
    pub(crate) fn of(sections: &Sections, index: u32) -> Self {
        let mut seen = Self::default();
        let body = sections.body(index);
        // A function that was validated is readable.
        let (Ok(locals), Ok(mut reader)) = (body.get_locals_reader(), body.get_operators_reader())
        else {
            return seen;
        };
        let locals = locals.into_iter().flatten().map(|(count, _)| count);
        let locals = locals.fold(0, u32::saturating_add);
        seen.is_small = body_bytes(sections, index) <= MOST_BYTES && locals <= MOST_LOCALS;
        let mut open = OpenBlocks::default();
        while let Ok(operator) = reader.read() {
            // The end of the function is not plain, but not a part of what is inlined.
            seen.is_small &= is_plain(&operator) || reader.eof();
            open.see(&operator, &mut seen.loops);
            match operator {
                Operator::MemoryGrow { .. } => {
                    seen.may_grow = true;
                    seen.disturb(open.innermost());
                }
                Operator::CallIndirect { .. } | Operator::CallRef { .. } => {
                    seen.note_unknown_callee(open.innermost());
                }
                Operator::ReturnCallIndirect { .. } | Operator::ReturnCallRef { .. } => {
                    seen.tail_calls = true;
                    seen.note_unknown_callee(None);
                }
                Operator::Rethrow { .. } => seen.rethrows = true,
                Operator::Call { function_index } => {
                    seen.note_callee(sections, function_index, open.innermost());
                }
                Operator::ReturnCall { function_index }
                    if function_index == sections.func_index(index) =>
                {
                    seen.calls_again = true;
                }
                Operator::ReturnCall { function_index } => {
                    seen.tail_calls = true;
                    seen.note_callee(sections, function_index, None);
                    seen.calls_unknown = true;
                }
                _ => {}
            }
        }
        seen.callees.sort_unstable();
        seen.callees.dedup();
        seen
    }

    fn note_callee(&mut self, sections: &Sections, func_index: u32, in_loop: Option<usize>) {
        match func_index.checked_sub(sections.num_imported_funcs as u32) {
            Some(defined) => {
                self.calls = true;
                self.callees.push((defined, in_loop));
            }
            None => self.note_unknown_callee(in_loop),
        }
    }

    fn note_unknown_callee(&mut self, in_loop: Option<usize>) {
        (self.calls, self.calls_unknown, self.may_grow) = (true, true, true);
        self.disturb(in_loop);
    }

    /// Notes that memory 0 may move in a loop.
    fn disturb(&mut self, in_loop: Option<usize>) {
        if let Some(at) = in_loop {
            self.loops[at].is_calm = false;
        }
    }

    /// Chooses the functions that check the stack. A function does not if it calls no others, or only such as call no
    /// others or surely check: so there are never more than two frames in a row that are not checked.
    pub(crate) fn choose_stack_checks(all: &mut [Self]) {
        for at in 0..all.len() {
            let seen = &all[at];
            let mut callees = seen
                .callees
                .iter()
                .map(|(callee, _)| &all[*callee as usize]);
            all[at].checks_stack =
                seen.calls_unknown || callees.any(|callee| callee.calls && !callee.calls_unknown);
        }
    }

    /// Notes for each function, and for its loops, whether functions that are called may move memory 0.
    pub(crate) fn spread_growth(all: &mut [Self]) {
        let mut callers = vec![Vec::new(); all.len()];
        for (caller, seen) in (0..).zip(&mut *all) {
            for (callee, in_loop) in std::mem::take(&mut seen.callees) {
                callers[callee as usize].push((caller, in_loop));
            }
        }
        let may_grow = (0..all.len()).filter(|index| all[*index].may_grow);
        let mut growing: Vec<usize> = may_grow.collect();
        while let Some(callee) = growing.pop() {
            for (caller, in_loop) in std::mem::take(&mut callers[callee]) {
                let seen: &mut Self = &mut all[caller];
                seen.disturb(in_loop);
                if !std::mem::replace(&mut seen.may_grow, true) {
                    growing.push(caller);
                }
            }
        }
        for seen in all {
            // What is not calm within is not calm around it, and what is within comes later.
            for at in (0..seen.loops.len()).rev() {
                if !seen.loops[at].is_calm {
                    seen.disturb(seen.loops[at].outer);
                }
            }
        }
    }
}

/// The blocks that are open, while a function is looked through: for each the innermost loop around its operators.
#[derive(Default)]
struct OpenBlocks(Vec<Option<usize>>);

impl OpenBlocks {
    fn see(&mut self, operator: &Operator<'_>, loops: &mut Vec<Loop>) {
        match operator {
            Operator::Loop { .. } => {
                let (is_calm, outer) = (true, self.innermost());
                self.0.push(Some(loops.len()));
                loops.push(Loop { is_calm, outer });
            }
            Operator::Block { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. }
            | Operator::Try { .. } => self.0.push(self.innermost()),
            Operator::End | Operator::Delegate { .. } => {
                self.0.pop();
            }
            _ => {}
        }
    }

    fn innermost(&self) -> Option<usize> {
        *self.0.last()?
    }
}

impl<'a> Module<'a> {
    pub(crate) fn new(
        sections: &'a Sections,
        options: &'a Options<'a>,
        target: &dyn TargetIsa,
    ) -> Self {
        Self {
            sections,
            options,
            convention: target.default_call_conv(),
            seen: look_through(sections),
        }
    }

    /// The signature of calls of the runtime that get so many arguments, with the instance, and give a number.
    pub(crate) fn runtime_signature(&self, args: usize) -> Signature {
        let mut signature = Signature::new(self.convention);
        signature.params.resize(args, AbiParam::new(I64));
        signature.returns.push(AbiParam::new(I32));
        signature
    }

    /// The native signature of functions of a type.
    pub(crate) fn signature(&self, ty: &FuncType) -> Signature {
        let mut signature = Signature::new(self.convention);
        signature.params.push(AbiParam::new(I64));
        let param = |ty: &ValType| AbiParam::new(type_of(*ty));
        match ty.results() {
            [] => {}
            [result] => signature.returns.push(param(result)),
            _ => signature.params.push(AbiParam::new(I64)),
        }
        signature.params.extend(ty.params().iter().map(param));
        signature
    }
}
