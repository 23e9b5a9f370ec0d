//! Every numeric instruction with operands of every form, and results used in every way.

use crate::Form::{Computed, Large, Local, Small, Waiting};
use crate::ops::{self, Ty};
use crate::{Form, consumers, push, run};

/// The forms that two operands can have together: what waits does so below something computed.
const PAIRS: &[(Form, Form)] = &[
    (Local, Local),
    (Local, Small),
    (Local, Large),
    (Local, Computed),
    (Small, Local),
    (Small, Small),
    (Small, Computed),
    (Large, Local),
    (Large, Computed),
    (Computed, Local),
    (Computed, Small),
    (Computed, Large),
    (Waiting, Computed),
];

/// All shapes of the instructions whose first operand has type `ty`.
fn shapes(ty: Ty) {
    let mut shapes = Vec::new();
    for op in ops::numeric().into_iter().filter(|op| op.params[0] == ty) {
        let mut operands = Vec::new();
        match op.params {
            [only] => {
                for form in [Local, Small, Large, Computed] {
                    let mut code = Vec::new();
                    push(*only, form, false, &mut code);
                    operands.push(code);
                }
            }
            [first, second] => {
                for (one, other) in PAIRS {
                    let mut code = Vec::new();
                    push(*first, *one, false, &mut code);
                    push(*second, *other, true, &mut code);
                    operands.push(code);
                }
            }
            _ => unreachable!("numeric instructions take one or two operands"),
        }
        for operands in operands {
            for consumer in consumers(op.result) {
                let mut shape = operands.clone();
                shape.push(op.instruction.clone());
                shape.extend(consumer);
                shapes.push(shape);
            }
        }
    }
    run(&shapes);
}

#[test]
fn instructions_of_i32() {
    shapes(Ty::I32);
}

#[test]
fn instructions_of_i64() {
    shapes(Ty::I64);
}

#[test]
fn instructions_of_f32() {
    shapes(Ty::F32);
}

#[test]
fn instructions_of_f64() {
    shapes(Ty::F64);
}
