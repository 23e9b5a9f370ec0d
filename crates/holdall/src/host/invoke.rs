//! Functions from the embedder's side: made of closures, called with values, given a Rust type.

use crate::canonical::Known;
use crate::error::{Error, Result};
use crate::exec;
use crate::host::wasm_ty::MAX_ROW_SLOTS;
use crate::host::{Caller, HostDef, IntoFunc, TypedFunc, WasmParams, WasmResults};
use crate::store::{AsContext, AsContextMut, Func, check_val, read_val, write_val};
use crate::types::{FuncType, ValType};
use crate::value::Val;

/// What a backtrace calls a host function that was made without a name.
const UNNAMED: &str = "<host function>";

impl Func {
    /// A function of the host whose type is only known at run time. The closure gets the arguments,
    /// which are of the parameter types, and sets the results, which are zero or null at first. It
    /// returns an `anyhow::Result`, so that `?` takes errors of all types and `Ok(())` needs no
    /// type.
    ///
    /// An [`Exception`](crate::Exception) that the closure returns as its error is thrown: the guest can
    /// catch it. Any other error ends the guest's execution. It reaches the embedder as
    /// [`ErrorKind::Host`](crate::ErrorKind::Host), where [`Error::downcast_ref`] finds it; an
    /// [`Error`] or a [`Trap`](crate::Trap) reaches the embedder as it is. A result of the wrong
    /// type ends the execution with [`ErrorKind::Usage`](crate::ErrorKind::Usage).
    ///
    /// # Panics
    ///
    /// When the type has more than 1,000 parameters or more than 1,000 results, which no module can
    /// declare, or refers to types of modules that are gone; see [`Func::try_new`].
    pub fn new<T>(
        context: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> anyhow::Result<()> + Send + Sync + 'static,
    ) -> Self {
        match Self::try_new(context, ty, func) {
            Ok(func) => func,
            Err(error) => panic!("{error}; `Func::try_new` returns this as an error"),
        }
    }

    /// [`Func::new`], for a type that no module may be able to declare.
    ///
    /// # Errors
    ///
    /// When the type has more than 1,000 parameters or more than 1,000 results, or refers to types of
    /// modules that are gone.
    pub fn try_new<T>(
        context: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> anyhow::Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        Ok(HostDef::new(UNNAMED, ty, func)?.instantiate(context))
    }

