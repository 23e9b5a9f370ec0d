//! The name section (WebAssembly 2.0, 7.4.1, with the subsections of the extended-name-section proposal):
//! what a module calls itself, its functions, tables, memories, globals and tags. The section is read at
//! the first use, for backtraces. Nothing else depends on names: a broken section counts as none.

use std::ops::Range;

use wasmparser::{BinaryReader, Name, NameSectionReader};

use super::sections::ExportKind;
use crate::trap::TrapCode;
use crate::watch::Watch;

/// Where the names of a module and of what it holds lie in the module's bytes.
#[derive(Debug, Default)]
pub struct NameSection {
    module: Option<Place>,
    // Each by index, ascending.
    funcs: Vec<(u32, Place)>,
    tables: Vec<(u32, Place)>,
    memories: Vec<(u32, Place)>,
    globals: Vec<(u32, Place)>,
    tags: Vec<(u32, Place)>,
}

/// Where a name lies. A module has less than 4 GiB.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: u32,
    len: u32,
}

impl Place {
    fn of(self, bytes: &[u8]) -> &str {
        let name = &bytes[self.at as usize..][..self.len as usize];
        str::from_utf8(name).expect("the reader of names checked it")
    }
}

impl NameSection {
    /// The names in the name section at a place in a module's bytes; none where it is broken.
    ///
    /// # Errors
    ///
    /// Where the time is up.
    pub(super) fn read(
        bytes: &[u8],
        section: Range<usize>,
        watch: &mut Watch<'_>,
    ) -> Result<Self, TrapCode> {
        let mut ended = Ok(());
        let mut may_go_on = |name: &str| {
            // A step is the time of some bytes.
            ended = watch.step(1 + name.len() / 16);
            ended.is_ok()
        };
        let names = Self::try_read(bytes, section, &mut may_go_on).unwrap_or_default();
        ended.map(|()| names)
    }

    /// The name of the module. `bytes` are the bytes of the same module; so for the other methods.
    #[must_use]
    pub fn module<'a>(&self, bytes: &'a [u8]) -> Option<&'a str> {
        self.module.map(|place| place.of(bytes))
    }

    /// The name of the function at an index.
    #[must_use]
    pub fn func<'a>(&self, bytes: &'a [u8], index: u32) -> Option<&'a str> {
        Self::find(&self.funcs, bytes, index)
    }

    /// The name of the tag at an index.
    #[must_use]
    pub fn tag<'a>(&self, bytes: &'a [u8], index: u32) -> Option<&'a str> {
        Self::find(&self.tags, bytes, index)
    }

    /// The name of an item of the index space of its kind.
    #[must_use]
    pub fn item<'a>(&self, bytes: &'a [u8], item: ExportKind) -> Option<&'a str> {
        let names = match item {
            ExportKind::Func(_) => &self.funcs,
            ExportKind::Table(_) => &self.tables,
            ExportKind::Memory(_) => &self.memories,
            ExportKind::Global(_) => &self.globals,
            ExportKind::Tag(_) => &self.tags,
        };
        Self::find(names, bytes, item.index())
    }

    /// The least index of a function of this name.
    #[must_use]
    pub fn func_index(&self, bytes: &[u8], name: &str) -> Option<u32> {
        let mut funcs = self.funcs.iter();
        funcs
            .find(|(_, place)| place.of(bytes) == name)
            .map(|(index, _)| *index)
    }

    /// The names of functions, in the order of their indices.
    pub fn funcs<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = &'a str> {
        self.funcs.iter().map(|(_, place)| place.of(bytes))
    }

    /// The bytes of memory that the names take.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let lists = [
            &self.funcs,
            &self.tables,
            &self.memories,
            &self.globals,
            &self.tags,
        ];
        lists.map(Vec::capacity).iter().sum::<usize>() * size_of::<(u32, Place)>()
    }

    fn find<'a>(names: &[(u32, Place)], bytes: &'a [u8], index: u32) -> Option<&'a str> {
        let at = names.binary_search_by_key(&index, |(index, _)| *index);
        Some(names[at.ok()?].1.of(bytes))
    }

    /// Reads names until `may_go_on` is false for a name.
    fn try_read(
        bytes: &[u8],
        section: Range<usize>,
        may_go_on: &mut impl FnMut(&str) -> bool,
    ) -> wasmparser::Result<Self> {
        let place = |name: &str| Place {
            at: (name.as_ptr().addr() - bytes.as_ptr().addr()) as u32,
            len: name.len() as u32,
        };
        let mut names = Self::default();
        let section = BinaryReader::new(&bytes[section], 0);
        for subsection in NameSectionReader::new(section) {
            let (map, list) = match subsection? {
                Name::Module { name, .. } => {
                    names.module = Some(place(name));
                    continue;
                }
                Name::Function(map) => (map, &mut names.funcs),
                Name::Table(map) => (map, &mut names.tables),
                Name::Memory(map) => (map, &mut names.memories),
                Name::Global(map) => (map, &mut names.globals),
                Name::Tag(map) => (map, &mut names.tags),
                _ => continue,
            };
            // Indices ascend, as the reader checks.
            for naming in map {
                let naming = naming?;
                if !may_go_on(naming.name) {
                    return Ok(names);
                }
                list.push((naming.index, place(naming.name)));
            }
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Module "m"; function 1 is "f", function 4 is "g".
    const SECTION: &[u8] = b"\0\x02\x01m\x01\x07\x02\x01\x01f\x04\x01g";

    fn read(bytes: &[u8], end: usize) -> NameSection {
        NameSection::read(bytes, 0..end, &mut Watch::nothing()).unwrap()
    }

    #[test]
    fn module_and_function_names_are_found() {
        let names = read(SECTION, SECTION.len());
        assert_eq!(names.module(SECTION), Some("m"));
        assert_eq!(names.func(SECTION, 1), Some("f"));
        assert_eq!(names.func(SECTION, 4), Some("g"));
        assert_eq!(names.func(SECTION, 2), None);
    }

    #[test]
    fn tables_memories_globals_and_tags_have_names_of_their_own() {
        let section =
            b"\x05\x04\x01\x02\x01t\x06\x04\x01\x00\x01m\x07\x04\x01\x03\x01g\x0b\x04\x01\x00\x01e";
        let names = read(section, section.len());
        let items = [
            ExportKind::Table(2),
            ExportKind::Memory(0),
            ExportKind::Global(3),
            ExportKind::Tag(0),
        ];
        let found = items.map(|item| names.item(section, item));
        assert_eq!(found, [Some("t"), Some("m"), Some("g"), Some("e")]);
        assert_eq!(names.item(section, ExportKind::Func(0)), None);
        assert_eq!(names.item(section, ExportKind::Memory(1)), None);
    }

    #[test]
    fn a_broken_section_counts_as_none_wherever_it_breaks() {
        for end in 1..SECTION.len() {
            // Complete subsections alone are a good section.
            if end != 4 {
                assert_eq!(read(SECTION, end).module(SECTION), None, "{end}");
            }
        }
        let out_of_order = b"\x01\x07\x02\x04\x01f\x01\x01g";
        let names = read(out_of_order, out_of_order.len());
        assert_eq!(names.func(out_of_order, 4), None);
    }
}
