//! The instruction by which metered code charges, which the lowering puts at the start of functions and
//! loops; and what bulk instructions and host calls do with the budget. The meter itself belongs to the
//! store.

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
    // SAFETY: the store outlives the execution, and the budget is not part of the store.
    unsafe { (&mut (*(*ctx).core.as_ptr()).meter, &mut (*ctx).budget) }
}

/// Pays what an overdrawn budget lacks. A function of its own, so that the handler saves no registers for
/// calls of the meter.
#[cold]
#[inline(never)]
pub(super) unsafe fn settle(ctx: *mut Ctx) -> Result<(), TrapCode> {
    // SAFETY: passed on from the caller.
    let (meter, budget) = unsafe { meter(ctx) };
    meter.settle(budget)
}

/// Executes a bulk instruction over `n` items of `item_bytes` each. `part(index, count)` executes the
/// instruction for `count` items from `index` on. Where executions are metered, the items are done in
/// parts, each paid for before it is done; with `backwards` the last part comes first. An instruction whose
/// items do not fit is one call of `part`, which gives the trap and changes nothing; only where executions are
/// metered is `fits` asked first.
///
/// # Safety
///
/// As for [`meter`].
#[inline(always)]
pub(super) unsafe fn in_parts(
    ctx: *mut Ctx,
    items: (u64, u64),
    fits: impl FnOnce() -> bool,
    backwards: bool,
    mut part: impl FnMut(u64, u64) -> Result<(), TrapCode>,
) -> Result<(), TrapCode> {
    // SAFETY: passed on from the caller.
    unsafe {
        if !(*ctx).metered || !fits() {
            return part(0, items.0);
        }
        in_paid_parts(ctx, items, backwards, &mut part)
    }
}

/// [`in_parts`], where work is metered. A function of its own, so that what is not metered saves no registers
/// for it.
#[inline(never)]
unsafe fn in_paid_parts(
    ctx: *mut Ctx,
    (n, item_bytes): (u64, u64),
    backwards: bool,
    part: &mut dyn FnMut(u64, u64) -> Result<(), TrapCode>,
) -> Result<(), TrapCode> {
    // SAFETY: passed on from the caller.
    unsafe {
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

/// Returns the budget to the meter before a host function runs. Gives how much the budget was.
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

/// Takes a budget from the meter after a host function ran: as much as before (`had`), or as much as the
/// host function left.
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
