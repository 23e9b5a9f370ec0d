//! What is thrown goes through the frames, as a backtrace does, to the first that catches it.
//!
//! A frame's function has a table of handlers behind its instructions. Where no frame of the execution
//! catches, the execution ends with an error, and a host function that called the guest can return that
//! error: the exception then goes on from the call of the host function.

use std::ptr::NonNull;

use super::call::{EXIT, link};
use super::dispatch::{Next, go, handler, stop};
use super::regs::{Ctx, Exit, Regs};
use crate::error::Error;
use crate::exception::Exception;
use crate::ir::{Clause, HandlerRef, HandlerTable, Header, Word};
use crate::store::{InstanceData, StoreCore, TagData};
use crate::trap::TrapCode;

/// Where an exception was caught: the handler's first instruction, and its frame. The address of the
/// instruction is null where the execution ends.
type Landing = (*const Word, *mut u64);

const NOWHERE: Landing = (std::ptr::null(), std::ptr::null_mut());

/// The functions of places that something was thrown through: to find a function by an address takes as long
/// as to go through many frames. A place is an instruction of a module with an instance in the store, so that
/// its function stays where it is.
#[derive(Default)]
pub(crate) struct Sites(Option<Box<[Site; Self::COUNT]>>);

/// A place, and its function: the index among the defined ones, and the code words.
#[derive(Clone, Copy)]
struct Site {
    ip: *const Word,
    defined_index: u32,
    words: *const [Word],
}

impl Sites {
    const COUNT: usize = 256;

    /// The function with the instruction at `ip`, in an instance of the store: the index among the defined
    /// ones, and the code words.
    ///
    /// # Safety
    ///
    /// The store of these sites has the instance, and keeps it for `'a`.
    pub(super) unsafe fn function_at<'a>(
        &mut self,
        instance: *const InstanceData,
        ip: *const Word,
    ) -> Option<(u32, &'a [Word])> {
        let sites = self.0.get_or_insert_with(|| {
            let nowhere = Site {
                ip: std::ptr::null(),
                defined_index: 0,
                words: &[],
            };
            Box::new([nowhere; Self::COUNT])
        });
        let number = ip.addr() / size_of::<Word>();
        let site = &mut sites[(number ^ (number / Self::COUNT)) % Self::COUNT];
        // SAFETY: the instance lives as long as the store, and its module and the code with it.
        unsafe {
            if site.ip != ip {
                let (defined_index, words) = (*instance).module.inner().function_at(ip)?;
                *site = Site {
                    ip,
                    defined_index,
                    words,
                };
            }
            Some((site.defined_index, &*site.words))
        }
    }
}

/// Throws an exception from the instruction at `ip` in the frame at `fp`: finds the frame that catches it,
/// makes that frame's instance the current one, and puts the values where the handler takes them.
///
/// # Safety
///
/// The execution of `ctx` stands there, in its current instance.
unsafe fn unwind(ctx: *mut Ctx, exception: u64, ip: *const Word, fp: *mut u64) -> Landing {
    // SAFETY: every frame's link is good; instances and tags live as long as the store, and nothing else uses
    // the store while its guest is executed.
    unsafe {
        let core = (*ctx).core.as_ptr();
        let Some((tag, _)) = (*core).exceptions.get(exception) else {
            return trap(ctx, TrapCode::Host, ip, fp, Some(GONE.into()));
        };
        let (thrown_at, thrown_in) = (ip, fp);
        let (mut ip, mut fp) = (ip, fp);
        let mut instance: *mut InstanceData = (*ctx).instance;
        // The first `ip` is the instruction that throws. Every other `ip` is a return address: the call ends
        // with the word before.
        let mut before = 0;
        while ip != &raw const EXIT && !instance.is_null() {
            let Some((_, words)) = (*core).sites.function_at(instance, ip) else {
                break;
            };
            let mut units = 1;
            let mut caught = None;
            if let Some(table) = HandlerTable::of(words) {
                let pc = (ip.addr() - words.as_ptr().addr()) / size_of::<Word>() - before;
                let looked_at;
                (caught, looked_at) = clause_for(table, pc, &(*instance).tags, tag);
                units += looked_at;
            }
            if (*ctx).metered
                && let Err(code) = (*core).meter.pay(&mut (*ctx).budget, units)
            {
                return trap(ctx, code, thrown_at, thrown_in, None);
            }
            if let Some(clause) = caught {
                if clause.reference != HandlerRef::None {
                    keep_calls(ctx, exception, thrown_at, thrown_in, fp);
                }
                catch(core, exception, clause, fp);
                (*ctx).instance = instance;
                return (words.as_ptr().add(clause.target as usize), fp);
            }
            let to = link(fp, Header::of(words[0]).link);
            (ip, fp) = (to.ip, to.fp);
            instance = to.other.unwrap_or(instance);
            before = 1;
        }
        (*ctx).exit = Exit::Thrown(exception, thrown_at, thrown_in);
        NOWHERE
    }
}

