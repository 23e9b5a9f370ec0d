//! Manifests that are wrong: each is told with its place and the way out, and nothing is run.

use super::folder;
use crate::support::Folder;

/// The lines of a manifest below `module = "app.wat"`, and what is said of them. `@` stands for the manifest's
/// path.
const WRONG: &[(&str, &[&str])] = &[
    (
        "",
        &["@:1:1: there is no case: a case begins with [[case]], and `name = \"...\"` below it"],
    ),
    (
        "[[case]]\nname = \"a\"\ncal = \"add\"",
        &["@:4:1: unknown key `cal` in `case`; did you mean `call`?"],
    ),
    (
        "[[cases]]",
        &[
            "@:1:1: there is no case",
            "@:2:3: unknown key `cases`; did you mean `case`?",
        ],
    ),
    (
        "[[case]]\nname = \"a\"\nfaults = [{ zzz = 1 }]",
        &[
            "@:4:11: `faults`: expected one of `errno`, `short`, `ends-after`, `jump`, `jump-back` and \
             `no-growth`, found none of them",
            "@:4:13: unknown key `zzz` in `faults`; there are `call`, `errno`",
        ],
    ),
    (
        "[[case]]\nname = \"a\"\nexit = \"0\"\nargs = 3\ntrace = 1",
        &[
            "@:4:8: `exit`: expected a whole number from 0, found a string",
            "@:5:8: `args`: expected a list, each a string, or a number, found 3",
            "@:6:9: `trace`: expected true or false, found 1",
        ],
    ),
    (
        "[[case]]\nname = \"a\"\nexit = -1",
        &["@:4:8: `exit`: expected a whole number from 0, found -1"],
    ),
    (
        "[[case]]\nname = \"a\"\nresults = [5, \"0x5:i23\", \"x:i32\", \"0.5\"]",
        &[
            "@:4:12: `results`: expected a value with its type, found \"5\"; say `0x5:i32` or `0x5:i64`",
            "@:4:15: `results`: expected \"0x5:i23\" to end in one of `i32`, `i64`, `f32`, `f64` and `v128`",
            "@:4:26: `results`: expected i32, found \"x\": 'x' does not belong to it",
            "@:4:35: `results`: expected a value with its type, found \"0.5\"; say `0.5:f64`",
        ],
    ),
    (
        "[[case]]\nname = \"a\"\nmodule = \"none.wat\"",
        &["@:4:10: `module`: tests/none.wat could not be read: No such file or directory"],
    ),
    (
        "[[case]]\nname = \"a\"\nstdin = { file = \"none.txt\" }",
        &["@:4:18: `file`: tests/none.txt: there is no such file"],
    ),
    (
        "[[case]]\nname = \"a\"\nfiles = { \"x\" = { hex = \"0\" }, \"y\" = { base64 = \"a\" }, \"z\" = {} }",
        &[
            "@:4:25: `hex`: expected pairs of hexadecimal digits",
            "@:4:49: `base64`: expected letters, digits, + and /, in fours, with = at the end",
            "@:4:62: `z`: expected one of the keys `file`, `hex` and `base64`",
        ],
    ),
    (
        "[[case]]\nname = \"a\"\ndirs = { \"/data\" = \"none\" }",
        &["@:4:20: `dirs`: tests/none: No such file or directory"],
    ),
    (
        "[[case]]\nname = \"a\"\nmock.env.nwo = {}",
        &["@:4:10: the mock `env.nwo` fits no import of the modules; did you mean `env.now`?"],
    ),
    (
        "[[case]]\nname = \"a\"\n[mock.net]\nfetch = {}",
        &["@:5:1: the mock `net.fetch` fits no import of the modules; they import `env.now`, "],
    ),
    (
        "[[case]]\nname = \"a\"\nmock.env.now = { results = [1], trap = \"x\" }",
        &[
            "@:4:33: mock env.now: expected one of `results`, `each`, `trap`, `wat` and `module`, found \
             `results` and `trap`",
        ],
    ),
    (
        "[[case]]\nname = \"a\"\nmock.env.now = { results = [1], writes = [{ text = \"x\" }], func = \"f\" }",
        &[
            "@:4:43: `writes`: expected `arg` with the number of the argument that is the address, and one \
             of `text`, `hex`, `base64` and `file`",
            "@:4:60: `func`: expected `wat` or `module` beside it",
        ],
    ),
    (
        "[[case]]\nname = \"a\"\nfaults = [{ call = \"fd_wirte\", errno = \"IO\" }]",
        &["@:4:20: `call`: WASI has no function `fd_wirte`; did you mean `fd_write`?"],
    ),
    (
        "[[case]]\nname = \"a\"\nfaults = [{ call = \"fd_write\", errno = \"NOSPACE\" }, { errno = \"IO\" }]",
        &[
            "@:4:40: `errno`: WASI has no error number NOSPACE; did you mean \"NOSPC\"?",
            "@:4:55: `errno`: expected `call` beside it, with a function of WASI as `fd_write`",
        ],
    ),
    (
        "[[case]]\nname = \"a\"\nfaults = [{ ends-after = 3 }, { no-growth = true, chance = 2 }]",
        &[
            "@:4:13: `ends-after`: expected `fd` beside it: 0 is the standard input, 1 the output",
            "@:4:60: `chance`: expected a number from 0 to 1",
        ],
    ),
    (
        "[[case]]\nname = \"a\"\nfaults = [{ call = \"fd_read\", short = 1, nth = 0 }, { jump = \"1h\", nth = 1, after = 2 }]",
        &[
            "@:4:48: `nth`: expected a number from 1, found 0",
            "@:4:77: `faults`: expected only one of `nth`, `after` and `chance`",
        ],
    ),
    (
        "[[case]]\nname = \"a\"\n[[case]]\nname = \"a\"\n[[case]]",
        &[
            "@:5:8: there is a case `a` already",
            "@:6:1: the case has no name: say `name = \"...\"`",
        ],
    ),
    (
        "[[case]]\nname = \"a\"\nexit = 1\nexpect.exit = 1",
        &["@:5:8: `exit` is there twice, within `expect` and beside it"],
    ),
    (
        "[[case]]\nname = \"a\"\nstdout = { snapshot = \"../out\" }\nstderr = { matches = \"(\" }",
        &[
            "@:4:23: `snapshot`: expected the name of a file such as \"help.txt\", which will be below \
             `snapshots/` beside the manifest",
            "@:5:22: `matches`: expression \"(\": ",
        ],
    ),
    (
        "[[case]]\nname = \"a\"\nstdout = {}\ntimeout = \"5x\"\nmax-memory = \"5MB\"",
        &[
            "@:4:10: `stdout`: expected a text, or a table with what is expected of it",
            "@:5:11: `timeout`: expected a number with ms, s, m or h behind it",
            "@:6:14: `max-memory`: expected a number of bytes, or one with KiB, MiB or GiB behind it",
        ],
    ),
    (
        "[[case]\nname = \"a\"",
        &["@:2:8: unclosed array table, expected `]`"],
    ),
    (
        "[[case]]\nname = \"a\"\nname = \"b\"",
        &["@:4:1: duplicate key"],
    ),
    (
        "[[case]]\nname = \"a\"\nseed = 99999999999999999999",
        &["@:4:8: expected a number from -2^63 to 2^64-1"],
    ),
];

