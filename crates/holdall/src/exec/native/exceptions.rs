//! Exceptions that go through native frames.
//!
//! What is thrown is `failure` of the runtime on its way. Where it is thrown, the frames are left, as far as
//! their functions cannot catch it: that is paid for, and the calls are noted. A function that may catch asks
//! for a clause by [`catch`] at its landing, and where there is none, further frames are left. Where the entry
//! is reached, the exception goes on in lowered code.

use std::panic::{AssertUnwindSafe, catch_unwind};

use holdall_core::ir::HandlerRef;
use holdall_core::native::Catches;

use super::super::backtrace::Calls;
use super::super::exceptions::{GONE, clause_for};
use super::super::regs::Ctx;
use super::frames::{Callers, Resume, Site, add_callers, trap};
use super::{FAILED, Failure, NativeRuntime, Number, current, pending};
use crate::exception::Exception;
use crate::store::InstanceData;
use crate::trap::{Trap, TrapCode};

/// The references to exceptions that a native function holds, as its frame has them.
#[repr(C)]
pub(super) struct Roots {
    pub(super) outer: *const Self,
    count: u64,
    // The references follow.
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    use holdall_core::native::roots;
    assert!(std::mem::offset_of!(Roots, outer) == roots::OUTER as usize);
    assert!(std::mem::offset_of!(Roots, count) == roots::COUNT as usize);
    assert!(size_of::<Roots>() == roots::FIRST as usize);
};

/// An exception on its way through native frames.
pub(super) struct Thrown {
    exception: u64,
    /// The calls through which the exception came.
    calls: Calls,
    /// Whether a frame was left already.
    has_left: bool,
}

impl Thrown {
    /// The exception, whose calls are kept in its store, as it goes on in lowered code.
    pub(super) unsafe fn leave(self, ctx: *mut Ctx) -> u64 {
        // SAFETY: the store outlives the execution.
        let exceptions = unsafe { &mut (*(*ctx).core.as_ptr()).exceptions };
        exceptions.set_calls(self.exception, self.calls.kept());
        self.exception
    }
}

impl NativeRuntime {
    /// Gives the references that native functions hold to `look`.
    ///
    /// # Safety
    /// The functions that hold references run.
    pub(crate) unsafe fn look_at_roots(&self, mut look: impl FnMut(&[u64])) {
        let mut at = self.roots;
        while !at.is_null() {
            // SAFETY: the caller's duty: native functions keep the list, and end what they add to it.
            unsafe {
                let references = at.add(1).cast::<u64>();
                look(std::slice::from_raw_parts(references, (*at).count as usize));
                at = (*at).outer;
            }
        }
    }

    /// Makes an exception of the store that a callee failed with one that goes through native frames.
    pub(super) unsafe fn begin_unwinding(&mut self, ctx: *mut Ctx) {
        // SAFETY: the store outlives the execution. What lies above the stack's top, nothing needs.
        unsafe {
            let core = (*ctx).core.as_ptr();
            let Some(Failure::Error(error)) = &self.failure else {
                return;
            };
            let Some(found) = Exception::within(error).filter(|it| it.store() == (*core).id) else {
                return;
            };
            let live_to = (*core).stack.top;
            match found.revive(&mut *core, live_to) {
                Ok(exception) => self.throw(ctx, exception),
                Err(detail) => {
                    let trap = Trap::from(TrapCode::OutOfMemory).with_detail(detail);
                    pending(self, trap.into());
                }
            }
        }
    }

    /// Begins to throw an exception of the store.
    unsafe fn throw(&mut self, ctx: *mut Ctx, exception: u64) {
        // SAFETY: the store outlives the execution.
        let exceptions = unsafe { &mut (*(*ctx).core.as_ptr()).exceptions };
        let calls = exceptions.take_calls(exception).unwrap_or_default();
        self.failure = Some(Failure::Thrown(Thrown {
            exception,
            calls: *calls,
            has_left: false,
        }));
    }

    /// Leaves the frames up to one whose function may catch what is thrown: that of the function that stands
    /// `at`, and those of `callers`. Gives where that function goes on.
    pub(super) unsafe fn unwind(
        &mut self,
        ctx: *mut Ctx,
        at: Option<Site>,
        mut callers: Callers,
    ) -> Option<Resume> {
        // SAFETY: the store outlives the execution, and instances live as long as the store.
        unsafe {
            let core = (*ctx).core.as_ptr();
            let keeps_calls = (*core).engine.config().wasm_backtrace;
            let mut next = at.or_else(|| callers.next());
            while let Some(site) = next {
                let Some(Failure::Thrown(thrown)) = &mut self.failure else {
                    return None;
                };
                if keeps_calls && !thrown.calls.is_full() {
                    match std::mem::replace(&mut thrown.has_left, true) {
                        false => thrown.calls.push_first(site.place()),
                        true => thrown.calls.push(site.place()),
                    }
                }
                if site.landing.is_some() || !self.pay(ctx, 1, &mut callers) {
                    return site.landing;
                }
                next = callers.next();
            }
            None
        }
    }

