//! Native code: how lowered code calls native functions, and what native code has the executor do. What both
//! agree on stands in `holdall_core::native`.
//!
//! To lowered code a native function is like one of the host: it is called, and it returns, or the execution
//! goes on with an error. So a trap or an error of the host that ends native functions is on its way an [`Error`], to
//! which `frames` adds each native frame that is left. What `exceptions` has goes for an exception. `entry` goes into
//! native code and leaves it.
//!
//! Native frames lie on the thread's stack. The first native function of a thread gets as many bytes of that
//! stack as the value stack has left, and at most what the thread has left.

mod entry;
mod exceptions;
mod frames;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use holdall_core::native::Runtime;

use self::entry::Entry;
use self::exceptions::{Roots, Thrown};
use self::frames::{Crossing, Resume, trap};
use super::bulk::{self, Bulk};
use super::call::{HostEnd, call_site, give_back, run_host, set_accs, tail_call_with};
use super::dispatch::{Next, handler, jump};
use super::metering::{pause, resume, settle};
use super::regs::{Ctx, Exit, Regs};
use super::{atomics, exceptions as unwinding, invoke};
use crate::canonical::{Known, is_subtype};
use crate::error::Error;
use crate::ir::Header;
use crate::numeric;
use crate::store::{FuncEntry, InstanceData};
use crate::trap::TrapCode;
use crate::types::TypeId;

/// What of a thread's stack is left to the code of the host and of the executor.
const RESERVE_BYTES: usize = 256 << 10;

/// How many slots the arguments of a function may take.
const MOST_ARGUMENT_SLOTS: usize = 2 * 1_000;

/// What a store shares with native code, and what the executor keeps beside it.
#[repr(C)]
pub(crate) struct NativeRuntime {
    stack_limit: usize,
    budget: *mut i64,
    result: u64,
    tail_callee: *const FuncEntry,
    tail_slots: *mut u64,
    roots: *const Roots,
    crossings: *const Crossing,
    calls: [*const (); Runtime::COUNT],
    // What follows is the executor's.
    /// The innermost entry into native code.
    entry: *const Entry,
    /// How native code goes on that was left.
    resume: Resume,
    ctx: *mut Ctx,
    /// The lowest address of the stack that `stack_limit` is for.
    stack: usize,
    /// Why the execution ends, until native functions are left for that.
    failure: Option<Failure>,
    tail: Box<[u64]>,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::offset_of;

    use holdall_core::native::runtime;

    const fn at(found: usize, expected: i32) {
        assert!(found == expected as usize);
    }
    at(offset_of!(NativeRuntime, stack_limit), runtime::STACK_LIMIT);
    at(offset_of!(NativeRuntime, budget), runtime::BUDGET);
    at(offset_of!(NativeRuntime, result), runtime::RESULT);
    at(offset_of!(NativeRuntime, tail_callee), runtime::TAIL_CALLEE);
    at(offset_of!(NativeRuntime, tail_slots), runtime::TAIL_SLOTS);
    at(offset_of!(NativeRuntime, roots), runtime::ROOTS);
    at(offset_of!(NativeRuntime, crossings), runtime::CROSSINGS);
    at(offset_of!(NativeRuntime, calls), runtime::CALLS);
};

/// Why an execution ends that native functions are left for.
enum Failure {
    Error(Box<Error>),
    Panic(Box<dyn Any + Send>),
    Thrown(Thrown),
}

impl NativeRuntime {
    pub(crate) fn new() -> Self {
        Self {
            stack_limit: 0,
            budget: std::ptr::null_mut(),
            result: 0,
            tail_callee: std::ptr::null(),
            tail_slots: std::ptr::null_mut(),
            roots: std::ptr::null(),
            crossings: std::ptr::null(),
            calls: CALLS.0,
            entry: std::ptr::null(),
            resume: Resume::NOWHERE,
            ctx: std::ptr::null_mut(),
            stack: 0,
            failure: None,
            tail: Box::default(),
        }
    }

    /// Makes room for what the native code of a module needs.
    pub(crate) fn prepare(&mut self) {
        if self.tail.is_empty() {
            self.tail = vec![0; MOST_ARGUMENT_SLOTS].into();
            self.tail_slots = self.tail.as_mut_ptr();
        }
    }

