//! Tests in the Test Anything Protocol, version 14.

use std::io::{Result, Write};

use super::{Report, Summary, Tested, Verdict};

/// The report for harnesses of TAP.
pub(super) struct Tap<'a> {
    out: &'a mut dyn Write,
    number: usize,
}

impl<'a> Tap<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, number: 0 }
    }
}

/// A text on one line, without what directives begin with.
fn described(text: &str) -> String {
    holdall::Escaped(text).to_string().replace('#', "\\#")
}

impl Report for Tap<'_> {
    fn begin(&mut self, tests: usize) -> Result<()> {
        writeln!(self.out, "TAP version 14\n1..{tests}")
    }

    fn tested(&mut self, tested: &Tested) -> Result<()> {
        self.number += 1;
        let (number, name) = (self.number, described(&tested.name()));
        match &tested.verdict {
            Verdict::Passed => writeln!(self.out, "ok {number} - {name}"),
            Verdict::Skipped(why) => {
                writeln!(self.out, "ok {number} - {name} # SKIP {}", described(why))
            }
            Verdict::Failed(why) => {
                writeln!(self.out, "not ok {number} - {name}\n  ---\n  message: |2")?;
                for line in why.lines() {
                    writeln!(self.out, "    {}", holdall::EscapedLines(line))?;
                }
                writeln!(self.out, "  ...")
            }
        }
    }

    fn end(&mut self, summary: &Summary) -> Result<()> {
        match summary.not_run {
            0 => Ok(()),
            _ => writeln!(self.out, "Bail out! A test failed"),
        }
    }
}
