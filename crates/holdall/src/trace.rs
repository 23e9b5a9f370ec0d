//! Traces: what one module asked of another, or of the host; and what they say of host functions.

use std::fmt;
use std::sync::Arc;

use crate::escape::Escaped;
use crate::types::ValType;

/// A call that left its module, as [`Store::trace`](crate::Store::trace) tells it. Shown as one
/// line:
///
/// ```text
/// app -> mathlib!add(0x2:i32, 0x3:i32)
/// app -> wasi_snapshot_preview1.fd_write(fd=1, iovs=0x10, iovs_len=1, nwritten=0x20) = ESUCCESS
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TraceEvent {
    /// The module that called: the name under which it was loaded, else the one that it gives
    /// itself. `None` for the embedder.
    pub caller: Option<String>,
    /// The function that was called: `module!function` of a module, `module.name` of the host.
    pub callee: String,
    /// The arguments, each with its name where it is known.
    pub args: Vec<(Option<&'static str>, String)>,
    /// What a function of the host returned, or its error: calls of the host are told after their
    /// end. `None` for a function of a module: these calls are told when they begin.
    pub outcome: Option<String>,
}

/// Who is told of events.
pub(crate) type Tracer = Box<dyn FnMut(&TraceEvent) + Send>;

impl fmt::Display for TraceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names are the guest's to choose: they must not control a terminal.
        let caller = Escaped(self.caller.as_deref().unwrap_or("<host>"));
        write!(f, "{caller} -> {}(", Escaped(&self.callee))?;
        for (index, (name, value)) in self.args.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match name {
                Some(name) => write!(f, "{name}={value}")?,
                None => f.write_str(value)?,
            }
        }
        f.write_str(")")?;
        match &self.outcome {
            Some(outcome) => write!(f, " = {}", Escaped(outcome)),
            None => Ok(()),
        }
    }
}

/// What traces say of a host function beyond its type: its name, and for those of a table the names
/// of parameters and what the result means.
#[derive(Clone, Debug)]
pub struct Signature {
    pub(crate) name: Arc<str>,
    /// The parameters, where their names are known.
    pub(crate) params: &'static [Param],
    /// What a result means, where it is a number of an error.
    pub(crate) errno: Option<fn(u64) -> String>,
}

/// A parameter of a host function.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// The name of the parameter.
    pub name: &'static str,
    /// The type of the parameter: a number that fills one slot.
    pub ty: ValType,
    /// How a trace shows the argument.
    pub shown: Shown,
}

/// How a trace shows an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// As a decimal number without a sign.
    Unsigned,
    /// As a decimal number with a sign.
    Signed,
    /// In hexadecimal: an address, or flags.
    Hex,
}

impl Signature {
    /// What is said of a function with this name, as `MODULE.NAME`. `params` are the parameters, or
    /// empty where their names are not known. `errno` gives the name of an error number, where the
    /// only result of the function is one.
    #[must_use]
    pub fn new(name: &str, params: &'static [Param], errno: Option<fn(u64) -> String>) -> Self {
        Self {
            name: name.into(),
            params,
            errno,
        }
    }

    /// The function's name, `MODULE.NAME`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parameters; empty where their names are not known.
    #[must_use]
    pub fn params(&self) -> &'static [Param] {
        self.params
    }

    /// What gives the name of an error number, where the only result is one.
    #[must_use]
    pub fn errno(&self) -> Option<fn(u64) -> String> {
        self.errno
    }

    /// The signature of a function whose parameters are not known.
    pub(crate) fn named(name: Arc<str>) -> Self {
        Self {
            name,
            params: &[],
            errno: None,
        }
    }
}

impl Param {
    /// The argument in a slot.
    pub(crate) fn show(&self, slot: u64) -> String {
        match self.shown {
            Shown::Unsigned => slot.to_string(),
            Shown::Signed => slot.cast_signed().to_string(),
            Shown::Hex => format!("{slot:#x}"),
        }
    }
}
