//! What is recorded comes out of a replay: of hosts of all kinds, at all ends, and with another module up to where
//! it differs.

use std::time::Duration;

use holdall::{
    Caller, Config, Engine, Extern, Instance, Limits, Linker, Memory, MemoryType, Module, Store,
    TrapCode,
};
use holdall_record::{DivergenceKind, Ended, Outcome, Recorder, Recording, ReplayError};
use holdall_wasi::{Grants, Output, Wasi};

/// What is recorded while `run` uses a new store.
fn record<R>(config: Config, run: impl FnOnce(&Engine, &mut Store<()>) -> R) -> (Recording, R) {
    let engine = Engine::new(config);
    let mut store = Store::new(&engine, ());
    let recorder = Recorder::new(&mut store, Vec::new());
    let recorded = recorder.with_modules(true).start().unwrap();
    let result = run(&engine, &mut store);
    let recording = Recording::from_bytes(recorded.finish().unwrap()).unwrap();
    assert!(recording.is_complete());
    (recording, result)
}

#[track_caller]
fn replay(recording: &Recording) -> Outcome {
    let outcome = recording.replay().run().unwrap();
    assert_eq!(outcome.end, Ended::Run);
    assert_eq!(outcome.host_calls, recording.calls());
    outcome
}

/// Three modules, two of which write to standard output, each with its own grants.
fn graph(engine: &Engine, store: &mut Store<()>) -> holdall::Result<()> {
    let writer = |text: &str, more: &str| {
        format!(
            r#"(module
            (import "wasi_snapshot_preview1" "fd_write"
                (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "clock_time_get"
                (func $now (param i32 i64 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "\10\00\00\00\08\00\00\00")
            (data (i32.const 16) "{text}")
            (func $say (export "say") (result i64)
                (drop (call $random (i32.const 16) (i32.const 2)))
                (drop (call $now (i32.const 0) (i64.const 1) (i32.const 32)))
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
                (i64.load (i32.const 32)))
            {more})"#
        )
    };
    let mut linker = Linker::new(engine);
    let (_, stdout) = Output::capture();
    let grants = || Grants::new().stdout(stdout.clone()).clocks().random();
    holdall_wasi::add_to_linker(&mut linker, Wasi::new(grants()).grant("lib", grants()));
    linker.register(
        "lib",
        &Module::new(engine, writer("__ library", "").into_bytes())?,
    )?;
    let math = r#"(module (import "lib" "say" (func $say (result i64)))
        (func (export "twice") (result i64) (i64.mul (call $say) (i64.const 2))))"#;
    linker.register("math", &Module::new(engine, math.as_bytes())?)?;
    let app = writer(
        "__ app...",
        r#"(import "math" "twice" (func $twice (result i64)))
        (func (export "_start")
            (drop (call $twice))
            (drop (call $say))
            (call $exit (i32.wrap_i64 (i64.and (call $twice) (i64.const 6)))))"#,
    );
    // Imports come first.
    let (imports, rest) = app.split_once("(memory").unwrap();
    let (rest, more) = rest.split_once(r#"(import "math""#).unwrap();
    let (import, more) = more.split_once("\n").unwrap();
    let app = format!(r#"{imports}(import "math"{import}(memory{rest}{more}"#);
    let app = Module::new(engine, app.into_bytes())?;
    linker.register("app", &app)?;
    let instance = linker.instantiate(&mut *store, &app)?;
    let start = instance.get_typed_func::<(), ()>(&*store, "_start")?;
    start.call(&mut *store, ())
}

#[test]
fn a_graph_comes_to_the_same_output_exit_and_fuel() {
    let config = Config::new()
        .metering(true)
        .limits(Limits::new().fuel(1_000_000));
    let (recording, (error, fuel)) = record(config, |engine, store| {
        (graph(engine, store).unwrap_err(), store.fuel().unwrap())
    });
    assert_eq!(recording.modules().len(), 3);
    let outcome = replay(&recording);
    assert_eq!(outcome.exit_code(), error.exit_code());
    assert_eq!(outcome.fuel, Some(1_000_000 - fuel));
    assert_eq!(outcome.stdout.len(), 3 * 8);
    assert!(outcome.stdout[2..].starts_with(b" libra"));
}

#[test]
fn a_recording_that_is_cut_off_replays_up_to_there() {
    let (recording, _) = record(Config::new(), |engine, store| graph(engine, store).is_err());
    let all = replay(&recording);
    let mut lines = Vec::new();
    recording.show(|line| {
        lines.push(line.to_owned());
        true
    });
    assert!(
        lines.iter().any(|line| line
            .starts_with("#1 lib -> wasi_snapshot_preview1.random_get(buf=0x10, buf_len=2)")),
        "{lines:#?}"
    );
    for calls in 0..recording.calls() {
        let cut = Recording::from_bytes(recording.until(calls)).unwrap();
        assert_eq!(cut.calls(), calls);
        assert!(!cut.is_complete());
        let outcome = cut.replay().run().unwrap();
        assert_eq!((outcome.end, outcome.host_calls), (Ended::Recording, calls));
        assert!(all.stdout.starts_with(&outcome.stdout));
        let until = recording.replay().until(calls).run().unwrap();
        assert_eq!((until.end, until.host_calls), (Ended::Until, calls));
        assert_eq!(until.stdout, outcome.stdout);
    }
}

/// Calls back, grows memory and changes it in all ways that a host has.
const PLUGIN: &str = r#"(module
    (import "host" "fill" (func $fill (param i32 i32)))
    (import "host" "memory" (memory $other 1 4))
    (memory (export "memory") 1 4)
    (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
    (func (export "trap") (unreachable))
    (func (export "sum") (result i32)
        (call $fill (i32.const 100) (i32.const 5))
        (i32.add
            (i32.add (i32.load $other (i32.const 0)) (i32.load 1 (i32.const 100)))
            (i32.add (memory.size 1) (i32.load 1 (i32.const 65536))))))"#;

fn host(engine: &Engine, store: &mut Store<()>) -> holdall::Result<i32> {
    let other = Memory::new(&mut *store, MemoryType::new(1, Some(4)))?;
    other.write(&mut *store, 0, &[1, 0, 0, 0])?;
    let module = Module::new(engine, PLUGIN.as_bytes())?;
    let fill = |mut caller: Caller<'_, ()>, at: u32, n: u32| -> anyhow::Result<()> {
        let get = |caller: &Caller<'_, ()>, name| caller.get_export(name);
        let Some(Extern::Memory(memory)) = get(&caller, "memory") else {
            anyhow::bail!("no memory")
        };
        let Some(Extern::Func(double)) = get(&caller, "double") else {
            anyhow::bail!("no function")
        };
        let Some(Extern::Func(trap)) = get(&caller, "trap") else {
            anyhow::bail!("no function")
        };
        memory.data_mut(&mut caller)[at as usize] = n as u8;
        memory.grow(&mut caller, 1)?;
        memory.write(&mut caller, 65536, &[7, 0, 0, 0])?;
        let double = double.typed::<i32, i32>(&caller)?;
        let doubled = double.call(&mut caller, n as i32)?;
        memory.data_mut(&mut caller)[at as usize + 1] = doubled as u8;
        // The trap is caught.
        trap.call(&mut caller, &[], &mut []).unwrap_err();
        Ok(())
    };
    let fill = holdall::Func::wrap(&mut *store, fill);
    let imports = [fill.into(), other.into()];
    let instance = Instance::new(&mut *store, &module, &imports)?;
    let sum = instance.get_typed_func::<(), i32>(&*store, "sum")?;
    sum.call(&mut *store, ())
}

#[test]
fn a_host_that_writes_grows_and_calls_back_does_it_again() {
    let (recording, result) = record(Config::new(), |engine, store| host(engine, store).unwrap());
    assert_eq!(result, 1 + 5 + (10 << 8) + 2 + 7);
    let outcome = replay(&recording);
    assert_eq!(outcome.results("sum"), Some(&*format!("{result:#x}:i32")));
}

const NESTED: &str = r#"(module
    (import "host" "again" (func $again (param i32)))
    (func (export "run") (param i32)
        (if (i32.eqz (local.get 0)) (then unreachable))
        (call $again (i32.sub (local.get 0) (i32.const 1)))))"#;

#[test]
fn an_error_that_the_host_passes_on_keeps_its_calls() {
    let (recording, error) = record(Config::new(), |engine, store| {
        let mut linker = Linker::new(engine);
        linker
            .func_wrap("host", "again", |mut caller: Caller<'_, ()>, n: i32| {
                let run = caller
                    .get_export("run")
                    .and_then(Extern::into_func)
                    .unwrap();
                run.typed::<i32, ()>(&caller)?.call(&mut caller, n)
            })
            .unwrap();
        let module = Module::new(engine, NESTED.as_bytes()).unwrap();
        let instance = linker.instantiate(&mut *store, &module).unwrap();
        let run = instance.get_typed_func::<i32, ()>(&*store, "run").unwrap();
        run.call(&mut *store, 3).unwrap_err()
    });
    let found = replay(&recording).error.unwrap();
    assert_eq!(found.to_string(), error.to_string());
    assert_eq!(
        found.trap().unwrap().frames().len(),
        error.trap().unwrap().frames().len()
    );
}

