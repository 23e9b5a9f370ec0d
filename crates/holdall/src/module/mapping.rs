//! Bytes that the processor can execute: a mapping that is filled, and from then on can only be read and
//! executed. Does not know what the bytes are.

use std::ptr::NonNull;

/// A mapping that can be read and executed.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    #[cfg(all(target_os = "linux", not(miri)))]
    size_bytes: usize,
}

// SAFETY: nobody writes to the mapping once it is made, and it is given back once.
unsafe impl Send for Mapping {}
// SAFETY: as for `Send`.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Where the mapping begins.
    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// A mapping with a copy of the bytes; `None` where there is no room, or the system does not let a process
    /// execute what it has written.
    #[cfg(all(target_os = "linux", not(miri)))]
    pub(super) fn executable(bytes: &[u8]) -> Option<Self> {
        use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};

        let size_bytes = bytes.len().max(1);
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let null = std::ptr::null_mut();
        // SAFETY: a new mapping, at an address of the system's choice, changes nothing that is there.
        let start = unsafe { mmap_anonymous(null, size_bytes, access, MapFlags::PRIVATE) };
        let start = NonNull::new(start.ok()?.cast::<u8>())?;
        let mapping = Self { start, size_bytes };
        // SAFETY: the mapping has room for the bytes, and nobody else knows it. It is never written to
        // again.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), start.as_ptr(), bytes.len());
            let access = MprotectFlags::READ | MprotectFlags::EXEC;
            mprotect(start.as_ptr().cast(), size_bytes, access).ok()?;
        }
        clear_instruction_cache(start.as_ptr(), size_bytes);
        Some(mapping)
    }

    #[cfg(not(all(target_os = "linux", not(miri))))]
    pub(super) fn executable(_: &[u8]) -> Option<Self> {
        None
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this size, and whoever has it executes nothing of it any more.
        let gone = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.size_bytes) };
        debug_assert!(gone.is_ok(), "a mapping that was made can be given back");
    }
}

/// Has the processor see instructions that were written as data. x86-64 does so by itself.
#[cfg(all(target_os = "linux", not(miri)))]
fn clear_instruction_cache(start: *mut u8, size_bytes: usize) {
    #[cfg(target_arch = "aarch64")]
    {
        // The smallest line that the architecture has.
        const LINE_BYTES: usize = 16;
        for at in (0..size_bytes).step_by(LINE_BYTES) {
            let line = start.wrapping_add(at);
            // SAFETY: maintenance of caches changes no memory; the line lies in a mapping.
            unsafe { std::arch::asm!("dc cvau, {0}", in(reg) line) };
        }
        // SAFETY: as above.
        unsafe { std::arch::asm!("dsb ish") };
        for at in (0..size_bytes).step_by(LINE_BYTES) {
            let line = start.wrapping_add(at);
            // SAFETY: as above.
            unsafe { std::arch::asm!("ic ivau, {0}", in(reg) line) };
        }
        // SAFETY: as above.
        unsafe { std::arch::asm!("dsb ish", "isb") };
    }
    #[cfg(not(target_arch = "aarch64"))]
    let _ = (start, size_bytes);
}
