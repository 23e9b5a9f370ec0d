//! Calls and returns.
//!
//! A call within an instance costs a header, a check of the stack and two stores. A call that leaves
//! the instance also keeps the caller's instance in the link, and marks the caller's frame there, so
//! that the return switches back.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::dispatch::{Next, go, handler, instructions, jump, stop};
use super::exceptions;
use super::metering::{pause, resume};
use super::regs::{Ctx, Exit, Regs, Value, header, trap};
use super::tracing::{self, HostCall};
use crate::canonical::{Known, is_subtype};
use crate::ir::{Header, Row, Word};
use crate::module::CodeError;
use crate::store::{FuncEntry, InstanceData};
use crate::trap::TrapCode;
use holdall_core::lower::LowerError;

/// Where the first function of an execution returns to.
pub(super) static EXIT: Word = Word::new(Row::Exit.op(0), 0, 0, 0);

/// The mark of a link whose caller belongs to another instance: added to the address of the caller's
/// frame.
const OTHER: usize = 1;

/// What a frame's link says.
#[derive(Clone, Copy)]
pub(super) struct Link {
    /// The return address.
    pub(super) ip: *const Word,
    /// The caller's frame.
    pub(super) fp: *mut u64,
    /// The caller's instance, where that is another one than the callee's.
    pub(super) other: Option<*mut InstanceData>,
}

/// The link of the frame at `fp`.
#[inline(always)]
pub(super) unsafe fn link(fp: *mut u64, at: u16) -> Link {
    // SAFETY: the link was written when the frame was entered. Its last slot was written too where the
    // address of the caller's frame is marked.
    unsafe {
        let at = fp.add(at.into());
        let ip = at.cast::<*const Word>().read();
        let fp = at.add(1).cast::<*mut u64>().read();
        if fp.addr() % 2 == OTHER {
            Link {
                ip,
                fp: fp.wrapping_byte_sub(OTHER),
                other: Some(at.add(2).cast::<*mut InstanceData>().read()),
            }
        } else {
            Link {
                ip,
                fp,
                other: None,
            }
        }
    }
}

/// Enters the function at `code` with its frame at `fp`. The caller belongs to the same instance, or to
/// the instance that `to` names.
#[inline(always)]
pub(super) unsafe fn enter(r: Regs, code: *const Word, fp: *mut u64, to: Link) -> Next {
    // SAFETY: passed on from the caller.
    unsafe {
        let mut callee = r;
        if !make_frame(&mut callee, code, fp, to) {
            return jump!(exhausted, r);
        }
        go(callee)
    }
}

/// Whether a frame at `fp` lies within the stack, which ends at `end`. `fp` is at most `end`.
#[inline(always)]
pub(super) fn has_room(fp: *mut u64, header: Header, end: *mut u64) -> bool {
    if cfg!(target_pointer_width = "64") {
        // A frame has less than 2^32 slots: the sum of `fp` and 2^35 bytes does not wrap.
        fp.wrapping_add(header.frame as usize) <= end
    } else {
        (end.addr() - fp.addr()) / size_of::<u64>() >= header.frame as usize
    }
}

/// Makes the frame of the function at `code` at `fp`, and sets the registers to execute that function.
/// False, with nothing changed, where the stack has no room for the frame.
#[inline(always)]
unsafe fn make_frame(r: &mut Regs, code: *const Word, fp: *mut u64, to: Link) -> bool {
    // SAFETY: `code` starts with a header; `has_room` checks that the frame lies within the stack before
    // anything is written.
    unsafe {
        let header = header(code);
        if !has_room(fp, header, (*r.ctx).stack_end) {
            return false;
        }
        let link = fp.add(header.link.into());
        link.cast::<*const Word>().write(to.ip);
        match to.other {
            None => link.add(1).cast::<*mut u64>().write(to.fp),
            Some(instance) => {
                let marked = to.fp.wrapping_byte_add(OTHER);
                link.add(1).cast::<*mut u64>().write(marked);
                link.add(2).cast::<*mut InstanceData>().write(instance);
            }
        }
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
        (*r.ctx).instance = instance;
        if !instance.is_null() {
            r.reload_memory(instance);
        }
    }
}

