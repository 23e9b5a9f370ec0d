//! What processors have beyond their baseline, as far as native code may use it.

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

    /// The instruction set that the feature belongs to.
    #[must_use]
    pub const fn isa(self) -> Isa {
        match self {
            Self::Lse => Isa::Aarch64,
            _ => Isa::X86_64,
        }
    }
}

/// The features of the processor that this runs on, each by its bit.
#[must_use]
pub fn host_features() -> u64 {
    let has = |feature: &Feature| has(*feature);
    let found = Feature::ALL.into_iter().filter(has);
    found.fold(0, |bits, feature| bits | feature.bit())
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
}
