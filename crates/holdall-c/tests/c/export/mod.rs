//! Programs in C and C++ over `wasm_export.h`.

use crate::support::{Language, Library, Program};

#[test]
fn an_empty_program_links_with_both_libraries() {
    for library in [Library::Shared, Library::Static] {
        for language in [Language::C99, Language::Cxx17] {
            Program::new("export/empty.c")
                .library(library)
                .language(language)
                .prints("");
        }
    }
}
