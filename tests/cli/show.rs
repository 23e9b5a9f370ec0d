//! `holdall list`, `inspect` and `wast`, and what the command says of itself.

use crate::support::{Folder, holdall, holdall_reading};

#[test]
fn help_and_version() {
    let help = holdall(&["--help"]);
    for text in [
        "run ",
        "list ",
        "inspect ",
        "wast ",
        "Examples:",
        "Exit codes:",
    ] {
        assert!(help.stdout.contains(text), "{text:?} in {}", help.stdout);
    }
    holdall(&["--version"]).prints(&format!("holdall {}\n", env!("CARGO_PKG_VERSION")));
    holdall(&[]).fails(2, &["Usage: holdall <COMMAND>"]);
}

#[test]
fn list_shows_the_bundle() {
    let outcome = holdall(&["list"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let lines: Vec<_> = outcome.stdout.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.starts_with("mB: "))
        .expect("mB is bundled");
    let (size, sha256) = lines[at]
        .strip_prefix("mB: ")
        .and_then(|rest| rest.split_once(" bytes, sha256 "))
        .expect(lines[at]);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/bundle/mB.wasm");
    assert_eq!(
        size.parse(),
        Ok(std::fs::metadata(file).expect("it is there").len())
    );
    assert_eq!(sha256.len(), 64);
    assert!(sha256.bytes().all(|digit| digit.is_ascii_hexdigit()));
    assert_eq!(
        lines[at + 1],
        "    import  mA.A               (func (result i32))"
    );
    assert!(lines[at + 2..].contains(&"    export  call_A             (func (result i32))"));
}

#[test]
fn inspect_shows_the_parts() {
    let folder = Folder::new("inspect").with(
        "parts.wat",
        r#"(module
            (type (func))
            (import "env" "log" (func (param i32)))
            (import "a" "memory" (memory 1 2))
            (memory $heap i64 1 2 shared (pagesize 1))
            (table (export "table") 3 funcref)
            (global $g (mut i64) (i64.const 1))
            (func $init)
            (func (export "with space") (param f32) (result f64) (f64.const 1))
            (elem (i32.const 0) $init)
            (data "abc")
            (start $init)
            (@custom "notes" "hello"))"#,
    );
    let outcome = folder.holdall(&["inspect", "parts.wat", "--no-bundle"]);
    let (first, rest) = outcome.stdout.split_once('\n').expect("several lines");
    assert!(
        first.starts_with("parts: ") && first.ends_with(" bytes, from parts.wat"),
        "{first}"
    );
    let expected = r#"needs: bulk-memory multi-memory memory64 threads custom-page-sizes
types
    0  (func)
    1  (func (param i32))
    2  (func (param f32) (result f64))
imports
    func 0    env.log   (func (param i32))
    memory 0  a.memory  (memory 1 2)
exports
    table 0  table         (table 3 funcref)
    func 2   "with space"  (func (param f32) (result f64))
functions: 2 defined, 1 imported
tables
    0  (table 3 funcref)
memories
    0  (memory 1 2)
    1  (memory i64 1 2 shared (pagesize 1)) heap
globals
    0  (global (mut i64)) g
start: func 1 init
segments: 1 element, 1 data
custom sections
    notes  5 bytes
    name   24 bytes
dependencies
  parts
  ├── env  -- the host's
  └── a  -- missing
"#;
    assert_eq!(rest, expected, "{outcome:#?}");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
}

pub(crate) fn needing(names: &[&str]) -> String {
    let imports = names
        .iter()
        .map(|name| format!("(import {name:?} \"f\" (func))"));
    format!(
        "(module {} (func (export \"f\")))",
        imports.collect::<String>()
    )
}

pub(crate) fn tree(outcome: &str) -> &str {
    outcome.split_once("dependencies\n").expect(outcome).1
}

#[test]
fn inspect_shows_diamonds_circles_and_holes() {
    let folder = Folder::new("tree")
        .with("top.wat", needing(&["left", "right", "top"]))
        .with("left.wat", needing(&["base", "env"]))
        .with(
            "right.wat",
            needing(&["base", "bse", "broken", "loop", "../x"]),
        )
        .with("base.wat", needing(&[]))
        .with("broken.wat", "(module (oops))")
        .with("loop.wat", needing(&["right"]));
    let outcome = folder.holdall(&["inspect", "top.wat", "--module-path", ".", "--no-bundle"]);
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (0, ""),
        "{outcome:#?}"
    );
    let tree = tree(&outcome.stdout);
    for line in [
        "  top\n",
        "  ├── left\n",
        "  │   ├── base\n",
        "  │   └── env  -- the host's\n",
        "  ├── right\n",
        "  │   ├── base  -- see above\n",
        "  │   ├── bse  -- missing; did you mean \"base\"?\n",
        "  │   ├── broken  -- module \"broken\" is not readable as text",
        "  │   ├── loop\n",
        "  │   │   └── right  -- a circle: it needs what needs it\n",
        "  │   └── ../x  -- cannot be read: the name \"../x\" is not confined to",
        "  └── top  -- a circle: it needs what needs it\n",
    ] {
        assert!(tree.contains(line), "no {line:?} in\n{tree}");
    }
    assert!(
        holdall(&["inspect", "mC"])
            .stdout
            .ends_with("  mC\n  ├── mA\n  └── mB\n      └── mA  -- see above\n")
    );
}

