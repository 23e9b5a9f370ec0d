//! What a program learns of an execution that ended.

use std::error::Error as _;
use std::fmt;

use anyhow::Context;
use holdall::{
    Caller, Engine, Error, ErrorKind, Extern, Func, I32Exit, Instance, LinkError, Linker,
    MemoryReader, Module, ModuleError, Result, Store, Trap, TrapCode,
};

/// An error of the program's own.
#[derive(Debug, PartialEq)]
struct OutOfPaper {
    sheets: u32,
}

impl fmt::Display for OutOfPaper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sheets are missing", self.sheets)
    }
}

impl std::error::Error for OutOfPaper {}

/// One that has another as its source.
#[derive(Debug, thiserror::Error)]
#[error("the printer stopped")]
struct Stopped(#[source] Box<dyn std::error::Error + Send + Sync>);

const PRINT: &str = r#"(module $printer
    (import "host" "print" (func $print))
    (func $page (export "page") (call $print)))"#;

/// What a guest's call of a host function ends with, that returns this error.
fn ended<E: Into<anyhow::Error>>(error: impl Fn() -> E + Send + Sync + 'static) -> Error {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(&engine, PRINT).unwrap();
    let print = Func::wrap(&mut store, move || -> Result<(), E> { Err(error()) });
    let instance = Instance::new(&mut store, &module, &[print.into()]).unwrap();
    let page = instance.get_typed_func::<(), ()>(&store, "page").unwrap();
    page.call(&mut store, ()).unwrap_err()
}

#[test]
fn a_trap_that_a_host_function_returns_is_that_trap() {
    let code = TrapCode::OutOfBoundsMemoryAccess;
    for error in [
        ended(move || Trap::from(code)),
        ended(move || code),
        ended(move || Error::from(Trap::from(code))),
        ended(move || Error::from(code)),
        ended(move || anyhow::Error::from(Trap::from(code))),
        ended(move || anyhow::Error::from(Error::from(code))),
    ] {
        assert!(matches!(error.kind(), ErrorKind::Trap(_)), "{error:?}");
        let trap = error.trap().unwrap();
        assert_eq!(trap.code(), code);
        let frames: Vec<_> = trap.frames().iter().map(|frame| frame.func_index).collect();
        assert_eq!(frames, [1], "{error}");
        assert_eq!(error.downcast_ref::<TrapCode>(), Some(&code));
        assert_eq!(error.downcast::<Trap>().unwrap().code(), code);
    }
}

#[test]
fn a_trap_in_a_context_keeps_the_context_and_is_found() {
    let trap = || Trap::from(TrapCode::IntegerOverflow);
    for error in [
        ended(move || anyhow::Error::from(trap()).context("while printing")),
        ended(move || anyhow::Error::from(Error::from(trap())).context("while printing")),
        ended(move || {
            let error = anyhow::Error::from(trap()).context("on the second page");
            error.context("while printing")
        }),
    ] {
        assert_eq!(error.to_string(), "while printing");
        let trap = error.trap().unwrap();
        assert_eq!(trap.code(), TrapCode::IntegerOverflow);
        assert_eq!(trap.frames().len(), 1, "{trap}");
        assert!(error.is::<Trap>() && error.is::<TrapCode>());
        assert!(error.root_cause().is::<Trap>());
    }
    let error = ended(move || Stopped(trap().into()));
    assert_eq!(error.trap().unwrap().code(), TrapCode::IntegerOverflow);
    assert!(error.is::<Stopped>());
    let kept = error.downcast::<Trap>().unwrap_err();
    assert_eq!(kept.to_string(), "the printer stopped");
}

#[test]
fn an_exit_is_found_in_a_context_too() {
    assert_eq!(ended(|| I32Exit(3)).exit_code(), Some(3));
    let error = ended(|| anyhow::Error::from(I32Exit(0)).context("at the end"));
    assert_eq!(error.exit_code(), Some(0));
    assert_eq!(error.to_string(), "at the end");
    assert!(error.trap().is_none() && error.denied().is_none());
}

