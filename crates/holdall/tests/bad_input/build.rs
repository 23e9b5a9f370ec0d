//! Small modules with something large in them.

use wasm_encoder::{
    CodeSection, Encode, ExportKind, ExportSection, Function, FunctionSection, Instruction,
    MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// A module whose export `f`, from nothing to an `i32`, has these locals and this body, without
/// its last `end`.
pub fn function(locals: impl IntoIterator<Item = (u32, ValType)>, body: &[u8]) -> Vec<u8> {
    let locals: Vec<_> = locals.into_iter().collect();
    let mut function = Function::new(locals);
    function.raw(body.iter().copied());
    function.instruction(&Instruction::End);
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    let mut funcs = FunctionSection::new();
    funcs.function(0);
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 0);
    let mut code = CodeSection::new();
    code.function(&function);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&funcs)
        .section(&exports)
        .section(&code);
    module.finish()
}

/// The bytes of instructions.
pub fn bytes<'a>(instructions: impl IntoIterator<Item = Instruction<'a>>) -> Vec<u8> {
    let mut function = Function::new([]);
    for instruction in instructions {
        function.instruction(&instruction);
    }
    // Without the count of locals, which is 0 and one byte.
    function.into_raw_body()[1..].to_vec()
}

pub fn memory(min: u64, max: Option<u64>) -> Vec<u8> {
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: min,
        maximum: max,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut module = Module::new();
    module.section(&memories);
    module.finish()
}

pub fn table(min: u64) -> Vec<u8> {
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: min,
        maximum: None,
        shared: false,
    });
    let mut module = Module::new();
    module.section(&tables);
    module.finish()
}

pub fn leb(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    number.encode(&mut bytes);
    bytes
}

/// A module of sections by their number and content.
pub fn sections<'a>(sections: impl IntoIterator<Item = (u8, &'a [u8])>) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for (id, content) in sections {
        bytes.push(id);
        bytes.extend(leb(content.len() as u64));
        bytes.extend(content);
    }
    bytes
}

/// The content of a section: `count` as declared, and an item as often as `times` says.
pub fn items(count: u64, item: &[u8], times: usize) -> Vec<u8> {
    let mut bytes = leb(count);
    bytes.extend(item.repeat(times));
    bytes
}
