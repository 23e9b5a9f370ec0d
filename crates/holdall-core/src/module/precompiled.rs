//! Lowered code of a whole module as bytes: a header, where the words of each function end, and the
//! words. The code is made where the module is packed, and runs where the bytes lie. Does not know
//! what code words say.
//!
//! The header has the checksum of the module that the code was lowered from, so that code does not
//! run with another module. The checksum (XXH3) finds mistakes, not malice, and is as fast as
//! memory. An attacker gains nothing by two modules of one checksum: whoever can choose the module
//! beside some code can choose the code as well.
//!
//! Numbers are little-endian; the words are in the byte order of the machine that runs them.

use std::convert::Infallible;
use std::fmt;
use std::sync::OnceLock;

use xxhash_rust::xxh3::xxh3_64;

use super::proposals::Proposals;
use super::sections::Sections;
use super::side_by_side::side_by_side;
use crate::ir::Word;
use crate::lower::{self, Settings, Target};
use crate::watch::Watch;

const MAGIC: [u8; 8] = *b"holdcode";
/// What code words mean in this build: a digest, in hexadecimal digits, of the sources that make
/// and run code words. The build script computes it.
pub const MEANING_OF_CODE: [u8; 16] = *env!("HOLDALL_MEANING_OF_CODE")
    .as_bytes()
    .as_array()
    .unwrap();

/// Magic, flags, functions, meaning; where the words begin, how many there are, the module's checksum,
/// the proposals that the module uses.
const HEADER_BYTES: usize = 56;
const WORD_BYTES: usize = size_of::<Word>();

const SEQUENCES: u32 = 1;
const METERING: u32 = 2;
const CANONICAL_NANS: u32 = 4;
const BIG_ENDIAN: u32 = 8;

/// Why code cannot run in an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The bytes are no code, or not all of it.
    Broken,
    /// The code does not lie at a multiple of the bytes that it has to: 8 for lowered code, 64 for native.
    Place,
    /// Another build of holdall made the code.
    Build,
    /// The code is for a machine with the other byte order.
    ByteOrder,
    /// The code is for a processor with other instructions.
    Processor,
    /// The code is for an engine with another configuration.
    Config,
    /// The module uses these proposals, which the engine does not take.
    Proposals(Proposals),
    /// The code was lowered from another module.
    Module,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its precompiled code ")?;
        f.write_str(match self {
            Self::Broken => "is not complete",
            Self::Place => "is not at an address where it can be",
            Self::Build => "was made by another build of holdall; make it with this one",
            Self::ByteOrder => "is for machines with the other byte order",
            Self::Processor => {
                "needs what this processor does not have; make it for this one, or for all of its kind"
            }
            Self::Config => {
                "is for engines with other metering or NaNs; make it with the same configuration"
            }
            Self::Module => "was made of another module; make it of this one",
            Self::Proposals(proposals) => {
                return write!(
                    f,
                    "is of a module that needs {proposals}, which the engine has off"
                );
            }
        })
    }
}

/// The header of a module's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    functions: u32,
    /// Where the words begin, in bytes from the start of the header.
    words: usize,
    /// The checksum of the module that the code was lowered from.
    checksum: u64,
}

impl Header {
    /// Checks that the code was lowered from the module with this checksum.
    ///
    /// # Errors
    /// [`Unfit::Module`]: the code was lowered from another module.
    pub fn check_module(&self, checksum: u64) -> Result<(), Unfit> {
        (self.checksum == checksum)
            .then_some(())
            .ok_or(Unfit::Module)
    }

    /// The header of `code`, if the executor `here` can run the code in an engine with these
    /// settings, which takes modules that use the proposals in `on`.
    ///
    /// # Errors
    /// Why the executor cannot run the code.
    pub fn of(settings: Settings, on: Proposals, here: Target, code: &[u8]) -> Result<Self, Unfit> {
        let (head, _) = code
            .split_at_checked(HEADER_BYTES)
            .filter(|(head, _)| head.starts_with(&MAGIC))
            .ok_or(Unfit::Broken)?;
        if !code.as_ptr().addr().is_multiple_of(WORD_BYTES) {
            return Err(Unfit::Place);
        }
        let flags = number(head, 8);
        if head[16..32] != MEANING_OF_CODE || flags & SEQUENCES & !of_target(here) != 0 {
            return Err(Unfit::Build);
        }
        if (flags ^ of_target(here)) & BIG_ENDIAN != 0 {
            return Err(Unfit::ByteOrder);
        }
        if flags & !(SEQUENCES | BIG_ENDIAN) != of_settings(settings) {
            return Err(Unfit::Config);
        }
        let functions = number(head, 12);
        let words = number(head, 32) as usize;
        let all = number(head, 36) as usize;
        let expected = words.checked_add(all.checked_mul(WORD_BYTES).ok_or(Unfit::Broken)?);
        if expected != Some(code.len()) || words != words_at(functions as usize) {
            return Err(Unfit::Broken);
        }
        let long = |at| u64::from_le_bytes(*head[at..].first_chunk().expect("eight bytes"));
        let lacking = Proposals::from_bits(long(48)).difference(on);
        if !lacking.is_empty() {
            return Err(Unfit::Proposals(lacking));
        }
        let checksum = long(40);
        Ok(Self {
            functions,
            words,
            checksum,
        })
    }
}

