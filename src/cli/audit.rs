//! `--audit`: what modules asked of the host, as lines of JSON, and the smallest grants that allow all of
//! that, as options of this command.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use holdall::Escaped;
use holdall_pack::process::{Plain, with_unwritten};
use holdall_pack::{DirGrant, Grant};
use holdall_wasi::{Access, Asked, Audit, Need, Needed};
use serde_json::json;

use super::shell::{Unsayable, option};
use super::source;
use super::wasi::WasiArgs;

/// At most this many options are printed.
const MAX_OPTIONS: usize = 1_000;

/// An audit while the program runs, and the file that it is written to.
pub(super) struct Recorder {
    audit: Audit,
    path: PathBuf,
    /// The most bytes that are written to the file.
    most_bytes: usize,
    written: Arc<Mutex<Written>>,
}

/// What was written.
#[derive(Default)]
struct Written {
    bytes: usize,
    /// How many calls were left out, because the file was full.
    left_out: u64,
    /// Why a write failed. Nothing is written after that, so that the file ends with a whole line.
    failure: Option<io::Error>,
}

impl Recorder {
    /// An audit that is written to a new file at this path.
    pub(super) fn create(path: &Path, most_bytes: usize) -> anyhow::Result<Self> {
        let mut file = source::create(path).with_context(|| cannot_write(path))?;
        let written = Arc::new(Mutex::new(Written::default()));
        let writing = Arc::clone(&written);
        let audit = Audit::new(move |asked| {
            let mut written = writing.lock().unwrap_or_else(PoisonError::into_inner);
            if written.failure.is_some() {
                return;
            }
            if written.left_out == 0 {
                let line = line(asked);
                if line.len() <= most_bytes - written.bytes {
                    written.bytes += line.len();
                    // In one write, so that the file has whole lines whenever the process is ended.
                    written.failure = file.write_all(line.as_bytes()).err();
                    return;
                }
            }
            written.left_out += 1;
        });
        Ok(Self {
            audit,
            path: path.to_owned(),
            most_bytes,
            written,
        })
    }

    /// The record for the library to fill.
    pub(super) fn audit(&self) -> Audit {
        self.audit.clone()
    }

    /// Prints what the run needed, however it ended. A file that is not complete makes the run fail,
    /// whatever the program's exit code was.
    pub(super) fn finish(self, args: &WasiArgs, outcome: anyhow::Result<()>) -> anyhow::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        if written.left_out > 0 {
            text = format!(
                "holdall: {} more calls are not in {}, which has its most of {} bytes; --max-audit \
                 allows more\n",
                written.left_out,
                Plain(&self.path.to_string_lossy()),
                self.most_bytes
            );
        }
        text += &summary(&self.audit.needs(), args);
        // What standard error does not take is lost.
        let _ = io::stderr().lock().write_all(text.as_bytes());
        let Some(failure) = written.failure.take() else {
            return outcome;
        };
        let failure = anyhow::Error::new(failure).context(cannot_write(&self.path));
        with_unwritten(failure, outcome)
    }
}

fn cannot_write(path: &Path) -> String {
    format!(
        "cannot write the audit to {}",
        Plain(&path.to_string_lossy())
    )
}

/// A call as a line of JSON.
fn line(asked: &Asked) -> String {
    let access = asked.access.map(|access| match access {
        Access::ReadOnly => "read",
        Access::ReadWrite => "write",
    });
    let line = format!(
        "{{\"module\":{},\"call\":{},\"descriptors\":{},\"paths\":{},\"access\":{},\"errno\":{}}}",
        json!(asked.module.as_deref()),
        json!(asked.call),
        json!(asked.descriptors),
        json!(asked.paths),
        json!(access),
        json!(asked.errno),
    );
    in_ascii(&line) + "\n"
}

