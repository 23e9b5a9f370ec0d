//! What a module may hold: each bound is met when the module is made, in both ways of lowering.

use holdall::{
    Config, Engine, ErrorKind, Limits, LinkError, Linker, MemoryReader, Module, ModuleError, Store,
};

use crate::LOWERINGS;

/// Asserts that a module is taken under the first limits, and refused under the second with a text
/// that has `part`, however it is lowered, and by the validation alone.
fn check(text: &str, taken: Limits, refused: Limits, part: &str) {
    for lowering in LOWERINGS {
        let engine =
            |limits: &Limits| Engine::new(Config::new().lowering(lowering).limits(limits.clone()));
        let bytes = text.as_bytes().to_vec();
        Module::new(&engine(&taken), bytes.clone()).expect(part);
        Module::validate(&engine(&taken), &bytes).expect(part);
        let engine = engine(&refused);
        for error in [
            Module::new(&engine, bytes.clone()).expect_err(part),
            Module::validate(&engine, &bytes).expect_err(part),
        ] {
            let is_limit = matches!(error.kind(), ErrorKind::Module(ModuleError::Limit { .. }));
            let text = error.to_string();
            assert!(
                is_limit && text.contains(part),
                "expected {part:?}, found: {text}"
            );
        }
    }
}

#[test]
fn bytes_of_a_module() {
    let text = "(module (func (nop) (nop) (nop) (nop)))";
    check(
        text,
        Limits::new().module_bytes(text.len()),
        Limits::new().module_bytes(text.len() - 1),
        "limit `module_bytes` of the engine: 38 bytes of a module allowed, 39 asked for; raise it \
         with `Limits::module_bytes` in `Config::limits`",
    );
}

#[test]
fn functions_of_a_module() {
    check(
        r#"(module (import "a" "b" (func)) (func) (func))"#,
        Limits::new().functions(3),
        Limits::new().functions(2),
        "limit `functions` of the engine: 2 functions of a module allowed, 3 asked for",
    );
}

#[test]
fn locals_of_a_function() {
    check(
        "(module (func) (func (param i32) (local i64 i64)))",
        Limits::new().locals(3),
        Limits::new().locals(2),
        "function 1: limit `locals` of the engine: 2 locals of a function allowed, 3 asked for",
    );
}

#[test]
fn nested_blocks_of_a_function() {
    check(
        "(module (func (block (loop)) (if (i32.const 0) (then (nop)))))",
        Limits::new().nesting(2),
        Limits::new().nesting(1),
        "function 0: limit `nesting` of the engine: 1 nested blocks of a function allowed, 2 asked",
    );
    // What cannot be reached is nested too.
    check(
        "(module (func unreachable (block (block))))",
        Limits::new().nesting(2),
        Limits::new().nesting(1),
        "`nesting`",
    );
}

/// Deeper than the default, which nothing but the default forbids.
#[test]
fn a_bound_can_be_raised() {
    let depth = 150_000;
    let mut body = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0".to_vec();
    let mut code = vec![0];
    code.extend([0x02, 0x40].repeat(depth));
    code.extend(vec![0x0b; depth + 1]);
    let leb = |n: usize| [n & 0x7f | 0x80, n >> 7 & 0x7f | 0x80, n >> 14].map(|byte| byte as u8);
    body.push(10);
    body.extend(leb(code.len() + 4));
    body.push(1);
    body.extend(leb(code.len()));
    body.extend(code);
    for lowering in LOWERINGS {
        let config = Config::new().lowering(lowering);
        Module::new(&Engine::new(config.clone()), body.clone()).unwrap_err();
        let limits = Limits::new().nesting(depth);
        let module = Module::new(&Engine::new(config.limits(limits)), body.clone());
        module.unwrap().disassemble(0).unwrap();
    }
}

#[test]
fn modules_of_a_graph() {
    let reader = || {
        MemoryReader::new()
            .with("a", br#"(module (import "b" "f" (func)))"#.as_slice())
            .with("b", br#"(module (func (export "f")))"#.as_slice())
    };
    let root = br#"(module (import "b" "f" (func)) (import "a" "m" (memory 0)))"#;
    for (modules, fits) in [(2, true), (1, false)] {
        let engine = Engine::new(Config::new().limits(Limits::new().modules(modules)));
        let mut linker = Linker::<()>::new(&engine);
        linker.set_reader(reader());
        let loaded = linker.load("a");
        assert_eq!(loaded.is_ok(), fits, "{loaded:?}");
        if let Err(error) = loaded {
            assert!(
                matches!(error.kind(), ErrorKind::Link(LinkError::Graph(_))),
                "{error}"
            );
            assert_eq!(
                error.to_string(),
                "module \"b\" would be one too many in its graph (a -> b): limit `modules` of the \
                 engine: 1 modules of a graph allowed; raise it with `Limits::modules` in \
                 `Config::limits`"
            );
            let root = Module::new(&engine, root.as_slice()).unwrap();
            let mut store = Store::new(&engine, ());
            linker.instantiate(&mut store, &root).unwrap_err();
        }
    }
}
