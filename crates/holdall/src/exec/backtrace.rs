//! The guest's calls at a trap, read from the frames' links.

use std::sync::Arc;

use holdall_core::lower::Offsets;

use super::call::{EXIT, link};
use super::regs::Ctx;
use crate::ir::{Header, Word};
use crate::limits::Watch;
use crate::module::{Module, ModuleInner};
use crate::store::InstanceData;
use crate::trap::{Frame, Trap, Whose};

/// Where a frame stands: in which function of which instance, and at which of the function's code words.
#[derive(Clone)]
pub(super) struct Place {
    /// The address of the instance.
    instance: usize,
    module: Module,
    /// What the instance is called.
    label: Option<Arc<str>>,
    defined_index: u32,
    at: At,
}

/// Which instruction of a function.
#[derive(Clone, Copy)]
enum At {
    /// The one whose code word is at this index.
    Word(usize),
    /// The one at this offset in the module's bytes, where the offset is known.
    Offset(Option<u64>),
}

impl Place {
    fn is_of_function(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.module.0, &other.module.0) && self.defined_index == other.defined_index
    }
}

/// The calls that led to a place in a guest, innermost first, without the names of their functions: to find
/// those takes time.
#[derive(Clone, Default)]
pub(crate) struct Calls(Vec<Place>);

impl Calls {
    /// How many calls are kept.
    const MOST: usize = Trap::MAX_FRAMES;

    /// For how many calls there is room at first.
    const LIKELY: usize = 12;

    /// Adds calls, as many as there is room for: first the frame at `fp`, whose instruction is at `ip`, then
    /// its callers outwards, up to the frame at `last`. Adds none where the engine keeps no backtraces.
    ///
    /// # Safety
    ///
    /// `ip` and `fp` are a place where the execution of `ctx` stands, in its current instance, and nothing has
    /// overwritten the frames.
    pub(super) unsafe fn add(
        &mut self,
        ctx: *const Ctx,
        mut ip: *const Word,
        mut fp: *mut u64,
        last: *mut u64,
    ) {
        // SAFETY: every frame's link is good, and instances live as long as their store.
        unsafe {
            let mut instance: *const InstanceData = (*ctx).instance;
            self.0.reserve(Self::LIKELY);
            // The first `ip` is the instruction that ended. Every other `ip` is a return address: the call ends
            // with the word before.
            let mut before = 0;
            while self.0.len() < Self::MOST && ip != &raw const EXIT && !instance.is_null() {
                let module = &(*instance).module;
                if !module.0.engine.config().wasm_backtrace {
                    break;
                }
                let sites = &mut (*(*ctx).core.as_ptr()).sites;
                let Some((defined_index, words)) = sites.function_at(instance, ip) else {
                    break;
                };
                let place = Place {
                    instance: instance.addr(),
                    module: module.clone(),
                    label: (*instance).label.clone(),
                    defined_index,
                    at: At::Word((ip.addr() - words.as_ptr().addr()) / size_of::<Word>() - before),
                };
                match before {
                    0 => self.push_first(place),
                    _ => self.0.push(place),
                }
                if fp == last {
                    break;
                }
                let to = link(fp, Header::of(words[0]).link);
                (ip, fp) = (to.ip, to.fp);
                instance = to.other.map_or(instance, <*mut InstanceData>::cast_const);
                before = 1;
            }
        }
    }

    /// Adds the place where something was thrown, if there is room. What is thrown again stands in the function
    /// that caught it, at a call that is known.
    pub(super) fn push_first(&mut self, place: Place) {
        if !self.0.last().is_some_and(|it| it.is_of_function(&place)) {
            self.push(place);
        }
    }

    /// Adds a call behind the others, if there is room.
    pub(super) fn push(&mut self, place: Place) {
        if !self.is_full() {
            self.0.push(place);
        }
    }