    /// Pays for a frame that is left, and for the clauses that were looked at. Where there is nothing to pay with,
    /// that is why the execution ends.
    unsafe fn pay(&mut self, ctx: *mut Ctx, units: u64, callers: &mut Callers) -> bool {
        // SAFETY: the store outlives the execution.
        unsafe {
            let core = (*ctx).core.as_ptr();
            if !(*ctx).metered {
                return true;
            }
            let Err(code) = (*core).meter.pay(&mut (*ctx).budget, units) else {
                return true;
            };
            let mut trap = trap(ctx, code);
            if let Some(Failure::Thrown(thrown)) = self.failure.take()
                && (*core).engine.config().wasm_backtrace
            {
                add_callers(&mut trap, thrown.calls, None, callers);
            }
            pending(self, trap.into());
            false
        }
    }
}

/// What `look` finds among the clauses of a function; `None` where the function has none.
unsafe fn catches<T>(
    instance: *mut InstanceData,
    function: u32,
    look: impl FnOnce(&Catches) -> T,
) -> Option<T> {
    // SAFETY: instances live as long as their store.
    let module = unsafe { (*instance).module.inner() };
    let native = module.native.as_ref()?;
    native.catches(module, function).map(|found| look(&found))
}

pub(super) unsafe extern "C" fn throw(
    instance: *mut InstanceData,
    tag: u64,
    slots: *const u64,
) -> Number {
    // SAFETY: validation checked the tag, whose values are in the slots.
    unsafe {
        let (runtime, ctx) = current(instance);
        let core = (*ctx).core.as_ptr();
        let tag = (&(*instance).tags)[tag as usize];
        let values = std::slice::from_raw_parts(slots, tag.as_ref().slots as usize);
        let live_to = (*core).stack.top;
        match (*core).add_exception(tag, values, live_to) {
            Ok(exception) => (*runtime).throw(ctx, exception),
            Err(detail) => {
                let trap = Trap::from(TrapCode::OutOfMemory).with_detail(detail);
                pending(&mut *runtime, trap.into());
            }
        }
        FAILED
    }
}

pub(super) unsafe extern "C" fn throw_ref(instance: *mut InstanceData, exception: u64) -> Number {
    // SAFETY: as for `current`.
    unsafe {
        let (runtime, ctx) = current(instance);
        if exception == 0 {
            return pending(
                &mut *runtime,
                trap(ctx, TrapCode::NullExceptionReference).into(),
            );
        }
        match (*(*ctx).core.as_ptr()).exceptions.get(exception) {
            Some(_) => (*runtime).throw(ctx, exception),
            None => {
                let trap = Trap::from(TrapCode::Host).with_detail(GONE);
                pending(&mut *runtime, trap.into());
            }
        }
        FAILED
    }
}

/// One more than the number of the clause that catches; zero where none does.
pub(super) unsafe extern "C" fn catch(
    instance: *mut InstanceData,
    offset: u64,
    function: u64,
    frame: *const usize,
) -> u32 {
    // SAFETY: `frame` is the frame pointer of the native function that calls, and frame pointers make a chain.
    let caught = catch_unwind(AssertUnwindSafe(|| unsafe {
        let (runtime, ctx) = current(instance);
        let site = Site::within(instance, function as u32, offset as u32);
        let callers = Callers::of(runtime, frame);
        (*runtime).catch(ctx, site, callers)
    }));
    caught
        .unwrap_or_else(|panic| {
            // SAFETY: as above.
            unsafe { (*(*instance).runtime).failure = Some(Failure::Panic(panic)) };
            None
        })
        .map_or(0, |number| number + 1)
}

impl NativeRuntime {
    /// The number of the clause that catches what was thrown within the `try` that `site` is.
    unsafe fn catch(&mut self, ctx: *mut Ctx, site: Site, mut callers: Callers) -> Option<u32> {
        // SAFETY: the store outlives the execution; the slots for tail calls have room for the values of any
        // exception.
        unsafe {
            let core = (*ctx).core.as_ptr();
            let Some(Failure::Thrown(Thrown { exception, .. })) = self.failure else {
                return None;
            };
            let (tag, _) = (*core).exceptions.get(exception)?;
            let found = catches(site.instance, site.function, |catches| {
                let (place, tags) = (site.offset as usize, &(*site.instance).tags);
                Some(clause_for(catches.table()?, place, tags, tag))
            });
            let (clause, looked_at) = found.flatten().unwrap_or_default();
            if !self.pay(ctx, 1 + looked_at, &mut callers) {
                return None;
            }
            let clause = clause?;
            let Some(Failure::Thrown(thrown)) = self.failure.take() else {
                unreachable!("seen above");
            };
            let exceptions = &mut (*core).exceptions;
            if let (Some(_), Some((_, values))) = (clause.tag, exceptions.get(exception)) {
                std::ptr::copy_nonoverlapping(values.as_ptr(), self.tail_slots, values.len());
            }
            self.result = exception;
            if clause.reference == HandlerRef::None {
                exceptions.caught(exception);
            } else {
                exceptions.set_calls(exception, Some(Box::new(thrown.calls)));
                exceptions.share(exception);
            }
            Some(clause.target)
        }
    }
}
