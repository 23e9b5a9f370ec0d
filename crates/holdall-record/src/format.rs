//! The records that a recording is made of, and how they lie in its bytes.
//!
//! A recording is [`MAGIC`] and then chunks: length (4 bytes), checksum (8 bytes, XXH3), payload. The payload of the
//! first chunk is the [`Header`], that of each other one holds whole records. So a recording whose process was ended
//! is readable up to its last whole chunk. Numbers are little-endian; headers and records are postcard's.

use std::borrow::Cow;

use holdall::provide::Stream;
use holdall::provide::record::Numbered;
use holdall::{Proposal, Proposals, Val, ValType};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// How a recording begins. The first byte is no ASCII, so that a transfer which converts texts is noticed.
pub(crate) const MAGIC: [u8; 8] = *b"\xf7holdrec";
/// The version of the format.
pub(crate) const FORMAT: u32 = 1;
/// The longest payload of a chunk that is read, in bytes.
const MAX_CHUNK_BYTES: usize = 64 << 20;
/// Bytes that are written are told in pieces of at most this size.
pub(crate) const PIECE_BYTES: usize = 1 << 20;
/// Of what a function of the host reads, this many bytes are kept as they are, and of more than that a checksum.
const SHORT_BYTES: usize = 256;
/// Length and checksum of a chunk.
const CHUNK_HEAD_BYTES: usize = 12;

/// What holds for a recording as a whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// The version of holdall that recorded.
    pub(crate) holdall: String,
    /// What messages call the program that recorded.
    pub(crate) program: String,
    pub(crate) settings: Settings,
    /// Whether values of the environment's variables were replaced.
    pub(crate) is_redacted: bool,
}

/// The settings of the engine and of the store that decide what guests do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) metering: bool,
    pub(crate) canonical_nans: bool,
    pub(crate) stack_bytes: u64,
    pub(crate) pool_bytes: Option<u64>,
    pub(crate) limits: LimitsRecord,
    /// The names of the proposals that are off.
    pub(crate) off: Vec<String>,
}

/// [`Limits`](holdall::Limits) without the deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LimitsRecord {
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) memory_bytes_each: Option<u64>,
    pub(crate) table_elements: u64,
    pub(crate) table_elements_each: u64,
    pub(crate) instances: u64,
    pub(crate) memories: u64,
    pub(crate) tables: u64,
    pub(crate) fuel: Option<u64>,
}

/// Something that happened. See [`HostEvent`](holdall::provide::record::HostEvent), whose variants have the same
/// names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Record<'a> {
    Function(Function),
    Memory {
        min: u64,
        max: Option<u64>,
        is_64: bool,
        shared: bool,
        page_size_log2: u8,
    },
    Global {
        is_mutable: bool,
        value: Value,
    },
    /// A module, before its first instance. Its number is how many there were before.
    Module(ModuleRecord),
    /// The next bytes of the module that came last.
    #[serde(borrow)]
    ModuleBytes(Cow<'a, [u8]>),
    Instance {
        module: u32,
        label: Option<String>,
        imports: Vec<Import>,
    },
    Instantiated {
        end: End,
        fuel: Option<u64>,
    },
    Call {
        func: Place,
        export: Option<String>,
        args: Vec<Value>,
    },
    Returned {
        end: End,
        fuel: Option<u64>,
    },
    HostCall {
        function: u32,
        caller: Option<u32>,
        args: Vec<Value>,
    },
    HostReturned {
        end: End,
        /// What the result is called, where it is the number of an error other than 0.
        errno: Option<String>,
        /// The fuel that the function took, without that of the guests that it called.
        spent: u64,
    },
    Read {
        memory: u32,
        at: u64,
        #[serde(borrow)]
        bytes: Seen<'a>,
    },
    Write {
        memory: u32,
        at: u64,
        #[serde(borrow)]
        bytes: Cow<'a, [u8]>,
    },
    Output {
        is_error: bool,
        #[serde(borrow)]
        bytes: Cow<'a, [u8]>,
    },
    Grow {
        memory: u32,
        pages: u64,
    },
    SetGlobal {
        global: u32,
        value: Value,
    },
    Limits(LimitsRecord),
    Other(String),
    /// The recording ends here because the run did.
    End,
}

