//! What a runtime and a packer know of each other: the mark by which a runtime is recognised, and
//! what of it is checked when it starts.

use xxhash_rust::xxh3::Xxh3;

use holdall::internal::HERE;
use holdall_core::module::MEANING_OF_CODE;

/// The name under which an executable carries its bag.
pub(crate) const SECTION: &str = "holdall";

/// The start of a mark: the head of a note, as ELF has them, and its name.
pub(crate) const START: [u8; 24] = *b"\x0c\0\0\0\x18\0\0\0\x01\0\0\0holdall run\0";

/// So many bytes at the start of an ELF file are not checked: its headers say where things are, and
/// change when it comes to carry something, or is stripped.
pub(crate) const UNCHECKED_BYTES: usize = 1024;

/// What a runtime has somewhere in it: that it is one, what code words mean to it, and whether it has
/// sequences. In an ELF file it is a note, and has a program header of its own, which becomes that of
/// what the executable carries.
#[repr(C, align(8))]
#[derive(Debug)]
pub(crate) struct Mark(pub(crate) [u8; START.len() + 24]);

impl Mark {
    /// That of the runtime of this build.
    pub(crate) const HERE: Self = {
        let mut mark = [0; START.len() + 24];
        let mut at = 0;
        while at < START.len() {
            mark[at] = START[at];
            at += 1;
        }
        while at < START.len() + 16 {
            mark[at] = MEANING_OF_CODE[at - START.len()];
            at += 1;
        }
        mark[at] = HERE.sequences as u8;
        Self(mark)
    };

    /// Whether the runtime of this mark runs the code that this program makes, and has sequences.
    pub(crate) fn runs_ours(&self) -> Option<bool> {
        let (meaning, rest) = self.0[START.len()..].split_at(MEANING_OF_CODE.len());
        (meaning == MEANING_OF_CODE).then(|| rest[0] != 0)
    }
}

/// By this an executable is known to be a runtime, and of which build: every program that links this
/// crate has it.
#[used]
#[cfg_attr(
    not(any(windows, target_vendor = "apple")),
    unsafe(link_section = ".note.holdall")
)]
static MARK: Mark = Mark::HERE;

/// The checksum of the read-only segments of an ELF program, in their order.
pub(crate) fn checksum<'a>(segments: impl Iterator<Item = &'a [u8]>) -> u64 {
    let mut sum = Xxh3::new();
    for (at, segment) in segments.enumerate() {
        let skipped = if at == 0 {
            UNCHECKED_BYTES.min(segment.len())
        } else {
            0
        };
        sum.update(&segment[skipped..]);
    }
    sum.digest()
}
