//! Every load and store, with addresses and values of every form, and small and large offsets.

use wasm_encoder::{Instruction, MemArg};

use crate::Form::{Computed, Local, Small, Waiting};
use crate::ops::{LOADS, STORES, Ty};
use crate::{Form, consumers, push, run};

const OFFSETS: [u64; 4] = [0, 8, 65535, 66000];

fn at(offset: u64) -> MemArg {
    MemArg {
        offset,
        align: 0,
        target: Default::default(),
        ordering: None,
    }
}

/// Addresses: of every form, and a sum, as an array's element has.
fn addresses() -> Vec<(Form, Vec<Instruction<'static>>)> {
    let mut addresses = Vec::new();
    for form in [Local, Small, Computed] {
        let mut code = Vec::new();
        push(Ty::I32, form, false, &mut code);
        addresses.push((form, code));
    }
    for second in [Local, Small] {
        let mut code = Vec::new();
        push(Ty::I32, Local, false, &mut code);
        push(Ty::I32, second, true, &mut code);
        code.push(Instruction::I32Add);
        addresses.push((Waiting, code));
    }
    addresses
}

#[test]
fn loads() {
    let mut shapes = Vec::new();
    for load in LOADS {
        for (_, address) in addresses() {
            for offset in OFFSETS {
                for consumer in consumers(load.ty) {
                    let mut shape = address.clone();
                    shape.push((load.instruction)(at(offset)));
                    shape.extend(consumer);
                    shapes.push(shape);
                }
            }
        }
    }
    run(&shapes);
}

#[test]
fn stores() {
    let mut shapes = Vec::new();
    for store in STORES {
        for (_, address) in addresses() {
            for value in [Local, Small, Form::Large, Computed] {
                for offset in OFFSETS {
                    let mut shape = address.clone();
                    push(store.ty, value, true, &mut shape);
                    shape.push((store.instruction)(at(offset)));
                    shapes.push(shape);
                }
            }
        }
    }
    run(&shapes);
}

/// What real code does most: load, change, store back.
#[test]
fn updates_in_place() {
    let mut shapes = Vec::new();
    for ty in [Ty::I32, Ty::I64] {
        let (load, store, add): (fn(_) -> _, fn(_) -> _, _) = match ty {
            Ty::I32 => (
                Instruction::I32Load,
                Instruction::I32Store,
                Instruction::I32Add,
            ),
            _ => (
                Instruction::I64Load,
                Instruction::I64Store,
                Instruction::I64Add,
            ),
        };
        for (_, address) in addresses() {
            for value in [Local, Small, Form::Large, Computed] {
                let mut shape = address.clone();
                shape.extend(address.clone());
                shape.push(load(at(16)));
                push(ty, value, true, &mut shape);
                shape.extend([add.clone(), store(at(16))]);
                shapes.push(shape);
            }
        }
    }
    run(&shapes);
}
