//! The frames of native functions, and what native code calls where the execution ends.

use std::panic::{AssertUnwindSafe, catch_unwind};

use holdall_core::native::status;

use super::super::backtrace::{Calls, Place, native_place};
use super::super::regs::Ctx;
use super::{Failure, Status, current, pending};
use crate::limits::Watch;
use crate::store::{InstanceData, StoreCore};
use crate::trap::{Trap, TrapCode};

/// Where a native function stands.
#[derive(Clone, Copy)]
pub(super) struct Site {
    pub(super) instance: *mut InstanceData,
    pub(super) function: u32,
    /// The offset of the instruction in the module's bytes.
    pub(super) offset: u32,
}

impl Site {
    /// The instruction at an offset in the body of a function.
    ///
    /// # Safety
    /// The instance lives.
    pub(super) unsafe fn within(instance: *mut InstanceData, function: u32, offset: u32) -> Self {
        // SAFETY: the caller's duty.
        let body = unsafe { (*instance).module.inner().body(function).range() };
        Self {
            instance,
            function,
            // A module has less than 2^32 bytes.
            offset: body.start as u32 + offset,
        }
    }

    pub(super) unsafe fn place(self) -> Place {
        // SAFETY: instances live as long as their store.
        unsafe { native_place(self.instance, self.function, Some(self.offset.into())) }
    }
}

/// The native functions that have called, from a frame outwards up to the entrance.
pub(super) struct Callers {
    core: *mut StoreCore,
    instance: *mut InstanceData,
    frame: *const usize,
}

impl Callers {
    /// The callers of the function of an instance whose frame pointer is `frame`.
    ///
    /// # Safety
    /// The function runs, and frame pointers make a chain: what lies above a native frame's pointer is the frame
    /// pointer of its caller, and the address in its caller that it returns to.
    pub(super) unsafe fn of(
        core: *mut StoreCore,
        instance: *mut InstanceData,
        frame: *const usize,
    ) -> Self {
        Self {
            core,
            instance,
            frame,
        }
    }
}

impl Iterator for Callers {
    type Item = Site;

    fn next(&mut self) -> Option<Site> {
        loop {
            // SAFETY: as for `of`. The chain is followed up to the first address that is in no native code.
            let (outer, back) = unsafe { (self.frame.read(), self.frame.add(1).read()) };
            let found = |instance: *mut InstanceData| {
                // SAFETY: instances live as long as their store.
                let native = unsafe { (*instance).module.inner().native.as_ref()? };
                Some((instance, native.call_at(back)?))
            };
            // A frame does not say which instance it is of: of several of one module, the last one is taken.
            let others = || {
                // SAFETY: the store lives while its functions run.
                let mut others = unsafe { (*self.core).instances.iter().rev() };
                others.find_map(|other| found(other.as_ptr()))
            };
            let (instance, (function, offset)) = found(self.instance).or_else(others)?;
            self.instance = instance;
            self.frame = std::ptr::with_exposed_provenance(outer);
            if let Some(offset) = offset {
                return Some(Site {
                    instance,
                    function,
                    offset,
                });
            }
        }
    }
}

/// Notes why the execution ends. Gives the status.
pub(super) unsafe extern "C" fn raise(
    instance: *mut InstanceData,
    found: Status,
    function: u64,
    frame: *const usize,
) -> Status {
    // SAFETY: `frame` is the frame pointer of the native function that calls, and frame pointers make a chain.
    let raised = catch_unwind(AssertUnwindSafe(|| unsafe {
        let (runtime, ctx) = current(instance);
        let (number, offset) = status::parts(found);
        let at = (offset != 0).then(|| Site::within(instance, function as u32, offset));
        let core = (*ctx).core.as_ptr();
        let callers = Callers::of(core, instance, frame);
        if number != status::PENDING {
            let code = status::trap(number).unwrap_or(TrapCode::Unreachable);
            pending(runtime, trap(ctx, code).into());
        }
        (*runtime).begin_unwinding(ctx);
        match &mut (*runtime).failure {
            Some(Failure::Thrown(_)) => (*runtime).unwind(ctx, at, callers),
            Some(Failure::Error(error)) if (*core).engine.config().wasm_backtrace => {
                if let Some(trap) = error.trap_mut() {
                    add_callers(trap, Calls::default(), at, callers);
                } else if let Some(exception) = error.exception_mut() {
                    exception.add_calls(calls(Calls::default(), at, callers));
                }
            }
            _ => {}
        }
    }));
    if let Err(panic) = raised {
        // SAFETY: as above.
        unsafe { (*(*instance).runtime).failure = Some(Failure::Panic(panic)) };
    }
    found
}

/// A trap, without the calls that led there.
pub(super) unsafe fn trap(ctx: *mut Ctx, code: TrapCode) -> Trap {
    // SAFETY: the store outlives the execution.
    let detail = unsafe { (*(*ctx).core.as_ptr()).meter.explain(code) };
    match detail {
        Some(detail) => Trap::from(code).with_detail(detail),
        None => code.into(),
    }
}

/// Adds the calls that led to a trap: some first, then where the trap is, then its callers.
pub(super) fn add_callers(
    trap: &mut Trap,
    first: Calls,
    at: Option<Site>,
    callers: impl Iterator<Item = Site>,
) {
    let calls = calls(first, at, callers);
    let mut watch = Watch::until(Some(trap.looks_until()));
    trap.add_callers(calls.frames(&mut watch));
}

/// As many calls as are kept.
fn calls(mut calls: Calls, at: Option<Site>, callers: impl Iterator<Item = Site>) -> Calls {
    for site in at.into_iter().chain(callers) {
        if calls.is_full() {
            break;
        }
        // SAFETY: instances live as long as their store.
        calls.push(unsafe { site.place() });
    }
    calls
}
