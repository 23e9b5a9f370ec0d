//! Tests as objects of JSON, one to a line:
//!
//! ```text
//! {"event":"begin","tests":2}
//! {"event":"test","name":"tests/app.test.toml::adds","file":"tests/app.test.toml","case":"adds","outcome":"passed","seconds":0.001}
//! {"event":"test","name":"...","file":"...","case":"...","outcome":"failed","seconds":0.001,"message":"..."}
//! {"event":"end","passed":1,"failed":1,"skipped":0,"filtered_out":0,"not_run":0,"seconds":0.002}
//! ```
//!
//! `outcome` is `passed`, `failed` or `skipped`, and the last two have a `message`. A script has no `case`.

use std::io::{Result, Write};
use std::time::Duration;

use serde::Serialize;

use super::{Report, Summary, Tested, Verdict};

/// The report for programs.
pub(super) struct Json<'a>(pub(super) &'a mut dyn Write);

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event<'a> {
    Begin {
        tests: usize,
    },
    Test {
        name: String,
        file: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        case: Option<&'a str>,
        outcome: &'static str,
        seconds: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
    },
    End {
        passed: usize,
        failed: usize,
        skipped: usize,
        filtered_out: usize,
        not_run: usize,
        seconds: f64,
    },
}

impl Json<'_> {
    fn line(&mut self, event: &Event<'_>) -> Result<()> {
        let text = serde_json::to_string(event)?;
        writeln!(self.0, "{text}")
    }
}

/// Seconds, to the microsecond.
fn seconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e6
}

impl Report for Json<'_> {
    fn begin(&mut self, tests: usize) -> Result<()> {
        self.line(&Event::Begin { tests })
    }

    fn tested(&mut self, tested: &Tested) -> Result<()> {
        let (outcome, message) = match &tested.verdict {
            Verdict::Passed => ("passed", None),
            Verdict::Failed(why) => ("failed", Some(why.as_str())),
            Verdict::Skipped(why) => ("skipped", Some(why.as_str())),
        };
        self.line(&Event::Test {
            name: tested.name(),
            file: &tested.file,
            case: tested.case.as_deref(),
            outcome,
            seconds: seconds(tested.time),
            message,
        })
    }

    fn end(&mut self, summary: &Summary) -> Result<()> {
        let Summary {
            passed,
            failed,
            skipped,
            filtered_out,
            not_run,
            time,
        } = *summary;
        self.line(&Event::End {
            passed,
            failed,
            skipped,
            filtered_out,
            not_run,
            seconds: seconds(time),
        })
    }
}
