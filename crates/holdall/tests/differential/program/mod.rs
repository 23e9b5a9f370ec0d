//! Programs that look more like compiled code than wasm-smith's do: loops with counters, addresses
//! with small offsets, locals read, set and teed while older values of them wait on the operand
//! stack, branches with values, switches, calls of every kind. Every program ends, because each
//! entry of a function and each inner loop takes from the global `fuel`, and NaNs are made
//! canonical before their bits can be seen.

mod body;
mod control;
mod expr;
mod loops;
mod statement;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType,
    ExportKind, ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    Instruction, MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection,
    ValType,
};

use crate::ops::{self, Ty};
use crate::rng::{INTERESTING, Rng};
use body::Body;

/// Parameters and results of a function or of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub params: Vec<Ty>,
    pub results: Vec<Ty>,
}

/// Host functions, `host.mix` and `host.pick`, come first in the index space of functions.
pub const HOST_FUNCS: usize = 2;
/// Elements of the table at first; it may grow to a few more.
pub const TABLE_ELEMENTS: usize = 16;
/// Bytes of the passive data segment.
pub const SEGMENT_BYTES: usize = 64;
/// Pages of each memory at first; it may grow by one.
pub const PAGES: u64 = 2;
/// The memory that has addresses of 64 bits, after two of 32 bits.
pub const LONG_MEMORY: u32 = 2;
/// The mutable global, an `i32`, that bounds how long a program runs.
pub const FUEL: u32 = 0;
/// The mutable global, an `i64`, into which every function mixes its locals when it ends.
pub const HASH: u32 = 1;

/// What a body may refer to.
pub struct Shape {
    pub ops: Vec<ops::Op>,
    pub types: Vec<Signature>,
    /// The signature of each function, by its index.
    pub funcs: Vec<Signature>,
    /// The type of each global and whether it may be written.
    pub globals: Vec<(Ty, bool)>,
    /// The functions in the table.
    pub table: Vec<Option<usize>>,
}

impl Shape {
    pub fn type_index(&mut self, signature: &Signature) -> u32 {
        let known = self.types.iter().position(|known| known == signature);
        let index = known.unwrap_or_else(|| {
            self.types.push(signature.clone());
            self.types.len() - 1
        });
        index as u32
    }

    pub fn block_type(&mut self, params: &[Ty], results: &[Ty]) -> BlockType {
        match (params, results) {
            ([], []) => BlockType::Empty,
            ([], [result]) => BlockType::Result(result.encode()),
            _ => BlockType::FunctionType(self.type_index(&Signature {
                params: params.to_vec(),
                results: results.to_vec(),
            })),
        }
    }
}

/// The bits of a number: often one that numeric code treats in a way of its own.
pub fn bits(rng: &mut Rng) -> u64 {
    match rng.below(4) {
        0 => rng.next_u64(),
        1 => rng.below(20) as u64,
        _ => *rng.pick(INTERESTING),
    }
}

pub fn types(rng: &mut Rng, most: usize) -> Vec<Ty> {
    (0..rng.below(most + 1))
        .map(|_| *rng.pick(&Ty::ALL))
        .collect()
}

/// The program of a seed, with its functions exported as `f0`, `f1` and so on.
pub fn program(seed: u64) -> Vec<u8> {
    let rng = &mut Rng::new(seed);
    let mut shape = shape(rng);
    let first_wrapper = shape.funcs.len();
    let mut code = CodeSection::new();
    for index in HOST_FUNCS..first_wrapper {
        code.function(&Body::new(rng, &mut shape, index).function());
    }
    for index in HOST_FUNCS..first_wrapper {
        code.function(&wrapper(&shape.funcs[index], index as u32));
    }
    let types_of_funcs: Vec<u32> = shape
        .funcs
        .clone()
        .iter()
        .map(|signature| shape.type_index(signature))
        .collect();
    module(rng, &shape, &types_of_funcs, &code)
}

fn shape(rng: &mut Rng) -> Shape {
    // A few signatures for many functions, so that calls through the table often fit.
    let mut signatures: Vec<Signature> = (0..3)
        .map(|_| Signature {
            params: types(rng, 4),
            results: types(rng, 3),
        })
        .collect();
    signatures[0].results = vec![Ty::I32];
    let mut funcs = vec![
        Signature {
            params: Ty::ALL.to_vec(),
            results: vec![Ty::I64],
        },
        Signature {
            params: vec![Ty::I32],
            results: vec![Ty::I32],
        },
    ];
    for _ in 0..3 + rng.below(4) {
        funcs.push(rng.pick(&signatures).clone());
    }
    let mut globals = vec![(Ty::I32, true), (Ty::I64, true)];
    globals.extend(Ty::ALL.map(|ty| (ty, true)));
    globals.extend(Ty::ALL.map(|ty| (ty, false)));
    let table = (0..TABLE_ELEMENTS)
        .map(|_| rng.chance(85).then(|| rng.below(funcs.len())))
        .collect();
    Shape {
        ops: ops::numeric(),
        types: Vec::new(),
        funcs,
        globals,
        table,
    }
}

