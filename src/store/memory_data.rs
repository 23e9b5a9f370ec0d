//! A linear memory's bytes: allocation, growth, and the bulk instructions with their bounds checks
//! (WebAssembly 2.0, 4.4.7). Both the executor and the embedding API call them.

use std::alloc::{self, Layout};
use std::ptr::NonNull;

use crate::limits::{End, Pool};
use crate::store::MemoryData;
use crate::trap::TrapCode;
use crate::types::MemoryType;

/// The size of a page.
pub(crate) const PAGE_SIZE_BYTES: u64 = 65_536;

/// The most pages that a memory with 32-bit addresses may have.
pub(crate) const MAX_PAGES_32: u64 = 65_536;

/// The most pages that a memory with 64-bit addresses may have.
pub(crate) const MAX_PAGES_64: u64 = 1 << 48;

/// What the first byte of every memory is aligned to.
const ALIGN: usize = 16;

// `base` and `len` belong together: `base` is an allocation of `len` bytes aligned to `ALIGN`, all
// of them initialised, of `pool` if there is one and of the host if not; or, where `len` is 0, no
// allocation. Only this file changes them.

impl MemoryData {
    /// A memory of zeros; `None` where the pool, or else the host, has no room.
    pub(crate) fn new(ty: MemoryType, size_bytes: usize, pool: Option<Pool>) -> Option<Self> {
        let base = match &pool {
            Some(pool) => allocate_in(pool, size_bytes)?,
            None => allocate(size_bytes)?,
        };
        Some(Self {
            base,
            len: size_bytes,
            ty,
            pool,
        })
    }

    /// Grows to `len` bytes, the new ones zero; `None`, and nothing changed, where the pool, or else
    /// the host, has no room. Slices of the memory are void afterwards.
    pub(super) fn resize(&mut self, len: usize) -> Option<()> {
        let more = len.checked_sub(self.len).expect("a memory does not shrink");
        if more == 0 {
            return Some(());
        }
        if let Some(pool) = &self.pool {
            // SAFETY: `base` and `len` are of this pool (the invariant above).
            self.base = unsafe { grow_in(pool, self.base, self.len, len)? };
            self.len = len;
            return Some(());
        }
        // Fresh zeroed memory comes from the system as it is, untouched; a reallocation has to have
        // its new part written. So the former is cheaper where most of it would be new.
        if more > self.len {
            let base = allocate(len)?;
            // SAFETY: both are allocations of at least `self.len` bytes, and `base` is new.
            unsafe { std::ptr::copy_nonoverlapping(self.base, base, self.len) };
            release(self.base, self.len);
            self.base = base;
        } else {
            Layout::from_size_align(len, ALIGN).ok()?;
            // SAFETY: `more <= self.len` makes `self.len` positive, so `base` was allocated with
            // this very layout; the new size is a valid one for it and positive.
            let base = unsafe { alloc::realloc(self.base, layout(self.len), len) };
            let base = NonNull::new(base)?.as_ptr();
            // SAFETY: the allocation has `self.len + more` bytes.
            unsafe { base.add(self.len).write_bytes(0, more) };
            self.base = base;
        }
        self.len = len;
        Some(())
    }

    /// The bytes, to change them.
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
        self.len as u64 / PAGE_SIZE_BYTES
    }

    /// The most pages that it may ever have, by its type.
    pub(crate) fn max_pages(&self) -> u64 {
        let most = if self.ty.is_64 {
            MAX_PAGES_64
        } else {
            MAX_PAGES_32
        };
        self.ty.max.map_or(most, |max| max.min(most))
    }

    /// `memory.fill`.
    pub(crate) fn fill(&mut self, dst: u64, value: u8, n: u64) -> Result<(), TrapCode> {
        let dst = range(dst, n, self.len)?;
        self.as_mut_slice()[dst].fill(value);
        Ok(())
    }

    /// `memory.init`, of a data segment's bytes; of none once the segment was dropped.
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
        match &self.pool {
            Some(pool) => {
                if let Some(base) = NonNull::new(self.base).filter(|_| self.len > 0) {
                    // SAFETY: `base` and `len` are of this pool (the invariant above), and the
                    // memory is gone.
                    unsafe { pool.free_bytes(base, self.len) };
                }
            }
            None => release(self.base, self.len),
        }
    }
}

