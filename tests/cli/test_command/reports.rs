//! The forms for programs.

use super::folder;

const CASES: &str = "[[case]]\nname = \"a & b\"\ncall = \"now\"\nexit = 0\n\
    [[case]]\nname = \"fails #1\"\ncall = \"now\"\nresults = [\"0x1:i64\"]\n\
    [[case]]\nname = \"later\"\nskip = \"<not> yet\"";

/// The text without the seconds in it.
fn timeless(text: &str, before: &str, after: char) -> String {
    let mut parts = text.split(before);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.split_once(after).map_or("", |(_, rest)| rest);
        format!("{text}{before}_{after}{rest}")
    })
}

#[test]
fn json_is_an_object_to_a_line() {
    let outcome = folder("json", CASES).holdall(&["test", "--format", "json"]);
    let expected = r#"{"event":"begin","tests":3}
{"event":"test","name":"tests/app.test.toml::a & b","file":"tests/app.test.toml","case":"a & b","outcome":"passed","seconds":_}
{"event":"test","name":"tests/app.test.toml::fails #1","file":"tests/app.test.toml","case":"fails #1","outcome":"failed","seconds":_,"message":"results: expected 0x1:i64, found 0x7:i64"}
{"event":"test","name":"tests/app.test.toml::later","file":"tests/app.test.toml","case":"later","outcome":"skipped","seconds":_,"message":"<not> yet"}
{"event":"end","passed":1,"failed":1,"skipped":1,"filtered_out":0,"not_run":0,"seconds":_}
"#;
    let mut found = String::new();
    for line in outcome.stdout.lines() {
        let (before, rest) = line.split_once("\"seconds\":").unwrap_or((line, ""));
        let rest =
            rest.trim_start_matches(|char: char| char.is_ascii_digit() || ".e-".contains(char));
        let seconds = if before == line { "" } else { "\"seconds\":_" };
        found += &format!("{before}{seconds}{rest}\n");
    }
    assert_eq!(found, expected);
    assert_eq!(outcome.code, 1);
}

#[test]
fn tap_is_version_14() {
    let outcome = folder("tap", CASES).holdall(&["test", "--format", "tap"]);
    let expected = "TAP version 14\n1..3\n\
        ok 1 - tests/app.test.toml::a & b\n\
        not ok 2 - tests/app.test.toml::fails \\#1\n  \
        ---\n  message: |2\n    results: expected 0x1:i64, found 0x7:i64\n  ...\n\
        ok 3 - tests/app.test.toml::later # SKIP <not> yet\n";
    assert_eq!(outcome.stdout, expected);
    assert_eq!(outcome.code, 1);
}

#[test]
fn junit_is_xml_with_a_suite_for_each_file() {
    let folder = folder("junit", CASES).with("tests/b.wast", "(module)");
    let outcome = folder.holdall(&["test", "--format", "junit"]);
    let found = timeless(&outcome.stdout, " time=\"", '"');
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="holdall test" tests="4" failures="1" errors="0" skipped="1" time="_">
  <testsuite name="tests/app.test.toml" tests="3" failures="1" errors="0" skipped="1" time="_">
    <testcase name="a &amp; b" classname="tests/app.test.toml" file="tests/app.test.toml" time="_"/>
    <testcase name="fails #1" classname="tests/app.test.toml" file="tests/app.test.toml" time="_">
      <failure message="results: expected 0x1:i64, found 0x7:i64">results: expected 0x1:i64, found 0x7:i64</failure>
    </testcase>
    <testcase name="later" classname="tests/app.test.toml" file="tests/app.test.toml" time="_">
      <skipped message="&lt;not&gt; yet"/>
    </testcase>
  </testsuite>
  <testsuite name="tests/b.wast" tests="1" failures="0" errors="0" skipped="0" time="_">
    <testcase name="tests/b.wast" classname="tests/b.wast" file="tests/b.wast" time="_"/>
  </testsuite>
</testsuites>
"#;
    assert_eq!(found, expected);
}

#[test]
fn a_form_that_there_is_not_is_a_wrong_command_line() {
    let outcome = folder("form", CASES).holdall(&["test", "--format", "xml"]);
    outcome.fails(2, &["expected human, json, junit, tap"]);
}
