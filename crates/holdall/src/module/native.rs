//! The native code of a module, where the processor can execute it. Does not know stores.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use holdall_core::module::{Sections, Unfit};
use holdall_core::native::{Catches, Code, Place, Settings, host_features};

use super::load::stubs;
use crate::engine::Engine;
use crate::ir::{self, Word};

/// Machine code that is a part of the running program, as `holdall-native` makes it of a module.
#[derive(Clone, Copy, Debug)]
pub struct MachineCode {
    /// The tables, which are data.
    pub tables: &'static [u8],
    /// The text. Where the tables fit, the processor may execute it.
    pub text: &'static [u8],
}

impl MachineCode {
    /// The code for an engine, of the module with this checksum and these sections.
    pub(super) fn read(
        self,
        engine: &Engine,
        checksum: u64,
        module: &Sections,
    ) -> Result<Code<'static>, Unfit> {
        let on = engine.config().proposals();
        let (settings, features) = (settings(engine), host_features());
        let code = Code::read(self.tables, self.text, settings, features, on, checksum)?;
        let has = (module.num_defined_funcs(), module.types.len());
        match (code.functions(), code.types()) == has {
            true => Ok(code),
            false => Err(Unfit::Broken),
        }
    }
}

/// What native code for an engine depends on.
pub(super) fn settings(engine: &Engine) -> Settings {
    let config = engine.config();
    Settings {
        metering: config.metering,
        canonical_nans: config.canonical_nans,
        #[cfg(feature = "native")]
        guarded_addresses: config.guarded_addresses,
        #[cfg(not(feature = "native"))]
        guarded_addresses: false,
    }
}

/// The native code of a module.
pub(crate) struct Native {
    /// The text can be executed.
    code: Code<'static>,
    functions: Box<[Function]>,
    /// What stands for the code of each defined function that is native.
    stubs: Box<[[Word; 2]]>,
    /// Which clauses catch in the defined functions that something was thrown through, by their indices.
    catches: Mutex<HashMap<u32, Option<Arc<Catches>>>>,
    /// What keeps the bytes. Declared last: it goes last.
    _bytes: Box<dyn Any + Send + Sync>,
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

impl Function {
    const NONE: Self = Self {
        entrance: std::ptr::null(),
        start: std::ptr::null(),
        inner: std::ptr::null(),
    };
}

impl Native {
    /// The native code of a module. `bytes` keeps the bytes that `code` reads.
    ///
    /// # Safety
    /// The code was made of this module, and the processor can execute its text.
    pub(super) unsafe fn new(
        code: Code<'static>,
        bytes: Box<dyn Any + Send + Sync>,
        module: &Sections,
    ) -> Self {
        let text = code.text().as_ptr();
        let at = |offset: u32| text.wrapping_add(offset as usize);
        let defined = module.funcs[module.num_imported_funcs..].iter().zip(0..);
        let functions = defined.map(|(ty, index)| {
            let found = code.function(index).zip(code.entrance(*ty));
            found.map_or(Function::NONE, |(function, entrance)| Function {
                entrance: at(entrance),
                start: at(function.start),
                inner: at(function.inner.unwrap_or(function.start)),
            })
        });
        Self {
            code,
            functions: functions.collect(),
            stubs: stubs(module, ir::native_stub),
            catches: Mutex::default(),
            _bytes: bytes,
        }
    }

    /// What stands for the code of a defined function, and its machine code; `None` where it has none.
    pub(crate) fn function(&self, defined_index: usize) -> Option<(*const Word, *const ())> {
        let start = self.functions[defined_index].start;
        (!start.is_null()).then(|| (self.stubs[defined_index].as_ptr(), start.cast()))
    }

    /// Where the machine code of a defined function lies.
    pub(crate) fn code(&self, defined_index: u32) -> Function {
        self.functions[defined_index as usize]
    }

    /// What happens at the instruction before a return address in the text, and the defined function that has the
    /// instruction, if one has.
    pub(crate) fn call_at(&self, back: usize) -> Option<(Place, Option<u32>)> {
        let offset = self.offset_of(back)?.checked_sub(1)?;
        let place = self.code.place_at(offset)?;
        Some((place, self.code.function_at(offset)))
    }

    /// Where a call within a `try` lands that returns to an address in the text, and how far the stack pointer is
    /// then below the frame pointer, in bytes.
    pub(crate) fn landing_of(&self, back: usize) -> Option<(usize, usize)> {
        let landing = self.code.landing_of(self.offset_of(back)?)?;
        let at = self.code.text().as_ptr().addr() + landing.at as usize;
        Some((at, landing.below_frame as usize))
    }

    fn offset_of(&self, address: usize) -> Option<u32> {
        let text = self.code.text().as_ptr().addr();
        u32::try_from(address.checked_sub(text)?).ok()
    }

    /// Which clauses catch in a defined function of this code's module; `None` where the function has no `try`.
    pub(crate) fn catches(&self, module: &Sections, defined_index: u32) -> Option<Arc<Catches>> {
        let mut known = self.catches.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.entry(defined_index);
        let found = found.or_insert_with(|| Catches::of(module, defined_index).map(Arc::new));
        found.clone()
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
