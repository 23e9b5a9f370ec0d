//! Functions: calls of them, and those that C makes.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::null_mut;
use std::rc::Rc;

use holdall::{Caller, Error, ExternType, Func, FuncType, Result, Val, ValType};

use super::home::{Finalizer, Home, Info, Kept};
use super::object::Object;
use super::trap::{panicked, thrown, trap_of};
use super::types::{Externtype, kind_of};
use super::value::{Value, wrong_kind};
use super::vec::{CVec, owned};
use crate::guard::guard;
use crate::room::Slots;
use crate::standard::failure::fail;

/// For how many values there is room without an allocation.
const FEW: usize = 16;

/// What a call has to know of a function's type.
pub(crate) struct Signature {
    ty: FuncType,
    params: Box<[u8]>,
    results: Box<[u8]>,
    /// Whether every parameter and result is a number of one slot.
    plain: bool,
}

impl Signature {
    fn new(ty: FuncType) -> Self {
        let kinds = |types: &[ValType]| types.iter().map(|ty| kind_of(*ty)).collect();
        let plain = |ty: &ValType| {
            use ValType::{F32, F64, I32, I64};
            matches!(ty, I32 | I64 | F32 | F64)
        };
        Self {
            params: kinds(ty.params()),
            results: kinds(ty.results()),
            plain: ty.params().iter().chain(ty.results()).all(plain),
            ty,
        }
    }
}

impl Object {
    /// The type of the function that this handle is to.
    #[inline]
    fn signature(&self, func: Func) -> Result<Rc<Signature>> {
        match self.signature.get() {
            Some(signature) => Ok(Rc::clone(signature)),
            None => self.learn(func),
        }
    }

    #[cold]
    fn learn(&self, func: Func) -> Result<Rc<Signature>> {
        let ty = self.home.with(|context| func.ty(&context))?;
        let signature = self.signature.get_or_init(|| Rc::new(Signature::new(ty)));
        Ok(Rc::clone(signature))
    }
}

/// Calls a function with C's arguments. Results that there is no room for are dropped.
///
/// # Errors
///
/// When the arguments are not those of the function, and what the call gives.
///
/// # Safety
///
/// `it` exists until the function is called, and `home` is its home; `args` and `results` are null or vectors.
#[inline]
unsafe fn call(
    home: &Rc<Home>,
    it: &Object,
    args: *const CVec<Value>,
    results: *mut CVec<Value>,
) -> Result<()> {
    let func = it.func().ok_or_else(no_function)?;
    let signature = it.signature(func)?;
    // SAFETY: the caller's duty. The arguments are read before anything else can write to them.
    let args = unsafe { args.as_ref() }.map_or(&[][..], CVec::as_slice);
    let (params, kinds) = (&*signature.params, &*signature.results);
    // SAFETY: the caller's duty.
    let (room, out) = unsafe { results.as_ref() }.map_or((0, null_mut()), |results| {
        (
            if results.data.is_null() {
                0
            } else {
                results.size
            },
            results.data,
        )
    });
    if args.len() != params.len() {
        return Err(wrong_count(&signature, args.len()));
    }
    if !signature.plain {
        // SAFETY: there is room for so many results.
        return unsafe { call_with_values(home, func, &signature, args, room, out) };
    }
    let count = params.len().max(kinds.len());
    let mut slots = Slots::new();
    let slots = slots.of(count);
    for (index, (arg, kind)) in args.iter().zip(params).enumerate() {
        if arg.kind != *kind {
            return Err(wrong_argument(&signature, index, arg.kind));
        }
        slots[index] = arg.slot();
    }
    // SAFETY: the slots hold arguments of the parameters' types, which are numbers of one slot, and have room
    // for the results. The function is of the home's store.
    home.with(|context| unsafe { func.call_unchecked(context, slots) })??;
    for (index, kind) in kinds.iter().take(room).enumerate() {
        // SAFETY: there is room for the result, whose old value means nothing.
        unsafe { out.add(index).write(Value::of_slot(*kind, slots[index])) };
    }
    Ok(())
}

