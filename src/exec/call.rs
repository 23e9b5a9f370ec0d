//! Calls and returns.
//!
//! A call within an instance costs a header, a check of the stack and two stores. A call that may
//! leave the instance goes through [`call_entry`]: it keeps where to return to above the frames,
//! and makes the callee return to `cross_return`, which switches back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::dispatch::{Next, go, handler, instructions, stop};
use super::metering::{pause, resume};
use super::regs::{Ctx, Exit, Regs, Value, trap};
use super::trace::{self, HostCall};
use crate::ir::{Header, Row, Word};
use crate::store::{FuncEntry, InstanceData};
use crate::trap::TrapCode;

/// Where a function returns to that was called from another instance.
pub(super) static CROSS_RETURN: Word = Word::new(Row::CrossReturn.op(0), 0, 0, 0);
/// Where the first function of an execution returns to.
pub(super) static EXIT: Word = Word::new(Row::Exit.op(0), 0, 0, 0);

/// Slots of a cross-instance return: return address, the caller's frame and instance.
pub(super) const CROSS_SLOTS: usize = 3;

/// The return address and the caller's frame, in the link of the frame at `fp`.
#[inline(always)]
pub(super) unsafe fn link(fp: *mut u64, link: u16) -> (*const Word, *mut u64) {
    // SAFETY: the link was written when the frame was entered.
    unsafe {
        let at = fp.add(link.into());
        (
            at.cast::<*const Word>().read(),
            at.add(1).cast::<*mut u64>().read(),
        )
    }
}

/// Enters the function at `code` with its frame at `fp`.
#[inline(always)]
pub(super) unsafe fn enter(
    mut r: Regs,
    code: *const Word,
    fp: *mut u64,
    return_to: *const Word,
    caller: *mut u64,
) -> Next {
    // SAFETY: passed on from the caller.
    unsafe {
        if !make_frame(&mut r, code, fp, return_to, caller) {
            return trap(r.ctx, r.ip, r.fp, TrapCode::CallStackExhausted);
        }
        go(r)
    }
}

/// Enters a function of another instance, of which the context knows caller and callee.
#[inline(always)]
unsafe fn enter_other(
    mut r: Regs,
    code: *const Word,
    fp: *mut u64,
    return_to: *const Word,
    caller: *mut u64,
) -> Next {
    // SAFETY: passed on from the caller.
    unsafe {
        if !make_frame(&mut r, code, fp, return_to, caller) {
            return trap(r.ctx, r.ip, r.fp, TrapCode::CallStackExhausted);
        }
        if (*r.ctx).traced {
            // On the way, so that nobody else saves registers for it.
            return tell(r.ip, r.fp, r.mem, r.len, r.ctx, r.acc, r.acc32, r.acc64);
        }
        go(r)
    }
}

/// Makes the registers those of the function at `code`, with its frame at `fp`; false, and nothing
/// done, where the stack has no room for it.
#[inline(always)]
unsafe fn make_frame(
    r: &mut Regs,
    code: *const Word,
    fp: *mut u64,
    return_to: *const Word,
    caller: *mut u64,
) -> bool {
    // SAFETY: `code` starts with a header; the frame lies within the stack once it was checked.
    unsafe {
        let header = Header::of(*code);
        if fp.wrapping_add(header.frame.into()) > (*r.ctx).stack_end {
            return false;
        }
        let link = fp.add(header.link.into());
        link.cast::<*const Word>().write(return_to);
        link.add(1).cast::<*mut u64>().write(caller);
        r.fp = fp;
        r.ip = code.add(1);
        true
    }
}

/// Makes `instance` the current one.
#[inline(always)]
pub(super) unsafe fn switch(r: &mut Regs, instance: *mut InstanceData) {
    // SAFETY: the instance lives as long as its store.
    unsafe {
        let ctx = r.ctx;
        (*ctx).instance = instance;
        if !instance.is_null() {
            (*ctx).defined = (*instance).entries;
            (*ctx).globals = (*instance).globals.as_ptr();
            (*ctx).sigs = (*instance).module.inner().sigs.as_ptr();
            r.reload_memory();
        }
    }
}