/// What is said of a function of the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Function {
    /// `MODULE.NAME`.
    pub(crate) name: String,
    pub(crate) params: Vec<Type>,
    pub(crate) results: Vec<Type>,
    /// The parameters' names and how traces show them, where that is known.
    pub(crate) named: Vec<(String, How)>,
    /// What the error number 0 is called, where the result is one.
    pub(crate) success: Option<String>,
}

/// How an argument is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum How {
    Unsigned,
    Signed,
    Hex,
}

/// A module that was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ModuleRecord {
    pub(crate) sha256: [u8; 32],
    pub(crate) size_bytes: u64,
    pub(crate) name: Option<String>,
}

/// An import of a module, and what satisfies it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Import {
    pub(crate) module: String,
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// [`Numbered`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    Host(u32),
    Func { instance: u32, index: u32 },
    Memory(u32),
    Table(u32),
    Global(u32),
    Tag(u32),
}

/// A type of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Type {
    I32,
    I64,
    F32,
    F64,
    V128,
    Func,
    Extern,
    /// Another reference.
    Other,
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Value {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
    V128(u64, u64),
    Null,
    /// A reference that is not null. What it refers to is not recorded.
    Reference,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum End {
    Results(Vec<Value>),
    /// With the error with which the call ended that the host function had made last.
    Passed,
    Error(Failure),
}

/// An error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// What the host said around the cause, the outermost first.
    pub(crate) around: Vec<String>,
    pub(crate) cause: Cause,
}

/// The cause of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cause {
    Exit(i32),
    Trap {
        code: u8,
        detail: Option<String>,
    },
    Denied {
        module: String,
        function: String,
    },
    /// An exception that nobody caught.
    Exception(String),
    Text(String),
}

/// Bytes that were read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Seen<'a> {
    #[serde(borrow)]
    Bytes(Cow<'a, [u8]>),
    Sum {
        len: u64,
        sum: u64,
    },
}

impl<'a> Seen<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        match bytes.len() {
            0..=SHORT_BYTES => Self::Bytes(bytes.into()),
            len => Self::Sum {
                len: len as u64,
                sum: xxh3_64(bytes),
            },
        }
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Sum { len, .. } => *len,
        }
    }
}

impl Value {
    /// The value of a type in slots.
    pub(crate) fn of_slots(ty: ValType, [low, high]: [u64; 2]) -> Self {
        match ty {
            ValType::I32 => Self::I32(low as u32),
            ValType::I64 => Self::I64(low),
            ValType::F32 => Self::F32(low as u32),
            ValType::F64 => Self::F64(low),
            ValType::V128 => Self::V128(low, high),
            ValType::Ref(_) if low == 0 => Self::Null,
            ValType::Ref(_) => Self::Reference,
        }
    }

    pub(crate) fn of(value: &Val) -> Self {
        match *value {
            Val::I32(it) => Self::I32(it.cast_unsigned()),
            Val::I64(it) => Self::I64(it.cast_unsigned()),
            Val::F32(bits) => Self::F32(bits),
            Val::F64(bits) => Self::F64(bits),
            Val::V128(bits) => Self::V128(bits as u64, (bits >> 64) as u64),
            Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) => Self::Null,
            _ => Self::Reference,
        }
    }

    /// The number; `None` for a reference.
    pub(crate) fn to_number(self) -> Option<Val> {
        Some(match self {
            Self::I32(it) => Val::I32(it.cast_signed()),
            Self::I64(it) => Val::I64(it.cast_signed()),
            Self::F32(bits) => Val::F32(bits),
            Self::F64(bits) => Val::F64(bits),
            Self::V128(low, high) => Val::V128(u128::from(low) | u128::from(high) << 64),
            Self::Null | Self::Reference => return None,
        })
    }

    /// The value, of this type; `None` where it is of another, or the recording does not say which it is.
    pub(crate) fn to_val(self, ty: ValType) -> Option<Val> {
        if self == Self::Null {
            return matches!(ty, ValType::Ref(_)).then(|| Val::default_of(ty));
        }
        self.to_number().filter(|value| value.ty() == ty)
    }
}

