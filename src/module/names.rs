//! The name section (WebAssembly 2.0, 7.4.1): what a module calls itself and its functions. It is
//! read at the first use, for backtraces. Nothing depends on it: a name
//! section that is broken counts as none.

use wasmparser::{BinaryReader, Name, NameSectionReader};

/// The names that a module gives.
#[derive(Debug, Default)]
pub(super) struct Names {
    module: Option<Box<str>>,
    /// By function index, ascending.
    funcs: Vec<(u32, Box<str>)>,
}

impl Names {
    /// The names in the contents of a name section; none where it is broken.
    pub(super) fn read(section: &[u8]) -> Self {
        Self::try_read(section).unwrap_or_default()
    }

    pub(super) fn module(&self) -> Option<&str> {
        self.module.as_deref()
    }

    pub(super) fn func(&self, index: u32) -> Option<&str> {
        let at = self
            .funcs
            .binary_search_by_key(&index, |(index, _)| *index)
            .ok()?;
        Some(&self.funcs[at].1)
    }

    /// The least index of a function of this name.
    pub(super) fn func_index(&self, name: &str) -> Option<u32> {
        let mut funcs = self.funcs.iter();
        funcs
            .find(|(_, other)| **other == *name)
            .map(|(index, _)| *index)
    }

    /// The names of functions, by their indices.
    pub(super) fn funcs(&self) -> impl Iterator<Item = &str> {
        self.funcs.iter().map(|(_, name)| &**name)
    }

    fn try_read(section: &[u8]) -> wasmparser::Result<Self> {
        let mut names = Self::default();
        for subsection in NameSectionReader::new(BinaryReader::new(section, 0)) {
            match subsection? {
                Name::Module { name, .. } => names.module = Some(name.into()),
                // Indices ascend, as the reader checks.
                Name::Function(map) => {
                    for naming in map {
                        let naming = naming?;
                        names.funcs.push((naming.index, naming.name.into()));
                    }
                }
                _ => {}
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

    #[test]
    fn module_and_function_names_are_found() {
        let names = Names::read(SECTION);
        assert_eq!(names.module(), Some("m"));
        assert_eq!(names.func(1), Some("f"));
        assert_eq!(names.func(4), Some("g"));
        assert_eq!(names.func(2), None);
    }

    #[test]
    fn a_broken_section_counts_as_none_wherever_it_breaks() {
        for end in 1..SECTION.len() {
            // Complete subsections alone are a good section.
            if end != 4 {
                assert_eq!(Names::read(&SECTION[..end]).module(), None, "{end}");
            }
        }
        let out_of_order = b"\x01\x07\x02\x04\x01f\x01\x01g";
        assert_eq!(Names::read(out_of_order).func(4), None);
    }
}
