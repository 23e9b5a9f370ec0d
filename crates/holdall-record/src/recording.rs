//! A recording that was written: its bytes, what is in it, and the records one after the other.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::format::{
    FORMAT, Header, MAGIC, ModuleRecord, Record, push_chunk, push_record, take_chunk,
};
use crate::replay::Replay;
use crate::show::Shower;

/// What a host answered to the guests of a run, to be replayed, read or cut.
///
/// A recording may come from anywhere: nothing of it is believed that the replay has not checked, and its modules
/// are guests like others.
#[derive(Clone, Debug)]
pub struct Recording {
    bytes: Arc<[u8]>,
    header: Arc<Header>,
    modules: Vec<RecordedModule>,
    /// The number of the module that was instantiated last.
    root: Option<usize>,
    calls: u64,
    /// Where the first chunk of records begins, and where the last whole one ends.
    chunks: (usize, usize),
    is_complete: bool,
}

/// A module of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedModule {
    /// The name under which the module was loaded.
    pub name: Option<String>,
    /// The SHA-256 of its bytes in the binary format.
    pub sha256: [u8; 32],
    /// How many bytes these are.
    pub size_bytes: u64,
    /// The bytes, where they were recorded.
    pub bytes: Option<Arc<[u8]>>,
}

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file could not be read.
    #[error("cannot read the recording: {0}")]
    File(#[from] io::Error),
    /// The bytes are no recording.
    #[error("expected a recording, as `holdall run --record` writes it, found something else")]
    NoRecording,
    /// The beginning is not as it was written.
    #[error("the recording is damaged at its beginning: record again")]
    Damaged,
    /// Another version of holdall wrote it.
    #[error(
        "the recording has format {found}, of holdall {version}, expected format {FORMAT}: replay it with that \
         version, or record again"
    )]
    Format {
        /// The format's number.
        found: u32,
        /// The version of holdall that wrote it.
        version: String,
    },
}

