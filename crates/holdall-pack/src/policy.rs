//! What a program may reach and how much it may use, as data: the options of `holdall run`, and what
//! travels in a packed executable. A policy is no authority: [`Policy::wasi`] takes the authority from the
//! process when a program starts.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use holdall::{Config, Limits, Pool, Proposals, Result};
use holdall_wasi::{Access, Files, Grants, Input, Output, Wasi};
use serde::{Deserialize, Serialize};

use crate::{no_room, wrong};

/// A stack whose size is not given takes at most this fraction of a pool: one eighth.
const STACK_PART_OF_POOL: usize = 8;

/// What the modules of a program may reach, and how much they may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The root module's argument 0, in place of its file name.
    pub argv0: Option<String>,
    /// Directories for the root module. Arguments, streams, clocks and randomness it always has.
    pub dirs: Vec<DirGrant>,
    /// Variables of the environment for the root module.
    pub env: Vec<EnvGrant>,
    /// Grants for other modules, by their names; these modules have nothing else.
    pub modules: Vec<(String, Grant)>,
    /// Whether modules without grants share what the root module has.
    pub shares: bool,
    /// The seed of a deterministic run; `None` where the run is not deterministic.
    pub seed: Option<u64>,
    /// Units of fuel.
    pub fuel: Option<u64>,
    /// How long the program may run, loading included.
    pub timeout: Option<Duration>,
    /// Bytes of the guests' stack.
    pub stack_bytes: Option<u64>,
    /// Bytes of all linear memories together.
    pub memory_bytes: Option<u64>,
    /// Bytes of the pool that memories, tables, stack and code are taken from.
    pub pool_bytes: Option<u64>,
    /// The proposals that modules may not use. A manifest has them behind the policy.
    #[serde(skip)]
    pub off: Proposals,
    /// Whether the program is recorded when the variable `HOLDALL_RECORD` of its environment names a file. A manifest
    /// has it behind the policy.
    #[serde(skip)]
    pub allows_record: bool,
}

/// Something that a module is given. Its text is the form that `--grant` takes after the module's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grant {
    /// A directory of the host.
    Dir(DirGrant),
    /// A variable of the environment.
    Env(EnvGrant),
    /// An argument.
    Arg(String),
    /// The standard input.
    Stdin,
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
    /// Standard input, output and error.
    Stdio,
    /// The clocks.
    Clocks,
    /// Randomness.
    Random,
}

/// A directory of the host, for a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirGrant {
    /// Its path on the host.
    pub host: String,
    /// The module's name for the directory.
    pub guest: String,
    /// Whether the directory can only be read.
    pub read_only: bool,
}

/// A variable of the environment, for a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvGrant {
    /// Its name.
    pub name: String,
    /// Its value; `None` passes on the value that the process has, if it has one.
    pub value: Option<String>,
}

impl DirGrant {
    /// A directory, from the text `HOST[::GUEST][::ro]`.
    ///
    /// # Errors
    ///
    /// The expected form, where the text has another.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || "expected HOST, HOST::GUEST, HOST::ro or HOST::GUEST::ro".to_owned();
        let (rest, read_only) = match text.strip_suffix("::ro") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (host, guest) = rest.split_once("::").unwrap_or((rest, rest));
        if host.is_empty() || guest.is_empty() || guest.contains("::") {
            return Err(expected());
        }
        Ok(Self {
            host: host.to_owned(),
            guest: guest.to_owned(),
            read_only,
        })
    }

    fn give(&self, grants: Grants) -> Result<Grants> {
        let access = if self.read_only {
            Access::ReadOnly
        } else {
            Access::ReadWrite
        };
        let given = grants.host_dir(&self.host, &self.guest, access);
        given.map_err(|error| {
            let host = &self.host;
            no_room(format!(
                "cannot open directory {host:?} to give it: {error}"
            ))
        })
    }
}

impl EnvGrant {
    /// A variable, from the text `NAME[=VALUE]`.
    ///
    /// # Errors
    ///
    /// The expected form, where the text has another.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if name.is_empty() {
            return Err("expected NAME=VALUE or NAME".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            value,
        })
    }

    fn give(&self, grants: Grants) -> Result<Grants> {
        let Self { name, value } = self;
        if let Some(value) = value {
            return Ok(grants.env(name, value));
        }
        let Some(value) = std::env::var_os(name) else {
            return Ok(grants);
        };
        let value = value
            .into_string()
            .map_err(|_| wrong(format!("variable {name:?} is no text (UTF-8)")))?;
        Ok(grants.env(name, value))
    }
}

