//! `-W`: which proposals modules may use.

use crate::support::Folder;

const TWO_MEMORIES: &str = r#"(module (memory 1) (memory 1) (func (export "_start")))"#;

fn folder(test: &str) -> Folder {
    Folder::new(test).with("two.wat", TWO_MEMORIES).with(
        "two.wast",
        format!("{TWO_MEMORIES} (assert_return (invoke \"_start\"))"),
    )
}

#[test]
fn each_command_that_loads_modules_refuses_what_is_off() {
    let folder = folder("proposals-off");
    for command in [
        &["run", "two.wat"][..],
        &["inspect", "two.wat", "--no-bundle"],
        &["pack", "two.wat", "-o", "two"],
        &["wast", "two.wast"],
    ] {
        let outcome = folder.holdall(command);
        assert_eq!(outcome.code, 0, "{outcome:#?}");
        for switch in ["multi-memory=n", "all=n", "simd,multi_memory=n"] {
            let (name, rest) = command.split_at(1);
            let outcome = folder.holdall(&[name, &["-W", switch], rest].concat());
            assert_eq!(outcome.code, 1, "{outcome:#?}");
            let text = outcome.stdout + &outcome.stderr;
            assert!(text.contains("needs multi-memory, which is off"), "{text}");
        }
        let (name, rest) = command.split_at(1);
        let outcome = folder.holdall(&[name, &["-W", "all=n,multi-memory"], rest].concat());
        assert_eq!(outcome.code, 0, "{outcome:#?}");
    }
}

#[test]
fn what_nobody_knows_or_has_is_a_wrong_option() {
    let folder = folder("proposals-wrong");
    for (switch, message) in [
        ("what", "expected one of mutable-global, "),
        ("simd=maybe", "expected NAME, NAME=y or NAME=n"),
        ("gc", "holdall does not have gc"),
    ] {
        let outcome = folder.holdall(&["run", "-W", switch, "two.wat"]);
        assert_eq!(outcome.code, 2, "{outcome:#?}");
        assert!(outcome.stderr.contains(message), "{outcome:#?}");
    }
}

#[test]
fn a_packed_program_keeps_what_is_off() {
    let folder =
        Folder::new("proposals-packed").with("app.wat", r#"(module (func (export "_start")))"#);
    let outcome = folder.holdall(&["pack", "-W", "simd=n,threads=n", "app.wat", "-o", "app"]);
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    let outcome = folder.holdall(&["inspect", "app"]);
    for option in ["--wasm simd=n", "--wasm threads=n"] {
        assert!(outcome.stdout.contains(option), "{outcome:#?}");
    }
    let outcome = folder.holdall(&["unpack", "app", "parts"]);
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    let command = std::fs::read_to_string(folder.path().join("parts/command.txt")).unwrap();
    assert!(command.contains("--wasm simd=n"), "{command}");
}

#[test]
fn inspect_tells_what_a_module_needs() {
    let folder = folder("proposals-needs").with("plain.wat", "(module)");
    let outcome = folder.holdall(&["inspect", "two.wat", "--no-bundle"]);
    assert!(
        outcome.stdout.contains("\nneeds: multi-memory\n"),
        "{outcome:#?}"
    );
    let outcome = folder.holdall(&["inspect", "plain.wat", "--no-bundle"]);
    assert!(!outcome.stdout.contains("needs:"), "{outcome:#?}");
}
