//! Names with versions, and aliases.

use std::borrow::Cow;

use holdall::{
    LinkError, MemoryReader, ModuleReader, Naming, Proposals, ReadError, Versions,
    check_bundle_with,
};

use crate::sharing::COUNTER;
use crate::{Bench, Log, gives, graph_error, link_error, passes_on, text_of};

/// A bench with a reader that lists its modules' names.
fn bench(modules: &[(&str, &str)]) -> Bench {
    let mut bench = Bench::without_reader();
    bench.linker.set_reader(Logged::new(&bench.log, modules));
    bench
}

/// A reader of modules in memory that says what it is asked.
struct Logged(Log, MemoryReader);

impl Logged {
    fn new(log: &Log, modules: &[(&str, &str)]) -> Self {
        let mut reader = MemoryReader::new();
        for (name, text) in modules {
            reader = reader.with(*name, text.as_bytes().to_vec());
        }
        Self(log.clone(), reader)
    }
}

impl ModuleReader for Logged {
    fn read(&self, name: &str) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        self.0.add(format!("read {name}"));
        self.1.read(name)
    }

    fn describe(&self) -> String {
        self.1.describe()
    }

    fn names(&self) -> Vec<String> {
        self.0.add("list");
        self.1.names()
    }
}

/// A module that exports what it imports as `f` from modules of these names, as `0`, `1`, ...
fn takes(modules: &[&str]) -> String {
    let imports = modules.iter().enumerate().map(|(at, module)| {
        format!(
            r#"(import "{module}" "f" (func $f{at} (result i32))) (export "{at}" (func $f{at}))"#
        )
    });
    format!("(module {})", imports.collect::<String>())
}

