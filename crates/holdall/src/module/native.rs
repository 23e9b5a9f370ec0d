//! The native code of a module, where the processor can execute it. Does not know stores.

use std::any::Any;
use std::fmt;
use std::ptr::NonNull;

use holdall_core::native::Code;

use crate::ir::Word;

/// The native code of a module.
pub(crate) struct Native {
    /// The tables; its text is what `text` is a copy of, or `text` itself.
    pub(super) code: Code<'static>,
    /// The machine code, of which `code` knows the size.
    pub(super) text: NonNull<u8>,
    pub(super) functions: Box<[Function]>,
    /// What stands for the code of each defined function that is native.
    pub(super) stubs: Box<[[Word; 2]]>,
    /// What keeps the bytes. Declared last: it goes last.
    pub(super) _bytes: Box<dyn Any + Send + Sync>,
}

// SAFETY: the addresses lead to bytes that nobody writes to.
unsafe impl Send for Native {}
// SAFETY: as for `Send`.
unsafe impl Sync for Native {}

/// Where a defined function's machine code lies; null where it has none.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    /// What the executor calls for functions of the type.
    pub(crate) entrance: *const u8,
    /// What is called.
    pub(crate) start: *const u8,
    /// What a tail call calls.
    pub(crate) inner: *const u8,
}

impl Native {
    /// What stands for the code of a defined function, and its machine code; `None` where it has none.
    pub(crate) fn function(&self, defined_index: usize) -> Option<(*const Word, *const ())> {
        let start = self.functions[defined_index].start;
        (!start.is_null()).then(|| (self.stubs[defined_index].as_ptr(), start.cast()))
    }

    /// Where the machine code of a defined function lies.
    pub(crate) fn code(&self, defined_index: u32) -> Function {
        self.functions[defined_index as usize]
    }

    /// The defined function that has the instruction before a return address, and the offset in the module's
    /// bytes of what that instruction is made of; none where the instruction is the call of the inner code.
    pub(crate) fn call_at(&self, back: usize) -> Option<(u32, Option<u32>)> {
        let offset = back.checked_sub(self.text.addr().get())?.checked_sub(1)?;
        let offset = u32::try_from(offset).ok()?;
        let function = self.code.function_at(offset)?;
        let inner = self.code.function(function)?.inner;
        let calls_inner = inner.is_some_and(|inner| offset < inner);
        let place = self.code.place_at(offset).filter(|_| !calls_inner);
        Some((function, place))
    }

    /// How many functions are native, and how many bytes their code takes.
    pub(crate) fn size(&self) -> (usize, usize) {
        let native = self.functions.iter();
        let native = native.filter(|function| !function.start.is_null());
        (native.count(), self.code.text().len())
    }
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (functions, bytes) = self.size();
        f.debug_struct("Native")
            .field("functions", &functions)
            .field("bytes", &bytes)
            .finish()
    }
}
