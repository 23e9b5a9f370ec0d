//! The program that a packed executable is made of, and how it comes to carry a bag. Where Mach-O
//! and PE have room for such things is libsui's to know.

use std::collections::BTreeMap;

use libsui::{Macho, PortableExecutable, utils};
use memchr::memmem;
use sha2::{Digest, Sha256};

use super::bag::{ALIGN_BYTES, Bag, BagError, MAGIC, Part};
use super::elf;
use super::manifest::Entry;
use super::mark::{Mark, SECTION, START};
use crate::compile::Target;
use crate::error::{Error, Result};

/// The program that runs what a bag holds.
#[derive(Clone, Debug)]
pub struct Runtime<'a> {
    bytes: &'a [u8],
    pub(super) target: Target,
}

impl<'a> Runtime<'a> {
    /// The bytes of the one that this program carries; builds without optimisation carry none.
    #[must_use]
    pub fn embedded() -> Option<&'static [u8]> {
        include!(concat!(env!("OUT_DIR"), "/runtime.rs"))
    }

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
        elf::checksum(self.bytes).unwrap_or(0)
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
    let mut whole = Whole {
        bag: &bag,
        parts: BTreeMap::new(),
    };
    for module in &manifest.modules {
        let name = || format!("module {:?}", module.name);
        let sha256 = whole.part(&module.module, name)?;
        if sha256 != module.sha256 {
            return Err(BagError::Damaged(name()));
        }
        whole.part(&module.code, || format!("the code of {}", name()))?;
    }
    for dir in &manifest.dirs {
        for (path, entry) in &dir.entries {
            if let Entry::File(part) = entry {
                whole.part(part, || format!("file {path:?} of {:?}", dir.guest))?;
            }
        }
    }
    if let Some(state) = manifest.state {
        for part in [&state.header, &state.bytes] {
            whole.part(part, || "the state that it begins with".to_owned())?;
        }
    }
    if manifest.program != 0 {
        let start = bag.bytes().as_ptr().addr() - executable.as_ptr().addr();
        if elf::checksum_before(executable, start) != Some(manifest.program) {
            return Err(BagError::Damaged("its own program".to_owned()));
        }
    }
    Ok(bag)
}

/// The parts of a bag that were found to be whole, each looked at once: however often a manifest names
/// the same bytes, and whatever it says of them, that takes no longer than the bag is long.
struct Whole<'a> {
    bag: &'a Bag<'a>,
    /// By where they start, with their SHA-256.
    parts: BTreeMap<u64, (Part, [u8; 32])>,
}

impl Whole<'_> {
    /// The SHA-256 of a part, which has no byte in common with another.
    fn part(&mut self, part: &Part, what: impl Fn() -> String) -> Result<[u8; 32], BagError> {
        if let Some((known, sha256)) = self.parts.get(&part.start)
            && known == part
        {
            return Ok(*sha256);
        }
        let end = part.start.saturating_add(part.len);
        let before = self.parts.range(..end).next_back();
        if before.is_some_and(|(start, (known, _))| start + known.len > part.start) {
            return Err(BagError::Damaged(what()));
        }
        let sha256 = Sha256::digest(self.bag.part(part, what)?).into();
        self.parts.insert(part.start, (*part, sha256));
        Ok(sha256)
    }
}
