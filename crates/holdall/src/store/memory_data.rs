//! A linear memory's bytes: their size, and the bulk instructions with their bounds checks
//! (WebAssembly 2.0, 4.4.7). Both the executor and the embedding API call them.

use std::ptr::NonNull;

use crate::limits::{Held, Pool, Work};
use crate::store::{MemoryData, backing};
use crate::trap::TrapCode;
use crate::types::MemoryType;

// `base`, `len` and `pool` belong together: `backing` gave `base` for `len` bytes of `pool`, all of
// them initialised. Only this file changes them.

impl MemoryData {
    /// A memory of zeros; `held` holds its bytes in the account. `None` where the pool, or without
    /// a pool the host, has no room.
    ///
    /// # Errors
    ///
    /// When the work ended before the memory was complete.
    pub(crate) fn new(
        ty: MemoryType,
        size_bytes: usize,
        pool: Option<Pool>,
        held: Held,
        work: &mut Work<'_>,
    ) -> Result<Option<Self>, TrapCode> {
        let base = backing::allocate(pool.as_ref(), size_bytes, work)?;
        Ok(base.map(|base| Self {
            base,
            len: size_bytes,
            ty,
            pool,
            held,
        }))
    }

    /// Grows the memory to `len` bytes, at least as many as it has, the new ones zero. `None`, and
    /// nothing changed, where the account, the pool, or without a pool the host, has no room.
    /// Slices of the memory are invalid afterwards.
    ///
    /// # Errors
    ///
    /// When the work ended before the growth was done. Size and contents are what they were.
    pub(super) fn grow(&mut self, len: usize, work: &mut Work<'_>) -> Result<Option<()>, TrapCode> {
        let more = len - self.len;
        if more == 0 {
            return Ok(Some(()));
        }
        if self.held.grow(more, "a linear memory").is_err() {
            return Ok(None);
        }
        let pool = self.pool.as_ref();
        // SAFETY: `base` has `len` bytes of `pool` (the invariant above), and `self` is borrowed here
        // alone.
        let grown = unsafe { backing::grow(pool, &mut self.base, self.len, len, work) };
        match grown {
            Ok(Some(())) => self.len = len,
            _ => self.held.shrink(more),
        }
        grown
    }

    /// The bytes, to change them.
    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: `base` has `len` initialised bytes (the invariant above, which this file keeps),
        // and the borrow of `self` is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.base, self.len) }
    }

    /// The bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: as for `as_mut_slice`, and the borrow of `self` keeps writers away.
        unsafe { std::slice::from_raw_parts(self.base, self.len) }
    }

    /// The size in pages.
    pub(crate) fn size_pages(&self) -> u64 {
        self.len as u64 >> self.ty.page_size_log2
    }

    /// `memory.fill`.
    pub(crate) fn fill(&mut self, dst: u64, value: u8, n: u64) -> Result<(), TrapCode> {
        let dst = range(dst, n, self.len)?;
        self.as_mut_slice()[dst].fill(value);
        Ok(())
    }

    /// `memory.init`, with a data segment's bytes: `data` is empty once the segment was dropped.
    pub(crate) fn init(&mut self, data: &[u8], dst: u64, src: u64, n: u64) -> Result<(), TrapCode> {
        let src = range(src, n, data.len())?;
        let dst = range(dst, n, self.len)?;
        self.as_mut_slice()[dst].copy_from_slice(&data[src]);
        Ok(())
    }

    /// `memory.copy`, within one memory or from one to another.
    ///
    /// # Safety
    ///
    /// Both are memories of a live store that nobody else uses during the call.
    pub(crate) unsafe fn copy(
        to: NonNull<Self>,
        dst: u64,
        from: NonNull<Self>,
        src: u64,
        n: u64,
    ) -> Result<(), TrapCode> {
        let (to, from) = (to.as_ptr(), from.as_ptr());
        // SAFETY: both are alive and nobody else uses them: the caller's duty. The ranges lie
        // within the memories, and `copy` allows for an overlap.
        unsafe {
            let src = range(src, n, (*from).len)?;
            let dst = range(dst, n, (*to).len)?;
            std::ptr::copy(
                (*from).base.add(src.start),
                (*to).base.add(dst.start),
                dst.len(),
            );
        }
        Ok(())
    }
}

impl Drop for MemoryData {
    fn drop(&mut self) {
        // SAFETY: `base` has `len` bytes of `pool` (the invariant above), and the memory is gone.
        unsafe { backing::release(self.pool.as_ref(), self.base, self.len) };
    }
}

