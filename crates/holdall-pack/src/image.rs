//! The executable as the system has loaded it: what it carries, and what of it is to be as it was
//! built. It asks for no file: where the executable was started there may be none that it can reach.

use crate::bag::{ALIGN_BYTES, MAGIC};
use crate::mark;

/// The executable that runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    payload: Option<&'static [u8]>,
    /// The read-only segments before the payload.
    read_only: Vec<&'static [u8]>,
}

impl Image {
    /// This one.
    pub(crate) fn own() -> Self {
        system::guard();
        system::own()
    }

    /// What it carries: a bag, at the first address of its alignment.
    pub(crate) fn bag(&self) -> Option<&'static [u8]> {
        let payload = self.payload?;
        payload.get(payload.as_ptr().align_offset(ALIGN_BYTES)..)
    }

    /// Whether it carries something that begins like a bag.
    pub(crate) fn is_packed(&self) -> bool {
        self.bag().is_some_and(|bag| bag.starts_with(&MAGIC))
    }

    /// The checksum of its read-only segments.
    pub(crate) fn checksum(&self) -> u64 {
        mark::checksum(self.read_only.iter().copied())
    }
}

/// ELF: the system maps what the executable carries as a segment of its own.
#[cfg(all(unix, not(target_vendor = "apple")))]
mod system {
    use std::ffi::{c_int, c_void};

    use libc::{PF_W, PT_LOAD, dl_phdr_info};

    use super::Image;

    pub(crate) fn own() -> Image {
        let mut image = Image::default();
        // SAFETY: the callback gets the address of `image`, which nobody else uses meanwhile.
        unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut image).cast()) };
        image
    }

    /// Looks at the first object that is loaded, the executable.
    unsafe extern "C" fn look(info: *mut dl_phdr_info, _: usize, image: *mut c_void) -> c_int {
        // SAFETY: `own` gave the image; the system tells of segments that it has mapped, which stay
        // for as long as the program runs, and which nobody writes to where they are read-only.
        unsafe {
            let image = &mut *image.cast::<Image>();
            let base = (*info).dlpi_addr as usize;
            let headers = std::slice::from_raw_parts((*info).dlpi_phdr, (*info).dlpi_phnum.into());
            for header in headers {
                if header.p_type == PT_LOAD && header.p_flags & PF_W == 0 {
                    let at = base.wrapping_add(header.p_vaddr as usize);
                    let at = std::ptr::with_exposed_provenance(at);
                    let segment = std::slice::from_raw_parts(at, header.p_filesz as usize);
                    image.read_only.push(segment);
                }
            }
            // What it carries comes last; without it this is a part of the program, and no bag.
            image.payload = image.read_only.pop();
        }
        1
    }

    /// Has the program say so when it meets the end of its file where it should not be, instead of
    /// ending without a word.
    pub(crate) fn guard() {
        const MESSAGE: &[u8] = b"this executable cannot run: it is damaged: a part of its file is \
            missing, or cannot be read; get it anew\n";
        extern "C" fn damaged(_: c_int) {
            // SAFETY: both may be called in a handler of signals.
            unsafe {
                libc::write(libc::STDERR_FILENO, MESSAGE.as_ptr().cast(), MESSAGE.len());
                libc::_exit(1)
            }
        }
        // SAFETY: the handler does nothing that a handler may not.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = damaged as extern "C" fn(c_int) as usize;
            libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Mach-O and PE: libsui knows where what it placed is.
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
mod system {
    use super::Image;

    pub(crate) fn own() -> Image {
        Image {
            payload: libsui::find_section(crate::mark::SECTION).ok().flatten(),
            read_only: Vec::new(),
        }
    }

    pub(crate) fn guard() {}
}
