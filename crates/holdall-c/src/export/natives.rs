//! Functions of the program that guests import: their tables, signatures, and the way from a guest's call to them.

use std::collections::HashMap;
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use holdall::provide::{Importer, Provider, Provision, Signature, SlotFunc};
use holdall::{Caller, Error, ExternType, FuncType, Module, Trap, TrapCode, ValType};

use super::convention::{self, Class, Places};
use super::graph::{Data, ExecEnv, is_number};
use super::handles::Handle;
use super::log::{self, Level};
use crate::guard::guard;
use crate::room::Slots;
use crate::text::from_c;

/// An entry of a table of the program's.
#[repr(C)]
pub(super) struct NativeSymbol {
    symbol: *const c_char,
    func_ptr: *mut c_void,
    signature: *const c_char,
    attachment: *mut c_void,
}

/// What a letter of a signature says of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letter {
    Number(ValType),
    /// An address, followed by the length of what is there or not.
    Pointer {
        has_length: bool,
    },
    /// The address of a text with a zero byte at its end.
    Text,
}

impl Letter {
    fn ty(self) -> ValType {
        match self {
            Self::Number(ty) => ty,
            Self::Pointer { .. } | Self::Text => ValType::I32,
        }
    }

    fn class(self) -> Class {
        match self {
            Self::Number(ValType::I32) => Class::Int,
            Self::Number(ValType::F32) => Class::Float,
            Self::Number(ValType::F64) => Class::Double,
            Self::Number(_) | Self::Pointer { .. } | Self::Text => Class::Long,
        }
    }
}

/// A function of the program.
struct Native {
    name: String,
    function: usize,
    attachment: usize,
    /// `None` where the program gave no signature: then the import says the types.
    signature: Option<(Box<[Letter]>, Option<ValType>)>,
    is_raw: bool,
}

/// The functions of one call of `wasm_runtime_register_natives`.
struct Set {
    module: String,
    symbols: usize,
    natives: HashMap<String, Arc<Native>>,
}

#[derive(Default)]
struct Registered {
    sets: Vec<Set>,
    /// The types of functions without a signature, as the module that was loaded first imports them.
    learnt: Option<HashMap<(String, String), FuncType>>,
}

static REGISTERED: RwLock<Registered> = RwLock::new(Registered {
    sets: Vec::new(),
    learnt: None,
});

fn read() -> RwLockReadGuard<'static, Registered> {
    REGISTERED.read().unwrap_or_else(PoisonError::into_inner)
}

fn write() -> RwLockWriteGuard<'static, Registered> {
    REGISTERED.write().unwrap_or_else(PoisonError::into_inner)
}

impl Registered {
    /// The function of a name: of what was registered last.
    fn find(&self, module: &str, name: &str) -> Option<&Arc<Native>> {
        let mut sets = self.sets.iter().rev().filter(|set| set.module == module);
        sets.find_map(|set| set.natives.get(name))
    }
}

/// Notes the types of a module's imports, for functions that have no signature.
pub(super) fn learn(module: &Module) {
    let mut registered = write();
    for import in module.imports() {
        let native = registered.find(import.module, import.name);
        if let (
            Some(Native {
                signature: None, ..
            }),
            ExternType::Func(ty),
        ) = (native.map(|it| &**it), &import.ty)
            && ty
                .params()
                .iter()
                .chain(ty.results())
                .all(|ty| is_number(ty) && *ty != ValType::V128)
            && ty.results().len() <= 1
        {
            let key = (import.module.to_owned(), import.name.to_owned());
            let learnt = registered.learnt.get_or_insert_default();
            learnt.entry(key).or_insert_with(|| ty.clone());
        }
    }
}

/// Forgets all functions.
pub(super) fn forget() {
    *write() = Registered::default();
}