impl Type {
    pub(crate) fn of(ty: ValType) -> Self {
        match ty {
            ValType::I32 => Self::I32,
            ValType::I64 => Self::I64,
            ValType::F32 => Self::F32,
            ValType::F64 => Self::F64,
            ValType::V128 => Self::V128,
            ty if ty == ValType::FUNCREF => Self::Func,
            ty if ty == ValType::EXTERNREF => Self::Extern,
            ValType::Ref(_) => Self::Other,
        }
    }

    pub(crate) fn ty(self) -> Option<ValType> {
        Some(match self {
            Self::I32 => ValType::I32,
            Self::I64 => ValType::I64,
            Self::F32 => ValType::F32,
            Self::F64 => ValType::F64,
            Self::V128 => ValType::V128,
            Self::Func => ValType::FUNCREF,
            Self::Extern => ValType::EXTERNREF,
            Self::Other => return None,
        })
    }
}

impl From<Numbered> for Place {
    fn from(numbered: Numbered) -> Self {
        match numbered {
            Numbered::Host(at) => Self::Host(at),
            Numbered::Func { instance, index } => Self::Func { instance, index },
            Numbered::Memory(at) => Self::Memory(at),
            Numbered::Table(at) => Self::Table(at),
            Numbered::Global(at) => Self::Global(at),
            Numbered::Tag(at) => Self::Tag(at),
        }
    }
}

impl From<Place> for Numbered {
    fn from(place: Place) -> Self {
        match place {
            Place::Host(at) => Self::Host(at),
            Place::Func { instance, index } => Self::Func { instance, index },
            Place::Memory(at) => Self::Memory(at),
            Place::Table(at) => Self::Table(at),
            Place::Global(at) => Self::Global(at),
            Place::Tag(at) => Self::Tag(at),
        }
    }
}

impl Settings {
    /// The proposals that are off; an error with the name of one that this version does not know.
    pub(crate) fn off(&self) -> Result<Proposals, &str> {
        let named = |name: &'_ String| Proposal::from_name(name);
        let unknown = self.off.iter().find(|name| named(name).is_none());
        match unknown {
            Some(name) => Err(name),
            None => Ok(self.off.iter().filter_map(named).collect()),
        }
    }
}

/// The stream of an [`Record::Output`].
pub(crate) fn stream(is_error: bool) -> Stream {
    match is_error {
        true => Stream::Stderr,
        false => Stream::Stdout,
    }
}

/// Puts a chunk with this payload behind `bytes`.
pub(crate) fn push_chunk(bytes: &mut Vec<u8>, payload: &[u8]) {
    bytes.extend((payload.len() as u32).to_le_bytes());
    bytes.extend(xxh3_64(payload).to_le_bytes());
    bytes.extend(payload);
}

/// A chunk at the start of bytes: the payload, and how many bytes the chunk has. `None` where there is no whole chunk
/// as it was written.
pub(crate) fn take_chunk(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (head, rest) = bytes.split_at_checked(CHUNK_HEAD_BYTES)?;
    let (len, sum) = head.split_at(4);
    let len = u32::from_le_bytes(len.try_into().ok()?) as usize;
    if len > MAX_CHUNK_BYTES {
        return None;
    }
    let payload = rest.get(..len)?;
    let is_whole = xxh3_64(payload).to_le_bytes() == *sum;
    is_whole.then_some((payload, CHUNK_HEAD_BYTES + len))
}

/// Encodes a record behind `bytes`.
pub(crate) fn push_record(bytes: &mut Vec<u8>, record: &Record<'_>) {
    let start = std::mem::take(bytes);
    *bytes = postcard::to_extend(record, start).expect("a record is plain data");
}
