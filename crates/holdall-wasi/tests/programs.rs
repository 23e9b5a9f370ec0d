//! Programs in C and in Rust, as their compilers and libraries make them: what each says of itself is
//! right. Their sources are in `wasm-apps/wasi/`.

use holdall_test::{Case, Check, Expect, Modules};

/// A case of a program.
fn program(file: &str) -> Case {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wasm-apps/wasi");
    let found = Modules::new().file(format!("{dir}/{file}"));
    Case::program(&found.unwrap_or_else(|error| panic!("{error}")))
}

/// The program ends well, and prints exactly this.
#[track_caller]
fn prints(case: &Case, expected: &str) {
    let expect = Expect::new().exit(0).stdout(expected).stderr("");
    case.run().unwrap().assert(&expect);
}

#[test]
fn files_are_made_changed_and_removed() {
    prints(
        &program("files.wasm").arg("/").dir("/"),
        "\
create: wrote 6
create again: EEXIST
append: wrote 5
read what is open for writing: EBADF
size: 11
read: hello world
seek to the end less 5: 6
read there: world
seek before the start: EINVAL
pwrite: 1
pread: 4
still at: 11
truncate to 5: ok
grow to 8: ok, size 8
what grew: 3 bytes, 0 0 0
rename: ok
under the old name: ENOENT
link: ok
links: 2
symlink: ok
readlink: renamed
lstat: link
stat through it: 8 bytes
open without following: ELOOP
utimens: ok
mtime: 946684800.000000000
mkdir: ok
mkdir again: EEXIST
move into it: ok
entries:
    . directory
    .. directory
    inner directory
    pointer link
    renamed file
rmdir of what is not empty: ENOTEMPTY
unlink of a directory: EISDIR
through .. and back: 8 bytes
unlink the link below: ok
unlink the symlink: ok
unlink the file: ok
rmdir: ok
left:
    . directory
    .. directory
",
    );
    program("files.wasm").run().unwrap().assert_exit(2);
}

#[test]
fn what_leads_out_of_a_directory_is_refused() {
    let case = program("refused.wasm")
        .file("/file", "")
        .dir("/inner")
        .link("/out", "../outside");
    prints(
        &case,
        "\
read file: ok
read /file: EPERM
read ../file: EPERM
read inner/../../file: EPERM
read inner/../file: ok
read through out: EPERM
read below out: EPERM
stat through out: EPERM
stat of ..: EPERM
mkdir ../made: EPERM
rename to ../moved: EPERM
symlink to an absolute path: EPERM
descriptor 4: EBADF
",
    );
}

#[test]
fn arguments_variables_and_ends() {
    let args = || program("args.wasm").arg("one").env("A", "B");
    prints(&args(), "arg 0: args.wasm\narg 1: one\nenv A=B\n");
    for code in [1, 77, -1, 256] {
        args()
            .arg(format!("exit={code}"))
            .run()
            .unwrap()
            .assert_exit(code);
        args()
            .arg(format!("return={code}"))
            .run()
            .unwrap()
            .assert_exit(code);
    }
    args()
        .arg("abort")
        .run()
        .unwrap()
        .assert_trap("unreachable");
}

#[test]
fn streams_are_read_to_their_end() {
    let outcome = program("stream.wasm").stdin("some text\n").run().unwrap();
    outcome.assert(&Expect::new().stdout("SOME TEXT\n").stderr("10 bytes\n"));
    prints(
        &program("poll.wasm").arg("5"),
        "standard input: ok, hung up\n",
    );
    prints(
        &program("poll.wasm").arg("all").dir("/"),
        "\
standard input: ok, hung up
standard output: ok
what does not exist: EBADF
file: ok
",
    );
}

#[test]
fn a_program_of_the_standard_library_of_rust() {
    let texts = program("tally.wasm")
        .arg("/texts")
        .file("/texts/a.txt", "one two two")
        .file("/texts/b.txt", "two three");
    let expect = Expect::new()
        .stdout("3 two\n1 one\n1 three\n3 words, slept: true, written now: true\n")
        .stderr("")
        .file("/texts/tally.out", "3 two\n1 one\n1 three\n");
    texts.run().unwrap().assert(&expect);
    prints(
        &program("tally.wasm").arg("-").stdin("one two two\n"),
        "2 two\n1 one\n",
    );
    program("tally.wasm").run().unwrap().assert_exit(2);
}

#[test]
fn a_program_of_preview_0() {
    prints(&program("preview0.wat").dir("/"), "preview 0: ok\n");
}

#[test]
fn clocks_and_randomness() {
    let clocks = program("clocks.wasm").args(["60000", "exact"]);
    let right =
        Check::matches("(?s)^(?:[^\n]*: (?:yes|refused)\n){7}time of day: 946684800").unwrap();
    clocks
        .run()
        .unwrap()
        .assert(&Expect::new().exit(0).stdout(right));
    let random = program("random.wasm").arg("1024").run().unwrap();
    random.assert(
        &Expect::new()
            .exit(0)
            .stdout(Check::matches("^[0-9a-f]{2048}\n$").unwrap()),
    );
}
