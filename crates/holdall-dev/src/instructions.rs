//! The instructions on numbers, on vectors and on memory: a function for each.

use std::fmt::Write;

/// Parameters and results; the types in place of `$`, if any; and the instructions.
type Group = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
);

const SCALARS: &[Group] = &[
    (
        "$ $",
        "$",
        &["i32", "i64"],
        "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr",
    ),
    (
        "$ $",
        "i32",
        &["i32", "i64"],
        "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u",
    ),
    (
        "$",
        "$",
        &["i32", "i64"],
        "clz ctz popcnt extend8_s extend16_s",
    ),
    ("$", "i32", &["i32", "i64"], "eqz"),
    (
        "$ $",
        "$",
        &["f32", "f64"],
        "add sub mul div min max copysign",
    ),
    ("$ $", "i32", &["f32", "f64"], "eq ne lt gt le ge"),
    (
        "$",
        "$",
        &["f32", "f64"],
        "abs neg ceil floor trunc nearest sqrt",
    ),
    (
        "f32",
        "$",
        &["i32", "i64"],
        "trunc_f32_s trunc_f32_u trunc_sat_f32_s trunc_sat_f32_u",
    ),
    (
        "f64",
        "$",
        &["i32", "i64"],
        "trunc_f64_s trunc_f64_u trunc_sat_f64_s trunc_sat_f64_u",
    ),
    ("i32", "$", &["f32", "f64"], "convert_i32_s convert_i32_u"),
    ("i64", "$", &["f32", "f64"], "convert_i64_s convert_i64_u"),
    ("i64", "i64", &[], "i64.extend32_s"),
    ("i32", "i64", &[], "i64.extend_i32_s i64.extend_i32_u"),
    ("i64", "i32", &[], "i32.wrap_i64"),
    ("f64", "f32", &[], "f32.demote_f64"),
    ("f32", "f64", &[], "f64.promote_f32"),
    ("f32", "i32", &[], "i32.reinterpret_f32"),
    ("f64", "i64", &[], "i64.reinterpret_f64"),
    ("i32", "f32", &[], "f32.reinterpret_i32"),
    ("i64", "f64", &[], "f64.reinterpret_i64"),
    ("i64 i64 i64 i64", "i64 i64", &[], "i64.add128 i64.sub128"),
    ("i64 i64", "i64 i64", &[], "i64.mul_wide_s i64.mul_wide_u"),
];

