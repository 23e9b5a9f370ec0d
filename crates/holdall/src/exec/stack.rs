//! The value stack of a store, which holds the frames of all guest functions that run.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2::alloc::Allocator;

use crate::error::Result;
use crate::limits::Heap;

/// How many calls of host functions may be nested, where these call guests again. Each such call takes a
/// part of the native stack. Nothing else that a guest does makes the native stack grow.
const MAX_HOST_DEPTH: u32 = 100;

/// The value stack: `size` slots at `base`, allocated from `heap`. `top <= end`, and both point into
/// these slots or to their end.
pub(crate) struct Stack {
    heap: Heap,
    base: NonNull<u64>,
    size: usize,
    /// Where the next execution's first frame begins.
    pub(crate) top: *mut u64,
    /// Where the room for the next execution's frames ends.
    pub(super) end: *mut u64,
    depth: u32,
}

/// What `top` and `end` of the stack were before an execution called a host function.
pub(super) struct Saved {
    top: *mut u64,
    end: *mut u64,
}

impl Stack {
    /// A stack of `size_bytes` bytes, rounded down to whole slots.
    ///
    /// # Errors
    ///
    /// Where the heap has no room for the stack.
    pub(crate) fn new(heap: Heap, size_bytes: usize) -> Result<Self> {
        let size = (size_bytes / size_of::<u64>()).max(1);
        let base = Layout::array::<u64>(size)
            .ok()
            .and_then(|layout| heap.allocate_zeroed(layout).ok())
            .ok_or_else(|| {
                let what = format_args!("a stack of {size_bytes} bytes");
                heap.no_room(what, size * size_of::<u64>())
            })?
            .cast::<u64>();
        Ok(Self {
            heap,
            base,
            size,
            top: base.as_ptr(),
            // SAFETY: one past the end of the allocation.
            end: unsafe { base.as_ptr().add(size) },
            depth: 0,
        })
    }

    /// The slots below `end`, which points into the stack or to its end.
    ///
    /// # Safety
    ///
    /// Nothing writes to these slots while the slice is used.
    pub(crate) unsafe fn used(&self, end: *const u64) -> &[u64] {
        let base = self.base.as_ptr();
        let count = (end.addr() - base.addr()) / size_of::<u64>();
        // SAFETY: the slots were zeroed when they were allocated, and `end` lies within them.
        unsafe { std::slice::from_raw_parts(base, count.min(self.size)) }
    }

    /// Leaves the slots between `top` and `end` to the executions that a host function starts. `None`
    /// where [`MAX_HOST_DEPTH`] calls of host functions are nested already.
    pub(super) fn enter_host(&mut self, top: *mut u64, end: *mut u64) -> Option<Saved> {
        if self.depth == MAX_HOST_DEPTH {
            return None;
        }
        self.depth += 1;
        let saved = Saved {
            top: self.top,
            end: self.end,
        };
        (self.top, self.end) = (top, end);
        Some(saved)
    }

    /// Leaves the slots between `top` and `end` to the executions that a native function starts. How deep
    /// these nest, native code bounds.
    pub(super) fn leave_to_native(&mut self, top: *mut u64, end: *mut u64) -> Saved {
        let saved = Saved {
            top: self.top,
            end: self.end,
        };
        (self.top, self.end) = (top, end);
        saved
    }

    /// Sets `top` and `end` back after a native function returned.
    pub(super) fn back_from_native(&mut self, saved: Saved) {
        (self.top, self.end) = (saved.top, saved.end);
    }

    /// Sets `top` and `end` back after a host function returned.
    pub(super) fn leave_host(&mut self, saved: Saved) {
        self.depth -= 1;
        (self.top, self.end) = (saved.top, saved.end);
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let layout = Layout::array::<u64>(self.size).expect("it was allocated with this layout");
        // SAFETY: allocated in `new` with this layout.
        unsafe { self.heap.deallocate(self.base.cast(), layout) };
    }
}
