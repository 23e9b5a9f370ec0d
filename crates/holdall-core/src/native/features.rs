//! What processors have beyond their baseline, as far as native code may use it.

use std::fmt;

use super::Isa;

/// A part of an instruction set that not all of its processors have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Feature {
    /// SSE3 of x86-64.
    Sse3,
    /// SSSE3 of x86-64.
    Ssse3,
    /// SSE4.1 of x86-64.
    Sse41,
    /// SSE4.2 of x86-64.
    Sse42,
    /// POPCNT of x86-64.
    Popcnt,
    /// AVX of x86-64.
    Avx,
    /// AVX2 of x86-64.
    Avx2,
    /// BMI1 of x86-64.
    Bmi1,
    /// BMI2 of x86-64.
    Bmi2,
    /// LZCNT of x86-64.
    Lzcnt,
    /// FMA of x86-64.
    Fma,
    /// LSE of AArch64: atomic instructions.
    Lse,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Sse3,
        Self::Ssse3,
        Self::Sse41,
        Self::Sse42,
        Self::Popcnt,
        Self::Avx,
        Self::Avx2,
        Self::Bmi1,
        Self::Bmi2,
        Self::Lzcnt,
        Self::Fma,
        Self::Lse,
    ];

    /// The feature's bit in [`NativeCode::features`](super::NativeCode::features).
    #[must_use]
    pub const fn bit(self) -> u64 {
        1 << self as u8
    }

    /// The feature's name, as Rust has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sse3 => "sse3",
            Self::Ssse3 => "ssse3",
            Self::Sse41 => "sse4.1",
            Self::Sse42 => "sse4.2",
            Self::Popcnt => "popcnt",
            Self::Avx => "avx",
            Self::Avx2 => "avx2",
            Self::Bmi1 => "bmi1",
            Self::Bmi2 => "bmi2",
            Self::Lzcnt => "lzcnt",
            Self::Fma => "fma",
            Self::Lse => "lse",
        }
    }

    /// The instruction set that the feature belongs to.
    #[must_use]
    pub const fn isa(self) -> Isa {
        match self {
            Self::Lse => Isa::Aarch64,
            _ => Isa::X86_64,
        }
    }
}

/// The processors of an instruction set that have certain features. The text is a level's name, or the names of
/// features with commas between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processors {
    /// The instruction set.
    pub isa: Isa,
    /// What all of the processors have: a bit for each feature.
    pub features: u64,
}

/// The levels of instruction sets: of x86-64 as its System V ABI names them, of AArch64 as Arm does.
const LEVELS: [(&str, Isa, &[Feature]); 5] = {
    use Feature::*;
    [
        (BASELINE, Isa::X86_64, &[]),
        (
            "x86-64-v2",
            Isa::X86_64,
            &[Sse3, Ssse3, Sse41, Sse42, Popcnt],
        ),
        (
            "x86-64-v3",
            Isa::X86_64,
            &[
                Sse3, Ssse3, Sse41, Sse42, Popcnt, Avx, Avx2, Bmi1, Bmi2, Lzcnt, Fma,
            ],
        ),
        (BASELINE, Isa::Aarch64, &[]),
        ("armv8.1-a", Isa::Aarch64, &[Lse]),
    ]
};
/// All processors of an instruction set.
const BASELINE: &str = "baseline";
/// Those like the one that this runs on.
const HOST: &str = "native";

impl Processors {
    /// The processors of an instruction set that a text names: `baseline`, all of them; `native`, those that can
    /// do what the processor can that this runs on; a level; or features.
    ///
    /// # Errors
    /// What texts there are, where this is none of them.
    pub fn parse(text: &str, isa: Isa) -> Result<Self, String> {
        let of = |features| Self { isa, features };
        let own = || LEVELS.into_iter().filter(|(_, of, _)| *of == isa);
        if let Some((.., features)) = own().find(|(name, ..)| *name == text) {
            return Ok(of(bits(features.iter().copied())));
        }
        if text == HOST {
            return match Isa::HERE == Some(isa) {
                true => Ok(of(host_features())),
                false => Err("native is for packs that run on this kind of processor".to_owned()),
            };
        }
        let named = |name: &str| {
            let mut all = Feature::ALL.into_iter();
            all.find(|feature| feature.name() == name && feature.isa() == isa)
        };
        let found: Option<Vec<Feature>> = text.split(',').map(named).collect();
        found.map(|found| of(bits(found))).ok_or_else(|| {
            let levels: Vec<_> = own().map(|(name, ..)| name).collect();
            let all = Feature::ALL.into_iter().filter(|it| it.isa() == isa);
            let all: Vec<_> = all.map(Feature::name).collect();
            format!(
                "expected {}, {HOST}, or some of {} with commas between them, found {text:?}",
                levels.join(", "),
                all.join(", ")
            )
        })
    }