/// Calls a function that may belong to another instance or to the host.
#[inline(always)]
unsafe fn call_entry(
    mut r: Regs,
    entry: *const FuncEntry,
    fp: *mut u64,
    return_to: *const Word,
    caller: *mut u64,
) -> Next {
    // SAFETY: the entry lives as long as its store; the slots above `stack_end` that are written
    // are checked to lie above the callee's frame.
    unsafe {
        let ctx = r.ctx;
        if (*entry).instance == (*ctx).instance {
            return enter(r, (*entry).code.get(), fp, return_to, caller);
        }
        let end = (*ctx).stack_end.wrapping_sub(CROSS_SLOTS);
        let frame = Header::of(*(*entry).code.get()).frame;
        if fp.wrapping_add(frame.into()) > end {
            return trap(ctx, r.ip, r.fp, TrapCode::CallStackExhausted);
        }
        end.cast::<*const Word>().write(return_to);
        end.add(1).cast::<*mut u64>().write(caller);
        end.add(2)
            .cast::<*mut InstanceData>()
            .write((*ctx).instance);
        (*ctx).stack_end = end;
        leave(&mut r, entry);
        let code = (*entry).code.get();
        enter_other(r, code, fp, &raw const CROSS_RETURN, caller)
    }
}

/// Makes the entry's instance the current one, for a function of which the caller's is another.
#[inline(always)]
unsafe fn leave(r: &mut Regs, entry: *const FuncEntry) {
    // SAFETY: passed on from the caller.
    unsafe {
        (*r.ctx).caller = (*r.ctx).instance;
        (*r.ctx).callee = entry;
        switch(r, (*entry).instance);
    }
}

/// The function that an indirect call reaches.
#[inline(always)]
unsafe fn indirect(
    r: &Regs,
    (ty, table): (u32, u32),
    index: u32,
) -> Result<*const FuncEntry, TrapCode> {
    // SAFETY: validation checked both indices; a reference in a table of functions is null or the
    // address of an entry of the same store.
    unsafe {
        let ctx = r.ctx;
        let instance: *const InstanceData = (*ctx).instance;
        let table = (*instance).tables.as_ptr().add(table as usize);
        let elems = &(*(*table).as_ptr()).elems;
        let Some(element) = elems.get(index as usize) else {
            return Err(TrapCode::UndefinedElement);
        };
        let entry = std::ptr::with_exposed_provenance::<FuncEntry>(*element as usize);
        if entry.is_null() {
            return Err(TrapCode::UninitializedElement);
        }
        if (*entry).sig != *(*ctx).sigs.add(ty as usize) {
            return Err(TrapCode::IndirectCallTypeMismatch);
        }
        Ok(entry)
    }
}

