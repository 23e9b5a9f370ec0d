//! Host functions that work on slots, for rooms that define many of them by a table. Unlike those
//! that are made of closures, they are the same for every type of a store's data.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use super::HostDef;
use crate::limits::{Account, Limits, Meter};
use crate::store::{HostBody, HostState, InstanceData, StoreCore};
use crate::trace::Signature;
use crate::types::FuncType;

/// What a bare host function knows of its caller.
pub struct BareCaller<'a> {
    core: NonNull<StoreCore>,
    instance: *const InstanceData,
    store: PhantomData<&'a mut StoreCore>,
}

/// What a bare host function may use of the store, at the same time.
#[derive(Debug)]
pub struct BareParts<'a> {
    /// The memory that the calling instance exports as `memory`, else its first; empty where it has
    /// none, or where the embedder called.
    pub memory: &'a mut [u8],
    /// The meter of the store's executions.
    pub meter: &'a mut Meter,
    /// The limits of the store.
    pub limits: &'a Limits,
    /// What the guests hold.
    pub account: &'a Account,
    /// Descriptors that are open in the store.
    pub open_descriptors: &'a mut usize,
}

impl fmt::Debug for BareCaller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BareCaller").finish_non_exhaustive()
    }
}

impl BareCaller<'_> {
    /// The parts of the store.
    pub fn parts(&mut self) -> BareParts<'_> {
        // SAFETY: the executor lends the store to the host function while it runs, and a caller
        // exists only then. Memories and instances live as long as the store; the bytes of a
        // memory are no part of the core, whose other fields are borrowed here.
        unsafe {
            let core = self.core.as_ptr();
            let memory = self.instance.as_ref().and_then(|instance| {
                let index = instance.module.inner().main_memory;
                instance.memories.get(index as usize).copied()
            });
            BareParts {
                memory: memory.map_or(&mut [], |mut memory| memory.as_mut().as_mut_slice()),
                meter: &mut (*core).meter,
                limits: &(*core).limits,
                account: &(*core).account,
                open_descriptors: &mut (*core).open_descriptors,
            }
        }
    }
}

/// A bare host function, before it is in a store.
pub struct BareFunc {
    signature: Signature,
    ty: FuncType,
    body: Arc<HostBody>,
    state: Option<Arc<dyn HostState>>,
}

impl fmt::Debug for BareFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BareFunc")
            .field("ty", &self.ty)
            .finish_non_exhaustive()
    }
}

impl BareFunc {
    /// A function of this type. The slots that it gets hold the arguments, and are to hold the
    /// results; there are as many as the larger of both needs.
    pub fn new(
        signature: Signature,
        ty: FuncType,
        func: impl Fn(BareCaller<'_>, &mut [u64]) -> anyhow::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let count = ty.param_slots().max(ty.result_slots());
        let body = move |core: NonNull<StoreCore>, instance: *mut InstanceData, slots: *mut u64| {
            let caller = BareCaller {
                core,
                instance,
                store: PhantomData,
            };
            // SAFETY: the slots are those of a function of this type, lent to the call. They stand
            // on the value stack, which a bare caller gives no access to.
            let slots = unsafe { std::slice::from_raw_parts_mut(slots, count) };
            func(caller, slots)
        };
        Self {
            signature,
            ty,
            body: Arc::new(body),
            state: None,
        }
    }

    /// Says what the function keeps from call to call.
    pub fn with_state(mut self, state: Arc<dyn HostState>) -> Self {
        self.state = Some(state);
        self
    }

    /// The definition for stores with any data.
    pub(crate) fn into_def<T>(self) -> HostDef<T> {
        // SAFETY: the body works on slots of `ty`, and takes no core for one of a certain `T`.
        let def = unsafe { HostDef::from_body(self.signature, self.ty, self.body) };
        def.with_state(self.state)
    }
}
