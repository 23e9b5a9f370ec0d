//! Programs in C and C++ over `holdall.h`; and that the library has every function of `wasm.h` and `holdall.h`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Command;

use crate::support::{Language, Library, Program, package, scratch};

#[test]
fn modules_are_linked_by_name_limited_and_ended() {
    for language in [Language::C99, Language::Cxx17] {
        Program::new("extension/linking.c")
            .language(language)
            .prints(include_str!("linking.txt"));
    }
}

/// The functions that a header declares.
fn declared(header: &str) -> BTreeSet<String> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let expanded = Command::new(compiler)
        .args(["-E", "-P", "-DWASM_API_EXTERN=DECLARED", "-x", "c"])
        .arg(package().join("include").join(header))
        .output();
    let Ok(expanded) = expanded else {
        eprintln!("skipped: there is no C compiler");
        return BTreeSet::new();
    };
    let text = String::from_utf8(expanded.stdout).unwrap();
    let declarations = text.split("DECLARED").skip(1);
    let names = declarations.map(|declaration| {
        let (head, _) = declaration.split_once('(').unwrap();
        let name = head.rsplit(|c: char| !c.is_alphanumeric() && c != '_');
        name.into_iter()
            .find(|it| !it.is_empty())
            .unwrap()
            .to_owned()
    });
    names.collect()
}

#[test]
fn every_function_that_is_declared_is_in_the_library() {
    let names = declared("holdall.h");
    if names.is_empty() {
        return;
    }
    assert!(names.len() > 300, "{}", names.len());
    let mut source = String::from(
        "#include \"holdall.h\"\ntypedef void (*any)(void);\nany volatile all[] = {\n",
    );
    for name in &names {
        writeln!(source, "    (any){name},").unwrap();
    }
    source.push_str("};\nint main(void) { return all[0] == 0; }\n");
    let path = scratch().join(format!("declared-{}.c", std::process::id()));
    std::fs::write(&path, source).unwrap();
    for library in [Library::Shared, Library::Static] {
        let program = Program::new(path.to_str().unwrap()).library(library);
        program.plain().prints("");
    }
    std::fs::remove_file(path).unwrap();
}
