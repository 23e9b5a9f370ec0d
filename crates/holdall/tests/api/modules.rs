//! Modules, made of whatever a program has, and what they say of themselves.

use std::borrow::Cow;
use std::fs;
use std::sync::Arc;

use holdall::{
    BundleReader, Config, Engine, ExternType, Limits, Linker, Module, ModuleError, Result, ValType,
};

use crate::bundle::BUNDLE;

const TEXT: &str = r#"(module $own (import "env" "log" (func (param i32))) (func (export "f")))"#;
const BINARY: [u8; 8] = *b"\0asm\x01\0\0\0";

#[test]
fn modules_are_made_of_bytes_and_text_borrowed_or_not() -> Result<()> {
    let engine = Engine::default();
    let vec = wat::parse_str(TEXT).unwrap();
    // Not `'static`.
    let (slice, string) = (vec.as_slice(), TEXT.to_owned());
    let made = [
        Module::new(&engine, TEXT)?,
        Module::new(&engine, &string)?,
        Module::new(&engine, string.as_str())?,
        Module::new(&engine, string.as_bytes())?,
        Module::new(&engine, string.clone())?,
        Module::new(&engine, slice)?,
        Module::new(&engine, &vec)?,
        Module::new(&engine, vec.clone())?,
        Module::new(&engine, vec.clone().into_boxed_slice())?,
        Module::new(&engine, Arc::<[u8]>::from(slice))?,
        Module::new(&engine, Cow::<'static, [u8]>::Owned(vec.clone()))?,
        Module::named(&engine, "own", slice)?,
    ];
    for module in made {
        assert_eq!(module.name(), Some("own"));
    }
    let borrowed = &BINARY;
    Module::new(&engine, BINARY)?;
    Module::new(&engine, borrowed)?;
    Module::new(&engine, br#"(module (func (export "f")))"#)?;
    Module::new(&engine, include_bytes!("../../../../bundle/mA.wasm"))?;
    Module::validate(&engine, TEXT)?;
    Module::validate(&engine, &vec)
}

#[test]
fn static_bytes_are_not_copied() -> Result<()> {
    static BYTES: &[u8] = include_bytes!("../../../../bundle/mA.wasm");
    let engine = Engine::default();
    for module in [
        Module::from_static(&engine, BYTES)?,
        Module::new(&engine, Cow::Borrowed(BYTES))?,
        BUNDLE.find("mA").unwrap().module(&engine)?,
    ] {
        let is_static = std::ptr::eq(module.binary(), BYTES)
            || std::ptr::eq(module.binary(), BUNDLE.find("mA").unwrap().bytes());
        assert!(is_static);
    }
    Ok(())
}

#[test]
fn a_file_is_read_and_named_in_errors() -> Result<()> {
    let engine = Engine::default();
    let root = env!("CARGO_MANIFEST_DIR");
    Module::from_file(&engine, format!("{root}/../../bundle/mA.wasm"))?;
    let error = Module::from_file(&engine, "no/such.wasm").unwrap_err();
    assert!(matches!(
        error.downcast_ref(),
        Some(ModuleError::File { .. })
    ));
    let text = error.to_string();
    assert!(
        text.starts_with("module \"no/such.wasm\" could not be read: "),
        "{text}"
    );

    let path = std::env::temp_dir().join(format!("holdall-api-{}.wat", std::process::id()));
    fs::write(&path, TEXT).unwrap();
    let made = Module::from_file(&engine, &path);
    let small = Engine::new(Config::new().limits(Limits::new().module_bytes(10)));
    let refused = Module::from_file(&small, &path);
    fs::write(&path, b"\0asm\x02\0\0\0").unwrap();
    let malformed = Module::from_file(&engine, &path);
    fs::remove_file(&path).unwrap();
    assert_eq!(made?.name(), Some("own"));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("limit `module_bytes`"), "{refused}");
    let malformed = malformed.unwrap_err().to_string();
    let expected = format!("malformed module {:?}", path.to_str().unwrap());
    assert!(malformed.starts_with(&expected), "{malformed}");
    Ok(())
}

#[test]
fn imports_and_exports_tell_names_and_types() -> Result<()> {
    let module = Module::new(&Engine::default(), TEXT)?;
    for import in module.imports() {
        assert_eq!((import.module(), import.name()), ("env", "log"));
        let ty = import.ty();
        assert_eq!(ty.func().unwrap().params(), [ValType::I32]);
    }
    let names: Vec<_> = module
        .exports()
        .map(|export| export.name().to_owned())
        .collect();
    assert_eq!(names, ["f"]);
    assert!(matches!(module.get_export("f"), Some(ExternType::Func(_))));
    assert!(module.get_export("g").is_none());
    Ok(())
}

#[test]
fn a_bundle_is_read_by_reference() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker.set_reader(BundleReader::new(&*BUNDLE));
    linker.set_reader(BundleReader::new(BUNDLE.clone()));
    linker.load("mC")?;
    Ok(())
}