const VECTORS: &[Group] = &[
    ("v128", "v128", &[], "v128.not"),
    (
        "v128 v128",
        "v128",
        &[],
        "v128.and v128.andnot v128.or v128.xor i8x16.swizzle i8x16.relaxed_swizzle",
    ),
    (
        "v128 v128 v128",
        "v128",
        &[],
        "v128.bitselect i32x4.relaxed_dot_i8x16_i7x16_add_s",
    ),
    ("v128", "i32", &[], "v128.any_true"),
    (
        "v128 v128",
        "v128",
        &["i8x16", "i16x8", "i32x4", "i64x2"],
        "eq ne lt_s gt_s le_s ge_s add sub",
    ),
    (
        "v128 v128",
        "v128",
        &["i8x16", "i16x8", "i32x4"],
        "lt_u gt_u le_u ge_u min_s min_u max_s max_u",
    ),
    (
        "v128 v128",
        "v128",
        &["i8x16", "i16x8"],
        "add_sat_s add_sat_u sub_sat_s sub_sat_u avgr_u",
    ),
    ("v128 v128", "v128", &["i16x8", "i32x4", "i64x2"], "mul"),
    (
        "v128",
        "v128",
        &["i8x16", "i16x8", "i32x4", "i64x2"],
        "abs neg",
    ),
    (
        "v128",
        "i32",
        &["i8x16", "i16x8", "i32x4", "i64x2"],
        "all_true bitmask",
    ),
    (
        "v128 i32",
        "v128",
        &["i8x16", "i16x8", "i32x4", "i64x2"],
        "shl shr_s shr_u",
    ),
    (
        "v128 v128 v128",
        "v128",
        &["i8x16", "i16x8", "i32x4", "i64x2"],
        "relaxed_laneselect",
    ),
    ("i32", "v128", &["i8x16", "i16x8", "i32x4"], "splat"),
    ("i64", "v128", &[], "i64x2.splat"),
    ("f32", "v128", &[], "f32x4.splat"),
    ("f64", "v128", &[], "f64x2.splat"),
    (
        "v128",
        "v128",
        &["i16x8"],
        "extend_low_i8x16_s extend_high_i8x16_s extend_low_i8x16_u extend_high_i8x16_u
        extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u",
    ),
    (
        "v128",
        "v128",
        &["i32x4"],
        "extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u
        extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u trunc_sat_f32x4_s trunc_sat_f32x4_u
        trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero relaxed_trunc_f32x4_s relaxed_trunc_f32x4_u
        relaxed_trunc_f64x2_s_zero relaxed_trunc_f64x2_u_zero",
    ),
    (
        "v128",
        "v128",
        &["i64x2"],
        "extend_low_i32x4_s extend_high_i32x4_s extend_low_i32x4_u extend_high_i32x4_u",
    ),
    ("v128", "v128", &["i8x16"], "popcnt"),
    (
        "v128 v128",
        "v128",
        &["i8x16"],
        "narrow_i16x8_s narrow_i16x8_u",
    ),
    (
        "v128 v128",
        "v128",
        &["i16x8"],
        "narrow_i32x4_s narrow_i32x4_u q15mulr_sat_s relaxed_q15mulr_s extmul_low_i8x16_s
        extmul_high_i8x16_s extmul_low_i8x16_u extmul_high_i8x16_u relaxed_dot_i8x16_i7x16_s",
    ),
    (
        "v128 v128",
        "v128",
        &["i32x4"],
        "extmul_low_i16x8_s extmul_high_i16x8_s extmul_low_i16x8_u extmul_high_i16x8_u dot_i16x8_s",
    ),
    (
        "v128 v128",
        "v128",
        &["i64x2"],
        "extmul_low_i32x4_s extmul_high_i32x4_s extmul_low_i32x4_u extmul_high_i32x4_u",
    ),
    (
        "v128",
        "v128",
        &["f32x4", "f64x2"],
        "abs neg sqrt ceil floor trunc nearest",
    ),
    (
        "v128 v128",
        "v128",
        &["f32x4", "f64x2"],
        "eq ne lt gt le ge add sub mul div min max pmin pmax relaxed_min relaxed_max",
    ),
    (
        "v128 v128 v128",
        "v128",
        &["f32x4", "f64x2"],
        "relaxed_madd relaxed_nmadd",
    ),
    (
        "v128",
        "v128",
        &["f32x4"],
        "convert_i32x4_s convert_i32x4_u demote_f64x2_zero",
    ),
    (
        "v128",
        "v128",
        &["f64x2"],
        "convert_low_i32x4_s convert_low_i32x4_u promote_low_f32x4",
    ),
];

const ACCESSES: &[Group] = &[
    (
        "i32",
        "v128",
        &["v128"],
        "load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u load8_splat load16_splat
        load32_splat load64_splat load32_zero load64_zero",
    ),
    ("i32 v128", "", &["v128"], "store"),
    (
        "i32",
        "$",
        &["i32", "i64"],
        "atomic.load atomic.load8_u atomic.load16_u",
    ),
    ("i32", "i64", &[], "i64.atomic.load32_u"),
    (
        "i32 $",
        "",
        &["i32", "i64"],
        "atomic.store atomic.store8 atomic.store16",
    ),
    ("i32 i64", "", &[], "i64.atomic.store32"),
    (
        "i32 $",
        "$",
        &["i32", "i64"],
        "atomic.rmw.add atomic.rmw8.add_u atomic.rmw16.add_u atomic.rmw.sub atomic.rmw8.sub_u
        atomic.rmw16.sub_u atomic.rmw.and atomic.rmw8.and_u atomic.rmw16.and_u atomic.rmw.or
        atomic.rmw8.or_u atomic.rmw16.or_u atomic.rmw.xor atomic.rmw8.xor_u atomic.rmw16.xor_u
        atomic.rmw.xchg atomic.rmw8.xchg_u atomic.rmw16.xchg_u",
    ),
    (
        "i32 i64",
        "i64",
        &["i64"],
        "atomic.rmw32.add_u atomic.rmw32.sub_u atomic.rmw32.and_u atomic.rmw32.or_u atomic.rmw32.xor_u
        atomic.rmw32.xchg_u",
    ),
    (
        "i32 $ $",
        "$",
        &["i32", "i64"],
        "atomic.rmw.cmpxchg atomic.rmw8.cmpxchg_u atomic.rmw16.cmpxchg_u",
    ),
    ("i32 i64 i64", "i64", &[], "i64.atomic.rmw32.cmpxchg_u"),
    ("i32 i32", "i32", &[], "memory.atomic.notify"),
    ("i32 i32 i64", "i32", &[], "memory.atomic.wait32"),
    ("i32 i64 i64", "i32", &[], "memory.atomic.wait64"),
    ("", "", &[], "atomic.fence"),
];

