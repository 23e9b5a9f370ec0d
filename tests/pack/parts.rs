//! What `inspect` tells of an executable, what `unpack` gives back, and that the same goes in.

use std::fs;

use crate::support::Folder;
use crate::{ECHO, letter};

fn packed(name: &str) -> Folder {
    let folder = Folder::new(name)
        .with("echo.wat", ECHO)
        .with("lib.wat", letter('x'))
        .with("in/a/text", "text")
        .with("in/b", "text")
        .with("in/empty", "");
    folder.pack(PACK).prints("");
    folder
}

const PACK: &[&str] = &[
    "echo.wat",
    "-o",
    "app",
    "--module",
    "lib=lib.wat",
    "--embed",
    "in::/in",
    "--env",
    "A=b c",
    "--dir",
    "in::/host::ro",
    "--grant",
    "lib:stderr",
    "--timeout",
    "1.5s",
    "--alias",
    "env=lib",
    "--use-exports",
    "lib",
    "--",
    "first",
    "--second one",
];

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let folder = packed("same");
    let first = fs::read(folder.path().join("app")).unwrap();
    folder.pack(PACK).prints("");
    assert!(first == fs::read(folder.path().join("app")).unwrap());
}

#[test]
fn inspect_tells_modules_files_grants_and_limits() {
    let folder = packed("inspect");
    let outcome = folder.holdall(&["inspect", "app"]);
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (0, ""),
        "{outcome:#?}"
    );
    for text in [
        concat!("packed by holdall ", env!("CARGO_PKG_VERSION"), "\n"),
        "root: echo\n",
        "calls: _start\n",
        "arguments: first '--second one'\n",
        "    lib ",
        "  sha256 ",
        "    /in  3 files  8 bytes\n",
        "    --dir in::/host::ro\n",
        "    --env 'A=b c'\n",
        "    --grant lib:stderr\n",
        "    --timeout 1.5s\n",
        "    --alias env=lib\n",
        "    --use-exports lib\n",
    ] {
        assert!(outcome.stdout.contains(text), "no {text:?} in {outcome:#?}");
    }
}

#[test]
fn what_is_unpacked_packs_again_to_the_same() {
    let folder = packed("unpack");
    folder.holdall(&["unpack", "app", "out/of/it"]);
    let out = folder.path().join("out/of/it");
    assert_eq!(fs::read(out.join("files/in/a/text")).unwrap(), b"text");
    assert_eq!(fs::read(out.join("files/in/empty")).unwrap(), b"");
    packs_again(&folder, "app", "out/of/it");
    folder
        .holdall(&["unpack", "app", "out/of/it"])
        .fails(1, &["cannot unpack into out/of/it", "not empty"]);
}

#[test]
fn inspect_and_unpack_take_an_executable_from_a_pipe() {
    let folder = packed("pipe");
    let own = env!("CARGO_BIN_EXE_holdall");
    let piped =
        format!("cat app | '{own}' inspect /dev/stdin && cat app | '{own}' unpack /dev/stdin out");
    let outcome = folder.run("bash", &["-c", &piped]);
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    packs_again(&folder, "app", "out");
}

/// The command that lies in a directory where `app` was unpacked makes `app` again, to the byte.
#[track_caller]
pub(crate) fn packs_again(folder: &Folder, app: &str, out: &str) {
    let out = folder.path().join(out);
    let command = fs::read_to_string(out.join("command.txt")).unwrap();
    // As a shell would, but for where the command is.
    let target = crate::other_platform();
    let target = target.map_or_else(String::new, |(target, _)| format!(" --target {target}"));
    let script = command.replace("holdall pack", &format!("\"$HOLDALL\" pack{target}"));
    let packed = std::process::Command::new("sh")
        .args(["-c", &script])
        .env("HOLDALL", env!("CARGO_BIN_EXE_holdall"))
        .current_dir(&out)
        .output()
        .unwrap();
    assert!(packed.status.success(), "{command}: {packed:?}");
    let again = fs::read(out.join("APP")).unwrap();
    assert!(
        fs::read(folder.path().join(app)).unwrap() == again,
        "{command}"
    );
}

/// Names that mean something to another system, a shell or an option, but are names.
#[test]
#[cfg(unix)]
fn names_stay_as_they_are_on_disk_and_pack_again_to_the_same() {
    use std::os::unix::fs::symlink;

    let names = [
        "Foo::Bar.3pm",
        "100%",
        "what?",
        "...",
        "say \"x\"",
        "a*b",
        "x|y",
        "<t>",
        "back\\slash",
        "a:b",
        "-n",
        "--",
        "$(touch x)",
        "`x`",
        "it's",
        "line\nbreak",
        "\u{1b}[2J",
        "\u{202e}",
        "é",
        "a=b",
        " ",
        "~",
        "con",
        "nul.txt",
        "#",
        "a\u{7f}",
    ];
    let folder =
        Folder::new("names_on_disk").with("app.wat", "(module (func (export \"_start\")))");
    let long = "n".repeat(255);
    for name in names.into_iter().chain([&*long]) {
        let path = folder.path().join("in").join(name);
        fs::create_dir_all(path.join("empty")).unwrap();
        fs::write(path.join(name), name).unwrap();
        symlink(name, path.join("link")).unwrap();
        symlink(format!("../{name}/{name}"), path.join("up and down")).unwrap();
        symlink(format!("empty/../{name}"), path.join("down and up")).unwrap();
        symlink("nowhere", path.join("dangles")).unwrap();
    }
    for guest in ["/", ".", "../..", "/a//b", "-x", "it's $(x)"] {
        let embed = format!("in::{guest}");
        folder
            .pack(&["app.wat", "-o", "app", "--embed", &embed])
            .prints("");
        let _ = fs::remove_dir_all(folder.path().join("out"));
        let outcome = folder.holdall(&["unpack", "app", "out"]);
        assert_eq!(
            (outcome.code, outcome.stderr.as_str()),
            (0, ""),
            "{outcome:#?}"
        );
        packs_again(&folder, "app", "out");
    }
    folder
        .pack(&["app.wat", "-o", "app", "--embed", "in::/e"])
        .prints("");
    fs::remove_dir_all(folder.path().join("out")).unwrap();
    folder.holdall(&["unpack", "app", "out"]);
    let own = folder.path().join("out/files/e");
    for name in names {
        assert_eq!(
            fs::read(own.join(name).join(name)).unwrap(),
            name.as_bytes()
        );
        assert_eq!(
            fs::read(own.join(name).join("link")).unwrap(),
            name.as_bytes()
        );
        assert!(own.join(name).join("empty").is_dir());
    }
}

