//! The bag: what an executable carries, as one run of bytes. A header, then the parts, and at the end
//! the manifest, which says what each part is. The bytes of a part are used only after their checksum
//! was found to be right: a damaged bag does not open.
//!
//! Numbers are little-endian; every part begins at a multiple of [`ALIGN_BYTES`] from the start.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use holdall::Error;
use holdall::internal::FileBytes;
use holdall_core::module::checksum;

use crate::manifest::Manifest;
use crate::no_room;

/// The address of a bag, and the start of each of its parts, is a multiple of this: code words run where
/// they lie.
pub(crate) const ALIGN_BYTES: usize = 16;

/// A bag begins at a multiple of this in an ELF file, and so do those of its parts whose pages are mapped
/// once more. Where the system has larger pages they are copied.
pub(crate) const PAGE_BYTES: usize = 4096;

/// How a bag begins. The first byte is no ASCII, so that a transfer which converts texts is noticed.
pub(crate) const MAGIC: [u8; 8] = *b"\xf7holdall";
/// The version of the format.
const FORMAT: u64 = 1;
/// Magic, format, length of the bag; start, length and checksum of the manifest; checksum of these.
pub(crate) const HEADER_BYTES: usize = 56;
/// The longest manifest, in bytes. Reading one takes up to some 30 times its length in memory.
const MAX_MANIFEST_BYTES: u64 = 64 << 20;

/// Why a bag does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BagError {
    /// There is no bag.
    #[error("it carries no program: it was not made by `holdall pack`, or is damaged")]
    None,
    /// The bytes of the bag are not those that were packed.
    #[error("it is damaged: {0} is not as it was packed; get it anew")]
    Damaged(String),
    /// Another version of holdall packed the bag, in another format.
    #[error("it was packed by another version of holdall, with format {found}, not {FORMAT}")]
    Format {
        /// The format's number.
        found: u64,
    },
    /// The file that holds the bag cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

impl BagError {
    pub(crate) fn damaged(what: &str) -> Self {
        Self::Damaged(what.to_owned())
    }
}

impl From<BagError> for std::io::Error {
    fn from(error: BagError) -> Self {
        Self::other(error)
    }
}

/// The header of a bag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// The length of the bag.
    pub(crate) len: u64,
    pub(crate) manifest: Part,
}

impl Header {
    /// The header at the start of these bytes.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, BagError> {
        let header = bytes
            .get(..HEADER_BYTES)
            .filter(|header| header.starts_with(&MAGIC))
            .ok_or(BagError::None)?;
        let number = |at: usize| {
            let number = &header[8 * at..8 * at + 8];
            u64::from_le_bytes(number.try_into().expect("eight bytes"))
        };
        if checksum(&header[..HEADER_BYTES - 8]) != number(6) {
            return Err(BagError::None);
        }
        if number(1) != FORMAT {
            return Err(BagError::Format { found: number(1) });
        }
        let manifest = Part {
            start: number(3),
            len: number(4),
            check: number(5),
        };
        if manifest.len > MAX_MANIFEST_BYTES {
            return Err(BagError::damaged("its manifest"));
        }
        Ok(Self {
            len: number(2),
            manifest,
        })
    }
}

/// A run of bytes in a bag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub(crate) start: u64,
    pub(crate) len: u64,
    /// The checksum by which lowered code knows its module.
    pub(crate) check: u64,
}

impl Part {
    /// The number of bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.len
    }

    /// The bytes of this part in those of a bag, not checked.
    pub(crate) fn of<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        bytes.get(self.range()?)
    }

    /// The indices of its bytes in a bag.
    fn range(&self) -> Option<Range<usize>> {
        let start = usize::try_from(self.start).ok()?;
        let len = usize::try_from(self.len).ok()?;
        Some(start..start.checked_add(len)?)
    }

    /// The first bytes of this part in those of a bag, if there are as many with this checksum.
    fn head<'a>(&self, bytes: &'a [u8], len: u64, check: u64) -> Option<&'a [u8]> {
        let head = Self {
            len,
            check,
            ..*self
        };
        (len <= self.len).then(|| head.whole(bytes))?
    }

    /// The bytes of this part in those of a bag, or of machine code, if they are as they were packed.
    pub(crate) fn whole<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        self.of(bytes).filter(|found| checksum(found) == self.check)
    }
}

/// An open bag: its manifest is as it was packed.
#[derive(Clone, Debug)]
pub struct Bag<'a> {
    bytes: &'a [u8],
    manifest: Manifest<'a>,
    /// The same bytes, where they lie in a file that the system has mapped.
    file: Option<FileBytes>,
}