/// What a signature says: `None` where it is none.
fn parse(signature: &str) -> Option<(Box<[Letter]>, Option<ValType>)> {
    let number = |letter| {
        Some(match letter {
            'i' => ValType::I32,
            'I' => ValType::I64,
            'f' => ValType::F32,
            'F' => ValType::F64,
            _ => return None,
        })
    };
    let (params, result) = signature.strip_prefix('(')?.split_once(')')?;
    let mut letters = Vec::new();
    let mut params = params.chars().peekable();
    while let Some(letter) = params.next() {
        letters.push(match letter {
            '*' => Letter::Pointer {
                has_length: params.peek() == Some(&'~'),
            },
            '~' => match letters.last() {
                Some(Letter::Pointer { has_length: true }) => Letter::Number(ValType::I32),
                _ => return None,
            },
            '$' => Letter::Text,
            letter => Letter::Number(number(letter)?),
        });
    }
    let mut result = result.chars();
    let ty = match result.next() {
        Some(letter) => Some(number(letter)?),
        None => None,
    };
    result.next().is_none().then(|| (letters.into(), ty))
}

/// Whether a signature is one of these types, or none that holdall reads.
pub(super) fn fits(signature: &str, params: &[ValType], results: &[ValType]) -> bool {
    parse(signature).is_none_or(|(letters, result)| {
        letters
            .iter()
            .map(|letter| letter.ty())
            .eq(params.iter().copied())
            && result.into_iter().eq(results.iter().copied())
    })
}

/// Registers a table of functions under a module's name; false, with nothing registered, where something in it is
/// wrong.
///
/// # Safety
///
/// The texts are null or end with a zero byte, and there are `count` symbols.
pub(super) unsafe fn register(
    module: *const c_char,
    symbols: *mut NativeSymbol,
    count: u32,
    is_raw: bool,
) -> bool {
    let fault = |what: std::fmt::Arguments<'_>| {
        log::say(
            Level::Error,
            format_args!("native functions were not registered: {what}"),
        );
        false
    };
    if !convention::IS_THERE && !is_raw {
        return fault(format_args!(
            "only those of wasm_runtime_register_natives_raw can be called on this platform"
        ));
    }
    // SAFETY: the caller's duty.
    let Some(module) = (unsafe { from_c(module) }) else {
        return fault(format_args!("the module's name is null or no UTF-8"));
    };
    if symbols.is_null() {
        return fault(format_args!("native_symbols is null"));
    }
    let mut natives = HashMap::new();
    // SAFETY: the caller's duty.
    for (index, symbol) in unsafe { std::slice::from_raw_parts(symbols, count as usize) }
        .iter()
        .enumerate()
    {
        // SAFETY: the caller's duty.
        let (name, signature) = unsafe { (from_c(symbol.symbol), from_c(symbol.signature)) };
        let Some(name) = name else {
            return fault(format_args!("symbol {index} has no name in UTF-8"));
        };
        if symbol.func_ptr.is_null() {
            return fault(format_args!("{name:?} has no function"));
        }
        let signature = match signature.filter(|it| !it.is_empty()).map(parse) {
            None => None,
            Some(Some(signature)) => Some(signature),
            Some(None) => {
                return fault(format_args!(
                    "{name:?}: the signature has to be like \"(i*~$IfF)i\"; found {:?}",
                    signature.unwrap_or_default()
                ));
            }
        };
        let native = Native {
            name: format!("{module}.{name}"),
            function: symbol.func_ptr.expose_provenance(),
            attachment: symbol.attachment.expose_provenance(),
            signature,
            is_raw,
        };
        natives.insert(name.to_owned(), Arc::new(native));
    }
    write().sets.push(Set {
        module: module.to_owned(),
        symbols: symbols.addr(),
        natives,
    });
    true
}

/// The functions of the program, as the linker asks for them.
pub(super) struct Natives;

impl Provider for Natives {
    fn ty(&self, module: &str, name: &str) -> Option<FuncType> {
        let registered = read();
        match &registered.find(module, name)?.signature {
            Some((letters, result)) => Some(FuncType::new(
                letters.iter().map(|letter| letter.ty()),
                *result,
            )),
            None => {
                let key = (module.to_owned(), name.to_owned());
                registered.learnt.as_ref()?.get(&key).cloned()
            }
        }
    }

