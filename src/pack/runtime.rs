//! The program that a packed executable is made of, and how it comes to carry a bag. Where the
//! formats of executables put such things is libsui's to know.

use std::ops::Range;

use libsui::{Elf, Macho, PortableExecutable, utils};
use memchr::memmem;
use object::Endianness;
use object::elf::{FileHeader64, PF_W, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use sha2::{Digest, Sha256};

use super::bag::{ALIGN_BYTES, Bag, BagError, MAGIC};
use super::manifest::Entry;
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
        let marks = memmem::find_iter(bytes, &mark::START);
        let mut marks = marks.filter_map(|at| bytes[at..].first_chunk());
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
        let segments = read_only(self.bytes).unwrap_or_default();
        if segments.is_empty() {
            return 0;
        }
        mark::checksum(segments.into_iter().map(|range| &self.bytes[range]))
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
        let at = memmem::rfind(&placed, &probe);
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

/// The read-only segments of an ELF file, as ranges of it; `None` where it is none.
fn read_only(bytes: &[u8]) -> Option<Vec<Range<usize>>> {
    let header = FileHeader64::<Endianness>::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let mut ranges = Vec::new();
    for segment in header.program_headers(endian, bytes).ok()? {
        if segment.p_type(endian) == PT_LOAD && !segment.p_flags(endian).contains(PF_W) {
            let (start, len) = segment.file_range(endian);
            let (start, end) = (start as usize, start.checked_add(len)? as usize);
            bytes.get(start..end)?;
            ranges.push(start..end);
        }
    }
    Some(ranges)
}

/// The bag in an executable, wherever it is in there.
fn find(executable: &[u8]) -> Result<Bag<'_>, BagError> {
    for at in memmem::find_iter(executable, &MAGIC) {
        match Bag::open(&executable[at..]) {
            // No header: the program knows the magic number as well.
            Err(BagError::None) => {}
            opened => return opened,
        }
    }
    Err(BagError::None)
}

/// The bag that an executable carries, all of it as it was packed.
///
/// # Errors
///
/// [`BagError`]: there is none, or something in it, or in the program around it, is damaged.
pub fn open_whole(executable: &[u8]) -> Result<Bag<'_>, BagError> {
    let bag = find(executable)?;
    let manifest = bag.manifest();
    for module in &manifest.modules {
        let name = || format!("module {:?}", module.name);
        let bytes = bag.part(&module.module, name)?;
        if <[u8; 32]>::from(Sha256::digest(bytes)) != module.sha256 {
            return Err(BagError::Damaged(name()));
        }
        bag.part(&module.code, || format!("the code of {}", name()))?;
    }
    for dir in &manifest.dirs {
        for (path, entry) in &dir.entries {
            if let Entry::File(part) = entry {
                bag.part(part, || format!("file {path:?} of {:?}", dir.guest))?;
            }
        }
    }
    if manifest.program != 0 {
        let segments = read_only(executable).unwrap_or_default();
        let start = bag.bytes().as_ptr().addr() - executable.as_ptr().addr();
        let own = segments
            .into_iter()
            .filter(|segment| !segment.contains(&start));
        if mark::checksum(own.map(|range| &executable[range])) != manifest.program {
            return Err(BagError::Damaged("its own program".to_owned()));
        }
    }
    Ok(bag)
}
