//! The options for machine code, which subcommands share. Does not know what the code is made for.

use holdall::Config;

/// Whether functions become machine code, and which.
#[derive(Debug, clap::Args)]
pub(super) struct NativeArgs {
    /// Compile functions to machine code, which runs several times faster than interpreted code
    #[arg(long)]
    pub(super) native: bool,
    /// Keep addresses that a processor only guesses inside of memories and tables (Spectre), which
    /// makes native code slower
    #[arg(long, requires = "native")]
    pub(super) guarded_addresses: bool,
}

impl NativeArgs {
    /// The configuration, with functions compiled where the options say so.
    ///
    /// # Errors
    /// Where the options ask for native code, and this build has no compiler.
    pub(super) fn configure(&self, config: Config) -> anyhow::Result<Config> {
        #[cfg(feature = "native")]
        if self.is_wanted()? {
            return Ok(config
                .native(true)
                .guarded_addresses(self.guarded_addresses));
        }
        self.is_wanted().map(|_| config)
    }

    /// Whether the options ask for native code.
    ///
    /// # Errors
    /// Where they do, and this build has no compiler.
    pub(super) fn is_wanted(&self) -> anyhow::Result<bool> {
        anyhow::ensure!(
            !self.native || cfg!(feature = "native"),
            "--native: this build has no compiler; build holdall with its feature `native`, or leave \
             --native out"
        );
        Ok(self.native)
    }
}
