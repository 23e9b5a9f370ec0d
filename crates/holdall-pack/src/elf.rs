//! ELF executables: how a program comes to carry a payload, and which parts of a program are checked when
//! it starts. Nothing in the file moves: the payload is appended. The program header and the section
//! header of the runtime's mark become those of the payload, which so is a read-only segment: the system
//! maps it, and tools that strip or sign a file keep it.

use std::ops::Range;

use object::elf::{
    FileHeader64, PF_R, PF_W, PT_INTERP, PT_LOAD, PT_NOTE, ProgramHeader64, SHF_ALLOC,
    SHT_PROGBITS, SectionHeader64,
};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, ReadRef, U64, pod};

use crate::bag;
use crate::mark::{START, UNCHECKED_BYTES};

/// The largest page of any system, in bytes. The address of a byte and its offset in the file are equal
/// modulo this.
const PAGE_BYTES: u64 = 65_536;

/// More segments than any program has: a file with more is refused.
const MAX_SEGMENTS: usize = 1024;

type File = FileHeader64<Endianness>;

/// The program with a payload behind it. The payload's address is a multiple of [`bag::PAGE_BYTES`].
pub(crate) fn carry(program: &[u8], payload: &[u8]) -> holdall::Result<Vec<u8>> {
    let wrong = |what: &str| crate::wrong(format!("the runtime takes no bag: {what}"));
    let unread = |error: object::Error| wrong(&error.to_string());
    let header = File::parse(program).map_err(unread)?;
    let endian = header.endian().map_err(unread)?;
    let segments = header.program_headers(endian, program).map_err(unread)?;
    let is_mark = |segment: &&ProgramHeader64<Endianness>| {
        segment.p_type(endian) == PT_NOTE
            && segment
                .data(endian, program)
                .is_ok_and(|note| note.starts_with(&START))
    };
    let mark = segments.iter().find(is_mark);
    let mark = mark.ok_or_else(|| wrong("it has no room for one, or carries one already"))?;

    let mut bytes = program.to_vec();
    bytes.resize(bytes.len().next_multiple_of(bag::PAGE_BYTES), 0);
    let offset = bytes.len() as u64;
    let ends = segments
        .iter()
        .map(|it| it.p_vaddr(endian).saturating_add(it.p_memsz(endian)));
    let end = ends.max().unwrap_or(0).next_multiple_of(PAGE_BYTES);
    let address = end + offset % PAGE_BYTES;
    let len = payload.len() as u64;
    bytes.extend(payload);

    // The system wants loaded segments in the order of their addresses, and the payload's address is the
    // highest: so the header that becomes the payload's must stand behind those of all other segments.
    let after = segments.iter().rposition(|it| it.p_type(endian) == PT_LOAD);
    let at = place(program, mark);
    let last = after.map_or(0, |last| place(program, &segments[last]));
    if at < last {
        return Err(wrong("its mark stands before what it loads"));
    }
    let word = |value| U64::new(endian, value);
    let segment: &mut ProgramHeader64<Endianness> = structure(&mut bytes, at);
    segment.p_type.set(endian, PT_LOAD);
    segment.p_flags.set(endian, PF_R);
    segment.p_offset = word(offset);
    (segment.p_vaddr, segment.p_paddr) = (word(address), word(address));
    (segment.p_filesz, segment.p_memsz) = (word(len), word(len));
    segment.p_align = word(PAGE_BYTES);

    // A file may have been stripped of its section headers.
    let sections = header.section_headers(endian, program).map_err(unread)?;
    let same = |it: &&SectionHeader64<Endianness>| {
        it.sh_offset(endian) == mark.p_offset(endian) && it.sh_addr(endian) != 0
    };
    if let Some(section) = sections.iter().find(same) {
        let section: &mut SectionHeader64<Endianness> =
            structure(&mut bytes, place(program, section));
        section.sh_type.set(endian, SHT_PROGBITS);
        section.sh_flags.set(endian, SHF_ALLOC);
        (section.sh_addr, section.sh_offset) = (word(address), word(offset));
        (section.sh_size, section.sh_addralign) = (word(len), word(bag::PAGE_BYTES as u64));
    }
    Ok(bytes)
}

/// Whether a program is for big-endian machines. `false` where the file is not ELF: systems with other
/// formats are little-endian.
pub(crate) fn is_big_endian(program: &[u8]) -> bool {
    File::parse(program).is_ok_and(|header| header.is_big_endian())
}

/// Whether a program asks the system for another program that loads its libraries.
pub(crate) fn needs_libraries(program: &[u8]) -> bool {
    let read = || {
        let header = File::parse(program).ok()?;
        let endian = header.endian().ok()?;
        let mut segments = header.program_headers(endian, program).ok()?.iter();
        Some(segments.any(|segment| segment.p_type(endian) == PT_INTERP))
    };
    read().unwrap_or(false)
}

/// The offset of a structure that was read in the bytes of `file`.
fn place<T>(file: &[u8], structure: &T) -> usize {
    std::ptr::from_ref(structure).addr() - file.as_ptr().addr()
}

fn structure<T: pod::Pod>(file: &mut [u8], at: usize) -> &mut T {
    pod::from_bytes_mut(&mut file[at..])
        .expect("it was read from there")
        .0
}

/// The ranges of a program's file that are checked when it starts: its read-only segments, without the
/// headers of the file. `end` is where the payload begins, whose segment is not one of the program's.
/// `None` where the file is not ELF, or no linker made it.
pub(crate) fn checked<'d>(file: impl ReadRef<'d>, end: u64) -> Option<Vec<Range<u64>>> {
    let header = File::parse(file).ok()?;
    let endian = header.endian().ok()?;
    if usize::from(header.e_phnum.get(endian)) > MAX_SEGMENTS {
        return None;
    }
    let mut ranges = Vec::new();
    let mut left = file.len().ok()?;
    for segment in header.program_headers(endian, file).ok()? {
        let is_loaded = segment.p_type(endian) == PT_LOAD;
        if !is_loaded || segment.p_flags(endian).contains(PF_W) {
            continue;
        }
        let (start, len) = segment.file_range(endian);
        if start.checked_add(len)? > file.len().ok()? {
            return None;
        }
        // Segments that a linker made do not overlap.
        left = left.checked_sub(len)?;
        if start < end {
            let skipped = if ranges.is_empty() {
                len.min(UNCHECKED_BYTES as u64)
            } else {
                0
            };
            ranges.push(start + skipped..start + len);
        }
    }
    Some(ranges)
}