/// Calls a function that may belong to another instance or to the host. The function returns to the
/// instruction `words` words after the current one.
#[inline(always)]
pub(super) unsafe fn call_entry(
    r: Regs,
    entry: *const FuncEntry,
    fp: *mut u64,
    words: usize,
) -> Next {
    // SAFETY: the entry lives as long as its store. A function of the current instance may be called this
    // way too: its return then switches to the same instance.
    unsafe {
        let mut to = here(&r, words);
        to.other = Some((*r.ctx).instance);
        enter_other(r, entry, fp, to)
    }
}

/// Enters a function that may belong to another instance than the caller's.
#[inline(always)]
unsafe fn enter_other(r: Regs, entry: *const FuncEntry, fp: *mut u64, to: Link) -> Next {
    // SAFETY: passed on from the caller.
    unsafe {
        let mut callee = r;
        if !make_frame(&mut callee, (*entry).code.get(), fp, to) {
            return jump!(exhausted, r);
        }
        (*r.ctx).caller = (*r.ctx).instance;
        (*r.ctx).callee = entry;
        switch(&mut callee, (*entry).instance);
        if (*r.ctx).traced {
            // A handler of its own, so that calls without a tracer save no registers for it.
            return jump!(tell, callee);
        }
        go(callee)
    }
}

/// The function in a table.
#[inline(always)]
unsafe fn element(r: &Regs, table: u32, index: u64) -> Result<*const FuncEntry, TrapCode> {
    // SAFETY: validation checked the table's index; a reference in a table of functions is null or the
    // address of an entry of the same store.
    unsafe {
        let instance: *const InstanceData = (*r.ctx).instance;
        let table = (*instance).tables.as_ptr().add(table as usize);
        let elems = &(*(*table).as_ptr()).elems;
        // An index of 32 bits is zero-extended in its slot.
        let element = usize::try_from(index)
            .ok()
            .and_then(|index| elems.get(index));
        let Some(element) = element else {
            return Err(TrapCode::UndefinedElement);
        };
        let entry = std::ptr::with_exposed_provenance::<FuncEntry>(*element as usize);
        if entry.is_null() {
            return Err(TrapCode::UninitializedElement);
        }
        Ok(entry)
    }
}

/// The function that an indirect call reaches, where the function is of the very type that the call
/// names.
#[inline(always)]
unsafe fn indirect_exact(
    r: &Regs,
    (ty, table): (u32, u32),
    index: u64,
) -> Result<*const FuncEntry, TrapCode> {
    // SAFETY: validation checked the indices; entries live as long as their store.
    unsafe {
        let entry = element(r, table, index)?;
        if (*entry).sig != *(*(*r.ctx).instance).sigs.add(ty as usize) {
            return Err(TrapCode::IndirectCallTypeMismatch);
        }
        Ok(entry)
    }
}

/// The function that an indirect call reaches.
#[inline(always)]
pub(super) unsafe fn indirect(
    r: &Regs,
    (ty, table): (u32, u32),
    index: u64,
) -> Result<*const FuncEntry, TrapCode> {
    // SAFETY: as in `indirect_exact`.
    unsafe {
        let entry = element(r, table, index)?;
        let expected = *(*(*r.ctx).instance).sigs.add(ty as usize);
        if (*entry).sig != expected && !is_subtype((*entry).sig, expected) {
            return Err(TrapCode::IndirectCallTypeMismatch);
        }
        Ok(entry)
    }
}

#[inline(always)]
unsafe fn call_indirect(r: Regs, index: u64) -> Next {
    // SAFETY: the second word has the indices of type and table.
    unsafe {
        match indirect_exact(&r, r.indices(), index) {
            Ok(entry) if (*entry).instance == (*r.ctx).instance => {
                let fp = r.fp.add(r.word().a.into());
                enter(r, (*entry).code.get(), fp, here(&r, 2))
            }
            Ok(entry) => {
                // A handler of its own, so that calls within the instance save no registers for it.
                (*r.ctx).callee = entry;
                jump!(call_indirect_other, r)
            }
            Err(_) => jump!(call_indirect_fault, r),
        }
    }
}

/// The link of a call that returns to the instruction `words` words after the current one, in the same
/// instance.
#[inline(always)]
pub(super) fn here(r: &Regs, words: usize) -> Link {
    Link {
        ip: r.ip.wrapping_add(words),
        fp: r.fp,
        other: None,
    }
}

/// The function at an index of the function index space.
#[inline(always)]
pub(super) unsafe fn function(r: &Regs, index: u32) -> *const FuncEntry {
    // SAFETY: validation checked the index.
    unsafe {
        let funcs = &(*(*r.ctx).instance).funcs;
        (*funcs.as_ptr().add(index as usize)).as_ptr()
    }
}

