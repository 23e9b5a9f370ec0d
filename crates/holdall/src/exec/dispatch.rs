//! Control transfer, all of it: the signature of a handler, and how one handler reaches the next.
//!
//! A handler executes one instruction, or several that follow one another: an [`Instr`] is told by a
//! type what comes after it, the next instruction's handler ([`Dispatch`]) or another instruction in
//! the same handler ([`Then`]).
//!
//! Where the build optimises and the architecture has enough registers (`build.rs` sets
//! `tail_dispatch`), a handler ends in a sibling call of the next one, which the compiler turns
//! into a jump: handlers therefore own nothing with a destructor and let no address of a local
//! escape. Elsewhere a loop calls one handler after the other. Either way the native stack does not
//! grow with the guest's.

#[cfg(sequences)]
use std::marker::PhantomData;

use super::handlers::HANDLERS;
use super::regs::Regs;
#[cfg(not(tail_dispatch))]
use crate::ir::Word;

/// Calls the macro `$then` with the registers that handlers hand to one another: first those that are
/// one value, then the two accumulators of each class. Their names are those of the fields of [`Regs`].
#[cfg(tail_dispatch)]
macro_rules! with_registers {
    ($then:ident!($($pre:tt)*)) => {
        $crate::exec::dispatch::$then! {
            ($($pre)*)
            [ip: *const $crate::ir::Word]
            [fp: *mut u64]
            [mem: *mut u8]
            [ctx: *mut $crate::exec::regs::Ctx];
            [int before_int: u64]
            [f32 before_f32: f32]
            [f64 before_f64: f64]
            [v128 before_v128: $crate::exec::vector::Register]
        }
    };
}

