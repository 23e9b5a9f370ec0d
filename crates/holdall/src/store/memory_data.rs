//! A linear memory's bytes: their size, and the bulk instructions with their bounds checks
//! (WebAssembly 2.0, 4.4.7). Both the executor and the embedding API call them.

use std::ptr::NonNull;

use holdall_core::module::{BLOCK_BYTES, Blocks};

use crate::limits::{Held, Pool, Work};
use crate::store::contents::Contents;
use crate::store::layout::Bytes;
use crate::store::moving::move_bytes;
use crate::store::{InstanceData, MemoryData, backing};
use crate::trap::TrapCode;
use crate::types::MemoryType;

// `base`, `len`, `pool` and `reserved` belong together: `backing` gave `base` for `len` bytes of `pool`,
// or with `reserved` bytes of address space, all `len` of them initialised. Only this file changes them.

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
            reserved: 0,
            users: Vec::new(),
        }))
    }

    /// Has an instance know where the memory lies, now and whenever that has changed: the instance's first memory is
    /// this one.
    ///
    /// # Safety
    ///
    /// The instance lives as long as the memory may change.
    pub(super) unsafe fn add_user(&mut self, instance: NonNull<InstanceData>) {
        self.users.push(instance);
        self.show();
    }

    /// Has the instances know where the memory lies now.
    fn show(&self) {
        let (base, len) = (self.base, self.len);
        for user in &self.users {
            // SAFETY: the duty of who called `add_user`.
            unsafe { (*user.as_ptr()).memory.set(Bytes { base, len }) };
        }
    }

    /// Gives the memory, which is all zeros, its first contents. Where they lie in a file that the system
    /// has mapped, their pages are mapped, and copied only when they are written to.
    ///
    /// # Errors
    ///
    /// When the work ended before all was written.
    ///
    /// # Panics
    ///
    /// Where the contents do not lie within the memory, or their bytes are too few.
    pub(crate) fn load(
        &mut self,
        contents: &Contents<'_, impl Iterator<Item = Blocks> + Clone>,
        work: &mut Work<'_>,
    ) -> Result<(), TrapCode> {
        let Contents { pieces, bytes } = contents;
        if self.pool.is_none() && bytes.in_file && self.len > 0 {
            let most = size_bytes(&self.ty, max_pages(&self.ty)).unwrap_or(usize::MAX) as u64;
            // SAFETY: the bytes are `FileBytes`, and who made these promised that they are in a file. The old bytes are
            // those of `base`, and `self` is borrowed here alone.
            unsafe {
                let image = backing::map_image(self.len, most, pieces.clone(), bytes.bytes);
                if let Some((base, reserved)) = image {
                    backing::release(None, self.base, self.len);
                    (self.base, self.reserved) = (base, reserved);
                    self.show();
                    return Ok(());
                }
            }
        }
        let mut rest = bytes.bytes;
        for piece in pieces.clone() {
            let (from, behind) = rest.split_at(piece.count as usize * BLOCK_BYTES);
            let to = &mut self.as_mut_slice()[piece.first as usize * BLOCK_BYTES..];
            // The memory may end within its last block.
            let n = from.len().min(to.len());
            work.in_parts(n, 1, |at, count| {
                to[at..at + count].copy_from_slice(&from[at..at + count]);
            })?;
            rest = behind;
        }
        Ok(())
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
        // SAFETY: `base` has `len` bytes of `pool` or of the reservation (the invariant above), and `self`
        // is borrowed here alone.
        let grown = unsafe {
            match &mut self.reserved {
                0 => backing::grow(pool, &mut self.base, self.len, len, work),
                reserved => backing::grow_reserved(&mut self.base, reserved, self.len, len, work),
            }
        };
        match grown {
            Ok(Some(())) => self.len = len,
            _ => self.held.shrink(more),
        }
        self.show();
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
        // within the memories, and may overlap.
        unsafe {
            let src = range(src, n, (*from).len)?;
            let dst = range(dst, n, (*to).len)?;
            let bytes = (*from).base.add(src.start);
            move_bytes(bytes, (*to).base.add(dst.start), dst.len());
        }
        Ok(())
    }
}