#[test]
fn embedded_directories_within_one_another_stay_apart() {
    let folder = packed("within");
    let dirs = [
        "in::/a", "in::a", "in::/a/a", "in::/A", "in::/b/c", "in::/b",
    ];
    let embed = dirs.iter().flat_map(|dir| ["--embed", dir]);
    let pack = ["echo.wat", "-o", "app", "--module", "lib=lib.wat"].into_iter();
    folder
        .pack(&pack.chain(embed).collect::<Vec<_>>())
        .prints("");
    let outcome = folder.holdall(&["unpack", "app", "out"]);
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    packs_again(&folder, "app", "out");
}

#[test]
fn modules_have_names_that_no_file_and_no_option_can_have() {
    let importing = |names: &[&str]| {
        let imports: String = names
            .iter()
            .map(|name| format!("(import {name:?} \"f\" (func (result i32)))"))
            .collect();
        format!("(module {imports} (func (export \"_start\")))")
    };
    let long = "n".repeat(300);
    let names = [
        "..", "/etc/x", "a//b", "a", "a.wasm/b", "b/", "=", "x y", "it's", "-c", &long,
    ];
    let folder = Folder::new("odd_modules")
        .with("app.wat", importing(&[&names[..], &["k=v", "=="]].concat()))
        .with("lib.wat", letter('x'))
        .with("libs/k=v.wat", letter('y'))
        .with("libs/==.wat", letter('z'));
    let mut pack: Vec<String> = [
        "app.wat",
        "-o",
        "app",
        "--module-path",
        "libs",
        "--name",
        "../r",
    ]
    .map(str::to_owned)
    .to_vec();
    for name in names {
        if !name.contains('=') {
            pack.push(format!("--module={name}=lib.wat"));
        }
    }
    fs::write(folder.path().join("libs/=.wat"), letter('q')).unwrap();
    folder
        .pack(&pack.iter().map(String::as_str).collect::<Vec<_>>())
        .prints("");
    folder.app("app", &[]).prints("");
    let outcome = folder.holdall(&["unpack", "app", "out"]);
    assert_eq!(outcome.code, 0, "{outcome:#?}");
    packs_again(&folder, "app", "out");
}

/// What a manifest says is not run when its command is.
#[test]
#[cfg(unix)]
fn words_that_a_shell_would_obey_are_said_or_refused() {
    let folder = packed("words");
    let hostile = [
        "$(touch PWNED)",
        "`touch PWNED`",
        "'; touch PWNED; '",
        "\\'; touch PWNED; #",
        "-n",
        "--embed",
        "a b",
        "",
        "\"",
        "!x",
        "é",
        "*",
        "~",
        "&touch PWNED",
        "|touch PWNED",
        ">PWNED",
        "#",
        "line\n'; touch PWNED; #\n\ttouch PWNED\n",
        "\n",
    ];
    let mut pack = PACK[..PACK.len() - 2].to_vec();
    pack.extend(hostile);
    let env: Vec<String> = hostile
        .iter()
        .map(|text| format!("--env=A{}={text}", text.len()))
        .collect();
    let dirs: Vec<String> = hostile
        .iter()
        .filter(|text| !text.is_empty())
        .map(|text| format!("--dir={text}::{text}"))
        .collect();
    let options = env.iter().chain(&dirs).map(String::as_str);
    let pack: Vec<&str> = options.chain(pack).collect();
    folder.pack(&pack).prints("");
    folder.holdall(&["unpack", "app", "out"]);
    packs_again(&folder, "app", "out");
    // What no line can say is told, and the command fails.
    folder
        .pack(&[
            "echo.wat",
            "-o",
            "app",
            "--module",
            "lib=lib.wat",
            "--",
            "x\u{1b}\n'; touch PWNED; #",
        ])
        .prints("");
    folder.holdall(&["unpack", "app", "other"]);
    let other = folder.path().join("other");
    let outcome = folder.run("sh", &["-c", "cd other && sh command.txt"]);
    assert_eq!(outcome.code, 1, "{outcome:#?}");
    let command = fs::read_to_string(other.join("command.txt")).unwrap();
    assert!(
        command.starts_with("# no form that every shell reads"),
        "{command}"
    );
    for dir in ["", "out", "other"] {
        assert!(!folder.path().join(dir).join("PWNED").exists());
    }
}

#[test]
fn what_is_no_packed_executable_is_told() {
    let folder = Folder::new("none").with("text", "text");
    let own = env!("CARGO_BIN_EXE_holdall");
    for args in [["inspect", own], ["inspect", "/bin/sh"]] {
        folder.holdall(&args).fails(1, &["it carries no program"]);
    }
    folder
        .holdall(&["unpack", "text", "out"])
        .fails(1, &["it carries no program"]);
    folder
        .holdall(&["unpack", "absent", "out"])
        .fails(1, &["absent"]);
    assert_eq!(folder.names(), ["text"]);
}