    /// The names of what these processors have and others may lack, with commas between them.
    #[must_use]
    pub fn names(&self) -> String {
        let has = |feature: &Feature| self.features & feature.bit() != 0;
        let names = Feature::ALL.into_iter().filter(has).map(Feature::name);
        names.collect::<Vec<_>>().join(",")
    }
}

/// What [`Processors::parse`] takes: the name of a level, where there is one.
impl fmt::Display for Processors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = LEVELS.iter().find(|(_, isa, features)| {
            *isa == self.isa && bits(features.iter().copied()) == self.features
        });
        match level {
            Some((name, ..)) => f.write_str(name),
            None => f.write_str(&self.names()),
        }
    }
}

fn bits(features: impl IntoIterator<Item = Feature>) -> u64 {
    let bits = features.into_iter().map(Feature::bit);
    bits.fold(0, |all, bit| all | bit)
}

/// The features of the processor that this runs on, each by its bit.
#[must_use]
pub fn host_features() -> u64 {
    bits(Feature::ALL.into_iter().filter(|feature| has(*feature)))
}

#[cfg(target_arch = "x86_64")]
fn has(feature: Feature) -> bool {
    match feature {
        Feature::Sse3 => is_x86_feature_detected!("sse3"),
        Feature::Ssse3 => is_x86_feature_detected!("ssse3"),
        Feature::Sse41 => is_x86_feature_detected!("sse4.1"),
        Feature::Sse42 => is_x86_feature_detected!("sse4.2"),
        Feature::Popcnt => is_x86_feature_detected!("popcnt"),
        Feature::Avx => is_x86_feature_detected!("avx"),
        Feature::Avx2 => is_x86_feature_detected!("avx2"),
        Feature::Bmi1 => is_x86_feature_detected!("bmi1"),
        Feature::Bmi2 => is_x86_feature_detected!("bmi2"),
        Feature::Lzcnt => is_x86_feature_detected!("lzcnt"),
        Feature::Fma => is_x86_feature_detected!("fma"),
        Feature::Lse => false,
    }
}

#[cfg(target_arch = "aarch64")]
fn has(feature: Feature) -> bool {
    feature == Feature::Lse && std::arch::is_aarch64_feature_detected!("lse")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn has(_: Feature) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_has_a_bit_of_its_own() {
        for (number, feature) in Feature::ALL.into_iter().enumerate() {
            assert_eq!(feature.bit(), 1 << number);
        }
    }

    #[test]
    fn processors_are_what_their_text_says() {
        for (isa, text, expected) in [
            (Isa::X86_64, "baseline", Some("baseline")),
            (Isa::Aarch64, "baseline", Some("baseline")),
            (Isa::X86_64, "x86-64-v3", Some("x86-64-v3")),
            (Isa::X86_64, "avx,sse4.1", Some("sse4.1,avx")),
            (
                Isa::X86_64,
                "sse3,ssse3,sse4.1,sse4.2,popcnt",
                Some("x86-64-v2"),
            ),
            (Isa::Aarch64, "lse", Some("armv8.1-a")),
            (Isa::Aarch64, "x86-64-v3", None),
            (Isa::Aarch64, "avx", None),
            (Isa::X86_64, "", None),
            (Isa::X86_64, "avx,", None),
            (Isa::X86_64, "x86-64-v9", None),
        ] {
            let found = Processors::parse(text, isa);
            let found = found.as_ref().ok().map(Processors::to_string);
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
        if let Some(isa) = Isa::HERE {
            let host = Processors::parse("native", isa).unwrap();
            assert_eq!(host.features, host_features());
        }
    }
}
