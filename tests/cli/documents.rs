//! Documents whose commands are run: what they say that a command prints, it prints.

use std::fs;
use std::path::Path;

use crate::support::Folder;

/// What stands before a block of a document that is a file, with its path.
const FILE: &str = "<!-- file: ";

/// Does what a document says, in a folder: blocks behind a comment with a path become files, and blocks of a
/// console are commands with what they print.
fn follow(document: &str, mut folder: Folder) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = fs::read_to_string(path).expect("it is there");
    let mut lines = text.lines();
    let mut file = None;
    let mut commands = 0;
    while let Some(line) = lines.next() {
        if let Some(path) = line.strip_prefix(FILE) {
            file = path.strip_suffix(" -->");
        } else if let Some(kind) = line.strip_prefix("```") {
            let block = lines.by_ref().take_while(|line| *line != "```");
            let block: String = block.map(|line| format!("{line}\n")).collect();
            if let Some(path) = file.take() {
                folder = folder.with(path, &block);
            } else if kind == "console" {
                commands += 1;
                check(document, &block, &folder);
            }
        }
    }
    assert!(commands > 0, "{document} has no command");
}

/// Runs a command of a document, and compares what it prints with what stands below.
#[track_caller]
fn check(document: &str, block: &str, folder: &Folder) {
    let (command, expected) = block.split_once('\n').expect("a line");
    let args = command.strip_prefix("$ holdall ").expect(command);
    let args: Vec<_> = args.split(' ').collect();
    let outcome = folder.holdall(&args);
    let printed = outcome.stdout.lines().chain(outcome.stderr.lines());
    let printed: String = printed
        .map(|line| match line.split_once("; finished in ") {
            Some((line, _)) => format!("{line}\n"),
            None => format!("{line}\n"),
        })
        .collect();
    assert_eq!(printed, expected, "{document}: {command}");
}

#[test]
fn the_guide_to_testing_prints_what_it_says() {
    follow("docs/testing.md", Folder::new("guide"));
}

#[test]
fn the_walk_through_the_testing_example_prints_what_it_says() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/testing");
    let mut folder = Folder::new("testing");
    let mut dirs = vec![example.clone()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).expect("it is there") {
            let path = entry.expect("it is readable").path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let below = path.strip_prefix(&example).expect("it is below");
                let bytes = fs::read(&path).expect("it is readable");
                folder = folder.with(below.to_str().expect("UTF-8"), bytes);
            }
        }
    }
    follow("examples/testing/README.md", folder);
}

/// The keys of a JSON schema, and of the schemas in it.
fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
    if !schema.is_object() {
        return;
    }
    let properties = schema["properties"].as_object();
    found.extend(properties.into_iter().flat_map(|it| it.keys().cloned()));
    let children = properties.into_iter().flat_map(|it| it.values());
    let others = schema["anyOf"].as_array().into_iter().flatten();
    let inner = ["items", "additionalProperties"].map(|key| &schema[key]);
    for child in children.chain(others).chain(inner) {
        keys(child, found);
    }
}

#[test]
fn the_guide_to_testing_names_every_key_of_a_manifest() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/testing.md");
    let guide = fs::read_to_string(path).expect("it is there");
    let schema = crate::support::holdall(&["test", "--schema"]).stdout;
    let mut all = Vec::new();
    keys(&serde_json::from_str(&schema).expect("JSON"), &mut all);
    assert!(all.len() > 100, "{all:?}");
    for key in all {
        let is_told = [
            format!("`{key}`"),
            format!("`expect.{key}`"),
            format!("{key} ="),
        ];
        assert!(is_told.iter().any(|text| guide.contains(text)), "{key}");
    }
}
