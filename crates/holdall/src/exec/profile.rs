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
    /// How often the execution went on with the instruction after this one.
    fell: u64,
    /// How often the execution went on elsewhere.
    jumped: u64,
}

/// The counts by the instruction's address. Code that was freed is mistaken for the code that takes its
/// place.
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

/// Writes the counts, one instruction a line: its address and length in words, the two counts, and the
/// instruction as the table of sequences spells it, or `-` for an instruction that no sequence may hold.
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