impl Grant {
    /// A module's name and a grant for that module, from the text `NAME:WHAT`.
    ///
    /// # Errors
    ///
    /// The expected form, where the text has another.
    pub fn parse(text: &str) -> Result<(String, Self), String> {
        let (module, what) = text.split_once(':').unwrap_or((text, ""));
        if module.is_empty() {
            return Err("expected NAME:WHAT".to_owned());
        }
        let what = match what.split_once('=').unwrap_or((what, "")) {
            ("dir", value) => Self::Dir(DirGrant::parse(value)?),
            ("env", value) => Self::Env(EnvGrant::parse(value)?),
            ("arg", value) => Self::Arg(value.to_owned()),
            _ => match what {
                "stdin" => Self::Stdin,
                "stdout" => Self::Stdout,
                "stderr" => Self::Stderr,
                "stdio" => Self::Stdio,
                "clocks" => Self::Clocks,
                "random" => Self::Random,
                _ => {
                    return Err(
                        "expected NAME: and dir=..., env=..., arg=..., stdin, stdout, stderr, \
                         stdio, clocks or random"
                            .to_owned(),
                    );
                }
            },
        };
        Ok((module.to_owned(), what))
    }

    /// Adds this grant to those of a module.
    fn give(&self, grants: Grants) -> Result<Grants> {
        Ok(match self {
            Self::Dir(dir) => dir.give(grants)?,
            Self::Env(variable) => variable.give(grants)?,
            Self::Arg(arg) => grants.arg(arg),
            Self::Stdin => grants.stdin(Input::inherit()),
            Self::Stdout => grants.stdout(Output::stdout()),
            Self::Stderr => grants.stderr(Output::stderr()),
            Self::Stdio => grants.inherit_stdio(),
            Self::Clocks => grants.clocks(),
            Self::Random => grants.random(),
        })
    }
}

impl fmt::Display for DirGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.read_only { "::ro" } else { "" };
        // A directory that is `ro` for both would otherwise be `ro::ro`, which means `ro`, read-only.
        if self.host == self.guest {
            write!(f, "{}{end}", self.host)
        } else {
            write!(f, "{}::{}{end}", self.host, self.guest)
        }
    }
}

impl fmt::Display for EnvGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.value
            .as_ref()
            .map_or(Ok(()), |value| write!(f, "={value}"))
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(dir) => write!(f, "dir={dir}"),
            Self::Env(env) => write!(f, "env={env}"),
            Self::Arg(arg) => write!(f, "arg={arg}"),
            Self::Stdin => f.write_str("stdin"),
            Self::Stdout => f.write_str("stdout"),
            Self::Stderr => f.write_str("stderr"),
            Self::Stdio => f.write_str("stdio"),
            Self::Clocks => f.write_str("clocks"),
            Self::Random => f.write_str("random"),
        }
    }
}

impl Policy {
    /// The configuration of an engine that only lowers code for programs under this policy: it has no
    /// pool and no limits of memory.
    #[must_use]
    pub fn unpooled_config(&self) -> Config {
        let metering = self.fuel.is_some() || self.timeout.is_some();
        let config = Config::new()
            .metering(metering)
            .canonical_nans(self.seed.is_some() || self.allows_record);
        let off = self.off.iter();
        off.fold(config, |config, proposal| {
            config.wasm_proposal(proposal, false)
        })
    }

    /// The configuration of an engine that runs programs under this policy.
    ///
    /// # Errors
    ///
    /// When there is no memory for the pool, or a size is larger than the address space.
    pub fn config(&self) -> Result<Config> {
        let mut config = self.unpooled_config();
        if let Some(size_bytes) = self.pool_bytes {
            let size_bytes = size(size_bytes)?;
            let stack = config.stack_size_bytes.min(size_bytes / STACK_PART_OF_POOL);
            config = config.pool(Pool::new(size_bytes)?).stack_size_bytes(stack);
        }
        if let Some(size_bytes) = self.memory_bytes {
            config = config.limits(Limits::new().memory_bytes(size(size_bytes)?));
        }
        if let Some(size_bytes) = self.stack_bytes {
            config = config.stack_size_bytes(size(size_bytes)?);
        }
        Ok(config)
    }

    /// The limits of a store. The timeout starts now.
    ///
    /// # Errors
    ///
    /// When a size is larger than the address space.
    pub fn limits(&self) -> Result<Limits> {
        let mut limits = Limits::new();
        if let Some(size_bytes) = self.memory_bytes {
            limits = limits.memory_bytes(size(size_bytes)?);
        }
        if let Some(units) = self.fuel {
            limits = limits.fuel(units);
        }
        if let Some(timeout) = self.timeout {
            limits = limits.timeout(timeout);
        }
        Ok(limits)
    }

