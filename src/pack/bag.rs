//! The bag: what an executable carries, as one run of bytes. A header, the parts, and at the end the
//! manifest, which says what each part is. Nothing in it is taken before its checksum was found to
//! be right: a bag that was damaged on its way does not open.
//!
//! Numbers are little-endian; every part begins at a multiple of [`ALIGN_BYTES`] from the start.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use crate::module::checksum;

/// What a bag's address, and those of its parts, are multiples of: code runs where it lies.
pub const ALIGN_BYTES: usize = 16;

/// With a bit that no text has, so that what is damaged by a conversion of texts is seen at once.
pub(super) const MAGIC: [u8; 8] = *b"\xf7holdall";
/// Of the format; another number is another format.
const FORMAT: u64 = 2;
/// Magic, format, length of the bag; start, length and checksum of the manifest; checksum of these.
const HEADER_BYTES: usize = 56;

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
}

/// A run of bytes in a bag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub(super) start: u64,
    pub(super) len: u64,
    /// As lowered code knows its module by.
    pub(super) check: u64,
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
        let header = bytes
            .get(..HEADER_BYTES)
            .filter(|header| header.starts_with(&MAGIC))
            .ok_or(BagError::None)?;
        let numbers = |at: usize| {
            let number = &header[8 * at..8 * at + 8];
            u64::from_le_bytes(number.try_into().expect("eight bytes"))
        };
        if checksum(&header[..HEADER_BYTES - 8]) != numbers(6) {
            return Err(BagError::None);
        }
        let damaged = |what: &str| BagError::Damaged(what.to_owned());
        if numbers(1) != FORMAT {
            return Err(BagError::Format { found: numbers(1) });
        }
        let bytes = usize::try_from(numbers(2))
            .ok()
            .and_then(|len| bytes.get(..len))
            .ok_or_else(|| damaged("its end"))?;
        let manifest = Part {
            start: numbers(3),
            len: numbers(4),
            check: numbers(5),
        };
        let manifest = manifest
            .whole(bytes)
            .ok_or_else(|| damaged("its manifest"))?;
        let manifest = postcard::from_bytes(manifest).map_err(|_| damaged("its manifest"))?;
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

    /// Whether these bytes are those of a part, where the bag has them.
    pub(super) fn has(&self, bytes: &[u8], part: &Part) -> bool {
        let own = part.of(self.bytes);
        own.is_some_and(|own| std::ptr::eq(own, bytes))
    }

    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
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
    /// # Panics
    ///
    /// Never: a manifest is plain data.
    #[must_use]
    pub fn close(mut self, manifest: &Manifest<'_>) -> Vec<u8> {
        let manifest = postcard::to_stdvec(manifest).expect("a manifest is plain data");
        let Part { start, len, check } = self.part(&manifest);
        let all = self.bytes.len() as u64;
        let header = &mut self.bytes[..HEADER_BYTES];
        header[..8].copy_from_slice(&MAGIC);
        for (at, number) in (1..).zip([FORMAT, all, start, len, check]) {
            header[8 * at..8 * at + 8].copy_from_slice(&number.to_le_bytes());
        }
        let (numbers, own) = header.split_at_mut(HEADER_BYTES - 8);
        own.copy_from_slice(&checksum(numbers).to_le_bytes());
        self.bytes
    }
}