/// The clause that catches an exception of a tag which is thrown from a place in a function with these handlers,
/// and how many clauses were looked at.
pub(super) fn clause_for(
    table: HandlerTable<'_>,
    place: usize,
    tags: &[NonNull<TagData>],
    tag: NonNull<TagData>,
) -> (Option<Clause>, u64) {
    let (mut caught, mut looked_at) = (None, 0);
    let mut id = table.innermost(place);
    while let (None, Some((mut clauses, around))) = (caught, table.get(id)) {
        caught = clauses.find(|clause| {
            looked_at += 1;
            clause.tag.is_none_or(|index| tags[index as usize] == tag)
        });
        id = around;
    }
    (caught, looked_at)
}

/// What a trap says where a reference to an exception is not one.
pub(super) const GONE: &str = "the exception that is thrown lives no longer; an `ExnRef` that a host function was given \
                    ends with the call of the host function";

/// Ends the execution with a trap.
unsafe fn trap(
    ctx: *mut Ctx,
    code: TrapCode,
    ip: *const Word,
    fp: *mut u64,
    detail: Option<Box<str>>,
) -> Landing {
    // SAFETY: the context outlives the execution.
    unsafe { (*ctx).exit = Exit::Trap(code, ip, fp, detail) };
    NOWHERE
}

/// Keeps the calls through which an exception came, for the case that it is thrown again and nobody catches it.
unsafe fn keep_calls(ctx: *mut Ctx, exception: u64, ip: *const Word, fp: *mut u64, last: *mut u64) {
    // SAFETY: passed on from the caller.
    unsafe {
        let exceptions = &mut (*(*ctx).core.as_ptr()).exceptions;
        let mut calls = exceptions.take_calls(exception).unwrap_or_default();
        calls.add(ctx, ip, fp, last);
        exceptions.set_calls(exception, Some(calls));
    }
}

/// Puts the values of an exception, and a reference to it, where the handler of a clause takes them.
unsafe fn catch(core: *mut StoreCore, exception: u64, clause: Clause, fp: *mut u64) {
    // SAFETY: the lowering gave the handler's frame slots for what the clause brings.
    unsafe {
        let exceptions = &mut (*core).exceptions;
        let mut to = fp.add(clause.slot as usize);
        if clause.reference == HandlerRef::First {
            to.write(exception);
            to = to.add(1);
        }
        if clause.tag.is_some()
            && let Some((_, slots)) = exceptions.get(exception)
        {
            std::ptr::copy_nonoverlapping(slots.as_ptr(), to, slots.len());
            to = to.add(slots.len());
        }
        if clause.reference == HandlerRef::Last {
            to.write(exception);
        }
        if clause.reference == HandlerRef::None {
            exceptions.caught(exception);
        } else {
            exceptions.share(exception);
        }
    }
}

