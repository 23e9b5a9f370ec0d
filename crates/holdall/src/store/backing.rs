//! Where the bytes of linear memories lie: in the engine's pool, else in memory of the host: an
//! allocation, or on Linux, for a large memory, a mapping.

use std::alloc::{self, Layout};
use std::ptr::NonNull;

use holdall_core::module::Blocks;

#[cfg(all(target_os = "linux", not(miri)))]
use super::mapping;
use crate::limits::{End, Placed, Pool, Work};
use crate::trap::TrapCode;

/// What the first byte of every memory is aligned to.
const ALIGN: usize = 16;

/// A memory of the host's that grows by less pays for a move of this many bytes, or of all that it has:
/// pages of one byte would else make moves cost nothing. Growth by a page of the usual size pays as ever.
const MOVED_BYTES: usize = 65_536;

/// Allocates `size_bytes` zeros; `None` where there is no room. For 0 bytes nothing is allocated,
/// and the address is never used.
///
/// # Errors
///
/// When the work ended before all bytes were zeroed. Nothing is kept then.
pub(super) fn allocate(
    pool: Option<&Pool>,
    size_bytes: usize,
    work: &mut Work<'_>,
) -> Result<Option<*mut u8>, TrapCode> {
    if size_bytes == 0 {
        return Ok(Some(std::ptr::without_provenance_mut(ALIGN)));
    }
    let Some(pool) = pool else {
        return Ok(of_the_host(size_bytes));
    };
    let Some(base) = pool.allocate(size_bytes, End::Low) else {
        return Ok(None);
    };
    // SAFETY: the pool gave out `size_bytes` bytes at `base`, which nobody else knows.
    unsafe {
        if let Err(code) = work.zero(base.as_ptr(), size_bytes) {
            pool.free_bytes(base, size_bytes);
            return Err(code);
        }
    }
    Ok(Some(base.as_ptr()))
}

/// Allocates `size_bytes` zeros of the host's, at least one. Large memory comes from the system as
/// zeros, and is not touched.
fn of_the_host(size_bytes: usize) -> Option<*mut u8> {
    #[cfg(all(target_os = "linux", not(miri)))]
    if mapping::is_mapped(size_bytes) {
        return mapping::map(size_bytes);
    }
    let layout = Layout::from_size_align(size_bytes, ALIGN).ok()?;
    // SAFETY: the size is positive.
    let base = unsafe { alloc::alloc_zeroed(layout) };
    NonNull::new(base).map(NonNull::as_ptr)
}

/// Grows `old` bytes at `base` to `new` bytes, which are more. The new bytes are zero. Changes
/// `base` where the bytes move. `None`, and nothing changed, where there is no room.
///
/// # Errors
///
/// When the work ended before the growth was done. `base` may have changed then; it still has `old`
/// bytes with their contents.
///
/// # Safety
///
/// `allocate`, or `grow` after it, gave `base` for `old` bytes of this pool, or of the host where
/// there is no pool, and nobody uses these bytes now.
pub(super) unsafe fn grow(
    pool: Option<&Pool>,
    base: &mut *mut u8,
    old: usize,
    new: usize,
    work: &mut Work<'_>,
) -> Result<Option<()>, TrapCode> {
    let grown = match (pool, NonNull::new(*base)) {
        _ if old == 0 => allocate(pool, new, work)?,
        (Some(pool), Some(from)) => {
            // SAFETY: passed on from the caller. `old` is not 0, so the pool gave the bytes out.
            return unsafe { grow_in_pool(pool, base, from, old, new, work) };
        }
        (Some(_), None) => unreachable!("what a pool gave out is somewhere"),
        (None, _) => {
            work.pay(price(old, new))?;
            // SAFETY: passed on from the caller.
            unsafe { grow_of_the_host(*base, old, new) }
        }
    };
    Ok(grown.map(|to| *base = to))
}

/// The bytes that a growth of memory of the host's is paid for. Either the new part is written, or, where
/// the new part is the larger one, the old part is copied before fresh zeros of the system. Where the
/// system moves a mapping, neither happens. The host's allocator may move a small memory that grows by
/// little.
fn price(old: usize, new: usize) -> usize {
    old.min((new - old).max(MOVED_BYTES))
}

/// A memory of the host's that begins with these pieces: its base, and the address space that is reserved
/// for it. `None` where it must be allocated and written as usual; see [`mapping::map_image`].
///
/// # Safety
///
/// `bytes` lie in private mappings of files, and nobody ever writes to them.
#[cfg(all(target_os = "linux", not(miri)))]
pub(super) unsafe fn map_image(
    size_bytes: usize,
    most_bytes: u64,
    pieces: impl Iterator<Item = Blocks> + Clone,
    bytes: &[u8],
) -> Option<(*mut u8, usize)> {
    // SAFETY: passed on from the caller.
    unsafe { mapping::map_image(size_bytes, most_bytes, pieces, bytes) }
}

