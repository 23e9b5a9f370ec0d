//! What a module takes of the host's memory, reckoned before anything is made of the module.

use std::borrow::Cow;
use std::ops::Range;

use wasmparser::{DataKind, Payload};

use super::from_wasmparser::FEATURES;
use super::parse::parser;

// What an item of a section becomes, in bytes: our structures, the most that the linker keeps beside
// each, and what the validator has for a while. `Limits::memory_bytes` tells these numbers.
const TYPE: usize = 768;
const IMPORT: usize = 512;
const FUNCTION: usize = 128;
const GLOBAL: usize = 96;
const SEGMENT: usize = 96;
const OTHER: usize = 64;
/// What a byte of types, constant expressions or element indices becomes, in bytes.
const BYTE: usize = 16;

/// The bytes of memory that a module of these bytes takes. Where the bytes are no module, counts up
/// to the fault.
#[must_use]
#[allow(
    clippy::ptr_arg,
    reason = "bytes that are a part of the program are not weighed"
)]
pub fn reckon(bytes: &Cow<'static, [u8]>) -> usize {
    let own = match bytes {
        Cow::Owned(bytes) => bytes.len(),
        // These bytes are a part of the program.
        Cow::Borrowed(_) => 0,
    };
    let payloads = parser(FEATURES).parse_all(bytes).map_while(Result::ok);
    payloads.fold(own, |sum, payload| sum.saturating_add(of_section(&payload)))
}

fn of_section(payload: &Payload<'_>) -> usize {
    match payload {
        Payload::TypeSection(it) => {
            let groups = it.clone().into_iter().map_while(Result::ok);
            // A module has fewer bytes than 2^32, and a type has at least one.
            let types = groups.map(|group| group.types().len() as u32).sum();
            items(types, it.range(), TYPE, BYTE)
        }
        Payload::ImportSection(it) => items(it.count(), it.range(), IMPORT, 1),
        Payload::FunctionSection(it) => items(it.count(), it.range(), FUNCTION, 0),
        Payload::TableSection(it) => items(it.count(), it.range(), OTHER, BYTE),
        Payload::TagSection(it) => items(it.count(), it.range(), OTHER, 0),
        Payload::MemorySection(it) => items(it.count(), it.range(), OTHER, 0),
        Payload::GlobalSection(it) => items(it.count(), it.range(), GLOBAL, BYTE),
        Payload::ExportSection(it) => items(it.count(), it.range(), OTHER, 1),
        Payload::ElementSection(it) => items(it.count(), it.range(), SEGMENT, BYTE),
        Payload::DataSection(it) => {
            let segments = it.clone().into_iter().map_while(Result::ok);
            let offsets = segments.map(|segment| match segment.kind {
                DataKind::Passive => 0,
                DataKind::Active { offset_expr, .. } => {
                    BYTE * offset_expr.get_binary_reader().bytes_remaining()
                }
            });
            items(it.count(), it.range(), SEGMENT, 0).saturating_add(offsets.sum())
        }
        _ => 0,
    }
}

/// The weight of a section. Whatever count the section claims, it cannot have more items than
/// bytes.
fn items(count: u32, range: Range<u64>, each: usize, byte: usize) -> usize {
    let size = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let items = (count as usize).min(size).saturating_mul(each);
    items.saturating_add(size.saturating_mul(byte))
}
