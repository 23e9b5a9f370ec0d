//! Host functions that work on slots, for crates that define many of them by a table. Unlike host
//! functions made of closures, they are the same for every type of a store's data.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use super::def::check_type;
use super::{Caller, HostDef};
use crate::canonical::Uses;
use crate::error::{Error, Result};
use crate::limits::{Account, Limits, Meter};
use crate::observe::Accesses;
use crate::store::{HostBody, HostState, InstanceData, MemoryData, StoreCore};
use crate::trace::Signature;
use crate::types::{FuncType, ValType};

/// The caller of a [`SlotFunc`].
pub struct SlotCaller<'a> {
    core: NonNull<StoreCore>,
    instance: *const InstanceData,
    store: PhantomData<&'a mut StoreCore>,
}

/// The parts of a store that a [`SlotFunc`] may use, all at the same time.
#[derive(Debug)]
#[non_exhaustive]
pub struct StoreParts<'a> {
    /// The memory that the calling instance exports as `memory`, else its first one. Empty where the
    /// instance has no memory, and where the embedder called.
    pub memory: &'a mut [u8],
    /// What says whether the execution may go on, and takes fuel for the function's work.
    pub meter: &'a mut Meter,
    /// The limits of the store.
    pub limits: &'a Limits,
    /// The bytes that the store's guests make the host hold.
    pub account: &'a Account,
    /// How many descriptors are open in the store; see
    /// [`Limits::open_descriptors`](Limits#structfield.open_descriptors).
    pub open_descriptors: &'a mut usize,
}

impl<'c> SlotCaller<'c> {
    /// The caller as functions made of closures get it, with all of the store.
    ///
    /// The slots of the call lie on the value stack, which the guest uses where the caller calls it: copy
    /// arguments before, and write results after.
    ///
    /// # Safety
    ///
    /// The function is linked to modules of a `Store<T>` alone.
    #[must_use]
    pub unsafe fn into_caller<T>(self) -> Caller<'c, T> {
        // SAFETY: that the core is one of a `Store<T>` is the caller's duty. The executor lends the store to
        // the host function for `'c`, and made `core` and `instance` for it.
        unsafe { Caller::from_raw(self.core, self.instance.cast_mut()) }
    }

    /// The parts of the store.
    #[inline]
    pub fn parts(&mut self) -> StoreParts<'_> {
        // SAFETY: the executor lends the store to the host function while it runs, and a
        // `SlotCaller` exists only then.
        unsafe {
            if let (true, Some(memory)) = (self.core.as_ref().observation.is_some(), self.memory())
            {
                self.core.as_mut().hand_out(memory);
            }
            self.lend()
        }
    }

    /// The parts of the store, and who is to be told of each access to the memory. A function that tells of all
    /// its accesses costs less where somebody observes the store: nobody need compare the memory.
    #[inline]
    pub fn parts_and_accesses(&mut self) -> (StoreParts<'_>, Accesses<'_>) {
        // SAFETY: as for `parts`. The observation is another field than those of the parts.
        unsafe {
            let accesses = match self.core.as_ref().observation {
                None => Accesses::unobserved(),
                Some(_) => StoreCore::accesses(self.core.as_ptr(), self.memory()),
            };
            (self.lend(), accesses)
        }
    }

    /// The memory that addresses of the caller mean.
    #[inline]
    fn memory(&self) -> Option<NonNull<MemoryData>> {
        // SAFETY: instances live as long as the store, and what is read here does not change.
        let instance = unsafe { self.instance.as_ref() }?;
        let index = instance.module.inner().main_memory;
        instance.memories.get(index as usize).copied()
    }

    /// The parts of the store.
    ///
    /// # Safety
    ///
    /// The executor lends the store for `'a`, and nobody else has any of the parts.
    #[inline]
    unsafe fn lend<'a>(&self) -> StoreParts<'a> {
        // SAFETY: memories and instances live as long as the store. The bytes of a memory are no part of
        // the core, of which separate fields are borrowed here: the rest is the caller's duty.
        unsafe {
            let core = self.core.as_ptr();
            let memory = self.memory();
            StoreParts {
                memory: memory.map_or(&mut [], |mut memory| memory.as_mut().as_mut_slice()),
                meter: &mut (*core).meter,
                limits: &(*core).limits,
                account: &(*core).account,
                open_descriptors: &mut (*core).open_descriptors,
            }
        }
    }
}

impl fmt::Debug for SlotCaller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotCaller").finish_non_exhaustive()
    }
}