/// Replaces the current frame, whose link is at the slot `at`, with a frame of the function `entry`. The
/// function's arguments are the `count` slots from the slot `args` on.
#[inline(always)]
pub(super) unsafe fn tail_call(
    r: Regs,
    entry: *const FuncEntry,
    args: u16,
    at: u16,
    count: u32,
) -> Next {
    // SAFETY: the slots are those of the current frame.
    unsafe { tail_call_with(r, entry, r.fp.add(args.into()), at, count) }
}

/// As [`tail_call`], with the arguments from `args` on.
#[inline(always)]
pub(super) unsafe fn tail_call_with(
    r: Regs,
    entry: *const FuncEntry,
    args: *const u64,
    at: u16,
    count: u32,
) -> Next {
    // SAFETY: the link is read, and the arguments are copied, before the new frame overwrites the old one.
    unsafe {
        let ctx = r.ctx;
        let mut to = link(r.fp, at);
        let fp = r.fp;
        // Checked before the frame is overwritten, so that a trap's backtrace still finds the frame.
        if !has_room(fp, header((*entry).code.get()), (*ctx).stack_end) {
            return jump!(exhausted, r);
        }
        std::ptr::copy(args, fp, count as usize);
        if (*entry).instance == (*ctx).instance {
            return enter(r, (*entry).code.get(), fp, to);
        }
        // The caller of this frame becomes the caller of the new one. If the caller belongs to this
        // frame's instance, the new frame's instance is another one, and the link must say so.
        to.other = to.other.or(Some((*ctx).instance));
        enter_other(r, entry, fp, to)
    }
}