impl Recording {
    /// Reads the recording in a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is no recording of this format.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        Self::from_bytes(std::fs::read(path)?)
    }

    /// The recording in bytes. What follows the last record that was written whole is left out.
    ///
    /// # Errors
    ///
    /// When the bytes are no recording of this format.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<Self, RecordingError> {
        let bytes = bytes.into();
        let rest = bytes.strip_prefix(&MAGIC);
        let rest = rest.ok_or(RecordingError::NoRecording)?;
        let (payload, len) = take_chunk(rest).ok_or(RecordingError::Damaged)?;
        let (format, _) = postcard::take_from_bytes::<u32>(payload).map_err(damaged)?;
        if format != FORMAT {
            let version = postcard::take_from_bytes::<(u32, String)>(payload);
            let version = version.map_or_else(|_| "?".to_owned(), |((_, version), _)| version);
            let found = format;
            return Err(RecordingError::Format { found, version });
        }
        let header: Header = postcard::from_bytes(payload).map_err(damaged)?;
        let start = MAGIC.len() + len;
        let mut recording = Self {
            header: Arc::new(header),
            modules: Vec::new(),
            root: None,
            calls: 0,
            chunks: (start, start),
            is_complete: false,
            bytes,
        };
        recording.look_through();
        Ok(recording)
    }

    /// Checks the chunks, and notes what is in them.
    fn look_through(&mut self) {
        let bytes = Arc::clone(&self.bytes);
        let mut pieces: Vec<Vec<u8>> = Vec::new();
        let mut end = self.chunks.1;
        'chunks: while let Some((mut payload, len)) = take_chunk(&bytes[end..]) {
            while !payload.is_empty() {
                let Ok((record, rest)) = postcard::take_from_bytes::<Record<'_>>(payload) else {
                    break 'chunks;
                };
                payload = rest;
                self.is_complete = false;
                match record {
                    Record::Module(ModuleRecord {
                        sha256,
                        size_bytes,
                        name,
                    }) => {
                        self.modules.push(RecordedModule {
                            name,
                            sha256,
                            size_bytes,
                            bytes: None,
                        });
                        pieces.push(Vec::new());
                    }
                    Record::ModuleBytes(bytes) => {
                        if let Some(piece) = pieces.last_mut() {
                            piece.extend_from_slice(&bytes);
                        }
                    }
                    Record::Instance { module, .. } => self.root = Some(module as usize),
                    Record::HostCall { .. } => self.calls += 1,
                    Record::End => self.is_complete = true,
                    _ => {}
                }
            }
            end += len;
        }
        self.chunks.1 = end;
        for (module, bytes) in self.modules.iter_mut().zip(pieces) {
            let digest: [u8; 32] = Sha256::digest(&bytes).into();
            if digest == module.sha256 {
                module.bytes = Some(bytes.into());
            }
        }
    }

    /// The modules, in the order of their first instances.
    #[must_use]
    pub fn modules(&self) -> &[RecordedModule] {
        &self.modules
    }

    /// The module that was instantiated last: the one that ran, which had the others linked.
    #[must_use]
    pub fn root(&self) -> Option<&RecordedModule> {
        self.modules.get(self.root?)
    }

    /// How many calls of functions of the host there are.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Whether the recording has all of a run. Else the process was ended that recorded, or the recording was cut or
    /// damaged.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether the values of the environment's variables were replaced.
    #[must_use]
    pub fn is_redacted(&self) -> bool {
        self.header.is_redacted
    }

    /// The version of holdall that recorded.
    #[must_use]
    pub fn holdall_version(&self) -> &str {
        &self.header.holdall
    }

    /// What messages call the program that recorded.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.header.program
    }

    /// A replay, to be told where modules are and how far to go.
    pub fn replay(&self) -> Replay {
        Replay::new(self.clone())
    }

    /// The bytes of a recording that ends behind the end of call number `calls` of functions of the host, the first
    /// being 1; or of the whole one, where there are fewer.
    #[must_use]
    pub fn until(&self, calls: u64) -> Vec<u8> {
        let mut bytes = self.bytes[..self.chunks.0].to_vec();
        let mut payload = Vec::new();
        let (mut begun, mut open, mut last) = (0, Vec::new(), false);
        let mut cursor = self.cursor();
        while let Some(record) = cursor.next(&self.bytes) {
            if begun >= calls && open.is_empty() && matches!(record, Record::HostCall { .. }) {
                break;
            }
            match record {
                Record::HostCall { .. } => {
                    begun += 1;
                    open.push(begun);
                }
                Record::HostReturned { .. } => last = open.pop() == Some(calls),
                _ => {}
            }
            push_record(&mut payload, &record);
            if last {
                break;
            }
            if payload.len() >= crate::format::PIECE_BYTES {
                push_chunk(&mut bytes, &payload);
                payload.clear();
            }
        }
        if !payload.is_empty() {
            push_chunk(&mut bytes, &payload);
        }
        bytes
    }

    /// Tells what is in the recording, in lines for people: for each call of the host's functions a line as a trace
    /// has it, with its number, and below it what was read and written. `tell` gets each line, and says whether to go on.
    pub fn show(&self, mut tell: impl FnMut(&str) -> bool) {
        for line in self.summary().lines() {
            if !tell(line) {
                return;
            }
        }
        let mut shower = Shower::default();
        let mut cursor = self.cursor();
        while let Some(record) = cursor.next(&self.bytes) {
            if let Some(line) = shower.line(&record)
                && !tell(&line)
            {
                return;
            }
            shower.note(&record);
        }
    }

    fn summary(&self) -> String {
        let mut text = String::new();
        let Header {
            holdall, settings, ..
        } = &*self.header;
        let _ = writeln!(
            text,
            "recorded by holdall {holdall}: {} calls of the host{}{}",
            self.calls,
            if self.is_complete { "" } else { ", cut off" },
            if self.is_redacted() {
                ", values of the environment replaced"
            } else {
                ""
            },
        );
        if let Some(fuel) = settings.limits.fuel.filter(|fuel| *fuel != u64::MAX) {
            let _ = writeln!(text, "limit: {fuel} units of fuel");
        }
        text
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    pub(crate) fn root_number(&self) -> Option<usize> {
        self.root
    }

    pub(crate) fn cursor(&self) -> Cursor {
        Cursor {
            at: self.chunks.0,
            end: self.chunks.0,
            chunks_end: self.chunks.1,
        }
    }
}

impl RecordedModule {
    /// The SHA-256 in hexadecimal.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        hex(&self.sha256)
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn damaged(_: postcard::Error) -> RecordingError {
    RecordingError::Damaged
}

/// A place in the records of a recording, all of which were decoded once.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    /// Where the next record begins.
    at: usize,
    /// Where the chunk ends that the next record is in.
    end: usize,
    /// Where the last chunk ends.
    chunks_end: usize,
}

impl Cursor {
    /// The next record.
    pub(crate) fn next<'a>(&mut self, bytes: &'a [u8]) -> Option<Record<'a>> {
        while self.at == self.end {
            if self.end == self.chunks_end {
                return None;
            }
            let (payload, len) = take_chunk(&bytes[self.end..self.chunks_end])?;
            self.end += len;
            self.at = self.end - payload.len();
        }
        let (record, rest) = postcard::take_from_bytes(&bytes[self.at..self.end]).ok()?;
        self.at = self.end - rest.len();
        Some(record)
    }

    /// The next record, which stays the next.
    pub(crate) fn peek<'a>(&self, bytes: &'a [u8]) -> Option<Record<'a>> {
        self.clone().next(bytes)
    }
}
