//! Readers and destroyers.

use std::borrow::Cow;
use std::sync::Arc;

use holdall::{
    ChainReader, Engine, FnReader, LinkError, Linker, MemoryReader, Module, ModuleReader,
    ReadError, Store,
};

use crate::bundle::BUNDLE;
use crate::{Bench, Log, gives, link_error, passes_on, text_of};

#[test]
fn buffers_go_back_once_newest_first_when_the_linker_is_dropped() {
    let mut bench = Bench::new(&[("a", &gives("f", 1)), ("b", &passes_on("a", "f"))]);
    let instance = bench.root(&passes_on("b", "f")).unwrap();
    bench.root(&passes_on("a", "f")).unwrap();
    bench.linker.load("b").unwrap();
    bench.linker.unregister("b").unwrap();
    assert_eq!(bench.log.take(), "read b, read a");
    let Bench {
        linker,
        mut store,
        log,
        ..
    } = bench;
    drop(linker);
    assert_eq!(log.take(), "destroy a, destroy b");
    // Modules have bytes of their own, and functions that were never called before still run.
    let func = instance.get_typed_func::<(), i32>(&store, "f").unwrap();
    assert_eq!(func.call(&mut store, ()).unwrap(), 1);
    drop(store);
    assert_eq!(log.take(), "");
}

#[test]
fn buffers_of_a_failed_load_go_back_at_once_and_others_do_not() {
    let mut bench = Bench::new(&[
        ("good", &gives("f", 1)),
        ("half", &passes_on("bad", "f")),
        ("bad", "(module (func"),
    ]);
    bench.linker.load("good").unwrap();
    assert_eq!(bench.log.take(), "read good");
    bench.root(&passes_on("half", "f")).unwrap_err();
    assert_eq!(
        bench.log.take(),
        "read half, read bad, destroy bad, destroy half"
    );
    bench.linker.load("half").unwrap_err();
    assert_eq!(
        bench.log.take(),
        "read half, read bad, destroy bad, destroy half"
    );
    let log = bench.log.clone();
    drop(bench);
    assert_eq!(log.take(), "destroy good");
}

#[test]
fn a_buffer_goes_back_to_the_reader_that_gave_it() {
    let logged = |log: &Log, label: &'static str, names: &'static [&'static str]| {
        let log = log.clone();
        FnReader::new(
            move |name: &str| {
                let text = gives("f", 1).into_bytes();
                Ok(names.contains(&name).then_some(Cow::Owned(text)))
            },
            move |name: &str, _| log.add(format!("{name} to {label}")),
        )
    };
    let log = Log::default();
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker.set_reader(
        ChainReader::new()
            .with(logged(&log, "first", &["a", "b"]))
            .with(logged(&log, "second", &["b", "c"])),
    );
    for name in ["c", "b", "a"] {
        linker.load(name).unwrap();
    }
    // A reader that is no longer set gets its buffers back too.
    linker.set_reader(logged(&log, "third", &["d"]));
    linker.load("d").unwrap();
    drop(linker);
    assert_eq!(
        log.take(),
        "d to third, a to first, b to first, c to second"
    );
}

#[test]
fn two_readers_that_give_the_same_static_bytes_get_one_buffer_each() {
    static TEXT: &[u8] = b"(module)";
    let log = Log::default();
    let reader = |label: &'static str, name: &'static str| {
        let log = log.clone();
        FnReader::new(
            move |asked: &str| Ok((asked == name).then_some(Cow::Borrowed(TEXT))),
            move |name: &str, _| log.add(format!("{name} to {label}")),
        )
    };
    let chain = ChainReader::new()
        .with(reader("first", "a"))
        .with(reader("second", "b"));
    let (a, b) = (
        chain.read("a").unwrap().unwrap(),
        chain.read("b").unwrap().unwrap(),
    );
    chain.destroy("a", a);
    chain.destroy("b", b);
    chain.destroy("b", Cow::Borrowed(TEXT));
    assert_eq!(log.take(), "a to first, b to second");
}

#[test]
fn the_roots_buffer_is_the_callers() {
    let mut bench = Bench::new(&[]);
    bench.root(&gives("f", 1)).unwrap();
    let log = bench.log.clone();
    drop(bench);
    assert_eq!(log.take(), "");
}

#[test]
fn a_reader_that_fails_ends_the_load_with_its_reason_and_the_chain() {
    let mut bench = Bench::without_reader();
    let fails = FnReader::new(
        |name: &str| Err(ReadError::other(format!("no disk for {name}"))),
        |_: &str, _| {},
    );
    let memory = MemoryReader::new().with("mB", passes_on("mA", "A").into_bytes());
    bench
        .linker
        .set_reader(ChainReader::new().with(memory).with(fails));
    let error = bench.root(&passes_on("mB", "A")).unwrap_err();
    assert!(matches!(link_error(&error), LinkError::Read { .. }));
    assert_eq!(
        text_of(&error),
        "module \"mA\" could not be read (<root> -> mB -> mA): no disk for mA"
    );
}

