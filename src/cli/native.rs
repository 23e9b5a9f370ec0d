//! The options for machine code, which subcommands share. Does not know what the code is made for.

use holdall::Config;

/// Whether functions become machine code, and which.
#[derive(Debug, clap::Args)]
pub(super) struct NativeArgs {
    /// Compile functions to machine code, which runs several times faster than interpreted code
    #[arg(long)]
    native: bool,
    /// Keep addresses that a processor only guesses inside of memories and tables (Spectre), which
    /// makes native code slower
    #[arg(long, requires = "native")]
    guarded_addresses: bool,
}

impl NativeArgs {
    /// The configuration, with functions compiled where the options say so.
    ///
    /// # Errors
    /// Where the options ask for native code, and this build has no compiler.
    pub(super) fn configure(&self, config: Config) -> anyhow::Result<Config> {
        if !self.native {
            return Ok(config);
        }
        #[cfg(feature = "native")]
        return Ok(config
            .native(true)
            .guarded_addresses(self.guarded_addresses));
        #[cfg(not(feature = "native"))]
        anyhow::bail!(
            "--native: this build has no compiler; build holdall with its feature `native`, or leave \
             --native out"
        )
    }
}
