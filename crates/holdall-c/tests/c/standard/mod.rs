//! Programs in C and C++ over `wasm.h`, `wasi.h` and `holdall.h`.
//!
//! A program is one file, with all that belongs to the test: a comment that begins with `/* module NAME` is the
//! text of a module, which the program finds as `NAME.wasm`; a comment that begins with `/* prints` is what the
//! program has to print.

use crate::support::{Language, Program, modules, package};

/// The lines of the comments of this kind, with what stands behind the kind on the comment's first line.
fn comments<'a>(source: &'a str, kind: &str) -> Vec<(&'a str, &'a str)> {
    let opening = format!("/* {kind}");
    source
        .split("\n*/\n")
        .filter_map(|it| {
            let (_, comment) = it.rsplit_once(&opening)?;
            let (name, lines) = comment.split_once('\n').unwrap_or((comment, ""));
            Some((name.trim(), lines))
        })
        .collect()
}

/// Compiles the program of this name as C and as C++, and runs both.
fn try_program(name: &str) {
    let path = format!("standard/{name}.c");
    let source = std::fs::read_to_string(package().join("tests/c").join(&path)).unwrap();
    let folder = modules(&format!("standard-{name}"), &comments(&source, "module "));
    let expected: String = comments(&source, "prints")
        .into_iter()
        .flat_map(|(_, lines)| [lines, "\n"])
        .collect();
    for language in [Language::C99, Language::Cxx17] {
        Program::new(&path)
            .language(language)
            .current_dir(&folder)
            .prints(&expected);
    }
}

/// One test for each program, and one that no program of the folder is left out.
macro_rules! programs {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                try_program(stringify!($name));
            }
        )*

        #[test]
        fn every_program_of_the_folder_is_tried() {
            let mut found: Vec<String> = package()
                .join("tests/c/standard")
                .read_dir()
                .unwrap()
                .map(|it| it.unwrap().file_name().into_string().unwrap())
                .filter_map(|it| it.strip_suffix(".c").map(str::to_owned))
                .collect();
            found.sort();
            let mut tried = vec![$(stringify!($name)),*];
            tried.sort_unstable();
            assert_eq!(found, tried);
        }
    };
}

programs! {
    // What the standard's own examples show.
    callback finalize global hello hostref memory multi reflect serialize start table threads trap
    // Wrong use, and edges.
    arguments bytes copies engines frames globals imports kinds memories null order reentry references stores
    tables traps vectors
}
