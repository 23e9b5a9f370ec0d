//! The options for the names of modules in imports, and what they set.

use holdall::{Naming, Versions};

/// How names of modules in imports are resolved.
#[derive(Debug, clap::Args)]
pub(super) struct NamingArgs {
    /// Take imports from FROM for imports from TO, but for those of module TO itself, which can so
    /// stand between; may be repeated. The two names of WASI, wasi_snapshot_preview1 and
    /// wasi_unstable, are two: what is to stand before all of WASI needs an alias of each, and
    /// `holdall inspect` with the same options shows what still reaches the host
    #[arg(long, value_name = "FROM=TO", value_parser = alias)]
    alias: Vec<(String, String)>,
    /// Let an import from lib@1.2, where there is no module of just that name, be satisfied by the
    /// highest compatible version of lib (1.3.0, not 2.0.0), and not only by the highest 1.2.x
    #[arg(long)]
    compatible_versions: bool,
    /// Let modules that need NAME use its exports although it is a command, with a function _start: it
    /// is a library then, and its _start is not called; may be repeated
    #[arg(long, value_name = "NAME")]
    use_exports: Vec<String>,
}

/// An alias, from `FROM=TO`.
fn alias(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => {
            Ok((from.to_owned(), to.to_owned()))
        }
        _ => Err("expected FROM=TO, two names of modules".to_owned()),
    }
}

impl NamingArgs {
    /// The naming that the options of a subcommand set. Ends the process where options contradict one
    /// another.
    pub(super) fn naming(&self, subcommand: &str) -> Naming {
        let mut naming = Naming::new();
        if self.compatible_versions {
            naming.versions = Versions::Compatible;
        }
        for name in &self.use_exports {
            naming.use_exports(name);
        }
        for (from, to) in &self.alias {
            if let Err(error) = naming.alias(from, to) {
                super::wrong_usage(subcommand, format!("--alias: {error}"));
            }
        }
        naming
    }
}
