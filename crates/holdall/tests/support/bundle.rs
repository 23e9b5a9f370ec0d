//! The modules of the multi-module sample, as the command carries them.

use std::sync::LazyLock;

use holdall::Bundle;
use include_dir::{Dir, include_dir};

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../bundle");

/// `mA`, `mB`, which imports from it, and `mC`, which imports from both.
pub(crate) static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| Bundle::from_dir(&FILES));
