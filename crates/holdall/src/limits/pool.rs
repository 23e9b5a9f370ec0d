//! A pool: one buffer from which an engine takes all that its guests can make grow.

use std::alloc::Layout;
use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard};

use super::ranges::{End, Grown, Ranges};
use crate::error::{Error, Result};

/// What the parts of a pool are aligned to, and what their sizes are rounded up to a multiple of.
const BLOCK: usize = 16;

/// A buffer that holds everything that guests can make grow: see
/// [`Config::pool`](crate::Config::pool). Cloning gives another handle to the same pool, and more
/// than one engine may have it.
///
/// A pool keeps the list of its free parts outside its buffer, and gives parts out in blocks of 16
/// bytes. Used and left bytes together are always the pool's size.
///
/// ```
/// use holdall::{Config, Engine, Memory, MemoryType, Pool, Store};
///
/// # fn main() -> holdall::Result<()> {
/// let pool = Pool::new(256 << 10)?;
/// let engine = Engine::new(Config::new().pool(pool.clone()).stack_size_bytes(64 << 10));
/// let mut store = Store::try_new(&engine, ())?;
/// let ty = MemoryType::new(1, None);
/// let memory = Memory::new(&mut store, ty)?;
/// assert_eq!(pool.left_bytes(), 128 << 10);
/// assert_eq!(memory.grow(&mut store, 2)?, 1);
/// assert!(memory.grow(&mut store, 1).is_err());
/// drop(store);
/// assert_eq!(pool.used_bytes(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    /// The first block; the buffer has `size` bytes from there on, which nobody else touches.
    base: NonNull<u8>,
    /// A multiple of `BLOCK`.
    size: usize,
    free: Mutex<Ranges>,
    /// The vector that the buffer belongs to: its address and its capacity.
    vec: Option<(*mut u8, usize)>,
}

// SAFETY: the buffer belongs to the pool alone. A part of the buffer is given out to one user at a
// time: the lock around the free parts keeps that.
unsafe impl Send for Inner {}
// SAFETY: as for `Send`.
unsafe impl Sync for Inner {}

/// Why a pool refused bytes: it has no room for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    size: usize,
    asked: usize,
    left: usize,
}

impl Pool {
    /// A pool of `size_bytes` bytes of the host's, rounded up to a multiple of 16. The host gets
    /// them back when the last handle to the pool is dropped and nothing of it is in use.
    ///
    /// # Errors
    ///
    /// When the host has no room.
    pub fn new(size_bytes: usize) -> Result<Self> {
        let mut buffer = Vec::new();
        // Enough for the blocks wherever the host's bytes begin.
        size_bytes
            .checked_next_multiple_of(BLOCK)
            .and_then(|size| size.checked_add(BLOCK - 1))
            .and_then(|size| buffer.try_reserve_exact(size).ok())
            .ok_or_else(|| {
                Error::resource(format!(
                    "the host has no room for a pool of {size_bytes} bytes"
                ))
            })?;
        Ok(buffer.into())
    }

    /// A pool of a static array, less up to 15 bytes for its alignment and up to 15 at its end.
    /// What the array holds does not matter.
    ///
    /// ```
    /// static mut BUFFER: [u8; 10_000] = [0; 10_000];
    /// // SAFETY: nothing else uses the array.
    /// let pool = holdall::Pool::from_static(unsafe { &mut *(&raw mut BUFFER) });
    /// assert!(pool.left_bytes() > 9_900);
    /// ```
    #[must_use]
    pub fn from_static(buffer: &'static mut [u8]) -> Self {
        Self::of(buffer.as_mut_ptr(), buffer.len(), None)
    }

    /// A pool of a static array that nobody initialised; as [`Pool::from_static`].
    #[must_use]
    pub fn from_static_uninit(buffer: &'static mut [MaybeUninit<u8>]) -> Self {
        Self::of(buffer.as_mut_ptr().cast(), buffer.len(), None)
    }

    /// A pool of the `size_bytes` bytes at `start`, which somebody else owns; as [`Pool::from_static`].
    ///
    /// # Safety
    ///
    /// The bytes can be read and written, and nobody else does so, until the last handle to the pool is
    /// dropped and nothing of the pool is in use. Engines, modules and stores hold such handles.
    #[must_use]
    pub unsafe fn from_raw_parts(start: NonNull<u8>, size_bytes: usize) -> Self {
        Self::of(start.as_ptr(), size_bytes, None)
    }

