//! Modules that are made to do harm.

use std::fmt::Write as _;
use std::time::Duration;

use holdall::{Config, Engine, Limits, Linker, Module, Store, TrapCode};

use crate::{check, gives, throws};

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = Module::new(&Engine::default(), text)
        .unwrap_err()
        .to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn malformed_tags_and_labels_are_refused() {
    refused("(module (tag (result i32)))", "non-empty tag result type");
    refused("(module (type (struct)) (tag (type 0)))", "");
    refused("(module (func (throw 0)))", "unknown tag 0");
    refused("(module (func (try_table (catch 0 0))))", "unknown tag 0");
    refused(
        "(module (tag) (func (try_table (catch 0 9))))",
        "unknown label",
    );
    refused(
        "(module (tag (param i32)) (func (try_table (catch 0 0))))",
        "type mismatch",
    );
    refused("(module (func try  delegate 7))", "unknown label");
    refused("(module (func (rethrow 0)))", "");
    refused("(module (func (block try  catch_all (rethrow 1) end)))", "");
    refused("(module (export \"t\" (tag 0)))", "unknown tag 0");
    // A tag of a type that is not there, and a kind of tag that is not there.
    for section in [b"\x0d\x03\x01\0\x07", b"\x0d\x03\x01\x01\0"] {
        let bytes = [&b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0"[..], section].concat();
        Module::new(&Engine::default(), bytes).unwrap_err();
    }
}

#[test]
fn tags_match_by_identity_and_type_when_modules_are_linked() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let exporter = Module::new(
        &engine,
        r#"(module (tag (export "t") (param i32)) (func (export "f")))"#,
    );
    linker.module(&mut store, "m", &exporter.unwrap()).unwrap();
    for (import, expected) in [
        (
            r#"(tag (param i64))"#,
            "expected (tag (param i64)), found (tag (param i32))",
        ),
        (r#"(func)"#, "expected (func), found (tag (param i32))"),
    ] {
        let text = format!(r#"(module (import "m" "t" {import}))"#);
        let module = Module::new(&engine, text).unwrap();
        let error = linker
            .instantiate(&mut store, &module)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
    // Two instances of a module have two tags.
    let own = r#"(module $own (tag $t (export "t")) (func (export "throws") (throw $t)))"#;
    let own = Module::new(&engine, own).unwrap();
    let [one, other] = [(); 2].map(|()| holdall::Instance::new(&mut store, &own, &[]).unwrap());
    let catches = Module::new(
        &engine,
        r#"(module (import "" "t" (tag $t)) (import "" "throws" (func $throws))
            (func (export "f") (result i32)
                try (result i32) (call $throws) (i32.const 0) catch $t (i32.const 1) catch_all (i32.const 2) end))"#,
    )
    .unwrap();
    for (thrower, expected) in [(one, 1), (other, 2)] {
        let tag = one.get_tag(&store, "t").unwrap();
        let func = thrower.get_func(&store, "throws").unwrap();
        let instance =
            holdall::Instance::new(&mut store, &catches, &[tag.into(), func.into()]).unwrap();
        let f = instance.get_typed_func::<(), i32>(&mut store, "f").unwrap();
        assert_eq!(f.call(&mut store, ()).unwrap(), expected);
    }
}

#[test]
fn as_many_nested_tries_as_blocks_may_be_nested() {
    let depth = if cfg!(miri) { 100 } else { 20_000 };
    for (open, close) in [
        ("(try_table (catch $b 0) ", ")"),
        ("try ", " catch $b end "),
        ("try ", " delegate 0 "),
    ] {
        let mut text = String::from(
            r#"(module $m (tag $a) (tag $b) (func (export "f") (param i32) (result i32)
                (block $caught (try_table (catch $a $caught) "#,
        );
        for _ in 0..depth {
            text.push_str(open);
        }
        text.push_str("(if (local.get 0) (then (throw $a)))");
        for _ in 0..depth {
            text.push_str(close);
        }
        text.push_str(") (return (i32.const 1))) (i32.const 2)))");
        check(&text, &[("f", 0, gives(1)), ("f", 1, gives(2))]);
    }
}

#[test]
fn very_many_nested_tries_are_lowered_and_searched() {
    let depth = if cfg!(miri) { 100 } else { 99_000 };
    // In the binary format: the text format's reader refuses blocks that are nested so deep.
    let mut body = vec![0];
    for _ in 0..depth {
        // try_table (catch_all_ref is not taken: catch tag 1 to label 0)
        body.extend([0x1f, 0x40, 1, 0, 1, 0]);
    }
    body.extend([0x08, 0]);
    body.extend(std::iter::repeat_n(0x0b, depth + 1));
    let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0d\x05\x02\0\0\0\0\x07\x05\x01\x01f\0\0".to_vec();
    let mut code = vec![1];
    leb(&mut code, body.len());
    code.extend(body);
    bytes.push(0x0a);
    leb(&mut bytes, code.len());
    bytes.extend(code);
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(&engine, bytes).unwrap();
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap();
    let f = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
    let error = f.call(&mut store, ()).unwrap_err();
    assert!(error.exception().is_some(), "{error}");
}

fn leb(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[test]
fn a_throw_pays_for_the_frames_and_clauses_that_it_looks_at() {
    let mut text = String::from(
        r#"(module (tag $a) (tag $b)
            (func $down (param i32)
                (if (i32.eqz (local.get 0)) (then (throw $a)))
                (call $down (i32.sub (local.get 0) (i32.const 1))))
            (func (export "f") (param i32) (result i32) (block $end "#,
    );
    for _ in 0..1_000 {
        text.push_str("(try_table (catch $b $end) ");
    }
    text.push_str("(try_table (catch $b $end) (call $down (i32.const 1000)))");
    text.push_str(&")".repeat(1_000));
    text.push_str(") (i32.const 0)))");
    let spent = |name: &str| {
        let limits = Limits::new().fuel(1 << 30);
        let engine = Engine::new(Config::new().metering(true).limits(limits));
        let mut store = Store::new(&engine, ());
        let module = Module::new(&engine, name).unwrap();
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap();
        let f = instance
            .get_typed_func::<i32, i32>(&mut store, "f")
            .unwrap();
        let before = store.fuel().unwrap();
        let _ = f.call(&mut store, 0);
        before - store.fuel().unwrap()
    };
    let thrown = spent(&text);
    let trapped = spent(&text.replace("(throw $a)", "unreachable"));
    let walked = thrown - trapped;
    assert!((2_000..2_100).contains(&walked), "{walked}");
    // Also where the last of them catches.
    let caught = spent(&text.replacen("(catch $b $end)", "(catch $a $end)", 1));
    assert!(
        ((thrown - 10)..=thrown).contains(&caught),
        "{caught} of {thrown}"
    );
}

#[test]
fn a_guest_that_throws_without_end_ends_at_its_deadline() {
    let limits = Limits::new().timeout(Duration::from_millis(50));
    let engine = Engine::new(Config::new().metering(true).limits(limits));
    let mut store = Store::new(&engine, ());
    let module = Module::new(
        &engine,
        r#"(module (tag $a) (func (export "f") (loop $again (try_table (catch $a $again) (throw $a)))))"#,
    )
    .unwrap();
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap();
    let f = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
    let error = f.call(&mut store, ()).unwrap_err();
    assert_eq!(error.trap().unwrap().code(), TrapCode::DeadlineExceeded);
}

#[test]
fn long_functions_and_large_frames_have_their_handlers_where_they_belong() {
    // Branches that need the long form, so that the function is lowered again.
    let mut text = String::from(
        r#"(module $m (tag $a (param i32)) (func (export "f") (param i32) (result i32) (local i32)
            (block $far (br_if $far (i32.gt_u (local.get 0) (i32.const 100)))"#,
    );
    for at in 0..3_000 {
        let _ = write!(
            text,
            "try (if (i32.eq (local.get 0) (i32.const {at})) (then (throw $a (i32.const {at}))))
                catch $a (local.set 1 (i32.add (i32.const 1))) end
             (i32.store8 (i32.const {at}) (i32.add (i32.mul (local.get 0) (i32.const 70000)) (i32.const 1)))"
        );
    }
    text.push_str(") (local.get 1)) (memory 1))");
    check(
        &text,
        &[
            ("f", 7, gives(8)),
            ("f", 99, gives(100)),
            ("f", 101, gives(0)),
        ],
    );

    // Operands in slots beyond 16 bits.
    let many = 66_000;
    let mut text = String::from(
        r#"(module $m (tag $a (param i32)) (func (export "f") (param i32) (result i32)"#,
    );
    text.push_str(&"(local.get 0) ".repeat(many));
    text.push_str(
        "try (result i32) (throw $a (i32.const 5)) catch $a (if (i32.eqz (local.get 0)) (then (rethrow 1))) end",
    );
    text.push_str(&"(i32.xor) ".repeat(many));
    text.push_str("))");
    check(
        &text,
        &[("f", 3, gives(5)), ("f", 0, throws("m!a with 0x5:i32"))],
    );
}
