//! Loading ends at the deadline: reading, validation, text, linking; each is given what takes as long
//! as it can, and ends long before that.

use std::time::{Duration, Instant};

use holdall::{Config, Engine, Error, Limits, Linker, MemoryReader, Module, Store, TrapCode};

/// What a test build may need on a busy machine for what is to end within a tenth of a second.
const SOON: Duration = Duration::from_secs(10);

fn engine(timeout: Duration) -> Engine {
    let config = Config::new().metering(true);
    Engine::new(config.limits(Limits::new().timeout(timeout)))
}

fn ends(what: &str, work: impl FnOnce(&Engine) -> Result<(), Error>) {
    let engine = engine(Duration::from_millis(100));
    let start = Instant::now();
    let error = work(&engine).expect_err(what);
    let trap = error.trap().unwrap_or_else(|| panic!("{what}: {error}"));
    assert_eq!(trap.code(), TrapCode::DeadlineExceeded, "{what}");
    let text = trap.to_string();
    assert!(text.contains("`Limits::timeout`"), "{what}: {text}");
    assert!(start.elapsed() < SOON, "{what}: {:?}", start.elapsed());
}

fn leb(mut number: usize, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// A list of `count` entries.
fn list(count: usize, mut entry: impl FnMut(usize, &mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    leb(count, &mut bytes);
    (0..count).for_each(|at| entry(at, &mut bytes));
    bytes
}

fn module(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for (id, contents) in sections {
        bytes.push(*id);
        leb(contents.len(), &mut bytes);
        bytes.extend(contents);
    }
    bytes
}

/// A module of one function of no type, with types from nothing to nothing and from 1,000 values to
/// 1,000 values.
fn function(body: &[u8]) -> Vec<u8> {
    let types = list(2, |at, bytes| {
        bytes.push(0x60);
        for _ in 0..2 {
            bytes.extend(list(1_000 * at, |_, bytes| bytes.push(0x7f)));
        }
    });
    let code = list(1, |_, bytes| {
        leb(body.len() + 1, bytes);
        bytes.push(0);
        bytes.extend(body);
    });
    module(&[(1, types), (3, vec![1, 0]), (10, code)])
}

#[test]
fn validation_of_whatever_body_ends_at_the_deadline() {
    let thousand = [0x41, 0].repeat(1_000);
    let ends_in = |what: &str, head: &[u8], repeated: &[u8], times: usize, tail: &[u8]| {
        let body = [&thousand, head, &repeated.repeat(times), tail].concat();
        ends(what, |engine| {
            Module::new(engine, function(&body)).map(drop)
        });
    };
    let mut table = vec![0x02, 1, 0x41, 0, 0x0e];
    leb(3_000_000, &mut table);
    ends_in(
        "a br_table of many operands",
        &table,
        &[0],
        3_000_001,
        &[0x0b, 0x0b],
    );
    ends_in(
        "loops with many parameters",
        &[],
        &[0x03, 1, 0x0b],
        2_000_000,
        &[0x0b],
    );
    let branch = [0x02, 1];
    ends_in(
        "branches with many operands",
        &branch,
        &[0x41, 0, 0x0d, 0],
        1_500_000,
        &[0x0b, 0x0b],
    );
}

#[test]
fn validation_of_many_bodies_ends_at_the_deadline() {
    let types = list(1, |_, bytes| {
        bytes.push(0x60);
        bytes.extend(list(1_000, |_, bytes| bytes.push(0x7f)));
        bytes.push(0);
    });
    let functions = list(400_000, |_, bytes| bytes.push(0));
    let bodies = list(400_000, |_, bytes| bytes.extend([2, 0, 0x0b]));
    let bytes = module(&[(1, types), (3, functions), (10, bodies)]);
    ends("many functions", |engine| {
        Module::new(engine, &bytes).map(drop)
    });
    ends("many functions", |engine| Module::validate(engine, &bytes));
}

#[test]
fn sections_of_many_entries_end_at_the_deadline() {
    let types = list(600_000, |at, bytes| {
        bytes.extend([0x60, 20]);
        bytes.extend((0..20).map(|bit| 0x7e + (at >> bit & 1) as u8));
        bytes.push(0);
    });
    let one_type = (1, vec![1, 0x60, 0, 0]);
    let imports = list(450_000, |at, bytes| {
        let name = at.to_string();
        bytes.extend([0, name.len() as u8]);
        bytes.extend(name.bytes());
        bytes.extend([0, 0]);
    });
    let elements = list(1, |_, bytes| {
        bytes.extend([5, 0x70]);
        bytes.extend(list(3_000_000, |_, bytes| bytes.extend([0xd2, 0, 0x0b])));
    });
    let globals = list(900_000, |_, bytes| bytes.extend([0x7f, 0, 0x41, 0, 0x0b]));
    let one_function = [(3, vec![1, 0]), (10, vec![1, 2, 0, 0x0b])];
    let [function, code] = one_function;
    for (what, sections) in [
        ("types", vec![(1, types)]),
        ("imports", vec![one_type.clone(), (2, imports)]),
        ("globals", vec![(6, globals)]),
        ("elements", vec![one_type, function, (9, elements), code]),
    ] {
        let bytes = module(&sections);
        ends(what, |engine| Module::new(engine, &bytes).map(drop));
    }
}

#[test]
fn text_ends_at_the_deadline() {
    let blocks = |count: usize, name: &str, end: &str| {
        let open = format!("block $b{name} ").repeat(count);
        let uses = "br $b ".repeat(count);
        format!(
            "(module (func block $b {open} {uses} {}))",
            end.repeat(count + 1)
        )
    };
    let folded = "(block $x ".repeat(50_000);
    let folded = format!(
        "(module (func (block $b {folded} {} {}",
        "(br $b)".repeat(50_000),
        ")".repeat(50_003)
    );
    for (what, text) in [
        ("labels", blocks(50_000, "x", "end ")),
        ("folded labels", folded),
        (
            "labels after comments",
            blocks(50_000, "x", "(; end ;) ;; end\n end "),
        ),
        (
            "many functions",
            format!("(module {})", "(func (param i32) nop)".repeat(200_000)),
        ),
        (
            "many comments",
            format!("{}(module)", "(;;)".repeat(3_000_000)),
        ),
    ] {
        ends(what, |engine| Module::new(engine, &text).map(drop));
    }
    // There is time for texts that people write.
    let text = blocks(300, "", "end ");
    Module::new(&engine(Duration::from_secs(3600)), &text).unwrap();
}

#[test]
fn a_linker_loads_under_the_deadline_and_the_interruption_of_its_store() {
    let engine = Engine::new(Config::new().metering(true));
    let thousand = [0x41, 0].repeat(1_000);
    let slow = function(&[&thousand[..], &[0x03, 1, 0x0b].repeat(2_000_000), &[0x0b]].concat());
    let root = r#"(module (import "slow" "f" (func)))"#;
    let root = Module::new(&engine, root).unwrap();
    for (code, way_out) in [
        (TrapCode::DeadlineExceeded, "`Limits::timeout`"),
        (TrapCode::Interrupted, "an `InterruptHandle`"),
    ] {
        let mut linker = Linker::new(&engine);
        linker.set_reader(MemoryReader::new().with("slow", slow.clone()));
        let mut store = Store::new(&engine, ());
        let handle = store.interrupt_handle().unwrap();
        let start = Instant::now();
        std::thread::scope(|scope| {
            if code == TrapCode::Interrupted {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(50));
                    handle.interrupt();
                });
            } else {
                store
                    .limits(Limits::new().timeout(Duration::from_millis(50)))
                    .unwrap();
            }
            let error = linker.instantiate(&mut store, &root).unwrap_err();
            assert_eq!(error.trap().map(|trap| trap.code()), Some(code), "{error}");
            let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
            let text = chain.join(": ");
            assert!(
                text.contains("module \"slow\"") && text.contains(way_out),
                "{text}"
            );
        });
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
        // Of the same engine, a store without a deadline has no part in it.
        let mut store = Store::new(&engine, ());
        let plain = Module::new(&engine, "(module)").unwrap();
        Linker::new(&engine)
            .instantiate(&mut store, &plain)
            .unwrap();
    }
}