    /// The entry of the function that a tail call goes to, which is being made.
    fn take_tail_callee(&mut self) -> *const FuncEntry {
        std::mem::replace(&mut self.tail_callee, std::ptr::null())
    }
}

/// The addresses of the calls.
struct Addresses([*const (); Runtime::COUNT]);
// SAFETY: addresses of functions.
unsafe impl Sync for Addresses {}

static CALLS: Addresses = {
    let mut calls = [std::ptr::null(); Runtime::COUNT];
    calls[Runtime::End as usize] = entry::end as *const ();
    calls[Runtime::Call as usize] = call as *const ();
    calls[Runtime::Tail as usize] = tail as *const ();
    calls[Runtime::Throw as usize] = exceptions::throw as *const ();
    calls[Runtime::ThrowRef as usize] = exceptions::throw_ref as *const ();
    calls[Runtime::Catch as usize] = exceptions::catch as *const ();
    calls[Runtime::Settle as usize] = settle_budget as *const ();
    calls[Runtime::Subtype as usize] = subtype as *const ();
    calls[Runtime::MemoryGrow as usize] = memory_grow as *const ();
    calls[Runtime::MemoryFill as usize] = memory_fill as *const ();
    calls[Runtime::MemoryCopy as usize] = memory_copy as *const ();
    calls[Runtime::MemoryInit as usize] = memory_init as *const ();
    calls[Runtime::DataDrop as usize] = data_drop as *const ();
    calls[Runtime::TableGrow as usize] = table_grow as *const ();
    calls[Runtime::TableFill as usize] = table_fill as *const ();
    calls[Runtime::TableCopy as usize] = table_copy as *const ();
    calls[Runtime::TableInit as usize] = table_init as *const ();
    calls[Runtime::ElemDrop as usize] = elem_drop as *const ();
    calls[Runtime::Wait as usize] = wait as *const ();
    calls[Runtime::CeilF32 as usize] = ceil_f32 as *const ();
    calls[Runtime::FloorF32 as usize] = floor_f32 as *const ();
    calls[Runtime::TruncF32 as usize] = trunc_f32 as *const ();
    calls[Runtime::NearestF32 as usize] = nearest_f32 as *const ();
    calls[Runtime::CeilF64 as usize] = ceil_f64 as *const ();
    calls[Runtime::FloorF64 as usize] = floor_f64 as *const ();
    calls[Runtime::TruncF64 as usize] = trunc_f64 as *const ();
    calls[Runtime::NearestF64 as usize] = nearest_f64 as *const ();
    Addresses(calls)
};

/// What a call gives: zero, or another number where it failed.
type Number = u32;
const DONE: Number = 0;
const FAILED: Number = 1;

/// How a native function ended that lowered code has called.
enum Ended {
    Returned,
    /// For the function that the runtime has as `tail_callee`.
    Left,
    /// `exit` of the context says why.
    Failed,
}

handler! {
    native(r) {
        let at = r.word().a;
        let ended = enter(r.ctx, r.fp, at, r.long());
        // As after a function of the host.
        let mut r = r.without_accs();
        r.reload_memory((*r.ctx).instance);
        match ended {
            Ended::Returned => {}
            Ended::Left => {
                let runtime = (*(*r.ctx).instance).runtime;
                let entry = (*runtime).take_tail_callee();
                let count = Known::in_use((*entry).sig).param_slots() as u32;
                return tail_call_with(r, entry, (*runtime).tail_slots, at, count);
            }
            Ended::Failed => return jump!(unwinding::thrown_by_host, r),
        }
        let bits = *r.fp;
        set_accs(&mut r, bits);
        give_back(r, at)
    }
}

