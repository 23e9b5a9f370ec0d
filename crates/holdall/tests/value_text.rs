//! The text of values: arguments and results, against C's own `printf`, `strtof` and `strtod`, and
//! against WAMR's formats.

use holdall::text::{ArgumentError, ValueError, format_results, format_val, parse_args, parse_val};
use holdall::{Engine, ExternRef, FuncType, Store, Val, ValType};

fn store() -> Store<()> {
    Store::new(&Engine::default(), ())
}

/// What comes out when `text` is read as a `ty` and printed again.
fn reprinted(ty: ValType, text: &str) -> Result<String, ValueError> {
    let mut store = store();
    let value = parse_val(&mut store, ty, text)?;
    assert_eq!(value.ty(), ty, "{text:?}");
    Ok(format_val(&store, &value))
}

#[track_caller]
fn check(ty: ValType, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(
            reprinted(ty, text).as_deref(),
            Ok(*expected),
            "{ty} {text:?}"
        );
    }
}

/// Checks that each text is refused with this message.
#[track_caller]
fn check_refused(ty: ValType, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let error = reprinted(ty, text).expect_err(text);
        assert_eq!(error.to_string(), *expected, "{ty} {text:?}");
    }
}

/// Numbers without pattern, the same in every run (xorshift64).
fn random() -> impl FnMut() -> u64 {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

#[test]
fn integers() {
    check(
        ValType::I32,
        &[
            ("0", "0x0:i32"),
            ("12", "0xc:i32"),
            ("+12", "0xc:i32"),
            ("-1", "0xffffffff:i32"),
            ("-0", "0x0:i32"),
            ("010", "0xa:i32"),
            ("0xCafe", "0xcafe:i32"),
            ("0Xff", "0xff:i32"),
            ("-0x10", "0xfffffff0:i32"),
            ("4294967295", "0xffffffff:i32"),
            ("-2147483648", "0x80000000:i32"),
            ("0x00000000000000000000001", "0x1:i32"),
        ],
    );
    check(
        ValType::I64,
        &[
            ("0", "0x0:i64"),
            ("-1", "0xffffffffffffffff:i64"),
            ("18446744073709551615", "0xffffffffffffffff:i64"),
            ("-9223372036854775808", "0x8000000000000000:i64"),
            ("0xFFFFFFFFFFFFFFFF", "0xffffffffffffffff:i64"),
        ],
    );
    let range = "out of the range -2147483648 to 4294967295";
    check_refused(
        ValType::I32,
        &[
            ("", "a digit is missing"),
            ("-", "a digit is missing"),
            ("0x", "a digit is missing"),
            ("+-1", "'-' does not belong to it"),
            ("1_000", "'_' does not belong to it"),
            ("12x", "'x' does not belong to it"),
            ("0xg", "'g' does not belong to it"),
            (" 1", "' ' does not belong to it"),
            ("1.0", "'.' does not belong to it"),
            ("١", "'١' does not belong to it"),
            ("4294967296", range),
            ("-2147483649", range),
            ("0x100000000", range),
            ("99999999999999999999999999999999999999999999999999", range),
        ],
    );
    let range = "out of the range -9223372036854775808 to 18446744073709551615";
    check_refused(
        ValType::I64,
        &[
            ("18446744073709551616", range),
            ("-9223372036854775809", range),
            ("-0xffffffffffffffffffffffffffffffffffffffffff", range),
        ],
    );
}

#[test]
fn integers_come_back() {
    let mut random = random();
    for _ in 0..2_000 {
        let value = random() >> (random() % 64);
        for text in [
            format!("{value}"),
            format!("{value:#x}"),
            format!("{}", value as i64),
        ] {
            assert_eq!(
                reprinted(ValType::I64, &text),
                Ok(format!("{value:#x}:i64"))
            );
        }
        let value = value as u32;
        for text in [
            format!("{value}"),
            format!("{value:#x}"),
            format!("{}", value as i32),
        ] {
            assert_eq!(
                reprinted(ValType::I32, &text),
                Ok(format!("{value:#x}:i32"))
            );
        }
    }
}

#[test]
fn floats() {
    for ty in [ValType::F32, ValType::F64] {
        let cases = [
            ("0", "0"),
            ("-0", "-0"),
            ("-0.0e5", "-0"),
            ("1", "1"),
            ("1.", "1"),
            (".5", "0.5"),
            ("1.5", "1.5"),
            ("-1.5e3", "-1500"),
            ("3.14159265", "3.141593"),
            ("123456789", "1.234568e+08"),
            ("1234567", "1234567"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1e-30", "1e-30"),
            ("0x1p4", "16"),
            ("0x.8", "0.5"),
            ("-0X1.8P+3", "-12"),
            ("0x10", "16"),
            ("0x0p99999999999999999999", "0"),
            ("0x1p-99999999999999999999", "0"),
            ("-0x1p-2000", "-0"),
            ("inf", "inf"),
            ("+INF", "inf"),
            ("-inf", "-inf"),
            ("infinity", "inf"),
            ("nan", "nan"),
            ("-nan", "-nan"),
            ("NaN", "nan"),
            ("nan:0x200000", "nan"),
            ("-nan:0x1", "-nan"),
        ];
        for (text, expected) in cases {
            let expected = format!("{expected}:{ty}");
            assert_eq!(reprinted(ty, text), Ok(expected), "{ty} {text:?}");
        }
        check_refused(
            ty,
            &[
                ("", "a digit is missing"),
                ("-", "a digit is missing"),
                (".", "a digit is missing"),
                ("e5", "a digit is missing"),
                ("1e", "a digit is missing"),
                ("0x", "a digit is missing"),
                ("0x.p1", "a digit is missing"),
                ("0x1p", "a digit is missing"),
                ("--1", "a digit is missing"),
                ("1_0", "'_' does not belong to it"),
                ("1.5f", "'f' does not belong to it"),
                ("1,5", "',' does not belong to it"),
                (" 1", "' ' does not belong to it"),
                ("0x1.1.1", "'.' does not belong to it"),
                ("0x1p1.5", "'.' does not belong to it"),
                ("0xz", "'z' does not belong to it"),
                ("infinite", "'i' does not belong to it"),
            ],
        );
    }
}

#[test]
fn float_ranges_and_payloads() {
    let range = "out of the range -3.4028235e38 to 3.4028235e38";
    let payload = "the payload of a NaN is a hexadecimal number from 0x1 to 0x7fffff";
    check_refused(
        ValType::F32,
        &[
            ("1e39", range),
            ("-1e39", range),
            ("0x1p128", range),
            ("0x1.ffffffp127", range),
            ("0x1p99999999999999999999", range),
            ("nan:0x0", payload),
            ("nan:0x800000", payload),
            ("nan:1", payload),
            ("nan:", payload),
            ("nan:0x+1", payload),
        ],
    );
    check(ValType::F32, &[("0x1.fffffep127", "3.402823e+38:f32")]);
    let range = "out of the range -1.7976931348623157e308 to 1.7976931348623157e308";
    check_refused(ValType::F64, &[("1e309", range), ("0x1p1024", range)]);

    let mut store = store();
    let mut bits = |ty, text: &str| match parse_val(&mut store, ty, text) {
        Ok(Val::F32(bits)) => bits.into(),
        Ok(Val::F64(bits)) => bits,
        other => panic!("{text:?}: {other:?}"),
    };
    assert_eq!(bits(ValType::F32, "nan"), 0x7fc0_0000);
    assert_eq!(bits(ValType::F32, "-nan"), 0xffc0_0000);
    assert_eq!(bits(ValType::F32, "nan:0x200000"), 0x7fa0_0000);
    assert_eq!(bits(ValType::F32, "-nan:0x7fffff"), 0xffff_ffff);
    assert_eq!(bits(ValType::F64, "nan"), 0x7ff8_0000_0000_0000);
    assert_eq!(bits(ValType::F64, "-nan:0x1"), 0xfff0_0000_0000_0001);
    assert_eq!(bits(ValType::F64, "-inf"), 0xfff0_0000_0000_0000);
    // Nearest f32, not the nearest f32 to the nearest f64: the text is above the middle of two
    // floats by less than an f64 can tell.
    assert_eq!(bits(ValType::F32, "1.00000005960464477540"), 0x3f80_0001);
    assert_eq!(bits(ValType::F32, "0x1.00000100000000000001"), 0x3f80_0001);
    assert_eq!(bits(ValType::F32, "0x1.000001"), 0x3f80_0000);
}

/// `data/printf_g7.txt` was printed by glibc 2.36's `printf("%016llx %.7g\n", bits, value)`:
/// powers of ten and their neighbours, exact halves of the last digit, the ends of the range,
/// random bits.
#[test]
fn floats_print_as_in_c() {
    let store = store();
    let mut lines = 0;
    for line in include_str!("data/printf_g7.txt").lines() {
        let (bits, expected) = line.split_once(' ').expect(line);
        let bits = u64::from_str_radix(bits, 16).expect(line);
        assert_eq!(
            format_val(&store, &Val::F64(bits)),
            format!("{expected}:f64")
        );
        let value = f64::from_bits(bits);
        let narrow = value as f32;
        if f64::from(narrow).to_bits() == bits {
            let narrow = Val::F32(narrow.to_bits());
            assert_eq!(format_val(&store, &narrow), format!("{expected}:f32"));
        }
        lines += 1;
    }
    assert!(lines > 800, "{lines} lines");
}

/// `data/strtod.txt` was written by glibc 2.36: a text, the bits of its `strtof` and those of its
/// `strtod`. Hexadecimal floats of every length and size, the ends of both types, decimals.
#[test]
fn floats_read_as_in_c() {
    let mut store = store();
    let mut lines = 0;
    for line in include_str!("data/strtod.txt").lines() {
        let words: Vec<_> = line.split(' ').collect();
        let &[text, narrow, wide] = words.as_slice() else {
            panic!("{line}");
        };
        for (ty, bits, infinity) in [
            (ValType::F32, narrow, "7f800000"),
            (ValType::F64, wide, "7ff0000000000000"),
        ] {
            let read = match parse_val(&mut store, ty, text) {
                Ok(Val::F32(bits)) => format!("{bits:08x}"),
                Ok(Val::F64(bits)) => format!("{bits:016x}"),
                // Ours refuses a finite number that C makes infinite.
                Err(ValueError::Range(_)) => infinity.to_owned(),
                other => panic!("{text} as {ty}: {other:?}"),
            };
            assert_eq!(read, bits, "{text} as {ty}");
        }
        lines += 1;
    }
    assert!(lines > 1_000, "{lines} lines");
}

#[test]
fn decimals_come_back() {
    let mut random = random();
    let mut store = store();
    for _ in 0..5_000 {
        let bits = random();
        let value = f64::from_bits(bits);
        if value.is_finite() {
            let read = parse_val(&mut store, ValType::F64, &format!("{value:e}"));
            assert_eq!(read.expect("finite").f64().map(f64::to_bits), Some(bits));
        }
        let bits = bits as u32;
        let value = f32::from_bits(bits);
        if value.is_finite() {
            let read = parse_val(&mut store, ValType::F32, &format!("{value}"));
            assert_eq!(read.expect("finite").f32().map(f32::to_bits), Some(bits));
        }
    }
}

#[test]
fn vectors() {
    check(
        ValType::V128,
        &[
            ("0\\0", "<0x0000000000000000 0x0000000000000000>:v128"),
            ("0x123\\-1", "<0x0000000000000123 0xffffffffffffffff>:v128"),
        ],
    );
    check_refused(
        ValType::V128,
        &[
            ("1", "a v128 is written lo\\hi"),
            ("1\\", "a digit is missing"),
            ("1\\2\\3", "'\\\\' does not belong to it"),
        ],
    );
}

#[test]
fn references() {
    check(
        ValType::FUNCREF,
        &[("null", "func:ref.null"), ("NULL", "func:ref.null")],
    );
    check(
        ValType::EXTERNREF,
        &[
            ("null", "extern:ref.null"),
            ("0x1234", "0x1234:ref.extern"),
            ("16", "0x10:ref.extern"),
        ],
    );
    check(ValType::EXNREF, &[("null", "exn:ref.null")]);
    check_refused(
        ValType::EXNREF,
        &[("6", "the only one that can be written is null")],
    );
    check_refused(
        ValType::FUNCREF,
        &[("6", "the only one that can be written is null")],
    );
    check_refused(ValType::EXTERNREF, &[("nul", "'n' does not belong to it")]);

    let mut store = store();
    let other = Val::from(ExternRef::new(&mut store, "not a number"));
    assert_eq!(format_val(&store, &other), "host:ref.extern");
}

#[test]
fn several_results() {
    let store = store();
    assert_eq!(format_results(&store, &[]), "");
    let results = [Val::from(12), Val::from(-1_i64), Val::from(0.5_f64)];
    assert_eq!(
        format_results(&store, &results),
        "0xc:i32,0xffffffffffffffff:i64,0.5:f64"
    );
}

#[test]
fn arguments_of_a_call() {
    let mut store = store();
    let ty = FuncType::new([ValType::I32, ValType::F32], [ValType::I32]);
    let read = parse_args(&mut store, &ty, &["1", "-0.5"]).expect("they fit");
    assert_eq!(format_results(&store, &read), "0x1:i32,-0.5:f32");

    let error = parse_args(&mut store, &ty, &["1"]).expect_err("one is missing");
    let expected = "invalid input argument count: expected 2 for \
        (func (param i32 f32) (result i32)), found 1";
    assert_eq!(error.to_string(), expected);

    let error = parse_args(&mut store, &ty, &["1", "2x"]).expect_err("the second has rubbish");
    assert_eq!(
        error.to_string(),
        "invalid input argument 1: 2x: expected f32, 'x' does not belong to it"
    );
    assert!(matches!(error, ArgumentError::Value { index: 1, .. }));
}
