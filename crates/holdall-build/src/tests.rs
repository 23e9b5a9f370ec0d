//! Tests of the whole room: a directory in, the expression or faults out.

use std::fs;
use std::path::{Path, PathBuf};

use super::folder::watched;
use super::{Bundler, Naming, Versions, record, variable};

const LIBRARY: &str = r#"(module (func (export "add") (result i32) (i32.const 10)))"#;
const APP: &str = r#"(module (import "library" "add" (func (result i32))) (func (export "run")))"#;

/// A package on disk, with a directory `bundle` of these files, and what `emit` would write to.
struct Package {
    root: PathBuf,
    out: PathBuf,
}

impl Package {
    /// `test` is the test's own name.
    fn new(test: &str, files: &[(&str, &[u8])]) -> Self {
        let root = crate::beside_the_tests().join(test);
        if root.exists() {
            fs::remove_dir_all(&root).unwrap();
        }
        let package = Self {
            out: root.join("out"),
            root,
        };
        fs::create_dir_all(&package.out).unwrap();
        fs::create_dir(package.root.join("bundle")).unwrap();
        for (name, contents) in files {
            fs::write(package.root.join("bundle").join(name), contents).unwrap();
        }
        package
    }

    /// One of modules, given as text by their names.
    fn of_modules(test: &str, modules: &[(&str, &str)]) -> Self {
        let package = Self::new(test, &[]);
        for (name, text) in modules {
            let path = package.root.join(format!("bundle/{name}.wasm"));
            fs::write(path, wat::parse_str(text).unwrap()).unwrap();
        }
        package
    }

    /// What is emitted.
    fn emitted(&self, bundle: &Bundler) -> String {
        bundle.write(&self.root, &self.out).unwrap();
        fs::read_to_string(self.out.join(record::FILE)).unwrap()
    }

    /// A file that was emitted for the module at this place.
    fn emitted_file(&self, at: usize, extension: &str) -> Vec<u8> {
        let name = format!("holdall_bundle.{at}.{extension}");
        fs::read(self.out.join(name)).unwrap()
    }

    fn faults(&self, bundle: &Bundler) -> Vec<String> {
        let error = bundle.write(&self.root, &self.out).unwrap_err();
        assert!(!self.out.join(record::FILE).exists());
        error.faults().to_vec()
    }
}

fn bundle() -> Bundler {
    Bundler::new("bundle")
}

#[test]
fn modules_are_emitted_in_order_with_bytes_hash_code_and_root() {
    let package = Package::of_modules("emitted", &[("library", LIBRARY), ("app", APP)]);
    fs::write(package.root.join("bundle/README.md"), "of no interest").unwrap();
    let text = package.emitted(&bundle());
    let [app, library] = ["app", "library"].map(|name| {
        let start = format!("emitted::Module {{ name: {name:?}, bytes: include_bytes!(");
        text.find(&start).unwrap()
    });
    assert!(app < library && text.contains("root: None,"));
    assert_eq!(text.matches("Some(&CODE.0)").count(), 2);
    for at in 0..2 {
        assert!(package.emitted_file(at, "code").starts_with(b"holdcode"));
    }
    let code = package.emitted_file(0, "code");
    package.emitted(&bundle().metering(true));
    assert_ne!(code, package.emitted_file(0, "code"));
    let text = package.emitted(&bundle().root("library").lazy("app"));
    assert_eq!(text.matches("Some(&CODE.0)").count(), 1);
    assert!(text.contains("root: Some(1),"));
}

/// Bytes from where the modules are and code from elsewhere could be of two modules.
#[test]
fn bytes_and_code_are_emitted_together_and_the_directory_is_not_included() {
    let package = Package::of_modules("together", &[("library", LIBRARY)]);
    let text = package.emitted(&bundle());
    let source = package.root.join("bundle");
    assert!(!text.contains(source.to_str().unwrap()), "{text}");
    let own = fs::read(source.join("library.wasm")).unwrap();
    assert!(own == package.emitted_file(0, "wasm"));
    let checksum = holdall_core::module::checksum(&own);
    let code = package.emitted_file(0, "code");
    assert_eq!(code[40..48], checksum.to_le_bytes());
}

#[test]
fn an_empty_directory_is_a_bundle_of_nothing() {
    let package = Package::new("empty", &[]);
    assert!(!package.emitted(&bundle()).contains("emitted::Module {"));
}