/// Calls a native function of the current instance, whose frame on the value stack is at `fp`. Where the function
/// leaves for another one, the caller makes that tail call: otherwise native and lowered functions that call each
/// other so would nest.
#[inline(never)]
unsafe fn enter(ctx: *mut Ctx, fp: *mut u64, link_slot: u16, index: u32) -> Ended {
    // SAFETY: the entry that led here is of the current instance, whose module has native code. Nothing but the
    // execution uses the store.
    unsafe {
        let core = (*ctx).core.as_ptr();
        let instance = (*ctx).instance;
        let runtime = (*instance).runtime;
        let native = (*instance).module.inner().native.as_ref();
        let function = native.expect("a native function's module").code(index);
        let top = fp.add(usize::from(link_slot + Header::LINK));
        let here = stack_pointer();
        let (limit, stack) = ((*runtime).stack_limit, (*runtime).stack);
        let lowest = lowest_of_stack();
        if stack != lowest {
            let left = (*ctx).stack_end.addr() - fp.addr();
            let most = here.saturating_sub(lowest.saturating_add(RESERVE_BYTES));
            (*runtime).stack_limit = here - left.min(most);
            (*runtime).stack = lowest;
        }
        let outer = (*runtime).ctx;
        (*runtime).ctx = ctx;
        (*runtime).budget = &raw mut (*ctx).budget;
        let saved = (*core).stack.leave_to_native(top, (*ctx).stack_end);
        let returned = entry::call(runtime, instance, function, fp, fp);
        (*core).stack.back_from_native(saved);
        (*ctx).instance = instance;
        (*runtime).ctx = outer;
        if !outer.is_null() {
            (*runtime).budget = &raw mut (*outer).budget;
        }
        ((*runtime).stack_limit, (*runtime).stack) = (limit, stack);
        if !returned {
            fail(ctx, runtime, fp, link_slot, top);
            return Ended::Failed;
        }
        match (*runtime).tail_callee.is_null() {
            true => Ended::Returned,
            false => Ended::Left,
        }
    }
}

/// Says in `exit` of the context why the native function failed whose frame is at `fp`.
#[cold]
unsafe fn fail(
    ctx: *mut Ctx,
    runtime: *mut NativeRuntime,
    fp: *mut u64,
    link_slot: u16,
    top: *mut u64,
) {
    // SAFETY: passed on from the caller.
    unsafe {
        match (*runtime).failure.take() {
            Some(Failure::Error(error)) => {
                let (ip, caller) = call_site(ctx, fp, link_slot);
                unwinding::host_failed(ctx, (*error).into(), ip, caller, top);
            }
            Some(Failure::Thrown(thrown)) => {
                let (ip, caller) = call_site(ctx, fp, link_slot);
                (*ctx).exit = Exit::Thrown(thrown.leave(ctx), ip, caller);
            }
            Some(Failure::Panic(panic)) => (*ctx).exit = Exit::Panic(panic),
            None => unreachable!("native code raises what it fails with"),
        }
    }
}

/// Roughly where the stack ends now.
#[inline(always)]
fn stack_pointer() -> usize {
    let here = 0_u8;
    (&raw const here).addr()
}

/// The lowest address of the thread's stack, as far as that is known: else one from which a part of what
/// threads usually have can be reached.
fn lowest_of_stack() -> usize {
    thread_local! {
        static LOWEST: usize = lowest_known().unwrap_or_else(|| stack_pointer() - (1 << 20));
    }
    LOWEST.with(|lowest| *lowest)
}

