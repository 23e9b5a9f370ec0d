//! Checks of addresses in memory 0.
//!
//! An access is checked only where no earlier access to the same address has shown that the address is within the
//! memory: memories never shrink. An access that follows a check of its address with nothing in between that anybody
//! sees makes that check a larger one.
//!
//! A loop is calm where nothing in it may move the memory. How far accesses may go is then the same in all turns:
//! before the loop, the bytes that an access reaches are taken from the memory's size, and the address is compared
//! with the rest.

use std::collections::{BTreeMap, HashMap};

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Inst, InstBuilder, InstructionData, Opcode, Value};
use holdall_core::native::{Place, ending, memory};
use holdall_core::trap::TrapCode;

use crate::function::Func;

/// For how many lengths of accesses a calm loop has a limit of its own: each takes a register.
const MOST_LIMITS: usize = 3;

/// The checks of addresses in memory 0.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    /// What is known of addresses of 32 bits, here.
    known: HashMap<Value, Known>,
    /// What was known before, for each change.
    changes: Vec<(Value, Option<Known>)>,
    /// How many effects there were so far.
    effects: u32,
    made: Vec<Check>,
    /// The calm loops that are in no other calm loop.
    loops: Vec<Calm>,
    /// The one around the operator that is translated.
    calm: Option<usize>,
}

/// What is known of an address.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// How many bytes from the address on lie in the memory.
    bytes: u64,
    /// The check that has shown this.
    check: usize,
    /// How many effects there were before the check.
    effects: u32,
}

/// A check that was made.
#[derive(Debug)]
struct Check {
    /// The instruction that traps if an access is out of bounds.
    trap: Inst,
    /// The address, with 64 bits.
    address: Value,
    len: Value,
    /// The constant that is added to the address: the bytes that the accesses reach.
    reach: Inst,
    /// The comparison of the address, with that constant added, and the size.
    compare: Inst,
    /// For each access, the bytes that it reaches, ascending; and its place.
    accesses: Vec<(u64, Place)>,
    /// The calm loop around the check.
    calm: Option<usize>,
}

impl Check {
    /// How many bytes all accesses reach.
    fn reach(&self) -> u64 {
        self.accesses.last().map_or(0, |(reach, _)| *reach)
    }
}

/// A calm loop.
#[derive(Debug)]
struct Calm {
    /// The jump that enters the loop.
    enters: Inst,
    /// The memory's size.
    len: Value,
}

impl Checks {
    /// Notes that something happens that others see, or that may end the execution.
    pub(crate) fn effect(&mut self) {
        self.effects += 1;
    }

    /// How much is known, for [`roll_back`](Self::roll_back).
    pub(crate) fn mark(&self) -> usize {
        self.changes.len()
    }

    /// Knows only what was known at a mark: control arrives where not all of the rest holds.
    pub(crate) fn roll_back(&mut self, mark: usize) {
        for (address, before) in self.changes.drain(mark..).rev() {
            match before {
                Some(known) => self.known.insert(address, known),
                None => self.known.remove(&address),
            };
        }
        self.effects += 1;
    }

    fn learn(&mut self, address: Value, known: Known) {
        let before = self.known.insert(address, known);
        self.changes.push((address, before));
    }

    /// An address of 32 bits with 64 bits, if it was checked.
    pub(crate) fn checked(&self, address: Value) -> Option<Value> {
        let known = self.known.get(&address)?;
        Some(self.made[known.check].address)
    }

    /// The calm loop around the operator that is translated, for [`leave_loop`](Self::leave_loop).
    pub(crate) fn calm(&self) -> Option<usize> {
        self.calm
    }

    /// Enters a calm loop by a jump.
    pub(crate) fn enter_calm_loop(&mut self, enters: Inst, len: Value) {
        if self.calm.is_none() {
            self.calm = Some(self.loops.len());
            self.loops.push(Calm { enters, len });
        }
    }

    /// Leaves a loop; `calm` is the calm loop around that one.
    pub(crate) fn leave_loop(&mut self, calm: Option<usize>) {
        self.calm = calm;
    }

    /// What calm loops have limits for: how many bytes accesses reach.
    fn limited(&self, least_len: u64) -> Vec<(usize, u64)> {
        let mut counts: BTreeMap<(usize, u64), usize> = BTreeMap::new();
        for check in &self.made {
            if let (Some(calm), 2..) = (check.calm, check.reach()) {
                *counts.entry((calm, check.reach())).or_default() += 1;
            }
        }
        let mut ranks: Vec<_> = counts.into_iter().collect();
        ranks.retain(|((_, reach), _)| *reach <= least_len);
        ranks.sort_by_key(|((calm, reach), count)| (*calm, usize::MAX - *count, *reach));
        let of_loops = ranks.chunk_by(|(one, _), (other, _)| one.0 == other.0);
        let firsts = of_loops.flat_map(|ranks| ranks.iter().take(MOST_LIMITS));
        firsts.map(|(limited, _)| *limited).collect()
    }
}

