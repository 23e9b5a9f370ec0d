//! Constant expressions (WebAssembly 2.0, 3.3.10, with the extended-const proposal): a small list
//! of instructions, and its evaluation. Does not know stores: the store says what globals and
//! functions are.

use wasmparser::{Operator, OperatorsReader};

use super::fault::Fault;
use super::from_wasmparser::{self, Indices};
use super::parse::Reading;
use crate::bounds::MAX_CONST_EXPR_OPS;

/// One instruction of a constant expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstOp {
    I32Const(i32),
    I64Const(i64),
    /// The bits of an `f32`.
    F32Const(u32),
    /// The bits of an `f64`.
    F64Const(u64),
    GlobalGet(u32),
    RefNull,
    RefFunc(u32),
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
}

/// A constant expression that was validated. Nearly all expressions are one instruction, which
/// takes no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstExpr {
    /// A single instruction.
    One(ConstOp),
    /// A `v128.const`: the low half and the high half. No other instruction takes a vector.
    V128(Box<[u64; 2]>),
    /// The expression's instructions in the order of a stack machine, so that evaluation needs no
    /// recursion.
    Many(Box<Vec<ConstOp>>),
}

// Element segments have millions of expressions.
const _: () = assert!(size_of::<ConstExpr>() <= 16);

impl ConstExpr {
    /// Reads an expression. It may still be invalid: the validator reads it after this.
    pub(super) fn read(
        expr: &wasmparser::ConstExpr<'_>,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Fault> {
        reading.const_expr()?;
        let mut reader = expr.get_operators_reader();
        if let Some(vector) = vector(reader.clone()) {
            return Ok(Self::V128(Box::new(vector)));
        }
        let mut ops = Vec::new();
        let Some(first) = read_op(&mut reader)? else {
            return Ok(Self::Many(Box::new(ops)));
        };
        let Some(second) = read_op(&mut reader)? else {
            return Ok(Self::One(first));
        };
        ops.extend([first, second]);
        while let Some(op) = read_op(&mut reader)? {
            reading.const_op()?;
            ops.push(op);
            if ops.len() > MAX_CONST_EXPR_OPS {
                return Err(Fault::Limit(format!(
                    "the constant expression at offset {:#x} has more than {MAX_CONST_EXPR_OPS} \
                     instructions",
                    expr.get_binary_reader().original_position()
                )));
            }
        }
        Ok(Self::Many(Box::new(ops)))
    }

    /// The value as a slot holds it: an `i32` or `f32` in the low half with zeros above, a
    /// reference as its address, null as 0. `global` gives the slot of the global at an index,
    /// `func` the reference to the function at an index.
    ///
    /// # Panics
    ///
    /// When the expression was not validated, or its value is a vector.
    pub fn eval(
        &self,
        mut global: impl FnMut(u32) -> u64,
        mut func: impl FnMut(u32) -> u64,
    ) -> u64 {
        match self {
            Self::One(op) => {
                leaf(*op, &mut global, &mut func).expect("a single instruction has no operands")
            }
            Self::V128(_) => unreachable!("a vector has two halves"),
            Self::Many(ops) => {
                let mut stack = Vec::new();
                for op in ops.iter() {
                    let value = match leaf(*op, &mut global, &mut func) {
                        Some(value) => value,
                        None => {
                            let operands = "a validated expression has its operands";
                            let right: u64 = stack.pop().expect(operands);
                            binary(*op, stack.pop().expect(operands), right)
                        }
                    };
                    stack.push(value);
                }
                stack.pop().expect("a validated expression has a value")
            }
        }
    }

    /// The halves of the value, which is a vector, low half first. `global` gives those of the global at
    /// an index.
    ///
    /// # Panics
    ///
    /// When the expression was not validated, or its value is no vector.
    pub fn eval_vector(&self, global: impl FnOnce(u32) -> [u64; 2]) -> [u64; 2] {
        match self {
            Self::V128(halves) => **halves,
            Self::One(ConstOp::GlobalGet(index)) => global(*index),
            _ => unreachable!("a vector is a constant or a global"),
        }
    }
}

/// The vector that an expression is, where it is a single `v128.const`.
fn vector(mut reader: OperatorsReader<'_>) -> Option<[u64; 2]> {
    let (Ok(Operator::V128Const { value }), Ok(Operator::End)) = (reader.read(), reader.read())
    else {
        return None;
    };
    let bits = u128::from_le_bytes(*value.bytes());
    Some([bits as u64, (bits >> 64) as u64])
}

