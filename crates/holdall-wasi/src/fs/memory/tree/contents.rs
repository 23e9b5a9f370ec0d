//! What files hold: reading, writing and cutting it, within the limit of the tree.

use std::borrow::Cow;
use std::io::IoSlice;
use std::time::SystemTime;

use super::{HELD, Id, Kind, Tree};
use crate::fault::{Errno, Result};

/// Lower than this, memory that a file does not use any more stays with it.
const KEPT_BYTES: usize = 4096;

impl Tree {
    /// Writes at a place, or at the end; as many bytes as there is room for. Gives how many those
    /// were, and where the last of them ends.
    pub(in super::super) fn write(
        &mut self,
        id: Id,
        at: Option<u64>,
        bufs: &[IoSlice<'_>],
        now: SystemTime,
    ) -> Result<(usize, u64)> {
        let length = self.file(id)?.len() as u64;
        let at = at.unwrap_or(length);
        let wanted: u64 = bufs.iter().map(|buf| buf.len() as u64).sum();
        if wanted == 0 {
            return Ok((0, at));
        }
        let longest = self.longest(id)?;
        if at >= longest || length > longest {
            return Err(Errno::Nospc.into());
        }
        let mut left = usize::try_from(wanted.min(longest - at))?;
        let start = usize::try_from(at)?;
        self.change(id, now, |bytes| {
            let end = start.checked_add(left).ok_or(Errno::Fbig)?;
            let grows = end.saturating_sub(bytes.len());
            bytes.try_reserve(grows).map_err(|_| Errno::Nospc)?;
            if start > bytes.len() {
                bytes.resize(start, 0);
            }
            let mut to = start;
            for buf in bufs {
                let buf = &buf[..buf.len().min(left)];
                let (over, beyond) = buf.split_at(buf.len().min(bytes.len() - to));
                bytes[to..to + over.len()].copy_from_slice(over);
                bytes.extend_from_slice(beyond);
                to += buf.len();
                left -= buf.len();
            }
            Ok((to - start, to as u64))
        })
    }

    /// Cuts a file, or makes it longer with zeros.
    pub(in super::super) fn resize(&mut self, id: Id, size: u64, now: SystemTime) -> Result<()> {
        let bytes = self.file(id)?;
        if let (Cow::Borrowed(bytes), Ok(size)) = (bytes, usize::try_from(size))
            && let Some(kept) = bytes.get(..size)
        {
            let node = self.node_mut(id);
            node.kind = Kind::File(Cow::Borrowed(kept));
            node.times.write(now);
            return Ok(());
        }
        if size > self.longest(id)? {
            return Err(Errno::Nospc.into());
        }
        let size = usize::try_from(size)?;
        self.change(id, now, |bytes| {
            let grows = size.saturating_sub(bytes.len());
            bytes.try_reserve(grows).map_err(|_| Errno::Nospc)?;
            bytes.resize(size, 0);
            if bytes.capacity() > KEPT_BYTES {
                bytes.shrink_to(size.saturating_mul(2));
            }
            Ok(())
        })
    }

    /// The contents of a file.
    pub(in super::super) fn file(&self, id: Id) -> Result<&Cow<'static, [u8]>> {
        match &self.node(id).kind {
            Kind::File(bytes) => Ok(bytes),
            Kind::Dir(_) => Err(Errno::Isdir.into()),
            Kind::Link(_) => Err(Errno::Inval.into()),
        }
    }

    /// The size to which a file may grow.
    fn longest(&self, id: Id) -> Result<u64> {
        let counted = self.node(id).kind.bytes();
        self.file(id)?;
        Ok(counted.saturating_add(self.room()))
    }

    /// Changes the contents of a file, which then are the tree's own, and counts them.
    fn change<T>(
        &mut self,
        id: Id,
        now: SystemTime,
        change: impl FnOnce(&mut Vec<u8>) -> Result<T>,
    ) -> Result<T> {
        let node = self.nodes.get_mut(&id).expect(HELD);
        let counted = node.kind.bytes();
        let Kind::File(contents) = &mut node.kind else {
            return Err(Errno::Inval.into());
        };
        if let Cow::Borrowed(bytes) = *contents {
            let mut own = Vec::new();
            own.try_reserve(bytes.len()).map_err(|_| Errno::Nospc)?;
            own.extend_from_slice(bytes);
            *contents = Cow::Owned(own);
        }
        let changed = change(contents.to_mut());
        if changed.is_ok() {
            node.times.write(now);
        }
        self.bytes = self.bytes - counted + node.kind.bytes();
        changed
    }
}
