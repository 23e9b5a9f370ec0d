//! Modules of wasm-smith, with what holdall has and other machines have too.

use arbitrary::Unstructured;
use holdall::{Proposal, Proposals};
use wasm_smith::{Config, InstructionKind, InstructionKinds, MemoryOffsetChoices, Module};

use crate::rng::Rng;

/// How often loops and calls go on, in a module as a whole.
const FUEL: u32 = 2000;

/// The module of a seed; `None` where the seed's bytes do not make one, or one that needs a heap.
#[must_use]
pub fn module(seed: u64) -> Option<Vec<u8>> {
    let mut rng = Rng::new(seed);
    let config = config(&mut rng);
    let size_bytes = 500 + rng.below(8000);
    let bytes = rng.bytes(size_bytes);
    let mut module = Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    module.ensure_termination(FUEL).ok()?;
    let bytes = module.to_bytes();
    let lacking = Proposals::of(&bytes).difference(Proposals::AVAILABLE);
    lacking.is_empty().then_some(bytes)
}

fn config(rng: &mut Rng) -> Config {
    // Typed references come with types on the heap: few types, so that often none is.
    let typed = Proposal::FunctionReferences.is_available() && rng.chance(40);
    let mut kinds = vec![
        InstructionKind::Numeric,
        InstructionKind::Reference,
        InstructionKind::Parametric,
        InstructionKind::Variable,
        InstructionKind::Table,
        InstructionKind::Memory,
        InstructionKind::Control,
    ];
    let simd = rng.chance(60);
    if simd {
        kinds.push(InstructionKind::VectorInt);
        kinds.push(InstructionKind::Vector);
    }
    Config {
        allowed_instructions: InstructionKinds::new(&kinds),
        // What keeps a module running is what it makes of its time.
        disallow_traps: rng.chance(50),
        allow_floats: rng.chance(80),
        canonicalize_nans: false,
        export_everything: true,
        max_imports: if rng.chance(50) { 0 } else { 6 },
        min_types: if typed { 1 } else { 3 },
        max_types: if typed { 3 } else { 8 },
        max_type_size: 40,
        min_funcs: 3,
        max_funcs: 10,
        max_globals: 6,
        max_tables: 3,
        max_tags: 4,
        max_memories: 1 + rng.below(4),
        max_element_segments: 6,
        max_data_segments: 6,
        max_instructions: 20 + rng.below(300),
        max_memory32_bytes: 4 << 16,
        max_memory64_bytes: 4 << 16,
        memory_max_size_required: true,
        max_table_elements: 200,
        table_max_size_required: true,
        memory_offset_choices: MemoryOffsetChoices(80, 15, 5),
        bulk_memory_enabled: true,
        extended_const_enabled: true,
        multi_value_enabled: true,
        reference_types_enabled: true,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        tail_call_enabled: rng.chance(70),
        compact_imports_enabled: Proposal::CompactImports.is_available() && rng.chance(20),
        custom_descriptors_enabled: false,
        custom_page_sizes_enabled: rng.chance(30),
        exceptions_enabled: rng.chance(60),
        gc_enabled: typed,
        memory64_enabled: rng.chance(50),
        relaxed_simd_enabled: simd && rng.chance(50),
        shared_everything_threads_enabled: false,
        simd_enabled: simd,
        // A wait that nothing ends never ends in wasmtime.
        threads_enabled: false,
        wide_arithmetic_enabled: rng.chance(30),
        ..Config::default()
    }
}
