//! Names that modules and scripts choose, in everything that the command prints of them.

use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, Module, NameMap, NameSection,
    TypeSection, ValType,
};

use crate::support::{Folder, Outcome};

/// What a name forges, and what a reader would not see, or see elsewhere.
const NAME: &str =
    "a\nforged: line\r\n  caused by: forged\u{1b}[2J\u{9b}2J\u{202e}\u{200b}\u{2028}\u{3164}z";

/// Nothing of the name is obeyed by a terminal, hidden from a reader, or a line of its own.
#[track_caller]
fn check(outcome: &Outcome) {
    for text in [&outcome.stdout, &outcome.stderr] {
        let hidden = |char: char| {
            char != '\n'
                && (char.is_control()
                    || "\u{202e}\u{200b}\u{2028}\u{3164}\u{2066}\u{feff}".contains(char))
        };
        assert!(!text.contains(hidden), "{outcome:#?}");
        let is_forged = |line: &str| {
            let line = line.trim_start();
            line.starts_with("forged") || line.starts_with("caused by: forged")
        };
        assert!(!text.lines().any(is_forged), "{outcome:#?}");
    }
}

/// A module with one function of this body, which traps, and the name wherever one can be.
fn module(imports: bool, duplicate: bool) -> Vec<u8> {
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function([], []);
    module.section(&types);
    if imports {
        let mut section = ImportSection::new();
        section.import(NAME, NAME, EntityType::Function(0));
        section.import("env", NAME, EntityType::Function(0));
        module.section(&section);
    }
    let index = if imports { 2 } else { 0 };
    let mut functions = FunctionSection::new();
    functions.function(0);
    module.section(&functions);
    let mut globals = GlobalSection::new();
    let ty = GlobalType {
        val_type: ValType::I32,
        mutable: false,
        shared: false,
    };
    globals.global(ty, &ConstExpr::i32_const(0));
    module.section(&globals);
    let mut exports = ExportSection::new();
    exports.export(NAME, ExportKind::Func, index);
    exports.export("global", ExportKind::Global, 0);
    exports.export(&format!("{NAME}global"), ExportKind::Global, 0);
    if duplicate {
        exports.export(NAME, ExportKind::Func, index);
    }
    module.section(&exports);
    let mut code = CodeSection::new();
    let mut body = Function::new([]);
    body.instructions().unreachable().end();
    code.function(&body);
    module.section(&code);
    module.section(&CustomSection {
        name: NAME.into(),
        data: (&[]).into(),
    });
    let mut names = NameSection::new();
    names.module(NAME);
    let mut functions = NameMap::new();
    functions.append(index, NAME);
    names.functions(&functions);
    module.section(&names);
    module.finish()
}

#[test]
fn no_name_of_a_module_forges_a_line_or_hides_in_one() {
    let quoted: String = NAME.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let folder = Folder::new("hostile")
        .with("trap.wasm", module(false, false))
        .with("import.wasm", module(true, false))
        .with("twice.wasm", module(false, true))
        .with(
            "needs.wat",
            format!(
                r#"(module (import "lib" "{quoted}" (func $f)) (import "lib" "g" (func))
                    (func (export "_start") (call $f)))"#
            ),
        )
        .with(
            "calls.wat",
            format!(
                r#"(module (import "trap" "{quoted}" (func $f)) (func (export "_start") (call $f)))"#
            ),
        )
        .with("text.wat", format!(r#"(module (func (call $"{quoted}")))"#))
        .with("raw.wat", format!("(module (func (call $x \"{NAME}\")))"))
        .with(
            "script.wast",
            format!(
                r#"(module (func (export "{quoted}") unreachable))
                (assert_return (invoke "{quoted}"))
                (assert_return (invoke "{quoted}x"))
                (assert_trap (invoke $"{quoted}" "f") "{quoted}")
                (assert_trap (invoke "{quoted}") "{quoted}")"#
            ),
        )
        .with("broken.wast", format!("(module (func $x \"{NAME}\"))"))
        .with("lib.wasm", module(false, false));
    let lacking = format!("{NAME}x");
    let qualified = format!("$trap${NAME}");
    for (code, args) in [
        (134, &["run", "trap.wasm", "--invoke", NAME][..]),
        (
            134,
            &["run", "trap.wasm", "--trace", "--invoke", &qualified],
        ),
        (1, &["run", "trap.wasm", "--invoke", &lacking]),
        (1, &["run", "trap.wasm"]),
        (1, &["run", "import.wasm", "--invoke", NAME]),
        (1, &["run", "twice.wasm"]),
        (134, &["run", "--trace", "--module-path", ".", "calls.wat"]),
        (1, &["run", "--module-path", ".", "needs.wat"]),
        (1, &["run", "text.wat"]),
        (1, &["run", "raw.wat"]),
        (0, &["inspect", "trap.wasm"]),
        (0, &["inspect", "import.wasm"]),
        (1, &["inspect", "twice.wasm"]),
        (0, &["inspect", "trap.wasm", "--code"]),
        (1, &["inspect", "trap.wasm", &format!("--code={lacking}")]),
        (0, &["inspect", "--module-path", ".", "needs.wat"]),
        (1, &["wast", "script.wast"]),
        (1, &["wast", "broken.wast"]),
        (1, &["pack", "import.wasm", "-o", "app", "--invoke", NAME]),
        (1, &["pack", "trap.wasm", "-o", "app", "--invoke", &lacking]),
    ] {
        let outcome = folder.holdall(args);
        assert_eq!(outcome.code, code, "{args:?} {outcome:#?}");
        check(&outcome);
    }
}

#[test]
fn what_inspect_prints_is_in_proportion_to_the_module() {
    let long = "x".repeat(70_000);
    let params = "(param i32)".repeat(1_000);
    let mut exports = format!("(export \"{long}\" (func 0))");
    for index in 0..900 {
        exports += &format!("(export \"e{index}\" (func 0))");
    }
    let text = format!("(module (func {params}) {exports})");
    let folder = Folder::new("inspect_long").with("m.wat", text);
    let outcome = folder.holdall(&["inspect", "--no-bundle", "m.wat"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.contains(&long));
    let size_bytes = outcome.stdout.len();
    assert!(size_bytes < 500_000, "{size_bytes} bytes");
}
