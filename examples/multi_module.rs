//! The program of WAMR's multi-module document over holdall's public interface: three modules that
//! travel in the binary, mC loaded by the program, mA and mB by the linker, their functions called
//! by name, and one buffer in which they have all their memory.
//!
//! ```text
//! cargo run --example multi_module
//! ```

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use holdall::text::{format_results, parse_args};
use holdall::{Bundle, Config, Engine, FnReader, Instance, Linker, Module, Pool, Store, Val};
use include_dir::{Dir, include_dir};

/// The modules travel in this program.
static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/bundle");
static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| Bundle::from_dir(&FILES));

/// The size of the buffer from which all of the guests' memory comes.
const SANDBOX_MEMORY_BYTES: usize = 10 * 1024 * 1024;

/// What to print before a call, and the function to call.
const CALLS: [(&str, &str); 6] = [
    (r#"call "C", it will return 0xc:i32, ===> "#, "C"),
    (r#"call "call_B", it will return 0xb:i32, ===> "#, "call_B"),
    (r#"call "call_A", it will return 0xa:i32, ===>"#, "call_A"),
    // Functions of mB.
    (r#"call "mB.B", it will return 0xb:i32, ===>"#, "$mB$B"),
    (
        r#"call "mB.call_A", it will return 0xa:i32, ===>"#,
        "$mB$call_A",
    ),
    // A function of mA.
    (r#"call "mA.A", it will return 0xa:i32, ===>"#, "$mA$A"),
];

#[cfg_attr(
    test,
    allow(dead_code, reason = "a test takes this file as a module, for `run`")
)]
fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout().lock())
}

/// The whole program; its lines go to `out`.
pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    // All that the guests have comes from this buffer only. (`Pool::from_static` takes a static
    // array.)
    let pool = Pool::new(SANDBOX_MEMORY_BYTES)?;
    let engine = Engine::new(Config::new().pool(pool.clone()));
    let mut store = Store::try_new(&engine, ())?;

    // The module reader finds a module's bytes by its name, wherever the program keeps them; here
    // each gets a copy from the bundle. The module destroyer gets every copy back, once.
    let lent = Arc::new(AtomicUsize::new(0));
    let (lending, returning) = (Arc::clone(&lent), Arc::clone(&lent));
    let reader = FnReader::new(
        move |name: &str| {
            let Some(module) = BUNDLE.find(name) else {
                return Ok(None);
            };
            lending.fetch_add(1, Ordering::Relaxed);
            Ok(Some(Cow::Owned(module.bytes().to_vec())))
        },
        move |_: &str, bytes: Cow<'static, [u8]>| {
            drop(bytes);
            returning.fetch_sub(1, Ordering::Relaxed);
        },
    );
    let mut linker = Linker::new(&engine);
    linker.set_reader(reader);

    // The program loads mC itself. The linker reads what mC imports, asks for mA and mB, and links
    // the three; mB and mC share one mA.
    let root = BUNDLE.find("mC").ok_or("no mC in the bundle")?;
    let module = Module::from_static(&engine, root.bytes())?;
    let instance = linker.instantiate(&mut store, &module)?;

    for (announcement, name) in CALLS {
        write!(out, "{announcement}")?;
        writeln!(out, "{}", call(&mut store, instance, name, &[])?)?;
    }

    // Dependencies were registered under the names that imports know them by. The root has no name
    // until the program gives it one.
    assert!(linker.find("mA").is_some() && linker.find("mB").is_some());
    assert!(linker.find("mC").is_none());
    linker.register("mC", &module)?;
    assert!(linker.find("mC").is_some_and(|found| found.same(&module)));

    // The reader's buffers are the linker's for as long as it lives.
    drop(linker);
    assert_eq!(lent.load(Ordering::Relaxed), 0);

    // When the store and the modules are gone, so is all that they took of the buffer.
    assert!(pool.used_bytes() > 0);
    drop((store, module));
    assert_eq!(pool.used_bytes(), 0);
    Ok(())
}

/// Looks a function up, calls it with arguments in text, and gives its results as text.
fn call(
    store: &mut Store<()>,
    instance: Instance,
    name: &str,
    args: &[&str],
) -> Result<String, Box<dyn Error>> {
    let func = instance.get_func(&mut *store, name);
    let func = func.ok_or_else(|| format!("lookup function {name} failed"))?;
    let ty = func.ty(&*store);
    let args = parse_args(&mut *store, &ty, args)?;
    let mut results: Vec<Val> = ty.results().iter().copied().map(Val::default_of).collect();
    func.call(&mut *store, &args, &mut results)?;
    Ok(format_results(&*store, &results))
}
