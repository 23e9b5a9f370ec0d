//! The options that grant directories, variables and streams, to the root module and to others.

use holdall_pack::process::Plain;
use holdall_pack::{DirGrant, EnvGrant, Grant, Policy};

/// What MODULE and the modules that it needs may reach of the host.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What the modules may reach")]
pub(super) struct WasiArgs {
    /// Give MODULE a directory, under its own name or GUEST, to be changed unless ::ro follows; may
    /// be repeated
    #[arg(long, value_name = "HOST[::GUEST][::ro]", value_parser = DirGrant::parse)]
    pub(super) dir: Vec<DirGrant>,
    /// Set a variable of MODULE's environment, or pass on the one that holdall has, where it
    /// has one; may be repeated
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = EnvGrant::parse)]
    pub(super) env: Vec<EnvGrant>,
    /// Give MODULE this name as its argument 0, in place of its file's
    #[arg(long, value_name = "NAME")]
    argv0: Option<String>,
    /// Give another module something: dir=HOST[::GUEST][::ro], env=NAME[=VALUE], arg=TEXT, stdin,
    /// stdout, stderr, stdio (all three), clocks, random; may be repeated. MODULE gets streams,
    /// clocks and randomness without being given them, and other modules nothing
    #[arg(long, value_name = "NAME:WHAT", value_parser = Grant::parse)]
    pub(super) grant: Vec<(String, Grant)>,
    /// Let all modules that are given nothing share what MODULE has
    #[arg(long)]
    share_wasi: bool,
    /// Let nothing but the modules happen: virtual clocks, seeded randomness, sorted directories,
    /// fixed numbers and times of files, canonical NaNs. Two runs are the same, on every machine
    #[arg(long)]
    pub(super) deterministic: bool,
    /// The seed of randomness under --deterministic
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        requires = "deterministic"
    )]
    seed: u64,
}

impl WasiArgs {
    /// The policy that these options set; limits are not among them.
    pub(super) fn policy(&self) -> Policy {
        Policy {
            argv0: self.argv0.clone(),
            dirs: self.dir.clone(),
            env: self.env.clone(),
            modules: self.grant.clone(),
            shares: self.share_wasi,
            seed: self.deterministic.then_some(self.seed),
            ..Policy::default()
        }
    }

    /// The modules that --grant names.
    pub(super) fn granted(&self) -> impl Iterator<Item = &str> {
        self.grant.iter().map(|(module, _)| module.as_str())
    }

    /// Ends the process where --grant names MODULE itself.
    pub(super) fn check_root(&self, subcommand: &str, root: &str) {
        if self.granted().any(|name| name == root) {
            let name = Plain(root);
            let message =
                format!("--grant: {name} is MODULE itself, which gets what --dir and --env give");
            super::wrong_usage(subcommand, message);
        }
    }
}
