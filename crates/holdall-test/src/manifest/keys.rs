//! The keys of a manifest: which there are, what values they take, and what they say. The check of a
//! manifest, its JSON schema, and the lists in messages derive from this table.

use Shape::{Any, Count, Duration, Flag, Keys, List, Named, Number, Path, Size, Text};

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// What the key says, in a sentence.
    pub(super) about: &'static str,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// `true` or `false`.
    Flag,
    /// A whole number from 0.
    Count,
    /// A number, with a fraction or without.
    Number,
    /// A string.
    Text,
    /// A path, relative to the manifest.
    Path,
    /// Bytes: a number, or a string such as `64KiB`.
    Size,
    /// A string such as `500ms`.
    Duration,
    /// A list.
    List(&'static Shape),
    /// A table whose keys the author chooses.
    Named(&'static Shape),
    /// A table whose keys stand in these lists.
    Keys(&'static [&'static [Key]]),
    /// One of these, told apart by the type of the value.
    Any(&'static [Shape]),
}

/// A manifest.
pub(super) const FILE: Shape = Keys(&[OF_FILE, SHARED, EXPECTED]);

/// A case.
const CASE: Shape = Keys(&[OF_CASE, SHARED, EXPECTED]);

/// A list of modules' directories, or one.
const PATHS: Shape = Any(&[Path, List(&Path)]);

/// A value that a function takes or returns.
const VALUE: Shape = Any(&[Text, Number]);

/// Bytes that a case gives.
const CONTENT: Shape = Any(&[Text, Keys(&[BYTES])]);

/// Bytes that a case expects.
const EXPECTED_TEXT: Shape = Any(&[Text, Keys(&[BYTES, COMPARED])]);

/// A file that a case expects.
const EXPECTED_FILE: Shape = Any(&[Text, Keys(&[BYTES, COMPARED]), Flag]);

/// Lists of keys: of each its name, what values it takes, and what it says.
macro_rules! keys {
    ($($(#[$meta:meta])* $list:ident { $($name:literal $shape:expr, $about:literal;)* })*) => {$(
        $(#[$meta])*
        pub(super) const $list: &[Key] = &[$(Key { name: $name, shape: $shape, about: $about }),*];
    )*};
}

keys! {
    /// What only the file says.
    OF_FILE {
        "case" List(&CASE), "The cases, each a test in a store of its own.";
    }

    /// What only a case says.
    OF_CASE {
        "name" Text, "What the case is called; no other case of the file has the name.";
    }

    /// What a case says, or the file for all its cases that do not say otherwise.
    SHARED {
        "module" Path, "The module that is tested, a .wasm or .wat file.";
        "module-path" PATHS, "Directories that have the modules which the module needs.";
        "preload" Named(&Path), "Modules, by the names under which they are imported.";
        "alias" Named(&Text), "Names of modules, and the names that imports from them are taken for.";
        "compatible-versions" Flag, "Whether any compatible version of lib satisfies an import from lib@1.2.";
        "use-exports" List(&Text), "Names of commands that other modules use as libraries.";
        "call" Text, "The export to call, or `$module$function`; without it, the program's `_start`.";
        "args" List(&VALUE), "Arguments of the program, or of the function that `call` names.";
        "argv0" Text, "The program's argument 0, in place of the module's file name.";
        "stdin" CONTENT, "What the program reads from its standard input.";
        "env" Named(&Text), "Variables of the program's environment.";
        "files" Named(&CONTENT), "Files in memory, by the paths at which the program finds them.";
        "dirs" Named(&Path), "Directories that are copied to memory, by the program's paths.";
        "read-only" Flag, "Whether the program can only read its files.";
        "time" Count, "The time of day at the start, in seconds since 1970; 2000-01-01 without it.";
        "grants" Named(&Keys(&[GRANT])), "What other modules reach, by their names; they have nothing else.";
        "share-wasi" Flag, "Whether modules without grants share what the tested module has.";
        "seed" Count, "The seed of randomness and of faults by chance; 0 without it.";
        "fuel" Count, "Units of fuel after which the case ends in a trap.";
        "timeout" Duration, "Time after which the case ends in a trap; 1m without it.";
        "max-memory" Size, "Bytes of all linear memories together at most.";
        "stack-size" Size, "Bytes of the stack.";
        "mock" Named(&Named(&Keys(&[MOCK]))), "Functions that stand in for imports, by module and name.";
        "faults" List(&Keys(&[FAULT])), "What goes wrong, and when.";
        "replay" Path, "A recording: modules get the answers in it, and nothing else of the host.";
        "trace" Flag, "Whether the calls of the case are printed below it where it fails.";
        "skip" Text, "Why the case is not run.";
        "should-fail" Text, "Why the case is known to fail; it fails where it passes.";
        "expect" Keys(&[EXPECTED, ONLY_EXPECTED]), "What has to come of the case.";
    }

    /// What is expected, with names that mean nothing else: within `expect`, or beside it.
    EXPECTED {
        "exit" Count, "The exit code; 0 where a function returns.";
        "trap" Text, "A part of the message of the trap that ends the case.";
        "results" List(&VALUE), "The results of the function that `call` names: \"0x5:i32\".";
        "stdout" EXPECTED_TEXT, "What is written to the standard output.";
        "stderr" EXPECTED_TEXT, "What is written to the standard error.";
    }

    /// What is expected, within `expect` only.
    ONLY_EXPECTED {
        "files" Named(&EXPECTED_FILE), "What files hold afterwards, by their paths; `false`: no file.";
        "fuel-at-most" Count, "The most units of fuel that the case uses.";
    }

    /// Bytes.
    BYTES {
        "file" Path, "A file that holds the bytes.";
        "hex" Text, "The bytes in hexadecimal; spaces mean nothing.";
        "base64" Text, "The bytes in base64.";
    }

    /// What is true of bytes that are expected.
    COMPARED {
        "contains" Any(&[Text, List(&Text)]), "Texts that are somewhere in it.";
        "matches" Text, "A regular expression that a part of it matches.";
        "snapshot" Text, "A file below snapshots/, which `holdall test --bless` writes.";
    }

    /// What another module than the tested one reaches.
    GRANT {
        "args" List(&Text), "Arguments, of which programs take the first for their own name.";
        "env" Named(&Text), "Variables of the environment.";
        "stdin" CONTENT, "What is read from the standard input.";
        "output" Flag, "Whether the module writes to the standard output and error of the case.";
        "files" Flag, "Whether the module reaches the files of the case.";
        "clocks" Flag, "Whether the module can tell the time.";
        "random" Flag, "Whether the module gets randomness.";
    }

    /// A function that stands in for one that modules import.
    MOCK {
        "results" List(&VALUE), "What each call returns.";
        "each" List(&List(&VALUE)), "What one call after the other returns.";
        "trap" Text, "The message of the trap in which each call ends.";
        "wat" Path, "A module that has the function among its exports.";
        "module" Path, "The same as `wat`, for a module in the binary format.";
        "func" Text, "The name of that export, where it is not that of the mock.";
        "writes" List(&Keys(&[WRITE, BYTES])), "Bytes that each call puts into its caller's memory.";
        "args" List(&VALUE), "The arguments that each call has to have; `_` is any.";
        "times" Count, "How many calls there have to be.";
        "at-least" Count, "How many calls there have to be at least.";
        "at-most" Count, "How many calls there may be at most.";
    }

    /// Bytes for the memory of a mock's caller, beside [`BYTES`].
    WRITE {
        "arg" Count, "Which argument is the address, counted from 0.";
        "text" Text, "The bytes, as text.";
    }

    /// Something that goes wrong, and when.
    FAULT {
        "call" Text, "The function of WASI that `errno` and `short` are about: `fd_write`.";
        "errno" Text, "The error that the function gives: `NOSPC`.";
        "short" Count, "The most bytes that the function reads or writes in a call.";
        "ends-after" Count, "The bytes after which the descriptor `fd` is at its end.";
        "jump" Duration, "The time that passes at once when a clock is read.";
        "jump-back" Duration, "How far the time of day goes back when a clock is read.";
        "no-growth" Any(&[Flag, Count]), "That no memory grows, or the pages beyond which none does.";
        "fd" Count, "The descriptor, where only calls for one count.";
        "nth" Count, "The only call at which it happens, counted from 1.";
        "after" Count, "How many calls go well before.";
        "chance" Number, "The probability at each call, from 0 to 1, by the seed.";
    }
}
