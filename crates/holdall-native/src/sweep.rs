//! Loads that nobody needs: Cranelift keeps every load that it is given.

use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Function, Opcode, Value};

/// Removes loads that cannot trap and whose results are not used.
pub(crate) fn remove_unused_loads(function: &mut Function) {
    let mut uses: SecondaryMap<Value, u32> = SecondaryMap::new();
    let Function { stencil, .. } = function;
    let (dfg, layout) = (&stencil.dfg, &mut stencil.layout);
    let blocks: Vec<_> = layout.blocks().collect();
    for block in &blocks {
        for inst in layout.block_insts(*block) {
            for value in dfg.inst_values(inst) {
                uses[dfg.resolve_aliases(value)] += 1;
            }
        }
    }
    for block in blocks.into_iter().rev() {
        let mut at = layout.last_inst(block);
        while let Some(inst) = at {
            at = layout.prev_inst(inst);
            let is_load = dfg.insts[inst].opcode() == Opcode::Load
                && dfg.insts[inst]
                    .memflags_data(dfg)
                    .is_some_and(|flags| flags.notrap());
            if is_load && dfg.inst_results(inst).iter().all(|it| uses[*it] == 0) {
                for value in dfg.inst_values(inst) {
                    uses[dfg.resolve_aliases(value)] -= 1;
                }
                layout.remove_inst(inst);
            }
        }
    }
}
