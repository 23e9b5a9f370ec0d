//! Tests as `cargo test` tells them.

use std::io::{Result, Write};

use holdall::{Escaped, EscapedLines};

use super::{Report, Summary, Tested, Verdict, counted};

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const PLAIN: &str = "\x1b[0m";

/// The report for people.
pub(super) struct Human<'a> {
    out: &'a mut dyn Write,
    colours: bool,
    /// The names of tests that failed, and why.
    failures: Vec<(String, String)>,
}

impl<'a> Human<'a> {
    pub(super) fn new(out: &'a mut dyn Write, colours: bool) -> Self {
        Self {
            out,
            colours,
            failures: Vec::new(),
        }
    }

    fn painted(&self, colour: &str, text: &str) -> String {
        if self.colours {
            format!("{colour}{text}{PLAIN}")
        } else {
            text.to_owned()
        }
    }
}

impl Report for Human<'_> {
    fn begin(&mut self, tests: usize) -> Result<()> {
        writeln!(self.out, "running {}", counted(tests, "test"))
    }

    fn tested(&mut self, tested: &Tested) -> Result<()> {
        let name = tested.name();
        let word = match &tested.verdict {
            Verdict::Passed => self.painted(GREEN, "ok"),
            Verdict::Failed(why) => {
                self.failures.push((name.clone(), why.clone()));
                self.painted(RED, "FAILED")
            }
            Verdict::Skipped(why) => {
                let why = Escaped(why);
                format!("{}, {why}", self.painted(YELLOW, "ignored"))
            }
        };
        writeln!(self.out, "test {} ... {word}", Escaped(&name))?;
        // Whoever waits sees how far it is.
        self.out.flush()
    }

    fn end(&mut self, summary: &Summary) -> Result<()> {
        if !self.failures.is_empty() {
            writeln!(self.out, "\nfailures:")?;
            for (name, why) in &self.failures {
                writeln!(self.out, "\n---- {} ----", Escaped(name))?;
                for line in why.lines() {
                    let line = EscapedLines(line).to_string();
                    let colour = match line.trim_start().chars().next() {
                        Some('-') => RED,
                        Some('+') => GREEN,
                        _ => "",
                    };
                    let line = match colour {
                        "" => line,
                        colour => self.painted(colour, &line),
                    };
                    writeln!(self.out, "{line}")?;
                }
            }
            writeln!(self.out, "\nfailures:")?;
            for (name, _) in &self.failures {
                writeln!(self.out, "    {}", Escaped(name))?;
            }
        }
        let Summary {
            passed,
            failed,
            skipped,
            filtered_out,
            not_run,
            time,
        } = summary;
        let word = match failed {
            0 => self.painted(GREEN, "ok"),
            _ => self.painted(RED, "FAILED"),
        };
        let not_run = match not_run {
            0 => String::new(),
            count => format!("; {count} not run"),
        };
        writeln!(
            self.out,
            "\ntest result: {word}. {passed} passed; {failed} failed; {skipped} ignored; \
             {filtered_out} filtered out{not_run}; finished in {:.2}s",
            time.as_secs_f64()
        )
    }
}
