//! Where the bytes of linear memories are: in the engine's pool, or else the host's: an allocation,
//! or, where the system has them, a mapping for a large memory.

use std::alloc::{self, Layout};
use std::ptr::NonNull;

#[cfg(all(target_os = "linux", not(miri)))]
use super::mapping;
use crate::limits::{End, Pool};

/// What the first byte of every memory is aligned to.
const ALIGN: usize = 16;

/// So many zeros; `None` where there is no room. No bytes are nowhere.
pub(super) fn allocate(pool: Option<&Pool>, size_bytes: usize) -> Option<*mut u8> {
    if size_bytes == 0 {
        return Some(std::ptr::without_provenance_mut(ALIGN));
    }
    match pool {
        Some(pool) => {
            let base = pool.allocate(size_bytes, End::Low)?;
            // SAFETY: the pool gave out as many bytes.
            unsafe { base.write_bytes(0, size_bytes) };
            Some(base.as_ptr())
        }
        #[cfg(all(target_os = "linux", not(miri)))]
        None if mapping::is_mapped(size_bytes) => mapping::map(size_bytes),
        None => {
            let layout = Layout::from_size_align(size_bytes, ALIGN).ok()?;
            // SAFETY: the size is positive.
            let base = unsafe { alloc::alloc_zeroed(layout) };
            NonNull::new(base).map(NonNull::as_ptr)
        }
    }
}

/// Makes `old` bytes at `base` to `new`, which are more, the new ones zero; gives the new base.
/// `None`, and nothing changed, where there is no room.
///
/// # Safety
///
/// `allocate`, or `grow` after it, gave `base` for `old` bytes of this pool, or of the host where
/// there is none, and nobody uses them now.
pub(super) unsafe fn grow(
    pool: Option<&Pool>,
    base: *mut u8,
    old: usize,
    new: usize,
) -> Option<*mut u8> {
    if old == 0 {
        return allocate(pool, new);
    }
    match pool {
        Some(pool) => {
            // SAFETY: the pool gave them out, as there are some; it has `new` of them afterwards.
            unsafe {
                let base = pool.grow(NonNull::new(base)?, old, new, End::Low)?;
                base.add(old).write_bytes(0, new - old);
                Some(base.as_ptr())
            }
        }
        #[cfg(all(target_os = "linux", not(miri)))]
        // SAFETY: a mapping: `allocate` and `grow` decide by the size.
        None if mapping::is_mapped(old) => unsafe { mapping::grow(base, old, new) },
        #[cfg(all(target_os = "linux", not(miri)))]
        // SAFETY: passed on from the caller.
        None if mapping::is_mapped(new) => unsafe { replace(base, old, new) },
        // Fresh zeroed memory comes from the system as it is, untouched; a reallocation has to have
        // its new part written. So the former is cheaper where most of it would be new.
        // SAFETY: passed on from the caller.
        None if new - old > old => unsafe { replace(base, old, new) },
        None => {
            Layout::from_size_align(new, ALIGN).ok()?;
            // SAFETY: it was allocated with this very layout; the new size is a valid one for it
            // and positive, and so many bytes there are then.
            unsafe {
                let base = NonNull::new(alloc::realloc(base, layout(old), new))?;
                base.add(old).write_bytes(0, new - old);
                Some(base.as_ptr())
            }
        }
    }
}

/// Moves `old` bytes of the host's into an allocation of `new`.
///
/// # Safety
///
/// As for [`grow`], without a pool.
unsafe fn replace(base: *mut u8, old: usize, new: usize) -> Option<*mut u8> {
    let to = allocate(None, new)?;
    // SAFETY: both have at least `old` bytes, and `to` is new; the rest is the caller's duty.
    unsafe {
        std::ptr::copy_nonoverlapping(base, to, old);
        release(None, base, old);
    }
    Some(to)
}

/// Gives back what `allocate`, or `grow` after it, gave for so many bytes.
///
/// # Safety
///
/// They are of this pool, or of the host where there is none, and nobody uses them from now on.
pub(super) unsafe fn release(pool: Option<&Pool>, base: *mut u8, size_bytes: usize) {
    let Some(address) = NonNull::new(base).filter(|_| size_bytes > 0) else {
        return;
    };
    match pool {
        // SAFETY: the pool gave them out, as there are some.
        Some(pool) => unsafe { pool.free_bytes(address, size_bytes) },
        #[cfg(all(target_os = "linux", not(miri)))]
        // SAFETY: a mapping: `allocate` and `grow` decide by the size.
        None if mapping::is_mapped(size_bytes) => unsafe { mapping::release(base, size_bytes) },
        // SAFETY: it was allocated with this layout.
        None => unsafe { alloc::dealloc(base, layout(size_bytes)) },
    }
}

/// The layout of so many bytes, which `allocate` found that there is.
fn layout(size_bytes: usize) -> Layout {
    Layout::from_size_align(size_bytes, ALIGN).expect("a memory that was allocated has a layout")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes these sizes one after the other; looks at every new byte, and at `marks` of the old.
    fn grow_through(pool: Option<&Pool>, sizes: &[usize], marks: usize) {
        let bytes = |base: *mut u8, size| {
            // SAFETY: the memory has so many bytes, all initialised, and nobody else has it.
            unsafe { std::slice::from_raw_parts_mut(base, size) }
        };
        let mut size = 0;
        let mut base = allocate(pool, size).unwrap();
        for new in sizes {
            // SAFETY: of this pool, with this size, and nobody uses it.
            base = unsafe { grow(pool, base, size, *new) }.unwrap();
            assert_eq!(base.addr() % ALIGN, 0);
            let (old, fresh) = bytes(base, *new).split_at_mut(size);
            let step = (old.len() / marks).max(1);
            assert!(old.iter().step_by(step).all(|byte| *byte == 7), "{new}");
            assert!(fresh.iter().all(|byte| *byte == 0), "{new}");
            size = *new;
            bytes(base, size).fill(7);
        }
        // SAFETY: of this pool, with this size, and nobody uses it from now on.
        unsafe { release(pool, base, size) };
    }

    const SMALL: [usize; 7] = [1, 24, 25, 40, 400, 401, 5_000];

    #[test]
    fn new_bytes_of_the_host_s_are_zero() {
        grow_through(None, &SMALL, usize::MAX);
    }

    #[test]
    fn new_bytes_of_a_dirty_pool_are_zero() {
        let pool = Pool::from(vec![0xff; 20_000]);
        for _ in 0..3 {
            grow_through(Some(&pool), &SMALL, usize::MAX);
            assert_eq!(pool.used_bytes(), 0);
        }
        // SAFETY: no bytes are of any pool.
        unsafe {
            let base = allocate(Some(&pool), 0).unwrap();
            assert!(grow(Some(&pool), base, 0, 20_001).is_none());
            release(Some(&pool), base, 0);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "there are no mappings, and the memory is large")]
    fn a_memory_becomes_large_and_larger() {
        let large = 32 << 20;
        let sizes = [large - 65_536, large, large + 65_536, 3 * large];
        grow_through(None, &sizes, 5_000);
        grow_through(None, &[large], 5_000);
    }
}
