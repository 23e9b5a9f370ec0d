//! Condensed profiles: the straight lines of instructions that a program executes, with counts.
//!
//! First stand the instructions that occur, each as the table of sequences spells it (`-` is one that no
//! sequence can hold), and an empty line. Then there is a line for each straight line of code. A number
//! is an instruction by its place in that list, `+n` says how often the instruction after it is reached
//! from elsewhere, and `-n` how often the one before it goes elsewhere. The counts are millionths of all
//! instructions that the program executed.

use std::collections::HashMap;
use std::fmt::Write as _;

/// An instruction of a straight line.
pub(crate) struct Step<'t> {
    pub(crate) instruction: &'t str,
    /// How often it is reached from elsewhere than the instruction before it.
    pub(crate) entered: f64,
    /// How often another one than the instruction after it is next.
    pub(crate) left: f64,
}

/// The straight lines of a condensed profile.
pub(crate) fn read(text: &str) -> Result<Vec<Vec<Step<'_>>>, String> {
    let (instructions, lines) = text
        .split_once("\n\n")
        .ok_or("no empty line after the instructions")?;
    let instructions: Vec<&str> = instructions.lines().collect();
    let line = |line| {
        let mut steps: Vec<Step<'_>> = Vec::new();
        let mut entered = 0;
        for token in str::split(line, ' ') {
            let wrong = |_| format!("{token:?} in {line:?}: expected an instruction or a count");
            let number: u32 = token
                .trim_start_matches(['+', '-'])
                .parse()
                .map_err(wrong)?;
            if token.starts_with('+') {
                entered = number;
            } else if token.starts_with('-') {
                let step = steps
                    .last_mut()
                    .ok_or("a line begins with a count of what left")?;
                step.left = number.into();
            } else {
                steps.push(Step {
                    instruction: instructions
                        .get(number as usize)
                        .ok_or_else(|| format!("no instruction {number}"))?,
                    entered: std::mem::take(&mut entered).into(),
                    left: 0.0,
                });
            }
        }
        Ok(steps)
    };
    lines.lines().map(line).collect()
}

/// What is executed less often is left out, in millionths.
const SELDOM: u64 = 30;

/// An instruction of a profile: address and length in words, how often it went on with the instruction
/// after it and how often elsewhere, in millionths, and its spelling.
struct Counted<'t> {
    address: u64,
    words: u64,
    fell: u64,
    jumped: u64,
    instruction: &'t str,
}

/// Condenses what `holdall` writes that was built with `HOLDALL_DISPATCH=profile`.
pub(crate) fn condensed(raw: &str) -> Result<String, String> {
    let mut counted = Vec::new();
    for line in raw.lines() {
        let mut fields = line.splitn(5, ' ');
        let mut number = || fields.next()?.parse::<u64>().ok();
        let numbers = (|| Some([number()?, number()?, number()?, number()?]))();
        let ([address, words, fell, jumped], instruction) = numbers
            .zip(fields.next())
            .ok_or_else(|| format!("{line:?} is no line of a profile"))?;
        counted.push(Counted {
            address,
            words,
            fell,
            jumped,
            instruction,
        });
    }
    let total: u64 = counted.iter().map(|it| it.fell + it.jumped).sum();
    for it in &mut counted {
        let millionths = |n: u64| (n as f64 * 1e6 / total as f64).round() as u64;
        let executed = millionths(it.fell + it.jumped);
        it.jumped = millionths(it.jumped).min(executed);
        it.fell = executed - it.jumped;
    }
    counted.retain(|it| it.fell + it.jumped >= SELDOM);

    // The instructions that occur most often have the shortest numbers.
    let mut occurs: HashMap<&str, usize> = HashMap::new();
    for it in &counted {
        *occurs.entry(it.instruction).or_default() += 1;
    }
    let mut instructions: Vec<&str> = occurs.keys().copied().collect();
    instructions.sort_unstable_by_key(|it| (std::cmp::Reverse(occurs[it]), *it));
    let places: HashMap<&str, usize> = (0..).zip(&instructions).map(|(at, it)| (*it, at)).collect();

    let mut lines: Vec<(u64, String)> = Vec::new();
    let (mut expected, mut fell) = (None, 0);
    for it in &counted {
        let executed = it.fell + it.jumped;
        if expected != Some(it.address) || fell == 0 {
            lines.push((0, String::new()));
            fell = 0;
        }
        let (most, line) = lines.last_mut().expect("there is one");
        *most = executed.max(*most);
        let gap = if line.is_empty() { "" } else { " " };
        let entered = executed.saturating_sub(fell);
        if entered > 0 {
            let _ = write!(line, "{gap}+{entered} {}", places[it.instruction]);
        } else {
            let _ = write!(line, "{gap}{}", places[it.instruction]);
        }
        // What left before a cold instruction need not be told, nor what left at the end.
        if it.jumped > 0 && it.fell > 0 {
            let _ = write!(line, " -{}", it.jumped);
        }
        (expected, fell) = (Some(it.address + it.words), it.fell);
    }
    lines.sort_unstable_by(|(most, line), (than, other)| than.cmp(most).then(line.cmp(other)));
    let mut text = String::new();
    for instruction in instructions {
        let _ = writeln!(text, "{instruction}");
    }
    text.push('\n');
    for (_, line) in lines {
        let _ = writeln!(text, "{line}");
    }
    Ok(text)
}
