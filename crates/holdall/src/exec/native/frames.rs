//! The frames of native functions, and what native code comes to where the execution ends.

use std::panic::{AssertUnwindSafe, catch_unwind};

use holdall_core::native::{Inlined, Place as Spot, ending};

use super::super::backtrace::{Calls, Place, native_place};
use super::super::regs::Ctx;
use super::entry::Entry;
use super::{Failure, NativeRuntime, pending};
use crate::limits::Watch;
use crate::store::InstanceData;
use crate::trap::{Trap, TrapCode};

/// How native code goes on.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Resume {
    pub(super) stack: usize,
    pub(super) frame: usize,
    pub(super) code: usize,
}

impl Resume {
    pub(super) const NOWHERE: Self = Self {
        stack: 0,
        frame: 0,
        code: 0,
    };
}

/// A call of another instance's function, as a frame has it.
#[repr(C)]
pub(super) struct Crossing {
    outer: *const Self,
    instance: *mut InstanceData,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    use holdall_core::native::crossing;
    assert!(std::mem::offset_of!(Crossing, outer) == crossing::OUTER as usize);
    assert!(std::mem::offset_of!(Crossing, instance) == crossing::INSTANCE as usize);
    assert!(size_of::<Crossing>() == crossing::SIZE as usize);
};

/// Where a native function stands.
#[derive(Clone, Copy)]
pub(super) struct Site {
    pub(super) instance: *mut InstanceData,
    pub(super) function: u32,
    /// The offset of the instruction in the module's bytes.
    pub(super) offset: u32,
    /// How the function goes on where something is thrown within a `try` of the function's.
    pub(super) landing: Option<Resume>,
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
            landing: None,
        }
    }

    pub(super) unsafe fn place(self) -> Place {
        // SAFETY: instances live as long as their store.
        unsafe { native_place(self.instance, self.function, Some(self.offset.into())) }
    }
}

/// The native functions that have called, from a frame outwards up to the entry.
pub(super) struct Callers {
    entry: *const Entry,
    /// The innermost call of another instance's function that is further out than the frame.
    crossing: *const Crossing,
    frame: *const usize,
    /// The function that has the code of another one in place of a call, where that one stands in it.
    around: Option<Site>,
}

impl Callers {
    /// The callers of the function whose frame pointer is `frame`.
    ///
    /// # Safety
    /// The function runs, since the runtime's entry, and frame pointers make a chain: what lies above a native frame's
    /// pointer is the frame pointer of its caller, and the address in its caller that it returns to.
    pub(super) unsafe fn of(runtime: *const NativeRuntime, frame: *const usize) -> Self {
        // SAFETY: the caller's duty.
        unsafe {
            Self {
                entry: (*runtime).entry,
                crossing: (*runtime).crossings,
                frame,
                around: None,
            }
        }
    }

    /// The instance of the frame.
    unsafe fn instance(&mut self) -> *mut InstanceData {
        // SAFETY: as for `of`. What lies below the frame was left.
        unsafe {
            while !self.crossing.is_null() && self.crossing.addr() < self.frame.addr() {
                self.crossing = (*self.crossing).outer;
            }
            match self.crossing.is_null() {
                true => (*self.entry).instance,
                false => (*self.crossing).instance,
            }
        }
    }

    /// What happens in the frame before the address that is called back to; and where that is, if that is in a
    /// function.
    unsafe fn at(&mut self, back: usize) -> Option<(Spot, Option<Site>)> {
        // SAFETY: as for `of`. Instances live as long as their store.
        unsafe {
            let instance = self.instance();
            let native = (*instance).module.inner().native.as_ref()?;
            let (spot, function) = native.call_at(back)?;
            let Some(function) = function.filter(|_| spot.offset != 0) else {
                return Some((spot, None));
            };
            let within = |function, offset| Site {
                landing: native.landing_of(back).map(|(code, below)| Resume {
                    stack: self.frame.addr() - below,
                    frame: self.frame.addr(),
                    code,
                }),
                ..Site::within(instance, function, offset)
            };
            let site = match spot.inlined {
                None => within(function, spot.offset),
                Some(Inlined {
                    function: callee,
                    call,
                }) => {
                    self.around = Some(within(function, call));
                    Site::within(instance, callee, spot.offset)
                }
            };
            Some((spot, Some(site)))
        }
    }
}

