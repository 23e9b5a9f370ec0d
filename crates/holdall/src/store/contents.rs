//! What a memory holds at first, as blocks: an image that travels with a module, or a memory of a snapshot.

use std::borrow::Cow;
use std::ops::Range;

use holdall_core::module::{BLOCK_BYTES, Blocks};

/// Bytes that lie in private mappings of files, such as the executable, and that nobody ever writes to.
#[derive(Clone, Copy, Debug)]
pub struct FileBytes(&'static [u8]);

impl FileBytes {
    /// These bytes.
    ///
    /// # Safety
    ///
    /// The bytes lie in private mappings of files, and nobody ever writes to them.
    #[must_use]
    pub unsafe fn new(bytes: &'static [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(self) -> &'static [u8] {
        self.0
    }

    /// Those of these bytes that are in the range.
    #[must_use]
    pub fn get(self, range: Range<usize>) -> Option<Self> {
        self.0.get(range).map(Self)
    }
}

/// The bytes of blocks, one block after another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockBytes<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether the bytes are [`FileBytes`].
    pub(super) in_file: bool,
}

/// The bytes of a graph's memories.
#[derive(Clone, Debug)]
pub(crate) enum StateBytes {
    /// Anywhere in the process.
    Anywhere(Cow<'static, [u8]>),
    /// In the executable.
    #[cfg(feature = "serde")]
    InFile(FileBytes),
}

impl StateBytes {
    /// The bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.blocks().bytes
    }

    /// The bytes as blocks.
    pub(crate) fn blocks(&self) -> BlockBytes<'_> {
        match self {
            Self::Anywhere(bytes) => BlockBytes::from(&**bytes),
            #[cfg(feature = "serde")]
            Self::InFile(bytes) => BlockBytes::from(*bytes),
        }
    }
}

impl<'a> From<&'a [u8]> for BlockBytes<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        let in_file = false;
        Self { bytes, in_file }
    }
}

impl From<FileBytes> for BlockBytes<'static> {
    fn from(FileBytes(bytes): FileBytes) -> Self {
        let in_file = true;
        Self { bytes, in_file }
    }
}

impl BlockBytes<'_> {
    /// Takes the bytes of the first blocks away, and gives them.
    pub(super) fn take(&mut self, blocks: u64) -> Self {
        let (first, rest) = self.bytes.split_at(blocks as usize * BLOCK_BYTES);
        self.bytes = rest;
        Self {
            bytes: first,
            ..*self
        }
    }
}

/// Blocks of a memory with their bytes.
#[derive(Debug)]
pub(crate) struct Contents<'a, P> {
    /// Ascending.
    pub(super) pieces: P,
    pub(super) bytes: BlockBytes<'a>,
}

/// The first contents of memory 0 of a module that travels in a program.
#[derive(Debug)]
pub struct Image {
    pieces: Box<[Blocks]>,
    bytes: BlockBytes<'static>,
}

impl Image {
    /// An image of these pieces.
    #[must_use]
    pub fn new(pieces: Vec<Blocks>, bytes: &'static [u8]) -> Self {
        let (pieces, bytes) = (pieces.into(), bytes.into());
        Self { pieces, bytes }
    }

    /// An image of these pieces, whose pages can be mapped.
    #[must_use]
    pub fn in_file(pieces: Vec<Blocks>, bytes: FileBytes) -> Self {
        let (pieces, bytes) = (pieces.into(), bytes.into());
        Self { pieces, bytes }
    }

    /// Whether the pieces ascend, lie within a memory of `size_bytes` bytes, and have all of the bytes.
    pub(crate) fn fits(&self, size_bytes: u64) -> bool {
        let block = BLOCK_BYTES as u64;
        let end = self.pieces.iter().try_fold(0_u64, |end, piece| {
            let is_behind = piece.first >= end;
            is_behind.then(|| piece.first.checked_add(piece.count))?
        });
        let count = self
            .pieces
            .iter()
            .try_fold(0_u64, |sum, piece| sum.checked_add(piece.count));
        let bytes = count.and_then(|count| count.checked_mul(block));
        end.is_some_and(|end| end <= size_bytes.div_ceil(block))
            && bytes == Some(self.bytes.bytes.len() as u64)
    }

    /// The image as contents of a memory that it fits.
    pub(crate) fn contents(&self) -> Contents<'static, impl Iterator<Item = Blocks> + Clone + '_> {
        Contents {
            pieces: self.pieces.iter().copied(),
            bytes: self.bytes,
        }
    }
}
