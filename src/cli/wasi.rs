//! What the command line grants: directories, variables, streams, to the root and to other modules.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use holdall::{Access, Audit, Grants, Input, Output, Wasi};

use super::output::Plain;

/// What MODULE, and the modules that it needs, may reach of the host.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What the modules may reach")]
pub(super) struct WasiArgs {
    /// Give MODULE a directory, under its own name or GUEST, to be changed unless ::ro follows; may
    /// be repeated
    #[arg(long, value_name = "HOST[::GUEST][::ro]", value_parser = dir)]
    pub(super) dir: Vec<DirArg>,
    /// Set a variable of MODULE's environment, or pass on the one that holdall has; may be repeated
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = env)]
    pub(super) env: Vec<EnvArg>,
    /// What MODULE takes for its own name, in place of its file's
    #[arg(long, value_name = "NAME")]
    argv0: Option<String>,
    /// Give another module something: dir=HOST[::GUEST][::ro], env=NAME[=VALUE], arg=TEXT, stdin,
    /// stdout, stderr, stdio (all three), clocks, random; may be repeated. MODULE gets streams,
    /// clocks and randomness without being given them, and other modules nothing
    #[arg(long, value_name = "NAME:WHAT", value_parser = grant)]
    pub(super) grant: Vec<(String, What)>,
    /// Let all modules that are given nothing share what MODULE has
    #[arg(long)]
    share_wasi: bool,
    /// Write what modules ask of the host to FILE, an object of JSON to a line, and print at the
    /// end the least of --dir, --env and --grant that would have let them
    #[arg(long, value_name = "FILE")]
    pub(super) audit: Option<PathBuf>,
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

/// A directory to give.
#[derive(Clone, Debug)]
pub(super) struct DirArg {
    pub(super) host: PathBuf,
    pub(super) guest: String,
    pub(super) access: Access,
}

/// A variable to give; without a value, holdall's own.
#[derive(Clone, Debug)]
pub(super) struct EnvArg {
    pub(super) name: String,
    pub(super) value: Option<String>,
}

/// Something to give.
#[derive(Clone, Debug)]
pub(super) enum What {
    Dir(DirArg),
    Env(EnvArg),
    Arg(String),
    Stdin,
    Stdout,
    Stderr,
    Stdio,
    Clocks,
    Random,
}

pub(super) fn dir(text: &str) -> Result<DirArg, String> {
    let expected = || "expected HOST, HOST::GUEST, HOST::ro or HOST::GUEST::ro".to_owned();
    let (rest, access) = match text.strip_suffix("::ro") {
        Some(rest) => (rest, Access::ReadOnly),
        None => (text, Access::ReadWrite),
    };
    let (host, guest) = rest.split_once("::").unwrap_or((rest, rest));
    if host.is_empty() || guest.is_empty() || guest.contains("::") {
        return Err(expected());
    }
    Ok(DirArg {
        host: host.into(),
        guest: guest.to_owned(),
        access,
    })
}

fn env(text: &str) -> Result<EnvArg, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    if name.is_empty() {
        return Err("expected NAME=VALUE or NAME".to_owned());
    }
    Ok(EnvArg {
        name: name.to_owned(),
        value,
    })
}

pub(super) fn grant(text: &str) -> Result<(String, What), String> {
    let (module, what) = text.split_once(':').unwrap_or((text, ""));
    if module.is_empty() {
        return Err("expected NAME:WHAT".to_owned());
    }
    let what = match what.split_once('=').unwrap_or((what, "")) {
        ("dir", value) => What::Dir(dir(value)?),
        ("env", value) => What::Env(env(value)?),
        ("arg", value) => What::Arg(value.to_owned()),
        _ => match what {
            "stdin" => What::Stdin,
            "stdout" => What::Stdout,
            "stderr" => What::Stderr,
            "stdio" => What::Stdio,
            "clocks" => What::Clocks,
            "random" => What::Random,
            _ => {
                return Err(
                    "expected NAME: and dir=..., env=..., arg=..., stdin, stdout, stderr, stdio, \
                     clocks or random"
                        .to_owned(),
                );
            }
        },
    };
    Ok((module.to_owned(), what))
}

