//! Tells a store's tracer of calls from one instance into another, and of calls of host functions.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;

use super::regs::Ctx;
use crate::canonical::Known;
use crate::store::{InstanceData, StoreCore, read_val};
use crate::text::format_number;
use crate::trace::TraceEvent;
use crate::types::ValType;

/// Tells the tracer of a call of another instance's function. The arguments are at `args`.
///
/// # Safety
///
/// The execution of `ctx` has just entered its callee.
#[cold]
#[inline(never)]
pub(super) unsafe fn call(ctx: *mut Ctx, args: *const u64) {
    // SAFETY: entries, instances and the core live as long as the store. The functions that are called
    // here change nothing of the store but its tracer.
    unsafe {
        let entry = (*ctx).callee;
        let instance = (*entry).instance;
        if instance.is_null() {
            // The tracer is told of a host function after its end.
            return;
        }
        let core = (*ctx).core;
        let ty = Known::in_use((*entry).sig);
        let slots = std::slice::from_raw_parts(args, ty.param_slots());
        let event = TraceEvent {
            caller: module_name((*ctx).caller),
            callee: func_name(instance, (*entry).index()),
            args: values(core, ty.params(), slots)
                .map(|text| (None, text))
                .collect(),
            outcome: None,
        };
        tell(core, &event);
    }
}

/// A call of a host function that has begun.
pub(super) struct HostCall {
    event: TraceEvent,
    ty: Known,
    errno: Option<fn(u64) -> String>,
}

impl HostCall {
    /// The call that the execution of `ctx` is about to make; `None` where the store has no tracer.
    ///
    /// # Safety
    ///
    /// The callee of `ctx` is a host function, whose arguments are at `args`.
    pub(super) unsafe fn begin(ctx: *mut Ctx, args: *const u64) -> Option<Self> {
        // SAFETY: as for `call`.
        unsafe {
            let core = (*ctx).core;
            core.as_ref().tracer.as_ref()?;
            let entry = (*ctx).callee;
            let signature = &(*(*entry).host()).signature;
            let ty = Known::in_use((*entry).sig);
            let slots = std::slice::from_raw_parts(args, ty.param_slots());
            let args = if signature.params.is_empty() {
                values(core, ty.params(), slots)
                    .map(|text| (None, text))
                    .collect()
            } else {
                let named = signature.params.iter().zip(slots);
                named
                    .map(|(param, slot)| (Some(param.name), param.show(*slot)))
                    .collect()
            };
            Some(Self {
                event: TraceEvent {
                    caller: module_name((*ctx).caller),
                    callee: signature.name.to_string(),
                    args,
                    outcome: None,
                },
                errno: signature.errno,
                ty,
            })
        }
    }

    /// Makes the call and tells the tracer of it. The call's results are at `results` if there was no
    /// error.
    ///
    /// # Panics
    ///
    /// When the call panics, or the code that makes the text of the call's error. In the second case the
    /// error is dropped first, so that a panic in its destructor does not meet another panic.
    ///
    /// # Safety
    ///
    /// As for `begin`; `call` makes the call.
    pub(super) unsafe fn make(
        self,
        core: NonNull<StoreCore>,
        results: *const u64,
        call: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let result = call();
        // SAFETY: passed on from the caller.
        let told = catch_unwind(AssertUnwindSafe(|| unsafe {
            self.end(core, results, result.as_ref().err());
        }));
        match told {
            Ok(()) => result,
            Err(panic) => {
                discard(result);
                resume_unwind(panic)
            }
        }
    }

    /// Tells the tracer of the call, which has been made.
    ///
    /// # Safety
    ///
    /// As for `make`.
    unsafe fn end(
        mut self,
        core: NonNull<StoreCore>,
        results: *const u64,
        error: Option<&anyhow::Error>,
    ) {
        // SAFETY: as for `call`.
        unsafe {
            let outcome = match (error, self.errno) {
                (Some(error), _) => format!("{error:#}"),
                (None, Some(errno)) => errno(*results),
                (None, None) => {
                    let slots = std::slice::from_raw_parts(results, self.ty.result_slots());
                    let values: Vec<_> = values(core, self.ty.results(), slots).collect();
                    format!("({})", values.join(", "))
                }
            };
            self.event.outcome = Some(outcome);
            tell(core, &self.event);
        }
    }
}

/// Calls the tracer. The store has no tracer meanwhile. A tracer that panics is not called again.
unsafe fn tell(mut core: NonNull<StoreCore>, event: &TraceEvent) {
    // SAFETY: no other reference to the core exists: the execution has addresses only.
    let slot = unsafe { &mut core.as_mut().tracer };
    let Some(mut tracer) = slot.take() else {
        return;
    };
    match catch_unwind(AssertUnwindSafe(|| tracer(event))) {
        Ok(()) => *slot = Some(tracer),
        Err(panic) => {
            discard(tracer);
            discard(panic);
        }
    }
}

/// Drops a value of the embedder. A panic in its destructor is ignored.
fn discard(value: impl Sized) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // Dropping this panic could panic again.
        std::mem::forget(panic);
    }
}

unsafe fn values(
    core: NonNull<StoreCore>,
    types: &[ValType],
    slots: &[u64],
) -> impl Iterator<Item = String> {
    // SAFETY: the slots hold values of these types and of this store: the caller's duty.
    let id = unsafe { core.as_ref().id };
    let mut at = 0;
    types.iter().map(move |ty| {
        let mut both = [0; 2];
        both[..ty.slots()].copy_from_slice(&slots[at..at + ty.slots()]);
        at += ty.slots();
        // SAFETY: as above.
        let value = unsafe { read_val(id, *ty, both) };
        format_number(&value).unwrap_or_else(|| match both[0] {
            0 => "null".to_owned(),
            _ => "reference".to_owned(),
        })
    })
}

unsafe fn module_name(instance: *const InstanceData) -> Option<String> {
    // SAFETY: `instance` is null, or an instance of the store.
    let instance = unsafe { instance.as_ref() }?;
    let name = instance.label.as_deref();
    Some(
        name.or(instance.module.name())
            .unwrap_or("<unnamed>")
            .to_owned(),
    )
}

unsafe fn func_name(instance: *const InstanceData, index: u32) -> String {
    // SAFETY: `instance` is an instance of the store.
    let (module, name) = unsafe { (module_name(instance), (*instance).module.inner()) };
    let module = module.unwrap_or_default();
    match name.func_name(index).or_else(|| name.export_of_func(index)) {
        Some(func) => format!("{module}!{func}"),
        None => format!("{module}!<func {index}>"),
    }
}
