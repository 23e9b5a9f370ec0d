//! The program that a packed executable is made of, and how it comes to carry a bag. Where Mach-O
//! and PE have room for such things is libsui's to know.

use holdall::Result;
use holdall_core::lower::Target;
use libsui::{Macho, PortableExecutable, utils};
use memchr::memmem;
use xxhash_rust::xxh3::Xxh3;

use crate::bag::{ALIGN_BYTES, BagError, Header, MAGIC};
use crate::mark::{Mark, SECTION, START};
use crate::{elf, wrong};

/// The program that runs what a bag holds.
#[derive(Clone, Debug)]
pub struct Runtime {
    bytes: Vec<u8>,
    pub(crate) target: Target,
}

impl Runtime {
    /// The one whose executable has these bytes.
    ///
    /// # Errors
    ///
    /// When it is none, or one that cannot run the code that this program makes, or carries a program
    /// already.
    pub fn new(bytes: Vec<u8>) -> Result<Self> {
        let is_bag = |at: usize| !matches!(Header::read(&bytes[at..]), Err(BagError::None));
        if memmem::find_iter(&bytes, &MAGIC).any(is_bag) {
            return Err(wrong(
                "it is a packed executable, which carries a program already; name the runtime that it \
                 was made of",
            ));
        }
        // A program that packs has the start of a mark among its constants too.
        let marks = memmem::find_iter(&bytes, &START);
        let mut marks = marks.filter_map(|at| bytes[at..].first_chunk().copied().map(Mark));
        let sequences = match marks.next() {
            None => return Err(wrong("it is not holdall's runtime")),
            Some(first) => first
                .runs_ours()
                .or_else(|| marks.find_map(|mark| mark.runs_ours())),
        };
        let sequences = sequences.ok_or_else(|| {
            wrong(
                "it is of another build of holdall, and does not run the code of this one; build both \
                 of the same sources",
            )
        })?;
        let big_endian = elf::is_big_endian(&bytes);
        Ok(Self {
            bytes,
            target: Target {
                sequences,
                big_endian,
            },
        })
    }

    /// How many bytes it has.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it was built with the optimisation that makes modules run fast.
    #[must_use]
    pub fn is_optimised(&self) -> bool {
        self.target.sequences
    }

    /// Whether the system must have shared libraries for it where it runs, such as the C library.
    /// `false` where the format is not ELF: systems with other formats always have theirs.
    #[must_use]
    pub fn needs_libraries(&self) -> bool {
        elf::needs_libraries(&self.bytes)
    }

    /// The checksum of what the system loads of the program and does not change: its read-only
    /// segments, but for the headers of the file. 0 where the format is not ELF.
    pub(crate) fn checksum(&self) -> u64 {
        let Some(checked) = elf::checked(&*self.bytes, u64::MAX) else {
            return 0;
        };
        let mut sum = Xxh3::new();
        for range in checked {
            sum.update(&self.bytes[range.start as usize..range.end as usize]);
        }
        sum.digest()
    }

    /// The executable that carries a bag.
    ///
    /// # Errors
    ///
    /// When the program is of no format that can, or carries one already.
    pub(crate) fn carry(&self, bag: &[u8]) -> Result<Vec<u8>> {
        if utils::is_elf(&self.bytes) {
            return elf::carry(&self.bytes, bag);
        }
        // Where it lands does not depend on its length: a short one tells.
        let probe: Vec<u8> = START.iter().map(|byte| !byte).collect();
        let placed = self.place(&probe)?;
        let at = memmem::rfind(&placed, &probe);
        let at = at.ok_or_else(|| wrong("what the runtime is to carry is not found in it"))?;
        let mut payload = vec![0; at.next_multiple_of(ALIGN_BYTES) - at];
        payload.extend(bag);
        self.place(&payload)
    }

    /// A program of another format, with something to carry under our name.
    fn place(&self, payload: &[u8]) -> Result<Vec<u8>> {
        let mut placed = Vec::with_capacity(self.bytes.len() + payload.len() + 65_536);
        let done = if utils::is_macho(&self.bytes) {
            Macho::from(self.bytes.clone())
                .and_then(|it| it.write_section(SECTION, payload.to_vec()))
                .and_then(|it| it.build_and_sign(&mut placed))
        } else if utils::is_pe(&self.bytes) {
            PortableExecutable::from(&self.bytes)
                .and_then(|it| it.write_resource(SECTION, payload.to_vec()))
                .and_then(|it| it.build(&mut placed))
        } else {
            return Err(wrong("the runtime is neither ELF nor Mach-O nor PE"));
        };
        done.map_err(|error| wrong(format!("the runtime takes no bag: {error}")))?;
        Ok(placed)
    }
}
