//! Where an engine takes its memory from: the pool of its configuration, else the host.

use std::alloc::Layout;
use std::fmt::{self, Display};
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator, Global};
use allocator_api2::boxed::Box;

use super::pool::{Pool, Refusal, is_aligned_for};
use super::ranges::End;
use crate::error::Error;

/// The host's allocator, or a pool's high end. (Linear memories take the low end: see
/// `store/backing.rs`.)
#[derive(Clone, Debug, Default)]
pub(crate) struct Heap(Option<Pool>);

impl Heap {
    /// The heap of an engine whose configuration has this pool.
    pub(crate) fn new(pool: Option<Pool>) -> Self {
        Self(pool)
    }

    /// Whether the heap is a pool.
    pub(crate) fn is_pool(&self) -> bool {
        self.0.is_some()
    }

    /// Moves the elements of a vector, which is in the host's memory, to this heap.
    ///
    /// # Errors
    ///
    /// Where the heap is a pool without room for the elements. A heap of the host never refuses.
    pub(crate) fn boxed<T: Copy>(&self, elements: Vec<T>) -> Result<Box<[T], Self>, Refusal> {
        let Some(pool) = &self.0 else {
            let elements = std::boxed::Box::into_raw(elements.into_boxed_slice());
            // SAFETY: the host's allocator made the box, and `Global` is the host's allocator.
            return Ok(unsafe { Box::from_raw_in(elements, self.clone()) });
        };
        let mut room = Box::try_new_uninit_slice_in(elements.len(), self.clone())
            .map_err(|AllocError| pool.refusal(size_of_val(&*elements)))?;
        for (to, from) in room.iter_mut().zip(elements) {
            to.write(from);
        }
        // SAFETY: all elements of `room` were written: it has as many as the vector.
        Ok(unsafe { room.assume_init() })
    }

    /// The error where there is no room for `what`, which takes `asked` bytes.
    #[cold]
    pub(crate) fn no_room(&self, what: impl Display, asked: usize) -> Error {
        Error::resource(match &self.0 {
            Some(pool) => format!("no room for {what}: {}", pool.refusal(asked)),
            None => format!("the host has no room for {what}"),
        })
    }
}

/// What refused the room, for messages: "the host", or the engine's pool with its size.
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

// SAFETY: `Global` is an allocator. A pool gives out parts of its buffer that belong to nobody else
// and that fit the layout. The parts are valid for as long as the pool lives, and every clone of
// the heap is a handle to the pool. What a pool gave out goes back to the same pool, since a heap
// never changes its pool.
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
        // SAFETY: the bytes at `address` were allocated just now, with this size.
        unsafe { address.cast::<u8>().write_bytes(0, layout.size()) };
        Ok(address)
    }

    unsafe fn deallocate(&self, address: NonNull<u8>, layout: Layout) {
        match &self.0 {
            // SAFETY: passed on from the caller. The size is not 0, so the pool gave `address` out.
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
        // SAFETY: `old` is not empty, so the pool gave `address` out. That nobody uses the bytes
        // during the call is the caller's duty.
        let address = unsafe { pool.grow(address, old.size(), new.size(), End::High) };
        let address = address.ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(address, new.size()))
    }
}

#[cfg(test)]
mod tests {
    use allocator_api2::vec::Vec as VecIn;

    use super::*;

    fn pool(size_bytes: usize) -> (Pool, Heap) {
        let pool = Pool::from(vec![0xff; size_bytes]);
        let heap = Heap::new(Some(pool.clone()));
        (pool, heap)
    }

    #[test]
    fn elements_come_along_and_their_room_goes_back() {
        let elements: Vec<u64> = (0..100).collect();
        let host = Heap::default().boxed(elements.clone()).unwrap();
        assert_eq!(*host, *elements);
        let (pool, heap) = pool(1_000);
        let boxed = heap.boxed(elements.clone()).unwrap();
        assert_eq!((&*boxed, pool.used_bytes()), (&*elements, 800));
        let refusal = heap.boxed(elements).unwrap_err();
        assert_eq!(refusal, pool.refusal(800));
        drop((heap, boxed));
        assert_eq!(pool.used_bytes(), 0);
    }

    #[test]
    fn no_elements_take_nothing() {
        let (pool, heap) = pool(0);
        assert_eq!(heap.boxed(Vec::<u64>::new()).unwrap().len(), 0);
        assert_eq!(pool.left_bytes(), 0);
    }

    #[test]
    fn a_vector_keeps_its_elements_as_it_moves_down_the_pool() {
        let (pool, heap) = pool(10_000);
        let mut vec = VecIn::new_in(heap);
        while vec
            .try_reserve(1)
            .or_else(|_| vec.try_reserve_exact(1))
            .is_ok()
        {
            vec.push(vec.len());
        }
        assert!(pool.left_bytes() < 16, "{pool:?}");
        assert!(vec.iter().enumerate().all(|(at, found)| at == *found));
    }

    #[test]
    fn zeroed_means_zeroed() {
        let (_pool, heap) = pool(1_000);
        let zeros = Box::<[u8], Heap>::try_new_zeroed_slice_in(900, heap).unwrap();
        // SAFETY: zeroed bytes are bytes.
        assert!(unsafe { zeros.assume_init() }.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn what_a_pool_cannot_align_is_refused() {
        let (_pool, heap) = pool(1_000);
        heap.allocate(Layout::from_size_align(32, 32).unwrap())
            .unwrap_err();
        for align in [1, 2, 8, 16] {
            let layout = Layout::from_size_align(3, align).unwrap();
            let address = heap.allocate(layout).unwrap().cast::<u8>();
            assert_eq!(address.addr().get() % 16, 0);
            // SAFETY: allocated just now with this layout.
            unsafe { heap.deallocate(address, layout) };
        }
    }

    #[test]
    fn who_has_no_room_is_named() {
        let (pool, heap) = pool(64);
        let size = pool.size_bytes();
        assert_eq!(
            heap.no_room("a thing", 100).to_string(),
            format!(
                "no room for a thing: pool of the engine: {size} bytes, 100 asked for, 0 used, \
                 {size} left; give `Config::pool` a larger one"
            )
        );
        assert_eq!(
            heap.to_string(),
            format!("the engine's pool ({size} bytes, 0 used, {size} left)")
        );
        let host = Heap::default();
        assert_eq!(
            host.no_room("a thing", 100).to_string(),
            "the host has no room for a thing"
        );
        assert_eq!(host.to_string(), "the host");
    }
}