impl Iterator for Callers {
    type Item = Site;

    fn next(&mut self) -> Option<Site> {
        if let Some(around) = self.around.take() {
            return Some(around);
        }
        loop {
            // SAFETY: as for `of`. The chain ends at an odd address.
            unsafe {
                let (outer, back) = (self.frame.read(), self.frame.add(1).read());
                if outer % 2 == 1 {
                    return None;
                }
                self.frame = std::ptr::with_exposed_provenance(outer);
                if let Some((_, Some(site))) = self.at(back) {
                    return Some(site);
                }
            }
        }
    }
}

/// Ends functions since an entry: the one with this frame, which has called the text's end from before `back`, and its
/// callers, up to one that may catch, or all. Gives how native code goes on.
pub(super) unsafe extern "C" fn raise(
    entry: *const Entry,
    back: usize,
    frame: *const usize,
) -> *const Resume {
    // SAFETY: native code goes here only within `entry::call`, and frame pointers make a chain. Functions are left
    // only after all code has returned that they have called.
    unsafe {
        let runtime = (*entry).runtime;
        let raised = catch_unwind(AssertUnwindSafe(|| (*runtime).raise(back, frame)));
        let landing = raised.unwrap_or_else(|panic| {
            (*runtime).failure = Some(Failure::Panic(panic));
            None
        });
        if let Some(landing) = landing {
            (*runtime).forget_below(landing.frame);
        }
        (*runtime).resume = landing.unwrap_or_else(|| (*entry).resume());
        &raw const (*runtime).resume
    }
}

impl NativeRuntime {
    /// Notes why functions end, and the calls that led there. Gives where one of them may catch.
    unsafe fn raise(&mut self, back: usize, frame: *const usize) -> Option<Resume> {
        // SAFETY: as for `raise`.
        unsafe {
            let ctx = self.ctx;
            let mut callers = Callers::of(self, frame);
            (*ctx).instance = callers.instance();
            let (spot, at) = callers.at(back)?;
            let passes = spot.ending == ending::PASSES;
            if !passes && spot.ending != ending::FAILED {
                let code = ending::trap(spot.ending).unwrap_or(TrapCode::Unreachable);
                pending(self, trap(ctx, code).into());
            }
            // What passes through was noted when it came to the landing.
            let at = at.filter(|_| !passes);
            self.begin_unwinding(ctx);
            let core = (*ctx).core.as_ptr();
            match &mut self.failure {
                Some(Failure::Thrown(_)) => return self.unwind(ctx, at, callers),
                // An error at a landing came with its callers.
                Some(Failure::Error(error))
                    if !passes && (*core).engine.config().wasm_backtrace =>
                {
                    if let Some(trap) = error.trap_mut() {
                        add_callers(trap, Calls::default(), at, callers);
                    } else if let Some(exception) = error.exception_mut() {
                        exception.add_calls(calls(Calls::default(), at, callers));
                    }
                }
                _ => {}
            }
            None
        }
    }

    /// Forgets the records that the functions had which are left for one with this frame, and its own.
    unsafe fn forget_below(&mut self, frame: usize) {
        // SAFETY: the records lie in frames of functions that ran until now.
        unsafe {
            while !self.crossings.is_null() && self.crossings.addr() < frame {
                self.crossings = (*self.crossings).outer;
            }
            while !self.roots.is_null() && self.roots.addr() < frame {
                self.roots = (*self.roots).outer;
            }
        }
    }
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
