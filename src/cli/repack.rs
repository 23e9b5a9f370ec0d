//! The command line that packs an unpacked program again. Before it is written, its words are parsed as
//! `holdall pack` parses them, and compared with what the executable says.

use anyhow::ensure;
use clap::Parser;
use holdall_pack::Manifest;

use super::pack;
use super::packed;
use super::shell::{Unsayable, script_option, script_word};
use super::{Cli, Command};

/// Where the parts of an executable were written, for the command line.
pub(super) struct Repack<'a> {
    manifest: &'a Manifest<'a>,
    /// The path of each module, in the order of the manifest; empty where the list names the module.
    pub(super) modules: Vec<String>,
    pub(super) embedded: Vec<Embedded>,
    /// The path of the list, where there is one.
    pub(super) kept: Option<&'static str>,
}

/// An embedded directory.
pub(super) struct Embedded {
    /// Its path.
    pub(super) base: String,
    pub(super) guest: String,
}

/// A part of the command line.
enum Word {
    Option(&'static str, String),
    Flag(&'static str),
    Plain(String),
}

impl<'a> Repack<'a> {
    pub(super) fn new(manifest: &'a Manifest<'a>) -> Self {
        Self {
            manifest,
            modules: Vec::new(),
            embedded: Vec::new(),
            kept: None,
        }
    }

    /// Whether an option can have the name of a module as its value.
    pub(super) fn can_name(&self, module: &str) -> bool {
        let is_said =
            !module.is_empty() && !module.contains(['=', '\0']) && script_word(module).is_ok();
        module == self.manifest.root || is_said
    }

    /// The text of the command, with a line for each word; or a comment that no shell can say it.
    pub(super) fn command(&self) -> anyhow::Result<String> {
        let words = self.words();
        ensure!(
            self.is_said(&words),
            "it is not an executable that `holdall pack` made: no options say how it is run"
        );
        Ok(lines(&words).map_or_else(
            |unsayable| format!("# no form that every shell reads says {unsayable}\nfalse\n"),
            |lines| format!("holdall pack {}\n", lines.join(" \\\n  ")),
        ))
    }

    fn words(&self) -> Vec<Word> {
        let manifest = self.manifest;
        let modules = || manifest.modules.iter().zip(&self.modules);
        let mut words = Vec::new();
        for (_, path) in modules().filter(|(module, _)| module.name == manifest.root) {
            words.push(Word::Plain(path.clone()));
        }
        words.push(Word::Option("-o", "APP".to_owned()));
        words.push(Word::Flag("--no-bundle"));
        words.push(Word::Option("--name", manifest.root.to_owned()));
        for (module, path) in modules() {
            if module.name != manifest.root && !path.is_empty() {
                words.push(Word::Option("--module", format!("{}={path}", module.name)));
            }
        }
        for Embedded { base, guest } in &self.embedded {
            words.push(Word::Option("--embed", format!("{base}::{guest}")));
        }
        if let Some(list) = self.kept {
            words.push(Word::Option("--kept", list.to_owned()));
        }
        for name in &manifest.invoke {
            words.push(Word::Option("--invoke", name.clone()));
        }
        for (name, value) in packed::native_options(manifest)
            .into_iter()
            .chain(packed::options(manifest))
        {
            words.push(match value {
                Some(value) => Word::Option(name, value),
                None => Word::Flag(name),
            });
        }
        if !manifest.args.is_empty() {
            words.push(Word::Flag("--"));
            words.extend(manifest.args.iter().cloned().map(Word::Plain));
        }
        words
    }

    /// Whether `holdall pack` would make the same program of these words.
    fn is_said(&self, words: &[Word]) -> bool {
        let mut read = vec!["holdall".to_owned(), "pack".to_owned()];
        for word in words {
            match word {
                Word::Option("-o", value) => read.extend(["-o".to_owned(), value.clone()]),
                Word::Option(name, value) => read.push(format!("{name}={value}")),
                Word::Flag(name) => read.push((*name).to_owned()),
                Word::Plain(word) => read.push(word.clone()),
            }
        }
        let Ok(Cli {
            command: Command::Pack(args),
        }) = Cli::try_parse_from(&read)
        else {
            return false;
        };
        !read.iter().any(|word| word.contains('\0')) && self.is_same(&args)
    }

    fn is_same(&self, args: &pack::Args) -> bool {
        let manifest = self.manifest;
        let modules = manifest.modules.iter().zip(&self.modules);
        let modules = modules
            .filter(|(module, path)| module.name != manifest.root && !path.is_empty())
            .map(|(module, path)| (module.name, path.as_ref()));
        let embedded = self
            .embedded
            .iter()
            .map(|it| (it.base.as_ref(), &*it.guest));
        let Ok(naming) = manifest.naming() else {
            return false;
        };
        let native = manifest.native;
        let cpu = native.and_then(|native| native.processors());
        let cpu = cpu.filter(|cpu| cpu.features != 0);
        args.name.as_deref() == Some(manifest.root)
            && args.native.native == native.is_some()
            && args.native.guarded_addresses == native.is_some_and(|it| it.guarded_addresses)
            && args.cpu == cpu.map(|cpu| cpu.to_string())
            && args.invoke == manifest.invoke
            && args.args == manifest.args
            && args.policy() == manifest.policy
            && args.naming.naming("pack") == naming
            && args
                .module
                .iter()
                .map(|(name, path)| (&**name, &**path))
                .eq(modules)
            && args
                .embed
                .iter()
                .map(|(path, guest)| (&**path, &**guest))
                .eq(embedded)
    }
}

/// The words, quoted for a shell.
fn lines(words: &[Word]) -> Result<Vec<String>, Unsayable> {
    let line = |word: &Word| match word {
        Word::Option(name, value) => script_option(name, value),
        Word::Flag(name) => Ok((*name).to_owned()),
        Word::Plain(word) => script_word(word),
    };
    words.iter().map(line).collect()
}
