//! The bag: what an executable carries, as one run of bytes. A header, the parts, and at the end the
//! manifest, which says what each part is. Nothing in it is taken before its checksum was found to
//! be right: a bag that was damaged on its way does not open.
//!
//! Numbers are little-endian; every part begins at a multiple of [`ALIGN_BYTES`] from the start.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use holdall::Error;
use holdall_core::module::checksum;

use crate::manifest::Manifest;
use crate::no_room;

/// What a bag's address, and those of its parts, are multiples of: code runs where it lies.
pub(crate) const ALIGN_BYTES: usize = 16;

/// With a bit that no text has, so that what is damaged by a conversion of texts is seen at once.
pub(crate) const MAGIC: [u8; 8] = *b"\xf7holdall";
/// Of the format; another number is another format.
const FORMAT: u64 = 1;
/// Magic, format, length of the bag; start, length and checksum of the manifest; checksum of these.
pub(crate) const HEADER_BYTES: usize = 56;
/// The most that a manifest has. Read, it takes up to some 30 times as much memory.
const MAX_MANIFEST_BYTES: u64 = 64 << 20;

/// Why a bag does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BagError {
    /// There is none.
    #[error("it carries no program: it was not made by `holdall pack`, or is damaged")]
    None,
    /// Its bytes are not what was packed.
    #[error("it is damaged: {0} is not as it was packed; get it anew")]
    Damaged(String),
    /// It is of another version of holdall.
    #[error("it was packed by another version of holdall, with format {found}, not {FORMAT}")]
    Format {
        /// The format's number.
        found: u64,
    },
    /// The file that it is in cannot be read.
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

/// What a bag begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    /// The length of the bag.
    pub(crate) len: u64,
    pub(crate) manifest: Part,
}

impl Header {
    /// The header that these bytes begin with.
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
    /// As lowered code knows its module by.
    pub(crate) check: u64,
}

impl Part {
    /// How many bytes it has.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.len
    }

    /// Where it is in the bytes of a bag, whatever is there.
    fn of<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let start = usize::try_from(self.start).ok()?;
        let len = usize::try_from(self.len).ok()?;
        bytes.get(start..start.checked_add(len)?)
    }

    /// The same, if it is as it was packed.
    fn whole<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        self.of(bytes).filter(|found| checksum(found) == self.check)
    }
}

/// A bag whose manifest is as it was packed.
#[derive(Clone, Debug)]
pub struct Bag<'a> {
    bytes: &'a [u8],
    manifest: Manifest<'a>,
}

impl<'a> Bag<'a> {
    /// Opens a bag that `bytes` begin with. What follows it is not looked at.
    ///
    /// # Errors
    ///
    /// [`BagError`]: there is none, or its manifest is damaged or of another format.
    pub fn open(bytes: &'a [u8]) -> Result<Self, BagError> {
        let header = Header::read(bytes)?;
        let bytes = usize::try_from(header.len)
            .ok()
            .and_then(|len| bytes.get(..len))
            .ok_or_else(|| BagError::damaged("its end"))?;
        let manifest = header.manifest.whole(bytes);
        let manifest = Manifest::read(manifest.ok_or_else(|| BagError::damaged("its manifest"))?)?;
        Ok(Self { bytes, manifest })
    }

    /// What is in it.
    #[must_use]
    pub fn manifest(&self) -> &Manifest<'a> {
        &self.manifest
    }

    /// The bytes of a part, which `what` names.
    ///
    /// # Errors
    ///
    /// [`BagError::Damaged`] when they are not as they were packed.
    pub fn part(&self, wanted: &Part, what: impl FnOnce() -> String) -> Result<&'a [u8], BagError> {
        wanted
            .whole(self.bytes)
            .ok_or_else(|| BagError::Damaged(what()))
    }

    /// The same, of a part that several may be; `seen` are those that were looked at.
    pub(crate) fn part_once(
        &self,
        wanted: &Part,
        seen: &mut Seen,
        what: impl FnOnce() -> String,
    ) -> Result<&'a [u8], BagError> {
        match seen.first_time(wanted) {
            Some(true) => self.part(wanted, what),
            Some(false) => wanted
                .of(self.bytes)
                .ok_or_else(|| BagError::Damaged(what())),
            None => Err(BagError::Damaged(what())),
        }
    }

    /// Whether these bytes are those of a part, where the bag has them.
    pub(crate) fn has(&self, bytes: &[u8], part: &Part) -> bool {
        let own = part.of(self.bytes);
        own.is_some_and(|own| std::ptr::eq(own, bytes))
    }
}

/// The parts of a bag that were looked at. Parts have no byte in common. So however often a manifest
/// names the same bytes, and whatever it says of them, they are looked at once, and that takes no longer
/// than the bag is long.
#[derive(Debug, Default)]
pub(crate) struct Seen(BTreeMap<u64, Part>);

impl Seen {
    /// Whether it was not met before; `None` where it has bytes in common with another one.
    pub(crate) fn first_time(&mut self, part: &Part) -> Option<bool> {
        // An empty part has nothing to look at, and no byte in common with any.
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

/// A bag that is being filled.
#[derive(Debug)]
pub struct Filling {
    bytes: Vec<u8>,
    /// Parts by their contents: what is the same is there once.
    parts: HashMap<(u64, u64), Part>,
}

impl Default for Filling {
    fn default() -> Self {
        Self::new()
    }
}

impl Filling {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bytes: vec![0; HEADER_BYTES],
            parts: HashMap::new(),
        }
    }

    /// Adds a part.
    pub fn part(&mut self, bytes: &[u8]) -> Part {
        let (len, check) = (bytes.len() as u64, checksum(bytes));
        if let Some(known) = self.parts.get(&(len, check))
            && known.of(&self.bytes) == Some(bytes)
        {
            return *known;
        }
        let start = self.bytes.len().next_multiple_of(ALIGN_BYTES);
        self.bytes.resize(start, 0);
        self.bytes.extend(bytes);
        let start = start as u64;
        let added = Part { start, len, check };
        self.parts.insert((len, check), added);
        added
    }

    /// The bytes of a part that was added.
    ///
    /// # Panics
    ///
    /// When it was added to another one.
    #[must_use]
    pub fn bytes(&self, wanted: &Part) -> &[u8] {
        wanted.of(&self.bytes).expect("a part of this one")
    }

    /// Closes it, with the manifest of its parts.
    ///
    /// # Errors
    ///
    /// When the manifest is longer than one may be.
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
        let all = self.bytes.len() as u64;
        let header = &mut self.bytes[..HEADER_BYTES];
        header[..8].copy_from_slice(&MAGIC);
        for (at, number) in (1..).zip([FORMAT, all, start, len, check]) {
            header[8 * at..8 * at + 8].copy_from_slice(&number.to_le_bytes());
        }
        let (numbers, own) = header.split_at_mut(HEADER_BYTES - 8);
        own.copy_from_slice(&checksum(numbers).to_le_bytes());
        Ok(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part that is looked at again each time that a manifest names it makes a small executable slow.
    #[test]
    fn a_part_is_looked_at_once_whatever_stands_between() {
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
