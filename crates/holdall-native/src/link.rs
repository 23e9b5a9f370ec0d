//! From functions to one text: which functions there are, how they lie, and how they find each other.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{Function, UserFuncName};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{CodegenError, Context};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use holdall_core::module::Sections;
use holdall_core::native::{self, Isa, Landing, NativeCode, Place};

use crate::code::Code;
use crate::entrance::{Callee, Helper};
use crate::function::{Func, Uncovered};
use crate::module::{Module, Seen, body_bytes};
use crate::names::Name;
use crate::sites::Sites;
use crate::sweep::remove_unused_loads;
use crate::weigh::time_of;
use crate::{Options, THREAD};

/// Where functions begin, in bytes.
pub(crate) const ALIGNMENT: usize = 16;
/// How far a call reaches.
const REACH_X86_64: usize = 1 << 31;
const REACH_AARCH64: usize = 1 << 27;

/// What one thread needs to make code.
struct Compiler<'a> {
    module: &'a Module<'a>,
    isa: &'a dyn TargetIsa,
    context: Context,
    builder: FunctionBuilderContext,
}

impl<'a> Compiler<'a> {
    fn new(module: &'a Module<'a>, isa: &'a dyn TargetIsa) -> Self {
        Self {
            module,
            isa,
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
        }
    }

    /// Makes the code of what `build` builds.
    fn make(
        &mut self,
        name: Name,
        build: impl for<'f> FnOnce(
            &'f Module<'f>,
            &'f mut Function,
            &'f mut FunctionBuilderContext,
        ) -> Result<(FunctionBuilder<'f>, Sites), Uncovered>,
    ) -> Result<Code, Uncovered> {
        self.context.clear();
        let (namespace, index) = name.parts();
        self.context.func.name = UserFuncName::user(namespace, index);
        let sites = match build(self.module, &mut self.context.func, &mut self.builder) {
            Ok((built, sites)) => {
                built.finalize(self.isa.frontend_config());
                sites
            }
            Err(uncovered) => {
                self.builder = FunctionBuilderContext::new();
                return Err(uncovered);
            }
        };
        remove_unused_loads(&mut self.context.func);
        let time = time_of(&self.context.func);
        if !(self.module.options.admit)(time) {
            return Err(Uncovered);
        }
        let mut plane = ControlPlane::default();
        let made = self.context.compile(self.isa, &mut plane);
        if let Err(error) = made {
            let is_expected = matches!(
                error.inner,
                CodegenError::CodeTooLarge | CodegenError::ImplLimitExceeded
            );
            assert!(is_expected || !self.module.options.verify, "{error:?}");
            return Err(Uncovered);
        }
        let made = self.context.compiled_code().ok_or(Uncovered)?;
        let code = Code::of(made, &self.context.func, &sites, self.module.options.isa);
        assert!(code.is_some() || !self.module.options.verify, "{name:?}");
        code.ok_or(Uncovered)
    }

    /// The code of a defined function, with that of its inner code.
    fn function(&mut self, index: u32) -> Result<(Code, Option<Code>), Uncovered> {
        let options = self.module.options;
        let bytes = body_bytes(self.module.sections, index);
        if bytes > options.largest_function_bytes || !(options.include)(index) {
            return Err(Uncovered);
        }
        self.caught(|compiler| compiler.covered(index))
    }

    /// The code of a defined function that is to have code, with that of its inner code.
    fn covered(&mut self, index: u32) -> Result<(Code, Option<Code>), Uncovered> {
        if !self.module.seen[index as usize].tail_calls {
            return Ok((self.body(Name::Function(index), index)?, None));
        }
        let inner = self.body(Name::Inner(index), index)?;
        let outer = self.make(Name::Function(index), |module, function, builder| {
            Ok(Helper::outer(module, index, function, builder).made())
        })?;
        Ok((outer, Some(inner)))
    }

    /// Does what `make` does. A panic, which is a fault of Cranelift's or of this crate, means that there is no
    /// code; a test that verifies everything has the panic.
    fn caught<T>(
        &mut self,
        make: impl FnOnce(&mut Self) -> Result<T, Uncovered>,
    ) -> Result<T, Uncovered> {
        // Whatever the panic has left half done is thrown away.
        catch_unwind(AssertUnwindSafe(|| make(self))).unwrap_or_else(|panic| {
            if self.module.options.verify {
                resume_unwind(panic);
            }
            *self = Self::new(self.module, self.isa);
            Err(Uncovered)
        })
    }