#[test]
fn a_host_error_comes_with_its_text() {
    let (recording, error) = record(Config::new(), |engine, store| {
        let mut linker = Linker::new(engine);
        linker
            .func_wrap("host", "again", |_: i32| -> anyhow::Result<()> {
                Err(anyhow::anyhow!("no ink").context("cannot print"))
            })
            .unwrap();
        let module = Module::new(engine, NESTED.as_bytes()).unwrap();
        let instance = linker.instantiate(&mut *store, &module).unwrap();
        let run = instance.get_typed_func::<i32, ()>(&*store, "run").unwrap();
        run.call(&mut *store, 3).unwrap_err()
    });
    let found = replay(&recording).error.unwrap();
    assert_eq!(
        format!("{:#}", anyhow::Error::from(found)),
        format!("{:#}", anyhow::Error::from(error))
    );
}

const SPIN: &str = r#"(module
    (import "host" "tick" (func $tick (param i32)))
    (func (export "spin") (local $n i32)
        (loop $forever
            (if (i32.lt_u (local.get $n) (i32.const 10)) (then (call $tick (local.get $n))))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br $forever))))"#;

/// Calls what spins, with a deadline that is `time` away if there is to be one; the last call of the host waits.
fn spin(
    engine: &Engine,
    store: &mut Store<()>,
    time: Option<Duration>,
    wait: Duration,
) -> holdall::Error {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap("host", "tick", move |n: i32| {
            if n == 9 {
                std::thread::sleep(wait);
            }
        })
        .unwrap();
    let module = Module::new(engine, SPIN.as_bytes()).unwrap();
    let instance = linker.instantiate(&mut *store, &module).unwrap();
    let spin = instance.get_typed_func::<(), ()>(&*store, "spin").unwrap();
    if let Some(time) = time {
        store.limits(Limits::new().timeout(time)).unwrap();
    }
    spin.call(&mut *store, ()).unwrap_err()
}

