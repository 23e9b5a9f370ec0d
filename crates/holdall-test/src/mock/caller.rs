//! Who calls a mock.

use std::fmt;

use holdall::{Caller, Extern};
use holdall_wasi::Time;

/// The caller of a mock's closure: its memory, and the case's time.
pub struct MockCaller<'a> {
    pub(super) caller: Caller<'a, ()>,
    pub(super) time: Time,
    pub(super) nth: u64,
}

impl<'a> MockCaller<'a> {
    /// Which call of the mock this is in the run, counted from 1.
    #[must_use]
    pub fn nth(&self) -> u64 {
        self.nth
    }

    /// The time of the case.
    #[must_use]
    pub fn time(&self) -> &Time {
        &self.time
    }

    /// The memory that the calling module exports as `memory`.
    ///
    /// # Errors
    ///
    /// When it exports none.
    pub fn memory(&mut self) -> anyhow::Result<&mut [u8]> {
        match self.caller.get_export("memory") {
            Some(Extern::Memory(memory)) => Ok(memory.data_mut(&mut self.caller)),
            _ => anyhow::bail!("the calling module exports no memory as \"memory\""),
        }
    }

    /// Bytes of the caller's memory.
    ///
    /// # Errors
    ///
    /// When the caller exports no memory, or the bytes are outside of it.
    pub fn read(&mut self, at: u32, size_bytes: u32) -> anyhow::Result<&[u8]> {
        Ok(part(self.memory()?, at, size_bytes as usize)?)
    }

    /// A text in the caller's memory.
    ///
    /// # Errors
    ///
    /// When the caller exports no memory, the text is outside of it, or it is no text (UTF-8).
    pub fn text(&mut self, at: u32, size_bytes: u32) -> anyhow::Result<&str> {
        Ok(std::str::from_utf8(self.read(at, size_bytes)?)?)
    }

    /// Writes bytes to the caller's memory.
    ///
    /// # Errors
    ///
    /// When the caller exports no memory, or the bytes would be outside of it.
    pub fn write(&mut self, at: u32, bytes: &[u8]) -> anyhow::Result<()> {
        part(self.memory()?, at, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// The caller as host functions of the engine have it: its other exports, its store.
    pub fn caller(&mut self) -> &mut Caller<'a, ()> {
        &mut self.caller
    }
}

fn part(memory: &mut [u8], at: u32, size_bytes: usize) -> anyhow::Result<&mut [u8]> {
    let size = memory.len();
    let rest = memory.get_mut(at as usize..);
    rest.and_then(|rest| rest.get_mut(..size_bytes))
        .ok_or_else(|| {
            anyhow::anyhow!(
                "expected {size_bytes} bytes at {at:#x} of the caller's memory, which has {size}"
            )
        })
}

impl fmt::Debug for MockCaller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockCaller")
            .field("nth", &self.nth)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}
