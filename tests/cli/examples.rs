//! The examples, whose lines are promised.

use std::fs;
use std::path::Path;

#[path = "../../examples/host_function.rs"]
mod host_function;
#[path = "../../examples/multi_module.rs"]
mod multi_module;

/// The output in WAMR's document, with its spacing.
const DOCUMENT: &str = r#"call "C", it will return 0xc:i32, ===> 0xc:i32
call "call_B", it will return 0xb:i32, ===> 0xb:i32
call "call_A", it will return 0xa:i32, ===>0xa:i32
call "mB.B", it will return 0xb:i32, ===>0xb:i32
call "mB.call_A", it will return 0xa:i32, ===>0xa:i32
call "mA.A", it will return 0xa:i32, ===>0xa:i32
"#;

fn printed(lines: Vec<u8>) -> String {
    String::from_utf8(lines).expect("UTF-8")
}

#[test]
fn multi_module_prints_what_the_document_prints() {
    let mut lines = Vec::new();
    multi_module::run(&mut lines).expect("it runs");
    assert_eq!(printed(lines), DOCUMENT);
}

#[test]
fn host_function_prints_what_host_and_guest_said() {
    let mut lines = Vec::new();
    host_function::run(&mut lines).expect("it runs");
    let expected = "greet: 3\n\
        said: hello from the guest\n\
        overreach: the text lies outside the memory\n";
    assert_eq!(printed(lines), expected);
}

/// What `wasm-tools parse` makes of the texts, too.
#[test]
fn the_modules_of_ship_are_those_of_its_texts() {
    let ship = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ship");
    // A package of its own, which is not published with the library.
    let Ok(texts) = fs::read_dir(ship.join("wasm")) else {
        return;
    };
    for text in texts {
        let text = text.expect("it is readable").path();
        let name = text.file_stem().expect("it has a name").display();
        let module = ship.join(format!("bundle/{name}.wasm"));
        let expected = wat::parse_file(&text).expect("it is a text");
        assert!(fs::read(&module).ok() == Some(expected), "{module:?}");
    }
}

#[test]
fn the_program_in_the_readme_is_that_of_ship() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("it is there");
    for file in ["build.rs", "src/main.rs"] {
        // A package of its own, which is not published with the library.
        let Ok(text) = fs::read_to_string(root.join("examples/ship").join(file)) else {
            return;
        };
        let lines = text
            .lines()
            .skip_while(|line| line.starts_with("//!") || line.is_empty());
        let program: String = lines.map(|line| format!("{line}\n")).collect();
        let shown = format!("```rust,ignore\n// {file}\n{program}```\n");
        assert!(readme.contains(&shown), "{shown}");
    }
}