/// Defines a handler: `handler! { name[T: Bound](regs) { body } }`, where the body ends in a
/// [`Next`].
#[cfg(tail_dispatch)]
macro_rules! handler {
    ($($(#[$meta:meta])* $name:ident $([$($g:ident: $bound:ident),*])? ($regs:ident) $body:block)*) => {$(
        $crate::exec::dispatch::with_registers! {
            handler_fn!($(#[$meta])* $name ($($($g: $bound),*)?) $regs $body)
        }
    )*};
}
/// A handler by itself, in the calling convention with the most registers for arguments.
#[cfg(all(tail_dispatch, target_arch = "x86_64"))]
macro_rules! handler_fn {
    ($($rest:tt)*) => { $crate::exec::dispatch::handler_with_abi! { "sysv64" $($rest)* } };
}
#[cfg(all(tail_dispatch, not(target_arch = "x86_64")))]
macro_rules! handler_fn {
    ($($rest:tt)*) => { $crate::exec::dispatch::handler_with_abi! { "C" $($rest)* } };
}
#[cfg(tail_dispatch)]
macro_rules! handler_with_abi {
    (
        $abi:literal ($(#[$meta:meta])* $name:ident ($($g:ident: $bound:ident),*) $regs:ident $body:block)
        $([$register:ident: $ty:ty])*; $([$last:ident $before:ident: $acc:ty])*
    ) => {
        $(#[$meta])*
        #[allow(improper_ctypes_definitions, reason = "only handlers call handlers")]
        pub(super) unsafe extern $abi fn $name<$($g: $bound),*>(
            $($register: $ty,)*
            $($last: $acc, $before: $acc,)*
        ) -> Next {
            #[allow(unused_mut, reason = "not every handler changes a register")]
            let mut $regs = Regs {
                $($register,)*
                $($last: $crate::exec::regs::Accs { last: $last, before: $before },)*
            };
            // SAFETY: each handler argues for what it does; it is only reached from lowered code
            // of a validated module, or from the stubs of this room.
            unsafe { $body }
        }
    };
}
/// Defines a handler for the loop, which keeps the registers: a handler reads and writes only the registers
/// that it uses. Nearly every handler changes `ip` and the integer accumulator: handlers take and return
/// those two by value.
#[cfg(not(tail_dispatch))]
macro_rules! handler {
    ($($(#[$meta:meta])* $name:ident $([$($g:ident: $bound:ident),*])? ($regs:ident) $body:block)*) => {$(
        $(#[$meta])*
        pub(super) unsafe fn $name $(<$($g: $bound),*>)? (
            ip: *const $crate::ir::Word,
            int: u64,
            registers: &mut Regs,
        ) -> (*const $crate::ir::Word, u64) {
            #[allow(unused_mut, reason = "not every handler changes a register")]
            // SAFETY: each handler argues for what it does; it is only reached from lowered code
            // of a validated module, or from the stubs of this room.
            let body = |mut $regs: Regs| -> Next { unsafe { $body } };
            let next = body(registers.with(ip, int));
            $crate::exec::dispatch::hand_over(next, registers)
        }
    )*};
}

/// Goes on with another handler.
#[cfg(tail_dispatch)]
macro_rules! jump {
    ($handler:expr, $r:ident) => {
        $crate::exec::dispatch::with_registers! { jump_to!($handler, $r) }
    };
}
#[cfg(tail_dispatch)]
macro_rules! jump_to {
    (
        ($handler:expr, $r:ident)
        $([$register:ident: $ty:ty])*; $([$last:ident $before:ident: $acc:ty])*
    ) => {
        $handler($($r.$register,)* $($r.$last.last, $r.$last.before,)*)
    };
}
#[cfg(not(tail_dispatch))]
macro_rules! jump {
    ($handler:expr, $r:ident) => {{
        let mut registers = $r;
        let (ip, int) = $handler($r.ip, $r.int.last, &mut registers);
        if ip.is_null() {
            Err((ip, int))
        } else {
            Ok(registers.with(ip, int))
        }
    }};
}
pub(super) use {handler, jump};
#[cfg(tail_dispatch)]
pub(super) use {handler_fn, handler_with_abi, jump_to, with_registers};

#[cfg(tail_dispatch)]
macro_rules! handler_type {
    (
        ($abi:literal)
        $([$register:ident: $ty:ty])*; $([$last:ident $before:ident: $acc:ty])*
    ) => {
        #[allow(improper_ctypes_definitions, reason = "only handlers call handlers")]
        pub(super) type Handler = unsafe extern $abi fn($($ty,)* $($acc, $acc,)*) -> Next;
    };
}
#[cfg(tail_dispatch)]
use handler_type;
#[cfg(all(tail_dispatch, target_arch = "x86_64"))]
with_registers!(handler_type!("sysv64"));
#[cfg(all(tail_dispatch, not(target_arch = "x86_64")))]
with_registers!(handler_type!("C"));
#[cfg(not(tail_dispatch))]
pub(super) type Handler = unsafe fn(*const Word, u64, &mut Regs) -> (*const Word, u64);

/// The handler of an opcode.
#[inline(always)]
unsafe fn handler_of(op: u16) -> Handler {
    // SAFETY: lowered code has only opcodes of the instruction table, from which the handlers
    // derive too.
    unsafe { *HANDLERS.get_unchecked(usize::from(op)) }
}

/// An instruction in one of its modes, as a part of a handler.
pub(super) trait Instr {
    /// Executes the instruction at `r.ip`, and then, unless it goes elsewhere, the rest.
    unsafe fn execute<R: Rest>(r: Regs) -> Next;
}

/// What a handler does after an instruction, whose successor is at `r.ip`.
pub(super) trait Rest {
    unsafe fn go(r: Regs) -> Next;
}

/// Nothing more: the next handler.
pub(super) struct Dispatch;
impl Rest for Dispatch {
    #[inline(always)]
    unsafe fn go(r: Regs) -> Next {
        // SAFETY: passed on from the caller.
        unsafe { go(r) }
    }
}

/// The instruction `I`, then `R`. The opcode of the sequence promises that `I` is at `r.ip`.
#[cfg(sequences)]
pub(super) struct Then<I, R>(PhantomData<(I, R)>);
#[cfg(sequences)]
impl<I: Instr, R: Rest> Rest for Then<I, R> {
    #[inline(always)]
    unsafe fn go(r: Regs) -> Next {
        // SAFETY: passed on from the caller.
        unsafe { I::execute::<R>(r) }
    }
}

handler! {
    /// The handler of the instruction `I`, and of the rest that the opcode promises to follow.
    handle[I: Instr, R: Rest](r) { I::execute::<R>(r) }
}

/// Defines instructions that have one mode: a type for each, named like the instruction's row. The body
/// ends in a [`Next`], and may go on with `R`, the rest of the handler.
macro_rules! instructions {
    ($($(#[$meta:meta])* $name:ident ($regs:ident) $body:block)*) => {$(
        $(#[$meta])*
        pub(super) struct $name;
        impl $crate::exec::dispatch::Instr for $name {
            #[inline(always)]
            #[allow(unused_mut, reason = "not every instruction changes a register")]
            unsafe fn execute<R: $crate::exec::dispatch::Rest>(mut $regs: Regs) -> Next {
                // SAFETY: each instruction argues for what it does; it is only reached from lowered
                // code of a validated module, or from the stubs of this room.
                unsafe { $body }
            }
        }
    )*};
}
pub(super) use instructions;

#[cfg(tail_dispatch)]
mod backend {
    use super::{Regs, handler_of};

    /// What a handler returns: nothing, as it returns only when the execution ends.
    pub(in crate::exec) type Next = ();

    /// Executes the instruction at `r.ip`.
    #[inline(always)]
    pub(in crate::exec) unsafe fn go(r: Regs) -> Next {
        // SAFETY: passed on from the caller.
        unsafe { go_to((*r.ip).op, r) }
    }

    /// Executes the instruction at `r.ip`, whose opcode is known.
    #[inline(always)]
    pub(in crate::exec) unsafe fn go_to(op: u16, r: Regs) -> Next {
        // SAFETY: passed on from the caller.
        unsafe { jump!(handler_of(op), r) }
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
    use super::{Regs, Word, handler_of};

    /// What an instruction gives: the registers for the next instruction, or that the execution ends.
    pub(in crate::exec) type Next = Result<Regs, Ended>;

    /// What a handler returns to end the execution: a null address in place of the next instruction's.
    pub(in crate::exec) type Ended = (*const Word, u64);
    pub(in crate::exec) const ENDED: Ended = (std::ptr::null(), 0);

    /// Lets the loop execute the instruction at `r.ip`.
    #[inline(always)]
    #[allow(
        clippy::unnecessary_wraps,
        reason = "the other backend needs no option"
    )]
    pub(in crate::exec) unsafe fn go(r: Regs) -> Next {
        Ok(r)
    }

    /// Lets the loop execute the instruction at `r.ip`, whose opcode is known.
    #[inline(always)]
    #[allow(
        clippy::unnecessary_wraps,
        reason = "the other backend needs no option"
    )]
    pub(in crate::exec) unsafe fn go_to(_op: u16, r: Regs) -> Next {
        Ok(r)
    }

    /// Ends the execution.
    #[inline(always)]
    pub(in crate::exec) fn stop() -> Next {
        Err(ENDED)
    }

    /// Gives the loop its registers back, and where it goes on: null where it does not.
    #[inline(always)]
    pub(in crate::exec) fn hand_over(next: Next, registers: &mut Regs) -> (*const Word, u64) {
        match next {
            Ok(next) => {
                // `ip` and the integer accumulator are returned: their places are not written.
                *registers = next.with(registers.ip, registers.int.last);
                (next.ip, next.int.last)
            }
            Err(ended) => ended,
        }
    }

    /// Executes from `start` until the execution ends.
    pub(in crate::exec) fn run(r: Regs, start: impl FnOnce(Regs) -> Next) {
        let mut registers = r;
        let (mut ip, mut int) = hand_over(start(r), &mut registers);
        while !ip.is_null() {
            // SAFETY: a handler that goes on left the registers of the next instruction.
            unsafe {
                #[cfg(profile)]
                let before = ip;
                (ip, int) = handler_of((*ip).op)(ip, int, &mut registers);
                #[cfg(profile)]
                crate::exec::profile::record(before, ip);
            }
        }
        #[cfg(profile)]
        crate::exec::profile::write();
    }
}

#[cfg(not(tail_dispatch))]
pub(super) use backend::{ENDED, Ended, hand_over};
pub(super) use backend::{Next, go, go_to, run, stop};
