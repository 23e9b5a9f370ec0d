//! What a module takes of the host's memory, in the account of the store that holds it.

#![allow(
    clippy::ptr_arg,
    reason = "bytes that are a part of the program are not weighed"
)]

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmparser::{DataKind, Payload};

use super::parse::parser;
use crate::engine::Engine;
#[cfg(feature = "run")]
use crate::limits::Account;
use crate::limits::{Full, Held};

// What an item of a section becomes, in bytes: our structures, the most that the linker keeps beside
// each, and what the validator has for a while. `Limits::memory_bytes` tells these numbers.
const TYPE: usize = 256;
const IMPORT: usize = 512;
const FUNCTION: usize = 128;
const GLOBAL: usize = 96;
const SEGMENT: usize = 96;
const OTHER: usize = 64;
/// What a byte of types, constant expressions or element indices becomes.
const BYTE: usize = 16;

/// The weight of a module. It is in the account of whoever held the module first; before that it is in
/// nobody's.
#[derive(Debug)]
pub(crate) struct Weight {
    bytes: AtomicUsize,
    held: OnceLock<Held>,
}

impl Weight {
    /// The weight of a module of these bytes, reckoned before anything is made of them.
    ///
    /// # Errors
    ///
    /// When it alone is more than the engine's limits allow.
    pub(super) fn of(bytes: &Cow<'static, [u8]>, engine: &Engine) -> Result<Self, Full> {
        let bytes = reckon(bytes);
        engine.account().hold(bytes, WHAT).map(drop)?;
        Ok(Self {
            bytes: AtomicUsize::new(bytes),
            held: OnceLock::new(),
        })
    }

    /// Has the weight in this account, if it is in none yet.
    #[cfg(feature = "run")]
    pub(crate) fn hold_in(&self, account: &Account) -> Result<(), Full> {
        if self.held.get().is_none() {
            let held = account.hold(self.bytes.load(Ordering::Relaxed), WHAT)?;
            // Another thread may have been first: then this is given back.
            let _ = self.held.set(held);
        }
        Ok(())
    }

    /// Adds what was made of the module later.
    pub(super) fn grow(&self, more: usize, what: &'static str) -> Result<(), Full> {
        match self.held.get() {
            Some(held) => held.grow(more, what),
            None => {
                self.bytes.fetch_add(more, Ordering::Relaxed);
                Ok(())
            }
        }
    }
}

/// Holds what a module of these bytes will take, for as long as it is made.
#[cfg(feature = "run")]
pub(crate) fn hold(bytes: &Cow<'static, [u8]>, account: &Account) -> Result<Held, Full> {
    account.hold(reckon(bytes), WHAT)
}

const WHAT: &str = "a module";

/// What a module of these bytes takes. Of bytes that are no module, what there is up to the fault.
fn reckon(bytes: &Cow<'static, [u8]>) -> usize {
    let own = match bytes {
        Cow::Owned(bytes) => bytes.len(),
        // They are a part of the program.
        Cow::Borrowed(_) => 0,
    };
    let payloads = parser().parse_all(bytes).map_while(Result::ok);
    payloads.fold(own, |sum, payload| sum.saturating_add(of_section(&payload)))
}

fn of_section(payload: &Payload<'_>) -> usize {
    match payload {
        Payload::TypeSection(it) => items(it.count(), it.range(), TYPE, BYTE),
        Payload::ImportSection(it) => items(it.count(), it.range(), IMPORT, 1),
        Payload::FunctionSection(it) => items(it.count(), it.range(), FUNCTION, 0),
        Payload::TableSection(it) => items(it.count(), it.range(), OTHER, BYTE),
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

/// The weight of a section. More items than bytes it cannot have, whatever it says.
fn items(count: u32, range: Range<u64>, each: usize, byte: usize) -> usize {
    let size = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let items = (count as usize).min(size).saturating_mul(each);
    items.saturating_add(size.saturating_mul(byte))
}
