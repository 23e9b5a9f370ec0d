//! Programs in C, whose sources are in `wasm-apps/wasi/`, with files that are in memory: what each says
//! of itself is right. The command's tests run them on directories of the host.

use holdall_test::{Case, Expect, Modules};

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
fn all_that_can_be_waited_for_is_there() {
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