/// So many zeros of a pool's; `None` where it has no room.
fn allocate_in(pool: &Pool, size_bytes: usize) -> Option<*mut u8> {
    if size_bytes == 0 {
        return Some(std::ptr::without_provenance_mut(ALIGN));
    }
    let base = pool.allocate(size_bytes, End::Low)?;
    // SAFETY: the pool gave out as many bytes.
    unsafe { base.write_bytes(0, size_bytes) };
    Some(base.as_ptr())
}

/// Makes a memory of `old` bytes one of `new`, which are more, the new ones zero; gives its base.
///
/// # Safety
///
/// `base` and `old` are of a memory of that pool, which nobody uses now.
unsafe fn grow_in(pool: &Pool, base: *mut u8, old: usize, new: usize) -> Option<*mut u8> {
    if old == 0 {
        return allocate_in(pool, new);
    }
    // SAFETY: the caller's duty; a memory that is not empty is a part of its pool, of which there
    // are `new` bytes afterwards.
    unsafe {
        let base = pool.grow(NonNull::new(base)?, old, new, End::Low)?;
        base.add(old).write_bytes(0, new - old);
        Some(base.as_ptr())
    }
}

/// `at..at + n`, where it lies within `len`.
fn range(at: u64, n: u64, len: usize) -> Result<std::ops::Range<usize>, TrapCode> {
    match at.checked_add(n) {
        Some(end) if end <= len as u64 => Ok(at as usize..end as usize),
        _ => Err(TrapCode::OutOfBoundsMemoryAccess),
    }
}

/// The layout of a memory of so many bytes, of which `allocate` found that there is one.
fn layout(size_bytes: usize) -> Layout {
    Layout::from_size_align(size_bytes, ALIGN).expect("a memory that was allocated has a layout")
}

/// So many zeros; `None` where the host has no room.
fn allocate(size_bytes: usize) -> Option<*mut u8> {
    if size_bytes == 0 {
        return Some(std::ptr::without_provenance_mut(ALIGN));
    }
    let layout = Layout::from_size_align(size_bytes, ALIGN).ok()?;
    // SAFETY: the size is positive.
    let base = unsafe { alloc::alloc_zeroed(layout) };
    NonNull::new(base).map(NonNull::as_ptr)
}

/// Frees what `allocate`, or `resize` after it, gave for so many bytes.
fn release(base: *mut u8, size_bytes: usize) {
    if size_bytes > 0 {
        // SAFETY: `base` was allocated with this layout: `base` and `len` of a memory belong
        // together (the invariant above), and only this file calls.
        unsafe { alloc::dealloc(base, layout(size_bytes)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: Result<(), TrapCode> = Err(TrapCode::OutOfBoundsMemoryAccess);

    fn memory(size_bytes: usize) -> MemoryData {
        let ty = MemoryType {
            min: 0,
            max: None,
            is_64: false,
        };
        MemoryData::new(ty, size_bytes, None).unwrap()
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
    fn new_bytes_are_zero_and_aligned_however_it_grows() {
        let mut memory = memory(0);
        let mut old = 0;
        for len in [0, 1, 24, 25, 40, 400, 401] {
            memory.resize(len).unwrap();
            assert_eq!(memory.base.addr() % ALIGN, 0);
            assert!(memory.as_slice()[..old].iter().all(|byte| *byte == 7));
            assert!(memory.as_slice()[old..].iter().all(|byte| *byte == 0));
            memory.as_mut_slice().fill(7);
            old = len;
        }
        assert_eq!(memory.as_slice().len(), 401);
    }

    #[test]
    fn a_size_that_no_host_has_is_refused() {
        let mut memory = memory(16);
        assert!(memory.resize(usize::MAX).is_none());
        assert!(memory.resize(isize::MAX as usize).is_none());
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