impl WasiArgs {
    /// What the command line grants; `name` is MODULE's file, `args` its arguments.
    pub(super) fn wasi(
        &self,
        name: &str,
        args: &[String],
        audit: Option<Audit>,
    ) -> anyhow::Result<Wasi> {
        let argv0 = self.argv0.as_deref().unwrap_or(name);
        let mut root = Grants::new()
            .arg(argv0)
            .args(args)
            .inherit_stdio()
            .clocks()
            .random();
        for variable in &self.env {
            root = give_env(root, variable)?;
        }
        for dir in &self.dir {
            root = give_dir(root, dir)?;
        }
        let mut others: BTreeMap<&str, Grants> = BTreeMap::new();
        for (module, what) in &self.grant {
            let grants = others.remove(module.as_str()).unwrap_or_default();
            others.insert(module, give(grants, what)?);
        }
        let mut wasi = Wasi::new(root);
        for (module, grants) in others {
            wasi = wasi.grant(module, grants);
        }
        if self.share_wasi {
            wasi = wasi.share();
        }
        if self.deterministic {
            wasi = wasi.deterministic(self.seed);
        }
        if let Some(audit) = audit {
            wasi = wasi.audit(audit);
        }
        Ok(wasi)
    }

    /// The modules that are given something by name.
    pub(super) fn granted(&self) -> impl Iterator<Item = &str> {
        self.grant.iter().map(|(module, _)| module.as_str())
    }
}

fn give(grants: Grants, what: &What) -> anyhow::Result<Grants> {
    Ok(match what {
        What::Dir(dir) => give_dir(grants, dir)?,
        What::Env(variable) => give_env(grants, variable)?,
        What::Arg(arg) => grants.arg(arg),
        What::Stdin => grants.stdin(Input::inherit()),
        What::Stdout => grants.stdout(Output::stdout()),
        What::Stderr => grants.stderr(Output::stderr()),
        What::Stdio => grants.inherit_stdio(),
        What::Clocks => grants.clocks(),
        What::Random => grants.random(),
    })
}

fn give_dir(grants: Grants, dir: &DirArg) -> anyhow::Result<Grants> {
    grants
        .host_dir(&dir.host, &dir.guest, dir.access)
        .with_context(|| {
            let host = dir.host.to_string_lossy();
            format!("cannot open directory {} to give it", Plain(&host))
        })
}

/// A variable with its value, or with the one that holdall has.
fn give_env(grants: Grants, variable: &EnvArg) -> anyhow::Result<Grants> {
    let EnvArg { name, value } = variable;
    let value = match value {
        Some(value) => value.clone(),
        None => match std::env::var_os(name) {
            Some(value) => value
                .into_string()
                .map_err(|_| anyhow!("variable {name:?} is no text (UTF-8): set it with --env"))?,
            None => {
                bail!("there is no variable {name:?} to pass on; set it with --env {name}=VALUE")
            }
        },
    };
    Ok(grants.env(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories() {
        for (text, expected) in [
            ("a", Some(("a", "a", Access::ReadWrite))),
            ("a::ro", Some(("a", "a", Access::ReadOnly))),
            ("a::b", Some(("a", "b", Access::ReadWrite))),
            ("/a/b::/::ro", Some(("/a/b", "/", Access::ReadOnly))),
            ("a:b::c", Some(("a:b", "c", Access::ReadWrite))),
            ("", None),
            ("::b", None),
            ("a::", None),
            ("::ro", None),
            ("a::b::c", None),
            ("a::b::rw", None),
        ] {
            let found = dir(text).ok();
            let found = found
                .as_ref()
                .map(|dir| (dir.host.to_str().unwrap(), dir.guest.as_str(), dir.access));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn variables_keep_all_that_follows_the_first_sign() {
        let variable = env("a=b=\"c\"\n").unwrap();
        assert_eq!(variable.name, "a");
        assert_eq!(variable.value.as_deref(), Some("b=\"c\"\n"));
        assert_eq!(env("a").unwrap().value, None);
        assert!(env("=b").is_err());
    }

    #[test]
    fn grants_of_other_modules() {
        assert!(matches!(grant("m:stdio"), Ok((module, What::Stdio)) if module == "m"));
        assert!(matches!(grant("m:dir=a::b"), Ok((_, What::Dir(dir))) if dir.guest == "b"));
        assert!(matches!(grant("m:env=a=b:c"), Ok((_, What::Env(env))) if env.name == "a"));
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
            assert!(grant(text).is_err(), "{text:?}");
        }
    }
}