/// Lowers the functions of a module that are `wanted`, by their indices among those that it defines, for the
/// executor `target`, and gives the code as bytes.
#[must_use]
pub fn write(
    module: &Sections,
    settings: Settings,
    target: Target,
    wanted: &(dyn Fn(u32) -> bool + Sync),
) -> Vec<u8> {
    let functions = module.num_defined_funcs();
    let lowered: Box<[OnceLock<Vec<Word>>]> = (0..functions).map(|_| OnceLock::new()).collect();
    let bytes = module.bodies_bytes();
    let indices = (0..functions as u32).filter(|index| wanted(*index));
    let indices = indices.collect();
    let done = side_by_side(indices, bytes, Watch::nothing, |watch, index: u32| {
        // A body that validated can be lowered, and nothing ends the work.
        if let Ok(words) = lower::words(module, settings, index, target, watch) {
            let _ = lowered[index as usize].set(words);
        }
        Ok::<(), (u32, Infallible)>(())
    });
    debug_assert!(done.is_ok(), "no function has a fault");

    let all: usize = lowered
        .iter()
        .map(|words| words.get().map_or(0, Vec::len))
        .sum();
    let words_at = words_at(functions);
    let mut bytes = Vec::with_capacity(words_at + all * WORD_BYTES);
    bytes.extend(MAGIC);
    bytes.extend((of_target(target) | of_settings(settings)).to_le_bytes());
    bytes.extend((functions as u32).to_le_bytes());
    bytes.extend(MEANING_OF_CODE);
    // A module has at most 1 GiB, and its lowered code a few times as many bytes: 32 bits can count
    // the words.
    bytes.extend((words_at as u32).to_le_bytes());
    bytes.extend((all as u32).to_le_bytes());
    bytes.extend(checksum(&module.bytes).to_le_bytes());
    bytes.extend(Proposals::of(&module.bytes).to_bits().to_le_bytes());
    debug_assert_eq!(bytes.len(), HEADER_BYTES);
    let mut end = 0;
    for words in &lowered {
        end += words.get().map_or(0, Vec::len) as u32;
        bytes.extend(end.to_le_bytes());
    }
    bytes.resize(words_at, 0);
    for words in &lowered {
        for word in words.get().into_iter().flatten() {
            for part in [word.op, word.a, word.b, word.c] {
                bytes.extend(if target.big_endian {
                    part.to_be_bytes()
                } else {
                    part.to_le_bytes()
                });
            }
        }
    }
    bytes
}

/// The checksum by which code knows the module that it was lowered from.
#[must_use]
pub fn checksum(module: &[u8]) -> u64 {
    xxh3_64(module)
}

/// The code words of each of the `functions` functions of a module, where they lie in `code`; empty
/// for a function that is lowered when it is called.
///
/// # Errors
/// When the code is of a module with other functions, or not complete.
///
/// # Safety
///
/// [`Header::of`] gave the header of this code, so that the words begin at a multiple of their size.
pub unsafe fn read(
    header: Header,
    code: &'static [u8],
    functions: usize,
) -> Result<Vec<&'static [Word]>, Unfit> {
    if header.functions as usize != functions {
        return Err(Unfit::Module);
    }
    let (index, words) = code.split_at(header.words);
    // SAFETY: `Header::of` found that the code lies at a multiple of a word's size, and the words
    // at such a multiple from its start. Any bytes are a valid word.
    let words: &'static [Word] =
        unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len() / WORD_BYTES) };
    let mut start = 0;
    (0..functions)
        .map(|function| {
            let end = number(index, HEADER_BYTES + 4 * function) as usize;
            let own = words.get(start..end).ok_or(Unfit::Broken)?;
            start = end;
            Ok(own)
        })
        .collect()
}

/// Where the words begin, in bytes: behind the header and the ends of `functions` functions.
fn words_at(functions: usize) -> usize {
    (HEADER_BYTES + 4 * functions).next_multiple_of(16)
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn of_target(target: Target) -> u32 {
    let sequences = if target.sequences { SEQUENCES } else { 0 };
    let order = if target.big_endian { BIG_ENDIAN } else { 0 };
    sequences | order
}

fn of_settings(settings: Settings) -> u32 {
    let metering = if settings.metering { METERING } else { 0 };
    let nans = if settings.canonical_nans {
        CANONICAL_NANS
    } else {
        0
    };
    metering | nans
}
