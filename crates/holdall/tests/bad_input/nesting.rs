//! What nests, a million deep, in a thread with a small native stack.

use std::time::{Duration, Instant};

use holdall::TrapCode;
use wasm_encoder::{BlockType, Instruction, ValType};

use crate::{LOWERINGS, build, call, in_small_stack, load};

const DEEP: usize = 1_000_000;
/// Far more than it takes, and far less than anything that is not linear would.
const BOUND: Duration = Duration::from_secs(60);

/// A body that nests `depth` deep around a number, if it is taken at all.
fn nest(open: &[u8], inside: &[u8], close: &[u8], depth: usize) -> Vec<u8> {
    let mut body = open.repeat(depth);
    body.extend(inside);
    body.extend(close.repeat(depth));
    build::function([(1, ValType::I32)], &body)
}

/// A function that nests deep works, or is refused when the module is loaded, or has no room on the
/// value stack.
fn works_or_is_refused(bytes: Vec<u8>) {
    in_small_stack(move || {
        for lowering in LOWERINGS {
            let start = Instant::now();
            match load(&bytes, lowering).and_then(|module| call(&module)) {
                Ok(result) => assert_eq!(result, 7),
                Err(error) => {
                    let text = error.to_string();
                    let is_limit = match error.trap() {
                        Some(trap) => trap.code() == TrapCode::CallStackExhausted,
                        None => text.contains("exceeds a limit") || text.contains("size"),
                    };
                    assert!(is_limit, "expected a limit, found: {text}");
                }
            }
            let took = start.elapsed();
            assert!(took < BOUND, "{lowering:?} took {took:?}");
        }
    });
}

fn code<const N: usize>(instructions: [Instruction<'_>; N]) -> Vec<u8> {
    build::bytes(instructions)
}

#[test]
fn blocks() {
    let open = code([Instruction::Block(BlockType::Result(ValType::I32))]);
    let (inside, close) = (code([Instruction::I32Const(7)]), code([Instruction::End]));
    works_or_is_refused(nest(&open, &inside, &close, DEEP));
    works_or_is_refused(nest(&open, &inside, &close, 50_000));
}

#[test]
fn loops() {
    let open = code([Instruction::Loop(BlockType::Result(ValType::I32))]);
    let (inside, close) = (code([Instruction::I32Const(7)]), code([Instruction::End]));
    works_or_is_refused(nest(&open, &inside, &close, DEEP));
    works_or_is_refused(nest(&open, &inside, &close, 50_000));
}

#[test]
fn ifs() {
    let open = code([
        Instruction::I32Const(1),
        Instruction::If(BlockType::Result(ValType::I32)),
    ]);
    let close = code([
        Instruction::Else,
        Instruction::I32Const(8),
        Instruction::End,
    ]);
    let inside = code([Instruction::I32Const(7)]);
    works_or_is_refused(nest(&open, &inside, &close, DEEP));
    works_or_is_refused(nest(&open, &inside, &close, 50_000));
}

/// Each block has a value below it, so both the blocks and the operands are many.
#[test]
fn operands_around_blocks() {
    let open = code([
        Instruction::I32Const(0),
        Instruction::Block(BlockType::Result(ValType::I32)),
    ]);
    let close = code([Instruction::End, Instruction::I32Or]);
    let inside = code([Instruction::I32Const(7)]);
    works_or_is_refused(nest(&open, &inside, &close, DEEP));
    works_or_is_refused(nest(&open, &inside, &close, 10_000));
}

#[test]
fn operands() {
    let (close, inside) = (code([Instruction::I32Or]), code([Instruction::I32Const(7)]));
    // Constants, which need not be anywhere, and values of a local, which may be where they are.
    let constant = code([Instruction::I32Const(3)]);
    works_or_is_refused(nest(&constant, &inside, &close, DEEP));
    let local = code([Instruction::LocalGet(0)]);
    works_or_is_refused(nest(&local, &inside, &close, DEEP));
    // The local is written while a million of its old values wait.
    let change = code([
        Instruction::I32Const(0),
        Instruction::LocalSet(0),
        Instruction::I32Const(7),
    ]);
    works_or_is_refused(nest(&local, &change, &close, DEEP));
    works_or_is_refused(nest(&local, &change, &close, 30_000));
    let computed = code([
        Instruction::LocalGet(0),
        Instruction::I32Eqz,
        Instruction::I32Eqz,
    ]);
    works_or_is_refused(nest(&computed, &inside, &close, DEEP));
    works_or_is_refused(nest(&computed, &inside, &close, 30_000));
}

/// Many old values of a local and many writes of it must not take the product of both.
#[test]
fn writes_of_a_local_with_old_values() {
    let local = code([Instruction::LocalGet(0)]);
    let mut inside = code([Instruction::LocalGet(0), Instruction::LocalSet(0)]).repeat(500_000);
    inside.extend(code([Instruction::I32Const(7)]));
    works_or_is_refused(nest(&local, &inside, &code([Instruction::I32Or]), 20_000));
}

/// Constants and values of locals at every block's begin and end must not be moved again and again.
#[test]
fn blocks_over_operands() {
    let local = code([Instruction::LocalGet(0)]);
    let block = code([Instruction::Block(BlockType::Empty), Instruction::End]);
    let mut inside = block.repeat(500_000);
    inside.extend(code([Instruction::I32Const(7)]));
    works_or_is_refused(nest(&local, &inside, &code([Instruction::I32Or]), 20_000));
}

/// A conditional branch out of deep nesting, from each depth.
#[test]
fn branches_out_of_everything() {
    let mut body = code([Instruction::Block(BlockType::Empty)]).repeat(20_000);
    for depth in 0..20_000 {
        body.extend(code([Instruction::LocalGet(0), Instruction::BrIf(depth)]));
    }
    body.extend(code([Instruction::End]).repeat(20_000));
    body.extend(code([Instruction::I32Const(7)]));
    works_or_is_refused(build::function([(1, ValType::I32)], &body));
}

#[cfg(feature = "wat")]
#[test]
fn text() {
    let folded = format!(
        "(module (func (export \"f\") (result i32) {}i32.const 7{}))",
        "(i32.eqz ".repeat(DEEP),
        ")".repeat(DEEP)
    );
    let parens = format!("(module {}{})", "(func ".repeat(DEEP), ")".repeat(DEEP));
    for text in [folded, parens, "(".repeat(DEEP), "(;".repeat(DEEP)] {
        for lowering in LOWERINGS {
            // The reader of the text format has limits of its own.
            drop(load(text.as_bytes(), lowering));
        }
    }
}
