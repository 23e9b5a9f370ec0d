//! Closures that can be host functions.

use std::error::Error as StdError;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::canonical::Uses;
use crate::host::def::{foreign_result, null_argument};
use crate::host::wasm_ty::{Row, for_each_arity};
use crate::host::{Caller, HostDef, WasmResults, WasmTy};
use crate::store::{HostBody, InstanceData, StoreCore};
use crate::trace::Signature;
use crate::types::FuncType;

/// A closure that can be a host function of a `Store<T>`; see [`Func::wrap`](crate::Func::wrap).
pub trait IntoFunc<T, Params, Results>: Send + Sync + 'static {
    /// The function that the closure is, before it is in a store.
    #[doc(hidden)]
    fn into_host_def(self, name: &str) -> HostDef<T>;
}

/// What a closure that is a host function can return: [`WasmResults`], or a `Result` of them whose
/// error is a [`holdall::Error`](crate::Error), an `anyhow::Error`, any type that implements
/// [`std::error::Error`], or a `Box<dyn Error + Send + Sync>`.
///
/// ```
/// use holdall::{Engine, Linker};
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("{0} is odd")]
/// struct Odd(i32);
///
/// let mut linker = Linker::<()>::new(&Engine::default());
/// linker.func_wrap("host", "half", |n: i32| -> Result<i32, Odd> {
///     if n % 2 == 0 { Ok(n / 2) } else { Err(Odd(n)) }
/// })?;
/// # Ok::<(), holdall::Error>(())
/// ```
///
/// A closure that uses `?` has to say its error type, as in `-> holdall::Result<i32>`, or ends in
/// `anyhow::Ok(..)`.
///
/// `Kind` says which of these the type is. It is inferred and never written.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned by a host function",
    note = "a host function returns `()`, a value, a tuple of values, or a `Result` of these whose \
            error type is any that implements `std::error::Error + Send + Sync`"
)]
pub trait WasmRet<Kind = ()> {
    /// The results.
    #[doc(hidden)]
    type Results: WasmResults;

    /// The results, or the error that ends the guest's execution.
    #[doc(hidden)]
    fn into_result(self) -> anyhow::Result<Self::Results>;
}

/// The kind of [`WasmRet`] that is a `Result`. Public because an implementation names it; users
/// cannot name it.
#[derive(Debug)]
pub struct Fallible;

/// The kind of [`WasmRet`] that is a `Result` with a boxed error: the box does not implement
/// `std::error::Error` itself.
#[derive(Debug)]
pub struct Boxed;

impl<R: WasmResults> WasmRet for R {
    type Results = R;

    #[inline]
    fn into_result(self) -> anyhow::Result<R> {
        Ok(self)
    }
}

impl<R: WasmResults, E: Into<anyhow::Error>> WasmRet<Fallible> for Result<R, E> {
    type Results = R;

    #[inline]
    fn into_result(self) -> anyhow::Result<R> {
        self.map_err(Into::into)
    }
}

impl<R: WasmResults> WasmRet<Boxed> for Result<R, Box<dyn StdError + Send + Sync>> {
    type Results = R;

    #[inline]
    fn into_result(self) -> anyhow::Result<R> {
        self.map_err(anyhow::Error::from_boxed)
    }
}

/// Makes a host function of a closure that takes a caller and a row of parameters.
fn host_def<T, P: Row, R: WasmRet<Kind>, Kind>(
    name: &str,
    func: impl Fn(Caller<'_, T>, P) -> R + Send + Sync + 'static,
) -> HostDef<T> {
    let name: Arc<str> = name.into();
    let body_name = Arc::clone(&name);
    let body = move |core: NonNull<StoreCore>, instance: *mut InstanceData, slots: *mut u64| {
        // SAFETY: `core` is that of a `Store<T>` and lent to this call: a `HostDef<T>` is only put
        // into such a store, and the executor does nothing while the body runs. The slots are
        // those of the type below, the arguments in them.
        unsafe {
            let id = core.as_ref().id;
            if !P::are_given(slots) {
                return Err(null_argument(&body_name));
            }
            let params = P::read(id, slots);
            let results = func(Caller::from_raw(core, instance), params).into_result()?;
            if !results.belongs_to(id) {
                return Err(foreign_result(&body_name));
            }
            results.write(slots);
        }
        Ok(())
    };
    let results = <R::Results as Row>::TYPES;
    let ty = FuncType::new(P::TYPES.iter().copied(), results.iter().copied());
    let body: Arc<HostBody> = Arc::new(body);
    // No type of Rust values refers to a type of a module.
    // SAFETY: `body` reads and writes slots of `ty`, and makes its caller of `T`.
    unsafe { HostDef::from_body(Signature::named(name), ty, Uses::default(), body) }
}

macro_rules! closures {
    ($($ty:ident)*) => {
        #[allow(non_snake_case, reason = "values are named after their type parameters")]
        impl<T, Func, Ret, Kind, $($ty: WasmTy),*> IntoFunc<T, ($($ty,)*), (Ret, Kind)> for Func
        where
            Func: Fn($($ty),*) -> Ret + Send + Sync + 'static,
            Ret: WasmRet<Kind>,
        {
            fn into_host_def(self, name: &str) -> HostDef<T> {
                host_def(name, move |_: Caller<'_, T>, ($($ty,)*): ($($ty,)*)| self($($ty),*))
            }
        }

        #[allow(non_snake_case, reason = "values are named after their type parameters")]
        impl<T, Func, Ret, Kind, $($ty: WasmTy),*>
            IntoFunc<T, (Caller<'_, T>, $($ty,)*), (Ret, Kind)> for Func
        where
            Func: Fn(Caller<'_, T>, $($ty),*) -> Ret + Send + Sync + 'static,
            Ret: WasmRet<Kind>,
        {
            fn into_host_def(self, name: &str) -> HostDef<T> {
                host_def(name, move |caller: Caller<'_, T>, ($($ty,)*): ($($ty,)*)| {
                    self(caller, $($ty),*)
                })
            }
        }
    };
}
for_each_arity!(closures);
