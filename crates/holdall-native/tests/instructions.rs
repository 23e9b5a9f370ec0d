//! Every instruction on numbers, on vectors and on memory has native code, on processors with all features
//! and with none.

use std::borrow::Cow;

use holdall_core::bounds::Bounds;
use holdall_core::clock::Clock;
use holdall_core::module::Sections;
use holdall_core::native::{Feature, Isa, Settings};
use holdall_native::{Options, compile};

#[test]
fn every_instruction_has_native_code_on_every_processor() {
    let (names, text) = holdall_dev::instructions::module();
    let bytes = Cow::Owned(wat::parse_str(&text).unwrap());
    let sections = Sections::read(bytes, &Bounds::default(), &Clock::default()).unwrap();
    let every = Feature::ALL.iter().fold(0, |bits, it| bits | it.bit());
    let here = Options::host().map_or(0, |host| host.features);
    for isa in [Isa::X86_64, Isa::Aarch64] {
        for features in [0, here, every] {
            for canonical_nans in [false, true] {
                let options = Options {
                    features,
                    settings: Settings {
                        canonical_nans,
                        ..Settings::default()
                    },
                    verify: true,
                    ..Options::baseline(isa)
                };
                let code = compile(&sections, &options);
                let all = names.iter().zip(&code.functions);
                let missing: Vec<_> = all.filter(|(_, function)| function.is_none()).collect();
                assert!(missing.is_empty(), "{options:?}: {missing:?}");
            }
        }
    }
}
