//! Counts what lowered code executes, for the choice of the instruction table's sequences: how often
//! each instruction went on with the one after it, and how often elsewhere.
//!
//! Only in a build with `HOLDALL_DISPATCH=profile` in its environment, which is for that and makes
//! everything slow. What was counted is written to the file that the variable `HOLDALL_PROFILE` names,
//! whenever an execution ends.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Mutex;

use crate::ir::{Word, goes_elsewhere, length, spelling};

/// An instruction that was executed.
#[derive(Default)]
struct Count {
    words: usize,
    ends_line: bool,
    text: String,
    /// How often the instruction after it was next, and how often another one.
    fell: u64,
    jumped: u64,
}

/// By address: code that was freed is mistaken for what takes its place.
static COUNTS: Mutex<Option<HashMap<usize, Count>>> = Mutex::new(None);

/// Counts the instruction at `ip`, after which the one at `next` is executed.
///
/// # Safety
///
/// Both point into lowered code.
pub(super) unsafe fn record(ip: *const Word, next: *const Word) {
    let mut counts = COUNTS.lock().expect("nothing panics with it locked");
    let count = counts.get_or_insert_default().entry(ip.addr()).or_default();
    if count.words == 0 {
        // SAFETY: passed on from the caller.
        let word = unsafe { *ip };
        count.words = length(word);
        count.ends_line = goes_elsewhere(word.op);
        count.text = spelling(word.op).expect("this build has no sequences");
    }
    if !count.ends_line && ip.wrapping_add(count.words) == next {
        count.fell += 1;
    } else {
        count.jumped += 1;
    }
}

/// Writes what was counted, an instruction a line: address and length in words, the two counts, and
/// the instruction as the table of sequences spells it, `-` where none can hold it.
pub(super) fn write() {
    let (Some(path), Ok(counts)) = (std::env::var_os("HOLDALL_PROFILE"), COUNTS.lock()) else {
        return;
    };
    let mut lines: Vec<_> = counts.iter().flatten().collect();
    lines.sort_by_key(|(address, _)| **address);
    let mut text = String::new();
    for (address, count) in lines {
        let at = address / size_of::<Word>();
        let Count {
            words,
            fell,
            jumped,
            text: instruction,
            ..
        } = count;
        let _ = writeln!(text, "{at} {words} {fell} {jumped} {instruction}");
    }
    if let Err(error) = std::fs::write(&path, text) {
        eprintln!("{}: {error}", path.display());
    }
}