    fn body(&mut self, name: Name, index: u32) -> Result<Code, Uncovered> {
        self.make(name, |module, function, builder| {
            let mut func = Func::new(module, index, function, builder);
            func.translate()?;
            Ok((func.b, func.sites))
        })
    }

    /// The code of what is no function of the module: a way in, or a way out.
    fn helper(&mut self, name: Name) -> Result<Code, Uncovered> {
        if let Name::End = name {
            return Ok(Code::end(self.module.options.isa));
        }
        self.make(name, |module, function, builder| {
            let sections = module.sections;
            let ty_of = |ty: u32| &sections.types[ty as usize];
            let ty_of_function = |index| sections.func_type(sections.func_index(index));
            let helper = match name {
                Name::Function(index) | Name::Inner(index) => {
                    let (ty, callee) = (ty_of_function(index), Callee::Defined(index));
                    Helper::leave(module, ty, callee, function, builder)
                }
                Name::Leave(ty) => {
                    Helper::leave(module, ty_of(ty), Callee::Given(ty), function, builder)
                }
                Name::Entrance(ty) => Helper::entrance(module, ty_of(ty), function, builder),
                Name::GuardOfFunction(index) => {
                    Helper::guard(module, name, ty_of_function(index), function, builder)
                }
                Name::GuardOfLeave(ty) | Name::GuardOfCode(ty) => {
                    Helper::guard(module, name, ty_of(ty), function, builder)
                }
                Name::End => unreachable!("no code of Cranelift's"),
            };
            Ok(helper.made())
        })
    }
}

/// As many threads as there are processors.
pub(crate) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Gives what `one` gives for each number below `count`, in order, from some threads, each with a worker of its own.
/// Where the system gives no thread, this one does the work.
fn on_threads<W, T: Send>(
    threads: usize,
    count: usize,
    worker: impl Fn() -> W + Sync,
    one: impl Fn(&mut W, usize) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(count));
    let work = || {
        let mut worker = worker();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                break;
            }
            let made = one(&mut worker, at);
            done.lock().expect("no thread panics").push((at, made));
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.min(count) {
            let thread = thread::Builder::new().name(THREAD.to_owned());
            if thread.spawn_scoped(scope, work).is_err() {
                return work();
            }
        }
    });
    let mut done = done.into_inner().expect("no thread panicked");
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, made)| made).collect()
}

/// Looks through all functions of a module.
pub(crate) fn look_through(sections: &Sections) -> Vec<Seen> {
    let count = sections.num_defined_funcs();
    let look = |(): &mut (), index| Seen::of(sections, index as u32);
    let mut seen = on_threads(threads(), count, || (), look);
    Seen::choose_stack_checks(&mut seen);
    Seen::spread_growth(&mut seen);
    seen
}

/// Makes the native code of a module, on some threads.
pub(crate) fn native_code(module: &Module<'_>, isa: &dyn TargetIsa, threads: usize) -> NativeCode {
    let count = module.sections.num_defined_funcs();
    let compiler = || Compiler::new(module, isa);
    // The largest functions come first, so that no thread is left with one when all others are done.
    let mut order: Vec<u32> = (0..count as u32).collect();
    order.sort_by_key(|index| Reverse(body_bytes(module.sections, *index)));
    let made = on_threads(threads, count, compiler, |compiler, at| {
        compiler.function(order[at]).ok()
    });
    let mut functions: Vec<_> = order.into_iter().zip(made).collect();
    functions.sort_unstable_by_key(|(index, _)| *index);

    let mut text = Text::default();
    let mut placed = Vec::with_capacity(count);
    for (index, made) in functions {
        placed.push(made.map(|(code, inner)| {
            let start = text.put(Name::Function(index), code);
            let inner = inner.map(|inner| text.put(Name::Inner(index), inner));
            let end = text.bytes.len() as u32;
            native::Function { start, end, inner }
        }));
    }
    if text.bytes.is_empty() {
        return empty(module.sections, module.options);
    }

    // The ways in, the ways out to functions that stay interpreted, and what else is called.
    let types = module.sections.funcs[module.sections.num_imported_funcs..].iter();
    let types = types.zip(&placed).filter(|(_, placed)| placed.is_some());
    let mut wanted: BTreeSet<Name> = types.map(|(ty, _)| Name::Entrance(*ty)).collect();
    let mut looked_at = 0;
    loop {
        wanted.extend(text.calls[looked_at..].iter().map(|(_, name, _)| *name));
        looked_at = text.calls.len();
        for (name, _) in &text.placed {
            wanted.remove(name);
        }
        if wanted.is_empty() {
            break;
        }
        let names: Vec<Name> = std::mem::take(&mut wanted).into_iter().collect();
        let helpers = on_threads(threads, names.len(), compiler, |compiler, at| {
            compiler.caught(|compiler| compiler.helper(names[at]))
        });
        for (name, code) in names.into_iter().zip(helpers) {
            match code {
                Ok(code) => text.put(name, code),
                Err(Uncovered) => return empty(module.sections, module.options),
            };
        }
    }
    let reach = match module.options.isa {
        Isa::Aarch64 => REACH_AARCH64,
        _ => REACH_X86_64,
    };
    if text.bytes.len() >= reach {
        return empty(module.sections, module.options);
    }
    text.link(module.options.isa);

    let mut entrances = vec![None; module.sections.types.len()];
    for (name, at) in &text.placed {
        if let Name::Entrance(ty) = name {
            entrances[*ty as usize] = Some(*at);
        }
    }
    NativeCode {
        functions: placed,
        entrances,
        places: text.places,
        landings: text.landings,
        text: text.bytes,
        ..empty(module.sections, module.options)
    }
}

