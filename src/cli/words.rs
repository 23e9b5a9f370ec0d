//! Decides which words of a command line belong to the guest program, before the words are parsed. All
//! words after `run MODULE` are the program's, whatever they look like, `--` too. A module that is not a
//! program, or of which a function is called (`run MODULE --invoke ...`), has no words of its own, and
//! options may follow it. After a `--` before MODULE there are no options.

use std::ffi::{OsStr, OsString};

use clap::{Command, Parser};
use holdall::{Engine, ExternType, Module};
use holdall_pack::process::Watchdog;

use super::source::Root;
use super::{Cli, run};

/// The words for the parser.
pub(super) struct Settled {
    pub(super) words: Vec<OsString>,
    /// MODULE, where it was read to decide whose the words are. It may be a pipe, which cannot be read
    /// again.
    pub(super) root: Option<anyhow::Result<Root>>,
}

/// The words, with a `--` after MODULE where the parser would take the program's words for options.
pub(super) fn settle(words: Vec<OsString>, cli: &Command, watchdog: &Watchdog) -> Settled {
    let run = cli.find_subcommand("run").expect("a subcommand");
    let mut settled = Settled { words, root: None };
    let words = &settled.words;
    if words.get(1).is_none_or(|word| word != "run") {
        return settled;
    }
    let Some(module) = find_module(words, run) else {
        return settled;
    };
    let (before, after) = words[2..].split_at(module - 2);
    let is_invoked = |words: &[OsString]| {
        let mut words = words.iter().map(|word| word.to_string_lossy());
        words.any(|word| word == "--invoke" || word.starts_with("--invoke="))
    };
    let own = &after[1..];
    let is_ambiguous = own.first().is_some_and(|first| first == "--")
        || own.iter().any(|word| is_option(word, run));
    let is_settled = before.last().is_some_and(|last| last == "--");
    if is_settled || !is_ambiguous || is_invoked(before) || is_invoked(&own[..own.len().min(1)]) {
        return settled;
    }
    // Wrong options are reported when all words are parsed.
    let Ok(cli) = Cli::try_parse_from(&words[..=module]) else {
        return settled;
    };
    let super::Command::Run(args) = cli.command else {
        return settled;
    };
    let root = run::root(&args, watchdog);
    if root.as_ref().is_ok_and(is_program) {
        settled.words.insert(module + 1, "--".into());
    }
    settled.root = Some(root);
    settled
}

/// The index of MODULE: of the first word that is neither an option nor an option's value, or of the word
/// after `--`.
fn find_module(words: &[OsString], run: &Command) -> Option<usize> {
    let mut at = 2;
    while let Some(word) = words.get(at) {
        let word = word.to_string_lossy();
        if word == "--" {
            return (at + 1 < words.len()).then_some(at + 1);
        }
        let Some(option) = word.strip_prefix("--") else {
            return (!word.starts_with('-')).then_some(at);
        };
        let takes_value = run
            .get_arguments()
            .any(|arg| arg.get_long() == Some(option) && arg.get_action().takes_values());
        at += 1 + usize::from(takes_value);
    }
    None
}

/// Whether the parser would take a word for an option of `run`.
fn is_option(word: &OsStr, run: &Command) -> bool {
    let word = word.to_string_lossy();
    let Some(name) = word.strip_prefix("--") else {
        return word == "-h";
    };
    let name = name.split_once('=').map_or(name, |(name, _)| name);
    name == "help" || run.get_arguments().any(|arg| arg.get_long() == Some(name))
}

/// Whether a module is a program, with a function `_start`. Errors in the module are reported later.
fn is_program(root: &Root) -> bool {
    let module = Module::new(&Engine::default(), &root.bytes);
    matches!(
        module.as_ref().map(|module| module.export("_start")),
        Ok(Some(ExternType::Func(_)))
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(Into::into).collect()
    }

    #[test]
    fn the_module_is_the_first_word_that_is_no_option() {
        let mut cli = super::super::Cli::command();
        cli.build();
        let run = cli.find_subcommand("run").unwrap();
        for (text, expected) in [
            ("holdall run app", Some(2)),
            ("holdall run --dir a app --dir b", Some(4)),
            ("holdall run --dir=a --trace app", Some(4)),
            ("holdall run -- app --dir b", Some(3)),
            ("holdall run --trace -- app", Some(4)),
            ("holdall run --", None),
            ("holdall run --trace", None),
            ("holdall run --dir", None),
            ("holdall run -x app", None),
        ] {
            assert_eq!(find_module(&words(text), run), expected, "{text}");
        }
    }

    #[test]
    fn options_are_known_with_and_without_a_value() {
        let mut cli = super::super::Cli::command();
        cli.build();
        let run = cli.find_subcommand("run").unwrap();
        for (word, expected) in [
            ("--dir", true),
            ("--dir=x", true),
            ("--help", true),
            ("-h", true),
            ("--version", false),
            ("-c", false),
            ("dir", false),
        ] {
            assert_eq!(is_option(OsStr::new(word), run), expected, "{word}");
        }
    }
}
