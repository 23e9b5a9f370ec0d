//! The modules of a replay: those in the recording, those that were given, and one that takes another's place.

use std::collections::HashMap;

use holdall::provide::record::module_bytes;
use holdall::{Engine, Module};
use sha2::{Digest, Sha256};

use crate::divergence::{OtherModule, ReplayError};
use crate::recording::{RecordedModule, Recording, hex};
use crate::replay::Finder;

type Sum = [u8; 32];

pub(crate) struct Modules {
    recording: Recording,
    finder: Option<Box<Finder>>,
    /// The modules that were used or given, by the numbers of the recorded ones.
    known: HashMap<u32, Module>,
    /// The number of the module that another one stands for, and the sum of that one.
    other: Option<(u32, Sum)>,
}

impl Modules {
    pub(crate) fn new(recording: Recording, finder: Option<Box<Finder>>) -> Self {
        Self {
            recording,
            finder,
            known: HashMap::new(),
            other: None,
        }
    }

    /// Takes a module: one of the recorded, or else one that stands for the root.
    pub(crate) fn take_root(&mut self, engine: &Engine, bytes: &[u8]) -> Result<(), ReplayError> {
        let Some(root) = self.recording.root_number() else {
            return Ok(());
        };
        let load = |recorded: &RecordedModule| load(engine, recorded, bytes);
        let recorded = self.recording.modules();
        let Some(root_module) = recorded.get(root) else {
            return Err(ReplayError::Malformed);
        };
        let module = load(root_module)?;
        let sum = sum(module_bytes(&module));
        match recorded.iter().position(|it| it.sha256 == sum) {
            Some(at) if at == root => drop(self.known.insert(root as u32, module)),
            Some(at) => drop(self.known.insert(at as u32, load(&recorded[at])?)),
            None => {
                self.known.insert(root as u32, module);
                self.other = Some((root as u32, sum));
            }
        }
        Ok(())
    }

    /// The module of a number, and whether it is another one than the recorded.
    pub(crate) fn module(
        &mut self,
        engine: &Engine,
        number: u32,
    ) -> Result<(Module, bool), ReplayError> {
        let differs = self.other.is_some_and(|(other, _)| other == number);
        if let Some(module) = self.known.get(&number) {
            return Ok((module.clone(), differs));
        }
        let recorded = self.recording.modules().get(number as usize);
        let recorded = recorded.ok_or(ReplayError::Malformed)?;
        let module = match &recorded.bytes {
            Some(bytes) => load(engine, recorded, bytes)?,
            None => {
                let bytes = self.finder.as_mut().and_then(|find| find(recorded));
                let bytes = bytes.ok_or_else(|| ReplayError::NoModule {
                    name: name(recorded),
                    sha256: recorded.sha256_hex(),
                })?;
                let module = load(engine, recorded, &bytes)?;
                if sum(module_bytes(&module)) != recorded.sha256 {
                    return Err(ReplayError::NoModule {
                        name: name(recorded),
                        sha256: recorded.sha256_hex(),
                    });
                }
                module
            }
        };
        self.known.insert(number, module.clone());
        Ok((module, false))
    }

    /// The module that stands for another one.
    pub(crate) fn other(&self) -> Option<OtherModule> {
        let (number, sum) = self.other?;
        let recorded = self.recording.modules().get(number as usize)?;
        Some(OtherModule {
            name: name(recorded),
            recorded_sha256: recorded.sha256_hex(),
            found_sha256: hex(&sum),
        })
    }
}

fn name(recorded: &RecordedModule) -> String {
    recorded
        .name
        .clone()
        .unwrap_or_else(|| "<unnamed>".to_owned())
}

fn load(engine: &Engine, recorded: &RecordedModule, bytes: &[u8]) -> Result<Module, ReplayError> {
    let made = match &recorded.name {
        Some(name) => Module::named(engine, name, bytes.to_vec()),
        None => Module::new(engine, bytes.to_vec()),
    };
    made.map_err(|source| ReplayError::Module {
        name: name(recorded),
        source,
    })
}

fn sum(bytes: &[u8]) -> Sum {
    Sha256::digest(bytes).into()
}