/// Only Linux maps pages a second time.
#[cfg(not(all(target_os = "linux", not(miri))))]
pub(super) unsafe fn map_image(
    _: usize,
    _: u64,
    _: impl Iterator<Item = Blocks> + Clone,
    _: &[u8],
) -> Option<(*mut u8, usize)> {
    None
}

/// [`grow`] of what `map_image` gave, with a reservation of `reserved` bytes. Where the reservation is too
/// small the memory moves out of it, and `reserved` becomes 0.
///
/// # Errors
///
/// As for [`grow`].
///
/// # Safety
///
/// As for [`grow`].
pub(super) unsafe fn grow_reserved(
    base: &mut *mut u8,
    reserved: &mut usize,
    old: usize,
    new: usize,
    work: &mut Work<'_>,
) -> Result<Option<()>, TrapCode> {
    work.pay(price(old, new))?;
    #[cfg(all(target_os = "linux", not(miri)))]
    if new <= *reserved {
        // SAFETY: the reservation has as many bytes: the caller's duty.
        let grown = unsafe { mapping::grow_within(*base, old, new) };
        return Ok(grown.then_some(()));
    }
    let Some(to) = allocate(None, new, work)? else {
        return Ok(None);
    };
    // SAFETY: nobody uses the old bytes, of which there are `old`: the caller's duty. The new ones are
    // more, and nobody else knows them.
    unsafe {
        std::ptr::copy_nonoverlapping(*base, to, old);
        release_reserved(*base, *reserved);
    }
    (*base, *reserved) = (to, 0);
    Ok(Some(()))
}