    /// A pool of the `len` bytes at `start`, which belong to the pool alone.
    fn of(start: *mut u8, len: usize, vec: Option<(*mut u8, usize)>) -> Self {
        let skipped = start.align_offset(BLOCK).min(len);
        let size = (len - skipped) / BLOCK * BLOCK;
        // SAFETY: at most the buffer's end.
        let base = unsafe { start.add(skipped) };
        Self(Arc::new(Inner {
            base: NonNull::new(base).expect("a buffer is somewhere"),
            size,
            free: Mutex::new(Ranges::new(size)),
            vec,
        }))
    }

    /// The size in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.0.size
    }

    /// How many bytes are in use now.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.size_bytes() - self.left_bytes()
    }

    /// How many bytes are not in use now. They may be in more than one piece.
    #[must_use]
    pub fn left_bytes(&self) -> usize {
        self.free().left()
    }

    /// Takes `size_bytes` bytes, rounded up to a multiple of 16 and aligned to 16, for the program's own use
    /// until the value is dropped. The bytes are zero. `None` where the pool has no room.
    ///
    /// ```
    /// let pool = holdall::Pool::new(100)?;
    /// let taken = pool.take(20).expect("there is room");
    /// assert_eq!((taken.len(), pool.used_bytes()), (20, 32));
    /// drop(taken);
    /// assert_eq!(pool.used_bytes(), 0);
    /// assert!(pool.take(200).is_none());
    /// # Ok::<(), holdall::Error>(())
    /// ```
    #[must_use]
    pub fn take(&self, size_bytes: usize) -> Option<PoolBytes> {
        let room = size_bytes.max(1);
        let address = self.allocate(room, End::High)?;
        // SAFETY: the part is ours and has that many bytes.
        unsafe { address.write_bytes(0, room) };
        Some(PoolBytes {
            pool: self.clone(),
            address,
            size_bytes,
        })
    }

    /// Allocates `size` bytes, aligned to 16, with undefined contents; `None` where there is no
    /// room.
    pub(crate) fn allocate(&self, size: usize, end: End) -> Option<NonNull<u8>> {
        let at = self.free().take(blocks(size)?, end)?;
        Some(self.address(at))
    }

    /// Grows `old` bytes at `address` to at least `new` bytes; returns their new address. The first
    /// `old` bytes keep their contents, and the rest have undefined contents. `None`, and nothing
    /// changed, where there is no room.
    ///
    /// # Safety
    ///
    /// The pool gave out `old` bytes at `address`, from whichever end, and nobody uses these bytes
    /// now.
    pub(crate) unsafe fn grow(
        &self,
        address: NonNull<u8>,
        old: usize,
        new: usize,
        end: End,
    ) -> Option<NonNull<u8>> {
        // SAFETY: the caller's duty. A part elsewhere belongs to the caller like the old part,
        // until the old part goes back.
        unsafe {
            match self.place(address, old, new, end, true)? {
                Placed::Within(to) => Some(to),
                Placed::Elsewhere(to) => {
                    std::ptr::copy_nonoverlapping(address.as_ptr(), to.as_ptr(), old);
                    self.free_bytes(address, old);
                    Some(to)
                }
            }
        }
    }

    /// Finds a place of `new` bytes for the `old` bytes at `address`: where they are, if there is
    /// room behind them; else, if they `may_slide`, across the free parts on both sides of them;
    /// else elsewhere. `None`, and nothing changed, where there is no room.
    ///
    /// # Safety
    ///
    /// As for [`Pool::grow`].
    pub(crate) unsafe fn place(
        &self,
        address: NonNull<u8>,
        old: usize,
        new: usize,
        end: End,
        may_slide: bool,
    ) -> Option<Placed> {
        let (old_blocks, new_blocks) = (blocks(old)?, blocks(new)?);
        if new_blocks <= old_blocks {
            return Some(Placed::Within(address));
        }
        let from = self.offset(address);
        // The lock is held until the bytes have slid: a part that overlaps the old one is not the
        // pool's to give out.
        let mut free = self.free();
        match free.grow(from, old_blocks, new_blocks, end, may_slide)? {
            Grown::Within(to) => {
                let to = self.address(to);
                if to != address {
                    // SAFETY: both are parts of the buffer with `old` bytes at least; nobody uses the
                    // old one, which is the caller's duty, and the new one belongs to nobody yet.
                    unsafe { std::ptr::copy(address.as_ptr(), to.as_ptr(), old) };
                }
                Some(Placed::Within(to))
            }
            Grown::Elsewhere(to) => Some(Placed::Elsewhere(self.address(to))),
        }
    }

    /// Takes back the end of a part of `old` bytes, so that `new` bytes are left.
    ///
    /// # Safety
    ///
    /// The pool gave out `old` bytes at `address`, `new` is at most `old`, and nobody uses the
    /// bytes behind the first `new` from now on.
    pub(crate) unsafe fn shrink(&self, address: NonNull<u8>, old: usize, new: usize) {
        let [old, new] = [old, new].map(|size| blocks(size).expect("it was rounded up before"));
        let end = self.offset(address) + new;
        self.free().put_back(end, old - new);
    }

    /// Takes back what `allocate`, or `grow` after it, gave.
    ///
    /// # Safety
    ///
    /// The pool gave out `size` bytes at `address`, and nobody uses them from now on.
    pub(crate) unsafe fn free_bytes(&self, address: NonNull<u8>, size: usize) {
        let size = blocks(size).expect("its size was rounded up before");
        self.free().put_back(self.offset(address), size);
    }

    /// The refusal of `asked` bytes.
    pub(crate) fn refusal(&self, asked: usize) -> Refusal {
        Refusal {
            size: self.size_bytes(),
            asked,
            left: self.left_bytes(),
        }
    }

    fn free(&self) -> MutexGuard<'_, Ranges> {
        let free = self.0.free.lock();
        free.expect("no holder of the lock can panic")
    }

    fn address(&self, offset: usize) -> NonNull<u8> {
        // SAFETY: offsets come from `Ranges`, which has `size` bytes, as the buffer does.
        unsafe { self.0.base.add(offset) }
    }

    fn offset(&self, address: NonNull<u8>) -> usize {
        address.addr().get() - self.0.base.addr().get()
    }
}

