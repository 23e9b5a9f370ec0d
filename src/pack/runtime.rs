//! The program that a packed executable is made of, and how it comes to carry a bag. Where the
//! formats of executables put such things is libsui's to know.

use std::ops::Range;

use libsui::{Elf, Macho, PortableExecutable, utils};
use object::elf::{FileHeader64, PF_W, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, FileKind};

use super::bag::ALIGN_BYTES;
use super::mark::{self, MARK, SECTION};
use crate::error::{Error, Result};

/// The program that runs what a bag holds.
#[derive(Clone, Debug)]
pub struct Runtime<'a> {
    bytes: &'a [u8],
}

impl<'a> Runtime<'a> {
    /// The one that this program carries; builds without optimisation carry none.
    #[must_use]
    pub fn embedded() -> Option<Runtime<'static>> {
        let bytes: Option<&'static [u8]> = include!(concat!(env!("OUT_DIR"), "/runtime.rs"));
        bytes.map(|bytes| Runtime { bytes })
    }

    /// The one whose executable has these bytes.
    ///
    /// # Errors
    ///
    /// When it is none, or one that cannot run the code that this program makes.
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        let mut marks = bytes.windows(MARK.len()).filter(|it| mark::is_mark(it));
        match marks.next() {
            None => Err(Error::usage("it is not holdall's runtime")),
            Some(mark) if !mark::runs_ours(mark) => Err(Error::usage(
                "it is another build of holdall's runtime, which does not run the code of this one",
            )),
            Some(_) => Ok(Self { bytes }),
        }
    }

    /// The checksum of what the system loads of the program and does not change: its read-only
    /// segments, but for the headers of the file. 0 where the format is not ELF.
    #[must_use]
    pub fn checksum(&self) -> u64 {
        let Ok(FileKind::Elf64) = FileKind::parse(self.bytes) else {
            return 0;
        };
        mark::checksum(
            self.read_only()
                .unwrap_or_default()
                .into_iter()
                .map(|range| &self.bytes[range]),
        )
    }

    fn read_only(&self) -> Option<Vec<Range<usize>>> {
        let header = FileHeader64::<Endianness>::parse(self.bytes).ok()?;
        let endian = header.endian().ok()?;
        let mut ranges = Vec::new();
        for segment in header.program_headers(endian, self.bytes).ok()? {
            let writable = segment.p_flags(endian).contains(PF_W);
            if segment.p_type(endian) == PT_LOAD && !writable {
                let (start, len) = segment.file_range(endian);
                let (start, end) = (start as usize, start.checked_add(len)? as usize);
                self.bytes.get(start..end)?;
                ranges.push(start..end);
            }
        }
        Some(ranges)
    }

    /// The executable that carries a bag.
    ///
    /// # Errors
    ///
    /// When the program is of no format that can.
    pub fn carry(&self, bag: &[u8]) -> Result<Vec<u8>> {
        // Where the payload lands does not depend on its length: a short one tells.
        let probe: Vec<u8> = MARK.iter().map(|byte| !byte).collect();
        let placed = self.place(&probe)?;
        let at = placed.windows(probe.len()).rposition(|it| it == probe);
        let at =
            at.ok_or_else(|| Error::usage("what the runtime is to carry is not found in it"))?;
        // A byte says how much stands before the bag.
        let before = ALIGN_BYTES - at % ALIGN_BYTES;
        let mut payload = vec![before as u8; before];
        payload.extend(bag);
        self.place(&payload)
    }

    fn place(&self, payload: &[u8]) -> Result<Vec<u8>> {
        let mut placed = Vec::with_capacity(self.bytes.len() + payload.len() + 65_536);
        let done = if utils::is_elf(self.bytes) {
            Elf::new(self.bytes).append(SECTION, payload, &mut placed)
        } else if utils::is_macho(self.bytes) {
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