/// A host function that works on slots, before it is in a store.
///
/// A slot is a machine word of 64 bits. An `i32` or an `f32` stands in the low half of a slot, whose
/// high half is zero; an `i64` or an `f64` fills one; a `v128` fills two, the low half first.
pub struct SlotFunc {
    signature: Signature,
    ty: FuncType,
    types: Uses,
    body: Arc<HostBody>,
    state: Option<Arc<dyn HostState>>,
}

impl SlotFunc {
    /// A function of this type. The slots that `func` gets hold the arguments, in order, and are to
    /// hold the results when it returns; there are as many slots as the larger of both needs.
    ///
    /// An error that `func` returns ends the guest's execution, as one of a closure does
    /// ([`Func::wrap`](crate::Func::wrap)).
    ///
    /// # Errors
    ///
    /// When a parameter or a result is a reference, which a slot would let the function forge; when
    /// the type has more than 1,000 parameters or results; when the signature does not fit the type: it
    /// names other parameters, or some that fill two slots, or says what a result means that is not
    /// there.
    pub fn new(
        signature: Signature,
        ty: FuncType,
        func: impl Fn(SlotCaller<'_>, &mut [u64]) -> anyhow::Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        let types = check(&signature, &ty)?;
        let count = ty.param_slots().max(ty.result_slots());
        let (first, others) = masks(ty.results());
        let body = move |core: NonNull<StoreCore>, instance: *mut InstanceData, slots: *mut u64| {
            let caller = SlotCaller {
                core,
                instance,
                store: PhantomData,
            };
            // SAFETY: the slots are those of a function of this type, lent to the call. They are on
            // the value stack, to which a `SlotCaller` gives no access.
            let slots = unsafe { std::slice::from_raw_parts_mut(slots, count) };
            func(caller, slots)?;
            if let Some(slot) = slots.first_mut() {
                *slot &= first;
            }
            if !others.is_empty() {
                mask_others(slots, &others);
            }
            Ok(())
        };
        Ok(Self {
            signature,
            ty,
            types,
            body: Arc::new(body),
            state: None,
        })
    }

    /// Says what the function keeps from call to call.
    #[must_use]
    pub fn with_state(mut self, state: Arc<dyn HostState>) -> Self {
        self.state = Some(state);
        self
    }

    /// The definition for stores with any data.
    pub(crate) fn into_def<T>(self) -> HostDef<T> {
        // SAFETY: the body works on slots of `ty`, leaves numbers there in the form that slots hold
        // them in, and does not depend on the `T` of its core.
        let def = unsafe { HostDef::from_body(self.signature, self.ty, self.types, self.body) };
        def.with_state(self.state)
    }
}

impl fmt::Debug for SlotFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SlotFunc({:?}: {})", self.signature.name, self.ty)
    }
}

/// That a function of this type may work on slots, and that the signature is one of the type.
fn check(signature: &Signature, ty: &FuncType) -> Result<Uses> {
    let name = &signature.name;
    let types = check_type(name, ty)?;
    let mut values = ty.params().iter().chain(ty.results());
    if values.any(|value| matches!(value, ValType::Ref(_))) {
        return Err(Error::usage(format!(
            "host function {name:?}: expected numbers as parameters and results, found {ty}; take \
             references with `Linker::func_new`"
        )));
    }
    if !signature.params.is_empty() {
        let named = FuncType::new(signature.params.iter().map(|param| param.ty), []);
        if named.params() != ty.params() || ty.param_slots() != ty.params().len() {
            return Err(Error::usage(format!(
                "host function {name:?}: expected parameters of one slot each, as its signature has \
                 them, {named}, found {ty}"
            )));
        }
    }
    if signature.errno.is_some() && ty.result_slots() != 1 {
        return Err(Error::usage(format!(
            "host function {name:?}: expected a number of an error as the only result, found {ty}"
        )));
    }
    Ok(types)
}

/// For each slot of the results, the bits that a result may set there: for the first slot, which most
/// functions alone have, and for the others.
fn masks(results: &[ValType]) -> (u64, Vec<u64>) {
    let mut masks = results.iter().flat_map(|result| {
        let mask = match result {
            ValType::I32 | ValType::F32 => u32::MAX.into(),
            _ => u64::MAX,
        };
        std::iter::repeat_n(mask, result.slots())
    });
    (masks.next().unwrap_or(u64::MAX), masks.collect())
}

/// Masks the slots after the first.
#[cold]
fn mask_others(slots: &mut [u64], masks: &[u64]) {
    for (slot, mask) in slots[1..].iter_mut().zip(masks) {
        *slot &= mask;
    }
}