    /// WASI for the modules of a program: opens the directories, and takes streams, clocks and variables
    /// of the process. `file_name` is the root module's argument 0 unless the policy has one, `args` are
    /// its other arguments, and `files` are directories in memory which it can read, by its names for
    /// them.
    ///
    /// # Errors
    ///
    /// When a directory cannot be opened, or the value of a variable that is passed on is not UTF-8.
    pub fn wasi(&self, file_name: &str, args: &[String], files: &[(&str, Files)]) -> Result<Wasi> {
        let mut root = Grants::new()
            .arg(self.argv0.as_deref().unwrap_or(file_name))
            .args(args)
            .inherit_stdio()
            .clocks()
            .random();
        for variable in &self.env {
            root = variable.give(root)?;
        }
        for dir in &self.dirs {
            root = dir.give(root)?;
        }
        for (guest, files) in files {
            root = root.files(files.clone(), guest, Access::ReadOnly);
        }
        let mut others: BTreeMap<&str, Grants> = BTreeMap::new();
        for (module, grant) in &self.modules {
            let grants = others.remove(module.as_str()).unwrap_or_default();
            others.insert(module, grant.give(grants)?);
        }
        let mut wasi = Wasi::new(root);
        for (module, grants) in others {
            wasi = wasi.grant(module, grants);
        }
        if self.shares {
            wasi = wasi.share();
        }
        if let Some(seed) = self.seed {
            wasi = wasi.deterministic(seed);
        }
        Ok(wasi)
    }

    /// The options of the command that make this policy, with their values where they take one.
    #[must_use]
    pub fn options(&self) -> Vec<(&'static str, Option<String>)> {
        let mut options = Vec::new();
        let number = |number: u64| number.to_string();
        let value = |name, value: Option<String>| value.map(|value| (name, Some(value)));
        let flag = |name, is_set: bool| is_set.then_some((name, None));
        options.extend(value("--argv0", self.argv0.clone()));
        options.extend(self.dirs.iter().map(|dir| ("--dir", Some(dir.to_string()))));
        options.extend(self.env.iter().map(|it| ("--env", Some(it.to_string()))));
        for (module, grant) in &self.modules {
            options.push(("--grant", Some(format!("{module}:{grant}"))));
        }
        options.extend(flag("--share-wasi", self.shares));
        options.extend(flag("--deterministic", self.seed.is_some()));
        options.extend(value("--seed", self.seed.map(number)));
        options.extend(flag("--allow-record", self.allows_record));
        options.extend(value("--fuel", self.fuel.map(number)));
        let timeout = self.timeout.map(|it| format!("{}s", it.as_secs_f64()));
        options.extend(value("--timeout", timeout));
        options.extend(value("--stack-size", self.stack_bytes.map(number)));
        options.extend(value("--max-memory", self.memory_bytes.map(number)));
        options.extend(value("--pool", self.pool_bytes.map(number)));
        let off = self.off.iter();
        options.extend(off.map(|proposal| ("--wasm", Some(format!("{proposal}=n")))));
        options
    }
}

fn size(size_bytes: u64) -> Result<usize> {
    usize::try_from(size_bytes).map_err(|_| {
        wrong(format!(
            "{size_bytes} bytes are more than this machine addresses"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories() {
        for (text, expected) in [
            ("a", Some(("a", "a", false))),
            ("a::ro", Some(("a", "a", true))),
            ("a::b", Some(("a", "b", false))),
            ("/a/b::/::ro", Some(("/a/b", "/", true))),
            ("a:b::c", Some(("a:b", "c", false))),
            ("", None),
            ("::b", None),
            ("a::", None),
            ("::ro", None),
            ("ro", Some(("ro", "ro", false))),
            ("ro::ro", Some(("ro", "ro", true))),
            ("a::ro::ro", Some(("a", "ro", true))),
            ("a::b::c", None),
            ("a::b::rw", None),
        ] {
            let found = DirGrant::parse(text).ok();
            let parts = found
                .as_ref()
                .map(|dir| (dir.host.as_str(), dir.guest.as_str(), dir.read_only));
            assert_eq!(parts, expected, "{text:?}");
            if let Some(found) = found {
                assert_eq!(DirGrant::parse(&found.to_string()), Ok(found));
            }
        }
    }

    #[test]
    fn variables_keep_all_that_follows_the_first_sign() {
        let variable = EnvGrant::parse("a=b=\"c\"\n").unwrap();
        assert_eq!(variable.name, "a");
        assert_eq!(variable.value.as_deref(), Some("b=\"c\"\n"));
        assert_eq!(EnvGrant::parse("a").unwrap().value, None);
        assert!(EnvGrant::parse("=b").is_err());
    }

    #[test]
    fn grants_of_other_modules() {
        for text in [
            "m:stdio",
            "m:stdin",
            "m:stdout",
            "m:stderr",
            "m:clocks",
            "m:random",
            "m:dir=a::b",
            "m:dir=a::b::ro",
            "m:env=a=b:c",
            "m:env=a",
            "m:arg=--x=1:2",
            "m:arg=",
        ] {
            let (module, grant) = Grant::parse(text).unwrap();
            assert_eq!(format!("{module}:{grant}"), text);
        }
        for text in [
            "m",
            "m:",
            ":stdio",
            "m:dir",
            "m:dir=",
            "m:nothing",
            "m:stdio=1",
            "",
        ] {
            assert!(Grant::parse(text).is_err(), "{text:?}");
        }
    }
}