/// The next instruction; `None` at the end.
fn read_op(reader: &mut OperatorsReader<'_>) -> Result<Option<ConstOp>, Fault> {
    if reader.eof() {
        return Ok(None);
    }
    let (op, offset) = reader.read_with_offset().map_err(Fault::malformed)?;
    Ok(Some(match op {
        Operator::End => return Ok(None),
        Operator::I32Const { value } => ConstOp::I32Const(value),
        Operator::I64Const { value } => ConstOp::I64Const(value),
        Operator::F32Const { value } => ConstOp::F32Const(value.bits()),
        Operator::F64Const { value } => ConstOp::F64Const(value.bits()),
        Operator::GlobalGet { global_index } => ConstOp::GlobalGet(global_index),
        Operator::RefNull { hty } => {
            check_null(hty, offset)?;
            ConstOp::RefNull
        }
        Operator::RefFunc { function_index } => ConstOp::RefFunc(function_index),
        Operator::I32Add => ConstOp::I32Add,
        Operator::I32Sub => ConstOp::I32Sub,
        Operator::I32Mul => ConstOp::I32Mul,
        Operator::I64Add => ConstOp::I64Add,
        Operator::I64Sub => ConstOp::I64Sub,
        Operator::I64Mul => ConstOp::I64Mul,
        // Alone, it was read before.
        Operator::V128Const { .. } => return Err(Fault::invalid_at("type mismatch", offset)),
        _ => return Err(Fault::invalid_at("constant expression required", offset)),
    }))
}

/// Checks that there are references of the type of a `ref.null`.
fn check_null(heap: wasmparser::HeapType, offset: u64) -> Result<(), Fault> {
    match heap {
        // Whether there is a type at the index is the validator's to say.
        wasmparser::HeapType::Concrete(_) => Ok(()),
        _ => match from_wasmparser::heap_type(heap, Indices::of(&[])) {
            Ok(_) => Ok(()),
            Err(error) => Err(Fault::invalid_at(error.to_string(), offset)),
        },
    }
}

/// The value of an instruction without operands.
fn leaf(
    op: ConstOp,
    global: &mut impl FnMut(u32) -> u64,
    func: &mut impl FnMut(u32) -> u64,
) -> Option<u64> {
    Some(match op {
        ConstOp::I32Const(value) => u64::from(value.cast_unsigned()),
        ConstOp::I64Const(value) => value.cast_unsigned(),
        ConstOp::F32Const(bits) => u64::from(bits),
        ConstOp::F64Const(bits) => bits,
        ConstOp::GlobalGet(index) => global(index),
        ConstOp::RefNull => 0,
        ConstOp::RefFunc(index) => func(index),
        _ => return None,
    })
}

/// The value of an instruction with two operands.
fn binary(op: ConstOp, left: u64, right: u64) -> u64 {
    // The low half of the 64-bit result depends on the low halves of the operands only.
    let low = |value: u64| value & u64::from(u32::MAX);
    match op {
        ConstOp::I32Add => low(left.wrapping_add(right)),
        ConstOp::I32Sub => low(left.wrapping_sub(right)),
        ConstOp::I32Mul => low(left.wrapping_mul(right)),
        ConstOp::I64Add => left.wrapping_add(right),
        ConstOp::I64Sub => left.wrapping_sub(right),
        ConstOp::I64Mul => left.wrapping_mul(right),
        _ => unreachable!("{op:?} has no operands"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(ops: &[ConstOp]) -> u64 {
        ConstExpr::Many(Box::new(ops.to_vec())).eval(|index| 100 + u64::from(index), u64::from)
    }

    #[test]
    fn i32_arithmetic_wraps_and_leaves_the_high_half_zero() {
        use ConstOp::*;
        assert_eq!(eval(&[I32Const(-1), I32Const(1), I32Add]), 0);
        assert_eq!(eval(&[I32Const(0), I32Const(1), I32Sub]), 0xffff_ffff);
        assert_eq!(eval(&[I32Const(-1), I32Const(-1), I32Mul]), 1);
        assert_eq!(
            eval(&[I32Const(0x10000), I32Const(0x10001), I32Mul]),
            0x10000
        );
    }

    #[test]
    fn i64_arithmetic_wraps_and_operands_keep_their_order() {
        use ConstOp::*;
        assert_eq!(eval(&[I64Const(5), I64Const(7), I64Sub]), u64::MAX - 1);
        assert_eq!(eval(&[I64Const(i64::MAX), I64Const(1), I64Add]), 1 << 63);
        assert_eq!(eval(&[GlobalGet(2), I64Const(3), I64Mul]), 306);
    }

    #[test]
    fn references_are_the_stores_and_null_is_zero() {
        let no = |_| unreachable!();
        assert_eq!(
            ConstExpr::One(ConstOp::RefFunc(3)).eval(no, |i| u64::from(i) + 8),
            11
        );
        assert_eq!(ConstExpr::One(ConstOp::RefNull).eval(no, no), 0);
    }

    #[test]
    fn negative_i32_is_not_sign_extended() {
        let no = |_| unreachable!();
        assert_eq!(
            ConstExpr::One(ConstOp::I32Const(-1)).eval(no, no),
            0xffff_ffff
        );
    }
}