    fn names(&self, _: &str) -> Vec<&'static str> {
        // The names are the program's, and may be gone tomorrow.
        Vec::new()
    }

    fn begin(&self) -> Box<dyn Provision> {
        Box::new(Self)
    }
}

impl Provision for Natives {
    fn func(&mut self, _: Importer<'_>, module: &str, name: &str) -> holdall::Result<SlotFunc> {
        let gone = || {
            Error::usage(format!(
                "native function {module}.{name} was unregistered meanwhile"
            ))
        };
        let ty = self.ty(module, name).ok_or_else(gone)?;
        let native = read().find(module, name).cloned().ok_or_else(gone)?;
        let letters: Box<[Letter]> = match &native.signature {
            Some((letters, _)) => letters.clone(),
            None => ty.params().iter().map(|ty| Letter::Number(*ty)).collect(),
        };
        let classes: Vec<Class> = letters.iter().map(|letter| letter.class()).collect();
        let places = Places::new(&classes).ok_or_else(|| {
            Error::usage(format!(
                "native function {:?} has more parameters than can be passed; pass them in memory, or register it with \
                 wasm_runtime_register_natives_raw",
                native.name
            ))
        })?;
        let call = Call {
            places,
            checks: letters
                .iter()
                .any(|letter| !matches!(letter, Letter::Number(_))),
            letters,
            returns_float: matches!(ty.results(), [ValType::F32 | ValType::F64]),
            native: Arc::clone(&native),
        };
        SlotFunc::new(
            Signature::new(&native.name, &[], None),
            ty,
            move |caller, slots| {
                // SAFETY: the linkers that have this provider are the runtime's, all of whose stores have this data.
                let mut caller = unsafe { caller.into_caller::<Data>() };
                call.make(&mut caller, slots)
            },
        )
    }
}

/// How a guest's calls get to one function.
struct Call {
    native: Arc<Native>,
    letters: Box<[Letter]>,
    places: Places,
    /// Whether an argument is an address.
    checks: bool,
    returns_float: bool,
}

impl Call {
    fn make(&self, caller: &mut Caller<'_, Data>, slots: &mut [u64]) -> anyhow::Result<()> {
        let graph = caller.data().graph();
        // SAFETY: the graph lives at least as long as its store.
        let graph = unsafe { graph.as_ref() };
        let entered = graph
            .enter()
            .ok_or_else(|| anyhow::anyhow!("the instance is in use by another thread"))?;
        // The slots are on the value stack, which the function uses when it calls the guest.
        let mut args = Slots::new();
        let args = args.of(slots.len());
        args.copy_from_slice(slots);
        let inst = caller
            .instance()
            .map(|instance| entered.inst_in(&*caller, instance));
        if self.checks {
            // SAFETY: a graph's things live as long as the graph.
            let memory = inst
                .or(entered.root_address())
                .and_then(|inst| unsafe { inst.as_ref() }.memory);
            let bytes = memory.map_or(&mut [][..], |memory| memory.data_mut(&mut *caller));
            self.convert(args, bytes)?;
        }
        let attachment = ptr::with_exposed_provenance_mut(self.native.attachment);
        let function: *const () = ptr::with_exposed_provenance(self.native.function);
        let result = entered.lend(caller, inst, attachment, |env: &ExecEnv| {
            if self.native.is_raw {
                type Raw = unsafe extern "C" fn(Handle<ExecEnv>, *mut u64);
                let mut room = 0;
                let args = if args.is_empty() {
                    &raw mut room
                } else {
                    args.as_mut_ptr()
                };
                // SAFETY: the program registered it as such a function. The result is in the first place.
                unsafe {
                    std::mem::transmute::<*const (), Raw>(function)(env.handle, args);
                    *args
                }
            } else {
                // SAFETY: the program registered it with these types.
                unsafe {
                    self.places.call(
                        function,
                        env.handle.address(),
                        self.returns_float,
                        |index| args[index],
                    )
                }
            }
        })?;
        if let Some(slot) = slots.first_mut() {
            *slot = result;
        }
        Ok(())
    }

