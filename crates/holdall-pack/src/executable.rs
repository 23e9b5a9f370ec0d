//! A packed executable as a file, for `inspect` and `unpack`. The file is read a piece at a time, and
//! never as a whole. A packed program reads its own bag otherwise, as `bag` and `files` have it: there
//! the system has mapped it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use memchr::memmem;
use object::ReadCache;
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::Xxh3;

use crate::bag::{BagError, HEADER_BYTES, Header, MAGIC, Part, Seen};
use crate::elf;
use crate::manifest::{Entry, Manifest};

/// The most bytes of a file that are in memory at a time.
const PIECE_BYTES: usize = 1 << 20;

/// Where an executable is read from.
trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// An executable that carries a bag.
pub struct Executable {
    source: RefCell<Box<dyn Source>>,
    size_bytes: u64,
    /// The bytes of the file that are its bag.
    bag: Range<u64>,
    /// The bytes of the file that are its machine code; an empty range where it has none.
    code: Range<u64>,
    /// The bytes of its manifest, found to be as they were packed.
    manifest: Vec<u8>,
}

impl Executable {
    /// The executable in a file.
    ///
    /// # Errors
    ///
    /// [`BagError`]: the file carries no bag, the manifest is damaged or of another format, or the file
    /// cannot be read.
    pub fn open(file: File) -> Result<Self, BagError> {
        Self::of(Box::new(file))
    }

    /// The executable that has these bytes.
    ///
    /// # Errors
    ///
    /// Those of [`Executable::open`].
    pub fn in_memory(bytes: Vec<u8>) -> Result<Self, BagError> {
        Self::of(Box::new(Cursor::new(bytes)))
    }

    fn of(mut source: Box<dyn Source>) -> Result<Self, BagError> {
        let size_bytes = source.seek(SeekFrom::End(0)).map_err(unreadable)?;
        let (start, header) = find(&mut source, size_bytes)?;
        let end = start
            .checked_add(header.len)
            .filter(|end| *end <= size_bytes);
        let end = end.ok_or_else(|| BagError::damaged("its end"))?;
        let code = elf::code(&ReadCache::new(&mut *source), start).unwrap_or(0..0);
        let mut executable = Self {
            source: source.into(),
            size_bytes,
            bag: start..end,
            code,
            manifest: Vec::new(),
        };
        let mut manifest = Vec::new();
        executable.read(
            &header.manifest,
            || "its manifest".to_owned(),
            |piece| {
                manifest.extend(piece);
                Ok::<_, BagError>(())
            },
        )?;
        Manifest::read(&manifest)?;
        executable.manifest = manifest;
        Ok(executable)
    }