#[cfg(all(target_os = "linux", not(miri)))]
fn lowest_known() -> Option<usize> {
    let mut attributes = std::mem::MaybeUninit::uninit();
    let (mut lowest, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are read after the system has filled them, and given back.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let found = libc::pthread_attr_getstack(attributes.as_ptr(), &mut lowest, &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        if cfg!(target_env = "musl") && libc::gettid() == libc::getpid() {
            return lowest_of_first_thread(lowest.addr() + size);
        }
        (found == 0).then(|| lowest.addr())
    }
}

/// The lowest address of the process's first stack, of which `top` is the end. Of this stack musl tells what is
/// mapped so far, but the system maps more of it as it is used, up to a limit. Arguments and environment, which
/// lie above, take at most a quarter.
#[cfg(all(target_os = "linux", not(miri)))]
fn lowest_of_first_thread(top: usize) -> Option<usize> {
    /// How much of an unlimited stack is used: there is at least so much room below.
    const MOST_BYTES: libc::rlim_t = 64 << 20;
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the limit is written to where there is room for one.
    let found = unsafe { libc::getrlimit(libc::RLIMIT_STACK, &raw mut limit) };
    let size = limit.rlim_cur.min(MOST_BYTES);
    let size = (found == 0).then_some(size - size / 4)?;
    top.checked_sub(usize::try_from(size).ok()?)
}

#[cfg(not(all(target_os = "linux", not(miri))))]
fn lowest_known() -> Option<usize> {
    None
}

/// The runtime of an instance whose native code calls, and its execution's context. The instance is the
/// current one from now on.
#[inline(always)]
unsafe fn current(instance: *mut InstanceData) -> (*mut NativeRuntime, *mut Ctx) {
    // SAFETY: native code runs only within `enter`, which has set the context.
    unsafe {
        let runtime = (*instance).runtime;
        let ctx = (*runtime).ctx;
        (*ctx).instance = instance;
        (runtime, ctx)
    }
}

/// What a call gives whose work ended like this. What it failed with is kept for those who are told.
unsafe fn ended(instance: *mut InstanceData, result: Result<(), TrapCode>) -> Number {
    match result {
        Ok(()) => DONE,
        // SAFETY: passed on from the caller.
        Err(code) => unsafe {
            let (runtime, ctx) = current(instance);
            pending(&mut *runtime, trap(ctx, code).into())
        },
    }
}

/// Keeps an error for those who are told.
fn pending(runtime: &mut NativeRuntime, error: Error) -> Number {
    runtime.failure = Some(Failure::Error(Box::new(error)));
    FAILED
}

unsafe extern "C" fn call(
    instance: *mut InstanceData,
    entry: *mut FuncEntry,
    slots: *mut u64,
) -> Number {
    // SAFETY: the entry is of the store, and the slots have its arguments, and room for its results.
    unsafe {
        let (runtime, ctx) = current(instance);
        if stack_pointer() < (*runtime).stack_limit {
            return ended(instance, Err(TrapCode::CallStackExhausted));
        }
        let core = (*ctx).core;
        if (*entry).instance.is_null() {
            (*ctx).callee = entry;
            (*ctx).caller = instance;
            let top = (*core.as_ptr()).stack.top;
            return match run_host::<false>(ctx, slots, top) {
                Ok(()) => DONE,
                Err(HostEnd::Trap(code)) => ended(instance, Err(code)),
                Err(HostEnd::Error(error)) => pending(&mut *runtime, Error::from(error)),
                Err(HostEnd::Panic(panic)) => {
                    (*runtime).failure = Some(Failure::Panic(panic));
                    FAILED
                }
            };
        }
        let budget = pause(ctx);
        let called = catch_unwind(AssertUnwindSafe(|| {
            invoke(core, NonNull::new_unchecked(entry), slots)
        }));
        resume(ctx, budget);
        match called {
            Ok(Ok(())) => DONE,
            Ok(Err(error)) => pending(&mut *runtime, error),
            Err(panic) => {
                (*runtime).failure = Some(Failure::Panic(panic));
                FAILED
            }
        }
    }
}

unsafe extern "C" fn tail(instance: *mut InstanceData, slots: *mut u64) -> Number {
    // SAFETY: the callee is a function of the store, and its arguments are in the slots for them.
    unsafe {
        let (runtime, _) = current(instance);
        loop {
            let entry = (*runtime).take_tail_callee();
            let of = (*entry).instance;
            let args = (*runtime).tail_slots;
            let native = match of.is_null() || (*entry).body.get().is_null() {
                true => None,
                false => (*of).module.inner().native.as_ref(),
            };
            let Some(native) = native else {
                let number = call(instance, entry.cast_mut(), args);
                if number == DONE {
                    let results = Known::in_use((*entry).sig).result_slots();
                    std::ptr::copy_nonoverlapping(args, slots, results);
                }
                return number;
            };
            // The callee may make a tail call itself, but its arguments leave the slots for them first.
            let index = (*of).module.inner().num_imported_funcs as u32;
            let function = native.code((*entry).index() - index);
            if !entry::call(runtime, of, function, args, slots) {
                return FAILED;
            }
            if (*runtime).tail_callee.is_null() {
                return DONE;
            }
        }
    }
}

unsafe extern "C" fn settle_budget(instance: *mut InstanceData) -> Number {
    // SAFETY: as for `current`.
    unsafe { ended(instance, settle(current(instance).1)) }
}

unsafe extern "C" fn subtype(
    _: *mut InstanceData,
    entry: *const FuncEntry,
    ty: Option<TypeId>,
) -> Number {
    // SAFETY: the entry is of the store.
    let found = unsafe { (*entry).sig };
    u32::from(!ty.is_some_and(|ty| is_subtype(found, ty)))
}

/// Gives a result besides the number.
unsafe fn result(instance: *mut InstanceData, found: Result<u64, TrapCode>) -> Number {
    // SAFETY: passed on from the caller.
    unsafe {
        let done = found.map(|found| (*(*instance).runtime).result = found);
        ended(instance, done)
    }
}

unsafe extern "C" fn memory_grow(instance: *mut InstanceData, memory: u64, pages: u64) -> Number {
    // SAFETY: as for the instruction; validation checked the index.
    unsafe {
        let (_, ctx) = current(instance);
        result(instance, bulk::grow_memory(ctx, memory as u32, pages))
    }
}

unsafe extern "C" fn table_grow(
    instance: *mut InstanceData,
    table: u64,
    value: u64,
    count: u64,
) -> Number {
    // SAFETY: as for the instruction; validation checked the index.
    unsafe {
        let (_, ctx) = current(instance);
        result(instance, bulk::grow_table(ctx, table as u32, count, value))
    }
}

/// Calls that are a bulk instruction: two indices, and three operands.
macro_rules! bulk_calls {
    ($($name:ident($($arg:ident),*) = $instruction:ident($into:expr, $from:expr, $first:ident, $second:ident, $third:ident);)*) => {$(
        unsafe extern "C" fn $name(instance: *mut InstanceData, $($arg: u64),*) -> Number {
            // SAFETY: as for the instruction; validation checked the indices.
            unsafe {
                let (_, ctx) = current(instance);
                ended(instance, bulk::$instruction(ctx, Bulk {
                    first: $first,
                    second: $second,
                    third: $third,
                    into: $into as u32,
                    from: $from as u32,
                }))
            }
        }
    )*};
}
bulk_calls! {
    memory_fill(memory, at, value, count) = fill_memory(memory, 0, at, value, count);
    memory_copy(into, from, at, source, count) = copy_memory(into, from, at, source, count);
    memory_init(memory, segment, at, source, count) = init_memory(memory, segment, at, source, count);
    table_fill(table, at, value, count) = fill_table(table, 0, at, value, count);
    table_copy(into, from, at, source, count) = copy_table(into, from, at, source, count);
    table_init(table, segment, at, source, count) = init_table(table, segment, at, source, count);
}

unsafe extern "C" fn data_drop(instance: *mut InstanceData, segment: u64) -> Number {
    // SAFETY: validation checked the index.
    unsafe { bulk::drop_data(current(instance).1, segment as u32) };
    DONE
}

unsafe extern "C" fn elem_drop(instance: *mut InstanceData, segment: u64) -> Number {
    // SAFETY: validation checked the index.
    unsafe { bulk::drop_elem(current(instance).1, segment as u32) };
    DONE
}

unsafe extern "C" fn wait(
    instance: *mut InstanceData,
    memory: u64,
    found: u64,
    expected: u64,
    timeout: u64,
) -> Number {
    // SAFETY: as for the instruction; validation checked the index.
    unsafe {
        let (_, ctx) = current(instance);
        let waited = atomics::wait(ctx, memory as u32, found, expected, timeout);
        result(instance, waited)
    }
}

macro_rules! rounding {
    ($($name:ident($ty:ty) = $function:ident;)*) => {$(
        extern "C" fn $name(value: $ty) -> $ty {
            numeric::$function(value)
        }
    )*};
}
rounding! {
    ceil_f32(f32) = f32_ceil;
    floor_f32(f32) = f32_floor;
    trunc_f32(f32) = f32_trunc;
    nearest_f32(f32) = f32_nearest;
    ceil_f64(f64) = f64_ceil;
    floor_f64(f64) = f64_floor;
    trunc_f64(f64) = f64_trunc;
    nearest_f64(f64) = f64_nearest;
}
