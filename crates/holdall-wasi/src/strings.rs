//! Lists of strings as a guest gets them: arguments, and variables of the environment.

use wiggle::GuestPtr;

use super::abi::Ptr;
use super::fault::{Errno, Result};
use super::memory::Memory;

/// Strings, each with a zero behind it.
#[derive(Clone, Debug, Default)]
pub(super) struct Strings {
    bytes: Vec<u8>,
    /// Where each begins.
    starts: Vec<u32>,
}

impl Strings {
    /// Adds a string, which holds no zero byte, as long as all of them fit a guest's memory.
    pub(super) fn push(&mut self, string: &str) -> Result<()> {
        let start = u32::try_from(self.bytes.len())?;
        if self.bytes.len() + string.len() >= u32::MAX as usize {
            return Err(Errno::TooBig.into());
        }
        self.starts.push(start);
        self.bytes.extend_from_slice(string.as_bytes());
        self.bytes.push(0);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// How many there are, and how many bytes they take.
    pub(super) fn sizes(&self) -> Result<(u32, u32)> {
        Ok((
            u32::try_from(self.starts.len())?,
            u32::try_from(self.bytes.len())?,
        ))
    }

    /// Writes the bytes to `bytes` with `put`, and where each begins to `heads`; without strings nothing, and
    /// wherever these are.
    pub(super) fn write<'a>(
        &self,
        memory: &mut Memory<'a>,
        heads: Ptr,
        bytes: Ptr,
        put: fn(&mut Memory<'a>, Ptr, &[u8]) -> Result<()>,
    ) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let (count, _) = self.sizes()?;
        put(memory, bytes, &self.bytes)?;
        let heads = GuestPtr::<u32>::new(heads.0).as_array(count);
        for (head, start) in heads.iter().zip(&self.starts) {
            // The bytes were just written, so the sum is within memory.
            memory.write(head?, bytes.0 + start)?;
        }
        Ok(())
    }
}