#[inline(always)]
pub(super) unsafe fn give_back(mut r: Regs, link_slot: u16) -> Next {
    // SAFETY: the link is where the lowering says.
    unsafe {
        let at = r.fp.add(link_slot.into());
        let caller = at.add(1).cast::<*mut u64>().read();
        if caller.addr() % 2 == OTHER {
            return jump!(give_back_other, r);
        }
        r.ip = at.cast::<*const Word>().read();
        r.fp = caller;
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

/// Sets the accumulators of all classes to the bits: the code that is returned to knows the class of the
/// result.
#[inline(always)]
pub(super) fn set_accs(r: &mut Regs, bits: u64) {
    r.int.last = bits;
    r.f32.last = Value::from_bits(bits);
    r.f64.last = Value::from_bits(bits);
}

/// The call that entered the frame at `fp`: the instruction, and the caller's frame. The caller's
/// instance is the current one from now on.
pub(super) unsafe fn call_site(ctx: *mut Ctx, fp: *mut u64, at: u16) -> (*const Word, *mut u64) {
    // SAFETY: passed on from the caller.
    unsafe {
        let to = link(fp, at);
        if let Some(instance) = to.other {
            (*ctx).instance = instance;
        }
        // The word before the return address is the last word of the call.
        let is_call = to.ip != &raw const EXIT;
        (to.ip.wrapping_sub(usize::from(is_call)), to.fp)
    }
}

/// Ends the execution with a trap at the call that entered the frame at `fp`.
unsafe fn trap_at_call(
    ctx: *mut Ctx,
    fp: *mut u64,
    at: u16,
    code: TrapCode,
    detail: Option<Box<str>>,
) {
    // SAFETY: passed on from the caller.
    unsafe {
        let (ip, caller) = call_site(ctx, fp, at);
        (*ctx).exit = Exit::Trap(code, ip, caller, detail);
    }
}

/// Lowers a function at its first call, and gives its code. Null where the function could not be lowered,
/// or where the stack has no room for its frame: `exit` of the context then says why, at the call.
#[cold]
#[inline(never)]
unsafe fn lower(ctx: *mut Ctx, fp: *mut u64, stub: *const Word, index: u32) -> *const Word {
    // SAFETY: the stub belongs to the current instance. The function's entry is written only here, while
    // nothing else uses the store.
    unsafe {
        let instance = (*ctx).instance;
        let at = Header::of(*stub).link;
        // A panic must not unwind through handlers.
        let lowered = catch_unwind(AssertUnwindSafe(|| {
            let mut watch = (*(*ctx).core.as_ptr()).meter.watch();
            (*instance).module.inner().code(index, &mut watch)
        }));
        match lowered {
            Ok(Ok(code)) => {
                let code = code.words.as_ptr();
                (*(*instance).entries.add(index as usize)).code.set(code);
                if has_room(fp, Header::of(*code), (*ctx).stack_end) {
                    return code;
                }
                trap_at_call(ctx, fp, at, TrapCode::CallStackExhausted, None);
            }
            // The meter explains why the time is up.
            Ok(Err(CodeError::Lower(LowerError::Ended(code)))) => {
                trap_at_call(ctx, fp, at, code, None)
            }
            Ok(Err(error)) => {
                let detail = Some(error.to_string().into());
                trap_at_call(ctx, fp, at, error.trap_code(), detail);
            }
            Err(panic) => (*ctx).exit = Exit::Panic(panic),
        }
        std::ptr::null()
    }
}

/// Keeps the exceptions alive that the arguments of the host function that is being entered refer to.
#[cold]
#[inline(never)]
unsafe fn root_arguments(ctx: *mut Ctx, args: *const u64) {
    // SAFETY: the callee and its type live as long as the store; its arguments are at `args`.
    unsafe {
        let core = (*ctx).core.as_ref();
        let ty = Known::in_use((*(*ctx).callee).sig);
        let slots = std::slice::from_raw_parts(args, ty.param_slots());
        core.root_vals(ty.params(), slots);
    }
}

/// Why the call of a host function failed.
pub(super) enum HostEnd {
    Trap(TrapCode),
    Error(anyhow::Error),
    Panic(Box<dyn Any + Send>),
}

/// Calls the host function that is being entered. `args` has its arguments, and takes its results; the
/// executions that it starts have the value stack from `top` on.
#[inline(always)]
pub(super) unsafe fn run_host<const TRACED: bool>(
    ctx: *mut Ctx,
    args: *mut u64,
    top: *mut u64,
) -> Result<(), HostEnd> {
    // SAFETY: the entry and the host function live as long as the store. The body has the store for
    // itself: the execution holds only addresses in the store, and uses them only after the body returned.
    unsafe {
        let core = (*ctx).core;
        let func = (*(*ctx).callee).host();
        let caller = (*ctx).caller;
        let stack = &raw mut (*core.as_ptr()).stack;
        let Some(saved) = (*stack).enter_host(top, (*ctx).stack_end) else {
            return Err(HostEnd::Trap(TrapCode::CallStackExhausted));
        };
        let rooted = (*core.as_ptr()).exceptions.rooted();
        if (*func).takes_exceptions {
            root_arguments(ctx, args);
        }
        let budget = pause(ctx);
        // All code of the embedder that runs for this call runs in here, also the code that makes the text
        // of an error: so nothing unwinds through handlers, and the meter has all of the fuel meanwhile.
        let result = catch_unwind(AssertUnwindSafe(|| {
            if TRACED && let Some(traced) = HostCall::begin(ctx, args) {
                return traced.make(core, args, || ((*func).body)(core, caller, args));
            }
            ((*func).body)(core, caller, args)
        }));
        resume(ctx, budget);
        (*stack).leave_host(saved);
        let ended = match result {
            // A guest that only calls the host spends little fuel and much time, so that the time is
            // checked here.
            Ok(Ok(())) if (*ctx).metered => {
                let checked = (*core.as_ptr()).meter.check_code();
                checked.map_err(HostEnd::Trap)
            }
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(HostEnd::Error(error)),
            Err(panic) => Err(HostEnd::Panic(panic)),
        };
        (*core.as_ptr()).exceptions.unroot(rooted);
        ended
    }
}

/// Calls the host function that is being entered. False where it did not succeed: `exit` of the context
/// then says why.
#[inline(never)]
unsafe fn call_host<const TRACED: bool>(ctx: *mut Ctx, fp: *mut u64, link_slot: u16) -> bool {
    // SAFETY: passed on from the caller: the frame is at `fp`, with its link there.
    unsafe {
        let top = fp.add(usize::from(link_slot + Header::LINK));
        match run_host::<TRACED>(ctx, fp, top) {
            Ok(()) => return true,
            Err(HostEnd::Trap(code)) => trap_at_call(ctx, fp, link_slot, code, None),
            Err(HostEnd::Error(error)) => {
                let (ip, caller) = call_site(ctx, fp, link_slot);
                exceptions::host_failed(ctx, error, ip, caller, top);
            }
            Err(HostEnd::Panic(panic)) => (*ctx).exit = Exit::Panic(panic),
        }
        false
    }
}

/// Tells the tracer of the call that has just been entered. False where the time is up: `exit` of the
/// context then says so.
#[cold]
#[inline(never)]
unsafe fn tell_of_call(ctx: *mut Ctx, fp: *mut u64) -> bool {
    // SAFETY: passed on from the caller. The callee lives as long as the store.
    unsafe {
        tracing::call(ctx, fp);
        // Telling the tracer takes the time of thousands of instructions and no fuel, so that the time is
        // checked here.
        if (*ctx).metered
            && let Err(code) = (*(*ctx).core.as_ptr()).meter.check_code()
        {
            let at = header((*(*ctx).callee).code.get()).link;
            trap_at_call(ctx, fp, at, code, None);
            return false;
        }
        true
    }
}

handler! {
    call(r) {
        let w = r.word();
        let entry = (*(*r.ctx).instance).entries.add(r.long() as usize);
        enter(r, (*entry).code.get(), r.fp.add(w.a.into()), here(&r, 1))
    }
    call_import(r) {
        let w = r.word();
        let entry = function(&r, r.long());
        call_entry(r, entry, r.fp.add(w.a.into()), 1)
    }
    call_indirect_s(r) { call_indirect(r, r.slot(r.word().b)) }
    call_indirect_a(r) { call_indirect(r, r.int.last) }
    #[inline(never)]
    call_indirect_other(r) {
        let entry = (*r.ctx).callee;
        call_entry(r, entry, r.fp.add(r.word().a.into()), 2)
    }
    /// Calls a function of a subtype, or traps for an indirect call that cannot be made. Finds the function
    /// or the reason anew, so that calls of the very type save no registers for it.
    #[cold]
    #[inline(never)]
    call_indirect_fault(r) {
        let w = r.word();
        let index = if w.op == Row::CallIndirectA.op(0) {
            r.int.last
        } else {
            r.slot(w.b)
        };
        match indirect(&r, r.indices(), index) {
            Ok(entry) => call_entry(r, entry, r.fp.add(w.a.into()), 2),
            Err(code) => trap(r.ctx, r.ip, r.fp, code),
        }
    }

    return_call(r) {
        let w = r.word();
        let (at, count) = r.indices();
        let entry = (*(*r.ctx).instance).entries.add(r.long() as usize);
        tail_call(r, entry, w.a, at as u16, count)
    }
    return_call_import(r) {
        let w = r.word();
        let (at, count) = r.indices();
        let entry = function(&r, r.long());
        tail_call(r, entry, w.a, at as u16, count)
    }
    return_call_indirect(r) {
        let w = r.word();
        let (at, count) = r.indices();
        match indirect(&r, (*r.ip.add(2)).indices(), r.slot(w.b)) {
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
        let bits = i64::from(r.long().cast_signed()).cast_unsigned();
        set_accs(&mut r, bits);
        give_back_bits(r, w.a, bits)
    }
    ReturnUnsignedI(r) {
        let w = r.word();
        let bits = r.long().into();
        set_accs(&mut r, bits);
        give_back_bits(r, w.a, bits)
    }
    ReturnA(r) { give_back_bits(r, r.word().a, r.int.last) }
    ReturnF32A(r) { give_back_bits(r, r.word().a, Value::to_bits(r.f32.last)) }
    ReturnF64A(r) { give_back_bits(r, r.word().a, Value::to_bits(r.f64.last)) }
}

handler! {
    lazy(r) {
        let index = r.long();
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
        // Lowered code keeps nothing in accumulators across a call, so that none is saved for this one.
        let mut r = r.without_accs();
        if !succeeded {
            return jump!(exceptions::thrown_by_host, r);
        }
        let bits = *r.fp;
        set_accs(&mut r, bits);
        give_back(r, at)
    }
    #[cold]
    #[inline(never)]
    exhausted(r) { trap(r.ctx, r.ip, r.fp, TrapCode::CallStackExhausted) }
    #[cold]
    tell(r) {
        if !tell_of_call(r.ctx, r.fp) {
            return stop();
        }
        go(r)
    }
    #[inline(never)]
    give_back_other(r) {
        // Every instruction that returns has the link's slot in the same field.
        let to = link(r.fp, r.word().a);
        r.ip = to.ip;
        r.fp = to.fp;
        if let Some(instance) = to.other {
            switch(&mut r, instance);
        }
        go(r)
    }
    exit(r) {
        (*r.ctx).exit = Exit::Done;
        stop()
    }
}