/// The most pages that a memory of this type may ever have.
pub(super) fn max_pages(ty: &MemoryType) -> u64 {
    let most = ty.most_pages();
    ty.max.map_or(most, |max| max.min(most))
}

/// The size in bytes of a memory of this type with so many pages; `None` where the host cannot count them.
pub(super) fn size_bytes(ty: &MemoryType, pages: u64) -> Option<usize> {
    usize::try_from(pages.checked_mul(ty.page_size())?).ok()
}

/// `at..at + n`, where it lies within `len`.
fn range(at: u64, n: u64, len: usize) -> Result<std::ops::Range<usize>, TrapCode> {
    match at.checked_add(n) {
        Some(end) if end <= len as u64 => Ok(at as usize..end as usize),
        _ => Err(TrapCode::OutOfBoundsMemoryAccess),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;

    const OUT: Result<(), TrapCode> = Err(TrapCode::OutOfBoundsMemoryAccess);

    fn memory(size_bytes: usize) -> MemoryData {
        let ty = MemoryType::new(0, None);
        let held = Engine::default()
            .account()
            .hold(size_bytes, "a memory")
            .unwrap();
        let memory = MemoryData::new(ty, size_bytes, None, held, &mut Work::free());
        memory.unwrap().unwrap()
    }

    fn copy(
        to: &mut MemoryData,
        dst: u64,
        from: &mut MemoryData,
        src: u64,
        n: u64,
    ) -> Result<(), TrapCode> {
        // SAFETY: both are borrowed here alone.
        unsafe { MemoryData::copy(NonNull::from(to), dst, NonNull::from(from), src, n) }
    }

    #[test]
    fn a_size_that_no_host_has_is_refused() {
        let mut memory = memory(16);
        assert_eq!(memory.grow(usize::MAX, &mut Work::free()), Ok(None));
        assert_eq!(
            memory.grow(isize::MAX as usize, &mut Work::free()),
            Ok(None)
        );
        assert_eq!(memory.as_slice(), [0; 16]);
    }

    #[test]
    fn fill_stays_within_bounds() {
        let mut memory = memory(8);
        assert_eq!(memory.fill(2, 1, 3), Ok(()));
        assert_eq!(memory.as_slice(), [0, 0, 1, 1, 1, 0, 0, 0]);
        assert_eq!(memory.fill(8, 1, 0), Ok(()));
        assert_eq!(memory.fill(9, 1, 0), OUT);
        assert_eq!(memory.fill(7, 1, 2), OUT);
        assert_eq!(memory.fill(u64::MAX, 1, 2), OUT);
        assert_eq!(memory.fill(1, 1, u64::MAX), OUT);
        assert_eq!(memory.as_slice(), [0, 0, 1, 1, 1, 0, 0, 0]);
    }

    #[test]
    fn init_checks_segment_and_memory() {
        let mut memory = memory(4);
        assert_eq!(memory.init(b"abc", 1, 1, 2), Ok(()));
        assert_eq!(memory.as_slice(), b"\0bc\0");
        assert_eq!(memory.init(b"abc", 0, 2, 2), OUT);
        assert_eq!(memory.init(b"abc", 3, 0, 2), OUT);
        assert_eq!(memory.init(b"", 4, 0, 0), Ok(()));
        assert_eq!(memory.init(b"", 0, 1, 0), OUT);
        assert_eq!(memory.init(b"abc", 0, u64::MAX, 3), OUT);
    }

    #[test]
    fn copy_within_a_memory_allows_for_overlap() {
        let mut one = memory(6);
        one.init(b"abcdef", 0, 0, 6).unwrap();
        let both = NonNull::from(&mut one);
        // SAFETY: the memory is borrowed here alone.
        let copy = |dst, src, n| unsafe { MemoryData::copy(both, dst, both, src, n) };
        assert_eq!(copy(1, 0, 4), Ok(()));
        assert_eq!(copy(6, 6, 0), Ok(()));
        assert_eq!(copy(3, 0, 4), OUT);
        assert_eq!(copy(0, u64::MAX, 1), OUT);
        assert_eq!(one.as_slice(), b"aabcdf");
    }

    #[test]
    fn copy_between_memories_checks_each() {
        let (mut big, mut small) = (memory(4), memory(2));
        big.fill(0, 1, 4).unwrap();
        assert_eq!(copy(&mut small, 0, &mut big, 2, 2), Ok(()));
        assert_eq!(small.as_slice(), [1, 1]);
        assert_eq!(copy(&mut small, 0, &mut big, 0, 3), OUT);
        assert_eq!(copy(&mut big, 0, &mut small, 0, 3), OUT);
        assert_eq!(copy(&mut big, 0, &mut memory(0), 0, 0), Ok(()));
    }
}
