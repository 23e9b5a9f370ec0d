//! Functions whose type was checked once, called with Rust values.

use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use crate::error::{Error, Result};
use crate::exec;
use crate::host::wasm_ty::MAX_ROW_SLOTS;
use crate::host::{WasmParams, WasmResults};
use crate::store::{AsContextMut, Func};
use crate::types::ValType;

/// A function that takes `P` and returns `R`; see [`Func::typed`].
///
/// ```
/// use holdall::{Engine, Func, Store};
///
/// # fn main() -> holdall::Result<()> {
/// let mut store = Store::new(&Engine::default(), ());
/// let divide = Func::wrap(&mut store, |a: u32, b: u32| (a / b, a % b));
/// let divide = divide.typed::<(u32, u32), (u32, u32)>(&store)?;
/// assert_eq!(divide.call(&mut store, (17, 5))?, (3, 2));
/// # Ok(())
/// # }
/// ```
pub struct TypedFunc<P, R> {
    func: Func,
    types: PhantomData<fn(P) -> R>,
}

impl<P: WasmParams, R: WasmResults> TypedFunc<P, R> {
    /// Calls the function.
    ///
    /// # Errors
    ///
    /// When the guest traps, when a host function that it calls returns an error, when a parameter
    /// is a reference of another store, or when a result is a null and its Rust type has none.
    ///
    /// # Panics
    ///
    /// When the function is of another store.
    #[inline]
    pub fn call(&self, mut context: impl AsContextMut, params: P) -> Result<R> {
        let mut context = context.as_context_mut();
        let entry = self.func.entry_in(context.core());
        let id = context.core().id;
        if !params.belongs_to(id) {
            return Err(foreign_param());
        }
        let mut slots = [const { MaybeUninit::<u64>::uninit() }; MAX_ROW_SLOTS];
        let slots = slots.as_mut_ptr().cast::<u64>();
        // SAFETY: a row takes at most 16 times two slots, so there is room for either. The function
        // is of this store, which is borrowed here alone and not used before the call returns; its
        // type is that of `P` and `R`, which `new_unchecked`'s caller saw to. On success the slots
        // hold its results.
        unsafe {
            params.write(slots);
            exec::invoke(context.core_ptr(), entry, slots)?;
            if !R::are_given(slots) {
                return Err(null_result());
            }
            if const { any_exception(R::TYPES) } {
                let slots =
                    std::slice::from_raw_parts(slots, R::TYPES.iter().map(|ty| ty.slots()).sum());
                context.core().root_vals(R::TYPES, slots);
            }
            Ok(R::read(id, slots))
        }
    }

    /// The function.
    #[must_use]
    pub fn func(&self) -> Func {
        self.func
    }

    /// # Safety
    ///
    /// The function takes what `P` stands for and returns what `R` stands for.
    pub(super) unsafe fn new_unchecked(func: Func) -> Self {
        const {
            assert!(P::TYPES.len() <= MAX_ROW_SLOTS / 2 && R::TYPES.len() <= MAX_ROW_SLOTS / 2);
        }
        Self {
            func,
            types: PhantomData,
        }
    }
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

impl<P, R> fmt::Debug for TypedFunc<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedFunc").field(&self.func).finish()
    }
}

/// Whether one of the types is of references to exceptions.
const fn any_exception(types: &[ValType]) -> bool {
    let mut at = 0;
    while at < types.len() {
        if types[at].is_exception() {
            return true;
        }
        at += 1;
    }
    false
}

#[cold]
fn foreign_param() -> Error {
    Error::usage("an argument is a reference of another store than the function")
}

#[cold]
fn null_result() -> Error {
    Error::usage("a result is a null; give its type as an `Option` to take nulls")
}