/// Calls a function and makes its NaNs canonical, so that its results can be compared by bits.
fn wrapper(signature: &Signature, callee: u32) -> Function {
    let params = signature.params.len() as u32;
    let mut function = Function::new_with_locals_types(
        signature
            .results
            .iter()
            .map(|ty| ty.encode())
            .chain([ValType::F32, ValType::F64]),
    );
    let scratch = [
        params + signature.results.len() as u32,
        params + signature.results.len() as u32 + 1,
    ];
    for param in 0..params {
        function.instruction(&Instruction::LocalGet(param));
    }
    function.instruction(&Instruction::Call(callee));
    for result in (0..signature.results.len() as u32).rev() {
        function.instruction(&Instruction::LocalSet(params + result));
    }
    for (result, ty) in (0_u32..).zip(&signature.results) {
        function.instruction(&Instruction::LocalGet(params + result));
        for instruction in body::canonical(*ty, scratch) {
            function.instruction(&instruction);
        }
    }
    function.instruction(&Instruction::End);
    function
}

fn module(rng: &mut Rng, shape: &Shape, types_of_funcs: &[u32], code: &CodeSection) -> Vec<u8> {
    let inner = shape.funcs.len();
    let mut types = TypeSection::new();
    for signature in &shape.types {
        types.ty().function(
            signature.params.iter().map(|ty| ty.encode()),
            signature.results.iter().map(|ty| ty.encode()),
        );
    }
    let mut imports = ImportSection::new();
    imports.import("host", "mix", EntityType::Function(types_of_funcs[0]));
    imports.import("host", "pick", EntityType::Function(types_of_funcs[1]));

    let mut funcs = FunctionSection::new();
    let mut exports = ExportSection::new();
    for _ in 0..2 {
        for ty in &types_of_funcs[HOST_FUNCS..] {
            funcs.function(*ty);
        }
    }
    for (index, name) in (inner..inner + inner - HOST_FUNCS).zip(0..) {
        exports.export(&format!("f{name}"), ExportKind::Func, index as u32);
    }
    exports.export("table", ExportKind::Table, 0);

    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: TABLE_ELEMENTS as u64,
        maximum: Some(TABLE_ELEMENTS as u64 + 4),
        shared: false,
    });
    let mut memories = MemorySection::new();
    for memory in 0..=LONG_MEMORY {
        memories.memory(MemoryType {
            minimum: PAGES,
            maximum: Some(PAGES + 1),
            memory64: memory == LONG_MEMORY,
            shared: false,
            page_size_log2: None,
        });
        exports.export(&format!("memory{memory}"), ExportKind::Memory, memory);
    }
    let mut globals = GlobalSection::new();
    for (index, (ty, mutable)) in shape.globals.iter().enumerate() {
        let ty_encoded = GlobalType {
            val_type: ty.encode(),
            mutable: *mutable,
            shared: false,
        };
        // No NaN, whose bits a global would show.
        let init = match ty {
            Ty::I32 => ConstExpr::i32_const(bits(rng) as i32),
            Ty::I64 => ConstExpr::i64_const(bits(rng) as i64),
            Ty::F32 => ConstExpr::f32_const((rng.below(1000) as f32 / 8.0).into()),
            Ty::F64 => ConstExpr::f64_const((rng.below(1000) as f64 / 8.0).into()),
        };
        globals.global(ty_encoded, &init);
        let name = if index as u32 == FUEL {
            "fuel".to_owned()
        } else {
            format!("g{index}")
        };
        exports.export(&name, ExportKind::Global, index as u32);
    }

    let mut elements = ElementSection::new();
    let items: Vec<ConstExpr> = shape
        .table
        .iter()
        .map(|func| match func {
            Some(func) => ConstExpr::ref_func(*func as u32),
            None => ConstExpr::ref_null(wasm_encoder::HeapType::FUNC),
        })
        .collect();
    elements.active(
        None,
        &ConstExpr::i32_const(0),
        Elements::Expressions(RefType::FUNCREF, items.into()),
    );
    // Also what declares the functions that bodies make references to.
    let all: Vec<u32> = (0..inner as u32).collect();
    elements.passive(Elements::Functions(all.into()));

    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(16), rng.bytes(256));
    data.passive(rng.bytes(SEGMENT_BYTES));

    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&funcs)
        .section(&tables)
        .section(&memories)
        .section(&globals)
        .section(&exports)
        .section(&elements)
        .section(&wasm_encoder::DataCountSection { count: 2 })
        .section(code)
        .section(&data);
    module.finish()
}