#[test]
fn a_shared_reader_can_serve_several_linkers() {
    let reader = Arc::new(MemoryReader::new().with("m", gives("f", 4).into_bytes()));
    let engine = Engine::default();
    for _ in 0..2 {
        let mut linker = Linker::<()>::new(&engine);
        linker.set_reader(Arc::clone(&reader));
        linker.load("m").unwrap();
    }
}

#[test]
fn the_bundle_gives_its_static_bytes_and_takes_nothing_back() {
    let bundle = &*BUNDLE;
    let reader = bundle.reader();
    assert_eq!(reader.describe(), "the bundle");
    assert_eq!(reader.names().len(), bundle.modules().len());
    assert!(reader.read("no such module").unwrap().is_none());
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker.set_reader(reader);
    for module in bundle.modules() {
        let bytes = bundle.reader().read(module.name()).unwrap().unwrap();
        assert!(matches!(bytes, Cow::Borrowed(bytes) if std::ptr::eq(bytes, module.bytes())));
        Module::named(&engine, module.name(), module.bytes()).unwrap();
        linker.load(module.name()).unwrap();
    }
}

#[cfg(feature = "fs")]
mod directory {
    use super::*;

    use cap_std::ambient_authority;
    use cap_std::fs::Dir;
    use holdall::DirReader;

    /// A new directory with files, beside one called `outside`.
    fn directory(test: &str, files: &[(&str, &[u8])]) -> std::path::PathBuf {
        let base = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = std::fs::remove_dir_all(&base);
        std::fs::create_dir_all(base.join("modules/below")).unwrap();
        std::fs::create_dir_all(base.join("outside")).unwrap();
        std::fs::write(base.join("outside/x.wasm"), b"\0asm\x01\0\0\0").unwrap();
        let dir = base.join("modules");
        for (name, bytes) in files {
            std::fs::write(dir.join(name), bytes).unwrap();
        }
        dir
    }

    fn reader(path: &std::path::Path) -> DirReader {
        DirReader::new(
            Dir::open_ambient_dir(path, ambient_authority()).unwrap(),
            "modules",
        )
    }

    #[test]
    fn reads_binary_then_text_below_it_too_and_misses_what_is_not_there() {
        let text = gives("f", 1);
        let path = directory(
            "reads",
            &[
                ("a.wasm", b"\0asm\x01\0\0\0"),
                ("a.wat", b"not read"),
                ("b.wat", text.as_bytes()),
                ("below/c.wasm", b"\0asm\x01\0\0\0"),
                ("d.txt", b"no module"),
            ],
        );
        let reader = reader(&path);
        assert_eq!(
            reader.read("a").unwrap().unwrap().as_ref(),
            b"\0asm\x01\0\0\0"
        );
        assert_eq!(reader.read("b").unwrap().unwrap().as_ref(), text.as_bytes());
        assert!(reader.read("below/c").unwrap().is_some());
        for missing in ["d", "below", "none", "none/x", "a.wasm/x"] {
            assert!(reader.read(missing).unwrap().is_none(), "{missing}");
        }
        std::fs::create_dir(path.join("dir.wasm")).unwrap();
        assert!(reader.read("dir").unwrap().is_none());
        assert_eq!(reader.describe(), "directory \"modules\"");
        assert_eq!(reader.names(), ["a", "b", "dir"]);

        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        linker.set_reader(reader);
        let mut store = Store::new(&engine, ());
        let root = Module::new(&engine, passes_on("b", "f").into_bytes()).unwrap();
        linker.instantiate(&mut store, &root).unwrap();
    }