    /// The number of bytes in the file.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The manifest of its bag. Each call decodes the manifest anew.
    ///
    /// # Panics
    ///
    /// Never: the manifest was decoded before.
    #[must_use]
    pub fn manifest(&self) -> Manifest<'_> {
        Manifest::read(&self.manifest).expect("it was read before")
    }

    /// Writes the bytes of a part to `to`. `what` names the part in an error.
    ///
    /// # Errors
    ///
    /// A [`BagError`] when the part is not as it was packed or cannot be read; else the writer's error.
    pub fn copy(
        &self,
        part: &Part,
        what: impl FnOnce() -> String,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        self.read(part, what, |piece| to.write_all(piece))
    }

    /// Checks that all parts are as they were packed, and the program around them.
    ///
    /// # Errors
    ///
    /// [`BagError`]: something is damaged, or cannot be read.
    pub fn check(&self) -> Result<(), BagError> {
        let manifest = self.manifest();
        let mut seen = Seen::default();
        let mut seen_code = Seen::default();
        let mut hashes: BTreeMap<(u64, u64), [u8; 32]> = BTreeMap::new();
        for module in &manifest.modules {
            let name = || format!("module {:?}", module.name);
            let part = &module.module;
            self.check_once(part, &mut seen, name)?;
            let known = hashes.get(&(part.start, part.len)).copied();
            let sha256 = known.map_or_else(|| self.sha256(part, name), Ok)?;
            hashes.insert((part.start, part.len), sha256);
            if sha256 != module.sha256 {
                return Err(BagError::Damaged(name()));
            }
            self.check_once(&module.code, &mut seen, || {
                format!("the code of {}", name())
            })?;
            if let Some(native) = &module.native {
                let name = || format!("the machine code of {}", name());
                self.check_once(&native.tables, &mut seen, name)?;
                match seen_code.first_time(&native.text) {
                    Some(true) => self.read_in(&self.code, &native.text, name, |_| Ok(()))?,
                    Some(false) => {}
                    None => return Err(BagError::Damaged(name())),
                }
            }
            if let Some(image) = module.image() {
                self.check_once(&image.bytes, &mut seen, || {
                    format!("the memory of {}", name())
                })?;
            }
        }
        for dir in &manifest.dirs {
            for (path, entry) in &dir.entries {
                if let Entry::File(part) = entry {
                    let name = || format!("file {path:?} of {:?}", dir.guest);
                    self.check_once(part, &mut seen, name)?;
                }
            }
        }
        if let Some(state) = manifest.state {
            for part in [&state.header, &state.bytes] {
                let name = || "the state that it begins with".to_owned();
                self.check_once(part, &mut seen, name)?;
            }
        }
        if manifest.program != 0 && self.program()? != Some(manifest.program) {
            return Err(BagError::damaged("its own program"));
        }
        Ok(())
    }

    fn check_once(
        &self,
        part: &Part,
        seen: &mut Seen,
        what: impl FnOnce() -> String,
    ) -> Result<(), BagError> {
        match seen.first_time(part) {
            Some(true) => self.read(part, what, |_| Ok(())),
            Some(false) => Ok(()),
            None => Err(BagError::Damaged(what())),
        }
    }

    fn sha256(&self, part: &Part, what: impl FnOnce() -> String) -> Result<[u8; 32], BagError> {
        let mut sha256 = Sha256::new();
        self.read(part, what, |piece| {
            sha256.update(piece);
            Ok::<_, BagError>(())
        })?;
        Ok(sha256.finalize().into())
    }

    /// The checksum of the program around the bag; `None` where that is no ELF program.
    fn program(&self) -> Result<Option<u64>, BagError> {
        let checked = elf::checked(
            &ReadCache::new(&mut **self.source.borrow_mut()),
            self.bag.start,
        );
        let Some(checked) = checked else {
            return Ok(None);
        };
        let mut sum = Xxh3::new();
        for range in checked {
            self.pieces(range, |piece| {
                sum.update(piece);
                Ok::<_, BagError>(())
            })?;
        }
        Ok(Some(sum.digest()))
    }

    /// Hands the bytes of a part to `take`, a piece at a time, and then says whether they were as they were
    /// packed. `what` names the part in an error.
    fn read<E: From<BagError>>(
        &self,
        part: &Part,
        what: impl FnOnce() -> String,
        take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.read_in(&self.bag, part, what, take)
    }

    /// [`Executable::read`], of a part of these bytes of the file.
    fn read_in<E: From<BagError>>(
        &self,
        all: &Range<u64>,
        part: &Part,
        what: impl FnOnce() -> String,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut sum = Xxh3::new();
        let start = all.start.checked_add(part.start);
        let end = start.and_then(|start| start.checked_add(part.len));
        let range = start.zip(end).filter(|(_, end)| *end <= all.end);
        if let Some((start, end)) = range {
            self.pieces(start..end, |piece| {
                sum.update(piece);
                take(piece)
            })?;
            if sum.digest() == part.check {
                return Ok(());
            }
        }
        Err(BagError::Damaged(what()).into())
    }

    /// Hands the bytes of a range of the file to `take`, a piece at a time.
    fn pieces<E: From<BagError>>(
        &self,
        range: Range<u64>,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut source = self.source.borrow_mut();
        source
            .seek(SeekFrom::Start(range.start))
            .map_err(unreadable)?;
        let mut left = range.end - range.start;
        let mut piece = vec![0; left.min(PIECE_BYTES as u64) as usize];
        while left > 0 {
            let piece = &mut piece[..left.min(PIECE_BYTES as u64) as usize];
            source.read_exact(piece).map_err(unreadable)?;
            take(piece)?;
            left -= piece.len() as u64;
        }
        Ok(())
    }
}

/// The first header of a bag in an executable, and its offset.
fn find(source: &mut dyn Source, size_bytes: u64) -> Result<(u64, Header), BagError> {
    source.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let magic = memmem::Finder::new(&MAGIC);
    // `bytes` are those from the offset `at` on. Their end is kept for the next round: a header may begin
    // there.
    let (mut at, mut bytes) = (0, Vec::new());
    loop {
        let more = (size_bytes - at - bytes.len() as u64).min(PIECE_BYTES as u64);
        if more == 0 {
            return Err(BagError::None);
        }
        let known = bytes.len();
        bytes.resize(known + more as usize, 0);
        source.read_exact(&mut bytes[known..]).map_err(unreadable)?;
        for found in magic.find_iter(&bytes) {
            match Header::read(&bytes[found..]) {
                // Not a header, or the start of one: the program's constants have the magic bytes too.
                Err(BagError::None) => {}
                header => return Ok((at + found as u64, header?)),
            }
        }
        let looked_at = bytes.len().saturating_sub(HEADER_BYTES - 1);
        bytes.drain(..looked_at);
        at += looked_at as u64;
    }
}

fn unreadable(error: io::Error) -> BagError {
    BagError::Unreadable(error.to_string())
}

impl Part {
    /// Whether a reader gives the bytes of this part, by length and checksum.
    ///
    /// # Errors
    ///
    /// Those of the reader.
    pub fn is(&self, bytes: &mut dyn Read) -> io::Result<bool> {
        let mut sum = Xxh3::new();
        let mut piece = vec![0; PIECE_BYTES];
        let mut len = 0;
        loop {
            match bytes.read(&mut piece)? {
                0 => return Ok(len == self.len && sum.digest() == self.check),
                read => {
                    sum.update(&piece[..read]);
                    len += read as u64;
                }
            }
        }
    }
}

impl fmt::Debug for Executable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executable")
            .field("size_bytes", &self.size_bytes)
            .field("bag", &self.bag)
            .finish_non_exhaustive()
    }
}
