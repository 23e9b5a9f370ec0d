//! Host functions before they are in a store: what a linker holds.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::canonical::Uses;
use crate::error::{Error, Result};
use crate::host::invoke::{read_vals, write_vals};
use crate::host::wasm_ty::MAX_ROW_SLOTS;
use crate::host::{Caller, IntoFunc};
use crate::store::{
    AsContextMut, Func, HostBody, HostState, InstanceData, StoreCore, StoreId, check_val,
};
use crate::trace::Signature;
use crate::types::{FuncType, ValType};
use crate::value::Val;

/// The most parameters, and the most results, of a function: as many as validation lets a module
/// declare.
const MAX_VALUES: usize = 1_000;

/// A function of the host for any `Store<T>`. Public because `IntoFunc` names it; users cannot name
/// it.
pub struct HostDef<T> {
    ty: FuncType,
    /// Keeps the type for the stores that the function will be in.
    types: Arc<Uses>,
    body: Arc<HostBody>,
    signature: Signature,
    state: Option<Arc<dyn HostState>>,
    /// The body takes the core that it is called with for the core of a `Store<T>`.
    store: PhantomData<fn(T) -> T>,
}

impl<T> HostDef<T> {
    /// A function whose type is only known at run time; see [`Func::new`]. `name` is for errors
    /// and backtraces.
    ///
    /// # Errors
    ///
    /// When no module could declare the type.
    pub(crate) fn new(
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> anyhow::Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        let types = check_type(name, &ty)?;
        let name: Arc<str> = name.into();
        let (body_ty, body_name) = (ty.clone(), Arc::clone(&name));
        let body = move |core: NonNull<StoreCore>, instance: *mut InstanceData, slots: *mut u64| {
            // SAFETY: `core` is that of a `Store<T>` and lent to this call: a `HostDef<T>` is only
            // put into such a store (`instantiate`), and the executor does nothing while the body
            // runs. The slots are those of the function's type, the arguments in them.
            unsafe {
                let id = core.as_ref().id;
                let params = arguments(id, &body_ty, slots);
                let mut results = defaults(body_ty.results());
                func(Caller::from_raw(core, instance), &params, &mut results)?;
                for (index, (result, expected)) in results.iter().zip(body_ty.results()).enumerate()
                {
                    let what = format_args!("result {index} of host function {body_name:?}");
                    check_val(core.as_ref(), result, *expected, what)?;
                }
                let slots = std::slice::from_raw_parts_mut(slots, body_ty.result_slots());
                write_vals(&results, slots);
            }
            Ok(())
        };
        // SAFETY: `body` reads and writes slots of `ty`, and makes its caller of `T`.
        Ok(unsafe { Self::from_body(Signature::named(name), ty, types, Arc::new(body)) })
    }

    /// A function that works on slots; see [`Func::new_unchecked`].
    ///
    /// # Errors
    ///
    /// When no module could declare the type.
    ///
    /// # Safety
    ///
    /// As for [`Func::new_unchecked`].
    pub(crate) unsafe fn new_unchecked(
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &mut [u64]) -> anyhow::Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        let types = check_type(name, &ty)?;
        let (params, results) = (ty.param_slots(), ty.result_slots());
        let count = params.max(results);
        let body = move |core: NonNull<StoreCore>, instance: *mut InstanceData, slots: *mut u64| {
            let (mut few, mut many) = ([0; MAX_ROW_SLOTS], Vec::new());
            let copied = if count <= few.len() {
                &mut few[..count]
            } else {
                many.resize(count, 0);
                &mut many[..]
            };
            // SAFETY: as in `new`. The slots are copied to and fro, since they are on the value stack,
            // which the function may use through its caller.
            unsafe {
                slots.copy_to_nonoverlapping(copied.as_mut_ptr(), params);
                func(Caller::from_raw(core, instance), copied)?;
                slots.copy_from_nonoverlapping(copied.as_ptr(), results);
            }
            Ok(())
        };
        // SAFETY: `body` reads and writes slots of `ty`, which is the caller's duty as far as `func` does,
        // and makes its caller of `T`.
        Ok(unsafe { Self::from_body(Signature::named(name.into()), ty, types, Arc::new(body)) })
    }

    /// A function made of a typed closure; see [`Func::wrap`].
    pub(crate) fn wrap<Params, Results>(
        name: &str,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Self {
        func.into_host_def(name)
    }

    /// A function made of a body. `ty` has at most 1,000 parameters and 1,000 results; `types` keeps what
    /// `ty` refers to.
    ///
    /// # Safety
    ///
    /// `body` takes its slots for those of a function of type `ty`, and its core for one of a
    /// `Store<T>`, for no longer than it runs.
    pub(super) unsafe fn from_body(
        signature: Signature,
        ty: FuncType,
        types: Uses,
        body: Arc<HostBody>,
    ) -> Self {
        Self {
            ty,
            types: Arc::new(types),
            body,
            signature,
            state: None,
            store: PhantomData,
        }
    }

    /// The function, with what it keeps from call to call where that is known.
    pub(super) fn with_state(mut self, state: Option<Arc<dyn HostState>>) -> Self {
        self.state = state;
        self
    }

    /// Puts the function into a store.
    pub(crate) fn instantiate(&self, mut context: impl AsContextMut<Data = T>) -> Func {
        let mut context = context.as_context_mut();
        let core = context.core_mut();
        let (body, signature) = (Arc::clone(&self.body), self.signature.clone());
        let entry = core.add_host_func(&self.ty, body, signature, self.state.clone());
        Func::from_entry(core.id, entry)
    }

    /// The type of the function.
    pub(crate) fn ty(&self) -> &FuncType {
        &self.ty
    }
}

