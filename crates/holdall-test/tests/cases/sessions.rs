//! A session goes on from call to call, also past a trap.

use std::time::{Duration, SystemTime};

use holdall_test::{Case, End, Error, Val};

use crate::{says, wat};

#[test]
fn state_stays_and_every_call_has_its_own_end() {
    let subject = wat(r#"(module
        (global $n (mut i32) (i32.const 0))
        (func (export "next") (param i32) (result i32)
            (global.set $n (i32.add (global.get $n) (local.get 0)))
            (global.get $n))
        (func (export "fail") unreachable))"#);
    let case = Case::call(&subject, "next");
    let mut session = case.start().unwrap();
    assert_eq!(session.call("next", (2,)).unwrap(), [Val::I32(2)]);
    let fuel = session.outcome().fuel();
    says(
        &session.call("fail", ()).unwrap_err(),
        &["trap: unreachable"],
    );
    assert!(session.outcome().trap().is_some());
    assert_eq!(session.call("next", ["3"]).unwrap(), [Val::I32(5)]);
    let outcome = session.outcome();
    assert_eq!(
        (outcome.end(), outcome.results()),
        (&End::Returned, &[Val::I32(5)][..])
    );
    assert!(outcome.fuel() > fuel);
    says(
        &session.call("nxet", [1]).unwrap_err(),
        &["no function \"nxet\"", "\"next\""],
    );
    says(
        &session.call("next", ()).unwrap_err(),
        &["expected 1 arguments", "found 0"],
    );
    says(
        &session.call("next", ["x"]).unwrap_err(),
        &["argument 0: expected i32, found \"x\""],
    );
    assert_eq!(session.outcome().end(), &End::Returned);
}

#[test]
fn what_does_not_come_to_life_is_an_outcome() {
    let subject = wat(r#"(module (func $start unreachable) (start $start)
        (func (export "f")))"#);
    let case = Case::call(&subject, "f");
    case.run().unwrap().assert_trap("unreachable");
    let mut session = case.start().unwrap();
    let error = session.call("f", ()).unwrap_err();
    assert!(matches!(error, Error::Ended(End::Trapped(_))), "{error}");
}

#[test]
fn the_time_moves_between_calls() {
    let subject = wat(r#"(module
        (import "wasi_snapshot_preview1" "clock_time_get"
            (func $time (param i32 i64 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "now") (param i32) (result i64)
            (drop (call $time (local.get 0) (i64.const 0) (i32.const 0)))
            (i64.load (i32.const 0))))"#);
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let case = Case::call(&subject, "now").time(start);
    for _ in 0..2 {
        let mut session = case.start().unwrap();
        let now = |session: &mut holdall_test::Session, clock: i32| {
            session.call("now", [clock]).unwrap()[0].unwrap_i64()
        };
        assert_eq!(now(&mut session, 0), 1_700_000_000_000_000_000);
        session.time().advance(Duration::from_secs(10));
        assert_eq!(now(&mut session, 0), 1_700_000_010_000_001_000);
        assert_eq!(now(&mut session, 1), 10_000_002_000);
        session.time().set(SystemTime::UNIX_EPOCH);
        assert_eq!(now(&mut session, 0), 0);
        assert_eq!(now(&mut session, 1), 10_000_004_000);
    }
}
