//! What a host function knows of its caller.

use std::ptr::NonNull;

use crate::engine::Engine;
use crate::store::{
    AsContext, AsContextMut, Core, Extern, Instance, InstanceData, StoreContext, StoreContextMut,
};

/// The store in which a host function was called, and the instance that called it.
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

    /// The export of this name of the instance that called. `None` also when the embedder called.
    #[must_use]
    pub fn get_export(&self, name: &str) -> Option<Extern> {
        self.instance?.export_in(self.store.core(), name)
    }

    /// The instance that called; `None` when the embedder did.
    #[must_use]
    pub fn instance(&self) -> Option<Instance> {
        self.instance
    }

    /// The caller as a [`HostBody`](crate::store::HostBody) gets it.
    ///
    /// # Safety
    ///
    /// `core` is the core of a `Store<T>` whose access the executor lends to the host function for
    /// `'a`, and `instance` is null or an instance of that store.
    pub(super) unsafe fn from_raw(core: NonNull<Core>, instance: *mut InstanceData) -> Self {
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
