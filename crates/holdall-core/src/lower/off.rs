//! What wasmparser lets through in a body although its proposal is off: instructions and types that need
//! a garbage-collected heap, for which wasmparser has one switch together with declared types of functions;
//! and tail calls through typed references, which are of two proposals.

use wasmparser::{BinaryReader, BlockType, Operator, OperatorsReader, ValType};

use crate::module::from_wasmparser::{Indices, heap_type};
use crate::module::{Proposal, Proposals};

/// The opcode of `return_call_ref`.
const RETURN_CALL_REF: u8 = 0x15;
/// The first byte of `ref.eq`.
const REF_EQ: u8 = 0xd3;
/// The first byte of the instructions of the proposal `gc`.
const GC: u8 = 0xfb;

/// Whether the instruction that begins here has to be looked at: nearly none has.
#[inline]
pub(super) fn is_suspect(instruction: &[u8]) -> bool {
    match instruction {
        // Blocks with a type: `(ref null`, `(ref`, or a short form that needs the heap.
        [0x02..=0x04 | 0x06 | 0x1f, ty, ..] => matches!(ty, 0x63 | 0x64 | 0x6a..=0x6e | 0x71),
        // `select` with types, `ref.null`.
        [0x1c | 0xd0 | RETURN_CALL_REF | REF_EQ | GC, ..] => true,
        _ => false,
    }
}

/// Why the instruction in front of a reader needs more than the proposals in `on`, where it does.
pub(super) fn fault_of(reader: BinaryReader<'_>, on: Proposals) -> Option<String> {
    let gc = matches!(reader.clone().read_u8(), Ok(GC | REF_EQ));
    match OperatorsReader::new(reader).read().ok()? {
        Operator::ReturnCallRef { .. } => (!on.contains(Proposal::TailCall))
            .then(|| "tail calls support is not enabled".to_owned()),
        _ if on.contains(Proposal::Gc) => None,
        Operator::Block { blockty }
        | Operator::Loop { blockty }
        | Operator::If { blockty }
        | Operator::Try { blockty } => of_block(blockty),
        Operator::TryTable { try_table } => of_block(try_table.ty),
        Operator::TypedSelect { ty } => of_type(ty),
        Operator::TypedSelectMulti { tys } => tys.into_iter().find_map(of_type),
        Operator::RefNull { hty }
        | Operator::RefTestNonNull { hty }
        | Operator::RefTestNullable { hty }
        | Operator::RefCastNonNull { hty }
        | Operator::RefCastNullable { hty } => of_heap(hty),
        Operator::BrOnCast {
            from_ref_type,
            to_ref_type,
            ..
        }
        | Operator::BrOnCastFail {
            from_ref_type,
            to_ref_type,
            ..
        } => of_heap(from_ref_type.heap_type()).or_else(|| of_heap(to_ref_type.heap_type())),
        _ if gc => Some(
            "an instruction that needs a garbage-collected heap (proposal gc) is not supported"
                .to_owned(),
        ),
        _ => None,
    }
}

fn of_block(ty: BlockType) -> Option<String> {
    match ty {
        BlockType::Type(ty) => of_type(ty),
        BlockType::Empty | BlockType::FuncType(_) => None,
    }
}

/// Why a type needs the heap, where it does.
pub(super) fn of_type(ty: ValType) -> Option<String> {
    match ty {
        ValType::Ref(ty) => of_heap(ty.heap_type()),
        _ => None,
    }
}

fn of_heap(ty: wasmparser::HeapType) -> Option<String> {
    match ty {
        // All types that a module of holdall can declare are of functions.
        wasmparser::HeapType::Concrete(_) => None,
        _ => heap_type(ty, Indices::of(&[]))
            .err()
            .map(|fault| fault.to_string()),
    }
}
