//! The last step of lowering: instructions that follow one another get the opcodes of sequences.
//!
//! The words stay where they are. Each instruction gets the opcode of the sequence that begins with that
//! instruction, also where the instruction is part of a sequence that begins earlier: so branches may go
//! to any instruction. Some sequences exist only with an instruction that stores its result as well. Such
//! an instruction may then store a result that nothing reads from the slot. That does no harm: the slot
//! belongs to the result's height, and nothing else is in that slot.

use crate::ir::{Word, goes_elsewhere, length, longer_sequence, storing};
use crate::trap::TrapCode;
use crate::watch::Watch;

/// What a handler costs. The choice of the sequences counts the same costs (`benches/sequences/main.rs`).
const HANDLER: u32 = 12;
/// What it costs that an instruction stores a result which nothing reads from the slot.
const STORE: u16 = 1;

/// An instruction, or the end of the code.
struct Step {
    pc: u32,
    /// The opcode of the instruction by itself.
    op: u16,
    /// The least that the instructions from here to the end of the straight line cost.
    cost: u32,
}

/// Replaces opcodes, so that each straight line costs as little as possible.
///
/// # Errors
///
/// Where the time is up.
pub(super) fn join(code: &mut [Word], watch: &mut Watch<'_>) -> Result<(), TrapCode> {
    let mut steps = Vec::with_capacity(code.len());
    // The first word is the header.
    let mut pc = 1;
    while let Some(word) = code.get(pc) {
        watch.step(1)?;
        let (pc32, op) = (pc as u32, word.op);
        steps.push(Step {
            pc: pc32,
            op,
            cost: 0,
        });
        pc += length(*word);
    }
    let (end, op) = (pc as u32, 0);
    steps.push(Step {
        pc: end,
        op,
        cost: 0,
    });
    for at in (0..steps.len() - 1).rev() {
        let (cost, op) = best_way(&steps[at..]);
        steps[at].cost = cost;
        code[steps[at].pc as usize].op = op;
        watch.step(1)?;
    }
    Ok(())
}

/// The opcode that begins the cheapest way through the instructions, and what that way costs. Among
/// equally cheap ways, the one whose first handler executes the most instructions.
fn best_way(steps: &[Step]) -> (u32, u16) {
    let first = steps[0].op;
    if goes_elsewhere(first) {
        return (HANDLER, first);
    }
    let mut best = (HANDLER + steps[1].cost, first);
    // The opcodes for all instructions up to the one before `end`.
    let mut ways = Ways::new();
    ways.push(first, 0);
    if let Some(storing) = storing(first) {
        ways.push(storing, STORE);
    }
    for end in 1..steps.len() - 1 {
        let next = steps[end].op;
        let mut longer = Ways::new();
        for (before, stores) in ways.iter() {
            if let Some(op) = longer_sequence(before, next) {
                longer.push(op, stores);
            }
            if let Some(op) = storing(next).and_then(|next| longer_sequence(before, next)) {
                longer.push(op, stores + STORE);
            }
        }
        let ends_here = goes_elsewhere(next);
        let after = if ends_here { 0 } else { steps[end + 1].cost };
        for (op, stores) in longer.iter() {
            let cost = HANDLER + u32::from(stores) + after;
            if cost <= best.0 {
                best = (cost, op);
            }
        }
        if ends_here || longer.len == 0 {
            break;
        }
        ways = longer;
    }
    best
}

/// The few opcodes that the same instructions may have together, each with what its needless stores
/// cost.
#[derive(Clone, Copy)]
struct Ways {
    len: usize,
    ops: [(u16, u16); Self::MOST],
}

impl Ways {
    /// How many opcodes are looked at.
    const MOST: usize = 4;

    fn new() -> Self {
        Self {
            len: 0,
            ops: [(0, 0); Self::MOST],
        }
    }

    #[inline]
    fn push(&mut self, op: u16, stores: u16) {
        if let Some(free) = self.ops.get_mut(self.len) {
            *free = (op, stores);
            self.len += 1;
        }
    }

    #[inline]
    fn iter(&self) -> impl Iterator<Item = (u16, u16)> {
        self.ops.iter().copied().take(self.len)
    }
}

#[cfg(test)]
mod tests {
    use crate::bounds::Bounds;
    use crate::clock::Clock;
    use crate::ir::{Word, instructions_of, storing};
    use crate::lower::{self, Settings, Target};
    use crate::module::Sections;
    use crate::watch::Watch;

    #[test]
    fn sequences_change_opcodes_only_and_only_for_a_target_that_has_them() {
        let text = r#"(module (func (param i32 i32) (result i32) (local i32)
            (loop
                (local.set 2 (i32.add (local.get 2) (i32.load (local.get 0))))
                (local.set 0 (i32.add (local.get 0) (i32.const 4)))
                (br_if 0 (i32.lt_u (local.get 0) (local.get 1))))
            (local.get 2)) (memory 1))"#;
        let bytes = wat::parse_str(text).unwrap();
        let module = Sections::read(bytes.into(), &Bounds::default(), &Clock::default()).unwrap();
        let words = |sequences| {
            let target = Target {
                sequences,
                big_endian: false,
            };
            lower::words(
                &module,
                Settings::default(),
                0,
                target,
                &mut Watch::nothing(),
            )
            .unwrap()
        };
        let (single, joined) = (words(false), words(true));
        assert_eq!(single.len(), joined.len());
        let mut longest = 1;
        for (one, other) in single.iter().zip(&joined).skip(1) {
            assert_eq!(
                *one,
                Word {
                    op: one.op,
                    ..*other
                }
            );
            assert_eq!(instructions_of(&one.op).len(), 1);
            let instructions = instructions_of(&other.op);
            assert!([Some(one.op), storing(one.op)].contains(&Some(instructions[0])));
            longest = longest.max(instructions.len());
        }
        assert!(longest > 1, "{longest}");
    }
}