/// Bytes of a [`Pool`] that the program took for itself; see [`Pool::take`].
#[derive(Debug)]
pub struct PoolBytes {
    pool: Pool,
    address: NonNull<u8>,
    size_bytes: usize,
}

// SAFETY: the bytes belong to the value alone, as those of a box do.
unsafe impl Send for PoolBytes {}
// SAFETY: as for `Send`.
unsafe impl Sync for PoolBytes {}

impl PoolBytes {
    /// The address of the first byte, to read and write the bytes while the value lives.
    #[must_use]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.address.as_ptr()
    }
}

impl std::ops::Deref for PoolBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the part belongs to the value, and was written when it was taken.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.size_bytes) }
    }
}

impl std::ops::DerefMut for PoolBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`; the value is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.address.as_ptr(), self.size_bytes) }
    }
}

impl Drop for PoolBytes {
    fn drop(&mut self) {
        // SAFETY: `take` got the part for this size, and nobody uses the part any more.
        unsafe { self.pool.free_bytes(self.address, self.size_bytes.max(1)) };
    }
}

/// A place for a part that is to grow.
pub(crate) enum Placed {
    /// The contents of the old part are here already. The old part is not the caller's any more.
    Within(NonNull<u8>),
    /// A new part, to which nothing was copied yet. The old part is still the caller's.
    Elsewhere(NonNull<u8>),
}

/// A size, rounded up to a multiple of `BLOCK`; `None` where that overflows.
fn blocks(size: usize) -> Option<usize> {
    debug_assert!(size > 0, "nothing is not asked for");
    size.checked_next_multiple_of(BLOCK)
}

/// Whether the pool's parts are aligned as the layout wants.
pub(super) fn is_aligned_for(layout: Layout) -> bool {
    layout.align() <= BLOCK
}

/// A pool of a vector's capacity, less up to 15 bytes for its alignment and up to 15 at its end.
impl From<Vec<u8>> for Pool {
    fn from(buffer: Vec<u8>) -> Self {
        let mut buffer = ManuallyDrop::new(buffer);
        let (start, capacity) = (buffer.as_mut_ptr(), buffer.capacity());
        Self::of(start, capacity, Some((start, capacity)))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some((start, capacity)) = self.vec {
            // SAFETY: address and capacity are those of a vector that was not dropped. Whatever has
            // a part of the buffer has a handle to the pool too, so nobody uses the buffer any
            // more.
            drop(unsafe { Vec::from_raw_parts(start, 0, capacity) });
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("size_bytes", &self.size_bytes())
            .field("used_bytes", &self.used_bytes())
            .finish()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, asked, left } = self;
        let used = size - left;
        // Enough bytes may be left and still not serve, where they are in pieces.
        let apart = if left >= asked { " in pieces" } else { "" };
        write!(
            f,
            "pool of the engine: {size} bytes, {asked} asked for, {used} used, {left} left{apart}; \
             give `Config::pool` a larger one"
        )
    }
}