#[test]
fn every_fault_is_a_line_that_names_file_and_import() {
    let app = r#"(module
        (import "librari" "add" (func))
        (import "env" "lo\ng" (func (param i32)))
        (import "new\nline" "f" (func)))"#;
    let package = Package::of_modules("faults", &[("library", LIBRARY), ("app", app)]);
    fs::write(package.root.join("bundle/broken.wasm"), b"\0asm").unwrap();
    fs::write(package.root.join("bundle/host.txt"), "env.log").unwrap();
    fs::create_dir(package.root.join("bundle/more")).unwrap();
    let faults = package.faults(&bundle().root("libary").lazy("nothing-like-it"));
    let expected = [
        "bundle/host.txt: line 1: expected \"module\", \"module\".\"name\" or \"module\".\"name\" (func \
         ...), found \"env.log\"",
        "bundle/more: expected modules and host.txt, found a directory",
        "bundle/broken.wasm: unexpected end",
        "bundle/app.wasm: import \"librari\".\"add\" of module \"app\": expected (func), found no module \
         \"librari\" (app -> librari), asked the bundle; did you mean \"library\"?",
        "bundle/app.wasm: import \"env\".\"lo\\ng\" of module \"app\": expected (func (param i32)), found no \
         definition by the host, whose name it is to define; a module that has it stands in by an alias \
         (`--alias env=NAME`, `Naming::alias`)",
        "bundle/app.wasm: import \"new\\nline\".\"f\" of module \"app\": expected (func), found no module \
         \"new\\nline\" (app -> new\\nline), asked the bundle",
        "bundle: expected a module \"libary\", which `root` names, found none; did you mean \"library\"?",
        "bundle: expected a module \"nothing-like-it\", which `lazy` names, found none",
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.starts_with(expected), "{fault}\n{expected}");
        assert!(!fault.contains('\n'), "{fault:?}");
    }
}

#[test]
fn a_directory_that_is_not_there_is_the_only_fault() {
    let package = Package::new("no_directory", &[]);
    let faults = package.faults(&Bundler::new("modules").root("app"));
    assert_eq!(faults.len(), 1, "{faults:?}");
    let expected = "modules: expected a directory of modules, found none: ";
    assert!(faults[0].starts_with(expected), "{}", faults[0]);
    assert_eq!(
        watched(&package.root, Path::new("modules")),
        [Path::new("modules")]
    );
}

#[test]
fn a_place_that_cannot_be_written_to_is_named() {
    let package = Package::of_modules("no_out", &[("library", LIBRARY)]);
    fs::remove_dir(&package.out).unwrap();
    let faults = package.faults(&bundle());
    let path = package.out.join("holdall_bundle.0.wasm");
    let expected = format!("{}: could not be written: ", path.display());
    assert!(faults[0].starts_with(&expected), "{}", faults[0]);
}

#[test]
fn outside_of_a_build_script_the_way_out_is_told() {
    let error = variable("HOLDALL_VARIABLE_THAT_NOBODY_SETS")
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("`holdall-build` is for build scripts, which cargo runs"),
        "{error}"
    );
}

#[test]
fn names_are_taken_as_the_linker_will_take_them() {
    let app = APP.replace("library", "library@1.1");
    let modules = [("library@1.2.0", LIBRARY), ("app", &app)];
    let package = Package::of_modules("naming", &modules);
    assert_eq!(package.faults(&bundle()).len(), 1);
    let mut naming = Naming::new();
    naming.versions = Versions::Compatible;
    package.emitted(&bundle().naming(naming));
}

#[test]
fn the_directory_and_all_in_it_is_watched() {
    let files: [(&str, &[u8]); 3] = [("host.txt", b""), ("a.wasm", b""), ("notes", b"")];
    let package = Package::new("watched", &files);
    let expected = ["bundle", "bundle/a.wasm", "bundle/host.txt", "bundle/notes"];
    assert_eq!(
        watched(&package.root, Path::new("bundle")),
        expected.map(Path::new)
    );
}

#[cfg(unix)]
#[test]
fn file_names_that_no_import_can_say_are_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let package = Package::new("not_utf8", &[]);
    let name = OsStr::from_bytes(b"caf\xe9.wasm");
    if fs::write(package.root.join("bundle").join(name), b"\0asm\x01\0\0\0").is_err() {
        // Some systems have only names in UTF-8.
        return;
    }
    assert_eq!(
        package.faults(&bundle()),
        [
            "bundle/caf\u{fffd}.wasm: the name is not UTF-8, as names of modules are; rename the file"
        ]
    );
}

#[test]
fn a_command_is_emitted_for_its_exports_where_the_build_script_says_so() {
    let command = LIBRARY.replacen("(module", "(module (func (export \"_start\"))", 1);
    let modules = [("library", command.as_str()), ("app", APP)];
    let package = Package::of_modules("use_exports", &modules);
    let faults = package.faults(&bundle());
    assert!(faults[0].contains("can not be a sub-module"), "{faults:?}");
    let emitted = package.emitted(&bundle().use_exports("library"));
    assert!(
        emitted.contains("used_exports: &[\"library\"]"),
        "{emitted}"
    );
}
