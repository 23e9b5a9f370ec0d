//! Large linear memories as mappings of their own. Linux grows and moves a mapping by its page
//! tables alone, and new bytes are zero without being written.

use std::ptr::NonNull;

use rustix::mm::{
    MapFlags, MremapFlags, ProtFlags, mmap_anonymous, mremap as remap, munmap as unmap,
};

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
