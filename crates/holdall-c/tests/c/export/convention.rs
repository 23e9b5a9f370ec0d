//! Native functions of every mix of parameters, against what a C compiler makes of them.

use std::fmt::Write;

use crate::support::{Language, Program, modules, scratch};

/// A small generator: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// A kind of value: its letter, its type in WebAssembly and in C, and a constant of it that both read.
const KINDS: [(char, &str, &str); 4] = [
    ('i', "i32", "int32_t"),
    ('I', "i64", "int64_t"),
    ('f', "f32", "float"),
    ('F', "f64", "double"),
];

/// Kinds of parameters and of the result.
fn signatures() -> Vec<(Vec<usize>, Option<usize>)> {
    let mut numbers = Numbers(7);
    let mut all = vec![(vec![], None)];
    for kind in 0..4 {
        for count in [1, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 40] {
            all.push((vec![kind; count], Some(kind)));
        }
    }
    for count in (0..60).chain([100, 120, 140]) {
        let params = (0..count).map(|_| numbers.next(4) as usize).collect();
        let result = Some(numbers.next(5) as usize).filter(|kind| *kind < 4);
        all.push((params, result));
    }
    all
}

#[test]
fn arguments_arrive_where_c_looks_for_them() {
    let mut numbers = Numbers(1);
    let mut source = String::from("#include \"check.h\"\n");
    let (mut table, mut calls) = (String::new(), String::new());
    let (mut imports, mut funcs) = (String::new(), String::new());
    for (number, (params, result)) in signatures().into_iter().enumerate() {
        let mut constant = |kind: usize| match kind {
            0 => (numbers.next(1 << 31) as i64 - (1 << 30)).to_string(),
            1 => ((numbers.next(1 << 31) as i64 - (1 << 30)) << 22).to_string(),
            _ => format!("{}.5", numbers.next(1000)),
        };
        let values: Vec<String> = params.iter().map(|kind| constant(*kind)).collect();
        let returned = result.map(&mut constant);
        let letters: String = params.iter().map(|kind| KINDS[*kind].0).collect();
        let returns = result.map_or("void", |kind| KINDS[kind].2);
        let declared: String = params
            .iter()
            .enumerate()
            .map(|(at, kind)| format!(", {} a{at}", KINDS[*kind].2))
            .collect();
        writeln!(
            source,
            "static {returns} f{number}(wasm_exec_env_t env{declared}) {{ CHECK(env);"
        )
        .unwrap();
        for (at, value) in values.iter().enumerate() {
            writeln!(source, "    CHECK(a{at} == {value});").unwrap();
        }
        if let Some(returned) = &returned {
            write!(source, "    return {returned};").unwrap();
        }
        writeln!(source, " }}").unwrap();
        let result_letter = result.map_or(String::new(), |kind| KINDS[kind].0.to_string());
        writeln!(
            table,
            "    EXPORT_WASM_API_WITH_SIG(f{number}, \"({letters}){result_letter}\"),"
        )
        .unwrap();
        let types: String = params
            .iter()
            .map(|kind| format!(" {}", KINDS[*kind].1))
            .collect();
        let result_type =
            result.map_or(String::new(), |kind| format!("(result {})", KINDS[kind].1));
        writeln!(
            imports,
            "(import \"env\" \"f{number}\" (func $f{number} (param{types}) {result_type}))"
        )
        .unwrap();
        let constants: String = params
            .iter()
            .zip(&values)
            .map(|(kind, value)| format!(" ({}.const {value})", KINDS[*kind].1))
            .collect();
        let call = format!("(call $f{number}{constants})");
        let body = match (result, &returned) {
            (Some(kind), Some(returned)) => {
                let ty = KINDS[kind].1;
                format!("({ty}.eq {call} ({ty}.const {returned}))")
            }
            _ => format!("{call} (i32.const 1)"),
        };
        writeln!(funcs, "(func (export \"g{number}\") (result i32) {body})").unwrap();
        writeln!(calls, "    call(inst, \"g{number}\");").unwrap();
    }
    write!(
        source,
        "static void call(wasm_module_inst_t inst, const char *name) {{
            uint32_t argv[1];
            wasm_function_inst_t func = wasm_runtime_lookup_function(inst, name);
            if (!wasm_runtime_call_wasm(wasm_runtime_get_exec_env_singleton(inst), func, 0, argv) || argv[0] != 1) {{
                fprintf(stderr, \"%s: %s\\n\", name, wasm_runtime_get_exception(inst));
                exit(1);
            }}
        }}
        int main(void) {{
            static NativeSymbol symbols[] = {{\n{table}}};
            wasm_module_t module;
            wasm_module_inst_t inst;
            CHECK(wasm_runtime_init());
            CHECK(wasm_runtime_register_natives(\"env\", symbols, sizeof(symbols) / sizeof(symbols[0])));
            if (!(module = load(\"mixes\"))) {{ puts(error_buf); return 1; }}
            CHECK((inst = instantiate(module)));
            \n{calls}
            wasm_runtime_destroy();
            puts(\"all arrived\");
            return 0;
        }}\n"
    )
    .unwrap();
    let folder = modules(
        "convention",
        &[("mixes", &format!("(module {imports} {funcs})"))],
    );
    let path = scratch().join("convention.c");
    std::fs::write(&path, source).unwrap();
    let check = crate::support::package().join("tests/c/export");
    for (language, compiler) in [
        (Language::C99, "gcc"),
        (Language::C99, "clang"),
        (Language::Cxx17, "c++"),
    ] {
        Program::new(path.to_str().unwrap())
            .plain()
            .language(language)
            .compiler(compiler)
            .flag("-I")
            .flag(&check)
            .current_dir(&folder)
            .prints("all arrived\n");
    }
}
