//! The caller of a host function.

use std::fmt;
use std::ptr::NonNull;

use crate::engine::Engine;
use crate::error::Result;
use crate::limits::InterruptHandle;
use crate::store::{
    AsContext, AsContextMut, Extern, Instance, InstanceData, StoreContext, StoreContextMut,
    StoreCore, fuel_and_limits, set_fuel_and_limits,
};

/// The store in which a host function was called, and the instance that called it.
///
/// ```
/// use holdall::{Caller, Config, Engine, Extern, Linker};
///
/// let engine = Engine::new(Config::new().metering(true));
/// let mut linker = Linker::<Vec<u8>>::new(&engine);
/// linker.func_wrap("host", "log", |mut caller: Caller<'_, Vec<u8>>, at: u32, len: u32| {
///     let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
///         anyhow::bail!("the caller exports no memory");
///     };
///     let (bytes, log) = memory.data_and_store_mut(&mut caller);
///     let text = bytes.get(at as usize..).and_then(|rest| rest.get(..len as usize));
///     log.extend(text.ok_or_else(|| anyhow::anyhow!("the text is outside of the memory"))?);
///     if let Some(fuel) = caller.fuel() {
///         caller.set_fuel(fuel.saturating_sub(len.into()))?;
///     }
///     Ok(())
/// })?;
/// # Ok::<(), holdall::Error>(())
/// ```
pub struct Caller<'a, T> {
    store: StoreContextMut<'a, T>,
    instance: Option<Instance>,
}

impl<T> Caller<'_, T> {
    /// The embedder's data, to change it.
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// The embedder's data.
    #[must_use]
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// The engine of the store.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        self.store.engine()
    }

    fuel_and_limits!();
    set_fuel_and_limits!();

    /// A handle that ends this store's executions from another thread.
    ///
    /// # Errors
    ///
    /// When the engine does not meter ([`Config::metering`](crate::Config::metering)).
    pub fn interrupt_handle(&self) -> Result<InterruptHandle> {
        self.core().meter.interrupt_handle()
    }

    /// The export of this name of the calling instance. `None` where there is no such export, or
    /// the embedder called.
    #[must_use]
    pub fn get_export(&self, name: &str) -> Option<Extern> {
        self.instance?.export_in(self.core(), name)
    }

    /// The calling instance; `None` where the embedder called.
    #[must_use]
    pub fn instance(&self) -> Option<Instance> {
        self.instance
    }

    fn core(&self) -> &StoreCore {
        self.store.core()
    }

    fn core_mut(&mut self) -> &mut StoreCore {
        self.store.core_mut()
    }

    /// The caller as a [`HostBody`](crate::store::HostBody) gets it.
    ///
    /// # Safety
    ///
    /// `core` is the core of a `Store<T>` whose access the executor lends to the host function for
    /// `'a`, and `instance` is null or an instance of that store.
    pub(super) unsafe fn from_raw(core: NonNull<StoreCore>, instance: *mut InstanceData) -> Self {
        // SAFETY: the caller's duty; the executor got the address from `core_ptr` of a context of
        // the same store, which `exec::invoke` was called with.
        let store = unsafe { StoreContextMut::from_core_ptr(core) };
        let id = store.core().id;
        Self {
            instance: NonNull::new(instance).map(|data| Instance::from_data(id, data)),
            store,
        }
    }
}

impl<T> fmt::Debug for Caller<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("store", self.core())
            .field("instance", &self.instance)
            .finish()
    }
}

impl<T> AsContext for Caller<'_, T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        self.store.as_context()
    }
}

impl<T> AsContextMut for Caller<'_, T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        self.store.as_context_mut()
    }
}