impl<T> fmt::Debug for HostDef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ty, signature, .. } = self;
        write!(f, "HostDef({:?}: {ty})", signature.name)
    }
}

impl<T> Clone for HostDef<T> {
    fn clone(&self) -> Self {
        Self {
            ty: self.ty.clone(),
            types: Arc::clone(&self.types),
            body: Arc::clone(&self.body),
            signature: self.signature.clone(),
            state: self.state.clone(),
            store: PhantomData,
        }
    }
}

/// A function of the host as [`Func::new`] makes it, of which traces, backtraces and errors say what `signature`
/// has.
///
/// # Errors
///
/// When no module could declare the type.
pub fn named_func<T>(
    context: impl AsContextMut<Data = T>,
    signature: Signature,
    ty: FuncType,
    func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> anyhow::Result<()> + Send + Sync + 'static,
) -> Result<Func> {
    let def = HostDef::new(&signature.name, ty, func)?;
    Ok(HostDef { signature, ..def }.instantiate(context))
}

/// Checks that a module could declare a function of this type: frames have no room for larger ones.
/// Keeps what the type refers to.
pub(super) fn check_type(name: &str, ty: &FuncType) -> Result<Uses> {
    let (params, results) = (ty.params().len(), ty.results().len());
    if params.max(results) <= MAX_VALUES {
        let mut types = Uses::default();
        return match types.take(ty) {
            Ok(_) => Ok(types),
            Err(stale) => Err(Error::usage(format!("host function {name:?}: {stale}"))),
        };
    }
    Err(Error::usage(format!(
        "host function {name:?}: expected at most {MAX_VALUES} parameters and {MAX_VALUES} results, \
         found {params} and {results}; pass more in memory"
    )))
}

/// The arguments in the slots, copied: the slots are on the value stack, which the host function
/// may use through its caller.
///
/// # Safety
///
/// The slots hold arguments of type `ty` and of store `id`.
unsafe fn arguments(id: StoreId, ty: &FuncType, slots: *const u64) -> Vec<Val> {
    let mut params = defaults(ty.params());
    // SAFETY: the caller's duty.
    unsafe {
        let slots = std::slice::from_raw_parts(slots, ty.param_slots());
        read_vals(id, ty.params(), slots, &mut params);
    }
    params
}

fn defaults(types: &[ValType]) -> Vec<Val> {
    types.iter().map(|ty| Val::default_of(*ty)).collect()
}

/// The error of a host function that returns something of another store.
#[cold]
pub(super) fn foreign_result(name: &str) -> anyhow::Error {
    let message = format!(
        "host function {name:?}: expected results of the same store, found a reference of another"
    );
    Error::usage(message).into()
}

/// The error of a host function that gets a null where it takes a function or a value.
#[cold]
pub(super) fn null_argument(name: &str) -> anyhow::Error {
    let message = format!(
        "host function {name:?}: expected a reference, found a null; take an `Option` to take nulls"
    );
    Error::usage(message).into()
}
