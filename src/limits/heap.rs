//! Where an engine takes its memory from: the pool that its configuration names, else the host.

use std::alloc::Layout;
use std::fmt::{self, Display};
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator, Global};
use allocator_api2::boxed::Box;

use super::pool::{Pool, Refusal, is_aligned_for};
use super::ranges::End;
use crate::error::Error;

/// The host's allocator, or a pool's high end. (Linear memories take the low end: see
/// `store/memory_data.rs`.)
#[derive(Clone, Debug, Default)]
pub(crate) struct Heap(Option<Pool>);

impl Heap {
    /// That of an engine whose configuration has this pool.
    pub(crate) fn new(pool: Option<Pool>) -> Self {
        Self(pool)
    }

    /// The elements of a vector of the host's, brought here.
    ///
    /// # Errors
    ///
    /// Where this is a pool that has no room for them; never where it is the host.
    pub(crate) fn boxed<T: Copy>(&self, elements: Vec<T>) -> Result<Box<[T], Self>, Refusal> {
        let Some(pool) = &self.0 else {
            let elements = std::boxed::Box::into_raw(elements.into_boxed_slice());
            // SAFETY: a box of the host's, as `Global` makes them: both are the same allocator.
            return Ok(unsafe { Box::from_raw_in(elements, self.clone()) });
        };
        let mut room = Box::try_new_uninit_slice_in(elements.len(), self.clone())
            .map_err(|AllocError| pool.refusal(size_of_val(&*elements)))?;
        for (to, from) in room.iter_mut().zip(elements) {
            to.write(from);
        }
        // SAFETY: as many elements as there is room for were written.
        Ok(unsafe { room.assume_init() })
    }

    /// The error for `asked` bytes that there is no room for, which `what` was to take.
    #[cold]
    pub(crate) fn no_room(&self, what: impl Display, asked: usize) -> Error {
        Error::resource(match &self.0 {
            Some(pool) => format!("no room for {what}: {}", pool.refusal(asked)),
            None => format!("the host has no room for {what}"),
        })
    }
}

/// Who has the room, as it follows what forbids a growth.
impl fmt::Display for Heap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(pool) => {
                let (size, left) = (pool.size_bytes(), pool.left_bytes());
                let used = size - left;
                write!(
                    f,
                    "the engine's pool ({size} bytes, {used} used, {left} left)"
                )
            }
            None => f.write_str("the host"),
        }
    }
}

// SAFETY: `Global` is an allocator. A pool gives out parts of its buffer that belong to nobody
// else, and whose layout fits; they stay good for as long as the pool does, to which every clone of
// the heap is a handle. What a pool gave out goes back to the same pool, since a heap never changes.
unsafe impl Allocator for Heap {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let Some(pool) = &self.0 else {
            return Global.allocate(layout);
        };
        if layout.size() == 0 {
            return Global.allocate(layout);
        }
        if !is_aligned_for(layout) {
            return Err(AllocError);
        }
        let address = pool.allocate(layout.size(), End::High).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(address, layout.size()))
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if self.0.is_none() {
            return Global.allocate_zeroed(layout);
        }
        let address = self.allocate(layout)?;
        // SAFETY: it was allocated with this size just now.
        unsafe { address.cast::<u8>().write_bytes(0, layout.size()) };
        Ok(address)
    }

    unsafe fn deallocate(&self, address: NonNull<u8>, layout: Layout) {
        match &self.0 {
            // SAFETY: passed on from the caller. A pool gave it out where it has a size.
            Some(pool) if layout.size() > 0 => unsafe { pool.free_bytes(address, layout.size()) },
            // SAFETY: passed on from the caller.
            _ => unsafe { Global.deallocate(address, layout) },
        }
    }

    unsafe fn grow(
        &self,
        address: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        let Some(pool) = &self.0 else {
            // SAFETY: passed on from the caller.
            return unsafe { Global.grow(address, old, new) };
        };
        if old.size() == 0 {
            return self.allocate(new);
        }
        if !is_aligned_for(new) {
            return Err(AllocError);
        }
        // SAFETY: the pool gave it out, since it has a size; that nobody uses it during the call
        // is the caller's duty.
        let address = unsafe { pool.grow(address, old.size(), new.size(), End::High) };
        let address = address.ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(address, new.size()))
    }
}