    #[test]
    fn names_cannot_lead_out() {
        let reader = reader(&directory("names", &[("a.wasm", b"")]));
        for name in [
            "../outside/x",
            "below/../../outside/x",
            "below/../a",
            "/etc/passwd",
            "./a",
        ] {
            let error = reader.read(name).unwrap_err();
            assert!(matches!(error, ReadError::Confined { .. }), "{error}");
            let text = error.to_string();
            let expected = format!("the name {name:?} is not confined to directory \"modules\": ");
            assert!(text.starts_with(&expected), "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn symbolic_links_cannot_lead_out() {
        use std::os::unix::fs::symlink;
        let path = directory("links", &[("a.wasm", b"\0asm\x01\0\0\0")]);
        symlink("../outside/x.wasm", path.join("relative.wasm")).unwrap();
        symlink(path.join("../outside/x.wasm"), path.join("absolute.wasm")).unwrap();
        symlink("../outside", path.join("dir")).unwrap();
        symlink("a.wasm", path.join("inside.wasm")).unwrap();
        symlink("nothing.wasm", path.join("dangling.wasm")).unwrap();
        let reader = reader(&path);
        for name in ["relative", "absolute", "dir/x"] {
            let text = reader.read(name).unwrap_err().to_string();
            assert_eq!(
                text,
                format!(
                    "the name {name:?} is not confined to directory \"modules\": it leads out \
                     through a symbolic link"
                )
            );
        }
        assert!(reader.read("inside").unwrap().is_some());
        assert!(reader.read("dangling").unwrap().is_none());
    }

    #[test]
    fn large_files_are_refused() {
        let reader = reader(&directory(
            "large",
            &[("a.wasm", &[0; 11]), ("b.wasm", &[0; 10])],
        ));
        let reader = reader.limit_bytes(10);
        assert_eq!(
            reader.read("a").unwrap_err().to_string(),
            "\"a\" is too large: expected at most 10 bytes, found more"
        );
        assert_eq!(reader.read("b").unwrap().unwrap().len(), 10);
    }
}

/// Gives the same module under every name.
struct Caching(Module);

impl ModuleReader for Caching {
    fn read(&self, _name: &str) -> Result<Option<Cow<'static, [u8]>>, ReadError> {
        Ok(Some(Cow::Borrowed(b"")))
    }

    fn module(&self, _: &Engine, _: &str, _: Cow<'static, [u8]>) -> holdall::Result<Module> {
        Ok(self.0.clone())
    }

    fn describe(&self) -> String {
        "a cache".to_owned()
    }
}

#[test]
fn a_module_that_a_reader_gives_under_several_names_is_one_with_aliases() {
    let mut bench = Bench::without_reader();
    let counts = r#"(module (global $n (mut i32) (i32.const 0)) (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"#;
    bench.linker.set_reader(Caching(bench.module(counts)));
    let root = r#"(module
        (import "a" "next" (func $a (result i32))) (import "b" "next" (func $b (result i32)))
        (func (export "f") (result i32) (drop (call $a)) (call $b)))"#;
    let root = bench.root(root).unwrap();
    assert_eq!(bench.calls(root, &["f", "$a$next", "$b$next"]), [2, 3, 4]);
    // It is known by another name, lives already, and gets more names.
    let later = bench.root(&passes_on("c", "next")).unwrap();
    assert_eq!(bench.calls(later, &["next", "$c$next"]), [5, 6]);
    assert!(
        bench
            .linker
            .load("d")
            .unwrap()
            .same(&bench.linker.load("a").unwrap())
    );
    assert_eq!(
        bench.linker.registry().names().collect::<Vec<_>>(),
        ["a", "b", "c", "d"]
    );
    // A root that its own reader gives for what it imports needs itself.
    let mut bench = Bench::without_reader();
    let own = bench.module(&passes_on("a", "f"));
    bench.linker.set_reader(Caching(own.clone()));
    let error = bench
        .linker
        .instantiate(&mut bench.store, &own)
        .unwrap_err();
    assert!(text_of(&error).contains("in a circle"), "{error}");
}

#[test]
fn a_module_of_another_engine_is_refused_where_the_reader_gives_it() {
    let mut bench = Bench::without_reader();
    let foreign = Module::new(&Engine::default(), gives("f", 1)).unwrap();
    bench.linker.set_reader(Caching(foreign));
    let error = bench.root_error(&passes_on("a", "f"));
    assert!(error.contains("found one of another engine"), "{error}");
}

/// Something that is no file opens at once and is no module, also if it is there only then.
#[test]
#[cfg(all(unix, feature = "fs"))]
#[cfg_attr(miri, ignore = "it makes a pipe in a directory")]
fn a_pipe_in_the_place_of_a_module_is_none_and_is_not_waited_for() {
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::{env, fs, process, thread};

    let dir = env::temp_dir().join(format!("holdall-pipes-{}", process::id()));
    fs::create_dir_all(&dir).unwrap();
    let (module, pipe) = (dir.join("m.wat"), dir.join("pipe"));
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let opened = cap_std::fs::Dir::open_ambient_dir(&dir, cap_std::ambient_authority()).unwrap();
    let reader = holdall::DirReader::new(opened, "pipes");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let next = dir.join("next");
                fs::write(&next, "(module)").unwrap();
                fs::rename(&next, &module).unwrap();
                fs::hard_link(&pipe, &next).unwrap();
                fs::rename(&next, &module).unwrap();
            }
        });
        let mut found = [0, 0];
        for _ in 0..2_000 {
            let read = reader.read("m").unwrap();
            found[usize::from(read.is_some())] += 1;
        }
        done.store(true, Ordering::Relaxed);
        assert!(found[0] > 0, "{found:?}");
    });
    fs::remove_dir_all(&dir).unwrap();
}