#[inline(always)]
unsafe fn call_indirect(r: Regs, index: u32) -> Next {
    // SAFETY: the second word has the indices of type and table.
    unsafe {
        let w = r.word();
        match indirect(&r, (*r.ip.add(1)).indices(), index) {
            Ok(entry) if (*entry).instance == (*r.ctx).instance => {
                let code = (*entry).code.get();
                enter(r, code, r.fp.add(w.a.into()), r.ip.add(2), r.fp)
            }
            Ok(entry) => {
                // Elsewhere, so that calls within the instance save no registers for it.
                (*r.ctx).callee = entry;
                call_indirect_other(r.ip, r.fp, r.mem, r.len, r.ctx, r.acc, r.acc32, r.acc64)
            }
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }
}

/// The function at an index of the function index space.
#[inline(always)]
unsafe fn function(r: &Regs, index: u32) -> *const FuncEntry {
    // SAFETY: validation checked the index.
    unsafe {
        let funcs = &(*(*r.ctx).instance).funcs;
        (*funcs.as_ptr().add(index as usize)).as_ptr()
    }
}

/// Replaces the current frame, whose link is at `at`, with the entry's, whose arguments are `count`
/// slots at `args`.
#[inline(always)]
unsafe fn tail_call(mut r: Regs, entry: *const FuncEntry, args: u16, at: u16, count: u32) -> Next {
    // SAFETY: the frame is read no more after its link and the arguments were.
    unsafe {
        let ctx = r.ctx;
        let (return_to, caller) = link(r.fp, at);
        let ip = r.ip;
        let fp = r.fp;
        // Checked before the frame is overwritten, so that a trap still finds it.
        let crosses = (*entry).instance != (*ctx).instance && return_to != &raw const CROSS_RETURN;
        let end = if crosses {
            (*ctx).stack_end.wrapping_sub(CROSS_SLOTS)
        } else {
            (*ctx).stack_end
        };
        let frame = Header::of(*(*entry).code.get()).frame;
        if fp.wrapping_add(frame.into()) > end {
            return trap(ctx, ip, fp, TrapCode::CallStackExhausted);
        }
        std::ptr::copy(fp.add(args.into()), fp, count as usize);
        if (*entry).instance == (*ctx).instance {
            return enter(r, (*entry).code.get(), fp, return_to, caller);
        }
        if crosses {
            return call_entry(r, entry, fp, return_to, caller);
        }
        leave(&mut r, entry);
        enter_other(r, (*entry).code.get(), fp, return_to, caller)
    }
}

#[inline(always)]
unsafe fn give_back(mut r: Regs, link_slot: u16) -> Next {
    // SAFETY: the link is where the lowering says.
    unsafe {
        (r.ip, r.fp) = link(r.fp, link_slot);
        go(r)
    }
}

#[inline(always)]
unsafe fn give_back_bits(r: Regs, link_slot: u16, bits: u64) -> Next {
    // SAFETY: slot 0 is the result's, and the link is behind it.
    unsafe {
        r.set_slot(0, bits);
        give_back(r, link_slot)
    }
}

/// Sets every accumulator to the bits: the caller knows which class they are of.
#[inline(always)]
fn set_accs(r: &mut Regs, bits: u64) {
    r.acc = bits;
    r.acc32 = Value::from_bits(bits);
    r.acc64 = Value::from_bits(bits);
}

/// The call that entered the frame at `fp`: the instruction, and the caller's frame.
unsafe fn call_site(fp: *mut u64, at: u16) -> (*const Word, *mut u64) {
    // SAFETY: passed on from the caller.
    let (return_to, caller) = unsafe { link(fp, at) };
    let outside = return_to == &raw const CROSS_RETURN || return_to == &raw const EXIT;
    // The word before the one that is returned to belongs to the call.
    (return_to.wrapping_sub(usize::from(!outside)), caller)
}

/// A trap at the call that entered the frame at `fp`.
unsafe fn at_call(fp: *mut u64, at: u16, code: TrapCode, detail: Option<Box<str>>) -> Exit {
    // SAFETY: passed on from the caller.
    let (ip, caller) = unsafe { call_site(fp, at) };
    Exit::Trap(code, ip, caller, detail)
}

/// Lowers a function at its first call. Null where it can't be, or where its frame has no room;
/// the exit then says why, at the call.
#[cold]
#[inline(never)]
unsafe fn lower(ctx: *mut Ctx, fp: *mut u64, stub: *const Word, index: u32) -> *const Word {
    // SAFETY: the stub belongs to the current instance; its entry is written only here, while the
    // store is not used otherwise.
    unsafe {
        let instance = (*ctx).instance;
        let at = Header::of(*stub).link;
        // A panic must not unwind through handlers.
        let lowered = catch_unwind(AssertUnwindSafe(|| (*instance).module.inner().code(index)));
        match lowered {
            Ok(Ok(code)) => {
                let code = code.words.as_ptr();
                (*(*ctx).defined.add(index as usize)).code.set(code);
                if fp.wrapping_add(Header::of(*code).frame.into()) <= (*ctx).stack_end {
                    return code;
                }
                (*ctx).exit = at_call(fp, at, TrapCode::CallStackExhausted, None);
            }
            Ok(Err(error)) => {
                let detail = Some(error.to_string().into());
                (*ctx).exit = at_call(fp, at, error.trap_code(), detail);
            }
            Err(panic) => (*ctx).exit = Exit::Panic(panic),
        }
        std::ptr::null()
    }
}

/// Calls the host function that is being entered. Whether it succeeded; else the exit says why.
#[inline(never)]
unsafe fn call_host<const TRACED: bool>(ctx: *mut Ctx, fp: *mut u64, link_slot: u16) -> bool {
    // SAFETY: the entry and the host function live as long as the store. The body gets the store
    // for itself: the execution's references to it are addresses, which it takes up again only
    // after the body returned.
    unsafe {
        let core = (*ctx).core;
        let func = (*(*ctx).callee).host;
        let caller = (*ctx).caller;
        let stack = &raw mut (*core.as_ptr()).stack;
        let top = fp.add(usize::from(link_slot + Header::LINK));
        let Some(saved) = (*stack).enter_host(top, (*ctx).stack_end) else {
            (*ctx).exit = at_call(fp, link_slot, TrapCode::CallStackExhausted, None);
            return false;
        };
        let traced = TRACED.then(|| HostCall::begin(ctx, fp)).flatten();
        let budget = pause(ctx);
        let result = catch_unwind(AssertUnwindSafe(|| ((*func).body)(core, caller, fp)));
        resume(ctx, budget);
        (*stack).leave_host(saved);
        if let (Some(traced), Ok(result)) = (traced, &result) {
            traced.end(core, fp, result.as_ref().err());
        }
        match result {
            // A guest that only calls the host uses little of its budget and much time.
            Ok(Ok(())) if (*ctx).metered => match (*core.as_ptr()).meter.check_code() {
                Ok(()) => true,
                Err(code) => {
                    (*ctx).exit = at_call(fp, link_slot, code, None);
                    false
                }
            },
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                let (ip, fp) = call_site(fp, link_slot);
                (*ctx).exit = Exit::Host(error, ip, fp);
                false
            }
            Err(panic) => {
                (*ctx).exit = Exit::Panic(panic);
                false
            }
        }
    }
}