impl Func<'_> {
    /// Checks an address of 32 bits, where nothing has shown yet that the access is within bounds. `popped` is the
    /// address as it was on the stack.
    pub(crate) fn check_once(&mut self, popped: Value, address: Value, reach: u64) {
        let here = self.here(ending::of(TrapCode::OutOfBoundsMemoryAccess));
        if let Some(known) = self.checks.known.get(&popped).copied() {
            if known.bytes >= reach {
                return;
            }
            if known.effects == self.checks.effects {
                let bytes = reach;
                self.checks.learn(popped, Known { bytes, ..known });
                let check = &mut self.checks.made[known.check];
                check.accesses.push((reach, here));
                let imm = reach.cast_signed().into();
                let opcode = Opcode::Iconst;
                self.b.func.dfg.insts[check.reach] = InstructionData::UnaryImm { opcode, imm };
                return;
            }
        }
        if self.is_beside_checked(popped, reach) || self.is_within_least(popped, reach) {
            return;
        }
        // That this check may trap is an effect too: what comes after it may not come before.
        self.effect();
        let constant = self.i64(reach);
        let end = self.b.ins().iadd(address, constant);
        let len = self.len_of(0);
        let outside = self.b.ins().icmp(IntCC::UnsignedGreaterThan, end, len);
        let compare = self.b.func.dfg.value_def(outside).unwrap_inst();
        let trap = self.sites.end_if(&mut self.b, outside, here);
        let reach_inst = self.b.func.dfg.value_def(constant).unwrap_inst();
        let known = Known {
            bytes: reach,
            check: self.checks.made.len(),
            effects: self.checks.effects,
        };
        self.checks.learn(popped, known);
        self.checks.made.push(Check {
            trap,
            address,
            len,
            reach: reach_inst,
            compare,
            accesses: vec![(reach, here)],
            calm: self.checks.calm,
        });
    }

    /// Whether an address is the sum of a checked one and a constant, and so much beside that one is in the memory that
    /// an access is which reaches so far from the sum. The sum does not wrap then: a memory has at most 2^32 bytes.
    fn is_beside_checked(&self, address: Value, reach: u64) -> bool {
        let dfg = &self.b.func.dfg;
        let address = dfg.resolve_aliases(address);
        let Some(inst) = dfg.value_def(address).inst() else {
            return false;
        };
        let InstructionData::Binary {
            opcode: Opcode::Iadd,
            args: [base, added],
        } = dfg.insts[inst]
        else {
            return false;
        };
        let known = self.checks.known.get(&base);
        let added = self.known_integer(added).map(|added| added as u32);
        known
            .zip(added)
            .is_some_and(|(known, added)| known.bytes >= u64::from(added) + reach)
    }

    /// Whether an access that reaches so far from an address is within the memory whatever the memory's size is.
    fn is_within_least(&self, address: Value, reach: u64) -> bool {
        let end = self.most(address).checked_add(reach);
        end.is_some_and(|end| end <= self.least_bytes())
    }

    /// The least size of memory 0 in bytes, if that fits 64 bits: a memory is never smaller.
    fn least_bytes(&self) -> u64 {
        let memory = self.module.sections.memories.first();
        let least = memory.and_then(|memory| {
            let log2 = memory.page_size_log2.into();
            memory.min.checked_shl(log2)
        });
        least.unwrap_or(0)
    }

    /// Makes of each check what is best, once all are known. Nothing may be translated after this: blocks are split
    /// that the builder knows as they were.
    pub(crate) fn finish_checks(&mut self) {
        let limits = self.make_limits();
        for check in std::mem::take(&mut self.checks.made) {
            let limit = check
                .calm
                .and_then(|calm| limits.get(&(calm, check.reach())));
            let compared = match (limit, check.reach()) {
                (Some(limit), _) => Some((IntCC::UnsignedGreaterThan, *limit)),
                (None, 1) => Some((IntCC::UnsignedGreaterThanOrEqual, check.len)),
                _ => None,
            };
            if let Some((cond, with)) = compared {
                self.b.func.dfg.insts[check.compare] = InstructionData::IntCompare {
                    opcode: Opcode::Icmp,
                    args: [check.address, with],
                    cond,
                };
            }
            if check.accesses.len() > 1 {
                self.split(check);
            }
        }
    }

    /// Computes limits before the calm loops that have some: the highest addresses of accesses that reach so far.
    fn make_limits(&mut self) -> HashMap<(usize, u64), Value> {
        // Nothing is taken from less.
        let limited = self.checks.limited(self.least_bytes());
        let limit = |(calm, reach): (usize, u64)| {
            let Calm { enters, len } = self.checks.loops[calm];
            let mut at = FuncCursor::new(self.b.func).at_inst(enters);
            let limit = at.ins().iadd_imm_s(len, -reach.cast_signed());
            ((calm, reach), limit)
        };
        limited.into_iter().map(limit).collect()
    }

    /// Has the check of several accesses say which of them is the first out of bounds.
    fn split(&mut self, check: Check) {
        let failed = self.cold_block();
        self.go_on_in(failed);
        let mut accesses = check.accesses.into_iter().peekable();
        while let Some((reach, place)) = accesses.next() {
            if accesses.peek().is_none() {
                self.sites.end(&mut self.b, place);
                break;
            }
            let reach = self.i64(reach);
            let end = self.b.ins().iadd(check.address, reach);
            let len = self.of_memory(0, memory::LEN);
            let outside = IntCC::UnsignedGreaterThan;
            let outside = self.b.ins().icmp(outside, end, len);
            self.sites.end_if(&mut self.b, outside, place);
        }
        let func = &mut self.b.func;
        let outside = func.dfg.inst_args(check.trap)[0];
        let next = func.dfg.make_block();
        let after = func.layout.next_inst(check.trap);
        let after = after.expect("every block has an end");
        func.layout.split_block(next, after);
        let mut at = FuncCursor::new(func).at_inst(check.trap);
        at.remove_inst();
        let before = at.layout().prev_block(next).expect("the block was split");
        at.goto_bottom(before);
        at.ins().brif(outside, failed, &[], next, &[]);
    }
}
