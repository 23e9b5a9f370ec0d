//! Host functions that work on slots, for crates that define many of them by a table. Unlike host
//! functions made of closures, they are the same for every type of a store's data.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use super::HostDef;
use crate::limits::{Account, Limits, Meter};
use crate::store::{HostBody, HostState, InstanceData, StoreCore};
use crate::trace::Signature;
use crate::types::FuncType;

/// The caller of a bare host function.
pub struct BareCaller<'a> {
    core: NonNull<StoreCore>,
    instance: *const InstanceData,
    store: PhantomData<&'a mut StoreCore>,
}

/// The parts of the store that a bare host function may use, all at the same time.
#[derive(Debug)]
pub struct BareParts<'a> {
    /// The bytes of the memory that the calling instance exports as `memory`, else of its first
    /// memory; empty where the instance has no memory, or where the embedder called.
    pub memory: &'a mut [u8],
    /// The meter of the store's executions.
    pub meter: &'a mut Meter,
    /// The limits of the store.
    pub limits: &'a Limits,
    /// The account of what the guests hold.
    pub account: &'a Account,
    /// How many descriptors are open in the store.
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
        // SAFETY: the executor lends the store to the host function while it runs, and a
        // `BareCaller` exists only then. Memories and instances live as long as the store. The
        // bytes of a memory are no part of the core, of which separate fields are borrowed here.
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
    /// A function of this type. Its slots hold the arguments at first, and have to hold the results
    /// at the end; there are as many slots as the larger of both needs.
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
            // SAFETY: the slots are those of a function of this type, lent to the call. They are on
            // the value stack, to which a bare caller gives no access.
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
        // SAFETY: the body works on slots of `ty`, and does not depend on the `T` of its core.
        let def = unsafe { HostDef::from_body(self.signature, self.ty, self.body) };
        def.with_state(self.state)
    }
}