impl Bag<'static> {
    /// [`Bag::open`], of bytes that lie in the executable.
    pub(crate) fn in_file(bytes: FileBytes) -> Result<Self, BagError> {
        let bag = Self::open(bytes.as_slice())?;
        let file = Some(bytes);
        Ok(Self { file, ..bag })
    }

    /// The bytes of a part, not checked, as bytes whose pages can be mapped once more; `None` where the bag does
    /// not lie in a file.
    pub(crate) fn part_in_file(&self, wanted: &Part) -> Option<FileBytes> {
        self.file?.get(wanted.range()?)
    }
}

impl<'a> Bag<'a> {
    /// Opens the bag at the start of `bytes`. Bytes after the bag are ignored.
    ///
    /// # Errors
    ///
    /// [`BagError`]: there is no bag, or its manifest is damaged or of another format.
    pub fn open(bytes: &'a [u8]) -> Result<Self, BagError> {
        let header = Header::read(bytes)?;
        let bytes = usize::try_from(header.len)
            .ok()
            .and_then(|len| bytes.get(..len))
            .ok_or_else(|| BagError::damaged("its end"))?;
        let manifest = header.manifest.whole(bytes);
        let manifest = Manifest::read(manifest.ok_or_else(|| BagError::damaged("its manifest"))?)?;
        Ok(Self {
            bytes,
            manifest,
            file: None,
        })
    }

    /// The manifest, which says what is in the bag.
    #[must_use]
    pub fn manifest(&self) -> &Manifest<'a> {
        &self.manifest
    }

    /// The bytes of a part. `what` names the part in an error.
    ///
    /// # Errors
    ///
    /// [`BagError::Damaged`] when the bytes are not as they were packed.
    pub fn part(&self, wanted: &Part, what: impl FnOnce() -> String) -> Result<&'a [u8], BagError> {
        wanted
            .whole(self.bytes)
            .ok_or_else(|| BagError::Damaged(what()))
    }

    /// The bytes of a part of which only the first `len` bytes are checked now, against their own checksum.
    pub(crate) fn part_by_head(
        &self,
        wanted: &Part,
        (len, check): (u64, u64),
        what: impl FnOnce() -> String,
    ) -> Result<&'a [u8], BagError> {
        match wanted.head(self.bytes, len, check) {
            Some(_) => self.unchecked(wanted, what),
            None => Err(BagError::Damaged(what())),
        }
    }

    /// [`Bag::part`], of a part that may be named several times: the bytes are checked the first time,
    /// which `seen` remembers.
    pub(crate) fn part_once(
        &self,
        wanted: &Part,
        seen: &mut Seen,
        what: impl FnOnce() -> String,
    ) -> Result<&'a [u8], BagError> {
        match seen.first_time(wanted) {
            Some(true) => self.part(wanted, what),
            Some(false) => self.unchecked(wanted, what),
            None => Err(BagError::Damaged(what())),
        }
    }

    /// Checks what guests alone use: the machine code of all modules, which lies in `code`, with its tables, and the
    /// images of their memories.
    ///
    /// # Errors
    ///
    /// [`BagError::Damaged`] when something of it is not as it was packed.
    pub fn check_guests(&self, code: &[u8]) -> Result<(), BagError> {
        for module in &self.manifest.modules {
            if let Some(native) = &module.native {
                let what = || machine_code_of(module.name);
                self.part(&native.tables, what)?;
                let text = native.text.whole(code);
                text.ok_or_else(|| BagError::Damaged(what()))?;
            }
            if let Some(image) = module.image() {
                self.part(&image.bytes, || memory_of(module.name))?;
            }
        }
        Ok(())
    }

    /// How many bytes [`check_guests`](Self::check_guests) looks at.
    pub(crate) fn guest_bytes(&self) -> u64 {
        let modules = self.manifest.modules.iter();
        let parts = modules.flat_map(|module| {
            let native = module.native.as_ref();
            let tables = native.map(|native| &native.tables);
            let text = native.map(|native| &native.text);
            [tables, text, module.image().map(|image| &image.bytes)]
        });
        parts
            .flatten()
            .map(|part| part.len)
            .fold(0, u64::saturating_add)
    }

    /// The bytes of a part, not checked. `what` names the part in an error.
    pub(crate) fn unchecked(
        &self,
        wanted: &Part,
        what: impl FnOnce() -> String,
    ) -> Result<&'a [u8], BagError> {
        wanted
            .of(self.bytes)
            .ok_or_else(|| BagError::Damaged(what()))
    }

    /// Whether `bytes` are the very bytes that the bag holds of a part, not only equal ones.
    pub(crate) fn has(&self, bytes: &[u8], part: &Part) -> bool {
        let own = part.of(self.bytes);
        own.is_some_and(|own| std::ptr::eq(own, bytes))
    }
}

/// What an error calls the machine code of a module.
pub(crate) fn machine_code_of(name: &str) -> String {
    format!("the machine code of module {name:?}")
}

/// What an error calls the image of a module's memory.
pub(crate) fn memory_of(name: &str) -> String {
    format!("the memory of module {name:?}")
}