/// Calls a function that has references among its parameters or results.
///
/// # Errors
///
/// Those of [`call`].
///
/// # Safety
///
/// `out` has room for `room` results.
#[cold]
#[inline(never)]
unsafe fn call_with_values(
    home: &Rc<Home>,
    func: Func,
    signature: &Signature,
    args: &[Value],
    room: usize,
    out: *mut Value,
) -> Result<()> {
    let values = home.with(|mut context| {
        let params = args.iter().zip(signature.ty.params()).enumerate();
        let params: Vec<Val> = params
            .map(|(index, (arg, ty))| {
                let val = arg.val(home, &mut context, *ty);
                val.map_err(|error| Error::usage(format!("argument {index}: {error}")))
            })
            .collect::<Result<_>>()?;
        let mut results: Vec<Val> = signature
            .ty
            .results()
            .iter()
            .map(|ty| Val::default_of(*ty))
            .collect();
        func.call(&mut context, &params, &mut results)?;
        let results = results.into_iter();
        // Where a result has no form in C, those before it are deleted with the vector.
        let mut values = CVec::<Value>::zeroed(results.len());
        for (value, result) in values.as_mut_slice().iter_mut().zip(results) {
            *value = Value::of_val(home, &mut context, result)?;
        }
        Ok::<_, Error>(values)
    })??;
    let mut values = values;
    for (index, value) in values.as_mut_slice().iter_mut().take(room).enumerate() {
        // SAFETY: there is room for the result. The value moves: what stays owns nothing.
        unsafe {
            out.add(index)
                .write(std::mem::replace(value, Value::default_of(0)))
        };
    }
    Ok(())
}

#[cold]
fn no_function() -> Error {
    Error::usage("expected a function, found NULL or another handle")
}

#[cold]
fn wrong_count(signature: &Signature, found: usize) -> Error {
    let (ty, expected) = (&signature.ty, signature.params.len());
    Error::usage(format!(
        "a call of {ty}: expected {expected} arguments, found {found}"
    ))
}