impl Drop for MemoryData {
    fn drop(&mut self) {
        // SAFETY: `base` has `len` bytes of `pool` or of the reservation (the invariant above), and the
        // memory is gone.
        unsafe {
            match self.reserved {
                0 => backing::release(self.pool.as_ref(), self.base, self.len),
                reserved => backing::release_reserved(self.base, reserved),
            }
        }
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

    #[cfg(all(target_os = "linux", not(miri), target_pointer_width = "64"))]
    mod image {
        use std::fs::{self, File};

        use rustix::mm::{MapFlags, ProtFlags, mmap};

        use super::*;
        use crate::store::FileBytes;
        use crate::store::contents::BlockBytes;

        const PIECES: [Blocks; 3] = [
            Blocks {
                first: 1,
                count: 17,
            },
            Blocks {
                first: 20,
                count: 1,
            },
            Blocks {
                first: 30,
                count: 16,
            },
        ];
        const BLOCKS: usize = 34;
        const SIZE_BYTES: usize = 48 * BLOCK_BYTES;

        fn in_file(name: &str) -> (Vec<u8>, FileBytes) {
            let name = format!("holdall-image-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let bytes: Vec<u8> = (0..BLOCKS * BLOCK_BYTES).map(|at| (at / 7) as u8).collect();
            fs::write(&path, &bytes).unwrap();
            let file = File::open(&path).unwrap();
            fs::remove_file(&path).unwrap();
            // SAFETY: a new mapping, which stays for as long as the process, and is only read.
            let mapped = unsafe {
                let null = std::ptr::null_mut();
                let mapped = mmap(
                    null,
                    bytes.len(),
                    ProtFlags::READ,
                    MapFlags::PRIVATE,
                    &file,
                    0,
                );
                FileBytes::new(std::slice::from_raw_parts(
                    mapped.unwrap().cast(),
                    bytes.len(),
                ))
            };
            (bytes, mapped)
        }

        fn contents(bytes: FileBytes) -> Contents<'static, impl Iterator<Item = Blocks> + Clone> {
            Contents {
                pieces: PIECES.into_iter(),
                bytes: BlockBytes::from(bytes),
            }
        }

        fn expected(bytes: &[u8]) -> Vec<u8> {
            let mut expected = vec![0; SIZE_BYTES];
            let mut rest = bytes;
            for piece in PIECES {
                let (from, behind) = rest.split_at(piece.count as usize * BLOCK_BYTES);
                let at = piece.first as usize * BLOCK_BYTES;
                expected[at..at + from.len()].copy_from_slice(from);
                rest = behind;
            }
            expected
        }

        /// If pages were not copied on a write, one instance would write into another, or into the program.
        #[test]
        fn memories_of_one_image_are_each_their_own_and_grow_where_they_are() {
            let (bytes, file) = in_file("own");
            let (mut one, mut two) = (memory(SIZE_BYTES), memory(SIZE_BYTES));
            for memory in [&mut one, &mut two] {
                memory.load(&contents(file), &mut Work::free()).unwrap();
                assert!(memory.reserved > 0, "the pages were copied");
                assert_eq!(memory.as_slice(), expected(&bytes));
            }
            one.as_mut_slice().fill(0xaa);
            assert_eq!(two.as_slice(), expected(&bytes));
            assert_eq!(file.as_slice(), bytes);
            let base = two.base;
            for pages in [4, 5, 1_000] {
                let len = pages * 65_536;
                assert_eq!(two.grow(len, &mut Work::free()), Ok(Some(())));
                let (old, new) = two.as_slice().split_at(SIZE_BYTES);
                assert_eq!(old, expected(&bytes));
                assert!(new.iter().all(|byte| *byte == 0), "{pages}");
            }
            assert_eq!(two.base, base);
        }

        /// A memory whose type says less than it has room for later, or more than 4 GiB, leaves its
        /// reservation.
        #[test]
        fn a_memory_grows_out_of_its_reservation() {
            let (bytes, file) = in_file("out");
            let mut memory = memory(SIZE_BYTES);
            memory.ty = MemoryType::new(0, Some(3));
            memory.load(&contents(file), &mut Work::free()).unwrap();
            assert_eq!(memory.reserved, SIZE_BYTES);
            let len = SIZE_BYTES + 65_536;
            assert_eq!(memory.grow(len, &mut Work::free()), Ok(Some(())));
            assert_eq!(memory.reserved, 0);
            assert_eq!(memory.as_slice()[..SIZE_BYTES], expected(&bytes));
            assert_eq!(memory.as_slice()[SIZE_BYTES..], [0; 65_536]);
            assert_eq!(memory.grow(2 * len, &mut Work::free()), Ok(Some(())));
            assert_eq!(memory.as_slice()[..SIZE_BYTES], expected(&bytes));
        }

        #[test]
        fn what_cannot_be_mapped_is_copied() {
            let (bytes, file) = in_file("copied");
            let small = Blocks { first: 2, count: 3 };
            let range = BLOCK_BYTES - 8..4 * BLOCK_BYTES - 8;
            let unaligned = file.get(range.clone()).unwrap();
            let anywhere = BlockBytes::from(&bytes[range.clone()]);
            for from in [BlockBytes::from(unaligned), anywhere] {
                let mut memory = memory(5 * BLOCK_BYTES - 9);
                let contents = Contents {
                    pieces: [small].into_iter(),
                    bytes: from,
                };
                memory.load(&contents, &mut Work::free()).unwrap();
                assert_eq!(memory.reserved, 0);
                let at = 2 * BLOCK_BYTES;
                let found = &memory.as_slice()[at..];
                assert_eq!(*found, bytes[range.clone()][..found.len()]);
                assert!(memory.as_slice()[..at].iter().all(|byte| *byte == 0));
            }
        }
    }
}