/// Instructions with a number of a lane: parameters, results, the instruction, and how many lanes there are.
const LANES: &[(&str, &str, &str, u8)] = &[
    ("v128", "i32", "i8x16.extract_lane_s", 16),
    ("v128", "i32", "i8x16.extract_lane_u", 16),
    ("v128", "i32", "i16x8.extract_lane_s", 8),
    ("v128", "i32", "i16x8.extract_lane_u", 8),
    ("v128", "i32", "i32x4.extract_lane", 4),
    ("v128", "i64", "i64x2.extract_lane", 2),
    ("v128", "f32", "f32x4.extract_lane", 4),
    ("v128", "f64", "f64x2.extract_lane", 2),
    ("v128 i32", "v128", "i8x16.replace_lane", 16),
    ("v128 i32", "v128", "i16x8.replace_lane", 8),
    ("v128 i32", "v128", "i32x4.replace_lane", 4),
    ("v128 i64", "v128", "i64x2.replace_lane", 2),
    ("v128 f32", "v128", "f32x4.replace_lane", 4),
    ("v128 f64", "v128", "f64x2.replace_lane", 2),
    ("i32 v128", "v128", "v128.load8_lane", 16),
    ("i32 v128", "v128", "v128.load16_lane", 8),
    ("i32 v128", "v128", "v128.load32_lane", 4),
    ("i32 v128", "v128", "v128.load64_lane", 2),
    ("i32 v128", "", "v128.store8_lane", 16),
    ("i32 v128", "", "v128.store16_lane", 8),
    ("i32 v128", "", "v128.store32_lane", 4),
    ("i32 v128", "", "v128.store64_lane", 2),
];

/// Lanes that one instruction shuffles on every x86-64 processor, and others.
const SHUFFLES: [&str; 5] = [
    "4 5 6 7 0 1 2 3 16 17 18 19 28 29 30 31",
    "8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31",
    "0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23",
    "0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23",
    "3 31 2 9 17 17 0 4 30 1 2 8 12 19 5 6",
];

/// The text of a module with a memory of one page, which exports a function for each instruction by the
/// instruction's name; and the names.
#[must_use]
pub fn module() -> (Vec<String>, String) {
    let (mut names, mut text) = (Vec::new(), String::from("(module (memory 1)"));
    let mut add = |params: &str, results: &str, instruction: &str| {
        let _ = write!(
            text,
            "(func (export {instruction:?}) (param {params}) (result {results}) ({instruction}"
        );
        for at in 0..params.split_whitespace().count() {
            let _ = write!(text, " (local.get {at})");
        }
        text.push_str("))");
        names.push(instruction.to_owned());
    };
    for (params, results, types, instructions) in [SCALARS, VECTORS, ACCESSES].concat() {
        for instruction in instructions.split_whitespace() {
            if types.is_empty() {
                add(params, results, instruction);
            }
            for ty in types {
                let [params, results] = [params, results].map(|types| types.replace('$', ty));
                add(&params, &results, &format!("{ty}.{instruction}"));
            }
        }
    }
    for (params, results, instruction, lanes) in LANES {
        for lane in 0..*lanes {
            add(params, results, &format!("{instruction} {lane}"));
        }
    }
    for lanes in SHUFFLES {
        add("v128 v128", "v128", &format!("i8x16.shuffle {lanes}"));
    }
    text.push(')');
    (names, text)
}
