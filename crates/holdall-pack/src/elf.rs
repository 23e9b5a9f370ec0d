//! ELF executables: how a program comes to carry a payload and machine code, and which parts of a program are
//! checked when it starts. Nothing in the file moves: both are appended. The program headers and the section
//! headers of the runtime's marks become theirs. So the payload is a read-only segment, and the machine code one
//! that can be read and executed: the system maps them, and tools that strip or sign a file keep them.

use std::ops::Range;

use holdall_core::native::Isa;
use object::elf::{
    EM_AARCH64, EM_X86_64, FileHeader64, PF_R, PF_W, PF_X, PT_INTERP, PT_LOAD, PT_NOTE,
    ProgramHeader64, SHF_ALLOC, SHF_EXECINSTR, SHT_PROGBITS, SectionHeader64,
};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, ReadRef, U64, pod};

use crate::bag;
use crate::mark::{CODE_START, CodeMark, START, UNCHECKED_BYTES};

/// The largest page of any system, in bytes. The address of a byte and its offset in the file are equal
/// modulo this.
const PAGE_BYTES: u64 = 65_536;

/// More segments than any program has: a file with more is refused.
const MAX_SEGMENTS: usize = 1024;

type File = FileHeader64<Endianness>;

/// The program with a payload behind it, and machine code behind the payload, unless there is none. The
/// addresses of both are multiples of [`bag::PAGE_BYTES`].
pub(crate) fn carry(program: &[u8], payload: &[u8], code: &[u8]) -> holdall::Result<Vec<u8>> {
    let wrong = |what: &str| crate::wrong(format!("the runtime takes no bag: {what}"));
    let unread = |error: object::Error| wrong(&error.to_string());
    let header = File::parse(program).map_err(unread)?;
    let endian = header.endian().map_err(unread)?;
    let segments = header.program_headers(endian, program).map_err(unread)?;
    // A file may have been stripped of its section headers.
    let sections = header.section_headers(endian, program).map_err(unread)?;
    let mark = note(segments, endian, program, &START);
    let mark = mark.ok_or_else(|| wrong("it has no room for one, or carries one already"))?;
    let mut marks = vec![mark];
    if !code.is_empty() {
        let mark = note(segments, endian, program, &CODE_START);
        marks.push(mark.ok_or_else(|| wrong("it has no room for machine code"))?);
    }
    // The system wants loaded segments in the order of their addresses, and those of what is added are the
    // highest: so the headers that become theirs must stand behind those of all other segments.
    marks.sort_by_key(|mark| place(program, *mark));
    let after = segments.iter().rposition(|it| it.p_type(endian) == PT_LOAD);
    let last = after.map_or(0, |last| place(program, &segments[last]));
    if marks.iter().any(|mark| place(program, *mark) < last) {
        return Err(wrong("its marks stand before what it loads"));
    }

    let ends = segments
        .iter()
        .map(|it| it.p_vaddr(endian).saturating_add(it.p_memsz(endian)));
    let mut end = ends.max().unwrap_or(0);
    let mut bytes = program.to_vec();
    clear_marks(&mut bytes, !code.is_empty());
    let read = (PF_R, SHF_ALLOC);
    let execute = (PF_R | PF_X, SHF_ALLOC | SHF_EXECINSTR);
    for (mark, (added, (access, flags))) in
        marks.into_iter().zip([(payload, read), (code, execute)])
    {
        bytes.resize(bytes.len().next_multiple_of(bag::PAGE_BYTES), 0);
        let (offset, len) = (bytes.len() as u64, added.len() as u64);
        let address = end.next_multiple_of(PAGE_BYTES) + offset % PAGE_BYTES;
        end = address + len;
        bytes.extend(added);

        let word = |value| U64::new(endian, value);
        let segment: &mut ProgramHeader64<Endianness> = structure(&mut bytes, place(program, mark));
        segment.p_type.set(endian, PT_LOAD);
        segment.p_flags.set(endian, access);
        segment.p_offset = word(offset);
        (segment.p_vaddr, segment.p_paddr) = (word(address), word(address));
        (segment.p_filesz, segment.p_memsz) = (word(len), word(len));
        segment.p_align = word(PAGE_BYTES);

        let same = |it: &&SectionHeader64<Endianness>| {
            it.sh_offset(endian) == mark.p_offset(endian) && it.sh_addr(endian) != 0
        };
        if let Some(section) = sections.iter().find(same) {
            let section: &mut SectionHeader64<Endianness> =
                structure(&mut bytes, place(program, section));
            section.sh_type.set(endian, SHT_PROGBITS);
            section.sh_flags.set(endian, flags);
            (section.sh_addr, section.sh_offset) = (word(address), word(offset));
            (section.sh_size, section.sh_addralign) = (word(len), word(bag::PAGE_BYTES as u64));
        }
    }
    Ok(bytes)
}

