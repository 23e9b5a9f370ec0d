//! The list that `unpack` writes and `pack --kept` reads: what a file system cannot hold under its own
//! name, and what no option can say. Each line is an object of JSON. Paths of files are relative to the
//! folder of the list.

use std::path::Path;

use anyhow::{Context, bail};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use holdall::Snapshot;
use holdall_pack::process::Plain;
use holdall_pack::{Kept, read_file};
use serde::{Deserialize, Serialize};

use super::source;

/// A line of the list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Line {
    /// A module, with the name that imports use.
    Module { name: String, file: String },
    /// A file at a path of an embedded directory. `embed` is the number of the --embed option, from 0.
    File {
        embed: usize,
        path: String,
        file: String,
    },
    /// A directory at a path of an embedded directory.
    Dir { embed: usize, path: String },
    /// A symbolic link at a path of an embedded directory.
    Link {
        embed: usize,
        path: String,
        target: String,
    },
    /// The state that the modules begin with.
    State { header: String, memories: String },
}

/// A list, with its files read.
#[derive(Default)]
pub(super) struct List {
    pub(super) modules: Vec<(String, Vec<u8>)>,
    pub(super) state: Option<Snapshot>,
    /// What embedded directories have beside their files: number of the directory, path, and contents.
    entries: Vec<(usize, String, Kept)>,
}

impl List {
    /// Reads a list. `embeds` is the number of --embed options.
    pub(super) fn read(path: &Path, embeds: usize) -> anyhow::Result<Self> {
        let label = path.to_string_lossy();
        let bytes = source::read(path, source::MAX_FILE_BYTES)?;
        let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
        let read = || {
            let dir = Dir::open_ambient_dir(parent.unwrap_or(Path::new(".")), ambient_authority())?;
            let mut list = Self::default();
            for (at, line) in str::from_utf8(&bytes)?.lines().enumerate() {
                let line = serde_json::from_str(line).map_err(anyhow::Error::from);
                let added = line.and_then(|line| list.add(&dir, line, embeds));
                added.with_context(|| format!("line {}", at + 1))?;
            }
            anyhow::Ok(list)
        };
        read().with_context(|| format!("cannot take what {} lists", Plain(&label)))
    }

    fn add(&mut self, dir: &Dir, line: Line, embeds: usize) -> anyhow::Result<()> {
        let (embed, path, kept) = match line {
            Line::Module { name, file } => {
                self.modules.push((name, read_file(dir, &file)?));
                return Ok(());
            }
            Line::State { header, memories } => {
                let (header, memories) = (read_file(dir, &header)?, read_file(dir, &memories)?);
                self.state = Some(Snapshot::from_parts(&header, memories)?);
                return Ok(());
            }
            Line::File { embed, path, file } => (embed, path, Kept::File(read_file(dir, &file)?)),
            Line::Dir { embed, path } => (embed, path, Kept::Dir),
            Line::Link {
                embed,
                path,
                target,
            } => (embed, path, Kept::Link(target)),
        };
        if embed >= embeds {
            bail!(
                "expected the place of a directory among those of --embed, below {embeds}, found {embed}"
            );
        }
        self.entries.push((embed, path, kept));
        Ok(())
    }

    /// Takes the entries of one embedded directory out of the list.
    pub(super) fn take(&mut self, embed: usize) -> Vec<(String, Kept)> {
        let own = self.entries.extract_if(.., |(at, ..)| *at == embed);
        own.map(|(_, path, kept)| (path, kept)).collect()
    }
}
