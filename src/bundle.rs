//! What travels in this binary: the modules of `bundle/`, which the build script has checked.

use std::sync::LazyLock;

use holdall::Bundle;
use include_dir::{Dir, include_dir};

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/bundle");

/// The modules, under the names of their files without `.wasm`.
pub(crate) static BUNDLE: LazyLock<Bundle> = LazyLock::new(|| Bundle::from_dir(&FILES));
