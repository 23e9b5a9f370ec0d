//! The guest's calls at a trap, read from the frames' links.

use std::sync::Arc;

use holdall_core::lower::Offsets;

use super::call::{EXIT, link};
use super::regs::Ctx;
use crate::ir::{Header, Word};
use crate::limits::Watch;
use crate::module::ModuleInner;
use crate::store::InstanceData;
use crate::trap::{Frame, Trap};

/// Where a frame stands: in which function, and at which of the function's code words.
struct Place<'m> {
    module: &'m ModuleInner,
    defined_index: u32,
    pc: usize,
}

impl Place<'_> {
    fn is_of_function(&self, other: &Self) -> bool {
        std::ptr::eq(self.module, other.module) && self.defined_index == other.defined_index
    }
}

/// Adds frames to a trap, as many as the trap has room for: first the frame at `fp`, whose instruction is
/// at `ip`, then its callers outwards. Adds none where the engine keeps no backtraces.
///
/// # Safety
///
/// The execution of `ctx` ended at this place, which belongs to its current instance, and nothing has
/// overwritten the frames.
pub(super) unsafe fn add_calls(trap: &mut Trap, ctx: &Ctx, mut ip: *const Word, mut fp: *mut u64) {
    let mut watch = Watch::until(Some(trap.looks_until()));
    let mut frames: Vec<Frame> = Vec::new();
    let mut places: Vec<Place<'_>> = Vec::new();
    let mut instance: *const InstanceData = ctx.instance;
    // The first `ip` is the instruction that trapped. Every other `ip` is a return address: the call ends
    // with the word before.
    let mut before = 0;
    while frames.len() < trap.room() && ip != &raw const EXIT {
        // SAFETY: every frame's link is good, and instances live as long as their store.
        unsafe {
            if instance.is_null() {
                break;
            }
            let module = (*instance).module.inner();
            if !module.engine.config().wasm_backtrace {
                break;
            }
            let Some((defined_index, words)) = module.function_at(ip) else {
                break;
            };
            let place = Place {
                module,
                defined_index,
                pc: (ip.addr() - words.as_ptr().addr()) / size_of::<Word>() - before,
            };
            let known = places.iter().position(|other| other.is_of_function(&place));
            frames.push(match known {
                Some(known) => Frame {
                    offset: None,
                    ..frames[known].clone()
                },
                None => frame((*instance).label.as_ref(), &place, &mut watch),
            });
            places.push(place);
            let to = link(fp, Header::of(words[0]).link);
            (ip, fp) = (to.ip, to.fp);
            instance = to.other.map_or(instance, <*mut InstanceData>::cast_const);
            before = 1;
        }
    }
    find_offsets(&mut frames, &places, &mut watch);
    trap.add_callers(frames);
}

/// The frame of a function in an instance with this label.
fn frame(label: Option<&Arc<str>>, place: &Place<'_>, watch: &mut Watch<'_>) -> Frame {
    let Place {
        module,
        defined_index,
        ..
    } = place;
    let func_index = module.func_index(*defined_index);
    let names = module.names_in_time(watch);
    let named = names.and_then(|names| names.func(&module.bytes, func_index));
    let module_name = match label {
        Some(label) if label.len() <= Frame::MAX_NAME_BYTES => Some(Arc::clone(label)),
        Some(label) => Some(Frame::name(label)),
        None => module
            .name
            .as_deref()
            .or_else(|| names?.module(&module.bytes))
            .map(Frame::name),
    };
    Frame {
        module: module_name,
        func_index,
        func_name: named.map(Frame::name),
        offset: None,
    }
}

/// Finds the offsets of the frames, until the time is up: each function is lowered once.
fn find_offsets(frames: &mut [Frame], places: &[Place<'_>], watch: &mut Watch<'_>) {
    for (at, place) in places.iter().enumerate() {
        let is_same = |other: &Place<'_>| other.is_of_function(place);
        if places[..at].iter().any(is_same) {
            continue;
        }
        let Some(offsets) = Offsets::of(
            place.module,
            place.module.engine.settings(),
            place.defined_index,
            watch,
        ) else {
            return;
        };
        for (frame, other) in frames.iter_mut().zip(places).skip(at) {
            if is_same(other) {
                frame.offset = offsets.at(other.pc);
            }
        }
    }
}