/// What imports of `f` from modules of these names get, one after the other.
#[track_caller]
fn found(bench: &mut Bench, modules: &[&str]) -> Vec<i32> {
    let root = bench.root(&takes(modules)).unwrap();
    let names: Vec<String> = (0..modules.len()).map(|at| at.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    bench.calls(root, &names)
}

#[test]
fn the_highest_matching_version_is_taken_and_an_exact_name_wins() {
    let modules = [
        ("m", &*gives("f", 0)),
        ("m@1.2.3", &gives("f", 123)),
        ("m@1.2.10", &gives("f", 1210)),
        ("m@1.3.0", &gives("f", 130)),
        ("m@2.0.0-rc.1", &gives("f", 200)),
        ("n@1", &gives("f", 1)),
        ("n@1.5.0", &gives("f", 150)),
        ("n@latest", &gives("f", 9)),
    ];
    let names = [
        "m",
        "m@1",
        "m@1.2",
        "m@1.2.3",
        "m@2.0.0-rc.1",
        "n@1",
        "n@1.5",
        "n@latest",
    ];
    let exact = [0, 130, 1210, 123, 200, 1, 150, 9];
    assert_eq!(found(&mut bench(&modules), &names), exact);

    let mut bench = bench(&modules);
    bench.linker.versions(Versions::Compatible);
    let compatible = [0, 130, 130, 123, 200, 1, 150, 9];
    assert_eq!(found(&mut bench, &names), compatible);
    assert_eq!(found(&mut bench, &["m@1.2.4", "m@2.0.0-beta"]), [130, 200]);
}

#[test]
fn two_versions_stand_side_by_side() {
    let mut bench = bench(&[
        ("left", &passes_on("m@1", "f")),
        ("right", &passes_on("m@2", "f")),
        ("m@1.2.3", &gives("f", 1)),
        ("m@2.0.0", &gives("f", 2)),
    ]);
    assert_eq!(
        found(&mut bench, &["left", "right", "m@1", "m@2"]),
        [1, 2, 1, 2]
    );
    assert_eq!(
        bench.linker.registry().names().collect::<Vec<_>>(),
        ["left", "m@1.2.3", "m@2.0.0", "right"]
    );
    let root = bench.root(&gives("own", 3)).unwrap();
    assert_eq!(bench.calls(root, &["$m@1.2.3$f", "$m@2.0.0$f"]), [1, 2]);
    bench.call(root, "$m@1$f").unwrap_err();
}

#[test]
fn however_it_is_asked_for_a_module_has_one_instance() {
    let counter = COUNTER.replace("count", "f");
    let mut bench = bench(&[("m@1.2.3", &counter), ("again", &passes_on("m@1.2", "f"))]);
    bench.linker.alias_imports("math", "m@1").unwrap();
    bench.linker.alias_imports("env", "m@1.2.3").unwrap();
    let names = ["m@1", "again", "m@1.2", "math", "env", "m@1.2.3"];
    assert_eq!(found(&mut bench, &names), [1, 2, 3, 4, 5, 6]);
    // Each name was asked for once, and the names of all modules once.
    assert_eq!(
        bench.log.take(),
        "list, read m@1, read m@1.2.3, read again, read m@1.2"
    );
    // It lives on for the next graph, which need not read it again.
    assert_eq!(found(&mut bench, &["math", "env"]), [7, 8]);
    assert_eq!(bench.log.take(), "list, read m@1");
    let item = |bench: &mut Bench, name| bench.linker.get(&mut bench.store, name, "f");
    let same = item(&mut bench, "m@1.2.3").unwrap();
    for name in ["m@1", "math", "env"] {
        assert_eq!(item(&mut bench, name), Some(same), "{name}");
    }
    assert_eq!(item(&mut bench, "m@2"), None);
    assert_eq!(item(&mut bench, "m"), None);
}

#[test]
fn names_are_not_listed_for_what_has_no_version() {
    let mut bench = bench(&[("m", &gives("f", 1)), ("m@1.2.3", &gives("f", 2))]);
    bench.linker.alias_imports("env", "m").unwrap();
    assert_eq!(found(&mut bench, &["m", "m@1.2.3", "env"]), [1, 2, 1]);
    assert_eq!(bench.log.take(), "read m, read m@1.2.3");
}

#[test]
fn versions_of_registry_and_reader_count_together() {
    let mut bench = bench(&[("m@1.2.3", &gives("f", 123)), ("m@1.4.0", &gives("f", 140))]);
    for (name, number) in [("m@1.3.0", 130), ("m@1.5.0", 150)] {
        let module = bench.module(&gives("f", number));
        bench.linker.register(name, &module).unwrap();
    }
    assert_eq!(found(&mut bench, &["m@1", "m@1.4"]), [150, 140]);
    bench.linker.unregister("m@1.5.0").unwrap();
    assert_eq!(found(&mut bench, &["m@1", "m@1.3"]), [140, 130]);
}

#[test]
fn a_module_is_loaded_by_a_version_under_its_own_name() {
    let bench = bench(&[
        ("m@1.2.3", &gives("f", 1)),
        ("m@1.3.0", &passes_on("m@1.2", "f")),
    ]);
    let module = bench.linker.load("m@1").unwrap();
    assert_eq!(
        bench.linker.registry().names().collect::<Vec<_>>(),
        ["m@1.2.3", "m@1.3.0"]
    );
    assert!(bench.linker.find("m@1.3.0").unwrap().same(&module));
    assert!(bench.linker.load("m@1.3").unwrap().same(&module));
    assert_eq!(
        text_of(&bench.linker.load("m@2").unwrap_err()),
        "there is no module \"m@2\", asked the modules in memory; there is \"m@1.3.0\", \"m@1.2.3\""
    );
    bench.linker.load("env").unwrap_err();
}

#[test]
fn a_version_that_is_not_there_is_told_with_those_that_are() {
    let mut bench = bench(&[
        ("m@1.3.1", ""),
        ("m@2.0.0", ""),
        ("m@0.9.0", ""),
        ("m@1.10.0", ""),
        ("n", ""),
        ("o@1.0.0-a", ""),
    ]);
    for (name, versions) in [
        ("m@1.2", r#""m@2.0.0", "m@1.10.0", "m@1.3.1""#),
        ("m", r#""m@2.0.0", "m@1.10.0", "m@1.3.1""#),
        ("n@1.2", r#""n""#),
        ("o@1", r#""o@1.0.0-a""#),
    ] {
        assert_eq!(
            bench.root_error(&takes(&[name])),
            format!(
                "import {name:?}.\"f\" of module \"<root>\": expected (func (result i32)), found no \
                 module {name:?} (<root> -> {name}), asked the modules in memory; there is {versions}"
            )
        );
    }
}

#[test]
fn what_is_wrong_with_a_version_is_told_under_its_own_name() {
    let command =
        r#"(module (func (export "_start")) (func (export "f") (result i32) (i32.const 1)))"#;
    let mut bench = bench(&[
        ("a@1.0.0", &passes_on("b@1", "f")),
        ("b@1.0.0", &passes_on("a@1", "f")),
        ("c@1.0.0", command),
        ("d@1.0.0", "(module (oops))"),
        ("e@1.0.0", "(module)"),
    ]);
    for (name, expected) in [
        (
            "a@1",
            "modules import one another in a circle: a@1.0.0 -> b@1.0.0 -> a@1.0.0",
        ),
        (
            "c@1",
            "a command (with _start function) can not be a sub-module: module \"c@1.0.0\" exports \
             \"_start\" (<root> -> c@1.0.0); build it as a reactor or a library",
        ),
        (
            "d@1",
            "module \"d@1.0.0\" could not be loaded (<root> -> d@1.0.0): ",
        ),
        (
            "e@1",
            "import \"e@1\".\"f\" of module \"<root>\": expected (func (result i32)), found no such \
             export",
        ),
    ] {
        let text = bench.root_error(&takes(&[name]));
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn an_alias_is_satisfied_by_a_module_or_by_the_host_and_not_by_what_it_hides() {
    let mut bench = bench(&[("mylib", &gives("f", 1)), ("old", &gives("f", 2))]);
    bench.linker.func_wrap("env", "f", || 3_i32).unwrap();
    bench.linker.func_wrap("host", "f", || 4_i32).unwrap();
    assert_eq!(found(&mut bench, &["env", "old"]), [3, 2]);
    bench.linker.alias_imports("env", "mylib").unwrap();
    bench.linker.alias_imports("old", "host").unwrap();
    assert_eq!(found(&mut bench, &["env", "old", "mylib"]), [1, 4, 1]);
    // What the host defines under the name that an import stands for comes first there too.
    bench.linker.func_wrap("mylib", "f", || 5_i32).unwrap();
    assert_eq!(found(&mut bench, &["env"]), [5]);
    let shadowed: Vec<_> = bench.linker.shadowed().collect();
    assert_eq!(shadowed, [("mylib".to_owned(), "f".to_owned())]);
}

#[test]
fn aliases_are_not_chained() {
    let mut bench = bench(&[("a", &gives("f", 1)), ("b", &gives("f", 2))]);
    bench.linker.alias_imports("a", "b").unwrap();
    bench.linker.alias_imports("b", "a").unwrap();
    assert_eq!(found(&mut bench, &["a", "b"]), [2, 1]);
}

#[test]
fn a_name_is_an_alias_of_one_name() {
    let mut bench = bench(&[]);
    bench.linker.alias_imports("env", "a").unwrap();
    bench.linker.alias_imports("env", "a").unwrap();
    let error = bench.linker.alias_imports("env", "b").err().unwrap();
    assert!(matches!(link_error(&error), LinkError::Alias(_)));
    assert_eq!(
        text_of(&error),
        "\"env\" is an alias of \"a\" already, and can not be one of \"b\" too; alias each name once"
    );
    bench.linker.set_naming(Naming::new());
    bench.linker.alias_imports("env", "b").unwrap();
}

#[test]
fn an_alias_of_a_missing_module_is_told_with_both_names() {
    let mut bench = bench(&[("mylibs", "(module)"), ("m@1.0.0", "(module)")]);
    bench.linker.alias_imports("env", "mylib").unwrap();
    bench.linker.alias_imports("math", "m@2").unwrap();
    let error = bench.root(&takes(&["env", "math", "mylib"])).unwrap_err();
    assert_eq!(
        text_of(&error),
        "module \"<root>\" has 2 imports that cannot be satisfied (<root>):\n  \
         import \"env\".\"f\" (alias of \"mylib\") of module \"<root>\": expected (func (result \
         i32)), found no module \"mylib\" (<root> -> mylib), asked the modules in memory, for one \
         other import too; did you mean \"mylibs\"?\n  \
         import \"math\".\"f\" (alias of \"m@2\") of module \"<root>\": expected (func (result \
         i32)), found no module \"m@2\" (<root> -> m@2), asked the modules in memory; there is \
         \"m@1.0.0\""
    );
    let failures = graph_error(&error).failures();
    assert_eq!(failures[0].module, "env");
    assert_eq!(failures[0].alias_of.as_deref(), Some("mylib"));
}

/// A module that exports as `f` one more than what it imports.
fn one_more(from: &str) -> String {
    format!(
        r#"(module (import "{from}" "f" (func $f (result i32)))
            (func (export "f") (result i32) (i32.add (call $f) (i32.const 1))))"#
    )
}

#[test]
fn the_module_that_an_alias_names_stands_between() {
    for (of_module, to) in [
        ("shim", "shim"),
        ("shim@1.2.3", "shim@1.2.3"),
        ("shim@1.2.3", "shim@1"),
    ] {
        for first in ["env", of_module, "other", "shim@1.0.0"] {
            let mut bench = bench(&[
                (of_module, &one_more("env")),
                ("shim@1.0.0", &gives("f", 7)),
                ("other", &passes_on("env", "f")),
            ]);
            bench.linker.func_wrap("env", "f", || 10_i32).unwrap();
            bench.linker.alias_imports("env", to).unwrap();
            // Whichever is met first.
            let found = found(&mut bench, &[first, "env", of_module, "other"]);
            assert_eq!(found[1..], [11; 3], "{to} {first}");
        }
    }
}

#[test]
fn another_version_than_the_one_that_stands_between_is_like_any_module() {
    let mut bench = bench(&[
        ("shim@1.0.0", &one_more("env")),
        ("shim@1.1.0", &one_more("env")),
    ]);
    bench.linker.func_wrap("env", "f", || 10_i32).unwrap();
    bench.linker.alias_imports("env", "shim@1").unwrap();
    let names = ["shim@1.0.0", "shim@1.1.0", "env"];
    assert_eq!(found(&mut bench, &names), [12, 11, 11]);
}

#[test]
fn a_module_stands_between_others_by_whichever_name_it_has() {
    let modules = [("real", &*gives("f", 20))];
    for to in ["shim", "second", "third@1.0.0", "third@1"] {
        let mut bench = bench(&modules);
        let shim = bench.module(&one_more("real"));
        bench.linker.register("shim", &shim).unwrap();
        bench.linker.alias_module("shim", "second").unwrap();
        bench.linker.alias_module("shim", "third@1.0.0").unwrap();
        bench.linker.alias_imports("real", to).unwrap();
        assert_eq!(found(&mut bench, &["shim", "real"]), [21, 21], "{to}");
    }
    // A root too, which nobody else imports from then.
    let mut bench = bench(&modules);
    let shim = bench.named("shim", &one_more("real"));
    bench.linker.alias_imports("real", "shim").unwrap();
    let root = bench.linker.instantiate(&mut bench.store, &shim).unwrap();
    assert_eq!(bench.call(root, "f").unwrap(), 21);
    // But not one of which another module has the name.
    let other = bench.module(&gives("f", 30));
    bench.linker.register("shim", &other).unwrap();
    let root = bench.linker.instantiate(&mut bench.store, &shim).unwrap();
    assert_eq!(bench.call(root, "f").unwrap(), 31);
}

#[test]
fn what_the_module_between_needs_itself_closes_a_circle() {
    let mut bench = bench(&[
        ("shim", &one_more("lib")),
        ("lib", &passes_on("real", "f")),
        ("real", &gives("f", 1)),
    ]);
    bench.linker.alias_imports("real", "shim").unwrap();
    assert_eq!(
        bench.root_error(&takes(&["real"])),
        "modules import one another in a circle: shim -> lib -> shim"
    );
}

#[test]
fn ten_thousand_modules_that_ask_for_versions_load_in_linear_time() {
    const LENGTH: usize = 10_000;
    // Every module is a version of the same name, which each asks for by a part of it.
    let text = |at: usize| match at + 1 {
        LENGTH => gives("f", 8),
        next => passes_on(&format!("m@{next}"), "f"),
    };
    let modules: Vec<_> = (0..LENGTH)
        .map(|at| (format!("m@{at}.0.0"), text(at)))
        .collect();
    let modules: Vec<(&str, &str)> = modules
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    let mut bench = bench(&modules);
    bench.linker.alias_imports("env", "m@0").unwrap();
    assert_eq!(found(&mut bench, &["m@0", "env"]), [8, 8]);
    assert_eq!(bench.linker.registry().names().count(), LENGTH);
    let log = bench.log.take();
    assert_eq!(log.matches("list").count(), 1);
    assert_eq!(log.matches("read").count(), 2 * LENGTH);
}

#[test]
fn a_bundle_is_checked_by_the_names_that_a_linker_takes() {
    let modules = [
        ("app", &*takes(&["env", "m@1.2"])),
        ("mylib", &one_more("env")),
        ("m@1.3.0", &gives("f", 1)),
    ];
    let files: Vec<_> = modules
        .iter()
        .map(|(name, text)| holdall::BundledFile {
            name: (*name).to_owned(),
            bytes: wat::parse_str(text).unwrap(),
        })
        .collect();
    let host = holdall::HostManifest::parse("\"env\"").unwrap();
    let mut naming = Naming::new();
    naming.alias("env", "mylib").unwrap();
    naming.versions = Versions::Compatible;
    check_bundle_with(&files, &host, &naming, Proposals::AVAILABLE).unwrap();

    let mut bench = bench(&modules);
    bench.linker.set_naming(naming.clone());
    bench.linker.func_wrap("env", "f", || 10_i32).unwrap();
    let app = bench.linker.load("app").unwrap();
    let app = bench.linker.instantiate(&mut bench.store, &app).unwrap();
    assert_eq!(bench.calls(app, &["0", "1"]), [11, 1]);

    naming.versions = Versions::Exact;
    assert_eq!(
        check_bundle_with(&files, &host, &naming, Proposals::AVAILABLE)
            .unwrap_err()
            .len(),
        1
    );
}

#[cfg(feature = "fs")]
#[test]
fn a_directory_has_versions() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("versions");
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(path.join("below")).unwrap();
    // More than are worth comparing with a wrong name.
    for at in 0..5000 {
        std::fs::write(path.join(format!("m@1.{at}.0.wasm")), "\0asm\x01\0\0\0").unwrap();
    }
    for (file, number) in [
        ("m@1.5000.0.wat", 50),
        ("m@2.0.0.wat", 20),
        ("m@2.wat", 2),
        ("below/n@1.0.0.wat", 10),
    ] {
        std::fs::write(path.join(file), gives("f", number)).unwrap();
    }
    let dir = cap_std::fs::Dir::open_ambient_dir(&path, cap_std::ambient_authority()).unwrap();
    let mut bench = Bench::without_reader();
    bench
        .linker
        .set_reader(holdall::DirReader::new(dir, "modules"));
    let error = bench.root_error(&takes(&["below/n@1"]));
    assert!(error.contains("asked directory \"modules\""), "{error}");
    let names = ["m@1", "m@2", "m@2.0", "below/n@1.0.0"];
    assert_eq!(found(&mut bench, &names), [50, 2, 20, 10]);
}