/// Frees what `map_image` gave.
///
/// # Safety
///
/// `map_image` gave `base` and `reserved`, and nobody uses the memory from now on.
pub(super) unsafe fn release_reserved(base: *mut u8, reserved: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    // SAFETY: passed on from the caller.
    unsafe {
        mapping::release(base, reserved);
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    unreachable!("{reserved} bytes at {base:?} are no image: there are none");
}

/// [`grow`] in a pool. The growth is paid for as if all bytes were written, wherever there is room,
/// so that its cost does not depend on what else is in the pool.
///
/// # Safety
///
/// As for [`grow`], with `from` as the base.
unsafe fn grow_in_pool(
    pool: &Pool,
    base: &mut *mut u8,
    from: NonNull<u8>,
    old: usize,
    new: usize,
    work: &mut Work<'_>,
) -> Result<Option<()>, TrapCode> {
    // A slide cannot be done in parts.
    let may_slide = old <= Work::MOST_AT_ONCE_BYTES || !work.may_end();
    // SAFETY: `from` has `old` bytes of the pool, which nobody uses: the caller's duty. What the
    // pool gives out has `new` bytes, which nobody else knows. They end up at `base`, or back in
    // the pool.
    unsafe {
        let placed = pool.place(from, old, new, End::Low, may_slide);
        let zeroed = match placed {
            None => return Ok(None),
            Some(Placed::Within(to)) => {
                *base = to.as_ptr();
                let paid = work.pay(old);
                let zeroed = paid.and_then(|()| work.zero(to.as_ptr().add(old), new - old));
                if zeroed.is_err() {
                    pool.shrink(to, new, old);
                }
                zeroed
            }
            Some(Placed::Elsewhere(to)) => {
                let copied = work.copy(from.as_ptr(), to.as_ptr(), old);
                let zeroed = copied.and_then(|()| work.zero(to.as_ptr().add(old), new - old));
                if zeroed.is_err() {
                    pool.free_bytes(to, new);
                } else {
                    pool.free_bytes(from, old);
                    *base = to.as_ptr();
                }
                zeroed
            }
        };
        zeroed.map(Some)
    }
}

/// [`grow`] of memory of the host's, at least one byte; returns the new base. The growth is not
/// done in parts. It is quick on Linux, where large memories are mappings.
///
/// # Safety
///
/// As for [`grow`].
unsafe fn grow_of_the_host(base: *mut u8, old: usize, new: usize) -> Option<*mut u8> {
    #[cfg(all(target_os = "linux", not(miri)))]
    if mapping::is_mapped(old) {
        // SAFETY: a mapping: `allocate` and `grow` decide by the size.
        return unsafe { mapping::grow(base, old, new) };
    }
    #[cfg(all(target_os = "linux", not(miri)))]
    let fresh = mapping::is_mapped(new);
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let fresh = false;
    // SAFETY: passed on from the caller.
    unsafe {
        // Fresh zeros come from the system untouched, while the new part of a reallocation has to
        // be written. So fresh memory is cheaper where most of it is new.
        if fresh || new - old > old {
            let to = of_the_host(new)?;
            std::ptr::copy_nonoverlapping(base, to, old);
            release(None, base, old);
            return Some(to);
        }
        Layout::from_size_align(new, ALIGN).ok()?;
        // `base` was allocated with this layout, and the new size is positive and valid for its
        // alignment. The reallocation has `new` bytes.
        let base = NonNull::new(alloc::realloc(base, layout(old), new))?;
        base.add(old).write_bytes(0, new - old);
        Some(base.as_ptr())
    }
}

/// Frees what `allocate`, or `grow` after it, gave for `size_bytes` bytes.
///
/// # Safety
///
/// The bytes are of this pool, or of the host where there is no pool, and nobody uses them from now
/// on.
pub(super) unsafe fn release(pool: Option<&Pool>, base: *mut u8, size_bytes: usize) {
    let Some(address) = NonNull::new(base).filter(|_| size_bytes > 0) else {
        return;
    };
    match pool {
        // SAFETY: `size_bytes` is not 0, so the pool gave the bytes out.
        Some(pool) => unsafe { pool.free_bytes(address, size_bytes) },
        #[cfg(all(target_os = "linux", not(miri)))]
        // SAFETY: a mapping: `allocate` and `grow` decide by the size.
        None if mapping::is_mapped(size_bytes) => unsafe { mapping::release(base, size_bytes) },
        // SAFETY: `base` was allocated with this layout.
        None => unsafe { alloc::dealloc(base, layout(size_bytes)) },
    }
}

/// The layout of `size_bytes` bytes, which `allocate` found to be valid.
fn layout(size_bytes: usize) -> Layout {
    Layout::from_size_align(size_bytes, ALIGN).expect("a memory that was allocated has a layout")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Limits, Meter};

    /// Takes these sizes one after the other; looks at every new byte, and at `marks` of the old.
    fn grow_through(pool: Option<&Pool>, sizes: &[usize], marks: usize) {
        let bytes = |base: *mut u8, size| {
            // SAFETY: the memory has so many bytes, all initialised, and nobody else has it.
            unsafe { std::slice::from_raw_parts_mut(base, size) }
        };
        let mut size = 0;
        let mut base = allocate(pool, size, &mut Work::free()).unwrap().unwrap();
        for new in sizes {
            // SAFETY: of this pool, with this size, and nobody uses it.
            let grown = unsafe { grow(pool, &mut base, size, *new, &mut Work::free()) };
            assert_eq!(grown, Ok(Some(())));
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
            let mut base = allocate(Some(&pool), 0, &mut Work::free())
                .unwrap()
                .unwrap();
            let grown = grow(Some(&pool), &mut base, 0, 20_001, &mut Work::free());
            assert_eq!(grown, Ok(None));
            release(Some(&pool), base, 0);
        }
    }

    /// Grows a memory of 3 MiB to 7 in a pool where it is `blocked` on both sides, or on none, with fuel
    /// for so many MiB.
    fn grow_with_fuel(blocked: bool, mib: u64) {
        const MIB: usize = 1 << 20;
        let pool = Pool::from(vec![0xff; 20 * MIB]);
        let base = pool.allocate(3 * MIB, End::Low).unwrap();
        let guard = blocked.then(|| pool.allocate(16, End::Low).unwrap());
        // SAFETY: the pool gave out as many bytes, and gets them back.
        unsafe {
            base.write_bytes(7, 3 * MIB);
            let used = pool.used_bytes();
            let mut meter = Meter::new(&Limits::new().fuel(mib * MIB as u64 / 64), true);
            let (mut at, mut budget) = (base.as_ptr(), 0);
            let work = &mut Work::paid(&mut meter, &mut budget);
            let grown = grow(Some(&pool), &mut at, 3 * MIB, 7 * MIB, work);
            let size = if mib < 7 {
                assert_eq!(grown, Err(TrapCode::OutOfFuel));
                assert_eq!((at, pool.used_bytes()), (base.as_ptr(), used));
                3 * MIB
            } else {
                assert_eq!(grown, Ok(Some(())));
                assert_eq!(at != base.as_ptr(), blocked);
                assert_eq!(pool.used_bytes(), used + 4 * MIB);
                7 * MIB
            };
            let bytes = std::slice::from_raw_parts(at, size);
            assert!(bytes[..3 * MIB].iter().all(|byte| *byte == 7));
            assert!(bytes[3 * MIB..].iter().all(|byte| *byte == 0));
            release(Some(&pool), at, size);
            if let Some(guard) = guard {
                pool.free_bytes(guard, 16);
            }
        }
        assert_eq!(pool.used_bytes(), 0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "the memory is large")]
    fn growth_in_a_pool_that_is_ended_leaves_what_was_there() {
        for mib in [0, 2, 4, 6, 7] {
            for blocked in [false, true] {
                grow_with_fuel(blocked, mib);
            }
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