#[cold]
fn wrong_argument(signature: &Signature, index: usize, found: u8) -> Error {
    let error = wrong_kind(signature.ty.params()[index], found);
    Error::usage(format!("argument {index}: {error}"))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_func_call(
    it: *const Object,
    args: *const CVec<Value>,
    results: *mut CVec<Value>,
) -> *mut Object {
    guard(null_mut(), || {
        // SAFETY: C's duty: `it` is null or exists.
        let Some(it) = (unsafe { it.as_ref() }) else {
            return trap_of(&Home::nowhere(), no_function());
        };
        // The handle may be deleted while its function runs.
        let home = Rc::clone(&it.home);
        // SAFETY: C's duty: they are null or vectors.
        let called = guard(Err(None), || unsafe {
            call(&home, it, args, results).map_err(Some)
        });
        match called {
            Ok(()) => null_mut(),
            Err(error) => trap_of(&home, error.unwrap_or_else(panicked)),
        }
    })
}

/// `wasm_func_callback_t`.
pub(crate) type Callback =
    unsafe extern "C" fn(*const CVec<Value>, *mut CVec<Value>) -> *mut Object;

/// `wasm_func_callback_with_env_t`.
pub(crate) type CallbackWithEnv =
    unsafe extern "C" fn(*mut c_void, *const CVec<Value>, *mut CVec<Value>) -> *mut Object;

/// Which form of a function C has given.
#[derive(Clone, Copy)]
pub(crate) enum Code {
    Plain(Callback),
    WithEnv(CallbackWithEnv),
}

/// A function of C's, with its environment.
pub(crate) struct HostFunc {
    /// The home of the store that the function is in. The store is in its home, which so exists when the
    /// function is called.
    home: *const Home,
    code: Code,
    env: Info,
    signature: Signature,
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl HostFunc {
    /// The function in a store.
    ///
    /// # Errors
    ///
    /// When no module could declare the type, or the store was deleted.
    fn instantiate(home: &Rc<Home>, ty: &FuncType, code: Code, env: Info) -> Result<Func> {
        let this = Kept(Self {
            home: Rc::as_ptr(home),
            code,
            env,
            signature: Signature::new(ty.clone()),
        });
        home.with(|context| {
            if this.signature.plain {
                // SAFETY: `call` leaves results of the function's type in the slots.
                unsafe {
                    Func::new_unchecked(context, ty.clone(), move |mut caller, slots| {
                        this.call(&mut caller, slots)
                    })
                }
            } else {
                Func::try_new(context, ty.clone(), move |mut caller, params, results| {
                    this.call_with_values(&mut caller, params, results)
                })
            }
        })?
    }

    /// # Safety
    ///
    /// The vectors are those of the function's type.
    #[inline]
    unsafe fn run(&self, args: *const CVec<Value>, results: *mut CVec<Value>) -> *mut Object {
        // SAFETY: C's duty: the function can be called, with its environment where it has one.
        unsafe {
            match self.code {
                Code::Plain(code) => code(args, results),
                Code::WithEnv(code) => code(self.env.data, args, results),
            }
        }
    }

    fn home(&self) -> &Home {
        // SAFETY: the home exists: see the field.
        unsafe { &*self.home }
    }

    /// The home, to be kept in handles.
    fn held_home(&self) -> Rc<Home> {
        // SAFETY: the home exists in an `Rc`, which the pointer is of.
        unsafe {
            Rc::increment_strong_count(self.home);
            Rc::from_raw(self.home)
        }
    }

    /// Calls the function with numbers.
    #[inline]
    fn call(&self, caller: &mut Caller<'_, ()>, slots: &mut [u64]) -> anyhow::Result<()> {
        let (params, results) = (&*self.signature.params, &*self.signature.results);
        let count = params.len() + results.len();
        let (mut few, mut many) = ([const { Value::ZERO }; FEW], Vec::new());
        let values = if count <= FEW {
            &mut few[..count]
        } else {
            many.resize(count, Value::ZERO);
            &mut many[..]
        };
        let (args, out) = values.split_at_mut(params.len());
        for (index, kind) in params.iter().enumerate() {
            args[index] = Value::of_slot(*kind, slots[index]);
        }
        for (index, kind) in results.iter().enumerate() {
            out[index] = Value::default_of(*kind);
        }
        // The vectors do not own their elements, which are on the stack or in `many`.
        let args = ManuallyDrop::new(CVec {
            size: args.len(),
            data: args.as_mut_ptr(),
        });
        let data = out.as_mut_ptr();
        let mut out = ManuallyDrop::new(CVec {
            size: out.len(),
            data,
        });
        // SAFETY: the vectors are of the function's type.
        let trap = self.home().lend(caller, || unsafe {
            self.run(&raw const *args, &raw mut *out)
        });
        if !trap.is_null() {
            // SAFETY: C's duty: it owns the trap, and passes it on.
            return Err(unsafe { thrown(trap) });
        }
        // SAFETY: as many values as results are at `data`, which C may have written.
        let mut given = unsafe { std::slice::from_raw_parts(data, results.len()) };
        let replaced;
        if out.data != data {
            // C has put another vector in place of the one that it was given.
            replaced = ManuallyDrop::into_inner(out);
            given = replaced.as_slice();
        }
        for (index, kind) in results.iter().enumerate() {
            match given.get(index) {
                Some(value) if value.kind == *kind => slots[index] = value.slot(),
                other => return Err(self.wrong_result(index, other)),
            }
        }
        Ok(())
    }

    /// Calls the function where references are among its parameters or results.
    #[cold]
    #[inline(never)]
    fn call_with_values(
        &self,
        caller: &mut Caller<'_, ()>,
        params: &[Val],
        results: &mut [Val],
    ) -> anyhow::Result<()> {
        let home = self.held_home();
        let mut args = CVec::<Value>::zeroed(params.len());
        for (arg, param) in args.as_mut_slice().iter_mut().zip(params) {
            *arg = Value::of_val(&home, &mut *caller, *param)?;
        }
        let mut out: CVec<Value> = self
            .signature
            .results
            .iter()
            .map(|kind| Value::default_of(*kind))
            .collect();
        // SAFETY: the vectors are of the function's type.
        let trap = home.lend(caller, || unsafe {
            self.run(&raw const args, &raw mut out)
        });
        if !trap.is_null() {
            // SAFETY: C's duty: it owns the trap, and passes it on.
            return Err(unsafe { thrown(trap) });
        }
        for (index, result) in results.iter_mut().enumerate() {
            let Some(value) = out.as_slice().get(index) else {
                return Err(self.wrong_result(index, None));
            };
            let ty = self.signature.ty.results()[index];
            *result = value.val(&home, &mut *caller, ty).map_err(|error| {
                Error::usage(format!("result {index} of a function of C: {error}"))
            })?;
        }
        Ok(())
    }

    #[cold]
    fn wrong_result(&self, index: usize, found: Option<&Value>) -> anyhow::Error {
        let expected = self.signature.ty.results()[index];
        let error = match found {
            Some(value) => wrong_kind(expected, value.kind),
            None => Error::usage(format!("expected {expected}, found nothing")),
        };
        Error::usage(format!("result {index} of a function of C: {error}")).into()
    }
}

/// Makes a function of C's, or says why not. The environment is finalized at once where there is no function.
unsafe fn new_func(
    store: *const Rc<Home>,
    ty: *const Externtype,
    code: Option<Code>,
    env: Info,
) -> *mut Object {
    // SAFETY: C's duty: they are null or exist.
    let (home, ty) = match unsafe { (store.as_ref(), ty.as_ref()) } {
        (Some(home), Some(ty)) => (home, ty),
        _ => {
            return fail(
                "a function: expected a store and a type, found NULL",
                null_mut(),
            );
        }
    };
    let (ExternType::Func(ty), Some(code)) = (&ty.ty, code) else {
        return fail(
            "a function: expected a function type and a callback",
            null_mut(),
        );
    };
    match HostFunc::instantiate(home, ty, code, env) {
        Ok(func) => Object::of_extern(home, func),
        Err(error) => fail(error, null_mut()),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_func_new(
    store: *mut Rc<Home>,
    ty: *const Externtype,
    callback: Option<Callback>,
) -> *mut Object {
    guard(null_mut(), || {
        let env = Info {
            data: null_mut(),
            finalizer: None,
        };
        // SAFETY: C's duty: they are null or exist.
        unsafe { new_func(store, ty, callback.map(Code::Plain), env) }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_func_new_with_env(
    store: *mut Rc<Home>,
    ty: *const Externtype,
    callback: Option<CallbackWithEnv>,
    data: *mut c_void,
    finalizer: Finalizer,
) -> *mut Object {
    guard(null_mut(), || {
        let env = Info { data, finalizer };
        // SAFETY: C's duty: they are null or exist.
        unsafe { new_func(store, ty, callback.map(Code::WithEnv), env) }
    })
}

/// Something that C asks of a function's type; the type's default where there is no function.
unsafe fn ask<R>(it: *const Object, default: R, ask: impl FnOnce(&Signature) -> R) -> R {
    // SAFETY: C's duty: `it` is null or exists.
    let it = unsafe { it.as_ref() }.and_then(|it| Some((it, it.func()?)));
    match it.map(|(it, func)| it.signature(func)) {
        Some(Ok(signature)) => ask(&signature),
        Some(Err(error)) => fail(error, default),
        None => fail(no_function(), default),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_func_type(it: *const Object) -> *mut Externtype {
    guard(null_mut(), || {
        // SAFETY: C's duty: `it` is null or exists.
        unsafe {
            ask(it, null_mut(), |signature| {
                owned(ExternType::Func(signature.ty.clone()).into())
            })
        }
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_func_param_arity(it: *const Object) -> usize {
    // SAFETY: C's duty: `it` is null or exists.
    guard(0, || unsafe {
        ask(it, 0, |signature| signature.params.len())
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_func_result_arity(it: *const Object) -> usize {
    // SAFETY: C's duty: `it` is null or exists.
    guard(0, || unsafe {
        ask(it, 0, |signature| signature.results.len())
    })
}