/// JSON without control characters and invisible ones. Only strings have such characters; they are written
/// as escapes with their numbers.
fn in_ascii(json: &str) -> String {
    if Escaped(json).is_plain() {
        return json.to_owned();
    }
    let mut text = String::with_capacity(json.len());
    for char in json.chars() {
        let mut bytes = [0; 4];
        if Escaped(char.encode_utf8(&mut bytes)).is_plain() {
            text.push(char);
        } else {
            let mut units = [0; 2];
            for unit in char.encode_utf16(&mut units) {
                text += &format!("\\u{unit:04x}");
            }
        }
    }
    text
}

/// The options that grant what was needed, for people to read and to paste.
fn summary(needs: &[Need], args: &WasiArgs) -> String {
    let mut options = Vec::new();
    let mut without = String::new();
    for need in needs {
        match &need.module {
            None => root_options(args, &need.what, &mut options),
            Some(module) => {
                let given = module_options(args, module, &need.what);
                if given.iter().all(|what| is_grant(module, what)) {
                    let given = given.iter().map(|what| format!("{module}:{what}"));
                    options.extend(given.map(|value| option("--grant", &value)));
                } else {
                    let module = Plain(module);
                    without += &format!("holdall: no option gives module {module} what it needs\n");
                }
            }
        }
    }
    let mut said = Vec::new();
    for option in options {
        match option {
            Ok(option) => said.push(option),
            Err(unsayable) => {
                without += &format!(
                    "holdall: the modules need {unsayable}, which has no form that every shell \
                     reads\n"
                );
            }
        }
    }
    if said.is_empty() && !without.is_empty() {
        return without;
    }
    if said.is_empty() {
        return without + "holdall: what the modules asked for needs no --dir, --env or --grant\n";
    }
    let more = said.len().saturating_sub(MAX_OPTIONS);
    said.truncate(MAX_OPTIONS);
    if more > 0 {
        without += &format!("holdall: the modules need {more} options more than are listed\n");
    }
    let said = said.join(" ");
    format!(
        "{without}holdall: the least that the modules need of --dir, --env and --grant:\n  {said}\n"
    )
}

/// The options that grant a need to MODULE. Streams, clocks and randomness need none.
fn root_options(args: &WasiArgs, what: &Needed, options: &mut Vec<Result<String, Unsayable>>) {
    match what {
        Needed::Dir { grant, .. } => {
            if let Some(given) = args.dir.get(*grant) {
                options.push(option("--dir", &narrowed(given, what)));
            }
        }
        Needed::Env => options.extend(args.env.iter().map(|it| option("--env", &it.to_string()))),
        _ => {}
    }
}

/// The values of `--grant` that grant a need to a module.
fn module_options(args: &WasiArgs, module: &str, what: &Needed) -> Vec<String> {
    let given = || {
        let given = args.grant.iter().filter(|(name, _)| name == module);
        given.map(|(_, what)| what)
    };
    match what {
        Needed::Dir { grant, .. } => {
            let dirs = given().filter_map(|what| match what {
                Grant::Dir(dir) => Some(dir),
                _ => None,
            });
            let dir = dirs.skip(*grant).take(1);
            dir.map(|dir| format!("dir={}", narrowed(dir, what)))
                .collect()
        }
        Needed::Env => {
            let variables = given().filter_map(|what| match what {
                env @ Grant::Env(_) => Some(env.to_string()),
                _ => None,
            });
            variables.collect()
        }
        Needed::Args => {
            let args = given().filter_map(|what| match what {
                arg @ Grant::Arg(_) => Some(arg.to_string()),
                _ => None,
            });
            args.collect()
        }
        Needed::Stdin => vec!["stdin".to_owned()],
        Needed::Stdout => vec!["stdout".to_owned()],
        Needed::Stderr => vec!["stderr".to_owned()],
        Needed::Clocks => vec!["clocks".to_owned()],
        Needed::Random => vec!["random".to_owned()],
        // A kind of need that the library has and this command cannot grant yet.
        _ => Vec::new(),
    }
}