/// The parts of a bag whose bytes were checked already. Parts that overlap are refused. So each byte is
/// checked at most once, however often a hostile manifest names it, and a check of all parts takes time
/// by the length of the bag.
#[derive(Debug, Default)]
pub(crate) struct Seen(BTreeMap<u64, Part>);

impl Seen {
    /// Whether a part was not met before; `None` where it overlaps another part.
    pub(crate) fn first_time(&mut self, part: &Part) -> Option<bool> {
        // An empty part has no bytes to check, and overlaps none.
        if part.len == 0 {
            return Some(true);
        }
        if self.0.get(&part.start) == Some(part) {
            return Some(false);
        }
        let end = part.start.checked_add(part.len)?;
        if let Some((start, before)) = self.0.range(..end).next_back()
            && start + before.len > part.start
        {
            return None;
        }
        self.0.insert(part.start, *part);
        Some(true)
    }
}

/// Parts that are put together. Equal bytes are stored once.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) bytes: Vec<u8>,
    /// The parts by length and checksum.
    known: HashMap<(u64, u64), Part>,
}

impl Parts {
    /// Adds bytes at a multiple of `align`, and gives the part that they became.
    pub(crate) fn add(&mut self, bytes: &[u8], align: usize) -> Part {
        let (len, check) = (bytes.len() as u64, checksum(bytes));
        if let Some(known) = self.known.get(&(len, check))
            && known.of(&self.bytes) == Some(bytes)
        {
            return *known;
        }
        let start = self.bytes.len().next_multiple_of(align);
        self.bytes.resize(start, 0);
        self.bytes.extend(bytes);
        let start = start as u64;
        let added = Part { start, len, check };
        self.known.insert((len, check), added);
        added
    }
}

/// A bag that is being filled.
#[derive(Debug)]
pub struct Filling(Parts);

impl Default for Filling {
    fn default() -> Self {
        Self::new()
    }
}

impl Filling {
    /// An empty bag.
    #[must_use]
    pub fn new() -> Self {
        Self(Parts {
            bytes: vec![0; HEADER_BYTES],
            known: HashMap::new(),
        })
    }

    /// Adds bytes, and gives the part that they became.
    pub fn part(&mut self, bytes: &[u8]) -> Part {
        self.0.add(bytes, ALIGN_BYTES)
    }

    /// Adds bytes whose pages are to be pages of a memory, and gives the part that they became.
    pub(crate) fn pages(&mut self, bytes: &[u8]) -> Part {
        self.0.add(bytes, PAGE_BYTES)
    }

    /// The bytes of a part that was added to this bag.
    ///
    /// # Panics
    ///
    /// When the part was added to another bag.
    #[must_use]
    pub fn bytes(&self, wanted: &Part) -> &[u8] {
        wanted.of(&self.0.bytes).expect("a part of this one")
    }

    /// Closes the bag with its manifest, and gives its bytes.
    ///
    /// # Errors
    ///
    /// When the manifest is longer than 64 MiB.
    ///
    /// # Panics
    ///
    /// Never: a manifest is plain data.
    pub fn close(mut self, manifest: &Manifest<'_>) -> Result<Vec<u8>, Error> {
        let manifest = manifest.write();
        if manifest.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(no_room(format!(
                "what is to be packed has too many files: the list of their names would take {} bytes, \
                 more than the {MAX_MANIFEST_BYTES} that it may; put some into an archive",
                manifest.len()
            )));
        }
        let Part { start, len, check } = self.part(&manifest);
        let mut bytes = self.0.bytes;
        let all = bytes.len() as u64;
        let header = &mut bytes[..HEADER_BYTES];
        header[..8].copy_from_slice(&MAGIC);
        for (at, number) in (1..).zip([FORMAT, all, start, len, check]) {
            header[8 * at..8 * at + 8].copy_from_slice(&number.to_le_bytes());
        }
        let (numbers, own) = header.split_at_mut(HEADER_BYTES - 8);
        own.copy_from_slice(&checksum(numbers).to_le_bytes());
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If a part were checked each time that a manifest names it, a small executable could take hours.
    #[test]
    fn a_part_is_checked_once_however_often_it_is_named() {
        let part = |start, len| Part {
            start,
            len,
            check: 0,
        };
        let mut seen = Seen::default();
        for (part, expected) in [
            (part(64, 32), Some(true)),
            (part(64, 0), Some(true)),
            (part(64, 32), Some(false)),
            (part(70, 0), Some(true)),
            (part(96, 16), Some(true)),
            (part(32, 32), Some(true)),
            (part(64, 32), Some(false)),
            (part(64, 31), None),
            (part(64, 33), None),
            (part(95, 1), None),
            (part(0, 200), None),
            (part(65, 1), None),
            (part(u64::MAX, 2), None),
            (part(32, 32), Some(false)),
        ] {
            assert_eq!(seen.first_time(&part), expected, "{part:?}");
        }
    }
}
