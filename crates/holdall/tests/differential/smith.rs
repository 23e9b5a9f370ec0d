//! Modules of wasm-smith, with what holdall and wasmi both have.

use arbitrary::Unstructured;
use wasm_encoder::Encode;
use wasm_smith::{Config, MemoryOffsetChoices, Module};

use crate::case::FUEL;
use crate::rng::Rng;

/// The module of a seed; `None` where the seed's bytes do not make one.
pub fn module(seed: u64, fuel: u32) -> Option<Vec<u8>> {
    let mut rng = Rng::new(seed);
    let config = config(&mut rng);
    let size_bytes = 500 + rng.below(8000);
    let bytes = rng.bytes(size_bytes);
    let mut module = Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    let global = module.ensure_termination(fuel).ok()?;
    Some(export_global(&module.to_bytes(), FUEL, global))
}

fn config(rng: &mut Rng) -> Config {
    Config {
        // What keeps a module running is what it makes of its time.
        disallow_traps: rng.chance(50),
        allow_floats: rng.chance(80),
        canonicalize_nans: true,
        export_everything: true,
        max_imports: if rng.chance(50) { 0 } else { 6 },
        min_types: 3,
        max_types: 8,
        max_type_size: 40,
        min_funcs: 3,
        max_funcs: 10,
        max_globals: 6,
        max_tables: 3,
        max_memories: 1 + rng.below(3),
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
        tail_call_enabled: true,
        compact_imports_enabled: false,
        custom_descriptors_enabled: false,
        custom_page_sizes_enabled: rng.chance(30),
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: rng.chance(50),
        relaxed_simd_enabled: false,
        shared_everything_threads_enabled: false,
        simd_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: rng.chance(50),
        ..Config::default()
    }
}

/// Adds the export of a global to a module whose bytes wasm-smith made. The global is made after
/// everything is exported, so wasm-smith cannot do it.
fn export_global(module: &[u8], name: &str, global: u32) -> Vec<u8> {
    const EXPORTS: u8 = 7;
    let mut out = module[..8].to_vec();
    let mut rest = &module[8..];
    while let [id, after @ ..] = rest {
        let (size_bytes, body) = leb(after);
        let (body, after) = body.split_at(size_bytes as usize);
        out.push(*id);
        if *id == EXPORTS {
            let (count, exports) = leb(body);
            let mut section = write_leb(count + 1);
            section.extend(exports);
            section.extend(write_leb(name.len() as u32));
            section.extend(name.as_bytes());
            section.push(3);
            section.extend(write_leb(global));
            out.extend(write_leb(section.len() as u32));
            out.extend(section);
        } else {
            out.extend(write_leb(size_bytes));
            out.extend(body);
        }
        rest = after;
    }
    out
}

fn leb(bytes: &[u8]) -> (u32, &[u8]) {
    let length = 1 + bytes.iter().take_while(|byte| **byte & 0x80 != 0).count();
    let (number, rest) = bytes.split_at(length);
    let number = number
        .iter()
        .rev()
        .fold(0, |number, byte| number << 7 | u32::from(byte & 0x7f));
    (number, rest)
}

fn write_leb(number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    number.encode(&mut bytes);
    bytes
}
