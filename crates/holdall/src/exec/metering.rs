//! What metered code charges: the instruction that the lowering puts at functions and loops, and
//! what bulk instructions and host calls do with the budget. The meter itself is the store's.

use super::dispatch::{Dispatch, Next, handler, instructions, jump};
use super::regs::{Ctx, Regs, trap};
use crate::limits::{Meter, PART_BYTES};
use crate::trap::TrapCode;

/// The meter of the store, and the budget.
///
/// # Safety
///
/// The context is that of an execution, during which no other reference to its store's meter is in
/// use.
unsafe fn meter<'a>(ctx: *mut Ctx) -> (&'a mut Meter, &'a mut i64) {
    // SAFETY: the store outlives the execution, and the budget is no part of it.
    unsafe { (&mut (*(*ctx).core.as_ptr()).meter, &mut (*ctx).budget) }
}

/// Pays what an overdrawn budget lacks. A function of its own, so that the handler has no call to
/// save registers for.
#[cold]
#[inline(never)]
unsafe fn settle(ctx: *mut Ctx) -> Result<(), TrapCode> {
    // SAFETY: passed on from the caller.
    let (meter, budget) = unsafe { meter(ctx) };
    meter.settle(budget)
}

/// Does a bulk instruction over `n` items of `item_bytes` each: where executions are metered, in
/// parts that are paid for one by one. `part` does so many items from an index on. Going
/// `backwards` the last part comes first. An instruction that does not fit is left to one call,
/// which says so and changes nothing.
///
/// # Safety
///
/// As for [`meter`].
pub(super) unsafe fn in_parts(
    ctx: *mut Ctx,
    (n, item_bytes): (u64, u64),
    fits: bool,
    backwards: bool,
    mut part: impl FnMut(u64, u64) -> Result<(), TrapCode>,
) -> Result<(), TrapCode> {
    // SAFETY: passed on from the caller.
    unsafe {
        if !(*ctx).metered || !fits {
            return part(0, n);
        }
        let mut done = 0;
        loop {
            let count = (n - done).min(PART_BYTES / item_bytes);
            let (meter, budget) = meter(ctx);
            meter.pay_bytes(budget, count * item_bytes)?;
            part(if backwards { n - done - count } else { done }, count)?;
            done += count;
            if done == n {
                return Ok(());
            }
        }
    }
}

/// Gives the budget back while a host function runs, and gives what it was.
///
/// # Safety
///
/// As for [`meter`].
pub(super) unsafe fn pause(ctx: *mut Ctx) -> i64 {
    // SAFETY: passed on from the caller.
    unsafe {
        let (meter, budget) = meter(ctx);
        if (*ctx).metered {
            meter.give_back(*budget);
        }
        std::mem::take(budget)
    }
}

/// Takes what the budget was before a host function again, as far as that left so much fuel.
///
/// # Safety
///
/// As for [`meter`].
pub(super) unsafe fn resume(ctx: *mut Ctx, had: i64) {
    // SAFETY: passed on from the caller.
    unsafe {
        let (meter, budget) = meter(ctx);
        if (*ctx).metered {
            *budget = meter.lend(had);
        }
    }
}

instructions! {
    Charge(r) {
        let left = (*r.ctx).budget - i64::from(r.long());
        (*r.ctx).budget = left;
        if left >= 0 {
            return r.next::<R>(1);
        }
        jump!(overdrawn, r)
    }
}

handler! {
    #[cold]
    #[inline(never)]
    overdrawn(r) {
        match settle(r.ctx) {
            Ok(()) => r.next::<Dispatch>(1),
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }
}
