//! Control transfer, all of it: the signature of a handler, and how one handler reaches the next.
//!
//! Where the build optimises and the architecture has enough registers (`build.rs` sets
//! `tail_dispatch`), a handler ends in a sibling call of the next one, which the compiler turns
//! into a jump: handlers therefore own nothing with a destructor and let no address of a local
//! escape. Elsewhere a loop calls one handler after the other. Either way the native stack does not
//! grow with the guest's.

use super::regs::{Ctx, Regs};
use super::table::HANDLERS;
use crate::ir::Word;

/// Defines a handler: `handler! { name[T: Bound](regs) { body } }`, where the body ends in a
/// [`Next`].
#[cfg(target_arch = "x86_64")]
macro_rules! handler {
    ($($rest:tt)*) => { $crate::exec::dispatch::handler_with_abi! { "sysv64" $($rest)* } };
}
#[cfg(not(target_arch = "x86_64"))]
macro_rules! handler {
    ($($rest:tt)*) => { $crate::exec::dispatch::handler_with_abi! { "C" $($rest)* } };
}
macro_rules! handler_with_abi {
    ($abi:literal $($(#[$meta:meta])* $name:ident $([$($g:ident: $bound:ident $(<$($p:ident),*>)?),*])? ($regs:ident) $body:block)*) => {$(
        $(#[$meta])*
        pub(super) unsafe extern $abi fn $name $(<$($g: $bound $(<$($p),*>)?),*>)? (
            ip: *const Word,
            fp: *mut u64,
            mem: *mut u8,
            len: usize,
            ctx: *mut Ctx,
            acc: u64,
            acc32: f32,
            acc64: f64,
        ) -> Next {
            #[allow(unused_mut, reason = "not every handler changes a register")]
            let mut $regs = Regs { ip, fp, mem, len, ctx, acc, acc32, acc64 };
            // SAFETY: each handler argues for what it does; it is only reached from lowered code
            // of a validated module, or from the stubs of this room.
            unsafe { $body }
        }
    )*};
}
pub(super) use {handler, handler_with_abi};

#[cfg(target_arch = "x86_64")]
pub(super) type Handler = unsafe extern "sysv64" fn(
    *const Word,
    *mut u64,
    *mut u8,
    usize,
    *mut Ctx,
    u64,
    f32,
    f64,
) -> Next;
#[cfg(not(target_arch = "x86_64"))]
pub(super) type Handler =
    unsafe extern "C" fn(*const Word, *mut u64, *mut u8, usize, *mut Ctx, u64, f32, f64) -> Next;

/// The handler of the instruction at `ip`.
#[inline(always)]
unsafe fn handler_at(ip: *const Word) -> Handler {
    // SAFETY: lowered code has only opcodes of the instruction table, from which the handlers
    // derive too.
    unsafe { *HANDLERS.get_unchecked(usize::from((*ip).op)) }
}

#[inline(always)]
unsafe fn call(r: Regs) -> Next {
    // SAFETY: passed on from the caller.
    unsafe { handler_at(r.ip)(r.ip, r.fp, r.mem, r.len, r.ctx, r.acc, r.acc32, r.acc64) }
}

#[cfg(tail_dispatch)]
mod backend {
    use super::{Regs, call};

    /// What a handler returns: nothing, as it returns only when the execution ends.
    pub(in crate::exec) type Next = ();

    /// Executes the instruction at `r.ip`.
    #[inline(always)]
    pub(in crate::exec) unsafe fn go(r: Regs) -> Next {
        // SAFETY: passed on from the caller.
        unsafe { call(r) }
    }

    /// Ends the execution.
    #[inline(always)]
    pub(in crate::exec) fn stop() -> Next {}

    /// Executes from `start` until the execution ends.
    pub(in crate::exec) fn run(r: Regs, start: impl FnOnce(Regs) -> Next) {
        start(r);
    }
}

#[cfg(not(tail_dispatch))]
mod backend {
    use super::{Regs, call};

    /// What a handler returns: whether the execution goes on, with the registers in the context.
    pub(in crate::exec) type Next = bool;

    /// Lets the loop execute the instruction at `r.ip`.
    #[inline(always)]
    pub(in crate::exec) unsafe fn go(r: Regs) -> Next {
        // SAFETY: the context outlives the execution.
        unsafe { (*r.ctx).regs = r };
        true
    }

    /// Ends the execution.
    #[inline(always)]
    pub(in crate::exec) fn stop() -> Next {
        false
    }

    /// Executes from `start` until the execution ends.
    pub(in crate::exec) fn run(r: Regs, start: impl FnOnce(Regs) -> Next) {
        let mut goes_on = start(r);
        while goes_on {
            // SAFETY: a handler that wants to go on left the registers for the next one in the
            // context, which outlives the execution.
            goes_on = unsafe { call((*r.ctx).regs) };
        }
    }
}

pub(super) use backend::{Next, go, run, stop};
