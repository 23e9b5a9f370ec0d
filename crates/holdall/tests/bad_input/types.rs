//! Type sections that are hostile, and what needs a heap that is not there.

use holdall::{Engine, Lowering, Module};

use crate::build::{leb, sections};
use crate::{load, refused};

const TYPE: u8 = 1;

/// A type section with a group of `count` types, each of which `ty` writes.
fn group(count: u32, ty: impl Fn(&mut Vec<u8>, u32)) -> Vec<u8> {
    let mut section = vec![1, 0x4e];
    section.extend(leb(count.into()));
    for at in 0..count {
        ty(&mut section, at);
    }
    sections([(TYPE, section.as_slice())])
}

/// `(func (param (ref null INDEX)))`.
fn takes(section: &mut Vec<u8>, index: u32) {
    section.extend([0x60, 1, 0x63]);
    // An index is a signed number.
    let mut rest = index;
    while rest >= 0x40 {
        section.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    section.push(rest as u8);
    section.push(0);
}

#[test]
fn a_group_of_very_many_types_that_refer_to_one_another_is_taken_and_given_back() {
    let ring = group(100_000, |section, at| takes(section, (at + 1) % 100_000));
    for _ in 0..2 {
        let module = load(&ring, Lowering::Lazy).expect("valid");
        assert_eq!(module.types().len(), 100_000);
    }
}

#[test]
fn a_chain_of_very_many_types_is_taken_and_given_back() {
    let mut section = leb(100_001);
    section.extend([0x60, 0, 0]);
    for at in 0..100_000 {
        takes(&mut section, at);
    }
    let module = load(&sections([(TYPE, section.as_slice())]), Lowering::Lazy).expect("valid");
    let last = module.types().last().unwrap().to_string();
    assert_eq!(
        last,
        "(func (param (ref null (func (param (ref null (func ..)))))))"
    );
}

#[test]
fn groups_that_refer_to_what_is_not_there_are_refused() {
    refused(&group(1, |section, _| takes(section, 1)), "unknown type");
    refused(&group(2, |section, _| takes(section, 1 << 20)), "");
    // `(sub 1 (func))`, twice: the first has a supertype that comes after it.
    let ahead = group(2, |section, _| section.extend([0x50, 1, 1, 0x60, 0, 0]));
    refused(&ahead, "");
    // `(sub 0 (func))`: its own supertype.
    refused(
        &group(1, |section, _| section.extend([0x50, 1, 0, 0x60, 0, 0])),
        "",
    );
    let deep = group(100, |section, at| match at {
        0 => section.extend([0x50, 0, 0x60, 0, 0]),
        _ => section.extend([[0x50, 1].as_slice(), &leb((at - 1).into()), &[0x60, 0, 0]].concat()),
    });
    refused(&deep, "");
}

#[test]
fn what_needs_a_heap_is_refused_by_the_name_of_its_proposal() {
    if !cfg!(feature = "wat") {
        return;
    }
    for text in [
        "(module (type (struct)))",
        "(module (type (array i8)))",
        "(module (global anyref (ref.null any)))",
        "(module (func (local eqref)))",
        "(module (func (result anyref) (ref.null any)))",
        "(module (func (drop (ref.i31 (i32.const 1)))))",
        "(module (func (param externref) (drop (any.convert_extern (local.get 0)))))",
        "(module (func (block (result (ref null any)) (ref.null any)) drop))",
        "(module (func (drop (select (result anyref) (ref.null any) (ref.null any) (i32.const 0)))))",
        "(module (table 1 i31ref))",
        "(module (import \"a\" \"g\" (global structref)))",
    ] {
        let error = Module::new(&Engine::default(), text)
            .unwrap_err()
            .to_string();
        assert!(error.contains("module needs gc, which"), "{text}: {error}");
    }
}