/// Makes an exception of the tag at an index, with values in the frame from the slot `values` on, and throws it.
#[cold]
#[inline(never)]
unsafe fn throw_new(
    ctx: *mut Ctx,
    ip: *const Word,
    fp: *mut u64,
    tag: u32,
    values: u32,
) -> Landing {
    // SAFETY: validation checked the tag's index; the lowering put its values into these slots.
    unsafe {
        let core = (*ctx).core.as_ptr();
        let tag = (&(*(*ctx).instance).tags)[tag as usize];
        let slots =
            std::slice::from_raw_parts(fp.add(values as usize), tag.as_ref().slots as usize);
        match (*core).add_exception(tag, slots, slots.as_ptr_range().end) {
            Ok(exception) => unwind(ctx, exception, ip, fp),
            Err(detail) => trap(ctx, TrapCode::OutOfMemory, ip, fp, Some(detail)),
        }
    }
}

/// Throws the exception that a slot refers to.
#[cold]
#[inline(never)]
unsafe fn throw_again(ctx: *mut Ctx, ip: *const Word, fp: *mut u64, exception: u64) -> Landing {
    // SAFETY: passed on from the caller.
    unsafe {
        if exception == 0 {
            return trap(ctx, TrapCode::NullExceptionReference, ip, fp, None);
        }
        unwind(ctx, exception, ip, fp)
    }
}

/// After a host function, called at `ip` in the frame at `fp`, returned an error: says in `exit` of the context
/// how that ends. What the value stack holds from `live_to` on, nothing needs any more.
#[cold]
#[inline(never)]
pub(super) unsafe fn host_failed(
    ctx: *mut Ctx,
    error: anyhow::Error,
    ip: *const Word,
    fp: *mut u64,
    live_to: *const u64,
) {
    // SAFETY: passed on from the caller.
    unsafe {
        let core = (*ctx).core.as_ptr();
        let of_store = Exception::of(&error).filter(|thrown| thrown.store() == (*core).id);
        let Some(thrown) = of_store else {
            (*ctx).exit = Exit::Host(error, ip, fp);
            return;
        };
        (*ctx).exit = match thrown.revive(&mut *core, live_to) {
            Ok(exception) => Exit::Thrown(exception, ip, fp),
            Err(detail) => Exit::Trap(TrapCode::OutOfMemory, ip, fp, Some(detail)),
        };
    }
}

/// Throws the exception that a host function threw, if it did.
#[cold]
#[inline(never)]
unsafe fn throw_on(ctx: *mut Ctx) -> Landing {
    // SAFETY: passed on from the caller.
    unsafe {
        match (*ctx).exit {
            Exit::Thrown(exception, ip, fp) => unwind(ctx, exception, ip, fp),
            _ => NOWHERE,
        }
    }
}

/// The error of an execution in which nobody caught what was thrown from `ip` in the frame at `fp`.
///
/// # Safety
///
/// The execution of `ctx` stands there, in its current instance.
pub(super) unsafe fn uncaught(
    ctx: *mut Ctx,
    exception: u64,
    ip: *const Word,
    fp: *mut u64,
) -> Error {
    // SAFETY: passed on from the caller.
    unsafe {
        let core = (*ctx).core.as_ptr();
        let mut calls = (*core).exceptions.take_calls(exception).unwrap_or_default();
        calls.add(ctx, ip, fp, std::ptr::null_mut());
        let thrown = Exception::thrown(&*core, exception, *calls);
        (*core).exceptions.caught(exception);
        thrown.into()
    }
}

#[inline(always)]
unsafe fn land(mut r: Regs, (ip, fp): Landing) -> Next {
    // SAFETY: the landing is an instruction of the current instance, and its frame.
    unsafe {
        if ip.is_null() {
            return stop();
        }
        (r.ip, r.fp) = (ip, fp);
        r.reload_memory((*r.ctx).instance);
        go(r)
    }
}

handler! {
    #[cold]
    throw(r) {
        let (values, _) = r.indices();
        let landing = throw_new(r.ctx, r.ip, r.fp, r.long(), values);
        land(r, landing)
    }
    #[cold]
    throw_ref(r) {
        let landing = throw_again(r.ctx, r.ip, r.fp, r.slot(r.word().a));
        land(r, landing)
    }
    /// Goes on after a host function that did not succeed: at a handler, where it threw and somebody catches.
    #[cold]
    thrown_by_host(r) {
        let landing = throw_on(r.ctx);
        land(r, landing)
    }
}
