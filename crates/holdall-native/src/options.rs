//! What native code is made for, and how.

use std::fmt;
use std::time::Duration;

use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use holdall_core::native::{Feature, Isa, Settings, host_features};

/// What native code is made for, and how.
#[derive(Clone)]
pub struct Options<'a> {
    /// The instruction set.
    pub isa: Isa,
    /// What processors have beyond the baseline of the instruction set, as far as the code may use it: a bit
    /// for each ([`Feature::bit`]). Zero: the code runs on every processor of the instruction set.
    pub features: u64,
    /// What the code depends on beside the module.
    pub settings: Settings,
    /// The longest body of a function for which native code is made, in bytes. The time that a function takes
    /// grows faster than its body.
    pub largest_function_bytes: usize,
    /// Whether to make native code for a defined function, by its index: others stay interpreted.
    pub include: &'a (dyn Fn(u32) -> bool + Sync),
    /// Whether to make native code that takes so long to make, at worst and about. The time is an estimate that
    /// depends on the function alone.
    pub admit: &'a (dyn Fn(Duration) -> bool + Sync),
    /// Whether Cranelift verifies what it is given: a check of this crate, for tests.
    #[doc(hidden)]
    pub verify: bool,
}

impl Options<'_> {
    /// The longest body for which native code is made where nothing else is asked for, in bytes.
    pub const LARGEST_FUNCTION_BYTES: usize = 1 << 20;

    /// The longest that one function may take where nothing else is asked for. Functions that people write take
    /// less; hostile ones of some KiB could take minutes.
    pub const LONGEST_TIME: Duration = Duration::from_secs(4);

    /// Code for every processor of an instruction set.
    #[must_use]
    pub fn baseline(isa: Isa) -> Self {
        Self {
            isa,
            features: 0,
            settings: Settings::default(),
            largest_function_bytes: Self::LARGEST_FUNCTION_BYTES,
            include: &|_| true,
            admit: &|time| time <= Self::LONGEST_TIME,
            verify: false,
        }
    }

    /// Code for the processor that this runs on; `None` where native code does not run.
    #[must_use]
    pub fn host() -> Option<Self> {
        Some(Self {
            features: host_features(),
            ..Self::baseline(Isa::HERE?)
        })
    }

    /// Whether code may use a feature.
    pub(crate) fn has(&self, feature: Feature) -> bool {
        feature.isa() == self.isa && self.features & feature.bit() != 0
    }

    /// What Cranelift calls all this; `None` where it does not have it.
    pub(crate) fn target(&self) -> Option<OwnedTargetIsa> {
        let mut flags = settings::builder();
        for (name, value) in [
            ("opt_level", "none"),
            ("regalloc_algorithm", "backtracking"),
            ("preserve_frame_pointers", "true"),
            ("is_pic", "true"),
            ("enable_probestack", "false"),
            ("unwind_info", "false"),
            (
                "enable_verifier",
                if self.verify { "true" } else { "false" },
            ),
        ] {
            flags.set(name, value).ok()?;
        }
        let triple = match self.isa {
            Isa::X86_64 => "x86_64-unknown-linux-gnu",
            Isa::Aarch64 => "aarch64-unknown-linux-gnu",
            _ => return None,
        };
        let mut target = isa::lookup_by_name(triple).ok()?;
        for feature in Feature::ALL {
            if self.has(feature) {
                target.enable(flag(feature)?).ok()?;
            }
        }
        target.finish(settings::Flags::new(flags)).ok()
    }
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("isa", &self.isa)
            .field("features", &self.features)
            .field("settings", &self.settings)
            .field("largest_function_bytes", &self.largest_function_bytes)
            .finish_non_exhaustive()
    }
}

/// Cranelift's name of a feature.
fn flag(feature: Feature) -> Option<&'static str> {
    Some(match feature {
        Feature::Sse3 => "has_sse3",
        Feature::Ssse3 => "has_ssse3",
        Feature::Sse41 => "has_sse41",
        Feature::Sse42 => "has_sse42",
        Feature::Popcnt => "has_popcnt",
        Feature::Avx => "has_avx",
        Feature::Avx2 => "has_avx2",
        Feature::Bmi1 => "has_bmi1",
        Feature::Bmi2 => "has_bmi2",
        Feature::Lzcnt => "has_lzcnt",
        Feature::Fma => "has_fma",
        Feature::Lse => "has_lse",
        _ => return None,
    })
}
