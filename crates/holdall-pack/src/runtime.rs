//! The program that a packed executable is made of, and how it comes to carry a bag. Where Mach-O
//! and PE have room for such things is libsui's to know.

use holdall_core::lower::Target;
use libsui::{Macho, PortableExecutable, utils};
use memchr::memmem;
use xxhash_rust::xxh3::Xxh3;

use super::bag::ALIGN_BYTES;
use super::elf;
use super::mark::{Mark, SECTION, START};
use crate::error::{Error, Result};

/// The program that runs what a bag holds.
#[derive(Clone, Debug)]
pub struct Runtime<'a> {
    bytes: &'a [u8],
    pub(super) target: Target,
}

impl<'a> Runtime<'a> {
    /// The one whose executable has these bytes.
    ///
    /// # Errors
    ///
    /// When it is none, or one that cannot run the code that this program makes.
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        let marks = memmem::find_iter(bytes, &START);
        let mut marks = marks.filter_map(|at| bytes[at..].first_chunk().copied().map(Mark));
        let mark = marks.next();
        let mark = mark.ok_or_else(|| Error::usage("it is not holdall's runtime"))?;
        let sequences = mark.runs_ours().ok_or_else(|| {
            Error::usage(
                "it is another build of holdall's runtime, which does not run the code of this one",
            )
        })?;
        Ok(Self {
            bytes,
            target: Target {
                sequences,
                big_endian: elf::is_big_endian(bytes),
            },
        })
    }

    /// The checksum of what the system loads of the program and does not change: its read-only
    /// segments, but for the headers of the file. 0 where the format is not ELF.
    pub(super) fn checksum(&self) -> u64 {
        let Some(checked) = elf::checked(self.bytes, u64::MAX) else {
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
    pub(super) fn carry(&self, bag: &[u8]) -> Result<Vec<u8>> {
        if utils::is_elf(self.bytes) {
            return elf::carry(self.bytes, bag);
        }
        // Where it lands does not depend on its length: a short one tells.
        let probe: Vec<u8> = START.iter().map(|byte| !byte).collect();
        let placed = self.place(&probe)?;
        let at = memmem::rfind(&placed, &probe);
        let at =
            at.ok_or_else(|| Error::usage("what the runtime is to carry is not found in it"))?;
        let mut payload = vec![0; at.next_multiple_of(ALIGN_BYTES) - at];
        payload.extend(bag);
        self.place(&payload)
    }

    /// A program of another format, with something to carry under our name.
    fn place(&self, payload: &[u8]) -> Result<Vec<u8>> {
        let mut placed = Vec::with_capacity(self.bytes.len() + payload.len() + 65_536);
        let done = if utils::is_macho(self.bytes) {
            Macho::from(self.bytes.to_vec())
                .and_then(|it| it.write_section(SECTION, payload.to_vec()))
                .and_then(|it| it.build_and_sign(&mut placed))
        } else if utils::is_pe(self.bytes) {
            PortableExecutable::from(self.bytes)
                .and_then(|it| it.write_resource(SECTION, payload.to_vec()))
                .and_then(|it| it.build(&mut placed))
        } else {
            return Err(Error::usage("the runtime is neither ELF nor Mach-O nor PE"));
        };
        done.map_err(|error| Error::usage(format!("the runtime takes no bag: {error}")))?;
        Ok(placed)
    }
}
