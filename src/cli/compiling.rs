//! How `holdall pack --native` compiles the functions of the modules that it packs.

use holdall::{Config, Module};
use holdall_pack::Packer;

use self::compiler::Compiler;
use super::pack::Args;
use super::progress::Progress;
use super::runtimes::Chosen;

/// What functions are compiled by, if they are.
pub(super) struct Compiling(Option<Compiler>);

impl Compiling {
    /// What the options say. Where the platform of the runtime is not covered, that is said beside what is said
    /// of the runtime.
    ///
    /// # Errors
    /// Where the options ask for native code, and this build has no compiler; or for unknown processors.
    pub(super) fn new(args: &Args, chosen: &mut Chosen) -> anyhow::Result<Self> {
        let is_wanted = args.native.is_wanted()?;
        let isa = chosen.runtime.native_isa();
        chosen.is_interpreting = is_wanted && isa.is_none();
        let compiler = isa
            .filter(|_| is_wanted)
            .map(|isa| Compiler::new(args, isa));
        Ok(Self(compiler.transpose()?))
    }

    /// The configuration of the engine whose modules are packed.
    pub(super) fn configure(&self, config: Config) -> Config {
        match &self.0 {
            Some(compiler) => compiler.configure(config),
            None => config,
        }
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
        match &self.0 {
            Some(compiler) => compiler.add(packer, name, module, progress, doing),
            None => packer.module(name, module),
        }
    }
}

#[cfg(feature = "native")]
mod compiler {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use anyhow::anyhow;
    use holdall::{Config, Module};
    use holdall_core::native::{Isa, Processors};
    use holdall_pack::Packer;

    use super::{Args, Progress};

    /// What makes machine code.
    pub(super) struct Compiler {
        processors: Processors,
        guarded_addresses: bool,
    }

    impl Compiler {
        pub(super) fn new(args: &Args, isa: Isa) -> anyhow::Result<Self> {
            let cpu = args.cpu.as_deref().unwrap_or("baseline");
            let processors = Processors::parse(cpu, isa);
            Ok(Self {
                processors: processors.map_err(|expected| anyhow!("--cpu: {expected}"))?,
                guarded_addresses: args.native.guarded_addresses,
            })
        }

        pub(super) fn configure(&self, config: Config) -> Config {
            config.guarded_addresses(self.guarded_addresses)
        }

        pub(super) fn add(
            &self,
            packer: &mut Packer<'_>,
            name: &str,
            module: &Module,
            progress: &Progress,
            doing: &str,
        ) {
            let (begun, (_, all)) = (AtomicUsize::new(1), module.func_counts());
            let begins = |_| {
                let at = begun.fetch_add(1, Ordering::Relaxed);
                progress.tell(format_args!("{doing}, function {at} of {all}"));
            };
            packer.native_module(name, module, self.processors, &begins);
        }
    }
}

#[cfg(not(feature = "native"))]
mod compiler {
    use holdall::{Config, Module};
    use holdall_core::native::Isa;
    use holdall_pack::Packer;

    use super::{Args, Progress};

    /// There is none in this build.
    pub(super) enum Compiler {}

    impl Compiler {
        pub(super) fn new(_: &Args, _: Isa) -> anyhow::Result<Self> {
            Err(anyhow::anyhow!("this build has no compiler"))
        }

        pub(super) fn configure(&self, _: Config) -> Config {
            match *self {}
        }

        pub(super) fn add(&self, _: &mut Packer<'_>, _: &str, _: &Module, _: &Progress, _: &str) {
            match *self {}
        }
    }
}