#[test]
fn a_deadline_ends_a_replay_where_it_ended_the_run() {
    let time = Some(Duration::from_millis(20));
    for wait in [Duration::ZERO, Duration::from_millis(30)] {
        let config = Config::new().metering(true);
        let (recording, (error, left)) = record(config, |engine, store| {
            (spin(engine, store, time, wait), store.fuel().unwrap())
        });
        let outcome = replay(&recording);
        let trap = outcome.trap().unwrap();
        assert_eq!(trap.code(), TrapCode::DeadlineExceeded);
        assert_eq!(trap.to_string(), error.trap().unwrap().to_string());
        assert_eq!(outcome.fuel, Some(u64::MAX - left));
    }
}

#[test]
fn fuel_that_is_used_up_ends_a_replay_too() {
    let config = Config::new()
        .metering(true)
        .limits(Limits::new().fuel(12_345));
    let (recording, error) = record(config, |engine, store| {
        spin(engine, store, None, Duration::ZERO)
    });
    let outcome = replay(&recording);
    assert_eq!(
        outcome.trap().unwrap().to_string(),
        error.trap().unwrap().to_string()
    );
    assert_eq!(outcome.fuel, Some(12_345));
}

#[track_caller]
fn diverges(recording: &Recording, module: &str, kind: DivergenceKind, said: &[&str]) {
    let error = recording
        .replay()
        .root(module.as_bytes())
        .run()
        .unwrap_err();
    let ReplayError::Diverged(divergence) = &error else {
        panic!("{error}")
    };
    assert_eq!(divergence.kind, kind, "{divergence}");
    let text = error.to_string();
    for part in said {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

#[test]
fn another_module_is_told_where_it_leaves_the_recording() {
    const ASKS: &str = r#"(module
        (import "host" "add" (func $add (param i32 i32) (result i32)))
        (import "host" "log" (func $log (param i32 i32)))
        (memory (export "memory") 1)
        (data (i32.const 8) "text")
        (func (export "run") (result i32)
            (drop (call $add (i32.const 1) (i32.const 2)))
            (call $log (i32.const 8) (i32.const 4))
            (call $add (i32.const 3) (i32.const 4))))"#;
    let (recording, ()) = record(Config::new(), |engine, store| {
        let mut linker = Linker::new(engine);
        linker
            .func_wrap("host", "add", |a: i32, b: i32| a + b)
            .unwrap();
        linker
            .func_wrap("host", "log", |_: i32, _: i32| ())
            .unwrap();
        let module = Module::new(engine, ASKS.as_bytes()).unwrap();
        let instance = linker.instantiate(&mut *store, &module).unwrap();
        let run = instance.get_typed_func::<(), i32>(&*store, "run").unwrap();
        assert_eq!(run.call(&mut *store, ()).unwrap(), 7);
    });
    // What asks for the same may be another module.
    let same = ASKS.replace("(memory", "(func (export \"more\")) (memory");
    let outcome = recording.replay().root(same.into_bytes()).run().unwrap();
    assert_eq!(outcome.results("run"), Some("0x7:i32"));

    diverges(
        &recording,
        &ASKS.replace("(i32.const 3)", "(i32.const 5)"),
        DivergenceKind::Call,
        &[
            "at call 3",
            "recorded: <unnamed> -> host.add(0x3:i32, 0x4:i32)",
            "found:    <unnamed> -> host.add(0x5:i32, 0x4:i32)",
            "1 call of the recording was not used",
            "is not the recorded one",
        ],
    );
    diverges(
        &recording,
        &ASKS.replace("(call $log (i32.const 8) (i32.const 4))", ""),
        DivergenceKind::Call,
        &[
            "at call 2",
            "recorded: <unnamed> -> host.log(",
            "found:    <unnamed> -> host.add(",
        ],
    );
    diverges(
        &recording,
        &ASKS.replace("(call $add (i32.const 3) (i32.const 4))", "(i32.const 7)"),
        DivergenceKind::End,
        &[
            "recorded: <unnamed> -> host.add(",
            "found:    <unnamed>!run() ended: (0x7:i32)",
        ],
    );
    diverges(
        &recording,
        &ASKS
            .replace("(memory", "(import \"host\" \"new\" (func $new)) (memory")
            .replace("(call $log", "(call $new) (call $log"),
        DivergenceKind::Call,
        &["at call 2", "\"host\".\"new\"", "which was not imported"],
    );
    diverges(
        &recording,
        &ASKS.replace("(memory", "(import \"host\" \"m\" (memory $m 1)) (memory"),
        DivergenceKind::Import,
        &["import \"host\".\"m\""],
    );
    diverges(
        &recording,
        &ASKS.replace("\"run\"", "\"walk\""),
        DivergenceKind::Call,
        &["no exported function \"run\""],
    );
    // Not a module, and no module at all.
    let error = recording
        .replay()
        .root(*b"\0asm\x01\0\0\0\xff")
        .run()
        .unwrap_err();
    assert!(matches!(error, ReplayError::Module { .. }), "{error}");
}

#[test]
fn what_is_written_is_compared() {
    let run = |text: &str| {
        format!(
            r#"(module
            (import "wasi_snapshot_preview1" "fd_write"
                (func $write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "\10\00\00\00\03\00\00\00")
            (data (i32.const 16) "{text}")
            (func (export "_start")
                (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#
        )
    };
    let (recording, ()) = record(Config::new(), |engine, store| {
        let mut linker = Linker::new(engine);
        let wasi = Wasi::new(Grants::new().stdout(Output::capture().1));
        holdall_wasi::add_to_linker(&mut linker, wasi);
        let module = Module::new(engine, run("one").into_bytes()).unwrap();
        let instance = linker.instantiate(&mut *store, &module).unwrap();
        let start = instance
            .get_typed_func::<(), ()>(&*store, "_start")
            .unwrap();
        start.call(&mut *store, ()).unwrap();
    });
    assert_eq!(replay(&recording).stdout, b"one");
    diverges(
        &recording,
        &run("two"),
        DivergenceKind::Data,
        &[
            "at call 1 (wasi_snapshot_preview1.fd_write)",
            "recorded: 3 bytes at 0x10: \"one\"",
            "found:    3 bytes at 0x10: \"two\"",
        ],
    );
}

#[test]
fn values_of_the_environment_are_not_recorded_where_they_are_redacted() {
    const READS: &str = r#"(module
        (import "wasi_snapshot_preview1" "environ_get" (func $get (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "first") (result i32)
            (drop (call $get (i32.const 0) (i32.const 100)))
            (i32.load8_u (i32.const 106))))"#;
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let recorder = Recorder::new(&mut store, Vec::new()).with_modules(true);
    let recorded = recorder.redact_env(true).start().unwrap();
    let mut linker = Linker::new(&engine);
    holdall_wasi::add_to_linker(
        &mut linker,
        Wasi::new(Grants::new().env("TOKEN", "hunter2")),
    );
    let module = Module::new(&engine, READS.as_bytes()).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let first = instance.get_typed_func::<(), i32>(&store, "first").unwrap();
    assert_eq!(first.call(&mut store, ()).unwrap(), i32::from(b'h'));
    let bytes = recorded.finish().unwrap();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|it| it == text);
    assert!(holds(b"TOKEN=xxxxxxx\0") && !holds(b"hunter2"));
    // What depends on a value leaves the recording.
    let recording = Recording::from_bytes(bytes).unwrap();
    let error = recording.replay().run().unwrap_err().to_string();
    assert!(error.contains("without --redact-env"), "{error}");
}

#[test]
fn modules_that_are_not_recorded_are_asked_for() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let recorded = Recorder::new(&mut store, Vec::new()).start().unwrap();
    let bytes = wat(r#"(module $lib (func (export "f")))"#);
    let module = Module::new(&engine, bytes.clone()).unwrap();
    Instance::new(&mut store, &module, &[]).unwrap();
    let recording = Recording::from_bytes(recorded.finish().unwrap()).unwrap();
    let error = recording.replay().run().unwrap_err();
    let ReplayError::NoModule { name, sha256 } = error else {
        panic!("{error}")
    };
    assert_eq!(name, "lib");
    assert_eq!(sha256, recording.modules()[0].sha256_hex());
    let asked = recording.replay().modules(move |module| {
        assert_eq!(module.name.as_deref(), Some("lib"));
        Some(bytes.clone())
    });
    assert_eq!(asked.run().unwrap().end, Ended::Run);
    let other = recording.replay().modules(|_| Some(wat("(module)")));
    assert!(matches!(other.run(), Err(ReplayError::NoModule { .. })));
}

/// The binary of a text.
fn wat(text: &str) -> Vec<u8> {
    let module = Module::new(&Engine::default(), text.as_bytes()).unwrap();
    holdall::provide::record::module_bytes(&module).to_vec()
}

#[test]
fn what_cannot_be_done_again_is_said() {
    let (recording, ()) = record(Config::new(), |_, store| {
        let ty = holdall::TableType::new(holdall::RefType::FUNCREF, 1, None);
        holdall::Table::new(&mut *store, ty, holdall::Val::null_func_ref()).unwrap();
    });
    let error = recording.replay().run().unwrap_err().to_string();
    assert!(error.contains("the host made a table"), "{error}");
}

#[test]
fn a_store_with_something_in_it_is_not_recorded() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let error = Recorder::new(&mut store, Vec::new()).start().unwrap_err();
    assert!(
        error.to_string().contains("before anything is linked"),
        "{error}"
    );
}

#[test]
fn damaged_recordings_are_read_up_to_the_damage_or_refused() {
    let (recording, _) = record(Config::new(), |engine, store| graph(engine, store).is_err());
    let bytes = recording.until(u64::MAX);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        if let Ok(damaged) = Recording::from_bytes(damaged) {
            damaged.show(|_| true);
            assert!(damaged.calls() == 0 || damaged.calls() == recording.calls());
        }
        if let Ok(short) = Recording::from_bytes(bytes[..at].to_vec()) {
            assert!(!short.is_complete());
        }
    }
    assert!(Recording::from_bytes(*b"\0asm\x01\0\0\0").is_err());
    assert!(Recording::from_bytes(*b"").is_err());
}
