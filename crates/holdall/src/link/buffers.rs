//! The buffers that readers gave out: each goes back to its reader exactly once, the newest first,
//! when their last holder is dropped.

use std::borrow::Cow;
use std::sync::Arc;

use super::reader::ModuleReader;
use crate::limits::Held;

/// Buffers that will go back, oldest first. A clone holds the same buffers: each goes back when
/// nobody holds it any more.
#[derive(Clone, Default)]
pub(super) struct Buffers(Vec<Arc<Buffer>>);

struct Buffer {
    name: Arc<str>,
    bytes: Cow<'static, [u8]>,
    reader: Arc<dyn ModuleReader>,
    _held: Held,
}

impl Buffers {
    /// Keeps a buffer that `reader` gave out, and the buffer's bytes in an account.
    pub(super) fn keep(
        &mut self,
        reader: &Arc<dyn ModuleReader>,
        name: &Arc<str>,
        bytes: Cow<'static, [u8]>,
        held: Held,
    ) {
        self.0.push(Arc::new(Buffer {
            name: Arc::clone(name),
            bytes,
            reader: Arc::clone(reader),
            _held: held,
        }));
    }

    /// Appends the buffers of `newer`, which go back before those that are here.
    pub(super) fn append(&mut self, newer: &mut Self) {
        self.0.append(&mut newer.0);
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.reader.destroy(&self.name, bytes);
    }
}
