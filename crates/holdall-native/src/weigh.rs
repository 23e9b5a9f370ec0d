//! How long Cranelift takes for a function. Most functions take a time that grows with their size. Hostile ones can
//! take a thousand times as long, for what grows with the square of their size. That is what is counted here: values
//! that many blocks have to keep, values that meet in one place, values that have many uses.

use std::cmp::Reverse;
use std::time::Duration;

use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, Function, Inst, Value};

// What each thing takes, as measured, rounded up.
const NANOS_OF_INSTRUCTION: u64 = 2_000;
/// One value that one block has to keep.
const NANOS_OF_KEEPING: u64 = 100;
/// One pair of values that meet.
const NANOS_OF_MEETING: u64 = 20;
/// One pair of blocks that use a value.
const NANOS_OF_USING: u64 = 2;
/// Counting ends here: nobody waits so long.
const MOST_KEPT: u64 = 1 << 28;

/// How long Cranelift takes for a function at worst, about. Itself takes a small part of that.
pub(crate) fn time_of(function: &Function) -> Duration {
    let mut weight = Weight::default();
    let blocks: Vec<Block> = function.layout.blocks().collect();
    for (at, block) in (0..).zip(&blocks) {
        weight.places[*block] = at;
    }
    for (at, block) in (0..).zip(&blocks) {
        for value in function.dfg.block_params(*block) {
            weight.lives[*value].first = at;
        }
        for inst in function.layout.block_insts(*block) {
            weight.instruction(function, inst, at);
        }
    }
    let nanos = weight.instructions * NANOS_OF_INSTRUCTION
        + weight.kept(blocks.len() as u32) * NANOS_OF_KEEPING
        + weight.met() * NANOS_OF_MEETING
        + weight.used() * NANOS_OF_USING;
    Duration::from_nanos(nanos)
}

#[derive(Default)]
struct Weight {
    /// Where each block lies among the blocks.
    places: SecondaryMap<Block, u32>,
    instructions: u64,
    lives: SecondaryMap<Value, Life>,
    /// The places where loops begin and end: where there is a branch back, and whence the last one comes.
    loops: Vec<(u32, u32)>,
}

/// Where a value is needed, by the places of blocks; and the values that it meets.
#[derive(Clone, Default)]
struct Life {
    first: u32,
    last: u32,
    /// In how many blocks but the first.
    uses: u32,
    /// Another value that this one meets, nearer to the one that stands for all.
    met: Option<Value>,
    /// How many others this one stands for.
    others: u32,
}

impl Weight {
    fn instruction(&mut self, function: &Function, inst: Inst, at: u32) {
        let dfg = &function.dfg;
        self.instructions += 1;
        for value in dfg.inst_results(inst) {
            self.lives[*value].first = at;
        }
        for value in dfg.inst_values(inst) {
            let life = &mut self.lives[dfg.resolve_aliases(value)];
            life.uses += u32::from(life.last != at);
            life.last = at;
        }
        let tables = (&function.dfg.jump_tables, &function.dfg.exception_tables);
        for call in dfg.insts[inst].branch_destination(tables.0, tables.1) {
            let block = call.block(&dfg.value_lists);
            let to = self.places[block];
            if to <= at {
                self.loops.push((to, at));
            }
            self.instructions += 1 + call.len(&dfg.value_lists) as u64;
            let params = dfg.block_params(block);
            for (param, arg) in params.iter().zip(call.args(&dfg.value_lists)) {
                if let Some(value) = arg.as_value() {
                    self.meet(dfg.resolve_aliases(value), *param);
                }
            }
        }
    }

    /// The value that stands for all that a value meets.
    fn stands_for(&mut self, mut value: Value) -> Value {
        while let Some(met) = self.lives[value].met {
            // Each walk halves the way of the next.
            if let Some(nearer) = self.lives[met].met {
                self.lives[value].met = Some(nearer);
            }
            value = met;
        }
        value
    }

    fn meet(&mut self, one: Value, other: Value) {
        let (one, other) = (self.stands_for(one), self.stands_for(other));
        if one == other {
            return;
        }
        let (more, fewer) = match self.lives[one].others < self.lives[other].others {
            true => (other, one),
            false => (one, other),
        };
        self.lives[fewer].met = Some(more);
        self.lives[more].others += self.lives[fewer].others + 1;
    }

    /// How many pairs of values meet.
    fn met(&self) -> u64 {
        let all = self.lives.values().filter(|life| life.met.is_none());
        all.map(|life| u64::from(life.others).pow(2)).sum()
    }

    /// How many pairs of blocks use the same value.
    fn used(&self) -> u64 {
        let uses = self.lives.values().map(|life| u64::from(life.uses).pow(2));
        uses.sum()
    }

    /// How many blocks have to keep each value, together.
    fn kept(&mut self, blocks: u32) -> u64 {
        // A value that comes from before a loop and is needed in the loop is needed up to the loop's end. The
        // loops are nested: of those around a block, the outer ones begin earlier.
        self.loops
            .sort_unstable_by_key(|(begin, end)| (*begin, Reverse(*end)));
        self.loops.dedup_by_key(|(begin, _)| *begin);
        let mut loops = self.loops.iter().enumerate().peekable();
        let mut outer: Vec<Option<usize>> = Vec::with_capacity(self.loops.len());
        let mut around: Vec<Option<usize>> = Vec::with_capacity(blocks as usize);
        let mut innermost: Option<usize> = None;
        for at in 0..blocks {
            while let Some(index) = innermost
                && self.loops[index].1 < at
            {
                innermost = outer[index];
            }
            if let Some((index, _)) = loops.next_if(|(_, (begin, _))| *begin == at) {
                outer.push(innermost);
                innermost = Some(index);
            }
            around.push(innermost);
        }
        let mut kept = 0;
        for life in self.lives.values() {
            if kept > MOST_KEPT {
                break;
            }
            let mut last = life.last.max(life.first);
            let mut innermost = around[last as usize];
            while let Some(index) = innermost
                && self.loops[index].0 > life.first
            {
                last = last.max(self.loops[index].1);
                innermost = outer[index];
                kept += 1;
            }
            kept += u64::from(last - life.first);
        }
        kept
    }
}
