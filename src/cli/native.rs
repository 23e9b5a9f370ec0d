//! The options for machine code, which subcommands share. Does not know what the code is made for.

use std::path::PathBuf;

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

/// Where native code is kept.
#[derive(Debug, clap::Args)]
pub(super) struct CacheArgs {
    /// Keep native code in a directory for the next run of the same module, which then starts sooner. The
    /// directory and what is in it have to be yours, and for nobody else to write to; one that is not there is
    /// made. What is in it can be removed at any time
    #[arg(long, value_name = "DIR", requires = "native")]
    cache: Option<PathBuf>,
}

impl CacheArgs {
    /// The configuration, with native code kept where the option says. Where no file can be written there, the
    /// run goes on without, and says so on standard error.
    ///
    /// # Errors
    /// The directory is not to be trusted, or is none.
    pub(super) fn configure(&self, config: Config) -> anyhow::Result<Config> {
        let Some(path) = &self.cache else {
            return Ok(config);
        };
        #[cfg(feature = "native")]
        return match holdall::Cache::new(path) {
            Ok(cache) => Ok(config.cache(Some(cache.on_failure(tell)))),
            Err(error) if error.is_full_or_read_only() => {
                tell(&error);
                Ok(config)
            }
            Err(error) => Err(error.into()),
        };
        #[cfg(not(feature = "native"))]
        {
            let _ = path;
            Ok(config)
        }
    }
}

/// Says that the run goes on without a cache.
#[cfg(feature = "native")]
fn tell(error: &holdall::CacheError) {
    use std::error::Error as _;
    use std::io::Write as _;

    let text = error.to_string();
    let why = error.source().map(|why| format!(": {why}"));
    let why = why.unwrap_or_default();
    // What standard error does not take is lost.
    let _ = writeln!(
        std::io::stderr().lock(),
        "holdall: {}{why}; running without it",
        holdall::Escaped(&text)
    );
}

/// Leaves panics of the compiler untold, which only mean that a function stays interpreted.
pub(super) fn hush_compiler() {
    #[cfg(feature = "native")]
    {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() != Some(holdall::internal::COMPILER_THREAD) {
                tell(panic);
            }
        }));
    }
}
