//! What one module may reach: its descriptors, arguments, environment, clocks and randomness.

use std::sync::{Arc, Mutex, PoisonError};

use wasi_common::RngCore;

use super::audit::watch::Watch;
use super::clocks::Clocks;
use super::descriptors::Descriptors;
use super::fault::{Errno, Result};
use super::strings::Strings;
use holdall::provide::HostState;

/// What one module may reach. Whatever is missing was not granted.
pub(super) struct Context {
    pub(super) descriptors: Descriptors,
    pub(super) args: Strings,
    pub(super) env: Strings,
    pub(super) clocks: Option<Clocks>,
    pub(super) random: Option<Box<dyn RngCore + Send + Sync>>,
    /// The open descriptors that the store has counted.
    pub(super) counted: usize,
    /// Descriptors that may be open at once.
    pub(super) max_descriptors: usize,
    /// Bytes that may still be written; `None` where no limit is set.
    pub(super) writable_bytes: Option<u64>,
    /// Who watches what is asked.
    pub(super) watch: Option<Watch>,
}

impl Context {
    pub(super) fn clocks(&mut self) -> Result<&mut Clocks> {
        self.clocks.as_mut().ok_or_else(|| Errno::Notcapable.into())
    }

    /// Whether waiting takes no time of the host's.
    pub(super) fn is_virtual(&self) -> bool {
        matches!(self.clocks, Some(Clocks::Virtual(_)))
    }

    /// Counts bytes that are to be written, or that a file is to grow by.
    pub(super) fn check_writable(&self, bytes: u64) -> Result<()> {
        match self.writable_bytes {
            Some(left) if bytes > left => Err(Errno::Dquot.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn count_written(&mut self, bytes: u64) {
        if let Some(left) = &mut self.writable_bytes {
            *left = left.saturating_sub(bytes);
        }
    }
}

/// What functions keep from call to call: the context of the module that imports them.
pub(super) struct State(pub(super) Arc<Mutex<Context>>);

/// A guest counts on the descriptors that it has. Clocks, randomness and what streams have to read
/// are another's to give, and go on from wherever they are.
impl HostState for State {
    fn unstorable(&self) -> Option<String> {
        let context = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        context.descriptors.changed()
    }
}
