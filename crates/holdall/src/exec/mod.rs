//! The executor: runs lowered code on a store's value stack. Does not know linking.
//!
//! `dispatch` says how one handler reaches the next, `regs` has the machine's registers. `shapes`,
//! `memories`, `atomics`, `wide`, `vector`, `vector_shapes`, `references`, `control`, `call`, `far`, `bulk`
//! and `metering` have the handlers, and `handlers` lists them by opcode. `ssse3` has two of them for
//! processors that can do more. `native` is where lowered and native code call each other. `exceptions` finds who catches what is thrown. `stack` is the value stack,
//! `backtrace` reads the frames at a trap, and `tracing` tells a store's tracer of calls.

mod atomics;
mod backtrace;
mod bulk;
mod call;
mod control;
mod dispatch;
mod exceptions;
mod far;
mod handlers;
mod memories;
mod metering;
mod native;
#[cfg(profile)]
mod profile;
mod references;
mod regs;
mod shapes;
#[cfg(target_arch = "x86_64")]
mod ssse3;
mod stack;
mod tracing;
mod vector;
mod vector_shapes;
mod wide;

use std::panic::resume_unwind;
use std::ptr::NonNull;

use self::call::{EXIT, Link, enter, has_room, switch};
use self::metering::pause;
use self::regs::{Ctx, Exit, Regs};
use crate::error::{Error, Result};
use crate::ir::Header;
use crate::observe;
use crate::store::{FuncEntry, StoreCore};
use crate::trap::{Trap, TrapCode};

pub(crate) use backtrace::{Calls, module_name};
pub(crate) use exceptions::Sites;
pub(crate) use native::NativeRuntime;
pub(crate) use stack::Stack;

/// Calls a function. `slots` holds the arguments on entry and the results on success.
///
/// # Errors
///
/// A trap, or the error of a host function.
///
/// # Safety
///
/// `func` belongs to the store of `core`, which nothing else uses during the call; `slots` has room
/// for the function's parameter slots and for its result slots.
pub(crate) unsafe fn invoke(
    core: NonNull<StoreCore>,
    func: NonNull<FuncEntry>,
    slots: *mut u64,
) -> Result<(), Error> {
    // SAFETY: passed on from the caller.
    unsafe {
        if (*core.as_ptr()).observation.is_some() {
            return observe::invoke(core, func, slots);
        }
        execute(core, func, slots)
    }
}

/// [`invoke`], of which no observer is told.
///
/// # Errors
///
/// Those of [`invoke`].
///
/// # Safety
///
/// As for [`invoke`].
#[inline(always)]
pub(crate) unsafe fn execute(
    core: NonNull<StoreCore>,
    func: NonNull<FuncEntry>,
    slots: *mut u64,
) -> Result<(), Error> {
    // SAFETY: the store and all that it holds outlive the call. The arguments are copied only where the
    // stack has room for the frame. `enter` checks the frame again before it writes.
    unsafe {
        let (fp, end) = ((*core.as_ptr()).stack.top, (*core.as_ptr()).stack.end);
        let func = func.as_ptr();
        let code = (*func).code.get();
        let header = Header::of(*code);
        if !has_room(fp, header, end) {
            return Err(Trap::from(TrapCode::CallStackExhausted).into());
        }
        let meter = &mut (*core.as_ptr()).meter;
        let metered = meter.counts();
        let budget = match metered.then(|| meter.begin()) {
            None => 0,
            Some(Ok(budget)) => budget,
            Some(Err(code)) => return Err(meter.trap(code).into()),
        };
        std::ptr::copy_nonoverlapping(slots, fp, header.link.into());
        let mut ctx = std::mem::MaybeUninit::<Ctx>::uninit();
        let mem = std::ptr::without_provenance_mut(16);
        let mut r = Regs::new(&raw const EXIT, fp, mem, ctx.as_mut_ptr());
        // The context is used only through the address in the registers, so that this address stays valid.
        let ctx = r.ctx;
        ctx.write(Ctx {
            stack_end: end,
            len: 0,
            instance: std::ptr::null_mut(),
            caller: std::ptr::null_mut(),
            callee: func,
            core,
            traced: (*core.as_ptr()).tracer.is_some(),
            budget,
            metered,
            #[cfg(target_arch = "x86_64")]
            has_ssse3: ssse3::is_there(),
            exit: Exit::Done,
        });
        switch(&mut r, (*func).instance);
        let to = Link {
            ip: &raw const EXIT,
            fp,
            other: None,
        };
        dispatch::run(r, |r| enter(r, code, fp, to));
        pause(ctx);
        match std::mem::replace(&mut (*ctx).exit, Exit::Done) {
            Exit::Done => {
                std::ptr::copy_nonoverlapping(fp, slots, header.link.into());
                Ok(())
            }
            Exit::Trap(code, ip, fp, detail) => {
                let mut trap = Trap::from(code);
                backtrace::add_calls(&mut trap, &*ctx, ip, fp);
                let detail = detail.or_else(|| (*core.as_ptr()).meter.explain(code));
                Err(match detail {
                    Some(detail) => trap.with_detail(detail),
                    None => trap,
                }
                .into())
            }
            Exit::Thrown(exception, ip, fp) => Err(exceptions::uncaught(ctx, exception, ip, fp)),
            Exit::Host(error, ip, fp) => {
                let mut error = Error::from(error);
                if let Some(trap) = error.trap_mut() {
                    backtrace::add_calls(trap, &*ctx, ip, fp);
                }
                Err(error)
            }
            Exit::Panic(panic) => resume_unwind(panic),
        }
    }
}
