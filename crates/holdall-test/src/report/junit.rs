//! Tests as the XML that JUnit made common, which Jenkins and GitLab read: a suite for each file.

use std::fmt;
use std::io::{Result, Write};
use std::time::Duration;

use super::{Report, Summary, Tested, Verdict};

/// The report for build servers, which begins with the counts and is written at the end therefore.
pub(super) struct Junit<'a> {
    out: &'a mut dyn Write,
    tested: Vec<Tested>,
}

impl<'a> Junit<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self {
            out,
            tested: Vec::new(),
        }
    }
}

/// A text in XML: what XML 1.0 cannot say is shown as `\u{1b}`.
struct Xml<'a>(&'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\n' => f.write_str("&#10;")?,
                '\t' => f.write_str("&#9;")?,
                '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                    write!(f, "{}", char.escape_unicode())?;
                }
                char => write!(f, "{char}")?,
            }
        }
        Ok(())
    }
}

impl Report for Junit<'_> {
    fn begin(&mut self, _: usize) -> Result<()> {
        Ok(())
    }

    fn tested(&mut self, tested: &Tested) -> Result<()> {
        self.tested.push(tested.clone());
        Ok(())
    }

    fn end(&mut self, summary: &Summary) -> Result<()> {
        let out = &mut *self.out;
        let seconds = |time: Duration| format!("{:.6}", time.as_secs_f64());
        writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
        writeln!(
            out,
            r#"<testsuites name="holdall test" tests="{}" failures="{}" errors="0" skipped="{}" time="{}">"#,
            self.tested.len(),
            summary.failed,
            summary.skipped,
            seconds(summary.time)
        )?;
        for of_file in self.tested.chunk_by(|one, other| one.file == other.file) {
            let mut counts = Summary::default();
            let mut time = Duration::ZERO;
            for tested in of_file {
                counts.count(tested);
                time += tested.time;
            }
            let file = Xml(&of_file[0].file);
            writeln!(
                out,
                r#"  <testsuite name="{file}" tests="{}" failures="{}" errors="0" skipped="{}" time="{}">"#,
                of_file.len(),
                counts.failed,
                counts.skipped,
                seconds(time)
            )?;
            for tested in of_file {
                let name = Xml(tested.case.as_deref().unwrap_or(&tested.file));
                let time = seconds(tested.time);
                write!(
                    out,
                    r#"    <testcase name="{name}" classname="{file}" file="{file}" time="{time}""#
                )?;
                match &tested.verdict {
                    Verdict::Passed => writeln!(out, "/>")?,
                    Verdict::Failed(why) => {
                        let first = Xml(why.lines().next().unwrap_or_default());
                        let why = Xml(why);
                        writeln!(
                            out,
                            ">\n      <failure message=\"{first}\">{why}</failure>\n    </testcase>"
                        )?;
                    }
                    Verdict::Skipped(why) => {
                        let why = Xml(why);
                        writeln!(
                            out,
                            ">\n      <skipped message=\"{why}\"/>\n    </testcase>"
                        )?;
                    }
                }
            }
            writeln!(out, "  </testsuite>")?;
        }
        writeln!(out, "</testsuites>")
    }
}
