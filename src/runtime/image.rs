//! The executable as the system has loaded it: what it carries, and what of it is to be as it was
//! built. It asks for no file: where the executable was started there may be none that it can reach.

/// The executable that runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    payload: Option<&'static [u8]>,
    /// The read-only segments, but for the one with the payload.
    read_only: Vec<&'static [u8]>,
}

impl Image {
    /// This one.
    pub(crate) fn own() -> Self {
        system::guard();
        system::own()
    }

    /// What it carries: the first byte says how far behind itself the bag begins.
    pub(crate) fn bag(&self) -> Option<&'static [u8]> {
        let payload = self.payload?;
        payload.get(usize::from(*payload.first()?)..)
    }

    /// The checksum of its read-only segments.
    pub(crate) fn checksum(&self) -> u64 {
        holdall::pack::checksum(self.read_only.iter().copied())
    }
}

/// ELF: the system maps what the executable carries, and the program headers tell where.
#[cfg(all(unix, not(target_vendor = "apple")))]
mod system {
    use std::ffi::{c_int, c_void};

    use holdall::pack::SECTION;
    use libc::{PF_W, PT_LOAD, PT_NOTE, dl_phdr_info};

    use super::Image;

    /// The name and the type of the note that libsui puts into an executable; what is in it begins
    /// with the length of its name, of two bytes, and the name.
    const NOTE_NAME: [u8; 4] = *b"SUI\0";
    const NOTE_TYPE: u32 = 0x5355_4901;

    pub(super) fn own() -> Image {
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
                let at =
                    std::ptr::with_exposed_provenance(base.wrapping_add(header.p_vaddr as usize));
                let segment: &'static [u8] =
                    std::slice::from_raw_parts(at, header.p_filesz as usize);
                if header.p_type == PT_LOAD && header.p_flags & PF_W == 0 {
                    image.read_only.push(segment);
                } else if header.p_type == PT_NOTE && image.payload.is_none() {
                    image.payload = payload(segment);
                }
            }
            if let Some(payload) = image.payload {
                let carries = |segment: &[u8]| segment.as_ptr_range().contains(&payload.as_ptr());
                image.read_only.retain(|segment| !carries(segment));
            }
        }
        1
    }

    /// What the notes carry under our name.
    fn payload(mut notes: &'static [u8]) -> Option<&'static [u8]> {
        loop {
            let (head, rest) = notes.split_first_chunk::<12>()?;
            let number = |at: usize| u32::from_ne_bytes([0, 1, 2, 3].map(|byte| head[at + byte]));
            let (name_len, len) = (number(0) as usize, number(4) as usize);
            let (name, rest) = rest.split_at_checked(name_len.next_multiple_of(4))?;
            let found = rest.get(..len)?;
            if name == NOTE_NAME && number(8) == NOTE_TYPE {
                let (size, found) = found.split_first_chunk::<2>()?;
                let size = u16::from_le_bytes(*size).into();
                let (name, found) = found.split_at_checked(size)?;
                if name == SECTION.as_bytes() {
                    return Some(found);
                }
            }
            notes = rest.get(len.next_multiple_of(4)..)?;
        }
    }

    /// Has the program say so when it meets the end of its file where it should not be, instead of
    /// ending without a word.
    pub(super) fn guard() {
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

    pub(super) fn own() -> Image {
        Image {
            payload: libsui::find_section(holdall::pack::SECTION).ok().flatten(),
            read_only: Vec::new(),
        }
    }

    pub(super) fn guard() {}
}
