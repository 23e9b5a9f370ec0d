//! What is packed is what was there, and never the executable that is being made.

use std::fs;

use crate::support::Folder;

const APP: &str = "(module (func (export \"_start\")))";

/// An executable that holds the one before it doubles each time.
#[test]
#[cfg(unix)]
fn an_output_is_no_part_of_itself_however_it_is_spelt() {
    use std::os::unix::fs::symlink;

    let folder = Folder::new("itself")
        .with("app.wat", APP)
        .with("site/page", "page")
        .with("site/below/page", "page")
        .with("elsewhere/old", "old");
    symlink("site", folder.path().join("alias")).unwrap();
    let absolute = folder.path().join("site/app");
    let absolute = absolute.to_str().unwrap();
    let below = [
        "site/below/app",
        "site/../site/below/app",
        "alias/below/app",
    ];
    let outputs = [
        "site/app",
        "./site/../site/app",
        "alias/app",
        "site/below/../app",
        absolute,
    ];
    for (name, outputs) in [("app", &outputs[..]), ("below/app", &below)] {
        let file = folder.path().join("site").join(name);
        let _ = fs::remove_file(&file);
        let mut first = None;
        let embeds = ["site", "alias/", "site/below/..", "./site"];
        for (embed, output) in embeds.into_iter().cycle().zip(outputs) {
            let embed = format!("{embed}::/site");
            folder
                .pack(&["app.wat", "-o", output, "--embed", &embed])
                .prints("");
            let bytes = fs::read(&file).unwrap();
            let first = first.get_or_insert_with(|| bytes.clone());
            assert!(*first == bytes, "{embed} {output}");
        }
        fs::remove_file(&file).unwrap();
    }
    // Another name of the file that is replaced.
    folder
        .pack(&["app.wat", "-o", "app", "--embed", "site::/site"])
        .prints("");
    let first = fs::read(folder.path().join("app")).unwrap();
    fs::hard_link(folder.path().join("app"), folder.path().join("site/other")).unwrap();
    folder
        .pack(&["app.wat", "-o", "app", "--embed", "site::/site"])
        .prints("");
    assert!(first == fs::read(folder.path().join("app")).unwrap());
    fs::remove_file(folder.path().join("site/other")).unwrap();
    // A link of its name is replaced, not followed, and is no part either.
    symlink("page", folder.path().join("site/app")).unwrap();
    folder
        .pack(&["app.wat", "-o", "site/app", "--embed", "site::/site"])
        .prints("");
    assert!(first == fs::read(folder.path().join("site/app")).unwrap());
    assert_eq!(fs::read(folder.path().join("site/page")).unwrap(), b"page");
}

#[test]
#[cfg(unix)]
fn what_is_no_file_is_refused_and_not_waited_for() {
    let folder = Folder::new("fifo").with("app.wat", APP).with("in/file", "");
    let made = folder.run("mkfifo", &["in/pipe"]);
    assert_eq!(made.code, 0);
    folder
        .pack(&["app.wat", "-o", "app", "--embed", "in::/in"])
        .fails(
            1,
            &["cannot embed directory in", "\"pipe\" is neither a file"],
        );
}

#[test]
fn a_list_of_what_is_kept_is_checked() {
    let folder = Folder::new("list")
        .with("app.wat", APP)
        .with("in/file", "")
        .with("lists/file.0", "contents");
    for (line, text) in [
        ("no json", "line 1"),
        (r#"{"kind":"other"}"#, "line 1"),
        (
            r#"{"kind":"file","embed":1,"path":"a","file":"file.0"}"#,
            "below 1, found 1",
        ),
        (
            r#"{"kind":"file","embed":0,"path":"a","file":"absent"}"#,
            "absent",
        ),
        (
            r#"{"kind":"file","embed":0,"path":"a","file":"../app.wat"}"#,
            "../app.wat",
        ),
        (
            r#"{"kind":"file","embed":0,"path":"file","file":"file.0"}"#,
            "\"file\" is there twice",
        ),
        (
            r#"{"kind":"file","embed":0,"path":"../a","file":"file.0"}"#,
            "no path of a file",
        ),
        (
            r#"{"kind":"dir","embed":0,"path":"/a"}"#,
            "no path of a file",
        ),
        (
            r#"{"kind":"link","embed":0,"path":"a","target":"../x"}"#,
            "leads out",
        ),
        (
            r#"{"kind":"module","name":"env","file":"file.0"}"#,
            "env is the host's",
        ),
    ] {
        fs::write(folder.path().join("lists/list"), line).unwrap();
        folder
            .pack(&[
                "app.wat",
                "-o",
                "app",
                "--embed",
                "in::/in",
                "--kept",
                "lists/list",
            ])
            .fails(1, &[text]);
    }
}
