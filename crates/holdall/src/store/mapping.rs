//! Large linear memories as mappings of their own. Linux grows and moves a mapping by its page
//! tables alone, and new bytes are zero without being written.

//!
//! A memory may begin as an image: blocks that lie in the executable, which the system has mapped. Their
//! pages are mapped once more, copied when they are first written to.

use std::ptr::NonNull;

use holdall_core::module::{BLOCK_BYTES, Blocks};
use rustix::mm::{
    MapFlags, MprotectFlags, MremapFlags, ProtFlags, mmap_anonymous, mprotect as protect,
    mremap as remap, mremap_fixed as remap_to, munmap as unmap,
};
use rustix::param::page_size;

/// Memories of at least this size are mappings. glibc's allocator maps allocations above this size
/// too. Below it, the allocator may have pages at hand that the last store used.
const LARGE_BYTES: usize = 32 << 20;

/// Whether a memory of `size_bytes` bytes is a mapping.
pub(super) const fn is_mapped(size_bytes: usize) -> bool {
    size_bytes >= LARGE_BYTES
}

/// Whether a mapping of `size_bytes` bytes can be one slice: 32-bit systems have room for mappings
/// that cannot. The host's allocator refuses such sizes itself.
const fn is_addressable(size_bytes: usize) -> bool {
    size_bytes <= isize::MAX as usize
}

/// A mapping of zeros; `None` where the host has no room.
pub(super) fn map(size_bytes: usize) -> Option<*mut u8> {
    if !is_addressable(size_bytes) {
        return None;
    }
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping, at an address of the system's choice, changes nothing that is there.
    let base =
        unsafe { mmap_anonymous(std::ptr::null_mut(), size_bytes, access, MapFlags::PRIVATE) };
    base.ok()
        .and_then(NonNull::new)
        .map(|base| base.as_ptr().cast())
}

/// Grows a mapping of `old` bytes to `new` bytes, the new bytes zero; returns its base. `None`, and
/// nothing changed, where the host has no room.
///
/// # Safety
///
/// `map`, or `grow` after it, gave `base` for `old` bytes, and nobody uses these bytes now.
pub(super) unsafe fn grow(base: *mut u8, old: usize, new: usize) -> Option<*mut u8> {
    if !is_addressable(new) {
        return None;
    }
    // SAFETY: the caller's duty.
    let base = unsafe { remap(base.cast(), old, new, MremapFlags::MAYMOVE) };
    base.ok().map(<*mut _>::cast)
}

/// Frees a mapping.
///
/// # Safety
///
/// `map`, or `grow` after it, gave `base` for `size_bytes` bytes, and nobody uses these bytes from
/// now on.
pub(super) unsafe fn release(base: *mut u8, size_bytes: usize) {
    // SAFETY: the caller's duty.
    let gone = unsafe { unmap(base.cast(), size_bytes) };
    debug_assert!(gone.is_ok(), "a mapping that was made can be given back");
}

/// The most address space that is reserved for the growth of a memory with an image: the most that a
/// memory with 32-bit addresses can have.
const MOST_RESERVED_BYTES: u64 = 4 << 30;

/// Pieces of at least this many blocks are mapped. Others are copied, which takes less time.
const MAPPED_BLOCKS: u64 = 16;

/// The most pieces that are mapped: the system bounds a process's mappings.
const MOST_MAPPED: usize = 256;

const WRITABLE: MprotectFlags = MprotectFlags::READ.union(MprotectFlags::WRITE);

