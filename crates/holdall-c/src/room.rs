//! Room for the slots of a call, and what a function of C is given to write to.

/// More slots than this are kept on the heap.
const FEW: usize = 16;

/// Room for the slots of one call.
pub(crate) struct Slots {
    few: [u64; FEW],
    many: Vec<u64>,
}

impl Slots {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            few: [0; FEW],
            many: Vec::new(),
        }
    }

    /// So many slots, which are zero.
    #[inline]
    pub(crate) fn of(&mut self, count: usize) -> &mut [u64] {
        if count <= FEW {
            return &mut self.few[..count];
        }
        self.many.resize(count, 0);
        &mut self.many
    }
}

/// Writes to C's `out`, whose old contents mean nothing; drops the value where `out` is null.
///
/// # Safety
///
/// `out` is null or can be written.
pub(crate) unsafe fn put<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: the caller's duty.
        unsafe { out.write(value) };
    }
}