    /// A function of the host that works on slots, for what knows types at run time only and cannot wait
    /// for values to be made.
    ///
    /// A slot is a machine word of 64 bits. An `i32` or an `f32` stands in the low half of a slot, whose
    /// high half is zero; an `i64`, an `f64` or a reference fills one; a `v128` fills two, the low half first.
    /// The slots that `func` gets hold the arguments, in order, and are to hold the results when it returns;
    /// there are as many slots as the larger of both needs. Errors are those of [`Func::new`].
    ///
    /// # Errors
    ///
    /// As for [`Func::try_new`].
    ///
    /// # Safety
    ///
    /// When `func` returns `Ok`, the slots hold results of the function's type in that form. A reference
    /// among them is null, which is 0, or one that `func` got as an argument of the same type.
    pub unsafe fn new_unchecked<T>(
        context: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &mut [u64]) -> anyhow::Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        // SAFETY: the caller's duty.
        let definition = unsafe { HostDef::new_unchecked(UNNAMED, ty, func) }?;
        Ok(definition.instantiate(context))
    }

    /// A function of the host, made of a closure whose parameters are [`WasmTy`](crate::WasmTy),
    /// after a [`Caller`] if it wants one, and which returns `()`, a [`WasmTy`](crate::WasmTy), a
    /// tuple of them, or a `Result` of one of these with an error of any type
    /// ([`WasmRet`](crate::WasmRet)).
    ///
    /// An [`Exception`](crate::Exception) that the closure returns as its error is thrown: the guest can
    /// catch it. Any other error ends the guest's execution. It reaches the embedder as
    /// [`ErrorKind::Host`](crate::ErrorKind::Host), where [`Error::downcast_ref`] finds it; an
    /// [`Error`] or a [`Trap`](crate::Trap) reaches the embedder as it is.
    ///
    /// ```
    /// use holdall::{Caller, Engine, Func, Store, Val};
    ///
    /// # fn main() -> holdall::Result<()> {
    /// let mut store = Store::new(&Engine::default(), 0);
    /// let add = Func::wrap(&mut store, |mut caller: Caller<'_, i32>, n: i32| {
    ///     *caller.data_mut() += n;
    ///     *caller.data()
    /// });
    /// let mut results = [Val::I32(0)];
    /// add.call(&mut store, &[Val::I32(2)], &mut results)?;
    /// add.call(&mut store, &[Val::I32(3)], &mut results)?;
    /// assert_eq!(results[0].i32(), Some(5));
    /// assert_eq!(*store.data(), 5);
    /// # Ok(())
    /// # }
    /// ```
    pub fn wrap<T, Params, Results>(
        context: impl AsContextMut<Data = T>,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Self {
        HostDef::wrap(UNNAMED, func).instantiate(context)
    }

    /// Calls the function. `results` must have one value for each result of the function; what the
    /// values were before does not matter.
    ///
    /// # Errors
    ///
    /// When the arguments or results are too few or too many, when an argument is of the wrong type
    /// or a reference of another store, when the guest traps, or when a host function that it calls
    /// returns an error.
    pub fn call(
        &self,
        mut context: impl AsContextMut,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let mut context = context.as_context_mut();
        let core = context.core();
        let (id, entry) = (core.id, self.entry_in(core));
        let ty = Known::in_use(self.sig(core));
        check_count("input argument", ty.params().len(), params.len())?;
        check_count("result", ty.results().len(), results.len())?;
        for (index, (param, expected)) in params.iter().zip(ty.params()).enumerate() {
            check_val(
                core,
                param,
                *expected,
                format_args!("invalid input argument {index}"),
            )?;
        }
        let count = ty.param_slots().max(ty.result_slots());
        let (mut few, mut many) = ([0; MAX_ROW_SLOTS], Vec::new());
        let slots = if count <= few.len() {
            &mut few[..count]
        } else {
            many.resize(count, 0);
            &mut many[..]
        };
        // The slots of arguments end before `count`, which holds them all.
        write_vals(params, slots);
        // SAFETY: the function is of this store, which is borrowed here alone and not used before
        // the call returns. The slots hold arguments of its types, and there is room for its
        // results.
        unsafe { exec::invoke(context.core_ptr(), entry, slots.as_mut_ptr()) }?;
        // SAFETY: the slots hold the results now, which are of the function's types and store.
        unsafe { read_vals(id, ty.results(), slots, results) };
        context.core().root_vals(ty.results(), slots);
        Ok(())
    }

    /// Calls the function with slots, in the form of [`Func::new_unchecked`]: the arguments in order, where the
    /// results will be.
    ///
    /// # Errors
    ///
    /// When the guest traps, or when a host function that it calls returns an error.
    ///
    /// # Panics
    ///
    /// When the function is of another store.
    ///
    /// # Safety
    ///
    /// There are as many slots as the parameters and as the results of the function need, whichever are more.
    /// They hold arguments of the parameters' types; no parameter and no result is a reference.
    #[inline]
    pub unsafe fn call_unchecked(
        &self,
        mut context: impl AsContextMut,
        slots: &mut [u64],
    ) -> Result<()> {
        let mut context = context.as_context_mut();
        let entry = self.entry_in(context.core());
        // SAFETY: the function is of this store, which is borrowed here alone and not used before the call
        // returns. The slots are the caller's duty.
        unsafe { exec::invoke(context.core_ptr(), entry, slots.as_mut_ptr()) }
    }

    /// The function, to be called with Rust values. The types are checked once, by this call.
    ///
    /// # Errors
    ///
    /// When the function is of another type.
    pub fn typed<P: WasmParams, R: WasmResults>(
        &self,
        context: impl AsContext,
    ) -> Result<TypedFunc<P, R>> {
        let context = context.as_context();
        let core = context.core();
        let ty = Known::in_use(self.sig(core));
        if !(all_match(P::TYPES, ty.params()) && all_match(ty.results(), R::TYPES)) {
            let expected = FuncType::new(P::TYPES.iter().copied(), R::TYPES.iter().copied());
            return Err(Error::usage(format!("expected {expected}, found {}", *ty)));
        }
        // SAFETY: the types of the function were just checked.
        Ok(unsafe { TypedFunc::new_unchecked(*self) })
    }
}

/// Whether values of the types `found` may stand where the types `expected` are wanted.
fn all_match(found: &[ValType], expected: &[ValType]) -> bool {
    found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(one, other)| one.matches(*other))
}

fn check_count(what: &str, expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::usage(format!(
        "invalid {what} count: expected {expected}, found {found}"
    )))
}

/// Writes values to the slots, one after another.
pub(crate) fn write_vals(values: &[Val], slots: &mut [u64]) {
    let mut at = 0;
    for value in values {
        let n = value.ty().slots();
        slots[at..at + n].copy_from_slice(&write_val(*value)[..n]);
        at += n;
    }
}

/// Reads values of these types from the slots.
///
/// # Safety
///
/// The slots hold values of these types and of store `id`.
pub(crate) unsafe fn read_vals(
    id: crate::store::StoreId,
    types: &[ValType],
    slots: &[u64],
    values: &mut [Val],
) {
    let mut at = 0;
    for (ty, value) in types.iter().zip(values) {
        let n = ty.slots();
        let mut both = [0; 2];
        both[..n].copy_from_slice(&slots[at..at + n]);
        // SAFETY: the caller's duty.
        *value = unsafe { read_val(id, *ty, both) };
        at += n;
    }
}