/// A memory of `size_bytes` bytes, at least one, that begins with these pieces and is zero elsewhere, in
/// a reservation of address space. Gives the base and the size of the reservation, in bytes: enough for
/// a memory of `most_bytes`, or 4 GiB. `None`, and nothing changed, where the pages cannot be mapped or
/// there is nothing that is worth it.
///
/// `bytes` has the bytes of all pieces, one piece after another. The pieces ascend and lie within the
/// memory, but that its last block may be cut off.
///
/// # Safety
///
/// `bytes` lie in private mappings of files, and nobody ever writes to them.
pub(super) unsafe fn map_image(
    size_bytes: usize,
    most_bytes: u64,
    pieces: impl Iterator<Item = Blocks> + Clone,
    bytes: &[u8],
) -> Option<(*mut u8, usize)> {
    let page = page_size();
    let has_large = pieces.clone().any(|piece| piece.count >= MAPPED_BLOCKS);
    let is_aligned = BLOCK_BYTES.is_multiple_of(page) && bytes.as_ptr().addr().is_multiple_of(page);
    if cfg!(not(target_pointer_width = "64")) || !has_large || !is_aligned {
        return None;
    }
    let most = most_bytes.min(MOST_RESERVED_BYTES) as usize;
    let reserved = most.max(size_bytes).checked_next_multiple_of(BLOCK_BYTES)?;
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: a new mapping, at an address of the system's choice, changes nothing that is there.
    let base = unsafe { mmap_anonymous(std::ptr::null_mut(), reserved, ProtFlags::empty(), flags) }
        .ok()?;
    // SAFETY: the mapping was made just now and nobody else knows it. Pieces lie within its first
    // `size_bytes` bytes and the rest of their block, which is below a multiple of a block's size.
    unsafe {
        if protect(base, size_bytes, WRITABLE).is_err() {
            release(base.cast(), reserved);
            return None;
        }
        let (mut rest, mut mapped) = (bytes, 0);
        for piece in pieces {
            let (from, behind) = rest.split_at(piece.count as usize * BLOCK_BYTES);
            let to = base.byte_add(piece.first as usize * BLOCK_BYTES);
            rest = behind;
            if piece.count < MAPPED_BLOCKS || mapped == MOST_MAPPED {
                to.cast::<u8>()
                    .copy_from_nonoverlapping(from.as_ptr(), from.len());
                continue;
            }
            mapped += 1;
            if !map_again(from, to.cast()) {
                // The address space is not given back: the system may have removed a part of the
                // mapping, where another thread's may be by now.
                return None;
            }
        }
    }
    Some((base.cast(), reserved))
}

/// Maps the pages of `from` at `to` as well, in place of what is there, to be copied when they are first
/// written to. Whether that was done.
///
/// # Safety
///
/// `from` lies in a private mapping of a file that nobody writes to. The bytes at `to` are of a mapping
/// that nobody else uses. Both begin at the start of a page and have the size of whole pages.
unsafe fn map_again(from: &[u8], to: *mut u8) -> bool {
    let flags = MremapFlags::MAYMOVE | MremapFlags::DONTUNMAP;
    let source = from.as_ptr().cast_mut().cast();
    // SAFETY: the old pages stay mapped, and have the same contents, which come from the file again. What
    // was at `to` is nobody else's: the caller's duty.
    unsafe {
        remap_to(source, from.len(), from.len(), flags, to.cast()).is_ok()
            && protect(to.cast(), from.len(), WRITABLE).is_ok()
    }
}

/// Makes the bytes of a reservation up to `new` usable. They are zero. Whether the host had room.
///
/// # Safety
///
/// `map_image` gave `base` with a reservation of at least `new` bytes, of which `old` are in use.
pub(super) unsafe fn grow_within(base: *mut u8, old: usize, new: usize) -> bool {
    let start = old / BLOCK_BYTES * BLOCK_BYTES;
    // SAFETY: the bytes are of the reservation: the caller's duty.
    unsafe { protect(base.add(start).cast(), new - start, WRITABLE).is_ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_never_larger_than_a_slice_can_be() {
        let most = usize::MAX / 2;
        assert!(is_addressable(most) && !is_addressable(most + 1));
        assert_eq!(map(most + 1), None);
        let small = map(LARGE_BYTES).unwrap();
        // SAFETY: it was mapped just now; to grow it changes nothing, as that is refused.
        unsafe {
            assert_eq!(grow(small, LARGE_BYTES, most + 1), None);
            release(small, LARGE_BYTES);
        }
    }
}