instructions! {
    Call(r) {
        let w = r.word();
        let entry = (*r.ctx).defined.add(w.long() as usize);
        enter(r, (*entry).code.get(), r.fp.add(w.a.into()), r.ip.add(1), r.fp)
    }
    CallImport(r) {
        let w = r.word();
        let entry = function(&r, w.long());
        call_entry(r, entry, r.fp.add(w.a.into()), r.ip.add(1), r.fp)
    }
    CallIndirectS(r) { call_indirect(r, r.slot(r.word().b) as u32) }
    CallIndirectA(r) { call_indirect(r, r.acc as u32) }
}

handler! {
    #[inline(never)]
    call_indirect_other(r) {
        let entry = (*r.ctx).callee;
        call_entry(r, entry, r.fp.add(r.word().a.into()), r.ip.add(2), r.fp)
    }

    return_call(r) {
        let w = r.word();
        let (at, count) = (*r.ip.add(1)).indices();
        let entry = (*r.ctx).defined.add(w.long() as usize);
        tail_call(r, entry, w.a, at as u16, count)
    }
    return_call_import(r) {
        let w = r.word();
        let (at, count) = (*r.ip.add(1)).indices();
        let entry = function(&r, w.long());
        tail_call(r, entry, w.a, at as u16, count)
    }
    return_call_indirect(r) {
        let w = r.word();
        let (at, count) = (*r.ip.add(1)).indices();
        match indirect(&r, (*r.ip.add(2)).indices(), r.slot(w.b) as u32) {
            Ok(entry) => tail_call(r, entry, w.a, at as u16, count),
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }
}

instructions! {
    Return(r) { give_back(r, r.word().a) }
    ReturnS(r) {
        let w = r.word();
        let bits = r.slot(w.b);
        set_accs(&mut r, bits);
        give_back_bits(r, w.a, bits)
    }
    ReturnI(r) {
        let w = r.word();
        let bits = i64::from(w.long().cast_signed()).cast_unsigned();
        set_accs(&mut r, bits);
        give_back_bits(r, w.a, bits)
    }
    ReturnUnsignedI(r) {
        let w = r.word();
        let bits = w.long().into();
        set_accs(&mut r, bits);
        give_back_bits(r, w.a, bits)
    }
    ReturnA(r) { give_back_bits(r, r.word().a, r.acc) }
    ReturnF32A(r) { give_back_bits(r, r.word().a, Value::to_bits(r.acc32)) }
    ReturnF64A(r) { give_back_bits(r, r.word().a, Value::to_bits(r.acc64)) }
}

handler! {
    lazy(r) {
        let index = r.word().long();
        let code = lower(r.ctx, r.fp, r.ip.sub(1), index);
        if code.is_null() {
            return stop();
        }
        r.ip = code.add(1);
        go(r)
    }
    host(r) {
        let at = r.word().a;
        let succeeded = if (*r.ctx).traced {
            call_host::<true>(r.ctx, r.fp, at)
        } else {
            call_host::<false>(r.ctx, r.fp, at)
        };
        if !succeeded {
            return stop();
        }
        let bits = *r.fp;
        set_accs(&mut r, bits);
        give_back(r, at)
    }
    #[cold]
    tell(r) {
        trace::call(r.ctx, r.fp);
        go(r)
    }
    cross_return(r) {
        let end = (*r.ctx).stack_end;
        r.ip = end.cast::<*const Word>().read();
        r.fp = end.add(1).cast::<*mut u64>().read();
        (*r.ctx).stack_end = end.add(CROSS_SLOTS);
        switch(&mut r, end.add(2).cast::<*mut InstanceData>().read());
        go(r)
    }
    exit(r) {
        (*r.ctx).exit = Exit::Done;
        stop()
    }
}
