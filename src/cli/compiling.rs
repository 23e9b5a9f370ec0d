//! How `holdall pack --native` compiles the functions of the modules that it packs.

use holdall::{Config, Module};
use holdall_core::native::Processors;
use holdall_pack::Packer;

use super::pack::Args;
use super::progress::Progress;
use super::runtimes::Chosen;

/// What functions are compiled for, if they are.
pub(super) struct Compiling {
    processors: Option<Processors>,
    #[cfg_attr(
        not(feature = "native"),
        expect(dead_code, reason = "nothing is compiled")
    )]
    guarded_addresses: bool,
}

impl Compiling {
    /// What the options say. Where the platform of the runtime is not covered, that is said beside what is said
    /// of the runtime.
    ///
    /// # Errors
    /// Where the options ask for native code, and this build has no compiler; or for unknown processors.
    pub(super) fn new(args: &Args, chosen: &mut Chosen) -> anyhow::Result<Self> {
        let isa = chosen.runtime.native_isa();
        let is_wanted = args.native.is_wanted()?;
        chosen.is_interpreting = is_wanted && isa.is_none();
        let processors = isa.filter(|_| is_wanted).map(|isa| {
            let cpu = args.cpu.as_deref().unwrap_or("baseline");
            Processors::parse(cpu, isa).map_err(|expected| anyhow::anyhow!("--cpu: {expected}"))
        });
        Ok(Self {
            processors: processors.transpose()?,
            guarded_addresses: args.native.guarded_addresses,
        })
    }

    /// The configuration of the engine whose modules are packed.
    pub(super) fn configure(&self, config: Config) -> Config {
        #[cfg(feature = "native")]
        return config.guarded_addresses(self.guarded_addresses);
        #[cfg(not(feature = "native"))]
        config
    }

    /// Adds a module to what is packed, and tells how far its compilation is. `doing` says what is being done.
    pub(super) fn add(
        &self,
        packer: &mut Packer<'_>,
        name: &str,
        module: &Module,
        progress: &Progress,
        doing: &str,
    ) {
        progress.tell(doing);
        #[cfg(feature = "native")]
        if let Some(processors) = self.processors {
            use std::sync::atomic::{AtomicUsize, Ordering};

            let (begun, (_, all)) = (AtomicUsize::new(1), module.func_counts());
            let begins = |_| {
                let at = begun.fetch_add(1, Ordering::Relaxed);
                progress.tell(format_args!("{doing}, function {at} of {all}"));
            };
            return packer.native_module(name, module, processors, &begins);
        }
        packer.module(name, module);
    }
}