#[test]
fn a_trap_has_a_message_of_the_program() {
    let error = ended(|| Trap::new("no more ink"));
    let trap = error.trap().unwrap();
    assert_eq!(
        (trap.code(), trap.detail()),
        (TrapCode::Host, Some("no more ink"))
    );
    assert!(
        error
            .to_string()
            .starts_with("no more ink\n  0: printer!page"),
        "{error}"
    );
    let trap = Trap::from(TrapCode::Unreachable).with_detail(format!("page {}", 7));
    assert_eq!(trap.to_string(), "unreachable: page 7");
    let code: &dyn std::error::Error = &TrapCode::Unreachable;
    assert_eq!(code.to_string(), "unreachable");
}

#[test]
fn an_error_of_the_program_comes_back_as_itself() {
    let paper = || OutOfPaper { sheets: 2 };
    let bare = ended(paper);
    assert_eq!(bare.downcast_ref::<OutOfPaper>(), Some(&paper()));
    assert_eq!(bare.downcast::<OutOfPaper>().unwrap(), paper());

    let in_context = ended(move || anyhow::Error::from(paper()).context("while printing"));
    assert!(in_context.is::<OutOfPaper>() && !in_context.is::<Trap>());
    assert_eq!(
        in_context.source().unwrap().to_string(),
        "2 sheets are missing"
    );
    assert_eq!(in_context.root_cause().to_string(), "2 sheets are missing");
    assert_eq!(in_context.downcast::<OutOfPaper>().unwrap(), paper());

    let as_ours = ended(move || Error::new(paper()));
    assert!(as_ours.is::<OutOfPaper>());
    let text = ended(|| Error::msg("a text"));
    assert_eq!(text.to_string(), "a text");
    let as_source = ended(move || Stopped(paper().into()));
    let chain: Vec<_> = as_source.chain().map(ToString::to_string).collect();
    assert_eq!(chain, ["the printer stopped", "2 sheets are missing"]);
    assert!(as_source.is::<OutOfPaper>());
}

#[test]
fn other_errors_are_found_by_their_type() {
    let engine = Engine::default();
    let error = Module::new(&engine, b"\0asm\x02\0\0\0").unwrap_err();
    assert!(matches!(
        error.downcast_ref(),
        Some(ModuleError::Malformed { .. })
    ));
    let text = r#"(module (import "env" "f" (func)))"#;
    let module = Module::new(&engine, text).unwrap();
    let error = Linker::new(&engine)
        .instantiate(Store::new(&engine, ()), &module)
        .unwrap_err();
    assert!(error.is::<LinkError>());
    assert!(matches!(error.downcast(), Ok(LinkError::Graph(_))));
}

#[test]
fn the_trap_of_a_dependency_that_does_not_start_is_the_root_cause() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    let library = br#"(module (func $f unreachable) (start $f) (func (export "f")))"#;
    linker.set_reader(MemoryReader::new().with("library", library.as_slice()));
    let text = r#"(module (import "library" "f" (func)))"#;
    let app = Module::new(&engine, text).unwrap();
    let error = linker
        .instantiate(Store::new(&engine, ()), &app)
        .unwrap_err();
    assert_eq!(error.trap().unwrap().code(), TrapCode::Unreachable);
    assert!(error.root_cause().is::<Trap>() && error.is::<LinkError>());
}

#[test]
fn errors_pass_through_nested_calls() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap(
        "host",
        "print",
        |mut caller: Caller<'_, ()>| -> Result<()> {
            let again = caller.get_export("fails").and_then(Extern::into_func);
            let again = again.context("the guest exports no `fails`")?;
            again.typed::<(), ()>(&caller)?.call(&mut caller, ())
        },
    )?;
    let text = r#"(module
        (import "host" "print" (func $print))
        (func (export "fails") unreachable)
        (func (export "page") (call $print)))"#;
    let module = Module::new(&engine, text)?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let page = instance.get_typed_func::<(), ()>(&store, "page")?;
    let error = page.call(&mut store, ()).unwrap_err();
    let trap = error.trap().unwrap();
    assert_eq!(trap.code(), TrapCode::Unreachable);
    assert_eq!(trap.frames().len(), 2, "{trap}");
    Ok(())
}