#[test]
fn a_wrong_manifest_is_told_with_its_place_and_the_way_out() {
    let mut differences = String::new();
    for (index, (lines, expected)) in WRONG.iter().enumerate() {
        let outcome = folder(&format!("wrong-{index}"), lines).holdall(&["test"]);
        assert_eq!(
            (outcome.code, &*outcome.stdout),
            (2, ""),
            "{lines}\n{outcome:#?}"
        );
        let found: Vec<_> = outcome.stderr.lines().collect();
        let expected = expected
            .iter()
            .map(|it| format!("holdall: {}", it.replace('@', "tests/app.test.toml")));
        let expected: Vec<_> = expected.collect();
        let are_told = expected
            .iter()
            .zip(&found)
            .all(|(expected, found)| found.starts_with(expected));
        if !are_told || found.len() != expected.len() {
            differences += &format!("{lines}\nexpected {expected:#?}\nfound {found:#?}\n");
        }
    }
    assert_eq!(differences, "");
}

#[test]
fn all_wrong_manifests_are_told_before_anything_is_run() {
    let folder = folder(
        "wrong-all",
        "[[case]]\nname = \"a\"\ncall = \"fails\"\ntrap = \"unreachable\"",
    )
    .with("tests/sub/one.test.toml", "[[case]]\nname = \"a\"")
    .with("tests/sub/two.test.toml", b"\xff".as_slice());
    let outcome = folder.holdall(&["test"]);
    assert_eq!((outcome.code, &*outcome.stdout), (2, ""), "{outcome:#?}");
    assert_eq!(
        outcome.stderr,
        "holdall: tests/sub/one.test.toml:1:1: the case has no module: say `module = \"app.wasm\"`, here or at \
         the top of the file for all cases\n\
         holdall: tests/sub/two.test.toml: expected UTF-8: invalid utf-8 sequence of 1 bytes from index 0\n"
    );
}

#[test]
fn what_is_no_test_or_not_there_is_told() {
    let folder = Folder::new("test-none").with("a/b.txt", "");
    for (args, expected) in [
        (
            &["test"][..],
            "holdall: tests: there is no such file or directory\n",
        ),
        (
            &["test", "a/b.txt"],
            "holdall: a/b.txt: expected a directory, a manifest (*.test.toml) or a script (*.wast)\n",
        ),
        (
            &["test", "a"],
            "holdall: no test below a: expected manifests (*.test.toml) or scripts (*.wast)\n",
        ),
    ] {
        let outcome = folder.holdall(args);
        assert_eq!(
            (outcome.code, &*outcome.stderr),
            (2, expected),
            "{outcome:#?}"
        );
    }
}
