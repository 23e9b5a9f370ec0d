//! What a runtime and a packer agree on: the mark by which a packer recognises a runtime, and the checksum
//! of the runtime that is compared when a packed executable starts.

use xxhash_rust::xxh3::Xxh3;

use holdall::internal::HERE;
use holdall_core::module::MEANING_OF_CODE;
use holdall_core::native::MEANING_OF_NATIVE_CODE;

/// The name of the section or resource that holds the bag, in Mach-O and PE.
pub(crate) const SECTION: &str = "holdall";

/// The start of a mark: the header and the name of an ELF note.
pub(crate) const START: [u8; 24] = *b"\x0c\0\0\0\x18\0\0\0\x01\0\0\0holdall run\0";

/// The start of a mark for machine code: the header and the name of another ELF note.
pub(crate) const CODE_START: [u8; 24] = *b"\x0c\0\0\0\x10\0\0\0\x02\0\0\0holdall run\0";

/// The bytes at the start of an ELF file that are not checked. They hold its headers, which change when the
/// file comes to carry a bag and when it is stripped.
pub(crate) const UNCHECKED_BYTES: usize = 1024;

/// The mark that every runtime has among its bytes: it says that the program is a runtime, what code
/// words mean to it (a digest of the sources of its executor), and whether it has sequences. In an ELF
/// file the mark is a note with a program header of its own, which becomes the header of the bag.
#[repr(C, align(8))]
#[derive(Debug)]
pub(crate) struct Mark(pub(crate) [u8; START.len() + 24]);

impl Mark {
    /// The mark of this build.
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

    /// Whether the runtime with this mark has sequences; `None` where it does not run the code that this
    /// build makes.
    pub(crate) fn runs_ours(&self) -> Option<bool> {
        let (meaning, rest) = self.0[START.len()..].split_at(MEANING_OF_CODE.len());
        (meaning == MEANING_OF_CODE).then(|| rest[0] != 0)
    }
}

/// The mark of this program. Every program that links this crate has it, and can so be a runtime if its
/// `main` begins with [`start_if_packed`](crate::start_if_packed).
#[used]
#[cfg_attr(
    not(any(windows, target_vendor = "apple")),
    unsafe(link_section = ".note.holdall")
)]
static MARK: Mark = Mark::HERE;

/// The mark by which a packer knows that a runtime executes native code, and which: what native code has agreed
/// on. The mark is another note, and linkers give notes of different alignment a program header each: this
/// header becomes that of the machine code.
#[repr(C, align(16))]
#[derive(Debug)]
pub(crate) struct CodeMark([u8; CODE_START.len() + MEANING_OF_NATIVE_CODE.len()]);

impl CodeMark {
    const HERE: Self = {
        let mut mark = [0; CODE_START.len() + MEANING_OF_NATIVE_CODE.len()];
        let mut at = 0;
        while at < mark.len() {
            mark[at] = if at < CODE_START.len() {
                CODE_START[at]
            } else {
                MEANING_OF_NATIVE_CODE[at - CODE_START.len()]
            };
            at += 1;
        }
        Self(mark)
    };

    /// Whether a note is the mark of a runtime that executes the native code of this build.
    pub(crate) fn is_ours(note: &[u8]) -> bool {
        let rest = note.strip_prefix(&CODE_START);
        rest.is_some_and(|rest| rest.starts_with(&MEANING_OF_NATIVE_CODE))
    }
}

/// The mark for machine code of this program.
#[used]
#[cfg_attr(
    not(any(windows, target_vendor = "apple")),
    unsafe(link_section = ".note.holdall.code")
)]
static CODE_MARK: CodeMark = CodeMark::HERE;

/// The checksum of the read-only segments of an ELF program, in their order, without the file's headers.
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