/// Native code without functions.
pub(crate) fn empty(sections: &Sections, options: &Options<'_>) -> NativeCode {
    NativeCode {
        isa: options.isa,
        features: options.features,
        settings: options.settings,
        functions: vec![None; sections.num_defined_funcs()],
        entrances: vec![None; sections.types.len()],
        places: Vec::new(),
        landings: Vec::new(),
        text: Vec::new(),
    }
}

/// The text while it is put together.
#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    placed: Vec<(Name, u32)>,
    calls: Vec<(u32, Name, i64)>,
    places: Vec<(u32, Place)>,
    landings: Vec<(u32, Landing)>,
}

impl Text {
    /// Adds code at the end. Gives where it lies.
    fn put(&mut self, name: Name, code: Code) -> u32 {
        self.bytes
            .resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
        // A text that is too long for this is given up.
        let start = self.bytes.len() as u32;
        self.bytes.extend(code.bytes);
        self.placed.push((name, start));
        let calls = code.calls.into_iter();
        self.calls
            .extend(calls.map(|(at, to, addend)| (start.wrapping_add(at), to, addend)));
        let places = code.places.into_iter();
        self.places
            .extend(places.map(|(at, place)| (start.wrapping_add(at), place)));
        for (back, Landing { at, below_frame }) in code.landings {
            let at = start.wrapping_add(at);
            let landing = Landing { at, below_frame };
            self.landings.push((start.wrapping_add(back), landing));
        }
        start
    }

    /// Makes calls find their callees.
    fn link(&mut self, isa: Isa) {
        self.placed.sort_unstable();
        for (at, to, addend) in &self.calls {
            let found = self.placed.binary_search_by_key(to, |(name, _)| *name);
            let (_, target) = self.placed[found.expect("all that is called is there")];
            let distance = i64::from(target) + addend - i64::from(*at);
            let field = &mut self.bytes[*at as usize..][..4];
            let linked = match isa {
                // 26 bits, in units of instructions.
                Isa::Aarch64 => {
                    let word = u32::from_le_bytes([field[0], field[1], field[2], field[3]]);
                    word & 0xfc00_0000 | (distance >> 2) as u32 & 0x03ff_ffff
                }
                _ => distance as u32,
            };
            field.copy_from_slice(&linked.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use holdall_core::bounds::Bounds;
    use holdall_core::clock::Clock;

    use super::*;

    #[test]
    fn a_function_that_the_compiler_panics_at_has_no_code_and_the_next_one_has() {
        let bytes = wat::parse_str("(module (func (result i32) (i32.const 1)))").unwrap();
        let bytes = Cow::Owned(bytes);
        let sections = Sections::read(bytes, &Bounds::default(), &Clock::default()).unwrap();
        let options = Options::baseline(Isa::X86_64);
        let isa = options.target().unwrap();
        let module = Module::new(&sections, &options, &*isa);
        let mut compiler = Compiler::new(&module, &*isa);
        let expected = compiler.function(0).unwrap().0.bytes;
        let panicked: Result<(), _> = compiler.caught(|compiler| {
            compiler.make(Name::Function(0), |module, function, builder| {
                drop(Func::new(module, 0, function, builder));
                panic!("a fault of the compiler's");
            })?;
            Ok(())
        });
        assert!(panicked.is_err());
        assert_eq!(compiler.function(0).unwrap().0.bytes, expected);
    }
}
