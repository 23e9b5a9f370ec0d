//! Access to a store: shared and exclusive contexts, and the traits of all that can give one.

use std::fmt;
use std::ptr::NonNull;

use crate::engine::Engine;
use crate::limits::InterruptHandle;
use crate::store::{Store, StoreCore};

/// A store's contents. `core` comes first, so that the address of one is the address of the other.
#[repr(C)]
pub(crate) struct StoreInner<T> {
    pub(crate) core: StoreCore,
    pub(crate) data: T,
}

/// Methods that read the fuel and the limits of a store, for what has a `core()`.
macro_rules! fuel_and_limits {
    () => {
        /// The units of [`Limits::fuel`](crate::Limits::fuel) that are left; `None` where no limit is
        /// set.
        #[must_use]
        pub fn fuel(&self) -> Option<u64> {
            self.core().meter.fuel()
        }

        /// [`fuel`](Self::fuel), with an error where no limit is set.
        ///
        /// # Errors
        ///
        /// When no limit is set.
        pub fn get_fuel(&self) -> $crate::Result<u64> {
            self.core().fuel_or_error()
        }

        /// The limits that hold now. Their fuel is what was granted; see [`fuel`](Self::fuel) for what
        /// is left.
        #[must_use]
        pub fn current_limits(&self) -> &$crate::Limits {
            &self.core().limits
        }
    };
}

/// Methods that set the fuel and the limits of a store, for what has a `core_mut()`.
macro_rules! set_fuel_and_limits {
    () => {
        /// Sets what the guests may take from now on. What they have already is not taken from them;
        /// fuel and deadline are replaced. Before, the limits are those of
        /// [`Config::limits`](crate::Config::limits).
        ///
        /// # Errors
        ///
        /// When there are fuel or a deadline among them, and the engine does not meter
        /// ([`Config::metering`](crate::Config::metering)). Then nothing is set.
        pub fn limits(&mut self, limits: $crate::Limits) -> $crate::Result<()> {
            self.core_mut().set_limits(limits)
        }

        /// Sets the fuel, in the units of [`Limits::fuel`](crate::Limits::fuel), and leaves the other
        /// limits as they are.
        ///
        /// # Errors
        ///
        /// When the engine does not meter ([`Config::metering`](crate::Config::metering)).
        pub fn set_fuel(&mut self, units: u64) -> $crate::Result<()> {
            self.core_mut().set_fuel(units)
        }
    };
}

pub(crate) use {fuel_and_limits, set_fuel_and_limits};

/// Shared access to a store.
pub struct StoreContext<'a, T>(pub(crate) &'a StoreInner<T>);

/// Exclusive access to a store.
pub struct StoreContextMut<'a, T>(pub(crate) &'a mut StoreInner<T>);

/// Something that gives shared access to a store: a [`Store`], a context, a
/// [`Caller`](crate::host::Caller), or a reference to one of them.
pub trait AsContext {
    /// The embedder's data in the store.
    type Data;

    /// Shared access to the store.
    fn as_context(&self) -> StoreContext<'_, Self::Data>;
}

/// Something that gives exclusive access to a store.
pub trait AsContextMut: AsContext {
    /// Exclusive access to the store.
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Self::Data>;
}

impl<'a, T> StoreContext<'a, T> {
    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &'a T {
        &self.0.data
    }

    /// The engine of the store.
    #[must_use]
    pub fn engine(&self) -> &'a Engine {
        &self.0.core.engine
    }

    fuel_and_limits!();

    pub(crate) fn core(&self) -> &'a StoreCore {
        &self.0.core
    }
}

impl<'a, T> StoreContextMut<'a, T> {
    /// The embedder's data, to change it.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.0.data
    }

    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &T {
        &self.0.data
    }

    /// The engine of the store.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.0.core.engine
    }

    fuel_and_limits!();
    set_fuel_and_limits!();

    /// A handle that ends this store's executions from another thread.
    ///
    /// # Errors
    ///
    /// When the engine does not meter ([`Config::metering`](crate::Config::metering)).
    pub fn interrupt_handle(&self) -> crate::Result<InterruptHandle> {
        self.0.core.meter.interrupt_handle()
    }

    pub(crate) fn core(&self) -> &StoreCore {
        &self.0.core
    }

    pub(crate) fn core_mut(&mut self) -> &mut StoreCore {
        &mut self.0.core
    }

    /// The store's core, with provenance over all of its [`StoreInner`], for `exec::invoke`. The
    /// address is valid for as long as nothing else of `self` is used.
    pub(crate) fn core_ptr(&mut self) -> NonNull<StoreCore> {
        NonNull::from(&mut *self.0).cast()
    }

    /// The core and the data, for as long as the access to the store lasts.
    pub(crate) fn into_parts(self) -> (&'a mut StoreCore, &'a mut T) {
        let StoreInner { core, data } = self.0;
        (core, data)
    }

    /// The context behind an address that [`StoreContextMut::core_ptr`] gave.
    ///
    /// # Safety
    ///
    /// `core` came from `core_ptr` of a context of the same `T`, which is still borrowed and is not
    /// used for the length of `'a`.
    pub(crate) unsafe fn from_core_ptr(core: NonNull<StoreCore>) -> Self {
        // SAFETY: `core` is the first field of a `repr(C)` `StoreInner<T>` and has provenance over all
        // of it (`core_ptr`); that it is borrowed for `'a` by us alone is the caller's duty.
        Self(unsafe { core.cast::<StoreInner<T>>().as_mut() })
    }
}

impl<T> fmt::Debug for StoreContext<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreContext").field(self.core()).finish()
    }
}

impl<T> fmt::Debug for StoreContextMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreContextMut").field(self.core()).finish()
    }
}

impl<T> AsContext for Store<T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.inner())
    }
}

impl<T> AsContextMut for Store<T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut(self.inner_mut())
    }
}

impl<T> AsContext for StoreContext<'_, T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.0)
    }
}

impl<T> AsContext for StoreContextMut<'_, T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.0)
    }
}

impl<T> AsContextMut for StoreContextMut<'_, T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut(self.0)
    }
}

impl<C: AsContext> AsContext for &C {
    type Data = C::Data;

    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(self)
    }
}

impl<C: AsContext> AsContext for &mut C {
    type Data = C::Data;

    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(self)
    }
}

impl<C: AsContextMut> AsContextMut for &mut C {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, C::Data> {
        C::as_context_mut(self)
    }
}

// The conversions serve the methods whose results borrow from the store, such as `Memory::data`.

impl<'a, C: AsContext> From<&'a C> for StoreContext<'a, C::Data> {
    fn from(context: &'a C) -> Self {
        C::as_context(context)
    }
}

impl<'a, C: AsContext> From<&'a mut C> for StoreContext<'a, C::Data> {
    fn from(context: &'a mut C) -> Self {
        C::as_context(context)
    }
}

impl<'a, C: AsContextMut> From<&'a mut C> for StoreContextMut<'a, C::Data> {
    fn from(context: &'a mut C) -> Self {
        C::as_context_mut(context)
    }
}