    /// Adds calls behind the others, as many as there is room for.
    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
        self.0.truncate(Self::MOST);
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= Self::MOST
    }

    /// The calls, to be kept with an exception; `None` where there are none.
    pub(crate) fn kept(&self) -> Option<Box<Self>> {
        (!self.0.is_empty()).then(|| Box::new(self.clone()))
    }

    /// The calls with their names and offsets, as far as these are found in time.
    pub(crate) fn frames(&self, watch: &mut Watch<'_>) -> Vec<Frame> {
        let mut frames: Vec<Frame> = Vec::with_capacity(self.0.len());
        for (at, place) in self.0.iter().enumerate() {
            let known = self.0[..at].iter().position(|other| {
                // Two instances of a module may have two names.
                other.is_of_function(place) && other.label == place.label
            });
            frames.push(match known {
                Some(known) => Frame {
                    offset: None,
                    func_offset: None,
                    instance: Whose(place.instance),
                    ..frames[known].clone()
                },
                None => frame(place, watch),
            });
        }
        find_offsets(&mut frames, &self.0, watch);
        for (frame, place) in frames.iter_mut().zip(&self.0) {
            let start = place.module.0.body(place.defined_index).range().start;
            frame.func_offset = frame.offset.and_then(|at| at.checked_sub(start));
        }
        frames
    }
}

/// Where a native function of an instance stands.
///
/// # Safety
///
/// The instance lives.
pub(super) unsafe fn native_place(
    instance: *const InstanceData,
    defined_index: u32,
    offset: Option<u64>,
) -> Place {
    // SAFETY: the caller's duty.
    unsafe {
        Place {
            instance: instance.addr(),
            module: (*instance).module.clone(),
            label: (*instance).label.clone(),
            defined_index,
            at: At::Offset(offset),
        }
    }
}

/// Adds frames to a trap, as many as the trap has room for.
///
/// # Safety
///
/// As for [`Calls::add`].
pub(super) unsafe fn add_calls(trap: &mut Trap, ctx: &Ctx, ip: *const Word, fp: *mut u64) {
    let mut calls = Calls::default();
    // SAFETY: passed on from the caller.
    unsafe { calls.add(ctx, ip, fp, std::ptr::null_mut()) };
    let mut watch = Watch::until(Some(trap.looks_until()));
    calls.0.truncate(trap.room());
    trap.add_callers(calls.frames(&mut watch));
}

/// The frame of a function in an instance.
fn frame(place: &Place, watch: &mut Watch<'_>) -> Frame {
    let (module, label) = (&*place.module.0, place.label.as_ref());
    let func_index = module.func_index(place.defined_index);
    let names = module.names_in_time(watch);
    let named = names.and_then(|names| names.func(&module.bytes, func_index));
    Frame {
        module: module_name(module, label, watch),
        func_index,
        func_name: named.map(Frame::name),
        offset: None,
        func_offset: None,
        instance: Whose(place.instance),
    }
}

/// What an instance of a module with this label is called.
pub(crate) fn module_name(
    module: &ModuleInner,
    label: Option<&Arc<str>>,
    watch: &mut Watch<'_>,
) -> Option<Arc<str>> {
    match label {
        Some(label) if label.len() <= Frame::MAX_NAME_BYTES => Some(Arc::clone(label)),
        Some(label) => Some(Frame::name(label)),
        None => {
            let of_section = || module.names_in_time(watch)?.module(&module.bytes);
            module.name.as_deref().or_else(of_section).map(Frame::name)
        }
    }
}

/// Finds the offsets of the frames, until the time is up: each function is lowered once.
fn find_offsets(frames: &mut [Frame], places: &[Place], watch: &mut Watch<'_>) {
    for (at, place) in places.iter().enumerate() {
        let is_same = |other: &Place| other.is_of_function(place);
        if let At::Offset(offset) = place.at {
            frames[at].offset = offset;
            continue;
        }
        let is_lowered = |other: &Place| is_same(other) && matches!(other.at, At::Word(_));
        if places[..at].iter().any(is_lowered) {
            continue;
        }
        let Some(offsets) = Offsets::of(
            &place.module.0,
            place.module.0.engine.settings(),
            place.defined_index,
            watch,
        ) else {
            return;
        };
        for (frame, other) in frames.iter_mut().zip(places).skip(at) {
            if let At::Word(pc) = other.at
                && is_same(other)
            {
                frame.offset = offsets.at(pc);
            }
        }
    }
}