/// Whether `--grant` can name a module: a colon would end the name.
fn is_grant(module: &str, what: &str) -> bool {
    Grant::parse(&format!("{module}:{what}")).is_ok_and(|(name, _)| name == module)
}

/// The value of an option that grants the needed directory, in place of the one that was granted. Where an
/// option cannot say the name, the directory above is granted.
fn narrowed(given: &DirGrant, need: &Needed) -> String {
    let Needed::Dir {
        below,
        guest_path,
        access,
        ..
    } = need
    else {
        unreachable!("only directories are narrowed");
    };
    let (mut below, mut guest) = (below.as_str(), guest_path.as_str());
    while !below.is_empty() {
        let host = Path::new(&given.host).join(below);
        let host = host.to_str().expect("both come from texts");
        if let Some(text) = dir_text(host, guest, *access) {
            return text;
        }
        below = below.rsplit_once('/').map_or("", |(above, _)| above);
        guest = match guest.rsplit_once('/') {
            Some(("", _)) => "/",
            Some((above, _)) => above,
            None => ".",
        };
    }
    let (host, guest) = (&*given.host, &*given.guest);
    let text = dir_text(host, guest, *access);
    text.unwrap_or_else(|| format!("{host}::./{guest}{}", suffix(*access)))
}

/// The text that is parsed as exactly this grant; `None` where there is none.
fn dir_text(host: &str, guest: &str, access: Access) -> Option<String> {
    let short = (host == guest).then(|| format!("{host}{}", suffix(access)));
    let long = format!("{host}::{guest}{}", suffix(access));
    let is_same = |text: &String| {
        DirGrant::parse(text).is_ok_and(|read| {
            let read_only = access == Access::ReadOnly;
            read.host == host && read.guest == guest && read.read_only == read_only
        })
    };
    [Some(long), short].into_iter().flatten().find(is_same)
}

fn suffix(access: Access) -> &'static str {
    match access {
        Access::ReadOnly => "::ro",
        Access::ReadWrite => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, below: &str, guest_path: &str, access: Access, expected: &str) {
        let need = Needed::Dir {
            grant: 0,
            below: below.to_owned(),
            guest_path: guest_path.to_owned(),
            access,
        };
        assert_eq!(narrowed(&DirGrant::parse(given).unwrap(), &need), expected);
    }

    #[test]
    fn a_directory_that_is_narrowed_is_read_as_what_it_was() {
        use Access::{ReadOnly, ReadWrite};
        check("w::/w", "", "/w", ReadOnly, "w::/w::ro");
        check("w::/w::ro", "in/a", "/w/in/a", ReadWrite, "w/in/a::/w/in/a");
        check("w::/", "in", "/in", ReadOnly, "w/in::/in::ro");
        check(".", "in", "in", ReadWrite, "./in::in");
        check("/::/", "a b", "/a b", ReadOnly, "/a b::/a b::ro");
    }

    #[test]
    fn names_that_would_be_read_as_something_else_need_the_directory_above() {
        use Access::{ReadOnly, ReadWrite};
        check(
            "w::/w",
            "a/b::c/d",
            "/w/a/b::c/d",
            ReadOnly,
            "w/a::/w/a::ro",
        );
        check("w::/w", "etc::ro", "/w/etc::ro", ReadWrite, "w::/w");
        check("w::/w", "a:", "/w/a:", ReadWrite, "w::/w");
        check("w::/w", ":a", "/w/:a", ReadWrite, "w/:a::/w/:a");
        check("ro", "", "ro", ReadWrite, "ro");
        check("ro", "", "ro", ReadOnly, "ro::ro::ro");
        check("w::ro::ro", "", "ro", ReadWrite, "w::./ro");
    }

    #[test]
    fn a_module_whose_name_no_option_takes_is_told() {
        assert!(is_grant("m", "dir=a::b"));
        assert!(!is_grant("a:b", "stdout"));
    }
}
