//! What a build script records of a bundle: a Rust expression that `include_bundle!` puts into the
//! program. The expression uses the types of `holdall::__emitted`. Knows paths and hashes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use holdall_core::bundle::{Naming, Versions};

/// The file in `OUT_DIR` that has the expression.
pub(crate) const FILE: &str = "holdall_bundle.rs";

/// A module as it is recorded: its files are in `OUT_DIR`.
pub(crate) struct Recorded<'a> {
    pub(crate) name: &'a str,
    /// The SHA-256 of the module, in hexadecimal.
    pub(crate) sha256: String,
    /// Where the module is.
    pub(crate) bytes: PathBuf,
    /// Where its lowered code is, if there is any.
    pub(crate) code: Option<PathBuf>,
    /// Its machine code, if there is any.
    pub(crate) native: Option<Native>,
}

/// The machine code of a module as it is recorded.
pub(crate) struct Native {
    /// Where the tables are.
    pub(crate) tables: PathBuf,
    /// The symbol of the text, and its size in bytes.
    pub(crate) symbol: String,
    pub(crate) size: usize,
}

/// The expression for these modules, which are in the order of their names; `root` is the index of
/// the root among them, `naming` how imports name them.
///
/// # Errors
/// A path that is not UTF-8, as the expression has to be.
pub(crate) fn expression(
    modules: &[Recorded<'_>],
    root: Option<usize>,
    naming: &Naming,
) -> Result<String, String> {
    let mut text = "emitted::Record {\n    modules: &[\n".to_owned();
    for Recorded {
        name,
        sha256,
        bytes,
        code,
        native,
    } in modules
    {
        let native = match native {
            Some(native) => format!(
                "Some(emitted::Native {{ tables: include_bytes!({:?}), \
                 text: emitted::native_text!({:?}, {}) }})",
                utf8(&native.tables)?,
                native.symbol,
                native.size
            ),
            None => "None".to_owned(),
        };
        let bytes = utf8(bytes)?;
        let code = match code {
            Some(path) => format!(
                "{{ const CODE: &emitted::Aligned<[u8]> = \
                 &emitted::Aligned(*include_bytes!({:?})); Some(&CODE.0) }}",
                utf8(path)?
            ),
            None => "None".to_owned(),
        };
        let _ = writeln!(
            text,
            "        emitted::Module {{ name: {name:?}, bytes: include_bytes!({bytes:?}), \
             sha256: {sha256:?}, code: {code}, native: {native} }},"
        );
    }
    let aliases: Vec<_> = naming.aliases().collect();
    let compatible = naming.versions == Versions::Compatible;
    let used: Vec<_> = naming.used_exports().collect();
    let _ = write!(
        text,
        "    ],\n    root: {root:?},\n    aliases: &{aliases:?},\n    \
         compatible_versions: {compatible},\n    used_exports: &{used:?},\n}}\n"
    );
    Ok(text)
}

fn utf8(path: &Path) -> Result<&str, String> {
    path.to_str()
        .ok_or_else(|| format!("{}: expected a path in UTF-8", path.display()))
}

/// The SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::{Command, Output};

    use super::*;

    /// What of holdall a program with a bundle needs.
    const LIBRARY: &str = r#"
        pub mod embedded {
            #[derive(Clone, Copy)]
            pub struct BundledModule {
                pub name: &'static str,
                pub bytes: &'static [u8],
                pub sha256: Option<&'static str>,
                pub code: Option<&'static [u8]>,
                pub native: Option<crate::emitted::Native>,
            }
            impl BundledModule {
                pub const EMPTY: Self =
                    Self { name: "", bytes: &[], sha256: None, code: None, native: None };
            }
            pub struct Bundle {
                pub modules: std::borrow::Cow<'static, [BundledModule]>,
                pub root: Option<usize>,
                pub aliases: &'static [(&'static str, &'static str)],
                pub compatible_versions: bool,
                pub used_exports: &'static [&'static str],
            }
        }
        pub mod emitted;
        pub use emitted as __emitted;"#;

    /// A program that includes a bundle, and shows what is in it.
    const PROGRAM: &str = r#"
        #![forbid(unsafe_code)]
        static BUNDLE: holdall::embedded::Bundle = holdall::include_bundle!();

        fn main() {
            for module in BUNDLE.modules.iter() {
                let places = module.code.map(|code| code.as_ptr().addr() % 16);
                let sha256 = &module.sha256.unwrap()[..8];
                println!("{:?} {:?} {sha256} {:?} {places:?}", module.name, module.bytes, module.code);
            }
            println!("{:?} {:?} {}", BUNDLE.root, BUNDLE.aliases, BUNDLE.compatible_versions);
        }"#;

    /// Compiles the library and the program in `dir`, with that as `OUT_DIR` or without one.
    fn compile(dir: &Path, out_dir: Option<&Path>) -> Output {
        let emitted =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../holdall/src/bundle/emitted.rs");
        fs::copy(emitted, dir.join("emitted.rs")).unwrap();
        fs::write(dir.join("holdall.rs"), LIBRARY).unwrap();
        fs::write(dir.join("main.rs"), PROGRAM).unwrap();
        let rustc = |args: &[&str]| {
            let mut rustc = Command::new("rustc");
            rustc.arg("--edition=2024").args(args).current_dir(dir);
            rustc.env_remove("OUT_DIR");
            rustc.envs(out_dir.map(|out_dir| ("OUT_DIR", out_dir)));
            rustc.output().unwrap()
        };
        let library = rustc(&["--crate-type=rlib", "holdall.rs"]);
        assert!(library.status.success(), "{library:?}");
        rustc(&["--extern=holdall=libholdall.rlib", "main.rs"])
    }

    fn folder(test: &str) -> PathBuf {
        let dir = crate::beside_the_tests().join(test);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    #[cfg_attr(miri, ignore = "it runs the compiler")]
    fn a_program_without_unsafe_code_gets_names_of_any_letters_and_code_at_multiples_of_sixteen() {
        let dir = folder("names");
        let mut names = vec![
            "a b",
            "lib@1.2.3",
            "n'est-ce pas",
            "{}",
            "ïö\u{301}",
            "模块",
        ];
        if cfg!(unix) {
            names.extend(["\"quoted\"", "line\nline", r"back\slash"]);
        }
        names.sort_unstable();
        let modules: Vec<Recorded<'_>> = names
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let put = |extension: &str, contents: &[u8]| {
                    let path = dir.join(format!("{at} {extension}"));
                    fs::write(&path, contents).unwrap();
                    path
                };
                Recorded {
                    name,
                    sha256: sha256(name.as_bytes()),
                    bytes: put("module", name.as_bytes()),
                    code: (at > 0).then(|| put("code", b"code")),
                    native: None,
                }
            })
            .collect();
        let mut naming = Naming::new();
        naming.versions = Versions::Compatible;
        naming.alias("env", "a \"b\"").unwrap();
        let text = expression(&modules, Some(2), &naming).unwrap();
        fs::write(dir.join(FILE), text).unwrap();
        let compiled = compile(&dir, Some(&dir));
        assert!(compiled.status.success(), "{compiled:?}");
        let ran = Command::new(dir.join("main")).output().unwrap();
        let mut expected = String::new();
        for Recorded {
            name, sha256, code, ..
        } in &modules
        {
            let code = code.as_ref().map(|_| b"code");
            let place = code.map(|_| 0);
            let (bytes, sha256) = (name.as_bytes(), &sha256[..8]);
            let _ = writeln!(expected, "{name:?} {bytes:?} {sha256} {code:?} {place:?}");
        }
        let _ = writeln!(expected, "Some(2) {:?} true", [("env", "a \"b\"")]);
        assert_eq!(String::from_utf8_lossy(&ran.stdout), expected);
    }

    #[test]
    #[cfg_attr(miri, ignore = "it runs the compiler")]
    fn a_package_without_a_build_script_is_told_that_it_needs_one() {
        let compiled = compile(&folder("no_script"), None);
        let text = String::from_utf8_lossy(&compiled.stderr);
        assert!(!compiled.status.success());
        let expected = "`include_bundle!` needs a build script that emits a bundle";
        assert!(text.contains(expected), "{text}");
    }
}
