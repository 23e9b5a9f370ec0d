//! The running executable in memory, as the system has loaded it: its payload, and the segments whose
//! checksum is compared with that of the build. The executable's file is not opened: the process may have
//! no path to it.

use holdall::internal::FileBytes;

use crate::bag::{ALIGN_BYTES, MAGIC};
use crate::mark;

/// The segments of the executable that runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    payload: Option<&'static [u8]>,
    /// The machine code, which is the segment behind the payload; empty where there is none.
    code: &'static [u8],
    /// The program's own read-only segments, which come before the payload.
    read_only: Vec<&'static [u8]>,
}

impl Image {
    /// The image of this process.
    pub(crate) fn own() -> Self {
        system::guard();
        system::own()
    }

    /// The bytes of the bag: the payload from its first aligned address on.
    pub(crate) fn bag(&self) -> Option<FileBytes> {
        let payload = self.payload?;
        let bag = payload.get(payload.as_ptr().align_offset(ALIGN_BYTES)..)?;
        // SAFETY: the system has mapped the executable's file, and nobody writes to the payload.
        Some(unsafe { FileBytes::new(bag) })
    }

    /// The machine code of the modules in the bag.
    pub(crate) fn code(&self) -> &'static [u8] {
        self.code
    }

    /// Whether the payload begins as a bag does.
    pub(crate) fn is_packed(&self) -> bool {
        self.bag()
            .is_some_and(|bag| bag.as_slice().starts_with(&MAGIC))
    }

    /// The checksum of the program's read-only segments.
    pub(crate) fn checksum(&self) -> u64 {
        mark::checksum(self.read_only.iter().copied())
    }
}

/// ELF: the system maps the payload as a segment of its own.
#[cfg(all(unix, not(target_vendor = "apple")))]
mod system {
    use std::ffi::{c_int, c_void};

    use libc::{PF_W, PF_X, PT_LOAD, dl_phdr_info};

    use super::Image;

    pub(crate) fn own() -> Image {
        let mut image = Image::default();
        // SAFETY: the callback gets the address of `image`, which nobody else uses meanwhile.
        unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut image).cast()) };
        image
    }

    /// Takes the segments of the first loaded object, which is the executable, and ends the iteration.
    unsafe extern "C" fn look(info: *mut dl_phdr_info, _: usize, image: *mut c_void) -> c_int {
        // SAFETY: `own` gave the image; the system tells of segments that it has mapped, which stay
        // for as long as the program runs, and which nobody writes to where they are read-only.
        unsafe {
            let image = &mut *image.cast::<Image>();
            let base = (*info).dlpi_addr as usize;
            let headers = std::slice::from_raw_parts((*info).dlpi_phdr, (*info).dlpi_phnum.into());
            let mut is_code = false;
            for header in headers {
                if header.p_type == PT_LOAD && header.p_flags & PF_W == 0 {
                    let at = base.wrapping_add(header.p_vaddr as usize);
                    let at = std::ptr::with_exposed_provenance(at);
                    let segment = std::slice::from_raw_parts(at, header.p_filesz as usize);
                    image.read_only.push(segment);
                    is_code = header.p_flags & PF_X != 0;
                }
            }
            // The payload is the last read-only segment, but for machine code. In a program that carries
            // nothing the last ones are the program's own, and do not begin as a bag does.
            if is_code {
                image.code = image.read_only.pop().unwrap_or_default();
            }
            image.payload = image.read_only.pop();
        }
        1
    }

    /// Has the process report a file that is too short. The system maps such a file, and sends SIGBUS when
    /// the missing pages are read; without a handler the process would end without a word.
    pub(crate) fn guard() {
        const MESSAGE: &[u8] = b"this executable cannot run: it is damaged: a part of its file is \
            missing, or cannot be read; get it anew\n";
        extern "C" fn damaged(_: c_int) {
            // SAFETY: `write` and `_exit` are safe in signal handlers (POSIX), and the message is static.
            unsafe {
                libc::write(libc::STDERR_FILENO, MESSAGE.as_ptr().cast(), MESSAGE.len());
                libc::_exit(1)
            }
        }
        // SAFETY: an all-zero `sigaction` is valid, and `damaged` calls only what a signal handler may.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = damaged as extern "C" fn(c_int) as usize;
            libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut());
        }
    }
}

/// Mach-O and PE: libsui finds the payload where libsui placed it.
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
mod system {
    use super::Image;

    pub(crate) fn own() -> Image {
        Image {
            payload: libsui::find_section(crate::mark::SECTION).ok().flatten(),
            ..Image::default()
        }
    }

    pub(crate) fn guard() {}
}
