//! Imports of memories and tables are matched with what is there: what the defining module has, as
//! large as it has become, and not what a module in between declares.

use holdall::{BundledFile, HostManifest, check_bundle};

use crate::Bench;

const OWN: (&str, &str) = (
    "own",
    r#"(module (memory (export "mem") 3 10) (table (export "tab") 8 20 funcref))"#,
);
const MID: (&str, &str) = (
    "mid",
    r#"(module (import "own" "mem" (memory 1)) (import "own" "tab" (table 1 funcref))
        (export "mem" (memory 0)) (export "tab" (table 0)))"#,
);
/// Passes on what `mid` passes on.
const FAR: (&str, &str) = (
    "far",
    r#"(module (import "mid" "mem" (memory 0)) (import "mid" "tab" (table 0 funcref))
        (export "mem" (memory 0)) (export "tab" (table 0)))"#,
);
const GROWS: (&str, &str) = (
    "grows",
    r#"(module (memory (export "mem") 1 6) (table (export "tab") 1 6 funcref)
        (func (export "_initialize")
            (drop (memory.grow (i32.const 4)))
            (drop (table.grow 0 (ref.null func) (i32.const 4)))))"#,
);
/// Grows what another module has.
const STRANGER: (&str, &str) = (
    "stranger",
    r#"(module (import "mid" "mem" (memory 3)) (func $f (drop (memory.grow (i32.const 4))))
        (start $f) (func (export "f")))"#,
);

/// Whether an import fits.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fits {
    Yes,
    /// The check without running says no too.
    No,
    /// Only running tells that it does not.
    NotWhenItRuns,
}

fn check(imports: &str, fits: Fits) {
    let root = format!(r#"(module {imports} (func (export "ok") (result i32) (i32.const 1)))"#);
    let modules = [OWN, MID, FAR, GROWS, STRANGER];
    let mut bench = Bench::new(&modules);
    let module = bench.module(&root);
    let complete = bench.linker.complete(&bench.store, &module);
    assert_eq!(
        complete.is_ok(),
        fits != Fits::No,
        "{imports}: {complete:?}"
    );
    let linked = bench.linker.instantiate(&mut bench.store, &module);
    assert_eq!(linked.is_ok(), fits == Fits::Yes, "{imports}: {linked:?}");
    if let Err(error) = linked {
        let text = crate::text_of(&error);
        assert!(
            text.starts_with("import ") && text.contains("found ("),
            "{text}"
        );
    }
    // A build script sees no more than the modules that are there: here the root's own needs.
    let needed = |(name, _): &&(&str, &str)| {
        let starts = ["grows", "stranger"].contains(name);
        !starts || imports.contains(name)
    };
    let files = modules
        .iter()
        .filter(needed)
        .map(|(name, text)| (*name, *text));
    let files = files
        .chain([("root", &*root)])
        .map(|(name, text)| BundledFile {
            name: name.to_owned(),
            bytes: wat::parse_str(text).unwrap(),
        });
    let files: Vec<BundledFile> = files.collect();
    let bundle = check_bundle(&files, &HostManifest::default());
    assert_eq!(bundle.is_ok(), fits != Fits::No, "{imports}: {bundle:?}");
}

#[test]
fn an_import_of_what_is_exported_again_fits_what_its_owner_has() {
    for (ty, fits) in [
        (r#""mem" (memory 3)"#, Fits::Yes),
        (r#""mem" (memory 0 10)"#, Fits::Yes),
        (r#""mem" (memory 4)"#, Fits::No),
        (r#""mem" (memory 3 9)"#, Fits::No),
        (r#""tab" (table 8 funcref)"#, Fits::Yes),
        (r#""tab" (table 1 20 funcref)"#, Fits::Yes),
        (r#""tab" (table 9 funcref)"#, Fits::No),
        (r#""tab" (table 1 19 funcref)"#, Fits::No),
        (r#""tab" (table 1 externref)"#, Fits::No),
    ] {
        for from in ["own", "mid", "far"] {
            check(&format!(r#"(import "{from}" {ty})"#), fits);
        }
    }
}

#[test]
fn an_import_of_what_code_has_grown_fits_where_it_has() {
    for (imports, fits) in [
        (r#"(import "grows" "mem" (memory 5))"#, Fits::Yes),
        (r#"(import "grows" "tab" (table 5 funcref))"#, Fits::Yes),
        (r#"(import "grows" "mem" (memory 6))"#, Fits::NotWhenItRuns),
        (
            r#"(import "grows" "tab" (table 6 funcref))"#,
            Fits::NotWhenItRuns,
        ),
        (r#"(import "grows" "mem" (memory 7))"#, Fits::No),
        (r#"(import "grows" "tab" (table 7 funcref))"#, Fits::No),
        (r#"(import "grows" "mem" (memory 5 5))"#, Fits::No),
        (
            r#"(import "stranger" "f" (func)) (import "far" "mem" (memory 7))"#,
            Fits::Yes,
        ),
        (
            r#"(import "stranger" "f" (func)) (import "far" "mem" (memory 8))"#,
            Fits::NotWhenItRuns,
        ),
    ] {
        check(imports, fits);
    }
}

#[test]
fn what_the_host_defines_is_matched_as_it_is_through_others() {
    let mut bench = Bench::new(&[(
        "mid",
        r#"(module (import "env" "mem" (memory 1)) (export "mem" (memory 0)))"#,
    )]);
    let ty = holdall::MemoryType::new(3, Some(5));
    let memory = holdall::Memory::new(&mut bench.store, ty).unwrap();
    bench
        .linker
        .define(&bench.store, "env", "mem", memory)
        .unwrap();
    bench
        .root(r#"(module (import "mid" "mem" (memory 3 5)))"#)
        .unwrap();
    memory.grow(&mut bench.store, 1).unwrap();
    bench
        .root(r#"(module (import "mid" "mem" (memory 4)))"#)
        .unwrap();
    let error = bench.root_error(r#"(module (import "mid" "mem" (memory 5)))"#);
    assert!(
        error.contains("expected (memory 5), found (memory 4 5)"),
        "{error}"
    );
}