/// Makes the marks zeros that go when a program comes to carry a payload, and machine code if `code` says so.
/// They are in no section any more then, and tools that strip a file do the same.
pub(crate) fn clear_marks(program: &mut [u8], code: bool) {
    let ranges = || {
        let header = File::parse(&*program).ok()?;
        let endian = header.endian().ok()?;
        let segments = header.program_headers(endian, &*program).ok()?;
        let starts = [Some(&START), code.then_some(&CODE_START)];
        let notes = starts.into_iter().flatten();
        let notes = notes.filter_map(|start| note(segments, endian, program, start));
        let ranges = notes.map(|note| {
            let (start, len) = note.file_range(endian);
            start as usize..(start + len) as usize
        });
        Some(ranges.collect::<Vec<_>>())
    };
    for range in ranges().unwrap_or_default() {
        program[range].fill(0);
    }
}

/// The program header of the note that begins so.
fn note<'p>(
    segments: &'p [ProgramHeader64<Endianness>],
    endian: Endianness,
    program: &[u8],
    start: &[u8],
) -> Option<&'p ProgramHeader64<Endianness>> {
    segments.iter().find(|segment| {
        let bytes = || segment.data(endian, program);
        segment.p_type(endian) == PT_NOTE && bytes().is_ok_and(|note| note.starts_with(start))
    })
}

/// The instruction set of a program that executes the native code of this build; `None` where the program
/// does not.
pub(crate) fn native_isa(program: &[u8]) -> Option<Isa> {
    let header = File::parse(program).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, program).ok()?;
    let mark = note(segments, endian, program, &CODE_START)?;
    let is_ours = CodeMark::is_ours(mark.data(endian, program).ok()?);
    match header.e_machine(endian) {
        EM_X86_64 if is_ours => Some(Isa::X86_64),
        EM_AARCH64 if is_ours && header.is_little_endian() => Some(Isa::Aarch64),
        _ => None,
    }
}

/// The range of a packed executable's file that has the machine code: the executable segment behind the bag,
/// which begins at `bag`. `None` where there is none.
pub(crate) fn code<'d>(file: impl ReadRef<'d>, bag: u64) -> Option<Range<u64>> {
    let header = File::parse(file).ok()?;
    let endian = header.endian().ok()?;
    if usize::from(header.e_phnum.get(endian)) > MAX_SEGMENTS {
        return None;
    }
    let segments = header.program_headers(endian, file).ok()?.iter();
    let mut ranges = segments.filter_map(|segment| {
        let access = segment.p_flags(endian);
        let is_code =
            segment.p_type(endian) == PT_LOAD && access.contains(PF_X) && !access.contains(PF_W);
        let (start, len) = segment.file_range(endian);
        let end = start.checked_add(len)?;
        (is_code && start > bag && end <= file.len().ok()?).then_some(start..end)
    });
    ranges.next()
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
/// headers of the file. `end` is where the payload begins: its segment and those behind it are not the program's.
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