    /// Makes pointers of addresses.
    ///
    /// # Errors
    ///
    /// A trap, where an address, or what is to be there, is not in the memory.
    fn convert(&self, args: &mut [u64], memory: &mut [u8]) -> anyhow::Result<()> {
        for (index, letter) in self.letters.iter().enumerate() {
            let at = args[index] as usize;
            let is_inside = match letter {
                Letter::Number(_) => continue,
                Letter::Pointer { has_length } => {
                    let len = if *has_length {
                        args[index + 1] as usize
                    } else {
                        1
                    };
                    at.checked_add(len).is_some_and(|end| end <= memory.len())
                }
                Letter::Text => memory.get(at..).is_some_and(|text| text.contains(&0)),
            };
            if !is_inside {
                let detail = format!("argument {index} of {}", self.native.name);
                return Err(Error::from(
                    Trap::from(TrapCode::OutOfBoundsMemoryAccess).with_detail(detail),
                )
                .into());
            }
            args[index] = memory.as_mut_ptr().wrapping_add(at).expose_provenance() as u64;
        }
        Ok(())
    }
}

/// Registers functions that are called with their arguments converted, as their signatures say.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_register_natives(
    module_name: *const c_char,
    native_symbols: *mut NativeSymbol,
    n_native_symbols: u32,
) -> bool {
    // SAFETY: the caller's duty.
    guard(false, || unsafe {
        register(module_name, native_symbols, n_native_symbols, false)
    })
}

/// Registers functions that are called with an array of 64-bit words.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_register_natives_raw(
    module_name: *const c_char,
    native_symbols: *mut NativeSymbol,
    n_native_symbols: u32,
) -> bool {
    // SAFETY: the caller's duty.
    guard(false, || unsafe {
        register(module_name, native_symbols, n_native_symbols, true)
    })
}

/// Takes a table back, which is known by its address. Instances keep what they are linked to.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_unregister_natives(
    module_name: *const c_char,
    native_symbols: *mut NativeSymbol,
) -> bool {
    guard(false, || {
        // SAFETY: C passes a string or null.
        let Some(module) = (unsafe { from_c(module_name) }) else {
            return false;
        };
        let mut registered = write();
        let before = registered.sets.len();
        registered
            .sets
            .retain(|set| set.module != module || set.symbols != native_symbols.addr());
        registered.sets.len() < before
    })
}

/// Whether a function that modules import is registered.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_is_import_func_linked(
    module_name: *const c_char,
    func_name: *const c_char,
) -> bool {
    guard(false, || {
        // SAFETY: C passes strings or null.
        let names = unsafe { (from_c(module_name), from_c(func_name)) };
        let (Some(module), Some(name)) = names else {
            return false;
        };
        read().find(module, name).is_some()
    })
}

/// What the program attached to the function that runs.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_runtime_get_function_attachment(
    exec_env: Handle<ExecEnv>,
) -> *mut c_void {
    guard(ptr::null_mut(), || {
        // SAFETY: the rule of handles.
        let env = unsafe { exec_env.get() };
        env.map_or(ptr::null_mut(), |env| env.attachment.get())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_read_and_others_refused() {
        for (signature, expected) in [
            ("()", Some(FuncType::new([], []))),
            (
                "(iIfF)F",
                Some(FuncType::new(
                    [ValType::I32, ValType::I64, ValType::F32, ValType::F64],
                    [ValType::F64],
                )),
            ),
            (
                "(*~$*)i",
                Some(FuncType::new([ValType::I32; 4], [ValType::I32])),
            ),
            ("(i~)", None),
            ("(~)", None),
            ("(*~~)", None),
            ("(r)", None),
            ("(i)ii", None),
            ("(i)v", None),
            ("i", None),
            ("(i", None),
            ("(i32)i32", None),
            ("", None),
        ] {
            let found = parse(signature);
            let found = found
                .map(|(letters, result)| FuncType::new(letters.iter().map(|it| it.ty()), result));
            assert_eq!(found, expected, "{signature:?}");
        }
        assert!(fits("(i)", &[ValType::I32], &[]) && !fits("(i)", &[ValType::I64], &[]));
        assert!(fits("whatever", &[ValType::I64], &[]));
    }
}
