//! Every numeric instruction of WebAssembly 2.0 without SIMD, every load and every store, as data:
//! the instruction, what it takes and what it gives.

use wasm_encoder::{Instruction, MemArg, ValType};

use Ty::{F32, F64, I32, I64};

/// A number type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ty {
    I32,
    I64,
    F32,
    F64,
}

impl Ty {
    pub const ALL: [Self; 4] = [I32, I64, F32, F64];

    pub fn encode(self) -> ValType {
        match self {
            I32 => ValType::I32,
            I64 => ValType::I64,
            F32 => ValType::F32,
            F64 => ValType::F64,
        }
    }

    /// The constant whose bits are the low bits of `bits`.
    pub fn constant(self, bits: u64) -> Instruction<'static> {
        match self {
            I32 => Instruction::I32Const(bits as i32),
            I64 => Instruction::I64Const(bits as i64),
            F32 => Instruction::F32Const(f32::from_bits(bits as u32).into()),
            F64 => Instruction::F64Const(f64::from_bits(bits).into()),
        }
    }
}

/// A numeric instruction.
#[derive(Clone)]
pub struct Op {
    pub instruction: Instruction<'static>,
    pub params: &'static [Ty],
    pub result: Ty,
    pub kind: Kind,
}

/// What kind of numeric instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Total,
    /// Some operands make it trap.
    Partial,
    /// Its result is 0 or 1.
    Test,
}

macro_rules! ops {
    ($($params:tt -> $result:ident, $kind:ident: $($name:ident)*;)*) => {
        vec![$($(Op {
            instruction: Instruction::$name,
            params: &$params,
            result: $result,
            kind: Kind::$kind,
        },)*)*]
    };
}

pub fn numeric() -> Vec<Op> {
    ops! {
        [I32, I32] -> I32, Total: I32Add I32Sub I32Mul I32And I32Or I32Xor I32Shl I32ShrS I32ShrU I32Rotl
            I32Rotr;
        [I32, I32] -> I32, Test: I32Eq I32Ne I32LtS I32LtU I32GtS I32GtU I32LeS I32LeU I32GeS
            I32GeU;
        [I32, I32] -> I32, Partial: I32DivS I32DivU I32RemS I32RemU;
        [I32] -> I32, Test: I32Eqz;
        [I32] -> I32, Total: I32Clz I32Ctz I32Popcnt I32Extend8S I32Extend16S;
        [I64, I64] -> I64, Total: I64Add I64Sub I64Mul I64And I64Or I64Xor I64Shl I64ShrS I64ShrU I64Rotl
            I64Rotr;
        [I64, I64] -> I64, Partial: I64DivS I64DivU I64RemS I64RemU;
        [I64, I64] -> I32, Test: I64Eq I64Ne I64LtS I64LtU I64GtS I64GtU I64LeS I64LeU I64GeS I64GeU;
        [I64] -> I64, Total: I64Clz I64Ctz I64Popcnt I64Extend8S I64Extend16S I64Extend32S;
        [I64] -> I32, Test: I64Eqz;
        [I64] -> I32, Total: I32WrapI64;
        [I32] -> I64, Total: I64ExtendI32S I64ExtendI32U;
        [F32, F32] -> F32, Total: F32Add F32Sub F32Mul F32Div F32Min F32Max F32Copysign;
        [F32, F32] -> I32, Test: F32Eq F32Ne F32Lt F32Gt F32Le F32Ge;
        [F32] -> F32, Total: F32Abs F32Neg F32Ceil F32Floor F32Trunc F32Nearest F32Sqrt;
        [F64, F64] -> F64, Total: F64Add F64Sub F64Mul F64Div F64Min F64Max F64Copysign;
        [F64, F64] -> I32, Test: F64Eq F64Ne F64Lt F64Gt F64Le F64Ge;
        [F64] -> F64, Total: F64Abs F64Neg F64Ceil F64Floor F64Trunc F64Nearest F64Sqrt;
        [F32] -> F64, Total: F64PromoteF32;
        [F64] -> F32, Total: F32DemoteF64;
        [I32] -> F32, Total: F32ConvertI32S F32ConvertI32U F32ReinterpretI32;
        [I64] -> F32, Total: F32ConvertI64S F32ConvertI64U;
        [I32] -> F64, Total: F64ConvertI32S F64ConvertI32U;
        [I64] -> F64, Total: F64ConvertI64S F64ConvertI64U F64ReinterpretI64;
        [F32] -> I32, Total: I32TruncSatF32S I32TruncSatF32U I32ReinterpretF32;
        [F64] -> I32, Total: I32TruncSatF64S I32TruncSatF64U;
        [F32] -> I64, Total: I64TruncSatF32S I64TruncSatF32U;
        [F64] -> I64, Total: I64TruncSatF64S I64TruncSatF64U I64ReinterpretF64;
        [F32] -> I32, Partial: I32TruncF32S I32TruncF32U;
        [F64] -> I32, Partial: I32TruncF64S I32TruncF64U;
        [F32] -> I64, Partial: I64TruncF32S I64TruncF32U;
        [F64] -> I64, Partial: I64TruncF64S I64TruncF64U;
    }
}

/// A load or a store.
#[derive(Clone, Copy)]
pub struct Access {
    pub instruction: fn(MemArg) -> Instruction<'static>,
    pub ty: Ty,
    /// The greatest alignment that it may claim, as a power of two; its width also.
    pub align: u32,
}

macro_rules! accesses {
    ($($name:ident: $ty:ident $align:literal;)*) => {
        &[$(Access { instruction: Instruction::$name, ty: $ty, align: $align },)*]
    };
}

pub const LOADS: &[Access] = accesses! {
    I32Load: I32 2; I32Load8S: I32 0; I32Load8U: I32 0; I32Load16S: I32 1; I32Load16U: I32 1;
    I64Load: I64 3; I64Load8S: I64 0; I64Load8U: I64 0; I64Load16S: I64 1; I64Load16U: I64 1;
    I64Load32S: I64 2; I64Load32U: I64 2; F32Load: F32 2; F64Load: F64 3;
};

pub const STORES: &[Access] = accesses! {
    I32Store: I32 2; I32Store8: I32 0; I32Store16: I32 1;
    I64Store: I64 3; I64Store8: I64 0; I64Store16: I64 1; I64Store32: I64 2;
    F32Store: F32 2; F64Store: F64 3;
};
