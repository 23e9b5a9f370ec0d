//! The program that a packed executable is made of, and how a bag is put into it. For Mach-O and PE this
//! is libsui's work.

use holdall::Result;
use holdall_core::lower::Target;
use holdall_core::native::Isa;
use libsui::{Macho, PortableExecutable, utils};
use memchr::memmem;
use xxhash_rust::xxh3::Xxh3;

use crate::bag::{ALIGN_BYTES, BagError, Header, MAGIC};
use crate::mark::{Mark, SECTION, START};
use crate::{elf, wrong};

/// A program that can carry a bag, and runs what is in it: `holdall-runtime`, or the command itself.
#[derive(Clone, Debug)]
pub struct Runtime {
    bytes: Vec<u8>,
    pub(crate) target: Target,
}

impl Runtime {
    /// The runtime whose file has these bytes.
    ///
    /// # Errors
    ///
    /// When the file is no runtime, is of another build, which does not run the code that this build makes,
    /// or carries a bag already.
    pub fn new(bytes: Vec<u8>) -> Result<Self> {
        let is_bag = |at: usize| !matches!(Header::read(&bytes[at..]), Err(BagError::None));
        if memmem::find_iter(&bytes, &MAGIC).any(is_bag) {
            return Err(wrong(
                "it is a packed executable, which carries a program already; name the runtime that it \
                 was made of",
            ));
        }
        // The command has the start of a mark among its constants too, beside its own mark.
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

    /// The number of bytes in the file.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the runtime was built with optimisation. Without, modules run slowly.
    #[must_use]
    pub fn is_optimised(&self) -> bool {
        self.target.sequences
    }

    /// Whether the runtime is an ELF program that is linked dynamically: it then needs the shared libraries
    /// of a system like the one that it was built on.
    #[must_use]
    pub fn needs_libraries(&self) -> bool {
        elf::needs_libraries(&self.bytes)
    }

    /// The instruction set of the native code that the runtime executes; `None` where its platform is not
    /// covered, or it is of another build.
    #[must_use]
    pub fn native_isa(&self) -> Option<Isa> {
        elf::native_isa(&self.bytes)
    }

    /// The checksum of the program's read-only segments, without the file's headers, as they are where the
    /// program carries a bag, and machine code if `code` says so. 0 where the format is not ELF.
    pub(crate) fn checksum(&self, code: bool) -> u64 {
        let Some(checked) = elf::checked(&*self.bytes, u64::MAX) else {
            return 0;
        };
        let mut bytes = self.bytes.clone();
        elf::clear_marks(&mut bytes, code);
        let mut sum = Xxh3::new();
        for range in checked {
            sum.update(&bytes[range.start as usize..range.end as usize]);
        }
        sum.digest()
    }

    /// The executable that carries a bag, and machine code unless that is empty.
    ///
    /// # Errors
    ///
    /// When the runtime is of no format that can carry a bag, or machine code.
    pub(crate) fn carry(&self, bag: &[u8], code: &[u8]) -> Result<Vec<u8>> {
        if utils::is_elf(&self.bytes) {
            return elf::carry(&self.bytes, bag, code);
        }
        if !code.is_empty() {
            return Err(wrong("the runtime takes no machine code: it is not ELF"));
        }
        // The offset of a payload does not depend on its length: that of a short one is found, and tells
        // how much padding aligns the bag.
        let probe: Vec<u8> = START.iter().map(|byte| !byte).collect();
        let placed = self.place(&probe)?;
        let at = memmem::rfind(&placed, &probe);
        let at = at.ok_or_else(|| wrong("what the runtime is to carry is not found in it"))?;
        let mut payload = vec![0; at.next_multiple_of(ALIGN_BYTES) - at];
        payload.extend(bag);
        self.place(&payload)
    }

    /// The program, of Mach-O or PE, with a payload.
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