#[test]
fn inspect_takes_a_chain_of_any_length() {
    let mut folder = Folder::new("chain");
    for at in 0..300 {
        folder = folder.with(&format!("m{at}.wat"), needing(&[&format!("m{}", at + 1)]));
    }
    let folder = folder.with("m300.wat", needing(&[]));
    let outcome = folder.holdall(&["inspect", "m0.wat", "--module-path", "."]);
    assert!(
        outcome
            .stdout
            .ends_with("m100  -- what it needs is too deep to show\n"),
        "{outcome:#?}"
    );
}

#[test]
fn inspect_shows_lowered_code() {
    let one = holdall(&["inspect", "mC", "--code=call_B"]);
    assert!(
        one.stdout
            .starts_with("func 5 call_B (func (result i32))\n"),
        "{one:#?}"
    );
    assert_eq!(one.code, 0);
    assert_eq!(holdall(&["inspect", "mC", "--code=5"]).stdout, one.stdout);
    let all = holdall(&["inspect", "mC", "--code"]);
    let titles = all.stdout.lines().filter(|line| line.starts_with("func "));
    assert_eq!(titles.count(), 4, "{all:#?}");
    assert!(all.stdout.contains(&one.stdout));
    for (code, text) in [
        (
            "--code=0",
            "function 0 is imported: its code is where it comes from",
        ),
        ("--code=6", "no function 6: the indices end before 6"),
        (
            "--code=cal_B",
            "no function cal_B; did you mean \"call_B\"?",
        ),
    ] {
        holdall(&["inspect", "mC", code]).fails(1, &[text]);
    }
}

#[test]
fn inspect_refuses_what_run_refuses() {
    let folder = Folder::new("inspect_wrong").with("bad.wat", "(module (func (result i32)))");
    folder
        .holdall(&["inspect", "bad.wat"])
        .fails(1, &["module \"bad\" does not validate"]);
    folder
        .holdall(&["inspect", "mc"])
        .fails(1, &["did you mean \"mC\"?"]);
}

const GOOD: &str = r#"
(module (func (export "two") (result i32) i32.const 2))
(assert_return (invoke "two") (i32.const 2))
(assert_malformed (module quote "(oops)") "unknown operator")
"#;

#[test]
fn wast_counts_what_passed() {
    let folder = Folder::new("wast").with("good.wast", GOOD).with(
        "bad.wast",
        "(module (func (export \"two\") (result i32) i32.const 2))\n\
         (assert_return (invoke \"two\") (i32.const 2))\n\
         (assert_return (invoke \"two\") (i32.const 3))\n",
    );
    folder
        .holdall(&["wast", "good.wast"])
        .prints("good.wast: 2 passed\n");
    holdall_reading(&["wast", "-"], GOOD).prints("-: 2 passed\n");
    let outcome = folder.holdall(&["wast", "bad.wast", "good.wast"]);
    outcome.fails(1, &["holdall: one directive failed\n"]);
    let expected = "bad.wast:3:2: assert_return: expected i32:3, found i32:2\n\
        bad.wast: 1 passed, 1 failed\n\
        good.wast: 2 passed\n\
        2 scripts: 3 passed, 1 failed\n";
    assert_eq!(outcome.stdout, expected);
}

#[test]
fn wast_scripts_that_can_not_be_read_are_told() {
    let folder = Folder::new("wast_wrong")
        .with("bytes.wast", b"\xff\xfe")
        .with("parens.wast", "(module");
    folder
        .holdall(&["wast", "no.wast"])
        .fails(1, &["cannot read no.wast\n  caused by: "]);
    folder
        .holdall(&["wast", "bytes.wast"])
        .fails(1, &["script bytes.wast: expected UTF-8"]);
    let outcome = folder.holdall(&["wast", "parens.wast"]);
    outcome.fails(1, &["one directive failed"]);
    assert!(outcome.stdout.starts_with("parens.wast:1:"), "{outcome:#?}");
    holdall(&["wast"]).fails(2, &["<SCRIPT>..."]);
}
