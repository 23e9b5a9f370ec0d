//! The guest's calls at a trap, read from the frames' links.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::{EXIT, link};
use super::regs::Ctx;
use crate::compile::Offsets;
use crate::ir::{Header, Word};
use crate::limits::Watch;
use crate::module::ModuleInner;
use crate::store::InstanceData;
use crate::trap::{Frame, Trap};

/// How long finding the offsets of one trap's frames may take.
const MOST_TIME: Duration = Duration::from_millis(20);

/// The defined function whose lowered code has the word at `ip`, and where in it.
fn find(module: &ModuleInner, ip: *const Word) -> Option<(u32, usize, Header)> {
    (0..).zip(&module.code).find_map(|(index, code)| {
        let words = &code.get()?.words;
        let pc = ip.addr().checked_sub(words.as_ptr().addr())? / size_of::<Word>();
        (pc < words.len()).then(|| (index, pc, Header::of(words[0])))
    })
}

/// The frames from the instruction at `ip` in the frame at `fp` outwards, innermost first.
///
/// # Safety
///
/// The execution of `ctx` ended at this place, of its current instance, and its frames are still there.
pub(super) unsafe fn walk(ctx: &Ctx, mut ip: *const Word, mut fp: *mut u64) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut instance: *const InstanceData = ctx.instance;
    // Deep recursion is of few functions.
    let mut offsets: HashMap<(*const InstanceData, u32), Option<Offsets>> = HashMap::new();
    let mut watch = Watch::until(Instant::now().checked_add(MOST_TIME));
    // The instruction that trapped is at `ip`; calls are just before it.
    let mut before = 0;
    while frames.len() < Trap::MAX_FRAMES && ip != &raw const EXIT {
        // SAFETY: every frame's link is good.
        unsafe {
            if instance.is_null() {
                break;
            }
            let module = (*instance).module.inner();
            let Some((defined_index, pc, header)) = find(module, ip) else {
                break;
            };
            let func_index = module.func_index(defined_index);
            let offsets = offsets
                .entry((instance, defined_index))
                .or_insert_with(|| Offsets::of(module, defined_index, &mut watch));
            frames.push(Frame {
                module: (*instance)
                    .label
                    .clone()
                    .or_else(|| module.name().map(Arc::from)),
                func_index,
                func_name: module.func_name(func_index).map(Box::from),
                offset: offsets.as_ref().and_then(|offsets| offsets.at(pc - before)),
            });
            let to = link(fp, header.link);
            (ip, fp) = (to.ip, to.fp);
            instance = to.other.map_or(instance, <*mut InstanceData>::cast_const);
            before = 1;
        }
    }
    frames
}
